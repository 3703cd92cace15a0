"""The loop with its threads: a tap through the inbox, readiness, the watchdog, a stop in time (DESIGN 13, 14)."""

import gc
import os
import signal
import threading
from dataclasses import dataclass, field

import pytest

from controller.site_checks import site_mismatch
from edge import runner as runner_module
from edge.agent import Agent
from edge.clock import SystemClock, mono_us
from edge.inbox import Inbox
from edge.notify import Supervisor
from edge.ports import Presented, StopAsked
from edge.runner import STOP_S, Runner
from edge.station import Ports, Station
from sim.day import card_of, first_policy
from sim.memory import (
    Asked,
    MemoryIdentity,
    MemoryJournal,
    MemoryKeyRing,
    MemoryLink,
    MemoryLocks,
    MemoryPolicyStore,
    SeededRandom,
)
from sim.memory_server import MemoryServer
from tests.edge.agent_rig import DOORS, SITE, STAFF

WAIT_S = 10.0


class Told(Supervisor):
    """A supervisor that writes down what it hears."""

    def __init__(self, life: list[str], watchdog_us: int | None = None) -> None:
        super().__init__({})
        self.watchdog_us = watchdog_us
        self.life = life
        self.heard = threading.Event()

    def _send(self, line: str) -> None:
        self.life.append(line)
        self.heard.set()


@dataclass
class Part:
    """Outputs, reader or link: writes its life down."""

    name: str
    life: list[str]
    working: bool | None = True
    slow: list[str] = field(default_factory=list)

    def start(self) -> None:
        self.life.append(f"{self.name} started")

    def stop(self, timeout_s: float = 0) -> list[str]:
        if f"{self.name} stopped" not in self.life:
            self.life.append(f"{self.name} stopped")
        return self.slow

    def close(self) -> None:
        self.life.append(f"{self.name} closed")


class Rig:
    """A runner over memory ports, run in a thread or in the test itself."""

    def __init__(self, watchdog_us: int | None = None, reader_working: bool | None = True) -> None:
        self.life: list[str] = []
        self.asked: list[Asked] = []
        self.unlocked = threading.Event()
        self.inbox = Inbox()
        self.supervisor = Told(self.life, watchdog_us)
        self.journal = MemoryJournal("j1")
        station = Station(DOORS, "h", "b", "test", lambda site: site_mismatch(site, DOORS, "edge-1"))
        server = MemoryServer("demo", "edge-1", lambda _leaf, payload: self.letters.append(payload))
        self.letters: list[bytes] = []
        self.link = MemoryLink(lambda *_: None)
        ports = Ports(self.journal, MemoryPolicyStore(), self.link, MemoryLocks(self._hear), SeededRandom(1))
        self.clock = SystemClock("always")
        self.agent = Agent(MemoryIdentity("demo", "edge-1"), MemoryKeyRing(), station, ports)
        self.server = server
        self.reader = Part("reader", self.life, reader_working)
        self.runner = Runner(
            self.agent,
            self.clock,
            self.inbox,
            Part("outputs", self.life),  # type: ignore[arg-type]
            [self.reader],  # type: ignore[list-item]
            Part("link", self.life),
            self.supervisor,
            lambda: self.life.append("journal closed"),
        )
        self.thread = threading.Thread(target=self.runner.run)

    def stop(self) -> None:
        self.inbox.post(StopAsked("test"))
        self.thread.join(WAIT_S)
        assert not self.thread.is_alive()

    def _hear(self, asked: Asked) -> None:
        self.asked.append(asked)
        if asked.act == "unlock":
            self.unlocked.set()


def give_policy(rig: Rig) -> None:
    """Head, chunks and lease, as they come through the inbox."""
    from edge.ports import LinkUp, MessageArrived

    rig.link.up = True
    rig.inbox.post(LinkUp())
    now = rig.clock.now()
    rig.server.publish(first_policy(SITE), now, ("policy",))
    rig.server._send_chunks(first_policy(SITE), 0, now)
    rig.server.say_lease(now)
    for leaf, payload in zip(("policy", *["chunk"] * (len(rig.letters) - 2), "lease"), rig.letters, strict=True):
        rig.inbox.post(MessageArrived(leaf, payload))


def test_a_tap_that_is_posted_unlocks_the_door() -> None:
    rig = Rig()
    rig.thread.start()
    try:
        give_policy(rig)
        rig.inbox.post(Presented("hall-in", "desfire", card_of(STAFF), "authenticated", mono_us()))
        assert rig.unlocked.wait(WAIT_S)
    finally:
        rig.stop()
    assert rig.agent.policy_swaps == 1


def test_what_fire_holds_is_asked_for_before_the_outputs_start(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig()
    monkeypatch.setattr(rig.agent, "hold_what_fire_released", lambda: rig.life.append("held"))
    rig.inbox.post(StopAsked("test"))
    rig.runner.run()
    assert rig.life.index("held") < rig.life.index("outputs started")


def test_outputs_are_at_rest_before_anything_is_read_and_again_before_the_journal_is_closed() -> None:
    rig = Rig()
    rig.inbox.post(StopAsked("test"))
    rig.runner.run()
    assert [entry for entry in rig.life if "=" not in entry] == [
        "outputs started",
        "reader started",
        "link started",
        "outputs stopped",
        "link closed",
        "reader stopped",
        "journal closed",
    ]


def test_readiness_is_told_once_and_stopping_at_the_end() -> None:
    rig = Rig()
    rig.thread.start()
    assert rig.supervisor.heard.wait(WAIT_S)
    rig.stop()
    assert [entry for entry in rig.life if "=" in entry] == ["READY=1", "STOPPING=1"]


def test_readiness_waits_for_a_reader_that_neither_works_nor_fails_but_not_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runner_module, "SETTLE_US", 200_000)
    rig = Rig(reader_working=None)
    rig.thread.start()
    assert rig.supervisor.heard.wait(WAIT_S)
    rig.stop()
    assert "READY=1" in rig.life


def test_the_loop_itself_feeds_the_watchdog() -> None:
    rig = Rig(watchdog_us=20_000)
    fed = threading.Event()
    send = rig.supervisor._send

    def hear(line: str) -> None:
        send(line)
        if rig.life.count("WATCHDOG=1") >= 5:
            fed.set()

    rig.supervisor._send = hear  # type: ignore[method-assign]
    rig.thread.start()
    assert fed.wait(WAIT_S)
    rig.stop()


def test_sigterm_ends_the_run_in_order() -> None:
    rig = Rig()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    killer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM))
    try:
        rig.runner.stop_on_signals()
        killer.start()
        rig.runner.run()
    finally:
        killer.join()
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert rig.life[-1] == "journal closed"
    assert b"SIGTERM" in rig.journal.content
    assert STOP_S <= 2


def test_a_broken_loop_still_puts_the_outputs_to_rest_and_closes() -> None:
    rig = Rig()

    def fails(*_: object) -> int | None:
        raise ZeroDivisionError

    rig.agent.step = fails  # type: ignore[method-assign]
    with pytest.raises(ZeroDivisionError):
        rig.runner.run()
    assert rig.life[-4:] == ["outputs stopped", "link closed", "reader stopped", "journal closed"]


def test_dropped_reads_are_counted_in_the_agents_warnings() -> None:
    rig = Rig()
    rig.inbox.dropped_reads = 3
    rig.inbox.dropped_messages = 2
    rig.inbox.post(StopAsked("test"))
    rig.runner.run()
    assert rig.agent.refused_messages == {"queue_full": 2}


def test_a_policy_in_force_is_set_aside_from_collections() -> None:
    before = gc.get_freeze_count()
    rig = Rig()
    rig.thread.start()
    try:
        give_policy(rig)
        rig.inbox.post(Presented("hall-in", "desfire", card_of(STAFF), "authenticated", mono_us()))
        assert rig.unlocked.wait(WAIT_S)
    finally:
        rig.stop()
        frozen = gc.get_freeze_count()
        gc.unfreeze()
    assert frozen > before
