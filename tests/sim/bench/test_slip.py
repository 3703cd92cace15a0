"""The bench of the slip's sheet: it measures the real server, and its figures can be missed."""

import pytest

from sim.bench import slip
from sim.bench.figures import BenchFailed


def test_it_measures_the_first_sheet_and_those_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slip, "SHEET_MS", 0.0)
    report = slip.run(rounds=2)
    figures = {figure.name: figure for figure in report.figures}
    assert figures["a sheet of 20 devices"].value > 0
    assert figures["a sheet of 20 devices"].ok is False
    assert figures["size of the PDF"].value > 10_000
    assert not report.ok


def test_a_server_that_cannot_measure_fails_the_bench() -> None:
    with pytest.raises(BenchFailed):
        slip.run(rounds=0)
