"""Recorded inputs decided again: nothing differs under the same policy, and exactly what should under another (issue 4, B9)."""

from collections.abc import Callable, Sequence

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.commands import Admit
from controller.events import JournalStateChanged, Record, decode_record
from controller.fold import fold
from controller.index import PolicyIndex
from controller.inputs import CommandArrived, DoorContact, JournalChanged, Started, TimeElapsed
from controller.now import Now
from controller.policy import Policy
from controller.state import State
from controller.what_if import Answer, Comparison, Difference, Doors, Each, Following, Recheck, answers, compare, moment
from tests.controller.building import HARDWARE, LI, SITE, WANG, Hall, badge, digest, policy
from tests.controller.test_engine_properties import IN_FORCE, MOMENTS, NEXT, Run

DOORS = Doors("j1", HARDWARE, "edge-1")
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
Compare = Callable[[Doors, State, PolicyIndex], Comparison]


def played(moments: Sequence[tuple[object, ...]]) -> list[bytes]:
    """What an agent that lived through these moments wrote."""
    run = Run()
    for one in moments:
        run.play(one)  # type: ignore[arg-type] # as hypothesis made it
    return run.journal


def differences(how: Compare, under: Policy, records: Sequence[Record], doors: Doors = DOORS) -> list[Difference]:
    comparison = how(doors, State(), PolicyIndex(under))
    return [difference for record in records for difference in comparison.take(record).differences]


@QUICK
@given(st.lists(MOMENTS, max_size=40), st.integers(0, 30))
def test_deciding_again_under_the_policies_in_force_gives_the_recorded_bytes_from_any_record_on(
    moments: list[tuple[object, ...]], begin: int
) -> None:
    encoded = played(moments)
    state = State()
    for record in encoded[:begin]:
        fold(state, decode_record(record))
    recheck = Recheck(DOORS, state, [PolicyIndex(IN_FORCE), PolicyIndex(NEXT)], [digest(IN_FORCE), digest(NEXT)])
    assert {recheck.take(decode_record(record), record) for record in encoded[begin:]} <= {"same"}


@pytest.mark.parametrize("how", [Each, Following])
@QUICK
@given(moments=st.lists(MOMENTS, max_size=40))
def test_the_same_policy_differs_nowhere(how: Compare, moments: list[tuple[object, ...]]) -> None:
    records = [decode_record(record) for record in played([one for one in moments if one[3] != "adopt"])]
    assert differences(how, IN_FORCE, records) == []


@QUICK
@given(moments=st.lists(MOMENTS, max_size=30))
def test_a_policy_that_revokes_everybody_grants_nobody_an_entry(moments: list[tuple[object, ...]]) -> None:
    records = [decode_record(record) for record in played(moments)]
    nobody = msgspec.structs.replace(
        IN_FORCE, badges=tuple(msgspec.structs.replace(one, status="revoked") for one in IN_FORCE.badges)
    )
    index = PolicyIndex(nobody)
    for how in (Each, Following):
        found = differences(how, nobody, records)
        granted = {one.access_point for one in found if one.now is not None and one.now.decision == "granted"}
        assert all(index.points[point].out for point in granted if point in index.points)


def test_a_revoked_badge_is_named_with_both_reasons() -> None:
    hall = Hall(policy())
    hall.tap(LI)
    hall.tap(WANG, "lobby-in")
    found = differences(Each, policy(msgspec.structs.replace(LI, status="revoked"), WANG), hall.records, _doors(hall))
    assert [(one.access_point, one.number) for one in found] == [("hall-in", "li")]
    (only,) = found
    assert only.recorded is not None
    assert only.now is not None
    assert only.now.because is not None
    assert (only.recorded.decision, only.now.decision) == ("granted", "denied")
    assert (only.now.because.reason, only.now.because.rule) == ("BADGE_REVOKED", "B5")


def test_each_judges_from_what_was_recorded_while_following_lives_with_what_it_refused() -> None:
    """Li is refused now, but the door opened all the same: who follows has a forced door, who judges each has none."""
    hall = Hall(policy())
    hall.tap(LI)
    hall.give(DoorContact("hall-door", open=True))
    other = policy(msgspec.structs.replace(LI, status="suspended"), WANG)
    following = Following(_doors(hall), State(), PolicyIndex(other))
    each = Each(_doors(hall), State(), PolicyIndex(other))
    for record in hall.records:
        assert following.take(record).differences == each.take(record).differences
    assert "DoorForcedOpen/hall-door" in following.state.alarms
    assert "DoorForcedOpen/hall-door" not in each.state.alarms
    assert each.state.presence.keys() == {LI.holder}


def test_who_comes_without_a_badge_does_not_part_two_histories() -> None:
    """Their number is made of the record's; the end of their wait comes when it was recorded, not when another history would ask for it."""
    admitted = CommandArrived("c1", Admit("lobby-in", "P-1", "repair"), "op-1")
    moments = [
        (lambda now, one=one: one, wait_s, 0.0, "step") for one, wait_s in ((admitted, 1.0), (TimeElapsed(), 90.0))
    ]
    records = [decode_record(record) for record in played(moments)]
    assert [one.decision for record in records for one in answers(record.events)] == ["pending", "done", "denied"]
    assert differences(Following, IN_FORCE, records) == []


def test_a_policy_that_is_not_at_hand_leaves_its_records_unchecked() -> None:
    run = Run()
    run.give([run.engine.adopt(NEXT, digest(NEXT), run.now)])
    run.give([run.engine.handle(TimeElapsed(), run.now)])
    run.give([run.engine.handle(DoorContact("hall-door", open=False), run.now)])
    recheck = Recheck(DOORS, State(), [PolicyIndex(NEXT)], [digest(NEXT)])
    verdicts = [recheck.take(decode_record(record), record) for record in run.journal]
    assert verdicts[0] == "unchecked"
    assert verdicts[-2:] == ["same", "same"]


def test_an_altered_decision_does_not_come_out_again_and_what_follows_does() -> None:
    hall = Hall(policy())
    hall.tap(LI)
    hall.tap(WANG, "lobby-in")
    taps = [at for at, record in enumerate(hall.records) if answers(record.events)]
    other = msgspec.json.decode(hall.encoded[taps[0]].replace(b'"number":"li"', b'"number":"xi"'), type=Record)
    altered = msgspec.json.encode(other)
    assert altered != hall.encoded[taps[0]]
    recheck = Recheck(_doors(hall), State(), [PolicyIndex(policy())], [digest(policy())])
    verdicts = []
    for at, encoded in enumerate(hall.encoded):
        bytes_there = altered if at == taps[0] else encoded
        verdicts.append(recheck.take(decode_record(bytes_there), bytes_there))
    assert [at for at, verdict in enumerate(verdicts) if verdict == "differs"] == [taps[0]]


def test_records_after_dropped_ones_are_not_checked() -> None:
    hall = Hall(policy())
    dropped = hall.records[-1].events
    record = msgspec.structs.replace(
        hall.records[-1],
        input=JournalChanged(available=True),
        events=(*dropped, JournalStateChanged(available=True, dropped=3)),
    )
    state = State()
    for before in hall.records[:-1]:
        fold(state, before)
    recheck = Recheck(_doors(hall), state, [PolicyIndex(policy())], [digest(policy())])
    assert recheck.take(record, msgspec.json.encode(record)) == "unchecked"


def test_a_clock_behind_the_mark_counts_as_behind_again() -> None:
    hall = Hall(policy())
    hall.now = Now(hall.now.wall_us - 7_200_000_000, hall.now.mono_us + 1, True)
    outcome = hall.give(TimeElapsed())
    assert outcome.record is not None
    state = State()
    for record in hall.records[:-1]:
        fold(state, record)
    assert moment(state, outcome.record).wall_us < state.wall_high_us


def test_the_end_of_a_wait_that_only_the_other_history_has_is_told_at_its_own_time() -> None:
    """What only comes due in the other history is decided when it asks for it, not at the next recorded input."""
    longer = msgspec.structs.replace(
        SITE, doors=tuple(msgspec.structs.replace(door, unlock_s=60.0) for door in SITE.doors)
    )
    hall = Hall(policy())
    hall.tap(LI)
    hall.wait(5.5)
    hall.give(TimeElapsed())
    hall.wait(300)
    hall.tap(WANG, "lobby-in")
    following = Following(_doors(hall), State(), PolicyIndex(policy(site=longer)))
    for record in hall.records:
        following.take(record)
    lapsed = [record for record in hall.records if record.input == TimeElapsed()]
    assert lapsed
    assert following.state.doors["hall-door"].grants == ()


def test_people_are_compared_one_by_one_whatever_the_order() -> None:
    li, wang = (Answer("granted", "hall-in", who) for who in ("li", "wang"))
    assert compare(1, 2, [li, wang], [wang, li]).differences == ()
    only = compare(1, 2, [li, wang], [wang]).differences
    assert [(one.number, one.recorded, one.now) for one in only] == [("li", li, None)]


def test_a_card_that_only_one_policy_knows_is_one_person() -> None:
    was, would_be = Answer("granted", "hall-in", "li"), Answer("denied", "hall-in", "")
    other = Answer("granted", "hall-in", "wang")
    (only,) = compare(1, 2, [other, was], [other, would_be]).differences
    assert (only.number, only.recorded, only.now) == ("li", was, would_be)
    assert compare(1, 2, [would_be], [was]).decisions == 1


def test_a_start_begins_another_process_in_the_other_history_too() -> None:
    hall = Hall(policy())
    hall.tap(LI)
    hall.give(Started("boot-2", "test"))
    following = Following(_doors(hall), State(), PolicyIndex(policy(LI, badge(9, "new"))))
    for record in hall.records:
        following.take(record)
    assert following.state.boot_id == "boot-2"
    assert following.state.doors["hall-door"].grants == ()


def _doors(hall: Hall) -> Doors:
    return Doors("j" * 8, HARDWARE, "edge-1")
