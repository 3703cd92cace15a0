"""Notes beside an entry: signed with the record that they speak of, so that nothing can be changed unseen (R3)."""

import msgspec
import pytest
from sqlalchemy import text
from sqlmodel import select

from server.db.clock import to_us
from server.keys import load_keys, rotate_keys
from server.ledger.models import LedgerRecord
from server.rooms.models import RegisterEntry, RegisterNote
from server.rooms.notes import MAX_NOTES, add_note, signature_holds
from tests.server.conftest import ON_SQLITE
from tests.server.rooms.conftest import House, taken


def noted(house: House, entry: int = 1) -> list[bool]:
    """Which of an entry's signatures hold."""
    return [note["signature_holds"] for note in house.get(f"register/{entry}/notes")["items"]]


def test_notes_are_numbered_signed_and_shown_with_their_entry(house: House) -> None:
    house.edge.happen(taken("hall-in"))
    for words in ("wore no overshoes", "corrected: did"):
        answer = house.client().post("/api/v1/register/1/notes", json={"text": words})
        assert answer.status_code == 201, answer.text
    shown = house.get("register/1")
    assert [(note["n"], note["text"], note["signature_holds"]) for note in shown["noted"]] == [
        (1, "wore no overshoes", True),
        (2, "corrected: did", True),
    ]
    assert (shown["notes"], shown["noted"][0]["operator"][:3], shown["noted"][0]["at"]) == (
        2,
        "tok",
        "2026-03-02T08:00:00Z",
    )


def test_a_signature_outlives_the_rotation_and_the_dropping_of_its_key(house: House) -> None:
    house.edge.happen(taken("hall-in"))
    house.client().post("/api/v1/register/1/notes", json={"text": "seen"})
    folder, now_us = house.context.config.dir, to_us(house.context.clock.now())
    rotate_keys(folder, now_us + 800 * 86_400_000_000)
    house.context.keys = load_keys(folder)
    with house.context.database.read() as session:
        [note] = session.exec(select(RegisterNote)).all()
    assert note.kid not in [key.kid for key in house.context.keys.keys]
    assert noted(house) == [True]


@ON_SQLITE
def test_a_record_that_was_exchanged_behind_a_note_shows(house: House) -> None:
    house.edge.happen(taken("hall-in"))
    house.client().post("/api/v1/register/1/notes", json={"text": "seen"})
    with house.context.database.write() as session:
        session.connection().execute(text("UPDATE ledger_record SET hash = :hash"), {"hash": bytes(32)})
    assert noted(house) == [False]


@ON_SQLITE
@pytest.mark.parametrize(
    "change",
    [{"text": "other"}, {"operator": "opr_2"}, {"at_us": 5}, {"n": 2}, {"kid": "server:other"}, {"kind": "operation"}],
)
def test_no_part_of_a_note_can_be_changed_unseen(house: House, change: dict[str, str | int]) -> None:
    house.edge.happen(taken("hall-in"))
    with house.context.database.write() as session:
        entry = session.get_one(RegisterEntry, 1)
        note = add_note(session, house.context.keys, entry, "note", "seen", "opr_1", to_us(house.context.clock.now()))
        assert note is not None
        record_hash = session.exec(select(LedgerRecord)).one().hash
        assert signature_holds(house.context.keys, note, entry, record_hash)
        for name, value in change.items():
            setattr(note, name, value)
        assert not signature_holds(house.context.keys, note, entry, record_hash)
        session.rollback()


@ON_SQLITE
def test_what_cannot_be_noted_is_told(house: House) -> None:
    house.edge.happen(taken("hall-in"))
    post = house.client().post
    assert post("/api/v1/register/9/notes", json={"text": "x"}).json()["code"] == "not_found"
    assert post("/api/v1/register/1/notes", json={"text": "  "}).status_code == 422
    assert post("/api/v1/register/1/notes", json={"text": "x", "operator": "opr_1"}).status_code == 422
    with house.context.database.write() as session:
        entry = session.get_one(RegisterEntry, 1)
        for _ in range(MAX_NOTES):
            assert add_note(session, house.context.keys, entry, "note", "x", "opr_1", to_us(house.context.clock.now()))
    refused = post("/api/v1/register/1/notes", json={"text": "x"})
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_notes")
    assert msgspec.json.decode(refused.content)["detail_zh"]
