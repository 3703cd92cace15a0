"""The reference model's people at an access point: who waits, who is denied, who is asked to wait before they leave (docs/rooms.md)."""

from controller.site import AccessPoint, Area
from tests.controller.model.model_doors import seconds
from tests.controller.model.model_rooms import Rooms, Wait, Who


def deny(rooms: Rooms, who: Who, point: AccessPoint, *reasons: str, waited: bool = False) -> None:
    stop_waiting(rooms, who, point.id)
    rooms.say("denied", who, point.id, *reasons, waited=waited)


def stop_waiting(rooms: Rooms, who: Who, point: str) -> None:
    rooms.waits = [wait for wait in rooms.waits if (wait.who, wait.point) != (who, point)]


def wait_for(
    rooms: Rooms, who: Who, point: AccessPoint, reason: str, window_s: float, *, emergency: bool = False
) -> None:
    """Waits anew from now, last of those who wait."""
    stop_waiting(rooms, who, point.id)
    until = rooms.now + seconds(window_s)
    rooms.waits.append(Wait(who, point.id, reason, rooms.now, until, until, emergency))
    rooms.say("pending", who, point.id, reason)


def prompt(rooms: Rooms, who: Who, point: AccessPoint, *reasons: str) -> None:
    """Earlier taps change nothing: the first prompt's time counts."""
    if not any((wait.who, wait.point) == (who, point.id) for wait in rooms.waits):
        rooms.waits.append(
            Wait(
                who,
                point.id,
                reasons[0],
                rooms.now,
                rooms.now + seconds(rooms.limits.exit_prompt_s),
                rooms.now + seconds(rooms.limits.pairing_window_s),
                prompt=True,
            )
        )
    rooms.say("pending", who, point.id, *reasons)


def confirmed(rooms: Rooms, who: Who, point: AccessPoint) -> bool:
    asked = [wait.asked for wait in rooms.waits if (wait.who, wait.point) == (who, point.id)]
    return bool(asked) and rooms.now - asked[0] >= seconds(rooms.limits.exit_confirm_s)


def held_back(rooms: Rooms, group: list[Who], areas: list[Area]) -> list[str]:
    """Why they are asked to wait before they leave; empty: nothing keeps them."""
    found = []
    gone = set(group) | brought_by(rooms, group)
    for area in areas:
        stay = rooms.listed(area.id) - rooms.going(area.id) - gone
        if area.two_person and area.id not in rooms.doubts and len(stay) == 1:
            found.append("SECOND_PERSON_REQUIRED")
        if any(rooms.people[one].escort in group for one in stay):
            found.append("ESCORT_REQUIRED")
    return found


def brought_by(rooms: Rooms, group: list[Who]) -> set[Who]:
    """People without a badge leave with the escort who brought them."""
    return {one for one, person in rooms.people.items() if not isinstance(one, int) and person.escort in group}
