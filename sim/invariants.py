"""What must always hold (DESIGN §5), checked after every step of every scenario, in both players, and all through a random day.

Three parts. :class:`RecordChecks` looks at an edge's records alone, one by one, so it works on a journal on disk too. :func:`locked_in` asks a
copy of an engine, which it does not disturb, whether every way out opens. :class:`Truth` knows where the simulated people really are. Each says
what is broken, in one line, as :class:`sim.node.BrokenPromise`; the player adds step and seed.

===== ==================================================================================================================
1     a customer's badge that opened holds a place within the quota that the policy in force states (:func:`beyond_quota`)
2     a two-person area has 0 or >= 2 people listed, or LONE_OCCUPANT stands; the people really there lie within what is known
3     REX opens every door, and every badge that may leave leaves, with journal, link and policy dead
4     each unlock is recorded with its cause in the same record, which was written before the lock moved (:mod:`sim.node`)
5     nothing but a cause unlocks: links, restarts, clocks, devices do not; the journal folds to the live state
8     no door is unlocked while another of its interlock is unlocked or open, but ways out, which say so
===== ==================================================================================================================
"""

from collections.abc import Iterable, Mapping, Sequence

from controller.actions import HoldUnlocked, Unlock
from controller.commands import UnlockDoor
from controller.engine import Engine
from controller.events import (
    AccessDenied,
    AccessGranted,
    AnyEvent,
    CommandDone,
    DoorClosed,
    DoorLocked,
    DoorModeChanged,
    DoorOpened,
    DoorUnlocked,
    EdgeStarted,
    Record,
)
from controller.fold import fold
from controller.inputs import CardRead, FireInput, JournalChanged, RexPressed
from controller.now import SECOND_US, Now
from controller.policy import Badge, Policy
from controller.presence import areas_within
from controller.room_events import InterlockBroken, OccupancyReconciled
from controller.site import AccessPoint, DoorHardware, Site
from controller.state import State, encode_state, snapshot
from sim.facts import bounds
from sim.goods_checks import GoodsChecks
from sim.node import BrokenPromise

CONFIRM_US = 61 * SECOND_US
"""Whoever is prompted at a way out taps again within this."""
CONFIRM_EVERY_US = 4 * SECOND_US
NEVER_LEAVES = ("BADGE_LOST", "UNKNOWN_BADGE", "NOT_AUTHENTICATED", "TWO_CARDS", "LATE_READ")
"""The only refusals at a way out (MEANINGS 8); REX remains."""


class RecordChecks:
    """Follows the records of one edge. ``state``: what they fold to."""

    def __init__(self, site: Site) -> None:
        self.state = State()
        self._site = site
        self._within = {area.id: areas_within(site, area.id) for area in site.areas}
        self._out = {point.id: point.out for point in site.access_points}
        self._unlocked: set[str] = set()
        self._open: set[str] = set()
        self._released: set[str] = set()
        self._goods = GoodsChecks(site)

    def take(self, records: Iterable[Record]) -> None:
        """The next records, in order. Raises :class:`BrokenPromise`."""
        for record in records:
            if record.seq != self.state.seq + 1:
                raise BrokenPromise(f"records: {record.seq} follows {self.state.seq}")
            self._causes(record)
            self._interlocks(record)
            self._goods.take(record)
            fold(self.state, record)
            self._two_persons(record.seq)

    def _causes(self, record: Record) -> None:
        """Every unlock has its cause beside it."""
        granted = {event.door for event in record.events if isinstance(event, AccessGranted)}
        ordered = {
            event.command.door
            for event in record.events
            if isinstance(event, CommandDone) and isinstance(event.command, UnlockDoor) and event.result == "done"
        }
        for event in record.events:
            if not isinstance(event, DoorUnlocked):
                continue
            stated = {
                "grant": event.door in granted,
                "command": event.door in ordered,
                "rex": isinstance(record.input, RexPressed),
                "fire": isinstance(record.input, FireInput) or bool(self.state.fire_latched),
            }[event.cause]
            # While the journal could not commit, records of ways out may have been dropped: what the doors have become is told after.
            if not stated and not isinstance(record.input, JournalChanged):
                raise BrokenPromise(
                    f"4: record {record.seq} unlocks {event.door} for {event.cause}, which it does not tell"
                )

    def _interlocks(self, record: Record) -> None:
        broken = {event.door for event in record.events if isinstance(event, InterlockBroken)}
        ways_out = {event.door for event in record.events if isinstance(event, AccessGranted) and event.out}
        for event in record.events:
            if isinstance(event, DoorUnlocked) and event.door not in self._unlocked:
                self._check_interlock(record.seq, event, broken, ways_out)
            self._follow(event)

    def _check_interlock(self, seq: int, event: DoorUnlocked, broken: set[str], ways_out: set[str]) -> None:
        if event.cause == "fire" or event.door in self._released:
            return
        for interlock in self._site.interlocks:
            if not interlock.enabled or event.door not in interlock.doors:
                continue
            others = [
                d
                for d in interlock.doors
                if d != event.door and d in self._unlocked | self._open and d not in self._released
            ]
            if others and event.cause != "rex" and event.door not in ways_out:
                raise BrokenPromise(
                    f"8: record {seq} unlocks {event.door} for {event.cause} while {others[0]} is not shut"
                )
            if others and event.door not in broken:
                raise BrokenPromise(
                    f"8: record {seq} lets {event.door} break interlock {interlock.id} and does not say so"
                )

    def _follow(self, event: AnyEvent) -> None:
        match event:
            case DoorUnlocked():
                self._unlocked.add(event.door)
            case DoorLocked():
                self._unlocked.discard(event.door)
            case DoorOpened():
                self._open.add(event.door)
            case DoorClosed():
                self._open.discard(event.door)
            case DoorModeChanged():
                (self._released.add if event.mode == "released" else self._released.discard)(event.door)
            case EdgeStarted():
                self._open.clear()  # unknown, until the contacts have told
            case _:
                pass

    def _two_persons(self, seq: int) -> None:
        for area in self._site.areas:
            if area.two_person and f"LONE_OCCUPANT/{area.id}" not in self.state.alarms:
                listed = [h for h, presence in self.state.presence.items() if presence.area in self._within[area.id]]
                if len(listed) == 1:
                    raise BrokenPromise(
                        f"2: after record {seq} holder {listed[0]} is alone in {area.id} and no alarm stands"
                    )


def same_state(folded: State, live: State) -> None:
    """5: the journal folds to what is live. Raises :class:`BrokenPromise` naming what differs."""
    if encode_state(folded) == encode_state(live):
        return
    differing = [name for name in State.__struct_fields__ if getattr(folded, name) != getattr(live, name)]
    raise BrokenPromise(f"5: the journal folds to another state: {', '.join(differing) or 'in the order of entries'}")


def locked_in(engine: Engine, site: Site, hardware: Sequence[DoorHardware], edge: str, now: Now) -> None:
    """3: every way out of these doors opens, for copies of this engine. Raises :class:`BrokenPromise` for one that does not."""
    for dead in (False, True):
        for door in hardware:
            acts = _copy(engine, hardware, edge, now, dead).handle(RexPressed(door.door), now).actions
            if not any(isinstance(act, Unlock | HoldUnlocked) and act.door == door.door for act in acts):
                how = " with all else dead" if dead else ""
                raise BrokenPromise(f"3: the exit button of {door.door} does not open it{how}")
    policy = engine.policy
    if policy is None:
        return
    holders = {badge.id: badge for badge in policy.badges}
    for presence in list(engine.state.presence.values()):
        badge = holders.get(presence.badge)
        for point in site.access_points:
            if (
                badge is not None
                and point.out
                and point.from_area == presence.area
                and any(point.door == d.door for d in hardware)
            ):
                _leaves(_copy(engine, hardware, edge, now, dead=False), badge, point, now)


def _leaves(probe: Engine, badge: Badge, point: AccessPoint, now: Now) -> None:
    """Somebody inside taps to leave, and again when asked to."""
    at = now
    while at.mono_us <= now.mono_us + CONFIRM_US:
        read = CardRead(point.id, "desfire", badge.credential, "authenticated", at.mono_us)
        record = probe.handle(read, at).record
        for event in record.events if record is not None else ():
            match event:
                case AccessGranted(badge=badge.id, out=True):
                    return
                case AccessDenied(access_point=point.id, because=because) if because.reason in NEVER_LEAVES:
                    return
                case AccessDenied(access_point=point.id, badge=badge.id, because=because):
                    raise BrokenPromise(f"3: {badge.number} is refused at the way out {point.id}: {because.reason}")
                case _:
                    pass
        at = Now(at.wall_us + CONFIRM_EVERY_US, at.mono_us + CONFIRM_EVERY_US, at.wall_trusted)
    raise BrokenPromise(f"3: {badge.number} cannot leave by {point.id}, however often they tap")


def _copy(engine: Engine, hardware: Sequence[DoorHardware], edge: str, now: Now, dead: bool) -> Engine:
    """The engine's double, to be asked and thrown away. ``dead``: without a policy and with a journal that cannot commit."""
    state = snapshot(engine.state)
    probe = Engine(state, "probe", hardware, edge)
    if engine.policy is not None and not dead:
        probe.adopt(engine.policy, state.policy_digest, now)
    if dead:
        probe.handle(JournalChanged(available=False, cause="dead"), now)
    return probe


def beyond_quota(record: Record, policy: Policy | None) -> None:
    """1: no badge without a place in its customer's quota came in. Raises :class:`BrokenPromise`."""
    for event in record.events:
        if policy is None or not isinstance(event, AccessGranted) or event.out:
            continue
        badge = next((badge for badge in policy.badges if badge.id == event.badge), None)
        if badge is not None and badge.kind == "customer" and not _has_place(badge, policy):
            raise BrokenPromise(f"1: record {record.seq} lets in {badge.number}, which holds no place in the quota")


def _has_place(badge: Badge, policy: Policy) -> bool:
    """MEANINGS 5: a slot within the quota of its customer's kind, and no other badge in use of that slot as new as this one."""
    quota = next((customer.quota for customer in policy.customers if customer.id == badge.customer), 0)
    rivals = [
        other
        for other in policy.badges
        if (other.customer, other.slot) == (badge.customer, badge.slot)
        and other.id != badge.id
        and other.status == "active"
    ]
    return badge.slot is not None and 1 <= badge.slot <= quota and all(r.generation < badge.generation for r in rivals)


class Truth:
    """Who is really where, as far as nobody deceives the doors. ``fooled``: areas where somebody came or went that no credential or
    contact could tell, until a count."""

    def __init__(self, site: Site) -> None:
        self._site = site
        counting = [a.id for a in site.areas if a.two_person or a.capacity is not None or a.anti_passback != "off"]
        self._counting = {within for area in counting for within in areas_within(site, area)}
        self.fooled: set[str] = set()

    def passing(self, state: State, point: AccessPoint, people: int, tailgate: int) -> None:
        """People are about to go through. ``state``: what is known before."""
        door = state.doors.get(point.door)
        grants = [] if door is None else [grant for grant in door.grants if grant.access_point == point.id]
        others = 0 if door is None else len(door.grants) - len(grants)
        by_button = door is not None and door.exit_requested
        known = {presence.number for presence in state.presence.values() if presence.area == point.from_area}
        expected = len(grants)
        honest = tailgate == 0 and not others and (people == expected or (by_button and point.out and not grants))
        public = {area.id for area in self._site.areas if area.public}
        strangers = point.from_area not in public and any(grant.number not in known for grant in grants)
        if not honest:
            self.fooled |= self._around(point)
        elif by_button:  # nobody lists who came this way; rooms that count people are doubted for it
            self.fooled |= self._around(point) - self._holding(point.from_area) - self._counting
        elif strangers:  # they were never seen to come where they come from
            self.fooled |= self._holding(point.from_area)

    def counted(self, count: OccupancyReconciled, people: Mapping[str, int]) -> None:
        """Somebody counted: where that is as it is, it is known again. A count of a room does not say who of it is in which inner area."""
        for area in {count.area, *count.within}.difference(count.doubtful):
            within = areas_within(self._site, area)
            really = sum(people.get(each, 0) for each in within)
            found = sum(1 for one in count.present if one.area in within)
            (self.fooled.discard if found == really else self.fooled.add)(area)

    def check(self, state: State, people: Mapping[str, int]) -> None:
        """2: the people really there lie within what is known. Raises :class:`BrokenPromise`."""
        for area in self._site.areas:
            within = areas_within(self._site, area.id)
            if area.public or area.id in self.fooled:
                continue
            really = sum(people.get(each, 0) for each in within)
            lowest, highest = bounds(state, self._site, area.id)
            if really < lowest or (highest is not None and really > highest):
                most = "?" if highest is None else highest
                raise BrokenPromise(f"2: {really} are in {area.id}, where {lowest} to {most} are known to be")
            if (
                area.two_person
                and really == 1
                and highest is not None
                and f"LONE_OCCUPANT/{area.id}" not in state.alarms
            ):
                raise BrokenPromise(f"2: one person is alone in {area.id}, and no alarm stands")

    def _around(self, point: AccessPoint) -> set[str]:
        """Both sides, with all that they lie in."""
        return self._holding(point.from_area) | self._holding(point.to_area)

    def _holding(self, area: str) -> set[str]:
        """An area and all that it lies in."""
        inside = {each.id: each.inside for each in self._site.areas}
        found: set[str] = set()
        at: str | None = area
        while at is not None:
            found.add(at)
            at = inside.get(at)
        return found
