"""The reference model's rules about one person: what refuses them, whatever others do (docs/rooms.md, A tap)."""

from controller.site import AccessPoint
from tests.controller.model.buildings import START_WALL_US
from tests.controller.model.model_rooms import Rooms, Who


def faults(rooms: Rooms, who: Who, point: AccessPoint) -> list[str]:
    """Every rule about this one person that refuses entry here."""
    found = []
    if isinstance(who, int):
        badge = rooms.badge_of[who]
        area = rooms.areas[point.to_area]
        if badge.until_us <= START_WALL_US:
            found.append("BADGE_EXPIRED")
        codes = {1: "C001", 2: "C002"}
        if area.customers and badge.kind != "staff" and codes.get(badge.customer or 0) not in area.customers:
            found.append("NO_PERMISSION")
        if not area.public and area.id not in {entry.area for entry in rooms.grants[badge.grant].areas}:
            found.append("NO_PERMISSION")
    if any(zone in rooms.gas for zone in rooms.zones[point.door]):
        found.append("AREA_UNSAFE")
    around = [area for area in rooms.areas.values() if rooms.holds(area.id, point.to_area)]
    if any(area.closed for area in around):
        found.append("AREA_CLOSED")
    if not rooms.suspended(point.door):
        found += faults_of_rooms(rooms, who, point)
    return found


def faults_of_rooms(rooms: Rooms, who: Who, point: AccessPoint) -> list[str]:
    """Anti-passback and lockdown."""
    found = []
    areas = rooms.entered(point)
    passage = rooms.site_doors[point.door].kind == "passage"
    if passage and any(area.anti_passback == "hard" and who in rooms.sure(area.id) for area in areas):
        found.append("ANTI_PASSBACK")
    locked = [area for area in areas if "" in rooms.locked_down or area.id in rooms.locked_down]
    if locked and not any(all(kind in area.lockdown_pass for area in locked) for kind in kinds_of_pass(rooms, who)):
        found.append("LOCKDOWN")
    return found


def kinds_of_pass(rooms: Rooms, who: Who) -> list[str]:
    kinds = ["staff"] if rooms.is_staff(who) else []
    return [*kinds, "keyholder"] if isinstance(who, int) and rooms.holders[who].keyholder else kinds


def irregular(rooms: Rooms, who: Who, point: AccessPoint) -> str:
    """The alarm that an exit raises because entry here would be refused for the badge's sake; nobody like that is an escort."""
    if not isinstance(who, int):
        return ""
    if rooms.badge_of[who].until_us <= START_WALL_US:
        return "OVERSTAY"
    return "EXIT_IRREGULAR" if "NO_PERMISSION" in faults(rooms, who, reverse(point)) else ""


def reverse(point: AccessPoint) -> AccessPoint:
    """The same door, the other way: what permission a way out is asked for."""
    return AccessPoint(point.id, point.door, point.to_area, point.from_area)
