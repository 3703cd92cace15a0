"""Door hardware: what copper and hinges do, whatever the edge thinks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from sim.doors import DoorState, LeafHeld
from sim.wiring import DoorWiring, Input, Output


def door(fail: str = "secure", egress: str = "mechanical") -> DoorState:
    return DoorState(
        DoorWiring(
            "d",
            Output("b", 0),
            fail=fail,  # type: ignore[arg-type]
            egress=egress,  # type: ignore[arg-type]
            contact=Input("b", 0, "open"),
            rex=Input("b", 1, "closed"),
            tamper=Input("b", 2, "open"),
        )
    )


def test_a_strike_without_power_is_locked_and_a_magnet_is_not() -> None:
    assert (door("secure").kind, door("secure").locked) == ("strike", True)
    assert (door("safe").kind, door("safe").locked) == ("magnet", False)


@pytest.mark.parametrize("fail", ["secure", "safe"])
def test_the_relay_moves_the_lock_by_its_kind(fail: str) -> None:
    state = door(fail)
    state.relay(True)
    assert state.locked == (fail == "safe")


def test_a_locked_leaf_does_not_open() -> None:
    state = door()
    with pytest.raises(LeafHeld, match="d is locked"):
        state.open()
    with pytest.raises(LeafHeld):
        state.prop()
    assert not state.leaf_open
    assert not state.propped


def test_force_opens_a_locked_leaf_and_shows() -> None:
    state = door()
    state.force()
    assert (state.leaf_open, state.locked, state.forced) == (True, True, True)
    state.close()
    assert (state.leaf_open, state.forced) == (False, False)


def test_force_on_a_released_lock_is_only_opening() -> None:
    state = door()
    state.relay(True)
    state.force()
    assert not state.forced


def test_a_leaf_that_is_open_stays_open_when_the_lock_returns() -> None:
    state = door()
    state.relay(True)
    state.open()
    state.relay(False)
    assert state.leaf_open
    state.close()
    with pytest.raises(LeafHeld):
        state.open()


@pytest.mark.parametrize("fail", ["secure", "safe"])
def test_a_hardwired_exit_button_moves_the_lock_with_everything_else_dead(fail: str) -> None:
    state = door(fail, "hardwired")
    state.relay(fail == "safe")
    assert state.locked
    state.press_rex()
    assert not state.locked
    state.open()
    state.release_rex()
    assert state.locked


def test_a_mechanical_way_out_opens_with_everything_else_dead() -> None:
    state = door()
    state.open_from_inside()
    assert state.leaf_open
    assert not state.forced


def test_contacts_carry_the_level_that_the_wiring_says() -> None:
    state = door()
    assert state.levels() == {("b", 0): True, ("b", 1): False, ("b", 2): True}
    state.force()
    state.press_rex()
    state.tamper(True)
    assert state.levels() == {("b", 0): False, ("b", 1): True, ("b", 2): False}


class AnyHands(RuleBasedStateMachine):
    """Any order of hands, relay and button."""

    def __init__(self) -> None:
        super().__init__()
        self.doors = [door(fail, egress) for fail in ("secure", "safe") for egress in ("mechanical", "hardwired")]

    @rule(on=st.booleans())
    def relay(self, on: bool) -> None:
        for state in self.doors:
            state.relay(on)

    @rule()
    def push(self) -> None:
        for state in self.doors:
            was_open, locked = state.leaf_open, state.locked
            try:
                state.open()
            except LeafHeld:
                assert locked
                assert not was_open
            else:
                assert was_open or not locked

    @rule(verb=st.sampled_from(["close", "press_rex", "release_rex", "force", "open_from_inside"]))
    def hand(self, verb: str) -> None:
        for state in self.doors:
            try:
                getattr(state, verb)()
            except LeafHeld:
                assert state.wiring.egress == "hardwired"

    @invariant()
    def the_contact_tells_the_leaf(self) -> None:
        for state in self.doors:
            assert state.levels()["b", 0] == (not state.leaf_open)
            assert state.leaf_open or not (state.propped or state.forced)


TestAnyHands = AnyHands.TestCase


@given(st.booleans(), st.sampled_from(["open", "closed"]))
def test_a_circuit_flows_when_fact_and_active_level_agree(fact: bool, active: str) -> None:
    assert Input("b", 0, active).current_flows(fact) == (fact == (active == "closed"))  # type: ignore[arg-type]
