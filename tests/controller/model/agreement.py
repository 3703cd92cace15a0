"""Plays steps on the engine and on the reference model, and says where they differ."""

from collections.abc import Iterable
from dataclasses import replace

from controller.engine import Engine, Outcome
from controller.events import AccessDenied, AccessGranted, AccessPending
from controller.inputs import AnyInput, LeaseArrived, Started, TimeElapsed
from controller.now import SECOND_US, Now
from controller.room_events import InterlockBroken
from controller.state import StandingAlarm, State
from tests.controller.model.buildings import START_MONO_US, START_WALL_US, Building
from tests.controller.model.model import Model
from tests.controller.model.model_doors import next_due, shown_mode
from tests.controller.model.model_rooms import Who
from tests.controller.model.steps import Step, stimulus

ALARMS = {
    "DoorForcedOpen", "DoorHeldOpen", "LONE_OCCUPANT", "ESCORT_LEFT", "OVERSTAY", "EXIT_IRREGULAR", "EMERGENCY_ENTRY",
    "OCCUPANCY_MISMATCH", "FIRE", "DURESS",
}  # fmt: skip
_WHAT = {AccessGranted: "granted", AccessPending: "pending", AccessDenied: "denied"}


class Disagreement(AssertionError):
    """Engine and model differ. The text tells the steps and both sides."""


class Both:
    """An engine and a model of one building, fed alike."""

    def __init__(self, building: Building) -> None:
        self.building = building
        self.mono_us = START_MONO_US
        self.engine = Engine(State(), "j" * 8, building.hardware, "edge-1")
        self.model = Model(building)
        self.remembered_us = round(self.model.limits.exit_prompt_s * SECOND_US)
        self.steps: list[Step] = []
        self.admitted: set[str] = set()
        self.serial = 0
        self.engine.adopt(building.policy, building.digest, self.now)
        self._give(Started("boot-0", "test"))
        self.engine.handle(LeaseArrived(building.lease), self.now)
        self.engine.commit()

    @property
    def now(self) -> Now:
        return Now(START_WALL_US + self.mono_us - START_MONO_US, self.mono_us)

    def play(self, steps: Iterable[Step]) -> None:
        for step in steps:
            self.step(step)

    def step(self, step: Step) -> None:
        """One step on both. Raises :class:`Disagreement`."""
        self.steps.append(step)
        self.serial += 1
        if step.act == "admit":  # each time somebody else
            step = replace(step, who=f"{step.who}-{self.serial}")
            self.admitted.add(step.who)
        if step.act == "wait":
            self._wait(step.us)
        else:
            self._give(stimulus(step, self.mono_us, self.serial))

    def _wait(self, us: int) -> None:
        """The agent's loop: whatever either side wants to be woken for comes at its time."""
        target = self.mono_us + us
        for _ in range(1_000):
            due = [self.engine.next_deadline_us(self.now), next_due(self.model)]
            at = min((one for one in due if one is not None), default=target)
            if at > target:
                break
            self.mono_us = max(at, self.mono_us)
            self._give(TimeElapsed())
            if at == target:
                break
        else:
            raise Disagreement(self._tell([f"a deadline stays due: engine {due[0]}, model {due[1]}"]))
        self.mono_us = target
        self._give(TimeElapsed())

    def _give(self, given: AnyInput) -> None:
        outcome = self.engine.handle(given, self.now)
        self.engine.commit()
        self.model.give(given, self.mono_us)
        faults = self.differences(outcome)
        if faults:
            raise Disagreement(self._tell(faults))

    def _tell(self, faults: list[str]) -> str:
        lines = [f"{self.building.name}: engine and model differ after"]
        lines += [f"  {step}" for step in self.steps]
        return "\n".join([*lines, *faults])

    def differences(self, outcome: Outcome) -> list[str]:
        """Where they differ now, one line each."""
        found = self._differences_of_decisions(outcome)
        ours, theirs = self._model_view(), self._engine_view(outcome)
        for key in sorted(set(ours) | set(theirs)):
            if ours.get(key) != theirs.get(key):
                found.append(f"  {key}: engine {theirs.get(key)}, model {ours.get(key)}")
        return found

    def _differences_of_decisions(self, outcome: Outcome) -> list[str]:
        engine = []
        for event in outcome.record.events if outcome.record else ():
            if isinstance(event, AccessGranted | AccessPending | AccessDenied):
                who = "?" if event.holder is None else self._who(event.holder, event.number)
                escort = self._who(event.escort, "") if isinstance(event, AccessGranted) and event.escort else ""
                urgent = isinstance(event, AccessGranted) and event.emergency
                engine.append((_WHAT[type(event)], who, event.access_point, escort, urgent, event.because.reason))
        model = [
            (
                one.what,
                self._plain(one.who),
                one.point,
                "" if one.escort is None else self._plain(one.escort),
                one.emergency,
                one.reasons,
            )
            for one in self.model.said
        ]
        engine.sort(key=str)
        model.sort(key=str)
        same = len(engine) == len(model) and all(
            ours[:5] == theirs[:5] and (ours[0] == "granted" or theirs[5] in ours[5])
            for ours, theirs in zip(model, engine, strict=True)
        )
        return [] if same else [f"  decisions: engine {engine}", f"             model  {model}"]

    def _plain(self, who: Who) -> str:
        if isinstance(who, int):
            return self.model.badge_of[who].number
        return "stranger" if who.startswith("stranger ") else who

    def _who(self, holder: int, number: str) -> str:
        if holder > 0:
            return self.model.badge_of[holder].number
        return number if number in self.admitted else "stranger"

    def _model_view(self) -> dict[str, object]:
        model = self.model
        view: dict[str, object] = {
            "inside": sorted(
                (
                    self._plain(who),
                    one.area,
                    one.sure,
                    "" if one.escort is None else self._plain(one.escort),
                    one.unescorted,
                )
                for who, one in model.people.items()
            ),
            "uncertain": dict(sorted(model.doubts.items())),
            "waiting": sorted((one.point, self._plain(one.who)) for one in model.waits),
            "interlock broken": sorted(model.broken),
        }
        for door, facts in model.doors.items():
            passes = sorted((self._plain(one.who), one.point) for one in facts.passes)
            view[f"door {door}"] = (facts.lock, facts.position, shown_mode(model, door), passes)
        alarms = {(name, self._plain(who) if name == "EMERGENCY_ENTRY" else who) for name, who in model.alarms}
        alarms |= {
            ("LONE_OCCUPANT", area + (" overdue" if area in model.lone_overdue else "")) for area in model.lone_since
        }
        alarms |= {("ESCORT_LEFT", one.area) for one in model.people.values() if one.unescorted}
        view["alarms"] = sorted(alarms)
        return view

    def _engine_view(self, outcome: Outcome) -> dict[str, object]:
        state = self.engine.state
        names = {holder: one.number for holder, one in state.presence.items()}
        view: dict[str, object] = {
            "inside": sorted(
                (
                    self._who(holder, one.number), one.area, one.sure,
                    "" if one.escort is None else self._who(one.escort, names.get(one.escort, "")), one.unescorted,
                )
                for holder, one in state.presence.items()
            ),
            "uncertain": dict(sorted(state.uncertain.items())),
            "waiting": sorted(
                (point, self._who(one.pending.holder, one.pending.number))
                for point, waiting in state.waiting.items()
                for one in waiting
                if one.pending.because.inputs.get("way") != "out" or self.mono_us < one.asked_at_mono_us + self.remembered_us
            ),
            "interlock broken": sorted(
                (event.interlock, event.other)
                for event in (outcome.record.events if outcome.record else ())
                if isinstance(event, InterlockBroken)
            ),
        }  # fmt: skip
        for door in self.model.doors:
            facts = self.engine.door(door)
            passes = sorted((self._who(one.holder, one.number), one.access_point) for one in facts.grants)
            view[f"door {door}"] = (facts.lock, facts.position, facts.mode, passes)
        view["alarms"] = sorted({self._alarm(one) for one in state.alarms.values() if one.alarm in ALARMS})
        return view

    def _alarm(self, alarm: StandingAlarm) -> tuple[str, str]:
        if alarm.alarm == "EMERGENCY_ENTRY":
            return alarm.alarm, self._who(-1, alarm.subject)
        return alarm.alarm, alarm.subject + (" overdue" if alarm.inputs.get("overdue") else "")
