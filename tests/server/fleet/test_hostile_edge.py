"""An enrolled edge that sends absurd things, signed: it must not stop the others, nor the pages that show it."""

import random
from typing import Any

import msgspec
import pytest

from controller.event_base import Explanation
from controller.events import (
    AccessDenied,
    AlarmRaised,
    DeviceStateChanged,
    DoorOpened,
    FireLatched,
)
from controller.policy import Version
from server.ledger import writer as ledger_writer
from server.ledger.facts import Facts
from server.ledger.quarantine import retry_quarantined
from tests.server.edges import AT_US, WireEdge, encode_record
from tests.server.fleet.conftest import Fleet


@pytest.fixture
def database_kind() -> str:
    """What an edge says is refused before any database hears of it."""
    return "sqlite"


LONG = random.Random(7).randbytes(50_000).hex()
"""Does not compress: PostgreSQL's indexes refuse it, and call that an operational error."""


def acked(fleet: Fleet, edge: WireEdge) -> list[int]:
    return [ack.upto for ack in fleet.heard(edge, "ack")]


def quarantine(fleet: Fleet) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = fleet.api.get("/api/v1/ledger/quarantine").json()["items"]
    return items


@pytest.mark.parametrize(
    "event",
    [
        DoorOpened(door=LONG),
        AlarmRaised(alarm="TAMPER", subject=LONG, rule="x"),
        FireLatched(zone=LONG),
        DeviceStateChanged(device=LONG, kind="reader", working=False),
        AccessDenied(access_point="a", door="d", because=Explanation("NO_PERMISSION", "R1"), number=LONG),
        AccessDenied(access_point="a", door="d", because=Explanation("NO_PERMISSION", "R1"), holder=2**63),
    ],
    ids=lambda event: type(event).__name__,
)
def test_a_record_that_no_table_takes_is_kept_unread_and_the_next_one_arrives(fleet: Fleet, event: Any) -> None:
    edge, other = fleet.enrolled(), fleet.enrolled("edge-2")
    edge.record(event)
    edge.record()
    other.record()
    fleet.say(edge, "records", edge.batch(1, 2))
    fleet.say(other, "records", other.batch(1, 1))
    assert (acked(fleet, edge), acked(fleet, other)) == ([2], [1])
    assert [row["seq"] for row in quarantine(fleet)] == [1]
    assert len(fleet.api.get("/api/v1/events").json()["items"]) == 2


def test_a_time_that_no_calendar_holds_breaks_no_page(fleet: Fleet) -> None:
    edge = fleet.enrolled()
    edge.record()
    late = msgspec.json.decode(edge.journal[0]) | {"at_us": 2**63 - 1}
    edge.journal[0] = msgspec.json.encode(late)
    fleet.say(edge, "records", edge.batch(1, 1))
    assert acked(fleet, edge) == [1]
    assert fleet.api.get("/api/v1/events").status_code == 200
    assert len(quarantine(fleet)) == 1


def test_text_that_only_looks_like_nul_is_read(fleet: Fleet) -> None:
    edge = fleet.enrolled()
    edge.record(DoorOpened(door="\\u0000"))
    fleet.say(edge, "records", edge.batch(1, 1))
    assert quarantine(fleet) == []
    assert fleet.api.get("/api/v1/events").json()["items"][0]["door"] == "\\u0000"


@pytest.mark.parametrize(
    "changed",
    [
        {"journal_id": LONG[:20_000]},
        {"journal_id": ""},
        {"journal_id": "a\x00b"},
        {"first_seq": 0},
        {"first_seq": -5},
        {"first_seq": 2**63 - 1, "first_retained_seq": 2**63 - 1},
        {"records": (msgspec.Raw(b"0"),) * 1_001},
    ],
    ids=lambda changed: str(changed)[:25],
)
def test_a_batch_without_a_place_is_refused_alone(fleet: Fleet, changed: dict[str, Any]) -> None:
    edge, other = fleet.enrolled(), fleet.enrolled("edge-2")
    for one in (edge, other):
        one.record()
    fleet.say(edge, "records", msgspec.structs.replace(edge.batch(1, 1), **changed))
    fleet.say(other, "records", other.batch(1, 1))
    assert (acked(fleet, edge), acked(fleet, other)) == ([], [1])
    assert [row["reason"] for row in fleet.shown(edge)["refused_here"]] == ["malformed"]


@pytest.mark.parametrize(
    "changed",
    [
        {"doors": {LONG: {"lock": "locked"}}},
        {"doors": {"hall-door": {"lock": LONG}}},
        {"doors": {"a\x00b": {"lock": "locked"}}},
        {"policy_version": Version(2**31 - 1, 1)},
        {"policy_version": Version(5_000, 1)},
        {"policy_version": Version(1, 2**31)},
        {"software": LONG},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_an_absurd_status_is_refused_and_the_fleet_goes_on(fleet: Fleet, changed: dict[str, Any]) -> None:
    edge = fleet.enrolled()
    fleet.turn()
    fleet.say(edge, "status", edge.status(**changed))
    assert [row["reason"] for row in fleet.shown(edge)["refused_here"]] == ["malformed"]
    fleet.turn()
    assert fleet.service.composer.epoch == 1
    fleet.say(edge, "status", edge.status())
    assert fleet.shown(edge)["online"]


@pytest.mark.parametrize("text", ["\\u0000", "a\x00b", "\\", "\\\\u0000"])
def test_any_text_of_a_status_leaves_the_edges_page_readable(fleet: Fleet, text: str) -> None:
    edge = fleet.enrolled()
    fleet.say(edge, "status", edge.status(warnings=(text,), readers={"hall-in": text}))
    assert fleet.shown(edge)["reported"]["warnings"] == [text]
    assert fleet.api.get("/api/v1/edges").status_code == 200


def test_an_edge_that_claims_ever_newer_policies_raises_the_epoch_once_a_minute(fleet: Fleet) -> None:
    edge = fleet.enrolled()
    fleet.turn()
    for _ in range(5):
        for _ in range(2):
            ahead = Version(fleet.service.composer.epoch + 1, 1)
            fleet.say(edge, "status", edge.status(policy_version=ahead, policy_digest="x"))
            fleet.turn()
    assert fleet.service.composer.epoch == 3


def test_a_record_over_which_the_program_itself_stumbles_is_kept_unread(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumbles(self: Facts, event: Any, at_us: int, seq: int, source: str = "edge", **_more: object) -> None:
        if isinstance(event, FireLatched):
            raise RuntimeError("a defect of ours")

    edge = fleet.enrolled()
    edge.record()
    edge.record(FireLatched(zone="z1"))
    edge.record()
    with monkeypatch.context() as patch:
        patch.setattr(Facts, "apply", stumbles)
        fleet.say(edge, "records", edge.batch(1, 3))
    assert acked(fleet, edge)[-1] == 3
    assert [row["seq"] for row in quarantine(fleet)] == [2]
    assert len(fleet.api.get("/api/v1/events").json()["items"]) == 2
    fleet.say(edge, "records", edge.batch(1, 3))
    assert [ack.upto for ack in fleet.heard(edge, "ack")] == [3], "a repetition doubles nothing"
    ledger, database = fleet.service.ledger, fleet.context.database
    assert retry_quarantined(database, ledger, "newer", AT_US) == 1
    assert quarantine(fleet) == []
    assert [row["kind"] for row in fleet.api.get("/api/v1/events").json()["items"]][-1] == "FireLatched"


def test_quarantined_records_that_cannot_be_stored_do_not_stop_those_that_can(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    edge = fleet.enrolled()
    for seq in (1, 2, 3):
        edge.journal.append(encode_record("j1", seq, DoorOpened(door=f"door-{seq}")).replace(b'"DoorOpened"', b'"New"'))
    fleet.say(edge, "records", edge.batch(1, 3))
    assert len(quarantine(fleet)) == 3
    genuine = ledger_writer.event_rows

    def read_record(_raw: bytes, journal_id: str, journal_seq: int) -> Any:
        return msgspec.json.decode(
            encode_record(journal_id, journal_seq, DoorOpened(door=f"door-{journal_seq}")), type=ledger_writer.Record
        )

    def event_rows(record: Any, *place: int) -> Any:
        if record.seq == 2:
            raise RuntimeError("a defect of ours")
        return genuine(record, *place)

    monkeypatch.setattr("server.ledger.quarantine.read_record", read_record)
    monkeypatch.setattr(ledger_writer, "event_rows", event_rows)
    for _ in range(5):
        retry_quarantined(fleet.context.database, fleet.service.ledger, "newer", AT_US)
    assert [row["seq"] for row in quarantine(fleet)] == [2]
    assert [row["door"] for row in fleet.api.get("/api/v1/events").json()["items"]] == ["door-1", "door-3"]
