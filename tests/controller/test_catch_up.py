"""A journal that fails for so long that records are dropped: doors go on from what really is, then and after (MEANINGS 1, 2)."""

from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller import engine as engine_module
from controller.actions import HoldUnlocked, Lock, Unlock
from controller.events import decode_record
from controller.fold import fold
from controller.inputs import (
    DeviceFaulted,
    DoorContact,
    FireInput,
    GasInput,
    JournalChanged,
    PowerInput,
    RexPressed,
    TimeElapsed,
)
from controller.state import State
from tests.controller.building import GUO, HARDWARE, Hall, actions
from tests.controller.stories import batch, hall
from tests.controller.test_engine_properties import AT_ONE_DOOR, MOMENTS, THOROUGH, Run, Step


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> Hall:
    """The journal fails and no further record fits; somebody has just left through the hall door by REX."""
    monkeypatch.setattr(engine_module, "MAX_WAITING_RECORDS", 2)
    at = hall()
    batch(at, RexPressed("hall-door"))
    at.engine.journal_failed("disk full", at.now)
    assert len(at.engine.pending) == 2
    return at


def returned(at: Hall) -> State:
    """The journal commits again; the state as the journal alone tells it."""
    waiting = list(at.engine.pending)
    at.engine.commit()
    back = at.engine.handle(JournalChanged(available=True), at.now)
    at.engine.commit()
    state = State()
    for encoded in (*at.encoded, *waiting, back.encoded):
        fold(state, decode_record(encoded))
    return state


def test_a_door_is_relocked_once_and_no_later_rex_is_locked_again(full: Hall) -> None:
    full.wait(5)
    (relocked,) = batch(full, TimeElapsed())
    assert actions(relocked, Lock) == [Lock("hall-door", before_journal=True)]
    due = full.engine.next_deadline_us(full.now)
    assert due is None or due > full.now.mono_us
    (asked,) = batch(full, RexPressed("hall-door"))
    assert [type(action) for action in asked.actions] == [Unlock]
    full.wait(1)
    (later,) = batch(full, TimeElapsed())
    assert later.actions == ()


def test_a_fire_that_comes_then_holds_its_doors_against_every_timer(full: Hall) -> None:
    (released,) = batch(full, FireInput("z1", active=True))
    assert HoldUnlocked("hall-door") in released.actions
    full.wait(60)
    (later,) = batch(full, TimeElapsed())
    assert actions(later, Lock) == []
    state = returned(full)
    assert state == full.engine.state
    assert state.doors["hall-door"].mode == "released"
    assert "z1" in state.fire_latched
    assert "FIRE/z1" in state.alarms


def test_a_rex_whose_record_was_dropped_is_not_locked_again_by_the_return_of_the_journal(full: Hall) -> None:
    full.wait(20)
    batch(full, RexPressed("hall-door"))
    waiting = full.engine.pending
    full.engine.commit()
    back = full.engine.handle(JournalChanged(available=True), full.now)
    assert waiting
    assert actions(back, Lock) == []
    assert full.engine.door("hall-door").lock == "unlocked"
    full.engine.commit()
    full.wait(5)
    (relocked,) = batch(full, TimeElapsed())
    assert actions(relocked, Lock) == [Lock("hall-door")]


def test_the_record_of_the_return_tells_what_inputs_and_devices_have_become(full: Hall) -> None:
    full.wait(2)
    batch(
        full,
        GasInput("z2", active=True),
        PowerInput("box", "mains", active=True),
        DeviceFaulted("hall-in", "reader", "unplugged"),
        full.read(GUO, "hall-out"),
        DoorContact("lobby-door", open=True),
    )
    state = returned(full)
    assert state == full.engine.state
    assert state.gas == {"z2": True}
    assert state.power_failed == {"mains/box": True}
    assert not state.devices["hall-in"].working
    assert state.doors["lobby-door"].position == "open"
    assert {"GAS/z2", "READER_FAULT/hall-in", "DoorForcedOpen/lobby-door"} <= set(state.alarms)
    assert "JOURNAL_UNAVAILABLE/edge-1" not in state.alarms


def test_a_return_that_fails_is_told_again_with_what_was_dropped(full: Hall) -> None:
    full.wait(20)
    batch(full, RexPressed("hall-door"))
    full.encoded += full.engine.pending
    full.engine.commit()
    batch(full, JournalChanged(available=True))
    full.engine.journal_failed("disk full", full.now)
    assert full.engine.door("hall-door").lock == "unlocked"
    state = returned(full)
    assert state == full.engine.state
    assert state.doors["hall-door"].lock == "unlocked"
    assert state.uncertain["hall"] == "records_dropped"


@THOROUGH
@given(st.lists(MOMENTS, max_size=40) | st.lists(AT_ONE_DOOR, min_size=4, max_size=30))
def test_with_room_for_few_records_locks_follow_the_state_and_the_journal_tells_it_in_the_end(
    moments: list[tuple[Step, float, float, str]],
) -> None:
    with patch.object(engine_module, "MAX_WAITING_RECORDS", 2):
        run = Run()
        for moment in moments:
            run.play(moment)
            if run.failing or not run.engine.pending:
                for door in HARDWARE:
                    assert run.locks.get(door.door, "locked") == run.engine.door(door.door).lock
            due = run.engine.next_deadline_us(run.now)
            if run.failing and due is not None and due <= run.now.mono_us:
                run.give([run.engine.handle(TimeElapsed(), run.now)])
                after = run.engine.next_deadline_us(run.now)
                assert after is None or after > run.now.mono_us
        if run.failing:
            run.failing = False
            run.give([])
            run.give([run.engine.handle(JournalChanged(available=True), run.now)])
        state = State()
        for record in run.records():
            fold(state, record)
        assert state == run.engine.state
