"""Many edges in one process, for ``menjin bench revoke``: the product's own agent, runner, journal, policy store and MQTT link; locks and
readers in memory. Told what to do through a pipe; ends when the other end is gone.

When a new policy has taken force, an edge is tapped at once with the card that is watched. What its reader then shows counts: an engine
that refuses, not a message that arrived.
"""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import msgspec

from controller.events import AccessDenied, Record
from controller.now import Now
from controller.site import DoorHardware, Site
from controller.site_checks import site_mismatch
from edge.agent import Agent
from edge.clock import SystemClock, boot_id, mono_us
from edge.config import Broker
from edge.inbox import Inbox
from edge.keys import Bundle, BundleFile, KeyRing
from edge.link import MqttLink
from edge.no_journal import open_journal
from edge.no_policy_store import open_policy_store
from edge.notify import Supervisor
from edge.ports import Journal, MessageArrived, Presented, Stimulus, StopAsked
from edge.randomness import SystemRandom
from edge.runner import Runner
from edge.station import Ports, Station
from sim.bench.registry_rows import access_point_of, door_of
from sim.memory import Asked, MemoryLocks

STOP_TIMEOUT_S = 10.0
TECHNOLOGY = "desfire"

_decode_record = msgspec.json.Decoder(Record).decode


class EdgeState(msgspec.Struct, frozen=True):
    """What runs at one edge."""

    edge: str
    badges: int
    leased: bool
    outbox: int


class Shown(msgspec.Struct, frozen=True):
    """What one reader showed for a card, and when. ``told_mono_us``: when the last delta had come. ``reason``: of a refusal."""

    edge: str
    pattern: str
    at_mono_us: int
    told_mono_us: int = 0
    reason: str = ""


def serve(pipe: Connection, folder: str, broker_url: str, bundles: list[BundleFile]) -> None:
    """Run these edges until told to stop. Requests are ``(verb, argument)``, each answered once."""
    logging.basicConfig(level=logging.ERROR, filename=f"{folder}/edges.log")
    edges = [BenchEdge(Path(folder), Broker(url=broker_url), bundle) for bundle in bundles]
    threads = ThreadPoolExecutor(len(edges), "edge")
    running = [threads.submit(edge.run) for edge in edges]
    verbs: dict[str, Callable[[Any], object]] = {
        "state": lambda _: [edge.state() for edge in edges],
        "tap": lambda number: [edge.lay_down(number) for edge in edges],
        "watch": lambda number: [edge.watch(number) for edge in edges],
        "shown": lambda _: [edge.shown for edge in edges if edge.shown is not None],
    }
    try:
        while True:
            verb, argument = pipe.recv()
            if verb == "stop":
                break
            pipe.send(verbs[verb](argument))
    except EOFError:
        pass
    finally:
        for edge in edges:
            edge.stop()
        for ended in running:
            ended.result(STOP_TIMEOUT_S)


class BenchEdge:
    """One edge with one door. ``run``: its loop, for a thread of its own."""

    def __init__(self, folder: Path, broker: Broker, file: BundleFile) -> None:
        bundle = Bundle(file, "bench")
        self.name = bundle.edge
        self.shown: Shown | None = None
        self._watched = ""
        self._told_mono_us = 0
        self._point = access_point_of(self.name)
        self._inbox = Inbox()
        random = SystemRandom()
        keys = KeyRing(bundle.root_public_key, bundle.site)
        for certificate in bundle.certificates:
            keys.add(certificate, now_us=0)
        hardware = (DoorHardware(door_of(self.name), has_contact=False, has_rex=False),)

        def objections(site: Site) -> list[str]:
            return site_mismatch(site, hardware, self.name)

        station = Station(hardware, "bench", boot_id(), "menjin bench", objections)
        journal = open_journal(folder / f"{self.name}.db", random)
        policies = open_policy_store(folder / f"{self.name}-policy.db")
        link = MqttLink(bundle.site, bundle.edge, broker, self._arrived)
        ports = Ports(journal, policies, link, MemoryLocks(self._hear), random)
        self._agent = _TappedAgent(bundle, keys, station, ports, self._step_done)
        self._journal = journal

        def close() -> None:
            journal.close()
            policies.close()

        outputs = _NoBoards()
        runner = Runner(self._agent, SystemClock("always"), self._inbox, outputs, [], link, Supervisor({}), close)
        self._swaps = self._agent.policy_swaps
        self.run = runner.run

    def stop(self) -> None:
        """In order; :attr:`run` then returns."""
        self._inbox.post(StopAsked("bench"))

    def state(self) -> EdgeState:
        """Badges of the policy in force, -1 without one; records that the server has not acknowledged."""
        engine, journal = self._agent.engine, self._journal
        policy = engine.policy
        return EdgeState(
            edge=self.name,
            badges=-1 if policy is None else len(policy.badges),
            leased=engine.state.lease is not None,
            outbox=journal.last_seq - journal.acked_upto,
        )

    def lay_down(self, number: str) -> str:
        """Lay this card down; :attr:`shown` is what the reader then shows."""
        self.shown = None
        self._watched = ""
        self._present(number)
        return self.name

    def watch(self, number: str) -> str:
        """From now on lay this card down whenever a policy has taken force."""
        self.shown = None
        self._watched = number
        return self.name

    def _present(self, number: str) -> None:
        self._inbox.post(Presented(self._point, TECHNOLOGY, number, "authenticated", mono_us()))

    def _arrived(self, stimulus: Stimulus) -> None:
        """In the link's thread."""
        if isinstance(stimulus, MessageArrived) and stimulus.leaf == "delta":
            self._told_mono_us = mono_us()
        self._inbox.post(stimulus)

    def _hear(self, asked: Asked) -> None:
        """In the edge's own thread."""
        if asked.act == "indicate" and asked.subject == self._point and asked.pattern in ("granted", "denied"):
            self.shown = Shown(self.name, asked.pattern, mono_us(), self._told_mono_us)

    def _step_done(self) -> None:
        """In the edge's own thread."""
        if self.shown is not None and self.shown.pattern == "denied" and not self.shown.reason:
            self.shown = msgspec.structs.replace(self.shown, reason=_last_refusal(self._journal))
        if self._agent.policy_swaps != self._swaps:
            self._swaps = self._agent.policy_swaps
            if self._watched:
                self._present(self._watched)


class _TappedAgent(Agent):
    """The agent, telling after each of its steps."""

    def __init__(
        self, identity: Bundle, keys: KeyRing, station: Station, ports: Ports, done: Callable[[], None]
    ) -> None:
        super().__init__(identity, keys, station, ports)
        self._done = done

    def step(self, now: Now, stimuli: Sequence[Stimulus]) -> int | None:
        deadline_us = super().step(now, stimuli)
        self._done()
        return deadline_us


class _NoBoards:
    """Outputs that need no thread."""

    def start(self) -> None:
        """Nothing to bring to rest."""

    def stop(self) -> list[str]:
        return []


def _last_refusal(journal: Journal) -> str:
    for kept in reversed(journal.after(max(0, journal.last_seq - 5), 5)):
        for event in _decode_record(kept.record).events:
            if isinstance(event, AccessDenied):
                return event.because.reason
    return "?"
