"""The start bench at a tiny size."""

import os

import pytest

from sim.bench.start import _memory_mb, run


def test_memory_is_read_from_the_kernel() -> None:
    memory = _memory_mb(os.getpid())
    assert memory["VmHWM"] >= memory["VmRSS"] > 1


@pytest.mark.processes
def test_starts_are_measured_through_real_processes() -> None:
    figures = {figure.name: figure for figure in run(badges=500, starts=1).figures}
    assert figures["start: spawned to first decision"].reach == "≤ 1.5"
    assert figures["start: spawned to first decision"].value > 0
    assert figures["memory: peak with a delta"].reach == "≤ 130"
    assert figures["memory: peak with a delta"].value > 10
