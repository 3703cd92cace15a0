"""What is counted in the state is what is listed in it (R2)."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from controller.state import Presence, State, count, decode_state, encode_state, place, snapshot
from tests.controller.test_engine_properties import MOMENTS, THOROUGH, Run

PRESENCES = st.none() | st.builds(
    Presence,
    area=st.sampled_from(["hall", "cage-a", "lobby"]),
    since_us=st.just(1),
    badge=st.just(1),
    number=st.just("li"),
    customer=st.sampled_from([None, 1, 2]),
    kind=st.sampled_from(["customer", "staff", "temporary", None]),
    sure=st.booleans(),
)


@given(st.lists(st.tuples(st.integers(1, 4), PRESENCES), max_size=30))
def test_people_are_counted_as_they_come_go_and_become_doubtful(moves: list[tuple[int, Presence | None]]) -> None:
    state = State()
    for holder, presence in moves:
        before, kept = snapshot(state), dict(state.people)
        place(state, holder, presence)
        assert state.people == count(state.presence)
        assert before.people == kept == count(before.presence)
    listed = [one for one in state.presence.values() if one.area == "hall"]
    assert sum(people.listed for area, people in state.people.items() if area == "hall") == len(listed)


@THOROUGH
@given(st.lists(MOMENTS, max_size=40))
def test_the_engine_counts_whom_it_lists_and_a_checkpoint_keeps_no_counts(moments: list[tuple[object, ...]]) -> None:
    run = Run()
    for moment in moments:
        run.play(moment)  # type: ignore[arg-type] # as hypothesis made it
        assert run.engine.state.people == count(run.engine.state.presence)
    encoded = encode_state(run.engine.state)
    assert msgspec.json.decode(encoded)["people"] == {}
    assert decode_state(encoded) == run.engine.state
