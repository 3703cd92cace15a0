"""One reachable situation: the engine's state, the time, and where honest people really are. Moves from one to the next by a step."""

from dataclasses import dataclass, replace
from itertools import permutations

import msgspec

from controller.engine import Engine, Outcome
from controller.events import AccessTaken, DoorLocked, DoorUnlocked, ExitByRequest
from controller.index import PolicyIndex
from controller.inputs import AnyInput, LeaseArrived, Started, TimeElapsed
from controller.limits import limits_from
from controller.now import SECOND_US, Now
from controller.state import DoorState, State, decode_state, encode_state, snapshot
from tests.controller.model import sites
from tests.controller.model.buildings import BY_NAME, START_MONO_US, START_WALL_US, Building
from tests.controller.model.steps import Step, stimulus, wait

TICK_US = SECOND_US
"""The grain of time: every limit of the small buildings is a whole number of it."""
OUTSIDE = "outside"
MAX_TIMERS = 50


class Truth(msgspec.Struct, frozen=True, gc=False):
    """Where honest people are, by holder, and who pressed the button at a door. They pass when a door opens under their grant or their
    button, and not otherwise; they stay where they wait."""

    at: tuple[tuple[int, str], ...]
    pressed: tuple[tuple[str, int], ...] = ()

    def where(self) -> dict[int, str]:
        return dict(self.at)


@dataclass(frozen=True)
class World:
    """``truth`` None: anybody taps anywhere, so nobody knows where people are."""

    state: State
    mono_us: int
    truth: Truth | None


@dataclass(frozen=True)
class Taken:
    """One transition: what was handed in, with every outcome on the way (timers included)."""

    before: World
    step: Step
    outcomes: tuple[tuple[AnyInput, Outcome], ...]
    after: World


class Ground:
    """A building made ready: worlds begin here, and move."""

    def __init__(self, building: Building, kind: type[Engine] = Engine) -> None:
        """``kind``: of engine; a test takes a faulty one."""
        self.building = building
        self.kind = kind
        self.site = building.site
        self.index = PolicyIndex(building.policy)
        self.limits = limits_from(building.site.settings)
        self.points = {point.id: point for point in building.site.access_points}
        self.ways_out = [point for point in building.site.access_points if point.out]
        self.inside_of = {area.id: area.inside for area in building.site.areas}
        self.counting = {area.id for area in building.site.areas if self._counts(area.id)}
        self.public = {area.id for area in building.site.areas if area.public}
        self.doors = [wired.door for wired in building.hardware]
        self.zones = sorted({zone for wired in building.hardware for zone in wired.fire_zones})
        self.holder = {name: BY_NAME[name].holder for name in BY_NAME}
        self.name = {BY_NAME[name].holder: name for name in BY_NAME}
        self.alike = _alike(building)
        gesture = any(door.duress != "off" for door in building.site.doors)
        self.recent_us = round((self.limits.duress_until_s if gesture else self.limits.same_read_s) * SECOND_US)

    def holds(self, outer: str, inner: str) -> bool:
        at: str | None = inner
        while at is not None:
            if at == outer:
                return True
            at = self.inside_of[at]
        return False

    def _counts(self, area: str) -> bool:
        """Whether a rule of the area, or of one around it, hangs on who is there."""
        around = [one for one in self.site.areas if self.holds(one.id, area)]
        return any(one.two_person or one.capacity is not None or one.anti_passback != "off" for one in around)

    def starts(self, honest: bool) -> list[tuple[tuple[Step, ...], World]]:
        """Where the search sets out: everybody outside, and with some people in rooms already; each with the steps that lead there."""
        found = []
        for way in ((), *sites.STARTS.get(self.building.name, ())):
            world = self.begin(honest)
            for step in way:
                world = self.move(world, step).after
            found.append((way, world))
        return found

    def begin(self, honest: bool) -> World:
        """Started, leased, every door known to be closed, everybody outside."""
        engine = Engine(State(), "j" * 8, self.building.hardware, "edge-1")
        now = self.now(START_MONO_US)
        engine.adopt(self.building.policy, self.building.digest, now)
        engine.handle(Started("boot-0", "test"), now)
        engine.handle(LeaseArrived(self.building.lease), now)
        for door in self.doors:
            engine.handle(stimulus(Step("close", door), now.mono_us, 0), now)
        engine.commit()
        truth = Truth(tuple((self.holder[name], OUTSIDE) for name in self.building.people)) if honest else None
        return World(engine.state, START_MONO_US, truth)

    def now(self, mono_us: int) -> Now:
        return Now(START_WALL_US + mono_us - START_MONO_US, mono_us)

    def engine(self, state: State) -> Engine:
        """An engine that goes on from a copy of this state."""
        engine = self._on(snapshot(state))
        engine._committed = state  # what it goes back to, so it need not copy that again
        return engine

    def _on(self, state: State) -> Engine:
        engine = self.kind(state, "j" * 8, self.building.hardware, "edge-1")
        engine._index = self.index
        engine._begun = True
        return engine

    def door(self, state: State, door: str) -> DoorState:
        return state.doors.get(door) or DoorState()

    def move(self, world: World, step: Step) -> Taken:
        """What the step makes of the world."""
        engine = self.engine(world.state)
        mono_us = world.mono_us
        outcomes: list[tuple[AnyInput, Outcome]] = []
        if step.act == "wait":
            target = mono_us + step.us
            for _ in range(MAX_TIMERS):
                due = engine.next_deadline_us(self.now(mono_us))
                if due is None or due > target:
                    break
                mono_us = max(mono_us, due)
                outcomes.append((TimeElapsed(), engine.handle(TimeElapsed(), self.now(mono_us))))
            else:
                raise AssertionError(f"a deadline stays due after {step}")
            mono_us = target
        elif step.act == "reset":  # the input is normal again, then the command
            for one in (replace(step, act="fire", on=False), step):
                given = stimulus(one, mono_us, 1)
                outcomes.append((given, engine.handle(given, self.now(mono_us))))
        elif step.act != "flee":
            given = stimulus(step, mono_us, 1)
            outcomes.append((given, engine.handle(given, self.now(mono_us))))
        engine.commit()
        truth = world.truth
        if truth is not None:
            truth = self._follow(truth, step, outcomes)
        return Taken(world, step, tuple(outcomes), World(engine.state, mono_us, truth))

    def _follow(self, truth: Truth, step: Step, outcomes: list[tuple[AnyInput, Outcome]]) -> Truth:
        where, pressed = truth.where(), dict(truth.pressed)
        if step.act == "rex":
            pressed[step.what] = self.holder[step.who]
        if step.act == "flee":
            for point in self.ways_out:
                if point.door == step.what:
                    for who, area in where.items():
                        if self.holds(point.from_area, area):
                            where[who] = point.to_area
        for _, outcome in outcomes:
            for event in outcome.record.events if outcome.record else ():
                if isinstance(event, AccessTaken) and where.get(event.holder) == event.from_area:
                    where[event.holder] = event.to_area
                elif isinstance(event, ExitByRequest) and event.door in pressed:
                    who = pressed.pop(event.door)
                    way = next(p for p in self.ways_out if p.door == event.door)
                    if where[who] == way.from_area:
                        where[who] = way.to_area
                elif isinstance(event, DoorLocked) or (isinstance(event, DoorUnlocked) and event.cause == "fire"):
                    pressed.pop(event.door, None)
        if step.act == "restart":
            pressed = {}
        return Truth(tuple(sorted(where.items())), tuple(sorted(pressed.items())))

    # --- what can happen next

    def steps(self, world: World) -> list[Step]:
        """Everything that can happen in this world."""
        return [
            *self._taps(world),
            *self._doors(world),
            *self._times(world),
            *self._others(world),
        ]

    def _busy(self, state: State) -> dict[int, str]:
        """Who waits, or is about to pass, and where: an honest person stays there."""
        busy = {one.pending.holder: point for point, waiting in state.waiting.items() for one in waiting}
        busy.update({one.holder: one.access_point for facts in state.doors.values() for one in facts.grants})
        return busy

    def _taps(self, world: World) -> list[Step]:
        people = self.building.people
        if world.truth is None:
            return [Step("tap", point, name) for name in people for point in self.points]
        where, busy = world.truth.where(), self._busy(world.state)
        at_button = {who: door for door, who in world.truth.pressed}
        return [
            Step("tap", point.id, name)
            for name in people
            for point in self.points.values()
            if where[self.holder[name]] == point.from_area
            and busy.get(self.holder[name], point.id) == point.id
            and at_button.get(self.holder[name], point.door) == point.door
        ]

    def _doors(self, world: World) -> list[Step]:
        steps = []
        for door in self.doors:
            position = self.door(world.state, door).position
            if position != "open":
                steps.append(Step("open", door))
            if position != "closed":
                steps.append(Step("close", door))
        for point in self.ways_out:
            if world.truth is None:
                steps.append(Step("rex", point.door))
                continue
            busy, taken = self._busy(world.state), dict(world.truth.pressed)
            if point.door in taken:
                continue
            steps += [
                Step("rex", point.door, self.name[who])
                for who, area in world.truth.at
                if area == point.from_area and busy.get(who, point.id) == point.id and who not in taken.values()
            ]
        return steps

    def _times(self, world: World) -> list[Step]:
        """A moment, and to just before, at and (a moment later) after the next limit."""
        state, now_us = world.state, world.mono_us
        soon = {TICK_US}
        due = [self._on(state).next_deadline_us(self.now(now_us))]
        due += [
            one.asked_at_mono_us + round(self.limits.exit_confirm_s * SECOND_US)
            for waiting in state.waiting.values()
            for one in waiting
        ]
        for at in due:
            if at is not None and at > now_us:
                soon |= {at - now_us, at - now_us - TICK_US}
        return [wait(us / SECOND_US) for us in sorted(soon) if us > 0]

    def _others(self, world: World) -> list[Step]:
        state = world.state
        steps = [Step("restart")]
        steps += [Step("reset" if zone in state.fire_latched else "fire", zone) for zone in self.zones]
        steps += [
            Step("release" if area in state.lockdowns else "lockdown", area)
            for area in ("", *(area for area in self.inside_of if area not in self.public))
        ]
        for area in state.uncertain:
            if world.truth is not None:
                there = [self.name[who] for who, at in world.truth.at if self.holds(area, at)]
            else:
                there = [
                    self.name[who] for who, one in state.presence.items() if self.holds(area, one.area) and who > 0
                ]
            steps.append(Step("reconcile", area, names=tuple(there)))
        if world.truth is not None:
            for door in self.doors:
                facts = self.door(state, door)
                if facts.mode == "released" and facts.position == "open":
                    steps.append(Step("flee", door))
        return steps


def _alike(building: Building) -> list[dict[int, int]]:
    """All ways to exchange people about whom the rules know nothing different, and nobody."""
    kinds: dict[tuple[object, ...], list[int]] = {}
    for name in building.people:
        cast = BY_NAME[name]
        kinds.setdefault((cast.kind, cast.customer, cast.may_escort, cast.keyholder, cast.duties), []).append(
            cast.holder
        )
    exchanges: list[dict[int, int]] = [{}]
    for group in kinds.values():
        exchanges = [
            {**known, **dict(zip(group, order, strict=True))} for known in exchanges for order in permutations(group)
        ]
    return exchanges


def pack(world: World) -> tuple[bytes, int, Truth | None]:
    """A world in little memory."""
    return encode_state(world.state), world.mono_us, world.truth


def unpack(packed: tuple[bytes, int, Truth | None]) -> World:
    return World(decode_state(packed[0]), packed[1], packed[2])
