"""A random day of deliveries and withdrawals at two goods doors of two edges, with kills, reboots, cut links, full disks and slips that are bound elsewhere.

Devices are really somewhere. Somebody carries those that the lamp at the scanner accepted, if the door then opens for them; whatever passes and the edge does
not tell leaves EQUIPMENT_UNCHECKED standing, and the guard has it carried back. At the end the ledger's inventory is where the devices really are.
"""

import heapq
from collections import Counter
from collections.abc import Iterator

from controller.codes import CANCEL
from controller.commands import AcknowledgeAlarm
from controller.events import Record, decode_record
from controller.goods_events import ItemsMoved
from controller.now import SECOND_US
from controller.policy import ExitSlip, WorkOrder
from controller.site import AccessPoint, Site
from controller.state import alarm_key
from edge.ports import InputChanged, Presented, Scanned
from sim.day import FAULT_EVERY_US, LEASE_EVERY_US, START_WALL_US, Day, Outcome, card_of
from sim.goods_checks import UNCHECKED
from sim.goods_office import Document, GoodsOffice, Key
from sim.memory import Asked
from sim.memory_server import next_version
from sim.node import BrokenPromise

EDGES = {"edge-1": ("gate-a", "side-door", "vault-door"), "edge-2": ("gate-b",)}
"""The depot's doors."""
GATES = ("gate-a", "gate-b")
ERRAND_EVERY_US = 10 * SECOND_US
OFFICE_EVERY_US = 120 * SECOND_US
ATTEST_EVERY_US = 600 * SECOND_US
HAND_US = SECOND_US
LEAF_US = 4 * SECOND_US
SHUT_US = 5 * SECOND_US
"""The next one comes when the leaf is shut: at an open one a grant is taken at once (MEANINGS 14)."""
CONFIRM_US = 3_200_000
FORGOTTEN_US = 125 * SECOND_US
"""After this a door knows neither prompt nor check, also where its control code could not be read."""
WRONG_SHARE = 0.1
"""Scans of what is not on the document, documents at the wrong gate, copies of spent slips."""
ASTRAY_SHARE = 0.15
KILLED_SHARE = 0.15
"""Of the errands: the edge dies, reboots or finds its disk full within ten seconds."""

Device = tuple[int | None, str, str]
"""Owner, model, serial (empty: one like all others of its model)."""


class GoodsDay(Day):
    """``moves``: it ends when so many devices have passed (or its hours are over). :attr:`office` knows what was done, :meth:`inventory` where
    everything is."""

    def __init__(self, site: Site, seed: int, moves: int, hours: float = 96.0) -> None:
        points = tuple(point.id for point in site.access_points if point.door in GATES)
        super().__init__(site, EDGES, seed, hours, points)
        self._most = moves
        self._people.where = dict.fromkeys(range(1, 7), "outside")
        self._owner_of = {holder.id: holder.customer for holder in self._policy.holders}
        key = next(iter(self._nodes.values())).identity.hash_key
        self.office = GoodsOffice((1, 2, None), EDGES, key, self._chance)
        self._serials_in = set(self.office.stocked)
        self._counted_in: Counter[tuple[int | None, str]] = Counter()
        self._lamps: dict[str, str] = {}
        self._over = False
        self._both = {door.id for door in site.doors if door.goods == "both"}
        self._out_under: dict[str, Key] = {}
        self._counted_out: Counter[tuple[Key, str]] = Counter()
        self._busy: set[str] = set()
        self._away: set[int] = set()
        self._unwritten: dict[str, list[tuple[AccessPoint, Key | None, list[Device]]]] = {edge: [] for edge in EDGES}
        self.carried = self.carried_back = self.refused = 0
        self._points = {(point.door, point.out): point for point in site.access_points}
        self._edge_of = {door: edge for edge, doors in EDGES.items() for door in doors}

    def inventory(self) -> tuple[dict[str, bool], Counter[tuple[int | None, str]]]:
        """Every device with a serial that was ever on a document: whether it is inside; and how many there are of what is counted."""
        return {serial: serial in self._serials_in for serial in self.office.models}, +self._counted_in

    def _plan(self) -> None:
        self._work()
        self._every(ERRAND_EVERY_US, self._somebody_comes)
        self._every(OFFICE_EVERY_US, self._work)
        self._every(ATTEST_EVERY_US, self._attest)
        self._every(FAULT_EVERY_US, self._something_fails)
        self._every(LEASE_EVERY_US, self._leases)

    def _play_until(self, end_us: int) -> None:
        """The first time: until enough has passed. Nobody begins anything after that."""
        if self._over:
            super()._play_until(end_us)
            return
        while self._agenda and self._agenda[0][0] <= end_us and self.carried < self._most:
            self._now_us, _, act = heapq.heappop(self._agenda)
            act()
        self._over, self._end_us = True, self._now_us

    def _outcome(self) -> Outcome:
        self.office.read(self._servers)
        told = (set(self.office.owner), +self.office.counted)
        if told != (self._serials_in, +self._counted_in):
            missing, beyond = sorted(self._serials_in - told[0]), sorted(told[0] - self._serials_in)
            raise BrokenPromise(f"seed {self.seed}: the ledger lacks {missing} and has {beyond} beyond, {told[1]}")
        return super()._outcome()

    # the office

    def _work(self) -> None:
        self.office.read(self._servers)
        following = next_version(self._policy)
        changed = self.office.work(START_WALL_US + self._now_us, following.version)
        items = self.office.items()
        if not changed and items == self._policy.items:
            return
        orders, slips = self.office.documents()
        self._policy = next_version(self._policy, items=items, orders=orders, slips=slips)
        for server in self._servers.values():
            server.publish(self._policy, self._server_now())

    def _attest(self) -> None:
        """A guard looks at doors where something left unseen, and signs."""
        for edge, node in self._nodes.items():
            for alarm in list(node.agent.engine.state.alarms.values()):
                if alarm.alarm == UNCHECKED and self._servers[edge].status is not None:
                    openings = int(alarm.inputs.get("openings", 1))
                    self._servers[edge].command(
                        AcknowledgeAlarm(UNCHECKED, alarm.subject, "looked", attested="att_1", openings=openings),
                        self._server_now(),
                    )

    # errands

    def _somebody_comes(self) -> None:
        idle = [holder for holder in self._people.where if holder not in self._away]
        if not idle or self.carried >= self._most:
            return
        holder = self._chance.choice(idle)
        inside = self._people.where[holder] == "dock"
        errand = self._goes_out(holder) if inside else self._comes_in(holder)
        self._away.add(holder)
        self._go_on(holder, errand)

    def _go_on(self, holder: int, errand: Iterator[int]) -> None:
        try:
            delay_us = next(errand)
        except StopIteration:
            self._away.discard(holder)
            return
        self._at(delay_us, lambda: self._go_on(holder, errand))

    def _comes_in(self, holder: int) -> Iterator[int]:
        """With a delivery, with what was repaired, or with nothing by the gate that lets people in without an order."""
        key = self._some_document(holder, out=False)
        door = "gate-a" if key is None else self._gate_of(self.office.open[key])
        if door in self._busy:
            return
        self._busy.add(door)
        self._power_may_go(door)
        point = self._points[door, False]
        basket: list[Device] = []
        if key is not None and self._scan(point, self.office.codes[key]) == "accepted":
            yield HAND_US
            for device in self._picked(key, out=False):
                if self._scan(point, device[2] or device[1].lower()) == "accepted":
                    basket.append(device)
                yield HAND_US
        shown = self._tap(holder, point)
        yield HAND_US
        if shown == "pending":
            yield CONFIRM_US
            shown = self._tap(holder, point)
        if shown == "granted":
            self._push(point, holder, key, basket)
        else:
            self._scan(point, CANCEL)
            yield FORGOTTEN_US
        yield SHUT_US
        self._busy.discard(door)

    def _goes_out(self, holder: int) -> Iterator[int]:
        key = self._some_document(holder, out=True)
        door = self._chance.choice(GATES) if key is None else self._gate_of(self.office.open[key])
        if door in self._busy:
            return
        self._busy.add(door)
        self._power_may_go(door)
        point = self._points[door, True]
        shown = self._tap(holder, point)
        yield HAND_US
        basket: list[Device] = []
        if key is not None and shown == "pending" and self._scan(point, self.office.codes[key]) == "accepted":
            yield HAND_US
            for device in self._picked(key, out=True):
                shown = self._scan(point, device[2] or device[1])
                if shown in ("accepted", "granted"):
                    basket.append(device)
                if shown == "granted":
                    break
                yield HAND_US
            if shown != "granted" and basket:
                yield 2 * HAND_US
                shown = self._tap(holder, point)
        elif key is None:
            yield CONFIRM_US
            shown = self._tap(holder, point)
        if shown == "granted":
            yield self._chance.randint(0, 3 * SECOND_US)
            self._push(point, holder, key, basket)
        else:  # puts everything back, and lets the door forget
            self._scan(point, CANCEL)
            yield FORGOTTEN_US
        yield SHUT_US
        self._busy.discard(door)

    def _power_may_go(self, door: str) -> None:
        """Just now and then, in the middle of what somebody does there."""
        if self._chance.random() < KILLED_SHARE:
            edge, delay_us = self._edge_of[door], self._chance.randint(0, 10 * SECOND_US)
            self._at(delay_us, lambda: self._chance.choice((self._kill, self._reboot, self._journal_fails))(edge))

    def _gate_of(self, document: Document) -> str:
        right = "gate-a" if document.edge == "edge-1" else "gate-b"
        return right if self._chance.random() >= WRONG_SHARE else self._chance.choice(GATES)

    def _some_document(self, holder: int, out: bool) -> Key | None:
        """One that this holder may use this way; now and then any, also one that is spent."""
        if self._chance.random() < ASTRAY_SHARE:
            return None
        astray = self._chance.random() < WRONG_SHARE
        keys = [
            key
            for key, document in self.office.open.items()
            if (astray or self._may(holder, document)) and (astray or any(self._lines_there(key, out)))
        ]
        return self._chance.choice(keys) if keys else None

    def _may(self, holder: int, document: Document) -> bool:
        owner = self._owner_of[holder]
        return owner == document.customer or (owner is None and isinstance(document, WorkOrder))

    def _lines_there(self, key: Key, out: bool) -> Iterator[Device]:
        """The devices of a document that really stand on this side of the door."""
        document = self.office.whole(key)
        slip = isinstance(document, ExitSlip)
        if out and not slip:
            return
        for line in document.lines:
            for serial in line.serials:
                gone = self._out_under.get(serial) == key
                if (serial in self._serials_in) == out and (gone or not slip or out):
                    yield (document.customer, line.model, serial)
            if line.serials:
                continue
            there = self._counted_out[key, line.model] if slip and not out else self.office.left(key)[line.id]
            if out:
                there = min(there, self._counted_in[document.customer, line.model])
            for _ in range(there):
                yield (document.customer, line.model, "")

    def _picked(self, key: Key, out: bool) -> list[Device]:
        """All of them mostly, else some; now and then one that is not on it."""
        devices = list(self._lines_there(key, out))
        if self._chance.random() < 0.25:
            self._chance.shuffle(devices)
            devices = devices[: self._chance.randint(0, len(devices))]
        if self._chance.random() < WRONG_SHARE and self.office.models:
            serial = self._chance.choice(sorted(self.office.models))
            if (serial in self._serials_in) == out:
                devices.insert(0, (self.office.owner.get(serial), self.office.models[serial], serial))
        return list(dict.fromkeys(device for device in devices if device[2])) + [d for d in devices if not d[2]]

    # at the door

    def _tap(self, holder: int, point: AccessPoint) -> str:
        self._lamps.pop(point.id, None)
        edge = self._edge_of[point.door]
        node = self._nodes[edge]
        node.waiting.append(
            Presented(point.id, "desfire", card_of(holder), "authenticated", node.now(self._now_us).mono_us)
        )
        self._step(edge)
        return self._lamps.get(point.id, "")

    def _scan(self, point: AccessPoint, text: str) -> str:
        self._lamps.pop(point.id, None)
        edge = self._edge_of[point.door]
        node = self._nodes[edge]
        node.waiting.append(Scanned(point.id, text, node.now(self._now_us).mono_us))
        self._step(edge)
        shown = self._lamps.get(point.id, "")
        self.refused += shown == "denied"
        return shown

    def _asked(self, asked: Asked) -> None:
        if asked.act == "indicate" and asked.pattern not in ("off", "degraded"):
            self._lamps[asked.subject] = asked.pattern

    def _push(self, point: AccessPoint, holder: int, key: Key | None, basket: list[Device]) -> None:
        """Open the leaf and go, with what the lamp accepted; whoever else was let through there goes along."""
        edge = self._edge_of[point.door]
        node = self._nodes[edge]
        if not node.is_unlocked(point.door, self._now_us) or point.door in node.open_doors:
            return
        before = node.journal.last_seq + len(node.agent.engine.pending)
        door = node.agent.engine.state.doors.get(point.door)
        granted = [grant.holder for grant in door.grants if grant.access_point == point.id] if door is not None else []
        movers = [one for one in granted if self._people.where.get(one) == point.from_area] or [holder]
        self._watches[edge].truth.passing(node.agent.engine.state, point, len(movers), 0)
        for one in movers:
            self._people.where[one] = point.to_area
        self._people.passages += 1
        node.open_doors.add(point.door)
        node.waiting.append(InputChanged("contact", point.door, True))
        self._step(edge)
        self._settle(edge, point, key, basket, self._told_since(edge, before))
        self._at(LEAF_US, lambda: self._shut(edge, point.door))

    def _shut(self, edge: str, door: str) -> None:
        self._nodes[edge].open_doors.discard(door)
        self._nodes[edge].waiting.append(InputChanged("contact", door, False))
        self._step(edge)

    def _settle(
        self, edge: str, point: AccessPoint, key: Key | None, basket: list[Device], told: list[ItemsMoved]
    ) -> None:
        """What passed is what the edge says, or an alarm stands and it is carried back."""
        serials = sorted(item.serial for move in told for item in move.items if item.serial)
        counted = sum(1 for move in told for item in move.items if not item.serial)
        really = (sorted(device[2] for device in basket if device[2]), sum(1 for device in basket if not device[2]))
        if really == (serials, counted):
            self._carry_through(key, basket, inward=not point.out)
            self.carried += len(basket)
            if self._nodes[edge].agent.engine.pending:
                self._unwritten[edge].append((point, key, basket))
            return
        if point.out or point.door in self._both:  # else who brings in what nobody checks is the guard's affair
            self._must_stand(edge, point.door, f"{really} passed, {serials} and {counted} more are told")
        if told:
            raise BrokenPromise(f"seed {self.seed}, {edge}: {really} passed, {serials} and {counted} more are told")
        self.carried_back += len(basket)

    def _must_stand(self, edge: str, door: str, why: str) -> None:
        if alarm_key(UNCHECKED, door) not in self._nodes[edge].agent.engine.state.alarms:
            raise BrokenPromise(f"seed {self.seed}, {edge}: no {UNCHECKED} stands at {door}: {why}")

    def _carry_through(self, key: Key | None, basket: list[Device], inward: bool) -> None:
        for owner, model, serial in basket:
            assert key is not None
            if not serial:
                self._counted_in[owner, model] += 1 if inward else -1
                if key[0] == "slip":
                    self._counted_out[key, model] += -1 if inward else 1
            elif inward:
                self._serials_in.add(serial)
                self._out_under.pop(serial, None)
            else:
                self._serials_in.discard(serial)
                self._out_under[serial] = key

    def _told_since(self, edge: str, before: int) -> list[ItemsMoved]:
        node = self._nodes[edge]
        written = [kept.record for kept in node.journal.after(before, node.journal.last_seq)]
        records: list[Record] = [decode_record(raw) for raw in (*written, *node.agent.engine.pending)]
        return [
            event
            for record in records
            if record.seq > before
            for event in record.events
            if isinstance(event, ItemsMoved)
        ]

    def _add_edge(self, edge: str, doors: tuple[str, ...], seed: int) -> None:
        super()._add_edge(edge, doors, seed)
        self._watches[edge].truth.fooled.add("dock")  # its doors are of two edges: neither knows who is there

    # what goes wrong

    def _step(self, edge: str) -> None:
        super()._step(edge)
        if not self._nodes[edge].agent.engine.pending:
            self._unwritten[edge].clear()

    def _come_up(self, edge: str) -> None:
        """What an edge had not written when it died it does not know: its doors must say so, and the guard has it carried back."""
        lost, self._unwritten[edge] = self._unwritten[edge], []
        super()._come_up(edge)
        super()._step(edge)
        for point, key, basket in lost:
            if basket:
                self._must_stand(edge, point.door, f"{basket} passed, and the record of it is lost")
                self._carry_through(key, basket, inward=point.out)
                self.carried -= len(basket)
                self.carried_back += len(basket)
