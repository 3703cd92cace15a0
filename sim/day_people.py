"""The people of a random day: in pairs where a room wants pairs, alone where it does not, and now and then where they should not be.

Beside them one :class:`EdgeWatch` for each edge: what must always hold (:mod:`sim.invariants`), looked at after every step of the edge, with where
everybody really is.
"""

from collections.abc import Callable, Sequence

import msgspec

from controller.events import PolicyChanged, decode_record
from controller.now import SECOND_US
from controller.presence import areas_within
from controller.room_events import OccupancyReconciled
from controller.site import AccessPoint, Site
from edge.ports import InputChanged, Presented
from sim.chance import Chance
from sim.goods_checks import DocumentChecks
from sim.invariants import RecordChecks, Truth, beyond_quota, locked_in, same_state
from sim.node import BrokenPromise, Node

TOGETHER_SHARE = 0.85
"""Of those who stand before a two-person room, or in it, who bring somebody along where somebody is."""
FORCED_SHARE = 0.005
BUTTON_SHARE = 0.05
TAILGATE_SHARE = 0.02
PROBE_EVERY = 200
"""Steps between two looks at the ways out; each asks a copy of the engine for every door and everybody inside."""
STATE_EVERY = 20


class EdgeWatch:
    """One edge's invariants. ``look`` raises :class:`BrokenPromise`."""

    def __init__(self, site: Site, node: Node) -> None:
        own = {door.door for door in node.doors}
        seen = {area for point in site.access_points if point.door in own for area in (point.from_area, point.to_area)}
        here = tuple(area for area in site.areas if area.id in seen)
        self._site = msgspec.structs.replace(
            site, areas=here, access_points=tuple(point for point in site.access_points if point.door in own)
        )
        self._node = node
        self._checks = RecordChecks(self._site)
        self._documents = DocumentChecks(node.edge)
        self._steps = 0
        self.truth = Truth(self._site)

    def look(self, true_us: int, people: dict[str, int]) -> None:
        """After a step at ``true_us``; ``people`` are really in each area."""
        node, engine = self._node, self._node.agent.engine
        self._steps += 1
        news = [
            decode_record(kept.record) for kept in node.journal.after(self._checks.state.seq, node.journal.last_seq)
        ]
        self._checks.take(news)
        changed = any(isinstance(event, PolicyChanged) for record in news for event in record.events)
        for record in news:
            beyond_quota(record, engine.policy)
            self._documents.take(record, None if changed else engine.policy)
            for event in record.events:
                if isinstance(event, OccupancyReconciled):
                    self.truth.counted(event, people)
        if self._steps % STATE_EVERY == 0 and not engine.pending:
            same_state(self._checks.state, engine.state)
        if self._steps % PROBE_EVERY == 0:
            locked_in(engine, self._site, node.doors, node.edge, node.now(true_us))
        if not node.waiting:
            self.truth.check(engine.state, people)


class DayPeople:
    """``where``: each holder's area. ``step(edge)`` lets an edge take what waits at once; ``soon(edge)`` a moment later, with what comes
    meanwhile; ``at(delay_us, act)`` comes back later."""

    def __init__(
        self,
        site: Site,
        holders: Sequence[int],
        card_of: Callable[[int], str],
        chance: Chance,
        at: Callable[[int, Callable[[], None]], None],
        step: Callable[[str], None],
        soon: Callable[[str], None],
        now_us: Callable[[], int],
    ) -> None:
        outside = next(area.id for area in site.areas if area.public)
        self.where = dict.fromkeys(holders, outside)
        self.taps = self.passages = 0
        self._site = site
        self._card_of = card_of
        self._chance = chance
        self._at = at
        self._step = step
        self._soon = soon
        self._now_us = now_us
        self._goods_doors = {door.id for door in site.doors if door.goods}
        self._pairs = {area.id: areas_within(site, area.id) for area in site.areas if area.two_person}
        self._nodes: dict[str, Node] = {}
        self._watches: dict[str, EdgeWatch] = {}

    def meet(self, node: Node, watch: EdgeWatch) -> None:
        """An edge, whose doors people use from now on."""
        for door in node.doors:
            self._nodes[door.door] = node
            self._watches[door.door] = watch

    def count(self) -> dict[str, int]:
        """How many are really in each area."""
        found: dict[str, int] = {}
        for area in self.where.values():
            found[area] = found.get(area, 0) + 1
        return found

    def inside(self, area: str) -> list[int]:
        """Who is really in an area or within it."""
        within = areas_within(self._site, area)
        return [holder for holder, at in self.where.items() if at in within]

    def somebody_taps(self) -> None:
        """Somebody wants to go somewhere, perhaps with somebody."""
        holder = self._chance.choice(list(self.where))
        points = [p for p in self._site.access_points if p.from_area == self.where[holder] and p.door in self._nodes]
        if not points:
            return
        point = self._chance.choice(points)
        company = [holder]
        crosses = any((point.from_area in within) != (point.to_area in within) for within in self._pairs.values())
        if crosses and self._chance.random() < TOGETHER_SHARE:
            others = [h for h, area in self.where.items() if area == point.from_area and h != holder]
            self._chance.shuffle(others)
            company += others[:1]
        delay_us = 0
        for one in company:
            self._at(delay_us, lambda one=one: self._tap(one, point))  # type: ignore[misc]
            delay_us += self._chance.randint(SECOND_US, 4 * SECOND_US)
        self._at(delay_us, lambda: self._push(company, point))
        if point.out and len(company) == 1 and (crosses or point.door in self._goods_doors):
            # asked to wait, or for a slip: tap again, go alone, carrying nothing
            self._at(delay_us + 4 * SECOND_US, lambda: self._again(holder, point))

    def _again(self, holder: int, point: AccessPoint) -> None:
        if self.where[holder] == point.from_area:
            self._tap(holder, point)
            self._at(SECOND_US, lambda: self._push([holder], point))

    def _tap(self, holder: int, point: AccessPoint) -> None:
        """Nobody stops to tap at an open door: there a grant is taken at once, whether or not they go through."""
        node = self._nodes[point.door]
        if point.door in node.open_doors:
            return
        self.taps += 1
        number = self._card_of(holder) if self._chance.random() < 0.95 else "unknown"
        late_us = 3 * SECOND_US if self._chance.random() < 0.02 else self._chance.randint(0, 100_000)
        read_at_us = node.now(self._now_us()).mono_us - late_us
        node.waiting.append(Presented(point.id, "desfire", number, "authenticated", read_at_us))
        if self._chance.random() < BUTTON_SHARE:
            node.waiting.append(InputChanged("rex", point.door, True))
        self._soon(node.edge)

    def _push(self, company: list[int], point: AccessPoint) -> None:
        """Whoever was let in goes; where somebody else is, they go together."""
        node = self._nodes[point.door]
        self._step(node.edge)
        movers = [one for one in company if self.where[one] == point.from_area]
        if not movers or point.door in node.open_doors:
            return
        if node.is_unlocked(point.door, self._now_us()):
            door = node.agent.engine.state.doors.get(point.door)
            granted = {grant.holder for grant in door.grants} if door is not None else set()
            invited = [one for one in movers if one in granted]
            if invited and self._chance.random() >= TAILGATE_SHARE:
                movers = invited
        elif self._chance.random() >= FORCED_SHARE:
            return
        self._watches[point.door].truth.passing(node.agent.engine.state, point, len(movers), 0)
        for one in movers:
            self.passages += 1
            self.where[one] = point.to_area
        self._move_leaf(point.door, is_open=True)
        open_us = self._chance.randint(SECOND_US, 5 * SECOND_US) if self._chance.random() < 0.97 else 60 * SECOND_US
        self._at(open_us, lambda: self._move_leaf(point.door, is_open=False))

    def _move_leaf(self, door: str, is_open: bool) -> None:
        node = self._nodes[door]
        (node.open_doors.add if is_open else node.open_doors.discard)(door)
        node.waiting.append(InputChanged("contact", door, is_open))
        self._step(node.edge)


def what_broke(seed: int, edge: str, broken: BrokenPromise) -> BrokenPromise:
    """The same, with what finds it again."""
    return BrokenPromise(f"seed {seed}, {edge}: {broken}")
