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


def test_a_checkpoint_of_before_the_rooms_were_kept_is_read() -> None:
    """As the engine of commit faa8989 encoded it: no kinds of badges, one last read to each point, no counts, nobody waiting."""
    state = decode_state(BEFORE_THE_ROOMS)
    assert state.presence[4] == Presence("hall", 1_790_000_004_000_000, 4, "guo")
    assert state.people == count(state.presence)
    assert state.doors["hall-door"].grants[0].kind is None
    assert (state.reads, state.waiting, state.lockdowns) == ({}, {}, {})
    assert decode_state(encode_state(state)) == state


BEFORE_THE_ROOMS = (
    b'{"seq":19,"wall_high_us":1790000006000000,"boot_id":"boot-1","wall_trusted":true,"wall_behind":false,"policy_version":[1,1],'
    b'"policy_digest":"7757","lease":null,"journal_available":true,"link_up":null,"doors":{"hall-door":{"lock":"unlocked",'
    b'"position":"closed","mode":"controlled","grants":[{"type":"AccessGranted","access_point":"hall-in","door":"hall-door",'
    b'"badge":2,"holder":2,"number":"wang","because":{"reason":"PERMITTED","rule":"R1","inputs":{"area":"hall","grant":1}},'
    b'"until_mono_us":1011000000,"customer":1}],"exit_requested":false,"window_until_mono_us":1011000000,'
    b'"open_since_mono_us":null}},"presence":{"4":{"area":"hall","since_us":1790000004000000,"badge":4,"number":"guo",'
    b'"customer":null,"overstayed":false}},"uncertain":{"cage-a":"rex"},"alarms":{"FIRE/z2":{"alarm":"FIRE","subject":"z2",'
    b'"raised_at_us":1790000006000000,"rule":"L1","inputs":{},"acknowledged_by":""}},"devices":{},"fire_inputs":{"z2":true},'
    b'"fire_latched":{"z2":1790000006000000},"muster_at_fire":{},"gas":{},"tamper":{},"power_failed":{},'
    b'"last_reads":{"hall-in":{"badge":2,"mono_us":1006000000}},"denials":{"hall-in":[1006000000]},"encoding":null}'
)
