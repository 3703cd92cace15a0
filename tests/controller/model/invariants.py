"""What must hold in every reachable world (DESIGN §5), and on every move between two of them."""

from collections.abc import Iterator
from dataclasses import dataclass

from controller.actions import HoldUnlocked, Unlock
from controller.events import AccessGranted, AccessTaken, CommandDone, DoorUnlocked, Record
from controller.inputs import AnyInput, LinkChanged, RexPressed, Started
from controller.now import SECOND_US
from controller.room_events import EscortChanged, EscortConfirmed, InterlockBroken
from controller.site import AccessPoint
from controller.state import DoorState, State, count
from tests.controller.model.steps import Step, wait
from tests.controller.model.world import TICK_US, Ground, Taken, World


@dataclass(frozen=True)
class Violation:
    """What does not hold. ``rule``: its short name; ``probe``: further steps that show it, from the world on."""

    rule: str
    text: str
    probe: tuple[Step, ...] = ()


def of_world(ground: Ground, world: World) -> Iterator[Violation]:
    """Everything that a single world breaks."""
    yield from _two_persons(ground, world.state)
    yield from _grants_have_a_door(world.state)
    yield from _counts_are_right(world.state)
    yield from _truth(ground, world)
    yield from _never_locked_in(ground, world)
    yield from _link_unlocks_nothing(ground, world)


def of_move(ground: Ground, taken: Taken) -> Iterator[Violation]:
    """Everything that a move breaks."""
    state = taken.before.state
    for given, outcome in taken.outcomes:
        unlocked = {action.door for action in outcome.actions if isinstance(action, Unlock | HoldUnlocked)}
        record = outcome.record
        if unlocked and record is None:
            yield Violation("cause", f"{sorted(unlocked)} unlocked without a record")
        if record is not None:
            yield from _causes(ground, state, given, record, unlocked)
            yield from _interlocks(ground, state, given, record)
            yield from _presence(record)
    if taken.step.act == "restart":
        yield from _restart(ground, taken.after.state)


def _two_persons(ground: Ground, state: State) -> Iterator[Violation]:
    """Invariant 2."""
    for area in ground.site.areas:
        if not area.two_person or area.id in state.uncertain:
            continue
        inside = [who for who, one in state.presence.items() if ground.holds(area.id, one.area)]
        if len(inside) == 1 and f"LONE_OCCUPANT/{area.id}" not in state.alarms:
            yield Violation("two-person", f"{area.id}: {inside} alone, certain, and no LONE_OCCUPANT stands")


def _grants_have_a_door(state: State) -> Iterator[Violation]:
    for door, facts in state.doors.items():
        if facts.grants and facts.lock == "locked":
            yield Violation("grant-without-door", f"{door} is locked with grants outstanding")
        if facts.lock == "unlocked" and facts.mode != "released" and facts.window_until_mono_us is None:
            yield Violation("unlocked-for-good", f"{door} is unlocked and nothing ends it")


def _counts_are_right(state: State) -> Iterator[Violation]:
    """The count that is kept as people come and go is the count of the list."""
    if state.people != count(state.presence):
        yield Violation("counts", f"{state.people} kept, {count(state.presence)} listed")


def _truth(ground: Ground, world: World) -> Iterator[Violation]:
    """What is sure is so, and what is certain is complete, where people are honest. Fire lets people go without a word."""
    state = world.state
    if world.truth is None or state.fire_latched:
        return
    where = world.truth.where()
    for area in ground.site.areas:
        if area.public:
            continue
        really = {who for who, at in where.items() if ground.holds(area.id, at)}
        listed = {who for who, one in state.presence.items() if ground.holds(area.id, one.area)}
        sure = {who for who in listed if state.presence[who].sure}
        if not sure <= really:
            yield Violation("sure-is-so", f"{area.id}: {sorted(sure - really)} sure to be inside, and are not")
        if area.id not in ground.counting:
            continue
        cause = state.uncertain.get(area.id)
        if cause in (None, "rex") and not really <= listed:
            yield Violation("certain-is-complete", f"{area.id}: {sorted(really - listed)} inside and not listed")
        if cause is None and not listed <= really:
            yield Violation("certain-is-so", f"{area.id}: {sorted(listed - really)} listed, certain, and not inside")


def _never_locked_in(ground: Ground, world: World) -> Iterator[Violation]:
    """Invariant 3: REX opens at once, and a badge at the latest at the second tap."""
    engine = ground.engine(world.state)
    for way in ground.ways_out:
        outcome = engine.handle(RexPressed(way.door), ground.now(world.mono_us))
        at_once = [a.door for a in outcome.actions if isinstance(a, Unlock | HoldUnlocked) and a.before_journal]
        if way.door not in at_once or engine.door(way.door).lock != "unlocked":
            yield Violation("rex", f"REX at {way.door} does not unlock it at once", (Step("rex", way.door),))
        for who, one in world.state.presence.items():
            if who > 0 and ground.holds(way.from_area, one.area):
                yield from _exit(ground, world, way, ground.name[who])


def _exit(ground: Ground, world: World, way: AccessPoint, name: str) -> Iterator[Violation]:
    holder, confirm_s = ground.holder[name], ground.limits.exit_confirm_s
    tap = Step("tap", way.id, name)
    probe: list[Step] = []
    at = world
    if any(
        read.badge == holder and world.mono_us - read.mono_us < TICK_US for read in world.state.reads.get(way.id, ())
    ):
        probe.append(wait(TICK_US / SECOND_US))
        at = ground.move(at, probe[-1]).after
    prompted = False
    for _ in range(6):
        probe.append(tap)
        taken = ground.move(at, tap)
        at = taken.after
        record = taken.outcomes[0][1].record
        events = record.events if record else ()
        if any(isinstance(event, AccessGranted) and event.holder == holder and event.out for event in events):
            return
        if prompted and not _no_exit(events):
            break
        prompted = prompted or not _no_exit(events)
        probe.append(wait(confirm_s))
        at = ground.move(at, probe[-1]).after
    yield Violation("locked-in", f"{name} inside taps at {way.id} again and again and is not let out", tuple(probe))


def _no_exit(events: tuple[object, ...]) -> bool:
    """The tap was a confirmation for visitors outside, or took over somebody's."""
    return any(isinstance(event, EscortConfirmed | EscortChanged) for event in events)


def _link_unlocks_nothing(ground: Ground, world: World) -> Iterator[Violation]:
    """Invariant 5."""
    engine = ground.engine(world.state)
    for up in (False, True):
        outcome = engine.handle(LinkChanged(up), ground.now(world.mono_us))
        if any(isinstance(action, Unlock | HoldUnlocked) for action in outcome.actions):
            yield Violation("link", f"the link going {'up' if up else 'down'} unlocks", (Step("link", on=up),))


def _restart(ground: Ground, after: State) -> Iterator[Violation]:
    """Invariant 5: what a start leaves unlocked, a fire holds."""
    for door, facts in after.doors.items():
        held = any(
            zone in after.fire_latched
            for wired in ground.building.hardware
            if wired.door == door
            for zone in wired.fire_zones
        )
        if facts.grants or (facts.lock == "unlocked") != held:
            yield Violation("restart", f"after a restart {door} is {facts.lock} with grants {facts.grants}")


def _causes(ground: Ground, before: State, given: AnyInput, record: Record, unlocked: set[str]) -> Iterator[Violation]:
    """Invariant 4: what unlocks has its cause in the same record."""
    told = {event.door: event.cause for event in record.events if isinstance(event, DoorUnlocked)}
    for door in unlocked - set(told):
        yield Violation("cause", f"{door} unlocked and the record does not say so")
    for door, cause in told.items():
        granted = [event for event in record.events if isinstance(event, AccessGranted) and event.door == door]
        done = [event for event in record.events if isinstance(event, CommandDone) and event.result == "done"]
        right = {
            "grant": bool(granted),
            "rex": isinstance(given, RexPressed) and given.door == door,
            "fire": not isinstance(given, Started) or bool(before.fire_latched),
            "command": bool(done),
        }[cause]
        if not right:
            yield Violation("cause", f"{door} unlocked by {cause} without that cause in its record")


def _interlocks(ground: Ground, before: State, given: AnyInput, record: Record) -> Iterator[Violation]:
    """Invariant 8: never both by our doing; a way out may, and says so."""
    broken = {(event.interlock, event.door) for event in record.events if isinstance(event, InterlockBroken)}
    for event in record.events:
        if not isinstance(event, DoorUnlocked) or event.cause == "fire":
            continue
        for interlock in ground.site.interlocks:
            if not interlock.enabled or event.door not in interlock.doors:
                continue
            others = [(before.doors.get(other) or DoorState()) for other in interlock.doors if other != event.door]
            if not any(facts.lock == "unlocked" or facts.position == "open" for facts in others):
                continue
            if (before.doors.get(event.door) or DoorState()).mode == "released":
                continue
            granted = [one for one in record.events if isinstance(one, AccessGranted) and one.door == event.door]
            if event.cause == "grant" and not all(one.out for one in granted):
                yield Violation("interlock", f"{event.door} unlocked for an entry against interlock {interlock.id}")
            elif event.cause == "command" or (interlock.id, event.door) not in broken:
                yield Violation(
                    "interlock", f"{event.door} unlocked by {event.cause} against {interlock.id} without a word"
                )


def _presence(record: Record) -> Iterator[Violation]:
    """One grant, one passage."""
    taken = [(event.holder, event.access_point) for event in record.events if isinstance(event, AccessTaken)]
    if len(set(taken)) < len(taken):
        yield Violation("taken-twice", f"one passage is taken twice in one record: {taken}")
