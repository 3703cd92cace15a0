"""The reference model's doors: locks, leaves, who passed when one opened, fire, lockdown, counts (docs/rooms.md, docs/door-states.md)."""

from controller.commands import ReconcileOccupancy, UnlockDoor
from controller.now import SECOND_US
from tests.controller.model.model_rooms import DoorFacts, Pass, Person, Rooms, Who


def seconds(value: float) -> int:
    return round(value * SECOND_US)


def unlock_time(rooms: Rooms, door: str) -> int:
    return seconds(rooms.limits.unlock_s or rooms.site_doors[door].unlock_s)


def unlock(rooms: Rooms, door: str) -> None:
    """Unlock for the unlock time, or longer where it is unlocked already."""
    facts = rooms.doors[door]
    end = rooms.now + unlock_time(rooms, door)
    facts.until = max(facts.until or 0, end)
    facts.open_since = rooms.now if facts.position == "open" else None
    if not facts.released:
        facts.lock = "unlocked"


def grant(rooms: Rooms, door: str, passes: list[Pass]) -> None:
    """Grants are given at a door, all in one: it unlocks, and if the leaf is open they are taken at once (MEANINGS 14)."""
    facts = rooms.doors[door]
    for given in passes:
        facts.passes = [one for one in facts.passes if (one.who, one.point) != (given.who, given.point)]
        facts.passes.append(given)
    if facts.position == "open":
        if facts.lock == "unlocked" and not facts.released:
            unlock(rooms, door)
        take(rooms, door)
        if not facts.released:
            restart_held(rooms, door)
        return
    unlock(rooms, door)


def restart_held(rooms: Rooms, door: str) -> None:
    facts = rooms.doors[door]
    facts.open_since = rooms.now
    rooms.alarms.discard(("DoorHeldOpen", door))


def note_interlock(rooms: Rooms, door: str) -> None:
    """A way out or REX unlocks although another door of an interlock is not locked and closed: it says so."""
    if not rooms.doors[door].released:
        rooms.broken |= set(interlocked(rooms, door))


def interlocked(rooms: Rooms, door: str) -> list[tuple[str, str]]:
    """The other doors of this door's interlocks that are not locked and closed."""
    found = []
    for interlock in rooms.interlocks:
        if door in interlock.doors:
            for other in interlock.doors:
                facts = rooms.doors[other]
                if other != door and (facts.lock == "unlocked" or facts.position != "closed"):
                    found.append((interlock.id, other))
    return found


def leaf_opened(rooms: Rooms, door: str) -> None:
    facts = rooms.doors[door]
    if facts.position == "open":
        return
    was = facts.position
    facts.position, facts.open_since = "open", rooms.now
    if facts.lock == "locked":
        if was == "closed":
            rooms.alarms.add(("DoorForcedOpen", door))
            rooms.doubt(rooms.behind(door) | rooms.before(door), "forced")
        return
    facts.commanded |= not (facts.passes or facts.rex)  # nothing else explains it
    take(rooms, door)
    if not facts.released:
        relock(facts)


def relock(facts: DoorFacts) -> None:
    facts.lock, facts.until, facts.rex, facts.commanded = "locked", None, False, False


def leaf_closed(rooms: Rooms, door: str) -> None:
    facts = rooms.doors[door]
    facts.position, facts.open_since = "closed", None
    rooms.alarms -= {("DoorForcedOpen", door), ("DoorHeldOpen", door)}


def take(rooms: Rooms, door: str) -> None:
    """The leaf is open: all outstanding grants and requests to exit are taken."""
    facts = rooms.doors[door]
    passes, rex = facts.passes, facts.rex
    facts.passes, facts.rex = [], False
    if facts.lock == "locked" or facts.released:
        facts.until = None
    twice: set[str] = set()
    for one in [one for one in passes if not rooms.points[one.point].out]:
        for area in rooms.entered(rooms.points[one.point]):
            if one.who in rooms.sure(area.id):
                twice |= set(rooms.within(area.id))
    for one in passes:
        at, before = rooms.points[one.point], rooms.people.get(one.who)
        walk(rooms, one)
        take_over(rooms, one)
        told = {at.from_area, at.to_area} | ({before.area} if before else set())
        rooms.passed |= {area for area in rooms.areas if any(rooms.holds(area, side) for side in told)}
        rooms.waits = [wait for wait in rooms.waits if wait.who != one.who]  # whoever went waits nowhere any more
    if rex:
        rooms.rexed |= rooms.behind(door)
    if facts.released:
        rooms.doubt(rooms.behind(door), "fire")
        return
    if twice:
        rooms.doubt(twice, "ambiguous")
    if rex:
        rooms.doubt(rooms.behind(door), "ambiguous" if passes else "rex")
        rooms.doubt(rooms.before(door), "ambiguous")
    if facts.commanded:
        rooms.doubt(rooms.behind(door) | rooms.before(door), "command")


def walk(rooms: Rooms, one: Pass) -> None:
    """One person goes through."""
    point = rooms.points[one.point]
    if rooms.site_doors[point.door].kind == "cabinet":
        return
    if rooms.areas[point.to_area].public:
        rooms.people.pop(one.who, None)
    else:
        before = rooms.people.get(one.who)
        rooms.people[one.who] = Person(point.to_area, rooms.now, escort=one.escort)
        if before is not None and point.out and one.escort is None and rooms.escorted_in(one.who, point.to_area):
            rooms.people[one.who].unescorted = before.unescorted
    if one.emergency and not isinstance(one.who, int):
        rooms.alarms.add(("EMERGENCY_ENTRY", one.who))


def take_over(rooms: Rooms, one: Pass) -> None:
    """Whoever may escort and comes into a room with visitors whom nobody escorts takes them."""
    areas = rooms.entered(rooms.points[one.point])
    if areas and rooms.may_escort(one.who, areas):
        for area in areas:
            for visitor in rooms.listed(area.id):
                if rooms.people[visitor].unescorted and one.who in rooms.listed(rooms.people[visitor].area):
                    rooms.people[visitor].escort, rooms.people[visitor].unescorted = one.who, False


def request_exit(rooms: Rooms, door: str) -> None:
    """The way out always opens (L1)."""
    facts = rooms.doors[door]
    note_interlock(rooms, door)
    unlock(rooms, door)
    facts.rex = True
    if facts.position == "open":
        take(rooms, door)


def unlock_by_command(rooms: Rooms, asked: UnlockDoor, supervisor: bool) -> None:
    facts = rooms.doors[asked.door]
    entered = [area for point in rooms.points.values() if point.door == asked.door for area in rooms.entered(point)]
    if not asked.reason or (any(area.two_person for area in entered) and not supervisor):
        return
    entries = [point.id for point in rooms.points.values() if point.door == asked.door]
    locked_down = any(concerns(rooms, area, point) for area in rooms.locked_down for point in entries)
    if (
        interlocked(rooms, asked.door)
        or facts.released
        or (locked_down and not supervisor)
        or rooms.gas & set(rooms.zones[asked.door])
    ):
        return
    unlock(rooms, asked.door)
    facts.commanded = True
    if facts.position == "open":
        rooms.doubt(rooms.behind(asked.door) | rooms.before(asked.door), "command")
        restart_held(rooms, asked.door)


def start(rooms: Rooms) -> None:
    """A new process: waits and grants are void, positions unknown, and nobody knows what happened meanwhile (not the very first)."""
    rooms.waits, rooms.decided = [], {}
    for door, facts in rooms.doors.items():
        facts.passes, facts.position, facts.open_since = [], "unknown", None
        relock(facts)
        if facts.released:
            facts.lock = "unlocked"
        if rooms.started:
            rooms.doubt(rooms.behind(door), "restart")
    rooms.started = True


def run_timers(rooms: Rooms) -> None:
    for wait in list(rooms.waits):
        if wait.until <= rooms.now:
            rooms.waits.remove(wait)
            if not wait.prompt:
                rooms.say("denied", wait.who, wait.point, wait.reason, waited=True)
    for door, facts in rooms.doors.items():
        if facts.until is not None and facts.until <= rooms.now:
            facts.passes, facts.until = [], None
            if not facts.released:
                relock(facts)
        held = rooms.limits.held_open_s or rooms.site_doors[door].held_open_s
        if facts.open_since is not None and not facts.released and rooms.now >= facts.open_since + seconds(held):
            rooms.alarms.add(("DoorHeldOpen", door))
            facts.open_since = None  # said once


def fire(rooms: Rooms, zone: str, active: bool) -> None:
    rooms.fire_on[zone] = active
    if not active:
        return
    rooms.fire_latched.add(zone)
    rooms.alarms.add(("FIRE", zone))
    for door, facts in rooms.doors.items():
        if zone in rooms.zones[door] and not facts.released:
            facts.released, facts.lock, facts.commanded = True, "unlocked", False
            facts.until = facts.until if facts.passes else None
            facts.open_since = rooms.now if facts.position == "open" else None


def reset_fire(rooms: Rooms, zone: str) -> None:
    if rooms.fire_on.get(zone) or zone not in rooms.fire_latched:
        return
    rooms.fire_latched.discard(zone)
    rooms.alarms.discard(("FIRE", zone))
    for door, facts in rooms.doors.items():
        if facts.released and not rooms.fire_latched & set(rooms.zones[door]):
            facts.released, facts.passes = False, []
            relock(facts)
            facts.open_since = rooms.now if facts.position == "open" else None
            rooms.doubt(rooms.behind(door), "fire")


def lock_down(rooms: Rooms, area: str) -> None:
    """Who was let in and has not gone in, is not; who waits to enter is denied; ways out stay (MEANINGS 22)."""
    if area in rooms.locked_down:
        return
    rooms.locked_down.add(area)
    for wait in list(rooms.waits):
        if concerns(rooms, area, wait.point) and rooms.now < wait.paired_until:
            rooms.waits.remove(wait)
            rooms.say("denied", wait.who, wait.point, "LOCKDOWN", waited=True)
    for door, facts in rooms.doors.items():
        entries = [p.id for p in rooms.points.values() if p.door == door and concerns(rooms, area, p.id)]
        if not entries or facts.released:
            continue
        facts.passes = [one for one in facts.passes if one.point not in entries]
        if not facts.passes and not facts.rex:
            relock(facts)


def concerns(rooms: Rooms, area: str, point: str) -> bool:
    """Whether a lockdown of the area, or of the site, bears on entry here."""
    at = rooms.points[point]
    return not at.out and any(area in ("", entered.id) for entered in rooms.entered(at))


def counted(rooms: Rooms, area: str, people: int) -> None:
    highest = rooms.highest(area)
    if people < rooms.lowest(area) or (highest is not None and people > highest):
        rooms.alarms.add(("OCCUPANCY_MISMATCH", area))
    else:
        rooms.alarms.discard(("OCCUPANCY_MISMATCH", area))


def reconcile(rooms: Rooms, asked: ReconcileOccupancy) -> None:
    """Somebody counted: exactly these are in the area."""
    known = {badge.number: badge.holder for badge in rooms.badge_of.values()}
    if (
        asked.area not in rooms.areas
        or not asked.reason
        or len(set(asked.numbers)) < len(asked.numbers)
        or any(number not in known for number in asked.numbers)
    ):
        return
    found: list[Who] = [known[number] for number in asked.numbers]
    within = set(rooms.within(asked.area))
    where = {who: person.area for who, person in rooms.people.items() if person.area in within}
    there = [
        who for who in rooms.listed(asked.area) if not isinstance(who, int)
    ]  # whoever has no badge is one of the others
    there = sorted(
        there, key=lambda who: (not rooms.people[who].sure, rooms.people[who].since, rooms.order.index(who))
    )[: asked.others]
    found += there
    around = rooms.areas[asked.area].inside
    for who in rooms.listed(asked.area) - set(found):
        if around is None or rooms.areas[around].public:
            del rooms.people[who]
        else:  # nothing says that they left that one
            rooms.people[who].area, rooms.people[who].sure = around, False
    for who in found:
        person = rooms.people.get(who)
        if person is None:
            rooms.people[who] = Person(asked.area, rooms.now)
        else:
            person.area = surely_in(rooms, person, asked.area)
            person.sure = True
    for _ in range(asked.others - len(there)):
        rooms.people[rooms.stranger()] = Person(asked.area, rooms.now)
    rooms.doubts.pop(asked.area, None)
    for inner in within - {asked.area}:
        settle_inner(rooms, inner, asked.area, where)


def surely_in(rooms: Rooms, person: Person, counted: str) -> str:
    """The smallest area of which it is certain that this person, found in the area counted, is in it."""
    here = [area for area in rooms.within(counted) if rooms.holds(area, person.area)]
    known = [area for area in here if area == counted or area not in rooms.doubts]
    if person.sure and here:
        return person.area
    return min(known, key=lambda area: len(rooms.within(area)), default=counted)


def settle_inner(rooms: Rooms, inner: str, counted: str, where: dict[Who, str]) -> None:
    """Whoever is listed in the area counted but not in the inner one may be in that all the same, where it was doubtful. ``where`` they
    were listed before."""
    if inner not in rooms.doubts:
        return
    around = {
        who
        for who in rooms.listed(counted) - rooms.listed(inner)
        if rooms.holds(rooms.people[who].area, inner) and rooms.people[who].sure
    }
    if rooms.doubts[inner] == "rex":  # nobody came in
        around = {who for who in around if who in where and rooms.holds(inner, where[who])}
    if not around:
        del rooms.doubts[inner]
        return
    if rooms.doubts[inner] == "rex":
        rooms.doubts[inner] = "ambiguous"
    if inner in rooms.lone_since:  # nobody has looked there
        rooms.rexed.add(inner)


def settle(rooms: Rooms) -> None:
    """What follows from who is where: certainty after mere exits, LONE_OCCUPANT, ESCORT_LEFT."""
    for person in rooms.people.values():
        if person.escort is not None and person.escort not in rooms.listed(person.area):
            person.escort, person.unescorted = None, True
    for area, cause in list(rooms.doubts.items()):
        if cause == "rex" and area in rooms.passed and rooms.listed(area) == rooms.sure(area):
            for inner in rooms.within(area):
                if rooms.doubts.get(inner) == "rex":
                    del rooms.doubts[inner]
    for area in [area.id for area in rooms.areas.values() if area.two_person]:
        by_rex = area in rooms.rexed or rooms.doubts.get(area) == "rex"
        unknown_exit = by_rex and area in rooms.doubts and len(rooms.sure(area)) < 2
        (rooms.rexed.add if unknown_exit else rooms.rexed.discard)(area)
        alone = len(rooms.listed(area)) == 1 or unknown_exit
        if not alone:
            rooms.lone_since.pop(area, None)
            rooms.lone_overdue.discard(area)
        else:
            since = rooms.lone_since.setdefault(area, rooms.now)
            if rooms.now >= since + seconds(rooms.limits.lone_occupant_s):
                rooms.lone_overdue.add(area)


def next_due(rooms: Rooms) -> int | None:
    """The next boot time at which something ends by itself."""
    due = [wait.until for wait in rooms.waits]
    for door, facts in rooms.doors.items():
        if facts.until is not None:
            due.append(facts.until)
        if facts.open_since is not None and not facts.released:
            held = rooms.limits.held_open_s or rooms.site_doors[door].held_open_s
            due.append(facts.open_since + seconds(held))
    due += [
        since + seconds(rooms.limits.lone_occupant_s)
        for area, since in rooms.lone_since.items()
        if area not in rooms.lone_overdue
    ]
    return min(due, default=None)


def shown_mode(rooms: Rooms, door: str) -> str:
    """What the door shows: fire outranks lockdown."""
    if rooms.doors[door].released:
        return "released"
    entries = [point.id for point in rooms.points.values() if point.door == door]
    locked = any(concerns(rooms, area, point) for area in rooms.locked_down for point in entries)
    return "locked_down" if locked else "controlled"
