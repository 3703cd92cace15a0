"""Periodic work goes on after a failure and ends when told."""

import queue
from datetime import UTC, datetime

from server.db.clock import FixedClock
from server.periodic import Periodic

NOW = datetime(2026, 3, 2, tzinfo=UTC)
WAIT_S = 10


def test_work_is_called_at_once_and_again_when_woken_though_a_round_failed() -> None:
    calls: queue.Queue[datetime] = queue.Queue()

    def run_once(now: datetime) -> None:
        calls.put(now)
        raise RuntimeError("this round fails")

    work = Periodic("trial", 3600, FixedClock(NOW), run_once)
    work.start()
    try:
        assert calls.get(timeout=WAIT_S) == NOW
        work.wake()
        assert calls.get(timeout=WAIT_S) == NOW
    finally:
        work.stop()
    assert calls.empty()


def test_work_that_never_started_can_be_stopped() -> None:
    Periodic("trial", 3600, FixedClock(NOW), lambda _now: None).stop()
