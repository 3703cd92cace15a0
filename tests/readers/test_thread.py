"""The reader thread: health told once per change, reopening with backoff, an end on request."""

import itertools
import threading
from collections.abc import Callable, Iterator
from queue import Queue

import pytest

from readers.reader import Presentation, ReaderFault
from readers.thread import ReaderThread

WAIT_S = 5.0
READ = Presentation("read", "desfire", "A-1", "authenticated", 80_000)
REMOVED = Presentation("removed", "desfire")

Step = Presentation | Exception | None


class ScriptedReader:
    """Does what the script says, open and poll alike; then finds nothing for ever."""

    def __init__(self, script: list[Step]) -> None:
        self.script = iter(script)
        self.calls: list[str] = []
        self.done = threading.Event()

    def open(self) -> None:
        self.calls.append("open")
        self._next()

    def poll(self) -> Presentation | None:
        self.calls.append("poll")
        return self._next()

    def close(self) -> None:
        self.calls.append("close")

    def _next(self) -> Presentation | None:
        step = next(self.script, "end")
        if step == "end":
            self.done.set()
            return None
        if isinstance(step, Exception):
            raise step
        assert not isinstance(step, str)
        return step


class Run:
    """A thread at work, and what it said."""

    def __init__(self, script: list[Step]) -> None:
        self.reader = ScriptedReader(script)
        self.delivered: Queue[tuple[Presentation, int]] = Queue()
        self.health: list[tuple[bool, str]] = []
        clock: Callable[[], int] = itertools.count(1000).__next__
        self.thread = ReaderThread(
            "hall-in",
            self.reader,
            lambda presentation, at_us: self.delivered.put((presentation, at_us)),
            lambda working, cause: self.health.append((working, cause)),
            clock,
            pause_s=0.001,
            backoff_first_s=0.001,
            backoff_limit_s=0.004,
        )

    def to_the_end(self) -> "Run":
        self.thread.start()
        assert self.reader.done.wait(WAIT_S)
        return self


@pytest.fixture
def run() -> Iterator[Callable[[list[Step]], Run]]:
    runs: list[Run] = []

    def begin(script: list[Step]) -> Run:
        runs.append(Run(script))
        return runs[-1].to_the_end()

    yield begin
    for each in runs:
        assert each.thread.stop(WAIT_S)


def test_every_presentation_is_delivered_in_order_with_the_clock_of_its_poll(run: Callable[[list[Step]], Run]) -> None:
    running = run([None, None, READ, None, REMOVED])
    assert [running.delivered.get(timeout=WAIT_S) for _ in range(2)] == [(READ, 1001), (REMOVED, 1003)]


def test_a_reader_that_works_from_the_start_is_reported_working_once(run: Callable[[list[Step]], Run]) -> None:
    assert run([None, None, None, READ]).health == [(True, "")]


def test_a_fault_is_reported_once_however_often_reopening_fails(run: Callable[[list[Step]], Run]) -> None:
    fault = ReaderFault("/dev/x: gone")
    running = run([None, None, fault, fault, fault, None, READ])
    assert running.health == [(True, ""), (False, "/dev/x: gone"), (True, "")]
    assert running.delivered.get(timeout=WAIT_S)[0] == READ


def test_a_reader_that_opens_but_cannot_poll_is_never_reported_working(run: Callable[[list[Step]], Run]) -> None:
    fault = ReaderFault("/dev/x: stuck")
    assert run([None, fault, None, fault, None, fault]).health[0] == (False, "/dev/x: stuck")


def test_a_reader_is_closed_before_it_is_opened_again(run: Callable[[list[Step]], Run]) -> None:
    running = run([None, ReaderFault("one"), ReaderFault("two"), None])
    assert running.reader.calls[:6] == ["open", "poll", "close", "open", "close", "open"]


def test_a_bug_in_a_driver_is_a_fault_and_the_thread_goes_on(run: Callable[[list[Step]], Run]) -> None:
    running = run([None, IndexError("list index"), None, READ])
    assert running.health[0] == (False, "hall-in: driver error IndexError: list index")
    assert running.delivered.get(timeout=WAIT_S)[0] == READ


def test_stopping_closes_the_reader_and_ends_even_a_long_backoff() -> None:
    faulted = threading.Event()
    reader = ScriptedReader([ReaderFault("away")] * 3)
    thread = ReaderThread(
        "hall-in",
        reader,
        lambda presentation, at_us: None,
        lambda working, cause: faulted.set(),
        lambda: 0,
        backoff_first_s=600.0,
    )
    thread.start()
    assert faulted.wait(WAIT_S)
    assert thread.working is False
    assert thread.stop(WAIT_S)
    assert reader.calls == ["open", "close"]


def test_a_thread_that_was_never_started_stops_at_once() -> None:
    thread = ReaderThread("x", ScriptedReader([]), lambda p, t: None, lambda w, c: None, lambda: 0)
    assert thread.stop(0.0)
    assert thread.working is None
