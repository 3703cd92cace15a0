"""Each invariant notices what breaks it."""

import msgspec
import pytest

from controller.commands import UnlockDoor
from controller.engine import Engine, Outcome
from controller.event_base import Explanation
from controller.events import (
    AccessDenied,
    AccessGranted,
    AccessTaken,
    AlarmRaised,
    AnyEvent,
    CommandDone,
    DoorLocked,
    DoorOpened,
    DoorUnlocked,
    Record,
)
from controller.inputs import AnyInput, CardRead, RexPressed, Started, TimeElapsed
from controller.now import Now
from controller.policy import Badge, Customer, Grant, GrantArea, Holder, Policy, Version
from controller.room_events import AreaUncertain, Found, InterlockBroken, OccupancyReconciled
from controller.site import AccessPoint, Area, Door, DoorHardware, Interlock, Site
from controller.state import Presence, State, encode_state
from sim.invariants import RecordChecks, Truth, beyond_quota, locked_in, same_state
from sim.node import BrokenPromise

SITE = Site(
    "s",
    "Asia/Shanghai",
    (Area("outside", public=True), Area("hall", two_person=True), Area("cage", inside="hall")),
    (Door("d"), Door("e")),
    (
        AccessPoint("d-in", "d", "outside", "hall"),
        AccessPoint("d-out", "d", "hall", "outside", out=True),
        AccessPoint("e-in", "e", "hall", "cage"),
        AccessPoint("e-out", "e", "cage", "hall", out=True),
    ),
    interlocks=(Interlock("trap", ("d", "e")),),
)
WHY = Explanation("PERMITTED", "R1")
UNTIL = 6_000_000


def granted(door: str = "d", holder: int = 1, out: bool = False) -> AccessGranted:
    return AccessGranted(f"{door}-{'out' if out else 'in'}", door, holder, holder, f"M{holder}", WHY, UNTIL, out=out)


def taken(holder: int, to_area: str = "hall", presence: str = "inside") -> AccessTaken:
    return msgspec.convert(
        {"type": "AccessTaken", "access_point": "d-in", "door": "d", "badge": holder, "holder": holder, "number": f"M{holder}",
         "from_area": "outside", "to_area": to_area, "presence": presence},
        AccessTaken,
    )  # fmt: skip


def unlocked(door: str = "d", cause: str = "grant") -> DoorUnlocked:
    return msgspec.convert({"type": "DoorUnlocked", "door": door, "cause": cause, "until_mono_us": UNTIL}, DoorUnlocked)


def checked(*groups: tuple[AnyEvent, ...], stimulus: AnyInput | None = None) -> RecordChecks:
    """The records with these events, taken one after the other."""
    checks = RecordChecks(SITE)
    for seq, events in enumerate(groups, 1):
        checks.take([Record("j", seq, seq, seq, "b", None, stimulus or TimeElapsed(), events)])
    return checks


def test_a_gap_in_the_records_is_noticed() -> None:
    with pytest.raises(BrokenPromise, match="7 follows 0"):
        RecordChecks(SITE).take([Record("j", 7, 1, 1, "b", None, TimeElapsed(), ())])


@pytest.mark.parametrize("cause", ["grant", "rex", "command", "fire"])
def test_an_unlock_without_its_cause_is_noticed(cause: str) -> None:
    with pytest.raises(BrokenPromise, match=r"^4: record 1 unlocks d"):
        checked((unlocked(cause=cause),))


def test_an_unlock_with_its_cause_is_none() -> None:
    checked((granted(), unlocked()), (DoorLocked("d"),))
    checked((CommandDone("c", UnlockDoor("d", "x"), "op", "done"), unlocked(cause="command")))
    checked((unlocked(cause="rex"),), stimulus=RexPressed("d"))
    with pytest.raises(BrokenPromise):
        checked((granted("e"), unlocked("d")))


def test_somebody_alone_without_an_alarm_is_noticed() -> None:
    with pytest.raises(BrokenPromise, match="2: after record 1 holder 1 is alone in hall"):
        checked((taken(1),))
    checked((taken(1), taken(2)))
    checked((taken(1), AlarmRaised("LONE_OCCUPANT", "hall", "R2")))


def test_somebody_alone_in_an_inner_area_is_alone_in_the_outer_one() -> None:
    with pytest.raises(BrokenPromise, match="alone in hall"):
        checked((taken(1, "cage"),))
    checked((taken(1, "cage"), taken(2)))


def test_two_doors_of_an_interlock_at_once_are_noticed() -> None:
    with pytest.raises(BrokenPromise, match="8: record 2 unlocks e for grant while d is not shut"):
        checked((granted(), unlocked()), (granted("e"), unlocked("e")))
    with pytest.raises(BrokenPromise, match="8: record 2 unlocks d"):
        checked((DoorOpened("e"),), (granted(), unlocked()))
    checked((granted(), unlocked()), (DoorLocked("d"),), (granted("e"), unlocked("e")))


def test_a_way_out_may_break_an_interlock_and_must_say_so() -> None:
    broken = InterlockBroken("trap", "d", "e")
    checked((granted("e"), unlocked("e")), (granted(out=True), unlocked(), broken))
    with pytest.raises(BrokenPromise, match="does not say so"):
        checked((granted("e"), unlocked("e")), (granted(out=True), unlocked()))


def test_another_state_than_the_journals_is_noticed() -> None:
    live = State()
    same_state(State(), live)
    live.link_up = True
    with pytest.raises(BrokenPromise, match=r"5: .*link_up"):
        same_state(State(), live)


HARDWARE = (DoorHardware("d"), DoorHardware("e"))
NOW = Now(1_700_000_000_000_000, 1_000_000, wall_trusted=True)
BADGE = Badge(1, b"1" * 16, "M1", "customer", "active", 1, 1, 1, slot=1)
POLICY = Policy(
    Version(1, 1),
    msgspec.structs.replace(SITE, areas=(SITE.areas[0], Area("hall"), SITE.areas[2]), interlocks=()),
    (Customer(1, "C1", "organisation", "active", 2),),
    (Holder(1, 1),),
    (Grant(1, (GrantArea("hall"),)),),
    (BADGE,),
)


def engine_with(present: bool = True) -> Engine:
    state = State()
    if present:
        state.presence[1] = Presence("hall", 1, 1, "M1", 1, kind="customer")
    engine = Engine(state, "j", HARDWARE, "edge")
    engine.adopt(POLICY, "d", NOW)
    engine.handle(Started("b", "s"), NOW)
    engine.commit()
    return engine


def test_a_door_whose_exit_button_does_nothing_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Deaf(Engine):
        def handle(self, stimulus: AnyInput, now: Now) -> Outcome:
            outcome = super().handle(stimulus, now)
            return msgspec.structs.replace(outcome, actions=()) if isinstance(stimulus, RexPressed) else outcome

    engine = engine_with()
    locked_in(engine, POLICY.site, HARDWARE, "edge", NOW)
    monkeypatch.setattr("sim.invariants.Engine", Deaf)
    with pytest.raises(BrokenPromise, match="3: the exit button of d does not open it"):
        locked_in(engine, POLICY.site, HARDWARE, "edge", NOW)


def test_somebody_who_is_refused_at_the_way_out_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Jailer(Engine):
        def handle(self, stimulus: AnyInput, now: Now) -> Outcome:
            outcome = super().handle(stimulus, now)
            if not isinstance(stimulus, CardRead) or outcome.record is None:
                return outcome
            refusal = AccessDenied("d-out", "d", Explanation("BADGE_EXPIRED", "B3"), 1, 1, "M1", out=True)
            return msgspec.structs.replace(outcome, record=msgspec.structs.replace(outcome.record, events=(refusal,)))

    engine = engine_with()
    monkeypatch.setattr("sim.invariants.Engine", Jailer)
    with pytest.raises(BrokenPromise, match="3: M1 is refused at the way out d-out: BADGE_EXPIRED"):
        locked_in(engine, POLICY.site, HARDWARE, "edge", NOW)


def test_somebody_whom_no_tap_lets_out_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Waits(Engine):
        def handle(self, stimulus: AnyInput, now: Now) -> Outcome:
            return Outcome(None, b"", ()) if isinstance(stimulus, CardRead) else super().handle(stimulus, now)

    engine = engine_with()
    monkeypatch.setattr("sim.invariants.Engine", Waits)
    with pytest.raises(BrokenPromise, match="3: M1 cannot leave by d-out"):
        locked_in(engine, POLICY.site, HARDWARE, "edge", NOW)


def test_asking_the_copy_does_not_disturb_the_engine() -> None:
    engine = engine_with()
    before = encode_state(engine.state)
    locked_in(engine, POLICY.site, HARDWARE, "edge", NOW)
    assert encode_state(engine.state) == before
    assert engine.pending == ()


@pytest.mark.parametrize(
    ("changes", "placed"),
    [
        ({}, True),
        ({"slot": 3}, False),
        ({"slot": None}, False),
        ({"slot": 0}, False),
        ({"kind": "staff", "slot": None}, True),
    ],
)
def test_a_badge_beyond_the_quota_is_noticed(changes: dict[str, object], placed: bool) -> None:
    policy = msgspec.structs.replace(POLICY, badges=(msgspec.structs.replace(BADGE, **changes),))
    record = Record("j", 1, 1, 1, "b", None, TimeElapsed(), (granted(),))
    if placed:
        beyond_quota(record, policy)
    else:
        with pytest.raises(BrokenPromise, match="1: record 1 lets in M1"):
            beyond_quota(record, policy)


def test_two_badges_of_one_place_as_new_as_each_other_are_noticed() -> None:
    rival = msgspec.structs.replace(BADGE, id=2, holder=2, number="M2", credential=b"2" * 16)
    record = Record("j", 1, 1, 1, "b", None, TimeElapsed(), (granted(),))
    with pytest.raises(BrokenPromise, match="1: "):
        beyond_quota(record, msgspec.structs.replace(POLICY, badges=(BADGE, rival)))
    older = msgspec.structs.replace(BADGE, generation=2)
    beyond_quota(record, msgspec.structs.replace(POLICY, badges=(older, rival)))


IN = SITE.access_points[0]


def two_inside() -> State:
    return checked((taken(1), taken(2))).state


def test_people_beyond_what_is_known_are_noticed() -> None:
    truth = Truth(SITE)
    truth.check(two_inside(), {"hall": 2, "cage": 0})
    for really in (1, 3):
        with pytest.raises(BrokenPromise, match=f"2: {really} are in hall, where 2 to 2"):
            truth.check(two_inside(), {"hall": really, "cage": 0})


def test_after_an_unseen_exit_only_the_most_is_known() -> None:
    state = checked((taken(1), taken(2), msgspec.convert({"type": "AreaUncertain", "area": "hall", "cause": "rex", "within": ["cage"]}, AreaUncertain))).state  # fmt: skip
    truth = Truth(SITE)
    for really in (0, 1, 2):
        if really != 1:
            truth.check(state, {"hall": really})
    with pytest.raises(BrokenPromise, match="one person is alone"):
        truth.check(state, {"hall": 1})
    with pytest.raises(BrokenPromise, match="3 are in hall, where 0 to 2"):
        truth.check(state, {"hall": 3})


def test_what_nobody_could_know_is_not_held_against_the_edge() -> None:
    truth = Truth(SITE)
    state = checked((granted(), unlocked())).state
    truth.passing(state, IN, 2, 1)  # a stranger follows
    truth.check(two_inside(), {"hall": 3})
    two = tuple(Found(n, n, f"M{n}", "hall") for n in (1, 2))
    count = OccupancyReconciled("hall", ("cage",), two, (), "op", "counted")
    truth.counted(count, {"hall": 3})  # a wrong one
    truth.check(two_inside(), {"hall": 3})
    truth.counted(count, {"hall": 2})
    with pytest.raises(BrokenPromise):
        truth.check(two_inside(), {"hall": 3})


def test_an_honest_passage_is_held_against_the_edge() -> None:
    truth = Truth(SITE)
    truth.passing(checked((granted(), unlocked())).state, IN, 1, 0)
    assert truth.fooled == set()
