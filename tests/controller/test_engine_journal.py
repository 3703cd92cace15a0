"""The engine when the journal fails, at starts, with devices and commands (L2, MEANINGS 1, 2, 20, 29)."""

import msgspec
import pytest

from controller import engine as engine_module
from controller.actions import Indicate, Lock, Unlock
from controller.commands import AcknowledgeAlarm, Identify, UnlockDoor
from controller.engine import Engine, Outcome
from controller.events import (
    AccessDenied,
    AccessLapsed,
    DeviceStateChanged,
    DoorLocked,
    DoorUnlocked,
    JournalStateChanged,
    PolicyChanged,
    decode_record,
)
from controller.fold import fold
from controller.inputs import (
    DeviceFaulted,
    DeviceRecovered,
    DoorContact,
    FireInput,
    ForkFound,
    GasInput,
    JournalChanged,
    LinkChanged,
    LockFeedback,
    RecordsLost,
    RexPressed,
    Started,
    Stopped,
    TamperInput,
    TimeElapsed,
)
from controller.now import SECOND_US
from controller.policy import Version
from controller.room_events import AreaUncertain
from controller.state import State, decode_state, encode_state
from tests.controller.building import (
    GUO,
    HARDWARE,
    LI,
    WANG,
    Hall,
    actions,
    badge,
    digest,
    events,
    policy,
    reason,
)
from tests.controller.stories import batch, enter, hall, order, result

# journal


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
    (told,) = events(back, JournalStateChanged)
    assert told.dropped == 4  # type: ignore[union-attr]
    assert at.engine.state.uncertain["hall"] == "records_dropped"


def test_a_policy_adopted_while_the_journal_fails_is_in_force_and_recorded_when_it_returns() -> None:
    at = hall()
    revoked = policy(badge(1, "li", status="revoked"), n=2)
    at.engine.adopt(revoked, digest(revoked), at.now)
    again = at.engine.journal_failed("disk full", at.now)
    assert any(events(outcome, PolicyChanged) for outcome in again)
    assert reason(batch(at, at.read(LI, "hall-in"))[0]) == "BADGE_REVOKED"


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
    assert events(opened, AreaUncertain) == [AreaUncertain("hall", "command", ("cage-a",))]
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
