"""The reference model's taps: the rules about one person, about the group that goes in, about ways out (docs/rooms.md)."""

from controller.commands import Admit
from controller.inputs import CardRead
from controller.site import AccessPoint, Area
from tests.controller.model.buildings import START_WALL_US
from tests.controller.model.model_doors import grant, interlocked, note_interlock, seconds
from tests.controller.model.model_rooms import Pass, Rooms, Wait, Who

NO_PERMIT_ASKED = {"NO_PERMISSION"}
"""R1, which an emergency's guard is not asked for."""


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


def deny(rooms: Rooms, who: Who, point: AccessPoint, *reasons: str, waited: bool = False) -> None:
    stop_waiting(rooms, who, point.id)
    rooms.say("denied", who, point.id, *reasons, waited=waited)


def stop_waiting(rooms: Rooms, who: Who, point: str) -> None:
    rooms.waits = [wait for wait in rooms.waits if (wait.who, wait.point) != (who, point)]


# --- one person


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


# --- coming in


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


def wait_for(
    rooms: Rooms, who: Who, point: AccessPoint, reason: str, window_s: float, *, emergency: bool = False
) -> None:
    """Waits anew from now, last of those who wait."""
    stop_waiting(rooms, who, point.id)
    until = rooms.now + seconds(window_s)
    rooms.waits.append(Wait(who, point.id, reason, rooms.now, until, until, emergency))
    rooms.say("pending", who, point.id, reason)


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


# --- going out


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


def confirmed(rooms: Rooms, who: Who, point: AccessPoint) -> bool:
    asked = [wait.asked for wait in rooms.waits if (wait.who, wait.point) == (who, point.id)]
    return bool(asked) and rooms.now - asked[0] >= seconds(rooms.limits.exit_confirm_s)


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
