"""Entries of main rooms stay incomplete until their operation is entered (R3)."""

from datetime import timedelta
from typing import Any

from server.db.clock import FixedClock
from tests.server.conftest import ON_SQLITE
from tests.server.rooms.conftest import taken
from tests.server.shift.conftest import Shift


def incomplete(shift: Shift, **query: Any) -> list[int]:
    return [one["id"] for one in shift.get("register/incomplete", **query)["items"]]


@ON_SQLITE
def test_incomplete_entries_are_found_by_area_door_holder_customer_and_age(shift: Shift, clock: FixedClock) -> None:
    shift.edge.happen(taken("lobby-in"), taken("hall-in"))  # the lobby is no main room
    shift.edge.happen(taken("hall-in", 2), at_s=60)
    shift.edge.happen(taken("hall-out", 2), at_s=90)
    assert incomplete(shift) == [2, 3]
    assert incomplete(shift, area="hall", door="hall-door", customer="C001", limit=1) == [2]
    assert incomplete(shift, after=shift.get("register/incomplete", limit=1)["next"]) == [3]
    assert incomplete(shift, holder="hld_王伟") == [3]
    assert incomplete(shift, door="cage-door") == []
    clock.advance(timedelta(hours=1))
    assert incomplete(shift, older_than_h=1) == [2]
    (oldest,) = shift.get("register/incomplete", older_than_h=1)["items"]
    assert (oldest["age_s"], oldest["incomplete"], oldest["name"]) == (3600, True, "李*")
    assert shift.client().get("/api/v1/register/incomplete", params={"area": "moon"}).status_code == 422


def test_an_operation_is_entered_once_signed_and_corrected_by_a_note(shift: Shift) -> None:
    shift.edge.happen(taken("hall-in"), taken("hall-out"))
    made = shift.post("register/1/operation", "guard", 201, text=" changed a fan ")
    assert (made["entry"], made["n"]) == (1, 1)
    shown = shift.get("register/1")
    assert (shown["operation"], shown["incomplete"], shown["noted"][0]["signature_holds"]) == (
        "changed a fan",
        False,
        True,
    )
    shift.post("register/1/operation", "guard", (409, "operation_entered"), text="again")
    shift.post("register/1/notes", "guard", 201, text="two fans", kind="operation")
    assert shift.get("register/1")["operation"] == "two fans"
    shift.post("register/2/operation", "guard", (409, "no_operation_wanted"), text="left")
    shift.post("register/9/operation", "guard", (404, "not_found"), text="nobody")
    shift.post("register/1/operation", "auditor", 403, text="no")


@ON_SQLITE
def test_several_are_entered_at_once_or_none(shift: Shift) -> None:
    shift.edge.happen(taken("hall-in"), taken("hall-in", 2), taken("hall-out", 2))
    both = [{"entries": [1, 2], "text": "fans"}]
    shift.post(
        "register/operations", "guard", (409, "no_operation_wanted"), operations=[*both, {"entries": [3], "text": "x"}]
    )
    assert incomplete(shift) == [1, 2]
    made = shift.post("register/operations", "guard", 201, operations=both)
    assert [(one["entry"], one["n"]) for one in made["items"]] == [(1, 1), (2, 1)]
    assert incomplete(shift) == []
    shift.post("register/operations", "guard", (422, "too_many_entries"), operations=[
        {"entries": list(range(1, 200)), "text": "x"}, {"entries": list(range(200, 210)), "text": "x"},
    ])  # fmt: skip
