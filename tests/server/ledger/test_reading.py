"""What stands now and what happened, as pages and the API see it."""

import base64
import json
from typing import Any

import msgspec
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import select

from controller.event_base import Explanation
from controller.events import (
    AccessDenied,
    AccessGranted,
    AccessTaken,
    AlarmAcknowledged,
    AlarmCleared,
    AlarmRaised,
    AnyEvent,
    DeviceStateChanged,
    DoorClosed,
    DoorLocked,
    DoorModeChanged,
    DoorOpened,
    DoorUnlocked,
)
from controller.site_checks import parse_site
from server.db.engine import Database
from server.ledger import alarm_reading, reading
from server.ledger.columns import COLUMN_TYPES
from server.ledger.models import LedgerAlarm, LedgerEvent, LedgerQuarantine
from server.ledger.quarantine import retry_quarantined
from server.ledger.writer import Ledger
from tests.server.browser import context_of_app, token_client
from tests.server.conftest import SITE, START
from tests.server.edges import AT_US, WireEdge
from tests.server.ledger.conftest import SOFTWARE, Take

POINT = {"access_point": "hall-in", "door": "hall-door"}
LI = {"badge": 7, "holder": 3, "number": "M7", "customer": 5}
YES = Explanation("PERMITTED", "R1", {"area": "hall"})
NO = Explanation("UNKNOWN_BADGE", "R1")


def happen(take: Take, edge: WireEdge, *events: AnyEvent) -> None:
    """One record with these events arrives."""
    edge.record(*events)
    take(edge, edge.batch(len(edge.journal), len(edge.journal)))


def inside(area: str, **who: Any) -> AccessTaken:
    presence = "gone" if area == "outside" else "inside"
    return AccessTaken(**POINT, **(LI | who), from_area="lobby", to_area=area, presence=presence)


def test_an_event_shows_its_columns_its_reason_and_its_detail(database: Database, take: Take) -> None:
    edge = WireEdge()
    granted = AccessGranted(**POINT, **LI, because=YES, until_mono_us=9)
    happen(take, edge, granted, AccessDenied(**POINT, because=NO), DoorOpened(door="hall-door"))
    with database.read() as session:
        one, two, three = reading.events_after(session, 0, 10)
        assert reading.events_after(session, 2, 10) == [three]
        assert reading.events_after(session, 3, 10) == []
        assert reading.last_event_seq(session) == 3
    assert (one.seq, one.edge, one.kind, one.door, one.badge, one.holder, one.number, one.customer) == (
        (1, "edge-1", "AccessGranted", "hall-door", 7, 3, "M7", 5)
    )
    assert (one.reason, one.rule, json.loads(bytes(one.because))["inputs"]) == ("PERMITTED", "R1", {"area": "hall"})
    assert msgspec.json.decode(one.detail, type=AccessGranted) == granted
    assert (two.reason, two.badge, two.number) == ("UNKNOWN_BADGE", None, None)
    assert (three.reason, json.loads(bytes(three.because))) == (None, None)


def test_events_are_sought_by_indexed_columns_and_read_backwards(database: Database, take: Take) -> None:
    edge = WireEdge()
    for number in range(6):
        happen(take, edge, DoorOpened(door=f"door-{number % 2}"), AccessDenied(**POINT, because=NO, holder=number))
    with database.read() as session:
        of_door = reading.events_after(session, 0, 10, {"door": "door-1"})
        latest = reading.events_after(session, 0, 2, {"door": "door-1"}, newest_first=True)
        earlier = reading.events_after(session, latest[-1].seq, 2, {"door": "door-1"}, newest_first=True)
        plans = [
            session.connection()
            .exec_driver_sql(f"EXPLAIN QUERY PLAN SELECT * FROM ledger_event WHERE {column} = 'x' ORDER BY seq")
            .all()
            for column in reading.FILTERS
            if database.is_sqlite
        ]
    assert [row.seq for row in of_door] == [row.seq for row in reversed(latest + earlier)]
    assert all("USING INDEX ix_ledger_event_" in str(plan) for plan in plans)


def test_a_door_shows_what_its_edge_recorded_last(database: Database, take: Take) -> None:
    edge = WireEdge()
    site = parse_site(SITE)
    with database.read() as session:
        unknown = {row["door"]: row for row in reading.doors(session, site)}["hall-door"]
    assert (unknown["mode"], unknown["position"], unknown["lock"], unknown["edge"]) == ("unknown",) * 3 + (None,)
    happen(take, edge, DoorUnlocked(door="hall-door", cause="grant", until_mono_us=1), DoorOpened(door="hall-door"))
    happen(
        take, edge, DoorModeChanged(door="hall-door", mode="released"), AlarmRaised("DoorHeldOpen", "hall-door", "R1")
    )
    with database.read() as session:
        shown = {row["door"]: row for row in reading.doors(session, site)}["hall-door"]
    assert (shown["mode"], shown["position"], shown["lock"]) == ("released", "open", "unlocked")
    assert (shown["alarm"], shown["edge"]) == ("DoorHeldOpen", "edge-1")
    happen(
        take,
        edge,
        DoorClosed(door="hall-door"),
        DoorLocked(door="hall-door"),
        AlarmCleared("DoorHeldOpen", "hall-door"),
    )
    with database.read() as session:
        shown = {row["door"]: row for row in reading.doors(session, site)}["hall-door"]
    assert (shown["position"], shown["lock"], shown["alarm"]) == ("closed", "locked", None)


def test_an_alarm_stands_once_until_it_is_cleared_and_keeps_its_history(database: Database, take: Take) -> None:
    edge = WireEdge()
    raised = AlarmRaised("DoorForcedOpen", "hall-door", "R1", {"door": "hall-door"})
    happen(take, edge, raised, raised)
    happen(take, edge, AlarmAcknowledged("DoorForcedOpen", "hall-door", "opr_1", "seen"))
    with database.read() as session:
        [shown] = alarm_reading.alarms(session)
    assert (shown["state"], shown["acknowledged_by"], shown["note"]) == ("acknowledged", "opr_1", "seen")
    happen(
        take,
        edge,
        AlarmCleared("DoorForcedOpen", "hall-door"),
        raised,
        AlarmCleared("DoorForcedOpen", "hall-door"),
        raised,
    )
    with database.read() as session:
        [shown] = alarm_reading.alarms(session)
        history = alarm_reading.alarms(session, cleared_before=0)
        stored = session.exec(select(LedgerAlarm)).all()
    assert shown["state"] == "raised"
    assert [row["state"] for row in history] == ["raised", "cleared", "cleared"]
    assert len(stored) == 3


def test_a_device_is_shown_as_it_was_reported_last(database: Database, take: Take, edge_ids: dict[str, int]) -> None:
    edge = WireEdge()
    happen(
        take,
        edge,
        DeviceStateChanged("hall-in", "reader", False, "unplugged"),
        DeviceStateChanged("relay-1", "board", True),
    )
    happen(take, edge, DeviceStateChanged("hall-in", "reader", True))
    with database.read() as session:
        shown = reading.devices(session, edge_ids["edge-1"])
    assert [(row["device"], row["kind"], row["working"]) for row in shown] == [
        ("hall-in", "reader", True),
        ("relay-1", "board", True),
    ]


def test_a_quarantined_record_is_read_again_by_a_newer_program_only(
    database: Database, take: Take, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    edge = WireEdge()
    with monkeypatch.context() as older:
        older.setattr("server.ledger.columns.decode_record", _too_old)
        edge.record(DoorOpened(door="hall-door"), DoorUnlocked(door="hall-door", cause="rex", until_mono_us=None))
        take(edge, edge.batch(1, 1))
        assert retry_quarantined(database, ledger, "newer", AT_US) == 1
        assert retry_quarantined(database, ledger, "newer", AT_US) == 0
    edge.record(DoorClosed(door="hall-door"))
    take(edge, edge.batch(2, 2))
    assert retry_quarantined(database, ledger, SOFTWARE, AT_US) == 1
    with database.read() as session:
        events = reading.events_after(session, 0, 10)
        assert session.exec(select(LedgerQuarantine)).all() == []
        position = {row["door"]: row for row in reading.doors(session, parse_site(SITE))}["hall-door"]["position"]
    assert [(row.seq, row.kind) for row in events] == [(1, "DoorClosed"), (2, "DoorOpened"), (3, "DoorUnlocked")]
    assert position == "closed", "old news changes the history, not what stands"


def _too_old(_raw: bytes) -> None:
    raise ValueError("unknown event")


def test_every_kind_of_event_is_stored_with_the_columns_that_it_has(database: Database, take: Take) -> None:
    known = {member.__name__ for member in AnyEvent.__args__}
    assert {member.__name__ for member in COLUMN_TYPES} <= known
    plain = {"LinkStateChanged", "EdgeStarted", "EdgeStopped", "PolicyChanged", "LeaseAccepted"}
    plain |= {"ClockStateChanged", "JournalStateChanged", "RangeLost", "EscortChanged", "DegradedChanged"}
    assert known - {member.__name__ for member in COLUMN_TYPES} <= plain, "a new event wants columns, or a line here"


def test_text_that_copy_could_misread_is_stored_as_it_is(database: Database, take: Take) -> None:
    edge = WireEdge()
    name = 'tab\t back\\ newline\n quote" 华 \\N \\.'
    happen(take, edge, DoorOpened(door=name))
    with database.read() as session:
        assert session.exec(select(LedgerEvent.door)).one() == name


@pytest.fixture
def api(app: FastAPI, edge_ids: dict[str, int]) -> TestClient:
    return token_client(app)


def test_the_export_is_the_journal_byte_for_byte_with_its_chain(api: TestClient, take: Take) -> None:
    edge = WireEdge()
    for _ in range(7):
        edge.record(DoorOpened(door="华"))
    take(edge, edge.batch(1, 7))
    lines = [json.loads(line) for line in api.get("/api/v1/ledger/export", params={"edge": "edge-1"}).text.splitlines()]
    assert [line["record"].encode() for line in lines] == edge.journal
    assert [line["hash"] for line in lines] == [edge.head(seq).hex() for seq in range(1, 8)]
    tail = api.get("/api/v1/ledger/export", params={"edge": "edge-1", "after_seq": 5}).text.splitlines()
    assert [json.loads(line)["seq"] for line in tail] == [6, 7]
    assert api.get("/api/v1/ledger/export", params={"edge": "none"}).status_code == 404
    edge.journal.append(b'{"\xff":1}')
    take(edge, edge.batch(8, 8))
    [line] = api.get("/api/v1/ledger/export", params={"edge": "edge-1", "after_seq": 7}).text.splitlines()
    assert base64.b64decode(json.loads(line)["raw"]) == edge.journal[-1]
    [quarantined] = api.get("/api/v1/ledger/quarantine").json()["items"]
    assert (quarantined["seq"], quarantined["edge"]) == (8, "edge-1")


def test_an_export_that_nobody_reads_on_holds_no_connection(
    database: Database, take: Take, edge_ids: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "EXPORT_PAGE", 2)
    edge = WireEdge()
    for _ in range(5):
        edge.record()
    take(edge, edge.batch(1, 5))
    pages = reading.export(database, edge_ids["edge-1"], 0)
    held = [line.record for line in next(pages)]
    assert database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    for page in pages:
        held += [line.record for line in page]
    assert [record.encode() for record in held] == edge.journal


def test_events_are_paged_by_sequence(api: TestClient, take: Take) -> None:
    edge = WireEdge()
    for _ in range(5):
        happen(take, edge, DoorOpened(door="hall-door"))
    first = api.get("/api/v1/events", params={"limit": 3}).json()
    rest = api.get("/api/v1/events", params={"after": first["next"]}).json()
    assert [item["seq"] for item in first["items"] + rest["items"]] == [1, 2, 3, 4, 5]
    assert first["items"][0]["at"] == "2026-03-02T08:00:00.000001Z"
    assert api.get("/api/v1/events", params={"after": rest["next"]}).json() == {"items": [], "next": 5}


@pytest.mark.parametrize(
    ("path", "roles"),
    [
        ("/api/v1/events", {"guard", "customer_service", "supervisor", "auditor", "administrator"}),
        ("/api/v1/ledger/export?edge=edge-1", {"supervisor", "auditor", "administrator"}),
        ("/api/v1/ledger/quarantine", {"guard", "customer_service", "supervisor", "auditor", "administrator"}),
        ("/api/v1/edges", {"guard", "customer_service", "supervisor", "auditor", "administrator"}),
    ],
)
def test_who_may_read_what(app: FastAPI, edge_ids: dict[str, int], path: str, roles: set[str]) -> None:
    allowed = {
        role
        for role in ("guard", "customer_service", "supervisor", "auditor", "administrator")
        if token_client(app, role).get(path).status_code == 200  # type: ignore[arg-type]
    }
    assert allowed == roles


def test_the_exports_reader_is_in_the_audit_log(app: FastAPI, api: TestClient) -> None:
    api.get("/api/v1/ledger/export", params={"edge": "edge-1"})
    with context_of_app(app).database.read() as session:
        from server.operators.models import AuditEntry

        acts = session.exec(select(AuditEntry.act).where(AuditEntry.at == START)).all()
    assert "ledger.export" in acts
