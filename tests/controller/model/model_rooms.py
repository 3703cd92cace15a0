"""What the reference model holds: people in rooms, who waits, doors, doubts; and the plain questions about it (docs/rooms.md, Words)."""

from dataclasses import dataclass, field

from controller.limits import limits_from
from controller.site import AccessPoint, Area, Door
from tests.controller.model.buildings import Building

Who = int | str
"""A holder's id, or the name by which somebody without a badge is known."""


@dataclass
class Person:
    """Somebody who is listed in a room."""

    area: str
    since: int
    sure: bool = True
    escort: Who | None = None
    unescorted: bool = False


@dataclass
class Wait:
    """Somebody whose tap counts and who waits at an access point. ``until``: when the wait, or the memory of a prompt, ends.
    ``paired_until``: until when others may join."""

    who: Who
    point: str
    reason: str
    asked: int
    until: int
    paired_until: int
    emergency: bool = False
    prompt: bool = False


@dataclass
class Pass:
    """A grant that is outstanding at a door."""

    who: Who
    point: str
    given: int
    escort: Who | None = None
    emergency: bool = False


@dataclass
class DoorFacts:
    """What is known of a door."""

    lock: str = "locked"
    position: str = "unknown"
    released: bool = False
    passes: list[Pass] = field(default_factory=list)
    rex: bool = False
    commanded: bool = False
    until: int | None = None
    open_since: int | None = None


@dataclass(frozen=True)
class Said:
    """One decision about one person."""

    what: str
    who: Who
    point: str
    reasons: tuple[str, ...] = ()
    """Any of these is right: several rules refuse at once, and their order is the engine's own numbered list."""
    escort: Who | None = None
    emergency: bool = False


class Rooms:
    """What is so, and the plain questions about it. The rules stand in ``model_taps`` and ``model_doors``."""

    def __init__(self, building: Building) -> None:
        site = building.site
        self.limits = limits_from(site.settings)
        self.areas: dict[str, Area] = {area.id: area for area in site.areas}
        self.points: dict[str, AccessPoint] = {point.id: point for point in site.access_points}
        self.site_doors: dict[str, Door] = {door.id: door for door in site.doors}
        self.zones = {hardware.door: hardware.fire_zones for hardware in building.hardware}
        self.interlocks = [interlock for interlock in site.interlocks if interlock.enabled]
        self.badges = {badge.credential: badge for badge in building.policy.badges}
        self.badge_of = {badge.holder: badge for badge in building.policy.badges}
        self.holders = {holder.id: holder for holder in building.policy.holders}
        self.grants = {grant.id: grant for grant in building.policy.grants}
        self.now = 0
        self.started = False
        self.link_up: bool | None = None
        self.people: dict[Who, Person] = {}
        self.doubts: dict[str, str] = {}
        self.rexed: set[str] = set()
        self.waits: list[Wait] = []
        self.doors: dict[str, DoorFacts] = {door: DoorFacts() for door in self.site_doors}
        self.decided: dict[tuple[str, Who], int] = {}
        self.alarms: set[tuple[str, str]] = set()
        self.lone_since: dict[str, int] = {}
        self.lone_overdue: set[str] = set()
        self.fire_on: dict[str, bool] = {}
        self.fire_latched: set[str] = set()
        self.gas: set[str] = set()
        self.locked_down: set[str] = set()
        self.lockdown_on: dict[str, bool] = {}
        self.order: list[Who] = []
        self.said: list[Said] = []
        self.broken: set[tuple[str, str]] = set()
        self.passed: set[str] = set()

    # --- areas

    def holds(self, outer: str, inner: str) -> bool:
        """Whether ``inner`` is ``outer`` or lies in it."""
        at: str | None = inner
        while at is not None:
            if at == outer:
                return True
            at = self.areas[at].inside
        return False

    def within(self, area: str) -> list[str]:
        return [other for other in self.areas if self.holds(area, other)]

    def entered(self, point: AccessPoint) -> list[Area]:
        """The areas that a passage here enters; public ones ask for nothing."""
        return [
            area
            for area in self.areas.values()
            if self.holds(area.id, point.to_area) and not self.holds(area.id, point.from_area) and not area.public
        ]

    def left(self, point: AccessPoint) -> list[Area]:
        return [
            area
            for area in self.areas.values()
            if self.holds(area.id, point.from_area) and not self.holds(area.id, point.to_area) and not area.public
        ]

    def behind(self, door: str) -> set[str]:
        """The areas that doubts about a door concern: what it leads into, or out of, with all inside."""
        points = [point for point in self.points.values() if point.door == door]
        sides = [area for point in points for area in (self.left(point) if point.out else self.entered(point))]
        return {inner for area in sides for inner in self.within(area.id)}

    def before(self, door: str) -> set[str]:
        """The rooms that a way out through this door leads into, if they count people: who came there unseen is missing."""
        ways = [point for point in self.points.values() if point.door == door and point.out]
        entered = {area.id for way in ways for area in self.entered(way)}
        return {inner for area in entered if self.counts_people(area) for inner in self.within(area)}

    def counts_people(self, area: str) -> bool:
        """Whether a rule of the area, or of one around it, hangs on who is there."""
        around = [one for one in self.areas.values() if self.holds(one.id, area)]
        return any(one.two_person or one.capacity is not None or one.anti_passback != "off" for one in around)

    # --- people

    def listed(self, area: str) -> set[Who]:
        return {who for who, person in self.people.items() if self.holds(area, person.area)}

    def sure(self, area: str) -> set[Who]:
        return {who for who in self.listed(area) if self.people[who].sure}

    def going(self, area: str) -> set[Who]:
        """Those with an outstanding grant that leaves the area."""
        return {
            one.who
            for door in self.doors.values()
            for one in door.passes
            if area in [left.id for left in self.left(self.points[one.point])]
        }

    def coming(self, area: str) -> set[Who]:
        """Those with an outstanding grant into the area, also by a way out of another."""
        return {
            one.who
            for door in self.doors.values()
            for one in door.passes
            if area in [entered.id for entered in self.entered(self.points[one.point])]
        }

    def lowest(self, area: str) -> int:
        return len(self.sure(area))

    def highest(self, area: str) -> int | None:
        return len(self.listed(area)) if self.doubts.get(area) in (None, "rex") else None

    def doubt(self, areas: set[str], cause: str) -> None:
        """Nobody there is sure any more."""
        for area in areas:
            if self.doubts.get(area, "rex") == "rex":
                self.doubts[area] = cause
        for person in self.people.values():
            if person.area in areas:
                person.sure = False

    # --- who is who

    def is_staff(self, who: Who) -> bool:
        return isinstance(who, int) and self.badge_of[who].kind == "staff"

    def customer(self, who: Who) -> int | None:
        return self.badge_of[who].customer if isinstance(who, int) else None

    def needs_escort(self, who: Who, areas: list[Area]) -> bool:
        if not areas:
            return False
        if not isinstance(who, int):
            return True
        kind = self.badge_of[who].kind
        return kind == "temporary" or (kind == "customer" and any(area.escort_for == "customers" for area in areas))

    def escorted_in(self, who: Who, area: str) -> bool:
        """Whether they need an escort to be there at all."""
        around = [one for one in self.areas.values() if self.holds(one.id, area) and not one.public]
        return self.needs_escort(who, around)

    def may_escort(self, who: Who, areas: list[Area]) -> bool:
        if not isinstance(who, int) or self.needs_escort(who, areas):
            return False
        return self.is_staff(who) or all(area.id in self.holders[who].may_escort for area in areas)

    def suspended(self, door: str) -> bool:
        """Fire released it: the group rules sleep."""
        return self.doors[door].released

    def stranger(self, name: str = "") -> Who:
        """Somebody without a badge, by a name of their own."""
        who = name or f"stranger {len(self.order)}"
        if who not in self.order:
            self.order.append(who)
        return who

    def say(
        self,
        what: str,
        who: Who,
        point: str,
        *reasons: str,
        escort: Who | None = None,
        emergency: bool = False,
        waited: bool = False,
    ) -> None:
        """A decision. The end of a wait (``waited``) is none about a read made now."""
        self.said.append(Said(what, who, point, reasons, escort, emergency))
        if not waited:
            self.decided[point, who] = self.now
