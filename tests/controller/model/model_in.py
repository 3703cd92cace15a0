"""The reference model's entries: alone or together, by command, in an emergency (docs/rooms.md, Entry, Admitting)."""

from controller.commands import Admit
from controller.site import AccessPoint, Area
from tests.controller.model.model_doors import grant, interlocked, seconds
from tests.controller.model.model_one import faults
from tests.controller.model.model_rooms import Pass, Rooms, Who
from tests.controller.model.model_waits import confirmed, deny, held_back, prompt, stop_waiting, wait_for

NO_PERMIT_ASKED = {"NO_PERMISSION"}
"""R1, which an emergency's guard is not asked for."""


def come(rooms: Rooms, who: Who, point: AccessPoint) -> None:
    found = faults(rooms, who, point)
    supervisor = emergency_supervisor(rooms, who, point)
    if supervisor is not None and not set(found) - NO_PERMIT_ASKED:
        emergency(rooms, who, supervisor, point)
        return
    if found:
        deny(rooms, who, point, *found)
        return
    areas = rooms.entered(point)
    if rooms.suspended(point.door) or not areas:
        let_in(rooms, [who], point, None)
    elif rooms.site_doors[point.door].kind == "cabinet":
        if interlocked(rooms, point.door):
            deny(rooms, who, point, "INTERLOCKED")
        else:
            let_in(rooms, [who], point, None)
    elif rooms.needs_escort(who, areas):
        wait_for(rooms, who, point, "ESCORT_REQUIRED", rooms.limits.pairing_window_s)
    else:
        come_together(rooms, who, point, areas)


def come_together(rooms: Rooms, who: Who, point: AccessPoint, areas: list[Area]) -> None:
    """The tapper and whoever waits here."""
    for wait in [wait for wait in rooms.waits if wait.point == point.id and wait.who != who]:
        found = faults(rooms, wait.who, point)
        if found:
            deny(rooms, wait.who, point, *found, waited=True)
    here = [
        wait.who for wait in rooms.waits if wait.point == point.id and wait.who != who and rooms.now < wait.paired_until
    ]
    company = [one for one in here if not rooms.needs_escort(one, areas)] + [who]
    escorts = [one for one in company if rooms.may_escort(one, areas)]
    visitors: list[Who] = []
    if escorts:
        visitors = [one for one in here if rooms.needs_escort(one, areas)][: int(rooms.limits.escort_visitors)]
    escort = None if not escorts else who if who in escorts else escorts[0]
    group = visitors + company
    reason = group_refusal(rooms, group, company, point, areas)
    if reason == "SECOND_PERSON_REQUIRED":
        wait_for(rooms, who, point, reason, rooms.limits.pairing_window_s)
        return
    if reason:
        deny(rooms, who, point, reason)
        return
    leaving = held_back(rooms, group, rooms.left(point))
    if "SECOND_PERSON_REQUIRED" in leaving and not confirmed(rooms, who, point):
        prompt(rooms, who, point, "SECOND_PERSON_REQUIRED")
        return
    let_in(rooms, [one for one in here if one in group] + [who], point, escort)


def group_refusal(
    rooms: Rooms,
    group: list[Who],
    company: list[Who],
    point: AccessPoint,
    areas: list[Area],
    proved: frozenset[Who] = frozenset(),
) -> str:
    """The first of the group's rules that fails; empty: they may go in. ``proved``: who has just tapped inside."""
    for area in areas:
        surely_there = (rooms.sure(area.id) | proved) - rooms.going(area.id) - set(group)
        if area.two_person and len(group) < 2 and len(surely_there) < 2:
            return "SECOND_PERSON_REQUIRED"
    for area in areas:
        if area.first_in and not any(rooms.is_staff(one) for one in {*group, *rooms.sure(area.id), *proved}):
            return "FIRST_IN_REQUIRED"
    for area in areas:
        if not composed(rooms, group, company, area, rooms.sure(area.id) | proved):
            return "COMPOSITION"
    for area in areas:
        there = rooms.listed(area.id) | rooms.coming(area.id) | set(group)
        if area.capacity is not None and len(there) > area.capacity:
            return "AREA_FULL"
    return "INTERLOCKED" if interlocked(rooms, point.door) else ""


def composed(rooms: Rooms, group: list[Who], company: list[Who], area: Area, surely_there: set[Who]) -> bool:
    if area.composition == "any" or any(rooms.is_staff(one) for one in {*group, *surely_there}):
        return True
    if area.composition == "with_staff" or not company:
        return False
    customers = {rooms.customer(one) for one in company}
    inside = {rooms.customer(one) for one in surely_there}
    return len(customers) == 1 and (len(company) >= 2 or customers <= inside)


def let_in(rooms: Rooms, group: list[Who], point: AccessPoint, escort: Who | None, emergency: bool = False) -> None:
    """One grant for each of them, and one unlock."""
    areas = rooms.entered(point)
    passes = []
    for one in group:
        brought = escort if rooms.needs_escort(one, areas) else None
        was_urgent = emergency or any(
            wait.emergency for wait in rooms.waits if (wait.who, wait.point) == (one, point.id)
        )
        stop_waiting(rooms, one, point.id)
        rooms.say("granted", one, point.id, escort=brought, emergency=was_urgent)
        passes.append(Pass(one, point.id, rooms.now, brought, was_urgent))
        if not rooms.suspended(point.door) and any(
            area.anti_passback == "soft" and one in rooms.sure(area.id) for area in areas
        ):
            rooms.alarms.add(("EXIT_IRREGULAR", rooms.badge_of[one].number))  # type: ignore[index]
    grant(rooms, point.door, passes)


def admit(rooms: Rooms, asked: Admit) -> None:
    """Somebody without a badge waits for an escort's tap."""
    point = rooms.points.get(asked.access_point)
    if point is None or point.out or not asked.reason or faults(rooms, asked.person, point):
        return
    wait_for(
        rooms,
        rooms.stranger(asked.person),
        point,
        "ESCORT_REQUIRED",
        rooms.limits.admit_window_s,
        emergency=asked.emergency,
    )


def emergency_supervisor(rooms: Rooms, who: Who, point: AccessPoint) -> Who | None:
    """With the link down: the supervisor whose tap came before this guard's (MEANINGS 21)."""
    if rooms.link_up is not False or not isinstance(who, int) or "guard" not in rooms.holders[who].duties:
        return None
    if not rooms.entered(point) or rooms.suspended(point.door):
        return None
    window = seconds(rooms.limits.pairing_window_s)
    waiting = [wait.who for wait in rooms.waits if wait.point == point.id]
    let = [
        one.who for one in rooms.doors[point.door].passes if one.point == point.id and rooms.now - one.given < window
    ]
    for other in [*waiting, *let]:
        if other != who and isinstance(other, int) and "supervisor" in rooms.holders[other].duties:
            return other
    return None


def emergency(rooms: Rooms, guard: Who, supervisor: Who, point: AccessPoint) -> None:
    """The guard and one unnamed person go in; the supervisor stays outside."""
    facts = rooms.doors[point.door]
    stranger = rooms.stranger()
    before = facts.passes
    facts.passes = [one for one in before if (one.who, one.point) != (supervisor, point.id)]
    reason = group_refusal(rooms, [guard, stranger], [guard], point, rooms.entered(point))
    if reason:
        facts.passes = before
        deny(rooms, guard, point, reason)
        return
    stop_waiting(rooms, supervisor, point.id)
    let_in(rooms, [stranger, guard], point, guard, emergency=True)
