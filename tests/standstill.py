"""Tests whose peers keep a protocol's timeouts of a tenth of a second, on a machine that stands still for longer now and then.

A virtual machine's host may stop it for 0.2 s. Then a chip's simulator answers late, a driver gives its peer up as it should, and the test of what follows
an answer in time has shown nothing. Such a test is done again, but only if a thread beside it overslept meanwhile: whatever fails on a machine that ran
fails at once.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

ON_A_LINE = (
    "tests/edge/boards/", "tests/edge/test_hardware.py", "tests/edge/test_scanner_lamps.py", "tests/readers/", "tests/sim/boards/test_board.py",
    "tests/sim/test_hall", "tests/sim/test_nfcpy", "tests/sim/test_pn532", "tests/sim/test_scanner_unit.py", "tests/sim/test_serial_line.py",
)  # fmt: skip
"""Where a test's paths begin that drives simulated chips, boards and scanners on their lines."""
TRIES = 4
STANDSTILL_S = 0.04
"""Less than half of the shortest wait for an answer on any line."""
LOOK_S = 0.01
_REPEATED = "repeated"


@contextmanager
def longest_standstill() -> Iterator[Callable[[], float]]:
    """How long this process stood still at most, in seconds, since the block began."""
    ended = threading.Event()
    longest, looked = 0.0, time.monotonic()

    def late_s() -> float:
        return time.monotonic() - looked - LOOK_S

    def watch() -> None:
        nonlocal longest, looked
        while not ended.wait(LOOK_S):
            longest = max(longest, late_s())
            looked = time.monotonic()

    thread = threading.Thread(target=watch, name="standstill", daemon=True)
    thread.start()
    try:
        yield lambda: max(longest, late_s())  # the watching thread may not have come to itself yet
    finally:
        ended.set()
        thread.join()


@pytest.hookimpl
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Do a test on a line again that failed while the machine stood still."""
    if not item.nodeid.startswith(ON_A_LINE):
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for left in reversed(range(TRIES)):
        with longest_standstill() as stood_s:
            reports = runtestprotocol(item, log=False, nextitem=nextitem)
        if not left or stood_s() < STANDSTILL_S or not any(report.failed for report in reports):
            break
        item.user_properties.append((_REPEATED, f"stood still for {stood_s():.2f} s"))
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def pytest_report_teststatus(report: Any) -> tuple[str, str, str] | None:
    """Counted apart, and named at the end of the run."""
    if report.when == "call" and report.passed and any(name == _REPEATED for name, _ in report.user_properties):
        return _REPEATED, "r", "REPEATED"
    return None


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Which tests were done again, and how long the machine stood still each time."""
    for report in terminalreporter.stats.get(_REPEATED, []):
        stood = ", ".join(text for name, text in report.user_properties if name == _REPEATED)
        terminalreporter.write_line(f"REPEATED {report.nodeid} - {stood}")
