"""What `bench decide` is compared with: the same policy and the same conditions, written as plainly as Python allows.

A fixed function over plain dictionaries: no reasons, no explanation objects, no order of rules to keep. It marks what the
interpreter itself costs for these look-ups and comparisons.
"""

from controller.policy import Policy
from sim.bench.population import BenchTap

Plain = dict[str, object]


class BareRules:
    """The policy as dictionaries; :meth:`allows` evaluates one tap."""

    def __init__(self, policy: Policy) -> None:
        self.badges: dict[bytes, dict[str, object]] = {
            badge.credential: {
                "id": badge.id,
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
        self.lease_until_us = 2**62

    def allows(self, tap: BenchTap, wall_us: int, read_age_us: int, wall_trusted: bool, journal_ok: bool) -> bool:
        """Whether the door may open."""
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
        customer = self.customers[badge["customer"]]  # type: ignore[index]
        if customer["status"] != "active" or wall_us >= customer["until"]:  # type: ignore[operator]
            return False
        if not wall_trusted and badge["kind"] != "staff":
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
        if point["customers"] or point["closed"]:
            return False
        return wall_us < self.lease_until_us and journal_ok
