"""The door's table: every pair is decided, and what it promises (L1, MEANINGS 14, 27)."""

import itertools

import pytest

from controller.door import TABLE, DoorCondition, DoorInput, Effect, condition, diagram

RELEASED = [state for state in DoorCondition if state.name.startswith("RELEASED")]
LOCKED = [state for state in DoorCondition if state.name.startswith("LOCKED")]


def test_every_pair_of_state_and_input_is_decided() -> None:
    assert set(TABLE) == set(itertools.product(DoorCondition, DoorInput))


@pytest.mark.parametrize("state", DoorCondition)
def test_a_request_to_exit_unlocks_in_every_state(state: DoorCondition) -> None:
    move = TABLE[state, DoorInput.REX]
    assert Effect.UNLOCK in move.effects
    assert not move.to.name.startswith("LOCKED")


@pytest.mark.parametrize("state", DoorCondition)
def test_a_fire_releases_in_every_state_and_only_a_reset_or_nothing_ends_it(state: DoorCondition) -> None:
    released = TABLE[state, DoorInput.FIRE].to
    assert released in RELEASED
    for event in DoorInput:
        if event is not DoorInput.FIRE_RESET:
            assert TABLE[released, event].to in RELEASED


@pytest.mark.parametrize(("state", "event"), list(TABLE))
def test_lock_and_unlock_effects_agree_with_the_next_state(state: DoorCondition, event: DoorInput) -> None:
    move = TABLE[state, event]
    if Effect.LOCK in move.effects:
        assert move.to in LOCKED
    if Effect.UNLOCK in move.effects or Effect.RELEASE in move.effects:
        assert move.to not in LOCKED
    if state in LOCKED and move.to not in LOCKED:
        assert Effect.UNLOCK in move.effects or Effect.RELEASE in move.effects
    if state not in LOCKED and move.to in LOCKED:
        assert Effect.LOCK in move.effects


@pytest.mark.parametrize("state", DoorCondition)
def test_only_opening_a_locked_and_closed_door_is_forcing_it(state: DoorCondition) -> None:
    forced = [event for event in DoorInput if Effect.FORCED in TABLE[state, event].effects]
    assert forced == ([DoorInput.OPENED] if state is DoorCondition.LOCKED_CLOSED else [])


@pytest.mark.parametrize("state", DoorCondition)
def test_a_start_never_unlocks_what_was_not_released(state: DoorCondition) -> None:
    after = TABLE[state, DoorInput.STARTED].to
    assert after is (DoorCondition.RELEASED_UNKNOWN if state in RELEASED else DoorCondition.LOCKED_UNKNOWN)


def test_facts_and_states_are_the_same_thing() -> None:
    assert condition(locked=True, position="open", released=False) is DoorCondition.LOCKED_OPEN
    assert condition(locked=False, position="unknown", released=False) is DoorCondition.UNLOCKED_UNKNOWN
    assert condition(locked=False, position="closed", released=True) is DoorCondition.RELEASED_CLOSED


def test_the_diagram_shows_every_state_and_every_move_that_does_something() -> None:
    drawn = diagram()
    for (state, event), move in TABLE.items():
        arrow = f"{state.name} --> {move.to.name}: {event.value}"
        assert (arrow in drawn) == (move.to is not state or bool(move.effects))
