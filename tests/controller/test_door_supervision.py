"""Doors looked after: held-open warnings, repeats of alarms, rattling contacts, maintenance, keys, outputs that do not follow (docs/rooms.md, Doors)."""

import msgspec
import pytest

from controller.actions import Indicate, Lock
from controller.commands import AcknowledgeAlarm, ResetFire, SetMaintenance
from controller.engine import Engine
from controller.events import (
    AccessTaken,
    AlarmAcknowledged,
    AlarmCleared,
    AlarmRaised,
    DoorOpened,
    decode_record,
)
from controller.fold import fold
from controller.inputs import (
    ContactRattling,
    DeviceFaulted,
    DeviceRecovered,
    DoorContact,
    FireInput,
    LockFeedback,
    RexPressed,
    Started,
    TamperInput,
    TimeElapsed,
)
from controller.now import SECOND_US, Now
from controller.room_events import AreaUncertain, DoorHeldWarning, DoorRattled, MaintenanceChanged
from controller.site import HeldOpen, Site
from controller.state import State
from tests.controller.building import (
    DAY_US,
    GUO,
    HARDWARE,
    LI,
    SITE,
    START_US,
    WANG,
    Hall,
    actions,
    badge,
    events,
    policy,
)
from tests.controller.stories import hall, open_and_close, order, result

MINUTE_US = 60 * SECOND_US


def with_door(door: str = "hall-door", **fields: object) -> Site:
    doors = tuple(msgspec.structs.replace(entry, **fields) if entry.id == door else entry for entry in SITE.doors)
    return msgspec.structs.replace(SITE, doors=doors)


def opened(at: Hall) -> None:
    """The leaf of the hall's door stands open in order."""
    at.tap(GUO)
    at.give(DoorContact("hall-door", open=True))


def tick(at: Hall, seconds: float) -> list[str]:
    """Let time pass; the alarms that it raised."""
    at.wait(seconds)
    return [event.alarm for event in events(at.give(TimeElapsed()), AlarmRaised)]


def force(at: Hall) -> AlarmRaised:
    (raised,) = events(at.give(DoorContact("hall-door", open=True)), AlarmRaised)
    return raised


def shut(at: Hall) -> None:
    at.give(DoorContact("hall-door", open=False))


def acknowledge(at: Hall, alarm: str, subject: str = "hall-door", key: str = "") -> tuple[str, str]:
    return result(at.give(order(AcknowledgeAlarm(alarm, subject, "seen", key))))


# held open


def test_a_leaf_that_stands_open_is_warned_of_before_it_is_alarmed() -> None:
    at = hall()
    opened(at)
    alarm_at_us = at.now.mono_us + 30 * SECOND_US
    assert at.engine.next_deadline_us(at.now) == alarm_at_us - 10 * SECOND_US
    at.wait(19.999999)
    assert at.give(TimeElapsed()).record is None
    at.wait(0.000001)
    warned = at.give(TimeElapsed())
    assert events(warned, DoorHeldWarning) == [DoorHeldWarning("hall-door", alarm_at_us)]
    assert actions(warned, Indicate) == [Indicate("hall-in", "alarm"), Indicate("hall-out", "alarm")]
    assert at.alarms == set()
    assert tick(at, 9.999999) == []
    assert tick(at, 0.000001) == ["DoorHeldOpen"]


def test_closing_after_the_warning_ends_it_at_the_reader_too() -> None:
    at = hall()
    opened(at)
    tick(at, 20)
    closed = at.give(DoorContact("hall-door", open=False))
    assert actions(closed, Indicate) == [Indicate("hall-in", "off"), Indicate("hall-out", "off")]
    assert at.alarms == set()


def test_closing_after_the_alarm_shows_it_once() -> None:
    at = hall()
    opened(at)
    tick(at, 20)
    tick(at, 10)
    closed = at.give(DoorContact("hall-door", open=False))
    assert actions(closed, Indicate) == [Indicate("hall-in", "off"), Indicate("hall-out", "off")]


def test_a_grant_after_the_warning_gives_the_whole_time_anew() -> None:
    at = hall()
    opened(at)
    tick(at, 20)
    at.tap(LI)
    assert tick(at, 19) == []
    assert events(at.give(TimeElapsed()), DoorHeldWarning) == []
    at.wait(1)
    assert len(events(at.give(TimeElapsed()), DoorHeldWarning)) == 1


@pytest.mark.parametrize(("held_warning_s", "held_open_s"), [(0, 30), (10, 10), (10, 8)])
def test_no_warning_comes_where_none_is_asked_for_or_the_time_is_no_longer_than_it(
    held_warning_s: float, held_open_s: float
) -> None:
    at = Hall(policy(site=with_door(held_warning_s=held_warning_s, held_open_s=held_open_s)))
    opened(at)
    assert at.engine.next_deadline_us(at.now) == at.now.mono_us + held_open_s * SECOND_US
    at.wait(held_open_s)
    over = at.give(TimeElapsed())
    assert events(over, DoorHeldWarning) == []
    assert [event.alarm for event in events(over, AlarmRaised)] == ["DoorHeldOpen"]


def test_a_door_held_open_in_a_fire_is_neither_warned_of_nor_alarmed() -> None:
    at = hall()
    opened(at)
    tick(at, 20)
    fire = at.give(FireInput("z1", active=True))
    assert Indicate("hall-in", "off") in actions(fire, Indicate)
    assert tick(at, 600) == []


@pytest.mark.parametrize(
    ("opens_at_minute", "held_open_s"),
    [(480 - 1 / 60, 30), (480, 600), (1080 - 1 / 60, 600), (1080, 30)],
)
def test_a_delivery_hour_has_its_own_held_open_time_from_the_opening_on(
    opens_at_minute: float, held_open_s: float
) -> None:
    at = Hall(policy(site=with_door(held_open_by_schedule=(HeldOpen("working-hours", 600), HeldOpen("always", 30)))))
    midnight_us = START_US + (86_400 - (22 * 3_600 + 13 * 60 + 20)) * SECOND_US  # of a Tuesday
    at.now = Now(midnight_us + round(opens_at_minute * MINUTE_US), at.now.mono_us)
    at.give_lease()
    opened(at)
    begun_us = at.now.mono_us
    at.wait(held_open_s - 10)
    (warned,) = events(at.give(TimeElapsed()), DoorHeldWarning)
    assert warned.alarm_at_mono_us == begun_us + held_open_s * SECOND_US
    assert tick(at, 9.999999) == []
    assert tick(at, 0.000001) == ["DoorHeldOpen"]


def test_the_first_open_schedule_counts_and_a_named_limit_outranks_them() -> None:
    site = with_door(held_open_by_schedule=(HeldOpen("always", 90), HeldOpen("always", 60)), held_warning_s=0)
    at = Hall(policy(site=site))
    opened(at)
    assert at.engine.next_deadline_us(at.now) == at.now.mono_us + 90 * SECOND_US
    at = Hall(policy(site=msgspec.structs.replace(site, settings={"held_open_s": 5})))
    opened(at)
    assert at.engine.next_deadline_us(at.now) == at.now.mono_us + 5 * SECOND_US


# repeats


def test_an_alarm_that_comes_back_within_the_window_is_the_same_one_counted() -> None:
    at = hall()
    counts = []
    for _ in range(4):
        counts.append(force(at).repeats)
        shut(at)
        at.wait(299.999999)
    assert counts == [0, 1, 2, 3]


def test_an_alarm_that_comes_back_after_the_window_is_a_new_one() -> None:
    at = hall()
    force(at)
    shut(at)
    at.wait(300)
    assert force(at).repeats == 0


def test_repeats_are_counted_for_each_door_and_not_across_a_start() -> None:
    at = hall()
    force(at)
    shut(at)
    (other,) = events(at.give(DoorContact("lobby-door", open=True)), AlarmRaised)
    assert other.repeats == 0
    at.give(Started("boot-2", "test"))
    at.settle()
    assert force(at).repeats == 0


def test_a_standing_alarm_that_has_more_to_say_keeps_its_count() -> None:
    lost = badge(1, "li", status="lost")
    at = Hall(policy(lost))
    counts = []
    for _ in range(2):
        for place in ("hall-in", "lobby-in"):
            (raised,) = events(at.tap(lost, place), AlarmRaised)
            counts.append((raised.inputs["access_point"], raised.repeats))
            at.wait(2)
        acknowledge(at, "BADGE_LOST", "li")
    assert counts == [("hall-in", 0), ("lobby-in", 0), ("hall-in", 1), ("lobby-in", 1)]


# rattling


def test_a_rattling_contact_counts_as_open_is_forced_once_and_leaves_the_area_uncertain() -> None:
    at = hall()
    told = at.give(ContactRattling("hall-door", 41, open=False))
    assert events(told, DoorRattled) == [DoorRattled("hall-door", 41)]
    assert events(told, DoorOpened)
    assert [event.alarm for event in events(told, AlarmRaised)] == ["DoorForcedOpen"]
    assert at.engine.door("hall-door").position == "open"
    assert "hall" in at.engine.state.uncertain
    again = at.give(ContactRattling("hall-door", 80, open=True))
    assert events(again, AlarmRaised) == []
    rest = at.give(DoorContact("hall-door", open=False))
    assert [event.alarm for event in events(rest, AlarmCleared)] == ["DoorForcedOpen"]
    assert at.engine.door("hall-door").position == "closed"


def test_a_contact_that_rattles_under_a_grant_takes_it_and_forces_nothing_but_leaves_doubt() -> None:
    at = hall()
    at.tap(LI)
    told = at.give(ContactRattling("hall-door", 41, open=True))
    assert [event.badge for event in events(told, AccessTaken)] == [1]
    assert events(told, AlarmRaised) == []
    assert actions(told, Lock) == [Lock("hall-door")]
    assert [event.cause for event in events(told, AreaUncertain)] == ["rattling"]


def test_a_rattling_contact_of_a_door_that_is_not_ours_is_nothing() -> None:
    at = hall()
    assert at.give(ContactRattling("elsewhere", 41, open=True)).record is None


def test_a_rex_opens_a_door_whose_contact_rattles() -> None:
    at = hall()
    at.give(ContactRattling("hall-door", 41, open=True))
    at.give(RexPressed("hall-door"))
    assert at.engine.door("hall-door").lock == "unlocked"


# maintenance


def maintain(at: Hall, minutes: int = 30, door: str = "hall-door", reason: str = "closer replaced") -> tuple[str, str]:
    return result(at.give(order(SetMaintenance(door, minutes, reason))))


def test_under_maintenance_a_door_raises_none_of_its_alarms_and_decides_and_doubts_as_ever() -> None:
    at = hall()
    assert maintain(at) == ("done", "")
    at.give(DoorContact("hall-door", open=True))
    assert at.engine.state.uncertain["hall"] == "forced"
    at.give(TamperInput("hall-door", active=True))
    at.give(TamperInput("hall-in", active=True))
    at.give(DeviceFaulted("hall-in", "reader", "unplugged"))
    at.give(LockFeedback("hall-door", unlocked=True))
    assert tick(at, 60) == []
    assert at.alarms == set()
    at.give(DoorContact("lobby-door", open=True))
    at.give(TamperInput("lobby-door", active=True))
    at.give(DeviceFaulted("lobby-in", "reader", "unplugged"))
    at.give(DeviceFaulted("board-1", "board", "no answer"))
    assert at.alarms == {
        "DoorForcedOpen/lobby-door", "TAMPER/lobby-door", "READER_FAULT/lobby-in", "BOARD_FAULT/board-1",
    }  # fmt: skip


def test_nothing_blinks_under_maintenance_for_an_alarm_that_is_not_raised() -> None:
    at = hall()
    maintain(at)
    assert actions(at.give(DoorContact("hall-door", open=True)), Indicate) == []
    at.wait(30)
    assert at.give(TimeElapsed()).actions == ()


def test_maintenance_ends_by_itself_to_the_moment_and_what_stands_then_is_alarmed() -> None:
    at = hall()
    maintain(at, minutes=2)
    at.give(DoorContact("hall-door", open=True))
    at.give(TamperInput("hall-in", active=True))
    at.give(DeviceFaulted("hall-out", "reader", "unplugged"))
    assert at.engine.next_deadline_us(at.now) == at.now.mono_us + 120 * SECOND_US
    assert tick(at, 119.999999) == []
    at.wait(0.000001)
    over = at.give(TimeElapsed())
    assert events(over, MaintenanceChanged) == [MaintenanceChanged("hall-door", None)]
    assert [event.alarm for event in events(over, AlarmRaised)] == ["TAMPER", "READER_FAULT", "DoorHeldOpen"]
    at.give(DeviceRecovered("hall-out", "reader"))
    assert at.alarms == {"TAMPER/hall-in", "DoorHeldOpen/hall-door"}


def test_an_alarm_that_stood_before_the_maintenance_stays_until_its_cause_is_gone() -> None:
    at = hall()
    force(at)
    maintain(at)
    assert at.alarms == {"DoorForcedOpen/hall-door"}
    shut(at)
    assert at.alarms == set()


def test_maintenance_takes_a_door_a_reason_and_a_time_within_its_limit() -> None:
    at = hall()
    assert maintain(at, door="elsewhere") == ("refused", "NO_SUCH_DOOR")
    assert maintain(at, reason=" ") == ("refused", "REASON_REQUIRED")
    assert maintain(at, minutes=-1) == ("refused", "MAINTENANCE_OUT_OF_RANGE")
    assert maintain(at, minutes=481) == ("refused", "MAINTENANCE_OUT_OF_RANGE")
    assert maintain(at, minutes=480) == ("done", "")
    assert at.engine.door("hall-door").maintenance_until_us == at.now.wall_us + 480 * MINUTE_US


def test_no_minutes_end_a_maintenance_and_more_minutes_count_from_now() -> None:
    at = hall()
    maintain(at, minutes=5)
    at.wait(60)
    maintain(at, minutes=5)
    assert at.engine.door("hall-door").maintenance_until_us == at.now.wall_us + 5 * MINUTE_US
    ended = at.give(order(SetMaintenance("hall-door", 0, "done")))
    assert events(ended, MaintenanceChanged) == [MaintenanceChanged("hall-door", None, "op-1", "done")]
    assert at.engine.door("hall-door").maintenance_until_us is None
    assert maintain(at, minutes=0) == ("done", "")


def test_maintenance_survives_a_restart_and_ends_on_the_wall_clock() -> None:
    at = hall()
    maintain(at, minutes=5)
    state = State()
    for encoded in at.encoded:
        fold(state, decode_record(encoded))
    at.engine = Engine(state, "j" * 8, HARDWARE, "edge-1")
    at.engine.adopt(policy(), "d", at.now)
    at.now = Now(at.now.wall_us + 4 * MINUTE_US, 7 * SECOND_US)
    at.give(Started("boot-2", "test"))
    at.settle()
    at.give(DoorContact("hall-door", open=True))
    assert at.alarms == set()
    at.wait(60)
    at.give(TimeElapsed())
    shut(at)
    assert force(at).alarm == "DoorForcedOpen"


# keys, outputs, fire boards


def test_a_forced_door_that_a_key_explains_is_alarmed_no_more_by_that_opening() -> None:
    at = hall()
    force(at)
    told = at.give(order(AcknowledgeAlarm("DoorForcedOpen", "hall-door", "guard with key", "K-7")))
    assert events(told, AlarmAcknowledged) == [
        AlarmAcknowledged("DoorForcedOpen", "hall-door", "op-1", "guard with key", "K-7")
    ]
    assert events(told, AlarmCleared) == [AlarmCleared("DoorForcedOpen", "hall-door")]
    assert actions(told, Indicate) == [Indicate("hall-in", "off"), Indicate("hall-out", "off")]
    assert at.engine.door("hall-door").position == "open"
    assert events(at.give(DoorContact("hall-door", open=True)), AlarmRaised) == []
    assert events(at.give(ContactRattling("hall-door", 30, open=True)), AlarmRaised) == []
    assert at.alarms == set()
    assert tick(at, 30) == ["DoorHeldOpen"]
    shut(at)
    assert force(at).alarm == "DoorForcedOpen"


def test_without_a_key_a_forced_door_stays_alarmed_and_a_key_ends_no_other_alarm() -> None:
    at = hall()
    force(at)
    assert acknowledge(at, "DoorForcedOpen") == ("done", "")
    assert acknowledge(at, "DoorForcedOpen", key="  ") == ("done", "")
    assert at.alarms == {"DoorForcedOpen/hall-door"}
    tick(at, 30)
    assert acknowledge(at, "DoorHeldOpen", key="K-7") == ("done", "")
    assert "DoorHeldOpen/hall-door" in at.alarms


def test_an_output_that_still_unlocks_after_its_time_is_a_fault_of_the_board() -> None:
    at = hall()
    at.tap(LI)
    assert at.give(LockFeedback("hall-door", unlocked=True)).record is None
    at.wait(5)
    at.give(TimeElapsed())
    (fault,) = events(at.give(LockFeedback("hall-door", unlocked=True)), AlarmRaised)
    assert (fault.alarm, fault.inputs) == ("BOARD_FAULT", {"cause": "not relocked"})
    at.give(LockFeedback("hall-door", unlocked=False))
    assert at.alarms == set()
    at.tap(WANG)
    (fault,) = events(at.give(LockFeedback("hall-door", unlocked=False)), AlarmRaised)
    assert fault.inputs == {"cause": "not unlocked"}


def test_a_fire_is_not_reset_while_the_board_that_would_tell_of_it_is_dead() -> None:
    at = hall()
    boards = (("z1", "board-1"), ("z2", "board-2"))
    wired = tuple(msgspec.structs.replace(door, fire_boards=boards) for door in HARDWARE)
    at.engine = Engine(State(), "j" * 8, wired, "edge-1")
    at.give(Started("boot-1", "test"))
    for zone in ("z1", "z2"):
        at.give(FireInput(zone, active=True))
        at.give(FireInput(zone, active=False))
    at.give(DeviceFaulted("board-1", "board", "no answer"))
    reset = at.give(order(ResetFire("z1", "all out"), supervisor=True))
    assert result(reset) == ("refused", "FIRE_INPUT_UNKNOWN")
    assert result(at.give(order(ResetFire("z2", "all out"), supervisor=True))) == ("done", "")
    at.give(DeviceRecovered("board-1", "board"))
    assert result(at.give(order(ResetFire("z1", "all out"), supervisor=True))) == ("done", "")


def test_only_a_supervisor_resets_a_fire() -> None:
    at = hall()
    at.give(FireInput("z1", active=True))
    at.give(FireInput("z1", active=False))
    assert result(at.give(order(ResetFire("z1", "all out")))) == ("refused", "SUPERVISOR_REQUIRED")
    assert at.engine.door("hall-door").mode == "released"


def test_a_door_in_order_still_opens_and_closes_as_before() -> None:
    at = hall()
    at.tap(LI)
    open_and_close(at)
    assert at.alarms == set()


def test_a_maintenance_set_by_a_clock_that_was_years_ahead_ends_when_the_clock_is_right_again() -> None:
    at = Hall(policy(), trusted=False)
    right = at.now
    at.now = Now(right.wall_us + 4_000 * DAY_US, right.mono_us + SECOND_US, wall_trusted=False)
    at.give(order(SetMaintenance("hall-door", 480, "closer")))
    assert at.engine.door("hall-door").maintenance_until_us is not None
    at.now = Now(right.wall_us + 2 * SECOND_US, right.mono_us + 2 * SECOND_US, wall_trusted=True)
    assert at.engine.next_deadline_us(at.now) == at.now.mono_us
    at.give(TimeElapsed())
    assert at.engine.door("hall-door").maintenance_until_us is None
