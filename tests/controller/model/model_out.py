"""The reference model's ways out: last pairs, escorts, late visitors (docs/rooms.md, Ways out)."""

from controller.site import AccessPoint, Area
from tests.controller.model.model_doors import grant, note_interlock
from tests.controller.model.model_in import group_refusal, let_in
from tests.controller.model.model_one import faults, irregular
from tests.controller.model.model_rooms import Pass, Rooms, Who
from tests.controller.model.model_waits import brought_by, confirmed, deny, held_back, prompt, stop_waiting


def leave(rooms: Rooms, who: Who, point: AccessPoint) -> None:
    areas = rooms.left(point)
    if rooms.suspended(point.door) or rooms.site_doors[point.door].kind == "cabinet" or not areas:
        let_out(rooms, [who], point)
        return
    sure_to_go = confirmed(rooms, who, point)
    in_order = not irregular(rooms, who, point)
    if in_order and not sure_to_go and (fetch_visitors(rooms, who, point) or hand_over(rooms, who, point, areas)):
        return
    here = [
        wait.who for wait in rooms.waits if wait.point == point.id and wait.who != who and rooms.now < wait.paired_until
    ]
    alone = held_back(rooms, [who], areas)
    together = held_back(rooms, [who, *here], areas)
    if here and not together:
        let_out(rooms, [*here, who], point)
    elif not alone or sure_to_go:
        let_out(rooms, [who], point)
    else:
        prompt(rooms, who, point, *alone)


def let_out(rooms: Rooms, group: list[Who], point: AccessPoint) -> None:
    areas = rooms.left(point)
    brought = sorted(one for one in brought_by(rooms, group) if any(one in rooms.listed(area.id) for area in areas))
    passes = []
    for one in [*brought, *group]:
        stop_waiting(rooms, one, point.id)
        person = rooms.people.get(one)
        still = rooms.areas[point.to_area].public or rooms.escorted_in(one, point.to_area)
        escort = person.escort if person and still else None
        rooms.say("granted", one, point.id, escort=escort)
        passes.append(Pass(one, point.id, rooms.now, escort))
        if isinstance(one, int):
            irregular_exit(rooms, one, point, areas)
    facts = rooms.doors[point.door]
    if facts.position != "open" or facts.lock == "unlocked":  # a leaf that stands open is not unlocked for it
        note_interlock(rooms, point.door)
    grant(rooms, point.door, passes)


def irregular_exit(rooms: Rooms, who: int, point: AccessPoint, areas: list[Area]) -> None:
    badge = rooms.badge_of[who]
    unlisted = any(
        area.anti_passback != "off" and area.id not in rooms.doubts and who not in rooms.listed(area.id)
        for area in areas
    )
    alarm = irregular(rooms, who, point)
    if alarm:
        rooms.alarms.add((alarm, badge.number))
    if unlisted and not rooms.suspended(point.door):
        rooms.alarms.add(("EXIT_IRREGULAR", badge.number))


def fetch_visitors(rooms: Rooms, who: Who, point: AccessPoint) -> bool:
    """Visitors wait outside this door, and the tapper is inside and may escort them: a confirmation, no exit (MEANINGS 16)."""
    for entry in rooms.points.values():
        areas = rooms.entered(entry)
        if entry.door != point.door or entry.out or not rooms.may_escort(who, areas):
            continue
        waiting = [wait.who for wait in rooms.waits if wait.point == entry.id and rooms.needs_escort(wait.who, areas)]
        if not waiting or not all(who in rooms.listed(area.id) - rooms.going(area.id) for area in areas):
            continue
        rooms.decided[point.id, who] = rooms.now
        visitors: list[Who] = []
        for one in waiting[: int(rooms.limits.escort_visitors)]:
            found = faults(rooms, one, entry)
            if found:
                deny(rooms, one, entry, *found, waited=True)
            else:
                visitors.append(one)
        reason = group_refusal(rooms, visitors, [], entry, areas, frozenset({who}))
        if reason:
            for one in visitors:
                deny(rooms, one, entry, reason, waited=True)
        elif visitors:
            let_in(rooms, visitors, entry, who)
        return True
    return False


def hand_over(rooms: Rooms, who: Who, point: AccessPoint, areas: list[Area]) -> bool:
    """An escort waits here because visitors would stay, and the tapper is with them and may be their escort: the tap is no exit."""
    for wait in rooms.waits:
        if wait.point != point.id or wait.who == who or rooms.now >= wait.paired_until:
            continue
        led_out = brought_by(rooms, [wait.who])
        staying = {one for area in areas for one in rooms.listed(area.id) - rooms.going(area.id) - led_out}
        visitors = [one for one in staying if rooms.people[one].escort == wait.who]
        where = {rooms.people[one].area for one in visitors}
        if not visitors or who in visitors or not all(stands_for(rooms, who, area) for area in where):
            continue
        for one in visitors:
            rooms.people[one].escort, rooms.people[one].unescorted = who, False
        rooms.decided[point.id, who] = rooms.now
        if not held_back(rooms, [wait.who], areas):
            let_out(rooms, [wait.who], point)
        return True
    return False


def stands_for(rooms: Rooms, who: Who, area: str) -> bool:
    """Whether they are in the area, stay there, and may escort there."""
    return who in rooms.listed(area) - rooms.going(area) and rooms.may_escort(who, [rooms.areas[area]])
