"""What the server keeps follows the edge again when records were lost, a journal was replaced, or a record was absurd."""

from typing import Any

import pytest

from controller.commands import AcknowledgeAlarm, Release, ResetFire
from controller.event_base import Explanation
from controller.events import AccessGranted, AlarmRaised, AnyEvent, CommandDone, DoorOpened, DoorUnlocked, FireLatched
from controller.room_events import Found, LockdownChanged, MaintenanceChanged, OccupancyReconciled
from server.ledger.columns import MAX_AT_US
from tests.server.conftest import ON_SQLITE
from tests.server.edges import AT_US
from tests.server.rooms.conftest import LI, WANG, House, stays, taken

STOOD = (
    taken("hall-in"),
    taken("hall-in", WANG),
    LockdownChanged("hall", True, "command"),
    MaintenanceChanged("hall-door", AT_US + 3_600_000_000),
    DoorUnlocked("hall-door", "rex", None),
    AlarmRaised("TAMPER", "hall-door", "R1"),
    FireLatched("z1"),
)


def replaced(house: House) -> None:
    """The edge's disk was destroyed: another journal begins."""
    house.edge.wire.journal_id, house.edge.wire.journal = "j2", []


def hall(house: House) -> dict[str, Any]:
    """The hall in ``GET /occupancy``."""
    found: dict[str, Any] = next(area for area in house.get("occupancy")["items"] if area["area"] == "hall")
    return found


def alarms(house: House) -> list[str]:
    return [alarm["alarm"] for alarm in house.get("alarms")["items"]]


def test_after_a_journal_was_replaced_nothing_stands_that_its_edge_knows_nothing_of(house: House) -> None:
    house.edge.happen(*STOOD, at_s=10)
    house.other.happen(AlarmRaised("TAMPER", "annex-door", "R1"), LockdownChanged("annex", True, "command"), at_s=11)
    replaced(house)
    house.edge.happen(DoorOpened("lobby-door"), at_s=20)
    now = house.get("occupancy")
    assert ([one["area"] for one in now["lockdowns"]], now["muster"]) == (["annex"], [])
    assert sorted(alarms(house)) == ["RECORDS_LOST", "TAMPER"]
    door = next(door for door in house.get("doors")["items"] if door["door"] == "hall-door")
    assert (door["lock"], door["maintenance_until"]) == ("unknown", None)


def test_who_was_inside_when_a_journal_was_replaced_is_doubtful_until_a_count_or_the_next_passage(house: House) -> None:
    house.edge.happen(*STOOD, at_s=10)
    replaced(house)
    house.edge.happen(DoorOpened("lobby-door"), at_s=20)
    shown = hall(house)
    assert ([person["number"] for person in shown["people"]], shown["lowest"]) == (["M1", "M2"], 0)
    assert (shown["certain"], shown["highest"], shown["cause"]) == (False, None, "records_dropped")
    present = (Found(WANG, WANG, "M2", "hall", 1, "customer"),)
    house.edge.happen(OccupancyReconciled("hall", ("cage-a",), present, (), "opr_1", "counted"), at_s=30)
    shown = hall(house)
    assert ([person["number"] for person in shown["people"]], shown["certain"]) == (["M2"], True)
    first, second, missed = house.register()
    assert stays(first) == [("hall", "08:00:10", "08:00:30", "count")]
    assert stays(second) == [("hall", "08:00:10", None, None)]
    assert (missed["direction"], missed["holder"], missed["number"]) == ("missed", LI, "M1")


@ON_SQLITE
def test_a_journal_that_is_known_goes_on_as_it_was(house: House) -> None:
    house.edge.happen(*STOOD, at_s=10)
    house.edge.happen(DoorOpened("lobby-door"), at_s=20)
    assert (hall(house)["lowest"], alarms(house)) == (2, ["TAMPER"])


@ON_SQLITE
def test_what_the_edge_says_does_not_stand_does_not_stand(house: House) -> None:
    """The records that ended it may be among those that were lost: without this nobody could ever end it here."""
    house.edge.happen(*STOOD, at_s=10)
    refused: tuple[tuple[Any, str], ...] = (
        (AcknowledgeAlarm("TAMPER", "hall-door", "seen"), "NO_SUCH_ALARM"),
        (Release("over", "hall"), "NOT_LOCKED_DOWN"),
        (ResetFire("z1", "out"), "FIRE_NOT_LATCHED"),
    )
    for command, reason in refused:
        because = Explanation(reason, "B9")
        house.edge.happen(CommandDone("cmd", command, "opr_1", "refused", because), at_s=20)
    now = house.get("occupancy")
    assert (now["lockdowns"], now["muster"], alarms(house)) == ([], [], [])


@ON_SQLITE
def test_a_refusal_for_another_reason_ends_nothing(house: House) -> None:
    house.edge.happen(*STOOD, at_s=10)
    refused: tuple[tuple[Any, str], ...] = (
        (AcknowledgeAlarm("TAMPER", "hall-door", "seen"), "REASON_REQUIRED"),
        (Release("over", "hall"), "SUPERVISOR_REQUIRED"),
        (ResetFire("z1", "out"), "FIRE_INPUT_ACTIVE"),
    )
    for command, reason in refused:
        because = Explanation(reason, "B9")
        house.edge.happen(CommandDone("cmd", command, "opr_1", "refused", because), at_s=20)
    now = house.get("occupancy")
    assert (len(now["lockdowns"]), len(now["muster"]), alarms(house)) == (1, 1, ["TAMPER"])


ABSURD = {
    "partner": taken("hall-in", partners=(2**70,)),
    "escort": taken("hall-in", escort=2**70),
    "granted": AccessGranted("hall-in", "hall-door", 1, 1, "M1", Explanation("GRANTED", "R1"), 0, partners=(-(2**70),)),
    "granted-escort": AccessGranted("hall-in", "hall-door", 1, 1, "M1", Explanation("GRANTED", "R1"), 0, escort=2**63),
    "maintenance": MaintenanceChanged("hall-door", MAX_AT_US + 1),
    "maintenance-before": MaintenanceChanged("hall-door", -1),
}


@ON_SQLITE
@pytest.mark.parametrize("event", ABSURD.values(), ids=ABSURD)
def test_a_number_that_no_page_could_show_keeps_its_record_unread_and_the_pages_whole(
    house: House, event: AnyEvent
) -> None:
    house.edge.happen(event, at_s=10)
    house.edge.happen(taken("lobby-in"), at_s=20)
    [unread] = house.get("ledger/quarantine", role="auditor")["items"]
    assert "out of range" in unread["error"]
    assert [entry["area"] for entry in house.register()] == ["lobby"]
    for path in ("doors", "occupancy", "events"):
        house.get(path)
