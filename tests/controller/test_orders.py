"""Commands at doors that people are counted behind: only a supervisor opens them, with a reason (MEANINGS 21)."""

import msgspec
import pytest

from controller.actions import Unlock
from controller.commands import UnlockDoor
from controller.events import CommandDone
from controller.inputs import DoorContact, FireInput, GasInput
from tests.controller.building import SITE, Hall, actions, events, policy
from tests.controller.stories import order, result


def main_room() -> Hall:
    areas = tuple(msgspec.structs.replace(area, two_person=True) if area.id == "hall" else area for area in SITE.areas)
    return Hall(policy(site=msgspec.structs.replace(SITE, areas=areas)))


def test_a_door_into_a_two_person_area_opens_by_command_of_a_supervisor_only_and_leaves_it_uncertain() -> None:
    at = main_room()
    unlock = UnlockDoor("hall-door", "delivery")
    refused = at.give(order(unlock))
    assert result(refused) == ("refused", "SUPERVISOR_REQUIRED")
    (done,) = events(refused, CommandDone)
    assert done.because is not None
    assert done.because.rule == "R2"
    assert actions(refused, Unlock) == []
    opened = at.give(order(unlock, supervisor=True))
    assert result(opened) == ("done", "")
    assert at.engine.state.uncertain == {}
    at.give(DoorContact("hall-door", open=True))
    assert at.engine.state.uncertain["hall"] == "command"


def test_a_supervisor_gives_a_reason_too() -> None:
    assert result(main_room().give(order(UnlockDoor("hall-door", " "), supervisor=True))) == (
        "refused",
        "REASON_REQUIRED",
    )


@pytest.mark.parametrize("door", ["lobby-door", "cage-door", "cabinet-1"])
def test_doors_beside_and_within_it_open_by_anybodys_command(door: str) -> None:
    """The cage lies inside the hall: who goes into it was in the hall before."""
    assert result(main_room().give(order(UnlockDoor(door, "delivery")))) == ("done", "")


def test_not_even_a_supervisor_opens_a_door_into_gas() -> None:
    at = main_room()
    at.give(GasInput("z1", active=True))
    assert result(at.give(order(UnlockDoor("hall-door", "look"), supervisor=True))) == ("refused", "AREA_UNSAFE")


def test_a_door_that_fire_released_asks_nothing_more() -> None:
    at = main_room()
    at.give(FireInput("z1", active=True))
    assert result(at.give(order(UnlockDoor("hall-door", "out")))) == ("done", "")
