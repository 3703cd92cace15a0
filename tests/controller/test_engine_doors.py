"""The engine at its doors: grants taken and lapsed, doors forced and held, fire and gas (R3, L1, MEANINGS 14, 27)."""

import msgspec

from controller.actions import HoldUnlocked, Indicate, Lock, Unlock
from controller.commands import ResetFire, UnlockDoor
from controller.engine import Engine
from controller.events import (
    AccessGranted,
    AccessLapsed,
    AccessTaken,
    AlarmCleared,
    AlarmRaised,
    DoorLocked,
    DoorOpened,
    DoorUnlocked,
    decode_record,
)
from controller.inputs import (
    DoorContact,
    FireInput,
    GasInput,
    RexPressed,
    Started,
    TimeElapsed,
)
from controller.now import SECOND_US
from controller.policy import Version
from controller.presence import areas_within, muster, occupancy
from controller.state import State
from tests.controller.building import (
    GUO,
    HARDWARE,
    LI,
    SITE,
    WANG,
    Hall,
    actions,
    digest,
    events,
    policy,
    reason,
)
from tests.controller.stories import enter, hall, open_and_close, order, result

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
    due = at.engine.next_deadline_us(at.now)
    assert due is None or due > at.now.mono_us + 60 * SECOND_US  # but for the end of the lease nothing is awaited


def test_an_opening_is_taken_for_every_grant_outstanding_at_the_door() -> None:
    at = hall()
    at.tap(LI)
    at.wait(4)
    at.tap(WANG)
    at.wait(3)
    opened = at.give(DoorContact("hall-door", open=True))
    assert {event.badge for event in events(opened, AccessTaken)} == {1, 2}
    assert set(at.engine.state.presence) == {1, 2}


def test_who_taps_again_and_again_before_passing_is_one_person_with_one_grant() -> None:
    at = hall()
    for _ in range(50):
        at.tap(LI)
        at.wait(2)
    assert len(at.engine.door("hall-door").grants) == 1
    opened = open_and_close(at)
    assert len(events(opened, AccessTaken)) == 1


def test_a_grant_while_the_leaf_is_open_is_taken_at_once_and_restarts_the_held_open_time() -> None:
    at = hall()
    at.tap(LI)
    at.give(DoorContact("hall-door", open=True))
    at.wait(19)
    second = at.tap(WANG)
    assert [type(event) for event in second.record.events] == [AccessGranted, AccessTaken]
    assert actions(second, Unlock) == []
    assert at.engine.next_deadline_us(at.now) == at.now.mono_us + 20 * SECOND_US  # the warning, ten seconds before
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
    assert result(at.give(order(ResetFire("z1", "all out"), supervisor=True))) == ("refused", "FIRE_INPUT_ACTIVE")
    normal = at.give(FireInput("z1", active=False))
    assert actions(normal, Lock) == []
    assert at.engine.door("hall-door").mode == "released"
    assert result(at.give(order(ResetFire("z1", " "), supervisor=True))) == ("refused", "REASON_REQUIRED")
    reset = at.give(order(ResetFire("z1", "all out"), supervisor=True))
    assert result(reset) == ("done", "")
    assert {action.door for action in actions(reset, Lock)} == {"lobby-door", "hall-door", "cage-door"}
    assert at.alarms == set()
    assert set(at.engine.state.uncertain) == {"lobby", "hall", "cage-a"}
    assert result(at.give(order(ResetFire("z1", "again"), supervisor=True))) == ("refused", "FIRE_NOT_LATCHED")


def test_a_door_of_two_zones_relocks_when_the_last_of_them_is_reset() -> None:
    at = hall()
    for zone in ("z1", "z2"):
        at.give(FireInput(zone, active=True))
        at.give(FireInput(zone, active=False))
    at.give(order(ResetFire("z1", "checked"), supervisor=True))
    assert at.engine.door("hall-door").mode == "controlled"
    assert at.engine.door("cage-door").mode == "released"
    at.give(order(ResetFire("z2", "checked"), supervisor=True))
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


def test_a_grant_that_ends_at_a_door_without_a_contact_leaves_its_area_uncertain() -> None:
    bare = tuple(
        msgspec.structs.replace(door, has_contact=False) if door.door == "hall-door" else door for door in HARDWARE
    )
    at = hall()
    at.engine = Engine(State(), "j" * 8, bare, "edge-1")
    at.give(Started("boot-1", "test"))
    at.engine.adopt(policy(), digest(policy()), at.now)
    at.give_lease()
    at.tap(LI)
    at.wait(5)
    ended = at.give(TimeElapsed())
    assert events(ended, AccessLapsed)
    assert at.engine.state.uncertain["hall"] == "no_contact"
    at.give(RexPressed("lobby-door"))
    at.wait(5)
    at.give(TimeElapsed())
    assert "lobby" not in at.engine.state.uncertain
