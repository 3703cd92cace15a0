"""Alarms: one row however often it comes back, with what it asks for; sought, and explained by a key."""

from typing import Any

from controller.events import AlarmAcknowledged, AlarmCleared, AlarmRaised, AnyEvent
from controller.site_checks import parse_site
from server.db.engine import Database
from server.ledger.alarm_reading import Sought, alarms, cameras, count_standing
from tests.server.conftest import ON_SQLITE
from tests.server.edges import AT_US, WireEdge
from tests.server.ledger.conftest import Take
from tests.server.rooms.conftest import HOUSE

RAISED = AlarmRaised("DoorForcedOpen", "hall-door", "R1", {"door": "hall-door"})
CLEARED = AlarmCleared("DoorForcedOpen", "hall-door")


def happen(take: Take, edge: WireEdge, *events: AnyEvent) -> None:
    """One record per event, ingested one by one."""
    for event in events:
        edge.record(event)
        take(edge, edge.batch(len(edge.journal), len(edge.journal)))


def again(repeats: int) -> AlarmRaised:
    return AlarmRaised(RAISED.alarm, RAISED.subject, RAISED.rule, RAISED.inputs, repeats)


def shown(database: Database, **sought: Any) -> list[dict[str, Any]]:
    with database.read() as session:
        return alarms(session, parse_site(HOUSE), sought=Sought(**sought), cleared_before=0)


def test_an_alarm_that_comes_back_soon_goes_on_as_one_and_wants_to_be_seen_again(
    database: Database, take: Take
) -> None:
    edge = WireEdge()
    happen(take, edge, RAISED, AlarmAcknowledged("DoorForcedOpen", "hall-door", "opr_1", "wind", "K-1"), CLEARED)
    happen(take, edge, again(1), CLEARED, again(2))
    [alarm] = shown(database)
    assert (alarm["state"], alarm["repeats"], alarm["note"], alarm["key_used"]) == ("raised", 2, None, None)
    assert (alarm["raised_seq"], alarm["cleared_at"]) == (1, None)
    assert alarm["raised_at"] < alarm["last_raised_at"]
    happen(take, edge, CLEARED, RAISED)
    assert [(one["state"], one["repeats"]) for one in shown(database)] == [("raised", 0), ("cleared", 2)]


def test_a_rattling_door_within_one_batch_is_one_row(database: Database, take: Take) -> None:
    edge = WireEdge()
    for number in range(50):
        edge.record(again(number), CLEARED)
    take(edge, edge.batch(1, 25), edge.batch(26, 50))
    [alarm] = shown(database)
    assert (alarm["repeats"], alarm["state"]) == (49, "cleared")


def test_what_a_limit_cuts_off_is_seen_already_or_the_least_urgent(database: Database, take: Take) -> None:
    edge = WireEdge()
    happen(take, edge, RAISED, AlarmRaised("FORK", "edge-1", "D7"), AlarmRaised("REPEATED_DENIALS", "hall-in", "R1"))
    happen(take, edge, AlarmRaised("OVERSTAY", "M1", "B3"), AlarmRaised("TAMPER", "hall-in", "R1"))
    happen(take, edge, AlarmAcknowledged("FORK", "edge-1", "opr_1", "seen"))
    with database.read() as session:
        urgent = [one["alarm"] for one in alarms(session, urgent_first=True)]
        first = [one["alarm"] for one in alarms(session, urgent_first=True, limit=2)]
        standing = count_standing(session)
    assert urgent == ["TAMPER", "DoorForcedOpen", "OVERSTAY", "REPEATED_DENIALS", "FORK"]
    assert (first, standing) == (urgent[:2], 5)


@ON_SQLITE
def test_somebody_alone_for_too_long_is_raised_anew_though_somebody_has_seen_it(database: Database, take: Take) -> None:
    edge = WireEdge()
    alone: dict[str, str | int] = {"area": "hall", "until_us": AT_US + 300_000_000, "overdue": 0}
    happen(take, edge, AlarmRaised("LONE_OCCUPANT", "hall", "R2", alone))
    happen(take, edge, AlarmAcknowledged("LONE_OCCUPANT", "hall", "opr_1", "called"))
    [alarm] = shown(database)
    assert (alarm["state"], alarm["until"], alarm["overdue"]) == ("acknowledged", "2026-03-02T08:05:00Z", False)
    happen(take, edge, AlarmRaised("LONE_OCCUPANT", "hall", "R2", alone | {"overdue": 1}))
    [alarm] = shown(database)
    assert (alarm["state"], alarm["overdue"]) == ("raised", True)


@ON_SQLITE
def test_alarms_are_sought_by_name_subject_edge_and_state(
    database: Database, take: Take, edge_ids: dict[str, int]
) -> None:
    one, two = WireEdge("edge-1"), WireEdge("edge-2", journal_id="j2")
    happen(take, one, RAISED, AlarmRaised("TAMPER", "hall-in", "R1"))
    happen(take, two, RAISED, CLEARED)
    sought: list[tuple[dict[str, Any], int]] = [
        ({"alarm": "TAMPER"}, 1),
        ({"subject": "hall-door"}, 1),
        ({"subject": "hall-door", "state": "cleared"}, 1),
        ({"edge_id": edge_ids["edge-2"], "state": "cleared"}, 1),
        ({"state": "raised"}, 2),
        ({"state": "acknowledged"}, 0),
        ({"alarm": "FIRE"}, 0),
    ]
    for query, count in sought:
        with database.read() as session:
            found = alarms(
                session, sought=Sought(**query), cleared_before=0 if query.get("state") == "cleared" else None
            )
        assert len(found) == count, query


@ON_SQLITE
def test_an_alarm_says_how_urgent_it_is_and_what_to_do(database: Database, take: Take) -> None:
    happen(take, WireEdge(), RAISED)
    [alarm] = shown(database)
    assert (alarm["priority"], alarm["ends_with_cause"]) == (1, True)
    assert alarm["instruction"]["en"].startswith("Door forced open")
    assert "立即" in alarm["instruction"]["zh"]


def test_only_addresses_become_links_and_passwords_stay_unseen() -> None:
    assert cameras(parse_site(HOUSE), ("annex-in",)) == [
        {"name": "nvr.local/annex", "url": "https://nvr.local/annex"},
        {"name": "cam.local", "url": None},
        {"name": "javascript:alert(1)", "url": None},
    ]
    assert cameras(parse_site(HOUSE), ("hall-door", 7)) == []
