"""What `bench decide` is compared with: the same policy and the same conditions, written as plainly as Python allows.

A fixed function over plain dictionaries: no reasons, no explanation objects, no order of rules to keep. It marks what the
interpreter itself costs for these look-ups and comparisons. Of each room it keeps the counts that the rules ask for, as a plain program
would; keeping them up is not measured.
"""

from collections import Counter

from controller.policy import Policy
from controller.state import State
from sim.bench.population import BenchTap


class RoomCount:
    """Who is in a room, counted."""

    __slots__ = ("capacity", "composition", "customers", "first_in", "holders", "people", "staff", "sure", "two_person")

    def __init__(self) -> None:
        self.holders: set[int] = set()
        self.people = self.sure = self.staff = 0
        self.customers: Counter[int] = Counter()
        self.two_person = self.first_in = False
        self.composition = "any"
        self.capacity = 10**9


def room_counts(policy: Policy, state: State) -> dict[str, RoomCount]:
    """The counts of every room, and what it asks for."""
    counts = {area.id: RoomCount() for area in policy.site.areas}
    for area in policy.site.areas:
        room = counts[area.id]
        room.two_person, room.first_in, room.composition = area.two_person, area.first_in, area.composition
        room.capacity = 10**9 if area.capacity is None else area.capacity
    for holder, presence in state.presence.items():
        room = counts[presence.area]
        room.holders.add(holder)
        room.people += 1
        room.sure += presence.sure
        room.staff += presence.kind == "staff"
        if presence.customer is not None:
            room.customers[presence.customer] += 1
    return counts


class BareRules:
    """The policy and the rooms as dictionaries; :meth:`allows` evaluates one tap."""

    def __init__(self, policy: Policy, state: State) -> None:
        self.badges: dict[bytes, dict[str, object]] = {
            badge.credential: {
                "id": badge.id,
                "holder": badge.holder,
                "status": badge.status,
                "kind": badge.kind,
                "from": badge.from_us,
                "until": badge.until_us,
                "grant": badge.grant,
                "customer": badge.customer,
                "slot_valid": True,
            }
            for badge in policy.badges
        }
        self.customers = {c.id: {"status": c.status, "until": c.until_us} for c in policy.customers}
        self.grants = {
            grant.id: {entry.area: (entry.from_us, entry.until_us, entry.schedule) for entry in grant.areas}
            for grant in policy.grants
        }
        self.schedules = {"always": (0, 1440)}
        self.points = {
            point.id: {"area": point.to_area, "closed": False, "door": point.door, "customers": ()}
            for point in policy.site.access_points
        }
        self.rooms = room_counts(policy, state)
        self.interlocked = {
            door: tuple(other for other in interlock.doors if other != door)
            for interlock in policy.site.interlocks
            for door in interlock.doors
        }
        self.doors = {door.id: {"locked": True, "closed": True, "released": False} for door in policy.site.doors}
        self.lockdowns: set[str] = set()
        self.gas: set[str] = set()
        self.waiting: dict[str, list[object]] = {}
        self.lease_until_us = 2**62

    def allows(self, tap: BenchTap, wall_us: int, read_age_us: int, wall_trusted: bool, journal_ok: bool) -> bool:
        """Whether the door may open for this one, alone."""
        if read_age_us > 2_000_000 or read_age_us < -2_000_000:
            return False
        point = self.points.get(tap.access_point)
        if point is None:
            return False
        badge = self.badges.get(tap.credential)
        if badge is None:
            return False
        if badge["status"] != "active" or not badge["slot_valid"]:
            return False
        kind = badge["kind"]
        if kind == "customer":
            customer = self.customers[badge["customer"]]  # type: ignore[index]
            if customer["status"] != "active" or wall_us >= customer["until"]:  # type: ignore[operator]
                return False
        if not wall_trusted and kind != "staff":
            return False
        if not (badge["from"] <= wall_us < badge["until"]):  # type: ignore[operator]
            return False
        area = self.grants[badge["grant"]].get(point["area"])  # type: ignore[index, call-overload]
        if area is None:
            return False
        if not (area[0] <= wall_us < area[1]):
            return False
        if area[2] is not None:
            opens, closes = self.schedules[area[2]]
            minute = (wall_us // 60_000_000 + 480) % 1440
            if not (opens <= minute < closes):
                return False
        if point["customers"] or point["closed"] or self.gas or not journal_ok or wall_us >= self.lease_until_us:
            return False
        door = self.doors[point["door"]]  # type: ignore[index]
        if door["released"]:
            return True
        room = self.rooms[point["area"]]  # type: ignore[index]
        if badge["holder"] in room.holders or kind == "temporary" or self.lockdowns:
            return False
        if self.waiting.get(tap.access_point):
            return False
        if room.two_person and room.sure < 2:
            return False
        if kind != "staff":
            if room.first_in and not room.staff:
                return False
            if (
                room.composition != "any"
                and not room.staff
                and (room.composition == "with_staff" or not room.customers[badge["customer"]])  # type: ignore[index]
            ):
                return False
        if room.people + 1 > room.capacity:
            return False
        for other in self.interlocked.get(point["door"], ()):  # type: ignore[call-overload]
            facts = self.doors[other]
            if not facts["locked"] or not facts["closed"]:
                return False
        return True
