"""The engine, one story at a time (R1, R3, L1, L2, L4, MEANINGS 1, 2, 8, 10, 12, 14, 17-19, 27)."""

import msgspec
import pytest

from controller import engine as engine_module
from controller.actions import HoldUnlocked, Indicate, Lock, Unlock
from controller.commands import AcknowledgeAlarm, Identify, ResetFire, UnlockDoor
from controller.engine import Engine, Outcome
from controller.events import (
    AccessDenied,
    AccessGranted,
    AccessLapsed,
    AccessTaken,
    AlarmCleared,
    AlarmRaised,
    AreaUncertain,
    CommandDone,
    DeviceStateChanged,
    DoorLocked,
    DoorOpened,
    DoorUnlocked,
    ExitByRequest,
    LeaseAccepted,
    PolicyChanged,
    decode_record,
)
from controller.inputs import (
    CardRefused,
    CommandArrived,
    DeviceFaulted,
    DeviceRecovered,
    DoorContact,
    FireInput,
    ForkFound,
    GasInput,
    JournalChanged,
    LeaseArrived,
    LinkChanged,
    LockFeedback,
    RecordsLost,
    RexPressed,
    Started,
    Stopped,
    TamperInput,
    TimeElapsed,
)
from controller.now import SECOND_US, Now
from controller.policy import Lease, Version
from controller.presence import areas_within, muster, occupancy
from controller.state import State, decode_state, encode_state, fold
from tests.controller.building import (
    CUSTOMERS,
    GUO,
    HARDWARE,
    LI,
    SITE,
    START_US,
    WANG,
    XU,
    Hall,
    actions,
    badge,
    digest,
    events,
    policy,
    reason,
)


def hall(**fields: object) -> Hall:
    return Hall(policy(), **fields)  # type: ignore[arg-type]


def open_and_close(at: Hall, door: str = "hall-door") -> Outcome:
    opened = at.give(DoorContact(door, open=True))
    at.wait(1)
    at.give(DoorContact(door, open=False))
    return opened


def enter(at: Hall, who: object = LI) -> None:
    at.tap(who)  # type: ignore[arg-type]
    open_and_close(at)
    at.wait(2)


def order(command: object) -> CommandArrived:
    return CommandArrived("c1", command, "op-1")  # type: ignore[arg-type]


def result(outcome: Outcome) -> tuple[str, str]:
    (done,) = events(outcome, CommandDone)
    assert isinstance(done, CommandDone)
    return done.result, done.because.reason if done.because else ""


# granted, taken, lapsed


def test_a_tap_in_order_unlocks_after_the_journal_and_says_why() -> None:
    outcome = hall().tap(LI)
    assert [type(event) for event in outcome.record.events] == [AccessGranted, DoorUnlocked]
    assert outcome.actions == (Unlock("hall-door", 5 * SECOND_US), Indicate("hall-in", "granted"))
    assert outcome.record.policy_version == Version(1, 1)
    assert decode_record(outcome.encoded) == outcome.record


def test_a_grant_is_an_entry_only_when_the_door_opens_and_the_door_relocks_on_opening() -> None:
    at = hall()
    at.tap(LI)
    assert at.engine.state.presence == {}
    opened = at.give(DoorContact("hall-door", open=True))
    assert [type(event) for event in opened.record.events] == [DoorOpened, AccessTaken, DoorLocked]
    assert actions(opened, Lock) == [Lock("hall-door")]
    assert at.engine.state.presence[1].area == "hall"


def test_a_grant_that_nobody_uses_lapses_and_the_door_locks_when_its_time_is_over() -> None:
    at = hall()
    at.tap(LI)
    assert at.engine.next_deadline_us(at.now) == at.now.mono_us + 5 * SECOND_US
    at.wait(4.9)
    assert at.give(TimeElapsed()).record is None
    at.wait(0.1)
    over = at.give(TimeElapsed())
    assert [type(event) for event in over.record.events] == [AccessLapsed, DoorLocked]
    assert at.engine.state.presence == {}
    assert at.engine.next_deadline_us(at.now) is None


def test_an_opening_is_taken_for_every_grant_outstanding_at_the_door() -> None:
    at = hall()
    at.tap(LI)
    at.wait(4)
    at.tap(WANG)
    at.wait(3)
    opened = at.give(DoorContact("hall-door", open=True))
    assert {event.badge for event in events(opened, AccessTaken)} == {1, 2}
    assert set(at.engine.state.presence) == {1, 2}


def test_a_grant_while_the_leaf_is_open_is_taken_at_once_and_restarts_the_held_open_time() -> None:
    at = hall()
    at.tap(LI)
    at.give(DoorContact("hall-door", open=True))
    at.wait(29)
    second = at.tap(WANG)
    assert [type(event) for event in second.record.events] == [AccessGranted, AccessTaken]
    assert actions(second, Unlock) == []
    assert at.engine.next_deadline_us(at.now) == at.now.mono_us + 30 * SECOND_US
    at.wait(29)
    at.give(TimeElapsed())
    assert at.alarms == set()
    at.wait(1)
    at.give(TimeElapsed())
    assert at.alarms == {"DoorHeldOpen/hall-door"}


def test_leaving_into_a_public_area_ends_the_presence_and_a_cabinet_changes_none() -> None:
    at = hall()
    at.tap(LI, "lobby-in")
    open_and_close(at, "lobby-door")
    assert at.engine.state.presence[1].area == "lobby"
    at.tap(LI, "cabinet-front")
    at.wait(6)
    lapsed = at.give(TimeElapsed())
    assert events(lapsed, AccessLapsed)  # no contact: an opening cannot be seen
    assert at.engine.state.presence[1].area == "lobby"
    at.tap(LI, "lobby-out")
    open_and_close(at, "lobby-door")
    assert at.engine.state.presence == {}


def test_areas_nest_in_the_count_and_the_muster() -> None:
    at = hall()
    enter(at, LI)
    enter(at, WANG)
    at.tap(LI, "cage-in")
    open_and_close(at, "cage-door")
    assert areas_within(SITE, "hall") == {"hall", "cage-a"}
    assert occupancy(at.engine.state, SITE, "hall").holders == (1, 2)
    assert occupancy(at.engine.state, SITE, "cage-a").holders == (1,)
    assert [(holder, presence.area) for holder, presence in muster(at.engine.state)] == [(1, "cage-a"), (2, "hall")]


# refusals


def test_no_policy_denies_every_card_and_still_opens_by_rex() -> None:
    at = Hall()
    assert reason(at.tap(LI)) == "UNKNOWN_BADGE"
    assert reason(at.tap(LI, "hall-out")) == "UNKNOWN_BADGE"
    assert actions(at.give(RexPressed("hall-door")), Unlock) == [
        Unlock("hall-door", 5 * SECOND_US, before_journal=True)
    ]


def test_a_card_at_a_point_that_the_policy_does_not_know_is_denied() -> None:
    outcome = hall().tap(LI, "back-door")
    assert reason(outcome) == "NO_SUCH_POINT"
    assert actions(outcome, Indicate) == [Indicate("back-door", "denied")]


def test_a_door_of_another_edge_is_never_unlocked_from_here() -> None:
    at = hall()
    other = Engine(State(), "j", HARDWARE[:1], "edge-2")
    other.adopt(policy(), digest(policy()), at.now)
    outcome = other.handle(at.read(LI, "hall-in"), at.now)
    assert reason(outcome) == "NO_SUCH_POINT"
    assert actions(outcome, Unlock) == []


def test_a_read_that_comes_late_opens_nothing_and_is_recorded() -> None:
    at = hall()
    read = at.read(LI, "hall-in")
    at.wait(2.1)
    outcome = at.give(read)
    assert reason(outcome) == "LATE_READ"
    assert actions(outcome, Unlock) == []
    assert reason(at.tap(LI)) == "PERMITTED"  # the late read is no part of the fresh one


def test_reads_of_one_badge_at_one_point_within_a_second_are_one_read() -> None:
    at = hall()
    at.tap(LI)
    at.wait(0.9)
    assert at.tap(LI).record is None
    assert reason(at.tap(LI, "hall-out")) == "WAY_OUT"
    assert reason(at.tap(WANG)) == "PERMITTED"
    at.wait(0.2)
    assert reason(at.tap(LI)) == "PERMITTED"


def test_two_cards_and_a_card_without_its_key_are_refused_at_the_reader() -> None:
    at = hall()
    for cause, expected in (("two_cards", "TWO_CARDS"), ("not_authenticated", "NOT_AUTHENTICATED")):
        for point in ("hall-in", "hall-out"):
            assert reason(at.give(CardRefused(point, cause, "desfire", at.now.mono_us))) == expected  # type: ignore[arg-type]


def test_a_lost_badge_opens_nothing_in_or_out_and_raises_its_alarm_with_the_place() -> None:
    lost = badge(1, "li", status="lost")
    at = Hall(policy(lost))
    outcome = at.tap(lost)
    assert reason(outcome) == "BADGE_LOST"
    (alarm,) = events(outcome, AlarmRaised)
    assert isinstance(alarm, AlarmRaised)
    assert (alarm.alarm, alarm.subject, alarm.inputs["access_point"]) == ("BADGE_LOST", "li", "hall-in")
    assert reason(at.tap(lost, "hall-out")) == "BADGE_LOST"
    assert at.engine.state.alarms["BADGE_LOST/li"].inputs["access_point"] == "hall-out"


def test_five_denials_within_five_minutes_raise_an_alarm_once_and_begin_again_after_it_is_dealt_with() -> None:
    at = hall()
    for _ in range(4):
        at.tap("stranger")
        at.wait(2)
    assert at.alarms == set()
    at.tap("stranger")
    assert at.alarms == {"REPEATED_DENIALS/hall-in"}
    at.give(order(AcknowledgeAlarm("REPEATED_DENIALS", "hall-in", "a courier")))
    at.wait(2)
    at.tap("stranger")
    assert at.alarms == set()


def test_denials_that_lie_far_apart_are_no_alarm() -> None:
    at = hall()
    for _ in range(10):
        at.tap("stranger")
        at.wait(80)
    assert at.alarms == set()


# ways out


def test_an_ended_contract_lets_out_with_overstay_and_not_in_again() -> None:
    at = hall()
    enter(at)
    ended = policy(customers=(msgspec.structs.replace(CUSTOMERS[0], status="ended"), CUSTOMERS[1]), n=2)
    adopted = at.keep(at.engine.adopt(ended, digest(ended), at.now))
    at.engine.commit()
    assert [type(event) for event in adopted.record.events] == [PolicyChanged, AlarmRaised]
    assert at.alarms == {"OVERSTAY/li"}
    out = at.tap(LI, "hall-out")
    assert reason(out) == "WAY_OUT"
    assert actions(out, Unlock)
    assert reason(at.tap(LI)) == "CONTRACT_ENDED"


@pytest.mark.parametrize("change", [{"status": "revoked"}, {"status": "suspended"}, {"until_us": START_US}])
def test_a_badge_that_stops_while_its_holder_is_inside_raises_overstay_with_the_policy(
    change: dict[str, object],
) -> None:
    at = hall()
    enter(at)
    stopped = policy(msgspec.structs.replace(LI, **change), n=2)
    at.keep(at.engine.adopt(stopped, digest(stopped), at.now))
    assert at.alarms == {"OVERSTAY/li"}


def test_what_ends_while_someone_is_inside_raises_overstay_at_that_moment() -> None:
    limited = badge(1, "li", until_us=START_US + 3_600 * SECOND_US)
    at = Hall(policy(limited))
    enter(at, limited)
    due = at.engine.next_deadline_us(at.now)
    assert due == at.now.mono_us + (START_US + 3_600 * SECOND_US - at.now.wall_us)
    at.wait((due - at.now.mono_us) / SECOND_US)
    outcome = at.give(TimeElapsed())
    assert [event.alarm for event in events(outcome, AlarmRaised)] == ["OVERSTAY"]
    at.wait(1)
    assert at.give(TimeElapsed()).record is None
    assert at.engine.next_deadline_us(at.now) is None


def test_a_suspended_badge_gets_out_with_an_irregular_exit() -> None:
    suspended = badge(1, "li", status="suspended")
    at = Hall(policy(suspended))
    assert reason(at.tap(suspended, "hall-out")) == "WAY_OUT"
    assert at.engine.state.alarms["EXIT_IRREGULAR/li"].inputs["reason"] == "BADGE_SUSPENDED"
    assert at.engine.state.alarms["EXIT_IRREGULAR/li"].rule == "B3"


def test_rex_unlocks_before_the_journal_and_the_exit_makes_the_area_uncertain() -> None:
    at = hall()
    pressed = at.give(RexPressed("hall-door"))
    assert pressed.actions == (Unlock("hall-door", 5 * SECOND_US, before_journal=True),)
    opened = at.give(DoorContact("hall-door", open=True))
    assert events(opened, ExitByRequest) == [ExitByRequest("hall-door", "hall")]
    assert events(opened, AreaUncertain) == [AreaUncertain("hall", "rex")]
    assert at.alarms == set()
    assert occupancy(at.engine.state, SITE, "hall").uncertain == "rex"


def test_rex_and_a_grant_in_one_window_are_both_recorded_and_ambiguous() -> None:
    at = hall()
    at.tap(LI)
    at.give(RexPressed("hall-door"))
    opened = at.give(DoorContact("hall-door", open=True))
    assert events(opened, AccessTaken)
    assert events(opened, ExitByRequest)
    assert events(opened, AreaUncertain) == [AreaUncertain("hall", "ambiguous")]


# forced and held


def test_a_door_that_opens_while_locked_is_forced_until_it_closes() -> None:
    at = hall()
    outcome = at.give(DoorContact("hall-door", open=True))
    assert at.alarms == {"DoorForcedOpen/hall-door"}
    assert actions(outcome, Indicate) == [Indicate("hall-in", "alarm"), Indicate("hall-out", "alarm")]
    closed = at.give(DoorContact("hall-door", open=False))
    assert events(closed, AlarmCleared) == [AlarmCleared("DoorForcedOpen", "hall-door")]
    assert at.alarms == set()


def test_the_first_word_of_a_contact_forces_nothing() -> None:
    at = Hall(policy())
    at.give(Started("boot-1", "test"))
    at.give(DoorContact("hall-door", open=True))
    assert at.alarms == set()


def test_a_door_held_open_is_alarmed_once_and_cleared_by_closing() -> None:
    at = hall()
    at.tap(LI)
    at.give(DoorContact("hall-door", open=True))
    at.wait(30)
    held = at.give(TimeElapsed())
    assert [event.alarm for event in events(held, AlarmRaised)] == ["DoorHeldOpen"]
    at.wait(300)
    assert at.give(TimeElapsed()).record is None
    at.give(DoorContact("hall-door", open=False))
    assert at.alarms == set()


def test_a_timer_that_was_due_runs_before_the_input_that_comes_late() -> None:
    at = hall()
    at.tap(LI)
    at.wait(60)
    opened = at.give(DoorContact("hall-door", open=True))
    assert [type(event) for event in opened.record.events][:3] == [AccessLapsed, DoorLocked, DoorOpened]
    assert at.alarms == {"DoorForcedOpen/hall-door"}


def test_limits_of_the_site_override_those_of_its_doors() -> None:
    quick = policy(site=msgspec.structs.replace(SITE, settings={"unlock_s": 2, "held_open_s": 3}))
    at = Hall(quick)
    assert actions(at.tap(LI), Unlock) == [Unlock("hall-door", 2 * SECOND_US)]
    at.give(DoorContact("hall-door", open=True))
    assert at.engine.next_deadline_us(at.now) == at.now.mono_us + 3 * SECOND_US


# fire and gas


def test_a_fire_releases_its_doors_latches_and_is_reset_by_a_command_only() -> None:
    at = hall()
    fire = at.give(FireInput("z1", active=True))
    assert {action.door for action in actions(fire, HoldUnlocked)} == {"lobby-door", "hall-door", "cage-door"}
    assert all(action.before_journal for action in actions(fire, HoldUnlocked))
    assert at.alarms == {"FIRE/z1"}
    assert result(at.give(order(ResetFire("z1", "all out")))) == ("refused", "FIRE_INPUT_ACTIVE")
    normal = at.give(FireInput("z1", active=False))
    assert actions(normal, Lock) == []
    assert at.engine.door("hall-door").mode == "released"
    assert result(at.give(order(ResetFire("z1", " ")))) == ("refused", "REASON_REQUIRED")
    reset = at.give(order(ResetFire("z1", "all out")))
    assert result(reset) == ("done", "")
    assert {action.door for action in actions(reset, Lock)} == {"lobby-door", "hall-door", "cage-door"}
    assert at.alarms == set()
    assert set(at.engine.state.uncertain) == {"lobby", "hall", "cage-a"}
    assert result(at.give(order(ResetFire("z1", "again")))) == ("refused", "FIRE_NOT_LATCHED")


def test_a_door_of_two_zones_relocks_when_the_last_of_them_is_reset() -> None:
    at = hall()
    for zone in ("z1", "z2"):
        at.give(FireInput(zone, active=True))
        at.give(FireInput(zone, active=False))
    at.give(order(ResetFire("z1", "checked")))
    assert at.engine.door("hall-door").mode == "controlled"
    assert at.engine.door("cage-door").mode == "released"
    at.give(order(ResetFire("z2", "checked")))
    assert at.engine.door("cage-door").mode == "controlled"


def test_a_released_door_is_neither_forced_nor_held_and_freezes_the_muster() -> None:
    at = hall()
    enter(at)
    at.give(FireInput("z1", active=True))
    at.tap(LI, "hall-out")
    at.give(DoorContact("hall-door", open=True))
    at.wait(600)
    at.give(TimeElapsed())
    assert at.alarms == {"FIRE/z1"}
    assert at.engine.state.presence[1].area == "lobby"
    assert [(holder, presence.area) for holder, presence in muster(at.engine.state)] == [(1, "hall")]


def test_a_latched_fire_survives_a_restart_and_releases_again() -> None:
    at = hall()
    at.give(FireInput("z1", active=True))
    again = at.give(Started("boot-2", "test"))
    assert {action.door for action in actions(again, HoldUnlocked)} == {"lobby-door", "hall-door", "cage-door"}


def test_gas_lets_out_and_nobody_in_until_it_is_cleared() -> None:
    at = hall()
    at.give(GasInput("z1", active=True))
    assert at.alarms == {"GAS/z1"}
    assert reason(at.tap(GUO)) == "AREA_UNSAFE"
    assert reason(at.tap(LI, "hall-out")) == "WAY_OUT"
    assert result(at.give(order(UnlockDoor("hall-door", "look")))) == ("refused", "AREA_UNSAFE")
    at.give(GasInput("z1", active=False))
    at.wait(2)
    assert reason(at.tap(GUO)) == "PERMITTED"
    assert at.alarms == set()


# journal


def batch(at: Hall, *stimuli: object) -> list[Outcome]:
    return [at.engine.handle(stimulus, at.now) for stimulus in stimuli]  # type: ignore[arg-type]


def test_when_the_journal_fails_the_batch_is_decided_again_without_entries() -> None:
    at = hall()
    before = encode_state(at.engine.state)
    first = batch(at, at.read(LI, "hall-in"), at.read(WANG, "hall-out"), RexPressed("lobby-door"))
    assert all(actions(outcome, Unlock) for outcome in first)
    again = at.engine.journal_failed("disk full", at.now)
    assert [reason(outcome) for outcome in again] == ["", "JOURNAL_UNAVAILABLE", "WAY_OUT", ""]
    unlocked = [action for outcome in again for action in actions(outcome, Unlock)]
    assert unlocked == [
        Unlock("hall-door", 5 * SECOND_US, before_journal=True),
        Unlock("lobby-door", 5 * SECOND_US, before_journal=True),
    ]
    assert at.alarms == {"JOURNAL_UNAVAILABLE/edge-1"}
    assert len(at.engine.pending) == 4
    state = decode_state(before)
    for encoded in at.engine.pending:
        fold(state, decode_record(encoded))
    assert state == at.engine.state


def test_a_relock_that_waits_for_the_journal_never_comes_after_the_rex_that_followed_it() -> None:
    at = hall()
    at.tap(LI)
    at.wait(5)
    (outcome,) = batch(at, RexPressed("hall-door"))  # the old unlock time is over at this very moment
    assert [type(action) for action in outcome.actions] == [Lock, Unlock]
    assert outcome.actions[1].before_journal
    assert at.engine.commit() == ()
    assert at.engine.door("hall-door").lock == "unlocked"


def test_an_unlock_that_waits_for_the_journal_never_ends_the_fire_release_that_followed_it() -> None:
    at = hall()
    batch(at, at.read(LI, "hall-in"), at.read(WANG, "cabinet-front"), FireInput("z1", active=True))
    assert at.engine.commit() == (
        Indicate("hall-in", "granted"),
        Unlock("cabinet-1", 5 * SECOND_US),
        Indicate("cabinet-front", "granted"),
    )


def test_actions_that_waited_come_in_order_and_once() -> None:
    at = hall()
    batch(at, RexPressed("hall-door"), DoorContact("hall-door", open=True), at.read(LI, "lobby-in"))
    assert at.engine.commit() == (
        Lock("hall-door"),
        Unlock("lobby-door", 5 * SECOND_US),
        Indicate("lobby-in", "granted"),
    )
    assert at.engine.commit() == ()


def test_when_the_journal_returns_its_waiting_records_come_first_without_a_gap() -> None:
    at = hall()
    last = at.engine.state.seq
    batch(at, RexPressed("hall-door"))
    at.engine.journal_failed("disk full", at.now)
    assert at.engine.journal_failed("disk full", at.now) == []
    assert result(batch(at, order(UnlockDoor("hall-door", "delivery")))[0]) == ("refused", "JOURNAL_UNAVAILABLE")
    waiting = [decode_record(encoded) for encoded in at.engine.pending]
    assert [record.seq for record in waiting] == [last + 1, last + 2, last + 3]
    at.engine.commit()
    back = at.give(JournalChanged(available=True))
    assert at.alarms == set()
    assert back.record.seq == last + 4
    assert reason(at.tap(LI)) == "PERMITTED"


def test_a_journal_that_fails_while_it_returns_is_unavailable_again() -> None:
    at = hall()
    batch(at, RexPressed("hall-door"))
    at.engine.journal_failed("disk full", at.now)
    at.engine.commit()
    batch(at, JournalChanged(available=True), at.read(LI, "hall-in"))
    again = at.engine.journal_failed("disk full", at.now)
    assert [reason(outcome) for outcome in again] == ["", "JOURNAL_UNAVAILABLE"]
    assert not at.engine.state.journal_available
    assert at.engine.pending


def test_memory_for_waiting_records_is_bounded_and_ways_out_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "MAX_WAITING_RECORDS", 3)
    at = hall()
    batch(at, RexPressed("hall-door"))
    at.engine.journal_failed("disk full", at.now)
    for _ in range(5):
        at.wait(1)
        (outcome,) = batch(at, RexPressed("hall-door"))
        assert actions(outcome, Unlock) == [Unlock("hall-door", 5 * SECOND_US, before_journal=True)]
    assert len(at.engine.pending) == 3
    at.engine.commit()
    back = at.give(JournalChanged(available=True))
    assert back.record.events[0].dropped == 4  # type: ignore[union-attr]
    assert at.engine.state.uncertain["hall"] == "records_dropped"


def test_a_policy_adopted_while_the_journal_fails_is_in_force_and_recorded_when_it_returns() -> None:
    at = hall()
    revoked = policy(badge(1, "li", status="revoked"), n=2)
    at.engine.adopt(revoked, digest(revoked), at.now)
    again = at.engine.journal_failed("disk full", at.now)
    assert any(events(outcome, PolicyChanged) for outcome in again)
    assert reason(batch(at, at.read(LI, "hall-in"))[0]) == "BADGE_REVOKED"


# leases and clocks


def test_without_a_lease_nobody_enters_and_everybody_leaves() -> None:
    at = hall(lease=False)
    assert reason(at.tap(LI)) == "LEASE_ENDED"
    assert reason(at.tap(LI, "hall-out")) == "WAY_OUT"
    assert at.engine.lease_left_s(at.now) == {"temporary": 0, "customer": 0, "staff": 0, "keyholder": 0}


def test_a_cut_off_edge_ends_each_class_of_badges_in_its_time() -> None:
    at = hall()
    assert at.engine.lease_left_s(at.now) == {
        "temporary": 1_800,
        "customer": 28_800,
        "staff": 86_400,
        "keyholder": 604_800,
    }
    at.wait(28_800, wall=False)
    assert reason(at.tap(LI)) == "LEASE_ENDED"
    assert reason(at.tap(GUO)) == "PERMITTED"
    at.wait(86_400 - 28_800)
    assert reason(at.tap(GUO)) == "LEASE_ENDED"
    assert reason(at.tap("key")) == "PERMITTED"


def test_a_lease_for_another_policy_is_as_if_it_had_not_come() -> None:
    at = hall(lease=False)
    assert at.give(LeaseArrived(Lease(Version(1, 2), digest(policy()), START_US))).record is None
    assert events(at.give(LeaseArrived(Lease(Version(1, 1), digest(policy()), START_US))), LeaseAccepted)


def test_after_a_boot_without_trusted_time_only_staff_enter_until_a_source_vouches() -> None:
    at = hall()
    at.now = Now(0, 10 * SECOND_US, wall_trusted=False)  # an empty clock battery
    at.give(Started("boot-2", "test"))
    assert at.alarms == {"CLOCK_UNTRUSTED/edge-1"}
    assert at.records[-1].at_us >= START_US  # never below the high-water mark
    assert reason(at.tap(LI)) == "TIME_UNTRUSTED"
    assert reason(at.tap(XU)) == "TIME_UNTRUSTED"
    assert reason(at.tap(GUO)) == "PERMITTED"
    at.now = Now(START_US + 3_600 * SECOND_US, 20 * SECOND_US, wall_trusted=True)
    assert at.engine.next_deadline_us(at.now) == at.now.mono_us
    at.give(TimeElapsed())
    assert at.alarms == set()
    assert reason(at.tap(LI)) == "PERMITTED"


def test_an_untrusted_clock_far_ahead_does_not_poison_the_high_water_mark() -> None:
    at = hall()
    at.now = Now(START_US * 2, 10 * SECOND_US, wall_trusted=False)
    at.give(Started("boot-2", "test"))
    at.now = Now(START_US + SECOND_US, 20 * SECOND_US, wall_trusted=True)
    assert reason(at.tap(GUO)) == "PERMITTED"
    assert at.alarms == set()


def test_a_clock_stepped_back_is_alarmed_and_time_stands_instead_of_running_back() -> None:
    at = hall()
    high = at.engine.state.wall_high_us
    at.now = Now(high - 3_600 * SECOND_US, at.now.mono_us + SECOND_US)
    outcome = at.tap(LI)
    assert outcome.record.at_us == high
    assert at.engine.state.alarms["CLOCK_UNTRUSTED/edge-1"].inputs == {"cause": "behind"}
    assert reason(outcome) == "PERMITTED"


# supervision, restart, commands


def test_a_restart_voids_grants_locks_and_leaves_areas_uncertain() -> None:
    at = hall()
    enter(at)
    at.tap(WANG)
    again = at.give(Started("boot-1", "test"))
    assert [event.badge for event in events(again, AccessLapsed)] == [2]
    assert events(again, DoorLocked) == [DoorLocked("hall-door")]
    assert actions(again, Unlock) == []
    assert at.engine.state.presence[1].area == "hall"
    assert at.engine.state.uncertain["hall"] == "restart"


def test_the_first_start_of_a_journal_takes_the_building_for_empty() -> None:
    fresh = Engine(State(), "j" * 8, HARDWARE, "edge-1")
    at = hall()
    fresh.adopt(policy(), digest(policy()), at.now)
    fresh.handle(Started("boot-1", "test"), at.now)
    assert fresh.state.uncertain == {}
    fresh.handle(Started("boot-1", "test"), at.now)
    assert set(fresh.state.uncertain) == {"lobby", "hall", "cage-a"}


def test_a_policy_adopted_before_the_start_is_told_by_the_record_of_the_start() -> None:
    at = hall()
    again = Engine(at.engine.state, "j" * 8, HARDWARE, "edge-1")
    newer = policy(LI, n=2)
    assert again.adopt(newer, digest(newer), at.now) == Outcome(None, b"", ())
    begun = again.handle(Started("boot-2", "test"), at.now)
    assert events(begun, PolicyChanged) == [PolicyChanged(Version(1, 2), digest(newer))]
    assert (begun.record.boot_id, begun.record.policy_version) == ("boot-2", Version(1, 2))


def test_an_orderly_stop_locks_what_is_unlocked() -> None:
    at = hall()
    at.tap(LI)
    stop = at.give(Stopped("SIGTERM"))
    assert actions(stop, Lock) == [Lock("hall-door")]
    assert [type(event).__name__ for event in stop.record.events] == ["AccessLapsed", "DoorLocked", "EdgeStopped"]


def test_a_faulty_device_is_alarmed_once_and_cleared_on_return() -> None:
    at = hall()
    at.give(DeviceFaulted("hall-in", "reader", "unplugged"))
    assert at.give(DeviceFaulted("hall-in", "reader", "still unplugged")).record is None
    at.give(DeviceFaulted("relay-1", "board", "silent"))
    assert at.alarms == {"READER_FAULT/hall-in", "BOARD_FAULT/relay-1"}
    assert reason(at.tap(LI, "lobby-in")) == "PERMITTED"
    back = at.give(DeviceRecovered("hall-in", "reader"))
    assert events(back, DeviceStateChanged) == [DeviceStateChanged("hall-in", "reader", True)]
    assert at.alarms == {"BOARD_FAULT/relay-1"}


def test_a_lock_that_does_not_follow_is_a_fault_of_its_board() -> None:
    at = hall()
    at.give(LockFeedback("hall-door", unlocked=True))
    assert at.alarms == {"BOARD_FAULT/hall-door"}
    at.give(LockFeedback("hall-door", unlocked=False))
    assert at.alarms == set()


def test_link_and_tamper_and_fork_are_alarms_and_move_no_door() -> None:
    at = hall()
    outcomes = [
        at.give(LinkChanged(up=True)),
        at.give(LinkChanged(up=False)),
        at.give(TamperInput("hall-door", active=True)),
        at.give(ForkFound("j", 3)),
        at.give(RecordsLost("j", 1, 2)),
    ]
    assert at.alarms == {"LINK_LOST/edge-1", "TAMPER/hall-door", "FORK/edge-1"}
    assert all(outcome.actions == () for outcome in outcomes)
    at.give(LinkChanged(up=True))
    at.give(TamperInput("hall-door", active=False))
    assert at.alarms == {"FORK/edge-1"}


def test_unlock_door_takes_a_reason_and_a_door_of_this_edge() -> None:
    at = hall()
    assert result(at.give(order(UnlockDoor("hall-door", "")))) == ("refused", "REASON_REQUIRED")
    assert result(at.give(order(UnlockDoor("moon-door", "look")))) == ("refused", "NO_SUCH_DOOR")
    done = at.give(order(UnlockDoor("hall-door", "delivery")))
    assert result(done) == ("done", "")
    assert actions(done, Unlock) == [Unlock("hall-door", 5 * SECOND_US)]
    assert [event.cause for event in events(done, DoorUnlocked)] == ["command"]
    opened = at.give(DoorContact("hall-door", open=True))
    assert events(opened, AreaUncertain) == [AreaUncertain("hall", "command")]
    assert at.alarms == set()


def test_acknowledging_needs_a_note_and_ends_only_what_is_over() -> None:
    at = hall()
    at.give(DoorContact("hall-door", open=True))
    assert result(at.give(order(AcknowledgeAlarm("DoorForcedOpen", "hall-door", "")))) == ("refused", "REASON_REQUIRED")
    assert result(at.give(order(AcknowledgeAlarm("FIRE", "z1", "seen")))) == ("refused", "NO_SUCH_ALARM")
    assert result(at.give(order(AcknowledgeAlarm("DoorForcedOpen", "hall-door", "on my way")))) == ("done", "")
    assert at.engine.state.alarms["DoorForcedOpen/hall-door"].acknowledged_by == "op-1"


def test_identify_shows_at_a_known_point_only() -> None:
    at = hall()
    assert actions(at.give(order(Identify("hall-in"))), Indicate) == [Indicate("hall-in", "alarm")]
    assert result(at.give(order(Identify("nowhere")))) == ("refused", "NO_SUCH_POINT")


def test_an_input_that_changes_nothing_makes_no_record() -> None:
    at = hall()
    for stimulus in (
        TimeElapsed(),
        DoorContact("hall-door", open=False),
        FireInput("z1", active=False),
        GasInput("z1", active=False),
        DoorContact("someone-elses-door", open=True),
        RexPressed("someone-elses-door"),
    ):
        assert at.give(stimulus) == Outcome(None, b"", ())


def test_adopting_the_policy_that_is_in_force_makes_no_record() -> None:
    at = hall()
    assert at.engine.adopt(policy(), digest(policy()), at.now).record is None


def test_badges_in_any_order_are_found_by_their_id() -> None:
    mixed = msgspec.structs.replace(policy(), badges=(WANG, GUO, LI))
    at = Hall(mixed)
    enter(at, WANG)
    assert at.engine.index.badge(2) == WANG
    assert at.alarms == set()


def test_a_denied_card_is_recorded_without_a_badge_when_it_is_unknown() -> None:
    (denied,) = events(hall().tap("stranger"), AccessDenied)
    assert isinstance(denied, AccessDenied)
    assert (denied.badge, denied.holder, denied.number) == (None, None, "")
