"""Does the steps of a scenario on a running stack and judges every expectation (DESIGN §7).

What an edge decided is read from its own journal, so it can be judged with server and broker dead.
"""

import datetime as dt
from collections.abc import Callable
from typing import Any

from controller.events import CommandDone, InputRecorded
from controller.inputs import CardRead, CardRefused
from controller.site import Site
from controller.site_checks import parse_site
from sim.at_the_door import READY_POLL_S, Taps, doors_are_ready, policy_is_current
from sim.clients import HttpClient, Refused
from sim.compare import compare_when_drained
from sim.facts import Facts, alarm_raised, decision_in, granted_in
from sim.goods_desk import GoodsDesk
from sim.invariants import RecordChecks
from sim.journal_tail import JournalTail
from sim.judge import Judge, StepResult
from sim.node import BrokenPromise
from sim.operators import Operators
from sim.player_expectations import RecordExpectations
from sim.player_goods import GoodsPlayer
from sim.player_records import RecordVerbs
from sim.population import Population
from sim.scenario import Expect, Scenario, Step
from sim.scenario_goods import (
    AttestVerb,
    CheckVerb,
    ConfirmVerb,
    EmergencyVerb,
    OrderVerb,
    PermitVerb,
    Scan,
    SlipVerb,
)
from sim.scenario_times import duration_s, moment
from sim.scenario_verbs import ClockVerb, CommandVerb, DoorVerb, Lockdown, Pass, Tap, Zone
from sim.stack import EDGE, Stack
from sim.visit_desk import VisitDesk
from sim.waiting import Stopwatch, pause, until

DECISION_TIMEOUT_S = 6.0
ALARM_TIMEOUT_S = 20.0
STATE_TIMEOUT_S = 10.0
COMMAND_TIMEOUT_S = 10.0
POLICY_TIMEOUT_S = 15.0
AT_THE_RIM = (403, 409, 422)
"""The operator may not give this command, nothing permits it, or it lacks something: refused before it reaches the edge."""


class Player:
    """Does steps on a running stack."""

    def __init__(self, stack: Stack, scenario: Scenario) -> None:
        self.stack = stack
        self.scenario = scenario
        self.tail = JournalTail(stack.edge_state / "journal.db")
        self.now = dt.datetime.now(dt.UTC)
        site_file = stack.directory / "site" / "site.toml"
        self.site: Site = parse_site(site_file.read_text(encoding="utf-8"), str(site_file))
        self._since = 0
        self._names = {badge.number: badge.id for badge in scenario.given.badges if badge.number}
        self._numbers = {badge.id: badge.number for badge in scenario.given.badges if badge.number}
        self._operators = Operators(stack)
        self._checks = RecordChecks(self.site)
        self._away: set[str] = set()
        self._taps = Taps(stack.hall)
        self._judge = Judge()
        self._population = Population(stack.api, stack.hall, self.now)
        self._records = RecordVerbs(stack, self._population.desk, self._judge)
        self._expectations = RecordExpectations(stack, self.tail, self._judge, scenario.given)
        goods_desk = GoodsDesk(self._operators, self.now)
        self._goods = GoodsPlayer(self._operators, stack.hall, self.tail, self._judge, goods_desk, self._names)
        self._visits = VisitDesk(self._operators, stack.hall, self.now)

    def prepare(self) -> None:
        """Load what is given and wait until the edge runs the policy made of it."""
        given = self.scenario.given
        self._population.load(given)
        self._goods.load(given)
        self._population.unknown_card()
        if not until(lambda: doors_are_ready(self.stack.api), POLICY_TIMEOUT_S, READY_POLL_S):
            raise RuntimeError(f"the edge did not take the policy within {POLICY_TIMEOUT_S:.0f} s")

    def do(self, step: Step) -> StepResult:
        """Do one step and judge it."""
        judge = self._judge
        judge.begin(step.expect)
        self._since = self.tail.last_seq()
        watch = Stopwatch()
        try:
            self._act(step)
        except Refused as error:
            judge.refused(error)
        else:
            judge.accepted()
        self._judge_alarm()
        if step.expect is not None:
            self._judge_rooms(step.expect)
            self._expectations.check(step.expect)
        try:
            self._checks.take(self.tail.records(self._checks.state.seq))
        except BrokenPromise as broken:
            judge.fail(f"invariant: {broken}")
        return StepResult(step.line, step.verb, not judge.problems, judge.problems, judge.observed, round(watch.ms, 1))

    def _act(self, step: Step) -> None:
        if step.verb in RECORD_VERBS:
            getattr(self._records, step.verb)(step.argument)
        elif step.verb in GOODS_VERBS:
            self.goods(step)
        else:
            _VERBS[step.verb](self, step.argument)

    # verbs at the doors

    def tap(self, tap: Tap) -> None:
        watch = Stopwatch()
        card = tap.badge or tap.card
        answer = self._taps.tap(card or "", tap.at, tap.hold_s)
        record = self.tail.wait_for(
            lambda found: isinstance(found.input, CardRead | CardRefused) and found.input.access_point == tap.at,
            self._since,
            DECISION_TIMEOUT_S if answer.indicator != "denied" else 1.0,
        )
        took_ms = watch.ms
        decision, because = decision_in(record, tap.at, self._numbers.get(tap.badge or ""))
        told = answer.indicator if record is None and answer.indicator != "none" else decision
        self._see("decision", told or "none")
        self._see("reason", because.reason if because else None)
        self._see("rule", because.rule if because else None)
        self._see("unlocked", answer.unlocked)
        self._see("indicator", answer.indicator)
        expected = self._judge.expected
        if expected is not None and expected.granted is not None:
            granted = tuple(sorted(self._names.get(number, number) for number in granted_in(record)))
            self._see("granted", granted, tuple(sorted(expected.granted)))
        if expected is not None and expected.within_ms is not None and took_ms > expected.within_ms:
            self._judge.fail(f"took {took_ms:.0f} ms, expected within {expected.within_ms} ms")

    def pass_(self, passing: Pass) -> None:
        body = {"door": passing.door, "people": passing.people, "out": passing.out, "tailgate": passing.tailgate}
        self.stack.hall.post("/pass", body)
        self._expect_occupancy()

    def door(self, door: DoorVerb) -> None:
        for act, name in (("force", door.force), ("prop", door.prop), ("close", door.close)):
            if name is not None:
                self.stack.hall.post("/door", {"door": name, "act": act})

    def rex(self, door: str) -> None:
        self._see("unlocked", bool(self.stack.hall.post("/rex", {"door": door})["unlocked"]))

    def fire(self, zone: str | Zone) -> None:
        name, clear = (zone, False) if isinstance(zone, str) else (zone.zone, zone.clear)
        self.stack.hall.post("/fire", {"zone": name, "clear": clear})
        self._input_has_come("fire", name, not clear)
        if self._expected is not None and self._expected.unlocked is not None:
            wanted = self._expected.unlocked
            doors = self._doors_of_zone(name)
            held = until(lambda: all(self._unlocked(door) == wanted for door in doors), STATE_TIMEOUT_S)
            self._see("unlocked", wanted if held else not wanted)

    def gas(self, zone: str | Zone) -> None:
        name, clear = (zone, False) if isinstance(zone, str) else (zone.zone, zone.clear)
        self.stack.hall.post("/gas", {"zone": name, "clear": clear})
        self._input_has_come("gas", name, not clear)

    def _input_has_come(self, kind: str, zone: str, active: bool) -> None:
        """Wait until the edge has polled what the hall did: the next step may depend on it."""

        def recorded() -> bool:
            seen = [
                one
                for one in self.tail.events()
                if isinstance(one, InputRecorded) and (one.kind, one.subject) == (kind, zone)
            ]
            return (seen[-1].active if seen else False) == active

        if "edge" not in self._away:
            until(recorded, STATE_TIMEOUT_S)

    def lockdown(self, lockdown: str | Lockdown) -> None:
        asked = Lockdown(lockdown) if isinstance(lockdown, str) else lockdown
        self.stack.hall.post("/lockdown", {"area": asked.area, "clear": asked.clear})

    def tamper(self, door: str | Zone) -> None:
        name, clear = (door, False) if isinstance(door, str) else (door.zone, door.clear)
        self.stack.hall.post("/tamper", {"door": name, "clear": clear})

    def unplug(self, device: str) -> None:
        self.stack.hall.post("/device", {"device": device, "act": "unplug"})

    def plug(self, device: str) -> None:
        self.stack.hall.post("/device", {"device": device, "act": "plug"})

    def command(self, command: CommandVerb) -> None:
        body = {"edge": EDGE, "command": {"name": command.name, **command.fields}}
        answer: dict[str, Any] = {}
        asked = self._expected.result if self._expected is not None else None

        def reached() -> bool:
            """A cable that was plugged in a moment ago carries a session again soon."""
            answer.update(self._command_answer(self._operators.client(command.by), body))
            return bool(answer["result"] != "no_session" or asked == "no_session")

        until(reached, COMMAND_TIMEOUT_S)
        self._see("result", answer["result"])
        because = answer.get("because") or {}
        self._see("reason", because.get("reason"))
        if "door" in command.fields:
            done = [event for event in self.tail.events(self._since) if isinstance(event, CommandDone)]
            self._see("unlocked", bool(done) and done[-1].result == "done" and self._unlocked(command.fields["door"]))

    def _command_answer(self, operator: HttpClient, body: dict[str, Any]) -> dict[str, Any]:
        try:
            order = operator.post("/api/v1/commands", body)
        except Refused as error:
            if error.status not in AT_THE_RIM:
                raise
            return {"result": "refused", "because": {"reason": error.code}}
        answer: dict[str, Any] = {}

        def answered() -> bool:
            answer.update(self.stack.api.get(f"/api/v1/commands/{order['command_id']}"))
            return bool(answer["result"] != "waiting")

        until(answered, COMMAND_TIMEOUT_S)
        return answer

    def goods(self, step: Step) -> None:
        """Equipment, the guard's word, permits and emergencies."""
        argument = step.argument
        match argument:
            case ConfirmVerb():
                self._goods.confirm(argument, self._since, self._numbers.get(argument.badge, argument.badge))
            case Scan() | CheckVerb() | AttestVerb():
                getattr(self._goods, step.verb)(argument, self._since)
            case SlipVerb() | OrderVerb():
                getattr(self._goods, step.verb)(argument)
            case PermitVerb() | EmergencyVerb():
                getattr(self._visits, step.verb)(argument)
                self._names |= {number: name for name, number in self._visits.numbers.items()}
                self._numbers |= self._visits.numbers
        if step.verb in ("slip", "order", "permit") and not self._away:
            until(lambda: policy_is_current(self.stack.api), POLICY_TIMEOUT_S)

    # verbs on the world

    def cut(self, what: str) -> None:
        self._away.add(what)
        if what in ("mqtt", "edge"):
            self.stack.hall.post("/device", {"device": "network", "act": "unplug"})
        else:
            self.stack.children[what].stop()

    def kill(self, what: str) -> None:
        self._away.add(what)
        self.stack.kill("broker" if what == "mqtt" else what)

    def restore(self, what: str) -> None:
        self._away.discard(what)
        if what == "mqtt":
            self.stack.restore("broker")
        else:
            self.stack.restore(what)
        if what in ("mqtt", "edge"):
            self.stack.hall.post("/device", {"device": "network", "act": "plug"})

    def clock(self, clock: ClockVerb) -> None:
        reference = dt.datetime.now(dt.UTC)
        offset_s = (moment(clock.edge, reference) - reference).total_seconds()
        target = self.stack.edge_state / "clock_offset_s"
        scratch = target.with_suffix(".new")
        scratch.write_text(f"{offset_s}\n")
        scratch.replace(target)

    def wait(self, text: str) -> None:
        pause(duration_s(text))

    # expect alone

    def expect(self, _argument: None) -> None:
        expected = self._expected
        assert expected is not None
        self._expect_occupancy()
        if expected.events_lost is not None or expected.events_duplicated is not None:
            found = compare_when_drained(self.tail, self.stack.api, EDGE)
            self._see("events_lost", found.lost)
            self._see("events_duplicated", found.duplicated)
        if expected.policy_version_current is not None:
            wanted_current = expected.policy_version_current
            until(lambda: policy_is_current(self.stack.api) == wanted_current, POLICY_TIMEOUT_S, READY_POLL_S)
            self._see("policy_version_current", policy_is_current(self.stack.api))
        if expected.locked is not None:
            doors = expected.locked
            until(lambda: not any(self._unlocked(door) for door in doors), STATE_TIMEOUT_S)
            self._see("locked", tuple(door for door in doors if not self._unlocked(door)), tuple(doors))

    # looking

    def _expect_occupancy(self) -> None:
        if self._expected is None or self._expected.occupancy is None:
            return
        wanted = dict(self._expected.occupancy)

        def found() -> dict[str, Any]:
            facts = self._facts()
            return {a: facts.occupancy(a) if isinstance(n, int) else facts.bounds(a) for a, n in wanted.items()}

        self._settles("occupancy", found, wanted)

    def _judge_rooms(self, expected: Expect) -> None:
        """What the records say of people and doors."""
        if expected.events is not None:
            wanted = tuple(sorted(expected.events))
            self._settles("events", lambda: tuple(sorted(set(wanted) & self._new_events())), wanted)
        if expected.uncertain is not None:
            self._settles("uncertain", lambda: self._facts().uncertain(), tuple(sorted(expected.uncertain)))
        if expected.alarms is not None:
            self._settles("alarms", lambda: self._facts().alarms(), tuple(sorted(expected.alarms)), ALARM_TIMEOUT_S)
        if expected.waiting is not None:
            self._settles("waiting", lambda: self._facts().waiting(), dict(expected.waiting))
        if expected.muster is not None:
            self._settles("muster", lambda: self._facts().muster(), tuple(sorted(expected.muster)))
        if expected.lockdowns is not None:
            self._settles("lockdowns", lambda: self._facts().lockdowns(), tuple(sorted(expected.lockdowns)))
        if expected.cleared is not None:
            name = expected.cleared
            self._settles("cleared", lambda: name if self._facts().cleared(name) else None, name, ALARM_TIMEOUT_S)
        self._goods.judge_state(expected, self._settles)
        if expected.register is not None:
            rows = self._facts().register()
            self._judge.register(rows, expected.register)
            if expected.register and not self._away:
                self._expectations.register(rows[-len(expected.register) :])

    def _settles(self, key: str, look: Callable[[], Any], wanted: Any, timeout_s: float = STATE_TIMEOUT_S) -> None:
        until(lambda: bool(look() == wanted), timeout_s)
        self._see(key, look(), wanted)

    def _new_events(self) -> set[str]:
        return {type(event).__name__ for event in self.tail.events(self._since)}

    def _facts(self) -> Facts:
        return Facts(self.site, self.tail.records(), self._names)

    def close(self) -> None:
        """Let go of what the steps opened."""
        self._operators.close()

    def _unlocked(self, door: str) -> bool:
        return not self.stack.hall.get("/state")["doors"][door]["locked"]

    def _doors_of_zone(self, zone: str) -> list[str]:
        doors: dict[str, Any] = self.stack.hall.get("/state")["doors"]
        return [name for name, facts in doors.items() if zone in facts["fire_zones"]]

    @property
    def _expected(self) -> Expect | None:
        return self._judge.expected

    def _see(self, key: str, found: Any, wanted: Any = None) -> None:
        self._judge.see(key, found, wanted)

    def _judge_alarm(self) -> None:
        if self._expected is None or self._expected.alarm is None:
            return
        name = self._expected.alarm
        found = self.tail.wait_for(lambda record: alarm_raised([record], name), self._since, ALARM_TIMEOUT_S)
        self._see("alarm", name if found is not None else None)


RECORD_VERBS = ("badge", "contract", "customer", "duty", "holder", "registry")
GOODS_VERBS = ("scan", "check", "confirm", "attest", "slip", "order", "permit", "emergency")
_VERBS: dict[str, Callable[[Player, Any], None]] = {
    "tap": Player.tap,
    "pass": Player.pass_,
    "door": Player.door,
    "rex": Player.rex,
    "fire": Player.fire,
    "gas": Player.gas,
    "lockdown": Player.lockdown,
    "tamper": Player.tamper,
    "unplug": Player.unplug,
    "plug": Player.plug,
    "command": Player.command,
    "cut": Player.cut,
    "kill": Player.kill,
    "restore": Player.restore,
    "clock": Player.clock,
    "wait": Player.wait,
    "expect": Player.expect,
}
