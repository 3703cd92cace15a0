"""The compile bench at a tiny size: it measures the real server, and its figures can be missed."""

import pytest

from sim.bench import compile as compiling
from sim.bench.figures import BenchFailed


def test_it_measures_changes_and_a_full_compile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "CHANGE_MS", 0.0)
    report = compiling.run(sizes=(20, 60), rounds=3)
    figures = {figure.name: figure for figure in report.figures}
    assert figures["one change among 60 badges"].value > 0
    assert figures["one change among 60 badges"].ok is False
    assert figures["full compile of 60 badges"].ok
    assert 100 < figures["its delta"].value < 2_000
    assert not report.ok


def test_a_server_that_cannot_measure_fails_the_bench() -> None:
    with pytest.raises(BenchFailed):
        compiling.run(sizes=(0,), rounds=1)
