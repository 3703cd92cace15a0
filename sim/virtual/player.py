"""Plays a scenario on the real agent in virtual time, with in-memory ports: no process, no socket, no waiting.

What needs the server itself (applications, contracts, the API) cannot be played so: :func:`sim.virtual.needs.needs_processes` says why. Where a file's times are exact
(``time: virtual``) every expectation holds at once or fails; elsewhere it is awaited as the real player does, in virtual time.
"""

import datetime as dt
from collections.abc import Callable
from typing import Any

from controller.inputs import CardRead, CardRefused
from controller.now import SECOND_US
from edge.ports import Counted, InputChanged
from sim.facts import Facts, alarm_raised, command_done, decision_in, events_of, granted_in
from sim.judge import Judge, StepResult
from sim.node import BrokenPromise
from sim.scenario import Expect, Scenario, Step
from sim.scenario_checks import command_of
from sim.scenario_times import duration_s, moment
from sim.scenario_verbs import (
    BadgeVerb,
    ClockVerb,
    CommandVerb,
    Count,
    DoorVerb,
    Lockdown,
    Pass,
    Tap,
    Zone,
)
from sim.site_folder import SiteFolder
from sim.site_rules import changed_site
from sim.virtual.building import STARTS, Building
from sim.virtual.goods_verbs import GoodsVerbs, Missing
from sim.virtual.needs import REPORTS
from sim.virtual.policy import Cast, cast_of
from sim.virtual.watch import Watch

ALARM_US = 20 * SECOND_US
STATE_US = 10 * SECOND_US
AGAIN_US = 1_100_000
"""Before one card is laid on one reader again, unless the file waits there by itself: within a second that would be one read."""
_SHOWN = ("granted", "pending", "denied", "alarm", "accepted")
_QUIET = (
    "cut", "restore", "kill", "plug", "unplug", "clock", "count", "gas", "tamper", "badge", "lockdown", "expect", "slip", "order", "permit", "attest",
)  # fmt: skip
"""Verbs after which nothing may have been unlocked (L2)."""
_OF_GOODS = ("scan", "check", "confirm", "attest", "slip", "order", "permit")


class Unplayable(ValueError):
    """The scenario asks for what is not there, in one line."""


class VirtualPlayer:
    """Does steps in a building of its own. Raises :class:`controller.site_checks.SiteError` for a site that cannot be read, and
    :class:`RuntimeError` in one line where the edge takes no such site."""

    def __init__(self, scenario: Scenario, seed: int = 1) -> None:
        self.scenario = scenario
        folder = SiteFolder(scenario.site)
        self.site = changed_site(folder.site, scenario.settings, scenario.rules)
        starts = STARTS if scenario.starts is None else moment(scenario.starts, STARTS)
        self.building = Building(folder, self.site, starts, seed)
        self.cast: Cast = cast_of(scenario.given, self.site, self.building.node.identity.hash_key, starts)
        self._numbers = {name: card.number for name, card in self.cast.cards.items()}
        for badge in self.cast.policy.badges:
            name = next(name for name, badge_id in self.cast.badges.items() if badge_id == badge.id)
            self._numbers[name] = badge.number
        self._names = {number: name for name, number in self._numbers.items()}
        self._judge = Judge()
        self._patience = 0 if scenario.virtual else 1
        self._again_us: dict[tuple[str, str], int] = {}
        self._since = 0
        self._asked_since = 0
        self.watch = Watch(self.site, self.building)
        self._goods = GoodsVerbs(self.building, self.cast, self._judge, self._names)

    def prepare(self) -> None:
        """Put the policy made of ``given`` in force."""
        self.building.begin(self.cast.policy)
        self.watch.look()

    def do(self, step: Step) -> StepResult:
        """Do one step, judge it, and check what must always hold."""
        building, judge = self.building, self._judge
        judge.begin(step.expect)
        self._since = building.node.journal.last_seq
        self._asked_since = len(building.asked)
        began_us = building.now_us
        try:
            if step.verb in _OF_GOODS:
                getattr(self._goods, step.verb)(step.argument)
            else:
                getattr(self, f"_do_{step.verb}")(step.argument)
            judge.accepted()
            self._judge_step()
            self.watch.look(quiet=step.verb in _QUIET, asked=building.asked[self._asked_since :])
        except BrokenPromise as broken:
            judge.fail(f"invariant: {broken} (seed {building.seed})")
        except (KeyError, Missing, Unplayable) as error:
            judge.fail(str(error.args[0]))
        took_ms = (building.now_us - began_us) / 1000
        return StepResult(step.line, step.verb, not judge.problems, judge.problems, judge.observed, took_ms)

    # verbs

    def _do_tap(self, tap: Tap) -> None:
        building = self.building
        name = tap.badge or tap.card or ""
        if name not in self.cast.cards:
            raise Unplayable(f"tap: no badge or card {name!r}; there are {', '.join(sorted(self.cast.cards))}")
        if tap.at not in {point.id for point in self.site.access_points}:
            raise Unplayable(f"tap: no access point {tap.at!r}")
        wait_us = self._again_us.get((name, tap.at), 0) - building.now_us
        if wait_us > 0:
            building.advance(wait_us)
        self._since = building.node.journal.last_seq
        unlocks = len(building.asked)
        late_us = 0 if tap.late is None else round(duration_s(tap.late) * SECOND_US)
        building.present(self.cast.cards[name], tap.at, late_us)
        self._again_us[name, tap.at] = building.now_us + AGAIN_US
        record = next(
            (
                found
                for found in building.records()[self._since :]
                if isinstance(found.input, CardRead | CardRefused) and found.input.access_point == tap.at
            ),
            None,
        )
        decision, because = decision_in(record, tap.at, self._numbers.get(name) if name != "unknown" else None)
        door = next(point.door for point in self.site.access_points if point.id == tap.at)
        opened = any(asked.subject == door and asked.act in ("unlock", "hold") for asked in building.asked[unlocks:])
        self._see("decision", decision or "none")
        self._see("reason", because.reason if because else None)
        self._see("rule", because.rule if because else None)
        self._see("unlocked", opened)
        self._see("indicator", shown if (shown := building.shown.get(tap.at, "")) in _SHOWN else "none")
        if self._expected is not None and self._expected.granted is not None:
            granted = tuple(sorted(self._names.get(number, number) for number in granted_in(record)))
            self._see("granted", granted, tuple(sorted(self._expected.granted)))
        if self._expected is not None and self._expected.recorded is not None:
            self._judge_recorded(self._expected)

    def _do_pass(self, passing: Pass) -> None:
        building = self.building
        point = building.point(passing.door, passing.out)
        door = building.door(passing.door)
        if building.is_locked(passing.door) and not building.is_open(passing.door):
            if not passing.out:
                self._judge.observed["passed"] = 0
                self._expect_occupancy()
                return
            building.press_rex(passing.door)
            if door.egress == "hardwired" and building.is_locked(passing.door):
                raise BrokenPromise(f"{passing.door} does not open from inside: somebody is locked in")
        people = passing.people + passing.tailgate
        self.watch.before_passing(point, people, passing.tailgate)
        building.open(passing.door)
        building.move(point, people)
        if passing.door not in building.propped:
            building.close(passing.door)
        self._judge.observed["passed"] = people
        self._expect_occupancy()

    def _do_door(self, door: DoorVerb) -> None:
        building = self.building
        if door.force is not None:
            building.door(door.force)
            building.open(door.force)
        elif door.prop is not None:
            if building.is_locked(door.prop) and not building.is_open(door.prop):
                raise Unplayable(f"{door.prop} is locked: it cannot be propped")
            self.watch.before_passing(building.point(door.prop, out=False), 0, 0)
            building.propped.add(door.prop)
            building.open(door.prop)
        elif door.close is not None:
            building.door(door.close)
            building.close(door.close)

    def _do_rex(self, door: str) -> None:
        self.building.press_rex(door)
        self._see("unlocked", not self.building.is_locked(door))

    def _do_fire(self, zone: str | Zone) -> None:
        self._input("fire", zone)
        if self._expected is not None and self._expected.unlocked is not None:
            doors = self.building.doors_of_zone(_zone(zone).zone)
            wanted = self._expected.unlocked
            held = self._until(lambda: all(self.building.is_locked(door) != wanted for door in doors), STATE_US)
            self._see("unlocked", wanted if held else not wanted)

    def _do_gas(self, zone: str | Zone) -> None:
        self._input("gas", zone)

    def _do_tamper(self, door: str | Zone) -> None:
        self._input("tamper", door)

    def _do_lockdown(self, lockdown: str | Lockdown) -> None:
        asked = Lockdown(lockdown) if isinstance(lockdown, str) else lockdown
        self.building.tell(InputChanged("lockdown", asked.area, not asked.clear))

    def _do_count(self, count: Count) -> None:
        self.building.tell(Counted(count.area, count.people))

    def _do_unplug(self, device: str) -> None:
        if device == "network":
            self.building.cut("mqtt")
        else:
            self.building.device(device, working=False)

    def _do_plug(self, device: str) -> None:
        if device == "network":
            self.building.restore("mqtt")
        else:
            self.building.device(device, working=True)

    def _do_command(self, verb: CommandVerb) -> None:
        building = self.building
        if not building.connected:
            self._see("result", "no_session")
            return
        command_id = building.command(command_of(verb), supervisor=verb.by != "guard")
        done = command_done(building.records()[self._since :], command_id)
        self._see("result", done.result if done is not None else "expired")
        self._see("reason", done.because.reason if done is not None and done.because is not None else None)
        if "door" in verb.fields:
            opened = any(
                asked.subject == verb.fields["door"] and asked.act == "unlock"
                for asked in building.asked[self._asked_since :]
            )
            self._see("unlocked", opened)

    def _do_badge(self, verb: BadgeVerb) -> None:
        if verb.id not in self.cast.badges:
            raise Unplayable(f"badge: no badge {verb.id!r}; there are {', '.join(sorted(self.cast.badges))}")
        self.building.change_badge(self.cast.badges[verb.id], status=REPORTS[verb.report or ""])

    def _do_cut(self, what: str) -> None:
        self.building.cut(what)

    def _do_kill(self, what: str) -> None:
        self.building.kill(what)

    def _do_restore(self, what: str) -> None:
        self.building.restore(what)

    def _do_clock(self, clock: ClockVerb) -> None:
        now = self.building.wall()
        self.building.set_clock(round((moment(clock.edge, now) - now) / dt.timedelta(microseconds=1)))

    def _do_wait(self, text: str) -> None:
        self._again_us.clear()
        self._goods.waited()
        self.building.advance(round(duration_s(text) * SECOND_US))

    def _do_expect(self, _argument: None) -> None:
        """Judged below."""

    def _input(self, kind: str, zone: str | Zone) -> None:
        asked = _zone(zone)
        self.building.tell(InputChanged(kind, asked.zone, not asked.clear))

    # expectations

    def _judge_step(self) -> None:
        expected = self._expected
        if expected is None:
            return
        if expected.alarm is not None:
            alarm = expected.alarm
            held = self._until(lambda: alarm_raised(self._new_records(), alarm), ALARM_US)
            self._see("alarm", alarm if held else None)
        if expected.events is not None:
            wanted = set(expected.events)
            self._until(lambda: wanted <= self._new_events(), STATE_US)
            self._see("events", tuple(sorted(wanted & self._new_events())), tuple(sorted(wanted)))
        self._judge_state(expected)

    def _judge_state(self, expected: Expect) -> None:
        self._expect_occupancy()
        if expected.uncertain is not None:
            self._settles("uncertain", lambda: self._facts().uncertain(), tuple(sorted(expected.uncertain)))
        if expected.alarms is not None:
            self._settles("alarms", lambda: self._facts().alarms(), tuple(sorted(expected.alarms)))
        if expected.waiting is not None:
            self._settles("waiting", lambda: self._facts().waiting(), dict(expected.waiting))
        if expected.muster is not None:
            self._settles("muster", lambda: self._facts().muster(), tuple(sorted(expected.muster)))
        if expected.lockdowns is not None:
            self._settles("lockdowns", lambda: self._facts().lockdowns(), tuple(sorted(expected.lockdowns)))
        if expected.cleared is not None:
            name = expected.cleared
            held = self._until(lambda: self._facts().cleared(name), ALARM_US)
            self._see("cleared", name if held else None)
        if expected.register is not None:
            self._judge.register(self._facts().register(), expected.register)
        self._goods.judge(expected, self._settles)
        if expected.locked is not None:
            doors = expected.locked
            self._until(lambda: all(map(self.building.is_locked, doors)), STATE_US)
            self._see("locked", tuple(door for door in doors if self.building.is_locked(door)), tuple(doors))
        if expected.policy_version_current is not None:
            self._settles("policy_version_current", self.building.policy_is_current, expected.policy_version_current)
        if expected.events_lost is not None or expected.events_duplicated is not None:
            self._until(lambda: self.building.ledger_differs() == (0, 0), STATE_US * 6)
            lost, duplicated = self.building.ledger_differs()
            self._see("events_lost", lost)
            self._see("events_duplicated", duplicated)
        if expected.recorded is not None and self._judge.observed.get("recorded") is None:
            self._judge_recorded(expected)

    def _judge_recorded(self, expected: Expect) -> None:
        wanted = expected.recorded
        assert wanted is not None
        records = [record for record in self.building.records() if decision_in(record)[1] is not None]
        policy = self.building.server.policy
        self._judge.recorded(records[-1] if records else None, wanted, None if policy is None else policy.version)

    def _expect_occupancy(self) -> None:
        if self._expected is not None and self._expected.occupancy is not None:
            wanted = dict(self._expected.occupancy)

            def found() -> dict[str, Any]:
                facts = self._facts()
                return {a: facts.occupancy(a) if isinstance(n, int) else facts.bounds(a) for a, n in wanted.items()}

            self._settles("occupancy", found, wanted)

    def _settles(self, key: str, look: Callable[[], Any], wanted: Any) -> None:
        self._until(lambda: bool(look() == wanted), STATE_US)
        self._see(key, look(), wanted)

    def _until(self, holds: Callable[[], bool], timeout_us: int) -> bool:
        return self.building.until(holds, timeout_us * self._patience)

    def _new_records(self) -> list[Any]:
        return self.building.records()[self._since :]

    def _new_events(self) -> set[str]:
        return {type(event).__name__ for event in events_of(self._new_records())}

    def _facts(self) -> Facts:
        return Facts(self.site, self.building.records(), self._names)

    @property
    def _expected(self) -> Expect | None:
        return self._judge.expected

    def _see(self, key: str, found: Any, wanted: Any = None) -> None:
        self._judge.see(key, found, wanted)


def _zone(zone: str | Zone) -> Zone:
    return Zone(zone) if isinstance(zone, str) else zone
