"""A database of the version before the rooms (0002), with data in it, goes on where it was."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import text
from sqlmodel import col, select

from controller.events import AccessTaken, AlarmCleared, AlarmRaised
from controller.wire import GENESIS_HASH
from server.db.engine import Database
from server.ledger.models import LedgerAlarm, LedgerArea, LedgerPresence
from server.ledger.writer import Ledger
from server.registry.models import Holder
from server.rooms.models import RegisterEntry, RegisterStay
from tests.server.conftest import START
from tests.server.db.upgrading import upgraded_from
from tests.server.edges import AT_US, WireEdge, encode_record

BEFORE = "0002"
EDGE: dict[str, Any] = {
    "id": 1, "name": "edge-1", "role": "door", "epoch": 1, "created_at": START, "online": False, "past_sessions": "[]", "software": "",
    "boot_id": "", "status_seq": 0, "last_seq": 0, "acked_seq": 0, "outbox": 0, "hardware_digest": "", "received_policy_epoch": 0,
    "received_policy_n": 0, "received_policy_digest": "", "status": "{}", "lease_policy_epoch": 0, "lease_policy_n": 0,
}  # fmt: skip
ALARM: dict[str, Any] = {
    "edge_id": 1,
    "source": "edge",
    "rule": "R1",
    "inputs": "{}",
    "raised_us": AT_US,
    "raised_seq": 1,
}
RAW = encode_record("j1", 1)


def rows_before() -> dict[str, list[dict[str, Any]]]:
    """Somebody in the hall, which is uncertain; one alarm that stands and one that is over; one record."""
    head = hashlib.sha256(GENESIS_HASH + RAW).digest()
    journal = {"id": 1, "edge_id": 1, "journal_id": "j1", "branch": 0, "first_seq": 1}
    record = {"seq": 1, "journal_key": 1, "journal_seq": 1, "received_us": AT_US, "hash": head, "record": RAW}
    inside = {"edge_id": 1, "holder": 1, "area": "hall", "since_us": AT_US, "door": "hall-door", "badge": 1}
    return {
        "edge": [EDGE],
        "holder": [{"id": 1, "kind": "staff"}],
        "ledger_journal": [journal | {"head_seq": 1, "head_hash": head, "created_us": AT_US}],
        "ledger_record": [record],
        "ledger_event": [
            {"seq": 1, "record_seq": 1, "edge_id": 1, "at_us": AT_US, "kind": "DoorOpened", "detail": "{}"}
        ],
        "ledger_presence": [inside | {"number": "M1"}],
        "ledger_area": [{"edge_id": 1, "area": "hall", "uncertain_since_us": AT_US, "cause": "rex"}],
        "ledger_alarm": [
            ALARM | {"id": 1, "alarm": "TAMPER", "subject": "hall-door", "cleared_us": None},
            ALARM | {"id": 2, "alarm": "DoorForcedOpen", "subject": "hall-door", "cleared_us": AT_US + 1},
        ],
    }


@pytest.fixture
def upgraded(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """The database after the upgrade."""
    sqlite = database_kind == "sqlite"
    url = f"sqlite:///{tmp_path}/old.db" if sqlite else request.getfixturevalue("new_postgresql_url")()
    with upgraded_from(BEFORE, rows_before(), url, ("ledger_alarm",)) as database:
        yield database


def test_what_stood_before_the_upgrade_stands_after_it(upgraded: Database) -> None:
    with upgraded.read() as session:
        inside = session.exec(select(LedgerPresence)).one()
        assert (inside.area, inside.escort, inside.unescorted, inside.kind) == ("hall", None, False, None)
        assert not inside.sure, "the area was uncertain: nobody in it is sure"
        assert session.exec(select(LedgerArea.area)).all() == ["hall"]
        alarms = session.exec(select(LedgerAlarm).order_by(col(LedgerAlarm.id))).all()
        assert [(alarm.repeats, alarm.last_raised_us, alarm.key) for alarm in alarms] == [(0, None, None)] * 2
        assert session.exec(select(Holder.duties)).all() == [[]]


def test_the_ledger_goes_on_and_the_register_begins(upgraded: Database) -> None:
    edge = WireEdge()
    edge.journal = [RAW]
    out = AccessTaken("hall-out", "hall-door", 1, 1, "M1", "hall", "lobby", kind="staff")
    edge.record(out)
    edge.record(AlarmCleared("TAMPER", "hall-door"), AlarmRaised("DoorForcedOpen", "hall-door", "R1", repeats=1))
    with Ledger(upgraded, "test").writing(AT_US) as writer:
        outcome = writer.take(1, edge.batch(1, 3))
    assert (outcome.kind, outcome.head.seq, outcome.stored) == ("extends", 3, 2)
    with upgraded.read() as session:
        assert [(row.area, row.holder) for row in session.exec(select(LedgerPresence))] == [("lobby", 1)]
        alarms = session.exec(select(LedgerAlarm).order_by(col(LedgerAlarm.id))).all()
        assert [(alarm.id, alarm.repeats, alarm.cleared_us is None) for alarm in alarms] == [
            (1, 0, False),
            (2, 1, True),
        ]
        entries = session.exec(select(RegisterEntry)).all()
        assert [(entry.id, entry.record_seq, msgspec.json.decode(entry.ended)) for entry in entries] == [(1, 2, [])]
        assert [(stay.area, stay.ended_by) for stay in session.exec(select(RegisterStay))] == [("lobby", None)]


def test_the_old_tables_keep_their_triggers_and_a_duty_is_noted_like_any_other_change(upgraded: Database) -> None:
    with upgraded.write() as session:
        before = session.connection().execute(text("SELECT count(*) FROM registry_change")).scalar_one()
        session.connection().execute(text("UPDATE holder SET duties = '[\"guard\"]' WHERE id = 1"))
        after = session.connection().execute(text("SELECT count(*) FROM registry_change")).scalar_one()
    assert after == before + 1
