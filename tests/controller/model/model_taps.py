"""The reference model's taps: who it is, and whether it is one read (docs/rooms.md, A tap; MEANINGS 10, 23)."""

from controller.inputs import CardRead
from controller.site import AccessPoint
from tests.controller.model.model_doors import seconds
from tests.controller.model.model_in import come
from tests.controller.model.model_out import leave
from tests.controller.model.model_rooms import Rooms, Who
from tests.controller.model.model_waits import deny


def tap(rooms: Rooms, read: CardRead) -> None:
    """A card at a reader: same read, the person, then the group."""
    point = rooms.points.get(read.access_point)
    if point is None:
        return
    badge = rooms.badges.get(read.credential)
    if badge is None:
        rooms.say("denied", "?", point.id, "UNKNOWN_BADGE")
        return
    who = badge.holder
    last = rooms.decided.get((point.id, who))
    if last is not None and rooms.now - last < seconds(rooms.limits.same_read_s):
        return
    said_before = len(rooms.said)
    if badge.status == "lost":
        deny(rooms, who, point, "BADGE_LOST")
    elif point.out:
        leave(rooms, who, point)
    else:
        come(rooms, who, point)
    duress(rooms, who, point, last, said_before)


def duress(rooms: Rooms, who: Who, point: AccessPoint, last: int | None, said_before: int) -> None:
    """The silent gesture, at an entry, if the answer is no refusal (MEANINGS 23)."""
    if point.out or last is None or rooms.site_doors[point.door].duress == "off":
        return
    since = rooms.now - last
    refused = any(said.who == who and said.what == "denied" for said in rooms.said[said_before:])
    if seconds(rooms.limits.duress_from_s) <= since < seconds(rooms.limits.duress_until_s) and not refused:
        rooms.alarms.add(("DURESS", rooms.badge_of[who].number))  # type: ignore[index]
