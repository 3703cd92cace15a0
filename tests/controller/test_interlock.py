"""Interlocked doors: never two of them by our doing; a way out breaks that and says so (DESIGN §5.8, docs/rooms.md)."""

from collections.abc import Iterable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.actions import Unlock
from controller.commands import ResetFire, UnlockDoor
from controller.engine import Engine, Outcome
from controller.events import AccessDenied, AccessGranted, DoorUnlocked, Record
from controller.fold import apply
from controller.inputs import (
    AnyInput,
    CommandArrived,
    ContactRattling,
    DoorContact,
    FireInput,
    LeaseArrived,
    RexPressed,
    Started,
    TimeElapsed,
)
from controller.now import SECOND_US, Now
from controller.policy import Lease
from controller.room_events import InterlockBroken
from controller.site import Interlock, Site
from controller.state import State
from tests.controller.building import (
    GUO,
    HARDWARE,
    LI,
    SITE,
    START_US,
    WANG,
    Hall,
    actions,
    digest,
    events,
    policy,
    reason,
)
from tests.controller.stories import order, result
from tests.controller.test_engine_properties import THOROUGH, Step, card_read, fixed

PAIRED = msgspec.structs.replace(SITE, interlocks=(Interlock("trap", ("lobby-door", "hall-door")),))
THREE = msgspec.structs.replace(SITE, interlocks=(Interlock("trap", ("lobby-door", "hall-door", "cage-door")),))


def trap(site: Site = PAIRED) -> Hall:
    return Hall(policy(site=site))


def broken(outcome: Outcome) -> list[tuple[str, str, str]]:
    return [(event.interlock, event.door, event.other) for event in events(outcome, InterlockBroken)]


# entries


def test_a_door_does_not_open_while_the_other_is_unlocked_open_or_not_known_to_be_closed() -> None:
    at = trap()
    assert reason(at.tap(LI, "lobby-in")) == "PERMITTED"
    refused = at.tap(WANG, "hall-in")
    assert reason(refused) == "INTERLOCKED"
    assert events(refused, AccessDenied)[0].because.inputs == {"door": "lobby-door"}
    at.give(DoorContact("lobby-door", open=True))
    at.wait(2)
    assert reason(at.tap(WANG, "hall-in")) == "INTERLOCKED"
    at.give(DoorContact("lobby-door", open=False))
    at.wait(2)
    assert reason(at.tap(WANG, "hall-in")) == "PERMITTED"


def test_after_a_start_the_other_door_counts_as_open_until_its_contact_has_spoken() -> None:
    at = trap()
    at.give(Started("boot-2", "test"))
    at.give(DoorContact("hall-door", open=False))
    assert reason(at.tap(LI, "hall-in")) == "INTERLOCKED"
    at.give(DoorContact("lobby-door", open=False))
    at.wait(2)
    assert reason(at.tap(LI, "hall-in")) == "PERMITTED"


def test_a_grant_that_lapses_frees_the_other_door_to_the_moment() -> None:
    at = trap()
    at.tap(LI, "lobby-in")
    at.wait(4.999999)
    assert reason(at.tap(GUO, "hall-in")) == "INTERLOCKED"
    at.wait(0.000001)
    assert reason(at.tap(WANG, "hall-in")) == "PERMITTED"


def test_the_same_door_may_be_granted_again_while_it_is_unlocked() -> None:
    at = trap()
    at.tap(LI, "lobby-in")
    assert reason(at.tap(WANG, "lobby-in")) == "PERMITTED"


def test_a_rattling_contact_keeps_the_other_door_shut() -> None:
    at = trap()
    at.give(ContactRattling("lobby-door", 40, open=False))
    assert reason(at.tap(LI, "hall-in")) == "INTERLOCKED"


def test_a_door_without_a_contact_blocks_only_while_it_is_unlocked() -> None:
    site = msgspec.structs.replace(SITE, interlocks=(Interlock("trap", ("cabinet-1", "hall-door")),))
    at = trap(site)
    assert reason(at.tap(LI, "hall-in")) == "PERMITTED"
    assert reason(at.tap(GUO, "cabinet-front")) == "INTERLOCKED"
    at.wait(5)
    assert reason(at.tap(LI, "cabinet-front")) == "PERMITTED"
    assert reason(at.tap(WANG, "hall-in")) == "INTERLOCKED"


def test_of_three_doors_any_other_blocks() -> None:
    at = trap(THREE)
    at.give(RexPressed("cage-door"))
    assert reason(at.tap(LI, "lobby-in")) == "INTERLOCKED"
    assert reason(at.tap(LI, "hall-in")) == "INTERLOCKED"


def test_an_interlock_that_is_off_blocks_nothing() -> None:
    at = trap(
        msgspec.structs.replace(SITE, interlocks=(Interlock("trap", ("lobby-door", "hall-door"), enabled=False),))
    )
    at.tap(LI, "lobby-in")
    assert reason(at.tap(WANG, "hall-in")) == "PERMITTED"


# commands, ways out, fire


@pytest.mark.parametrize("supervisor", [False, True])
def test_no_command_opens_a_second_door(supervisor: bool) -> None:
    at = trap()
    at.tap(LI, "lobby-in")
    asked = at.give(order(UnlockDoor("hall-door", "delivery"), supervisor=supervisor))
    assert result(asked) == ("refused", "INTERLOCKED")
    assert actions(asked, Unlock) == []
    at.wait(5)
    assert result(at.give(order(UnlockDoor("hall-door", "delivery"), supervisor=supervisor))) == ("done", "")
    assert reason(at.tap(LI, "lobby-in")) == "INTERLOCKED"


def test_a_rex_opens_all_the_same_and_says_so() -> None:
    at = trap()
    at.tap(LI, "lobby-in")
    pressed = at.give(RexPressed("hall-door"))
    assert actions(pressed, Unlock) == [Unlock("hall-door", 5 * SECOND_US, before_journal=True)]
    assert broken(pressed) == [("trap", "hall-door", "lobby-door")]


def test_a_badge_at_a_way_out_opens_all_the_same_and_says_so() -> None:
    at = trap()
    at.tap(LI, "lobby-in")
    left = at.tap(WANG, "hall-out")
    assert reason(left) == "WAY_OUT"
    assert broken(left) == [("trap", "hall-door", "lobby-door")]


def test_a_way_out_through_a_closed_trap_breaks_nothing() -> None:
    at = trap()
    assert broken(at.tap(LI, "hall-out")) == []
    at.wait(6)
    assert broken(at.give(RexPressed("hall-door"))) == []


def test_a_rex_names_every_door_that_stood_in_the_way() -> None:
    at = trap(THREE)
    at.give(RexPressed("lobby-door"))
    assert broken(at.give(RexPressed("hall-door"))) == [("trap", "hall-door", "lobby-door")]
    assert broken(at.give(RexPressed("cage-door"))) == [
        ("trap", "cage-door", "lobby-door"),
        ("trap", "cage-door", "hall-door"),
    ]


def test_fire_opens_both_and_asks_no_interlock_until_its_reset() -> None:
    at = trap()
    fire = at.give(FireInput("z1", active=True))
    assert broken(fire) == []
    assert reason(at.tap(LI, "hall-in")) == "PERMITTED"
    assert reason(at.tap(WANG, "lobby-in")) == "PERMITTED"
    at.give(DoorContact("lobby-door", open=True))
    at.give(FireInput("z1", active=False))
    at.give(order(ResetFire("z1", "all out"), supervisor=True))
    at.wait(2)
    assert reason(at.tap(GUO, "hall-in")) == "INTERLOCKED"


# whatever happens

MOVES = st.one_of(
    st.builds(
        card_read,
        st.sampled_from(["lobby-in", "lobby-out", "hall-in", "hall-out", "cage-in", "cage-out"]),
        st.sampled_from(["li", "wang", "guo"]),
        st.just("authenticated"),
        st.just(0.0),
    ),
    st.one_of(
        st.builds(DoorContact, st.sampled_from(["lobby-door", "hall-door", "cage-door"]), st.booleans()),
        st.builds(RexPressed, st.sampled_from(["lobby-door", "hall-door", "cage-door"])),
        st.builds(FireInput, st.sampled_from(["z1", "z2"]), st.booleans()),
        st.builds(
            CommandArrived,
            st.just("c"),
            st.builds(UnlockDoor, st.sampled_from(["lobby-door", "hall-door", "cage-door"]), st.just("x"))
            | st.builds(ResetFire, st.sampled_from(["z1", "z2"]), st.just("x")),
            st.just("op"),
            st.just(0),
            st.booleans(),
        ),
        st.just(TimeElapsed()),
        st.just(Started("boot-2", "t")),
    ).map(fixed),
)


def unlocked_against_another(state: State, record: Record, doors: Iterable[str]) -> list[tuple[str, str]]:
    """Replays a record: each unlock of a door while another was not locked and closed, and what the record says of it."""
    said = []
    for event in record.events:
        if isinstance(event, DoorUnlocked) and event.door in doors and event.cause != "fire":
            for other in doors:
                facts = state.doors.get(other)
                shut = facts is not None and facts.lock == "locked" and facts.position == "closed"
                mine = state.doors.get(event.door)
                if other != event.door and not shut and not (mine is not None and mine.mode == "released"):
                    said.append((event.door, other))
        apply(state, event, record.at_us, record.mono_us)
    return said


@THOROUGH
@given(st.lists(st.tuples(MOVES, st.sampled_from([0.0, 0.5, 1.5, 5.0, 31.0])), max_size=40))
def test_no_second_door_is_ever_unlocked_but_for_a_way_out_that_says_so(moves: list[tuple[Step, float]]) -> None:
    in_force = policy(site=THREE)
    engine = Engine(State(), "j1", HARDWARE, "edge-1")
    now = Now(START_US, 1_000 * SECOND_US)
    engine.adopt(in_force, digest(in_force), now)
    told = State()
    doors = THREE.interlocks[0].doors
    first: list[AnyInput] = [Started("boot-1", "t"), LeaseArrived(Lease(in_force.version, digest(in_force), START_US))]
    for step, after_s in [*((fixed(stimulus), 0.0) for stimulus in first), *moves]:
        now = Now(now.wall_us + round(after_s * SECOND_US), now.mono_us + round(after_s * SECOND_US))
        outcome = engine.handle(step(now), now)
        engine.commit()
        if outcome.record is None:
            continue
        record = outcome.record
        ways_out = {event.door for event in record.events if isinstance(event, AccessGranted) and event.out}
        ways_out |= {event.door for event in record.events if isinstance(event, DoorUnlocked) and event.cause == "rex"}
        said = {(event.door, event.other) for event in record.events if isinstance(event, InterlockBroken)}
        for door, other in unlocked_against_another(told, record, doors):
            assert door in ways_out
            assert (door, other) in said
        told.seq = record.seq
