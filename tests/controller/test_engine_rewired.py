"""An edge that starts with another edge.toml than its journal was written under: doors gone, doors in other zones."""

import msgspec

from controller.actions import AnyAction, Indicate, Lock
from controller.commands import ResetFire
from controller.engine import Engine
from controller.inputs import CommandArrived, FireInput, RexPressed, Started
from controller.now import SECOND_US
from controller.site import DoorHardware
from controller.state import decode_state, encode_state
from tests.controller.building import GUO, HARDWARE, Hall, digest, policy
from tests.controller.stories import hall


def restarted(at: Hall, hardware: tuple[DoorHardware, ...]) -> tuple[Engine, tuple[AnyAction, ...]]:
    """The engine on what the journal holds, with these doors; and all that its start asked of the hardware."""
    engine = Engine(decode_state(encode_state(at.engine.state)), "j" * 8, hardware, "edge-1")
    engine.adopt(policy(), digest(policy()), at.now)
    outcome = engine.handle(Started("boot-2", "test"), at.now)
    engine.commit()
    return engine, outcome.actions


def doors(actions: tuple[AnyAction, ...]) -> set[str]:
    return {action.door for action in actions if not isinstance(action, Indicate)}


def test_a_door_that_a_fire_released_and_edge_toml_no_longer_has_asks_nothing_of_the_hardware() -> None:
    at = hall()
    at.give(FireInput("z1", active=True))
    left = tuple(door for door in HARDWARE if door.door != "hall-door")
    engine, asked = restarted(at, left)
    assert doors(asked) == {"lobby-door", "cage-door"}
    assert engine.door("hall-door").mode == "controlled"
    assert engine.door("hall-door").lock == "locked"


def test_a_door_that_was_unlocked_and_is_gone_asks_nothing_of_the_hardware() -> None:
    at = hall()
    at.tap(GUO)
    at.give(RexPressed("hall-door"))
    engine, asked = restarted(at, tuple(door for door in HARDWARE if door.door != "hall-door"))
    assert "hall-door" not in doors(asked)
    assert engine.door("hall-door").grants == ()
    due = engine.next_deadline_us(at.now)
    assert due is None or due > at.now.mono_us + 60 * SECOND_US  # the lease's end, nothing of the door


def test_a_door_moved_to_another_zone_is_relocked_by_the_reset_of_the_one_that_released_it() -> None:
    at = hall()
    at.give(FireInput("z1", active=True))
    moved = tuple(
        msgspec.structs.replace(door, fire_zones=("z2",)) if door.door == "hall-door" else door for door in HARDWARE
    )
    engine, _ = restarted(at, moved)
    assert engine.door("hall-door").mode == "released"
    engine.handle(FireInput("z1", active=False), at.now)
    reset = engine.handle(CommandArrived("c1", ResetFire("z1", "all out"), "op", supervisor=True), at.now)
    assert Lock("hall-door") in reset.actions
