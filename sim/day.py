"""Two edges in memory through a day: people, faults, a server each, and what must hold (DESIGN 13, §5).

Everything hangs on one seed: the same seed gives the same journal bytes. Faults: links cut, messages late or lost, processes
killed, machines rebooted, journals that cannot commit, a silent server, a server restored from an older copy, clocks set
back and forth. At the end everything is mended and the ledger must equal the journals byte by byte.
"""

import heapq
import random
from collections.abc import Callable
from itertools import count

import msgspec

from controller.commands import ReconcileOccupancy, ResetFire, UnlockDoor
from controller.events import Record
from controller.fold import fold
from controller.now import SECOND_US, Now
from controller.policy import Badge, Customer, Grant, GrantArea, Holder, Policy, Version, credential_key
from controller.site import DoorHardware, Site
from controller.state import State, encode_state
from edge.ports import DeviceChanged, InputChanged
from sim.day_people import DayPeople, EdgeWatch, what_broke
from sim.memory import Asked
from sim.memory_server import MemoryServer, next_version
from sim.node import BrokenPromise, Node

HOUR_US = 3_600 * SECOND_US
START_WALL_US = 1_772_409_600 * SECOND_US  # 2026-03-02, a Monday
LEASE_EVERY_US = 300 * SECOND_US
TAP_EVERY_US = 40 * SECOND_US
COUNT_EVERY_US = 1_800 * SECOND_US
FAULT_EVERY_US = 900 * SECOND_US
MENDING_US = 600 * SECOND_US
LATENCY_US = (1_000, 40_000)
LOST = 0.002
"""Messages that a broker loses, one way (NOTES: mosquitto killed, amqtt restarted)."""
HOLDERS = 8
CUSTOMER_QUOTA = 2

_decode_record = msgspec.json.Decoder(Record).decode


class Outcome(msgspec.Struct, frozen=True):
    """What a day was. ``journals``: each edge's bytes, for comparison with another run of the seed."""

    seed: int
    journals: dict[str, bytes]
    records: int
    taps: int
    passages: int
    faults: int
    policies: int
    steps: int


class Day:
    """``edges``: which doors each edge has, ``scanned``: the access points with a scanner. :meth:`run` plays it and raises
    :class:`sim.node.BrokenPromise`."""

    def __init__(
        self,
        site: Site,
        edges: dict[str, tuple[str, ...]],
        seed: int,
        hours: float = 24.0,
        scanned: tuple[str, ...] = (),
    ) -> None:
        self.site = site
        self.seed = seed
        self._chance = random.Random(seed)
        self._end_us = int(hours * HOUR_US)
        self._now_us = 0
        self._order = count()
        self._agenda: list[tuple[int, int, Callable[[], None]]] = []
        self._nodes: dict[str, Node] = {}
        self._servers: dict[str, MemoryServer] = {}
        self._wakes: dict[str, int] = {}
        self._arrivals: dict[str, int] = {}
        self._watches: dict[str, EdgeWatch] = {}
        self._people = DayPeople(
            site,
            range(1, HOLDERS + 1),
            card_of,
            self._chance,
            at=self._at,
            step=self._step,
            soon=self._soon,
            now_us=lambda: self._now_us,
        )
        self._scanned = scanned
        self._faults = self._steps = 0
        self._policy = first_policy(site)
        for number, (edge, doors) in enumerate(edges.items()):
            self._add_edge(edge, doors, seed * 100 + number)

    def run(self) -> Outcome:
        """Play the day, mend everything, check."""
        self._begin()
        self._plan()
        self._play_until(self._end_us)
        self._mend()
        self._play_until(self._end_us + MENDING_US)
        for edge in self._nodes:
            self._check(edge)
        return self._outcome()

    def _begin(self) -> None:
        for edge, node in self._nodes.items():
            self._wake(edge, node.start(0))
            self._servers[edge].publish(self._policy, self._server_now())
            node.connect()
            self._soon(edge)

    def _plan(self) -> None:
        """What happens again and again, all day long."""
        self._every(TAP_EVERY_US, self._people.somebody_taps)
        self._every(COUNT_EVERY_US, self._somebody_counts)
        self._every(FAULT_EVERY_US, self._something_fails)
        self._every(LEASE_EVERY_US, self._leases)
        self._every(2 * HOUR_US, self._policy_changes)

    def _outcome(self) -> Outcome:
        return Outcome(
            seed=self.seed,
            journals={edge: node.journal.content for edge, node in self._nodes.items()},
            records=sum(node.journal.last_seq for node in self._nodes.values()),
            taps=self._people.taps,
            passages=self._people.passages,
            faults=self._faults,
            policies=self._policy.version.n,
            steps=self._steps,
        )

    # time

    def _at(self, delay_us: int, act: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (self._now_us + max(0, delay_us), next(self._order), act))

    def _every(self, mean_us: int, act: Callable[[], None]) -> None:
        def again() -> None:
            if self._now_us < self._end_us:
                act()
                self._at(self._chance.randint(mean_us // 2, mean_us * 3 // 2), again)

        self._at(self._chance.randint(0, mean_us), again)

    def _play_until(self, end_us: int) -> None:
        while self._agenda and self._agenda[0][0] <= end_us:
            self._now_us, _, act = heapq.heappop(self._agenda)
            act()
        self._now_us = end_us

    def _soon(self, edge: str) -> None:
        """What was posted is taken a moment later, with all that came meanwhile: this makes groups."""
        self._at(self._chance.randint(0, 3_000), lambda: self._step(edge))

    def _step(self, edge: str) -> None:
        self._steps += 1
        self._wake(edge, self._nodes[edge].step(self._now_us))
        try:
            self._watches[edge].look(self._now_us, self._people.count())
        except BrokenPromise as broken:
            raise what_broke(self.seed, edge, broken) from broken

    def _wake(self, edge: str, deadline_us: int | None) -> None:
        if deadline_us is None:
            return
        mark = self._wakes[edge] = self._wakes.get(edge, 0) + 1
        self._at(
            max(deadline_us - self._now_us, 1_000), lambda: self._step(edge) if self._wakes[edge] == mark else None
        )

    def _server_now(self) -> Now:
        return Now(START_WALL_US + self._now_us, self._now_us)

    # the world

    def _add_edge(self, edge: str, doors: tuple[str, ...], seed: int) -> None:
        own = {point.id for point in self.site.access_points if point.door in doors}
        scanners = tuple(sorted(own & set(self._scanned)))
        hardware = tuple(DoorHardware(door, relock_by="board", fire_zones=("z1",), scanners=scanners) for door in doors)

        def carry_up(leaf: str, payload: bytes) -> None:
            if self._chance.random() >= LOST:
                self._carry(f"{edge} up", lambda: self._servers[edge].take(leaf, payload, self._server_now()))

        def carry_down(leaf: str, payload: bytes) -> None:
            def arrive() -> None:
                if self._nodes[edge].deliver(leaf, payload):
                    self._soon(edge)

            if self._chance.random() >= LOST:
                self._carry(f"{edge} down", arrive)

        self._servers[edge] = MemoryServer(self.site.id, edge, carry_down)
        self._nodes[edge] = Node(self.site, edge, hardware, seed, START_WALL_US, carry_up, self._asked)
        self._watches[edge] = EdgeWatch(self.site, self._nodes[edge])
        self._people.meet(self._nodes[edge], self._watches[edge])

    def _asked(self, asked: Asked) -> None:
        """What an edge asks of its hardware. Nobody looks at it here."""

    def _carry(self, way: str, arrive: Callable[[], None]) -> None:
        """Late, but in order: a broker keeps the order of what one client says."""
        arrival_us = max(self._arrivals.get(way, 0), self._now_us + self._chance.randint(*LATENCY_US))
        self._arrivals[way] = arrival_us
        self._at(arrival_us - self._now_us, arrive)

    def _somebody_counts(self) -> None:
        """A guard looks who is inside. Whoever moves meanwhile makes the count wrong, as it is."""
        for edge, server in self._servers.items():
            doors = {door.door for door in self._nodes[edge].doors}
            points = [point for point in self.site.access_points if point.door in doors and not point.out]
            for area in dict.fromkeys(point.to_area for point in points):
                if server.status is not None and self._chance.random() < 0.5:
                    numbers = tuple(f"{holder:04d}" for holder in self._people.inside(area))
                    server.command(ReconcileOccupancy(area=area, reason="counted", numbers=numbers), self._server_now())

    def _leases(self) -> None:
        for edge, server in self._servers.items():
            server.say_lease(self._server_now())
            if self._chance.random() < 0.2 and server.status is not None:
                door = self._nodes[edge].doors[0].door
                server.command(UnlockDoor(door=door, reason="delivery"), self._server_now())

    def _policy_changes(self) -> None:
        badge = self._chance.choice(self._policy.badges)
        status = "lost" if badge.status == "active" else "active"
        badges = tuple(
            msgspec.structs.replace(known, status=status) if known.id == badge.id else known
            for known in self._policy.badges
        )
        self._policy = next_version(self._policy, badges=badges)
        for server in self._servers.values():
            announce = ("delta", "policy", "lease") if self._chance.random() < 0.7 else ("policy",)
            server.publish(self._policy, self._server_now(), announce)

    # what goes wrong

    def _something_fails(self) -> None:
        self._faults += 1
        edge = self._chance.choice(sorted(self._nodes))
        faults = (
            self._cut, self._cut, self._kill, self._kill, self._reboot, self._journal_fails, self._server_is_silent,
            self._server_is_restored, self._clock_is_set, self._reader_fails, self._fire,
        )  # fmt: skip
        self._chance.choice(faults)(edge)

    def _cut(self, edge: str) -> None:
        self._nodes[edge].cut()
        self._soon(edge)
        self._at(self._chance.randint(SECOND_US, 1_800 * SECOND_US), lambda: self._reconnect(edge))

    def _reconnect(self, edge: str) -> None:
        self._nodes[edge].connect()
        self._soon(edge)

    def _kill(self, edge: str) -> None:
        self._nodes[edge].kill()
        self._come_up(edge)

    def _reboot(self, edge: str) -> None:
        self._nodes[edge].reboot(self._now_us)
        self._come_up(edge)

    def _come_up(self, edge: str) -> None:
        self._wake(edge, self._nodes[edge].start(self._now_us))
        self._soon(edge)
        self._at(self._chance.randint(SECOND_US, 10 * SECOND_US), lambda: self._reconnect(edge))

    def _journal_fails(self, edge: str) -> None:
        self._nodes[edge].journal.failing = "disk full"
        self._at(self._chance.randint(SECOND_US, 300 * SECOND_US), lambda: self._journal_is_well(edge))

    def _journal_is_well(self, edge: str) -> None:
        self._nodes[edge].journal.failing = None

    def _server_is_silent(self, edge: str) -> None:
        self._servers[edge].acknowledges = False
        self._at(self._chance.randint(SECOND_US, 600 * SECOND_US), lambda: self._server_speaks(edge))

    def _server_speaks(self, edge: str) -> None:
        self._servers[edge].acknowledges = True

    def _server_is_restored(self, edge: str) -> None:
        server, journal = self._servers[edge], self._nodes[edge].journal
        held = len(server.ledger.get(journal.journal_id, []))
        if held:
            server.restore(max(0, held - self._chance.randint(0, 50)), journal.journal_id)

    def _clock_is_set(self, edge: str) -> None:
        node = self._nodes[edge]
        by_us = self._chance.choice((-HOUR_US, -SECOND_US, SECOND_US, HOUR_US))
        node.wall_offset_us += by_us
        self._at(self._chance.randint(60 * SECOND_US, HOUR_US), lambda: self._clock_is_right(node))

    def _clock_is_right(self, node: Node) -> None:
        node.wall_offset_us = START_WALL_US

    def _reader_fails(self, edge: str) -> None:
        self._nodes[edge].waiting.append(DeviceChanged("reader-1", "reader", False, "unplugged"))
        self._soon(edge)

        def recovers() -> None:
            self._nodes[edge].waiting.append(DeviceChanged("reader-1", "reader", True))
            self._soon(edge)

        self._at(30 * SECOND_US, recovers)

    def _fire(self, edge: str) -> None:
        self._nodes[edge].waiting.append(InputChanged("fire", "z1", True))
        self._soon(edge)
        self._at(120 * SECOND_US, lambda: self._fire_is_out(edge))

    def _fire_is_out(self, edge: str) -> None:
        self._nodes[edge].waiting.append(InputChanged("fire", "z1", False))
        self._soon(edge)
        self._at(5 * SECOND_US, lambda: self._reset_fire(edge))

    def _reset_fire(self, edge: str) -> None:
        node, server = self._nodes[edge], self._servers[edge]
        if "z1" not in node.agent.engine.state.fire_latched:
            return
        if server.status is not None:
            server.command(ResetFire(zone="z1", reason="drill"), self._server_now(), supervisor=True)
        self._at(30 * SECOND_US, lambda: self._reset_fire(edge))  # asked again until it is reset

    # the end

    def _mend(self) -> None:
        for edge, node in self._nodes.items():
            node.journal.failing = None
            node.wall_offset_us = START_WALL_US
            self._servers[edge].acknowledges = True
            self._reconnect(edge)

    def _check(self, edge: str) -> None:
        node, server = self._nodes[edge], self._servers[edge]
        journal = node.journal
        where = f"seed {self.seed}, {edge}"
        if b"\n".join(server.ledger.get(journal.journal_id, [])) != journal.content:
            raise BrokenPromise(f"{where}: the ledger is not the journal")
        if server.forks:
            raise BrokenPromise(f"{where}: a fork nobody made, at {server.forks[0]}")
        if node.agent.engine.pending:
            raise BrokenPromise(f"{where}: records wait although the journal is well")
        state = State()
        for line in journal.content.split(b"\n"):
            fold(state, _decode_record(line))
        if encode_state(state) != encode_state(node.agent.engine.state):
            raise BrokenPromise(f"{where}: the journal folds to another state than the live one")
        if node.agent.engine.state.policy_version != self._policy.version:
            raise BrokenPromise(f"{where}: runs {node.agent.engine.state.policy_version}, not {self._policy.version}")


def card_of(holder: int) -> str:
    """The number on a holder's card."""
    return f"CARD-{holder:04d}"


def first_policy(site: Site) -> Policy:
    """Own staff and two customers' holders, all allowed everywhere but where an area says otherwise."""
    import hashlib  # the same key as MemoryIdentity

    key = hashlib.sha256(b"cards").digest()
    areas = tuple(GrantArea(area.id) for area in site.areas)
    customers = tuple(Customer(n, f"C00{n}", "organisation", "active", CUSTOMER_QUOTA) for n in (1, 2))
    holders, badges = [], []
    for holder in range(1, HOLDERS + 1):
        customer = (holder + 1) // 2 if holder <= 2 * len(customers) else None
        holders.append(Holder(holder, customer))
        badges.append(
            Badge(
                id=holder,
                credential=credential_key(key, "desfire", card_of(holder)),
                number=f"{holder:04d}",
                kind="staff" if customer is None else "customer",
                status="active",
                holder=holder,
                customer=customer,
                grant=1,
                slot=None if customer is None else 1 + (holder + 1) % 2,
            )
        )
    return Policy(Version(1, 1), site, customers, tuple(holders), (Grant(1, areas),), tuple(badges))
