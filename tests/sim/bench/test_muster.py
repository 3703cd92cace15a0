"""The muster bench at a small size: the list is complete, and its figures are there (L3)."""

import pytest

from sim.bench.muster import run


@pytest.mark.processes
def test_the_list_of_a_small_site_is_complete_and_timed() -> None:
    figures = {figure.name: figure for figure in run(badges=300, people=20, records=30, runs=1).figures}
    assert figures["muster: the list, median"].reach == "≤ 1"
    assert figures["muster: pages for a printer, median"].value > 0
