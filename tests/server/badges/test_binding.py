"""A desk writes the card; the badge is bound when the record arrives (DESIGN 21)."""

import json
from datetime import timedelta

import msgspec
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import Session, col, select

from controller.commands import EncodeCard
from controller.events import CardEncoded
from controller.policy import credential_key
from server.badges.binding import bind_encoded
from server.badges.models import Badge
from server.badges.numbering import next_number
from server.fleet.models import Edge, EdgeCommand
from tests.server.badges.making import API, approve, approved_badge, complete_application, issued_badge, report
from tests.server.browser import context_of_app, token_client
from tests.server.conftest import ON_SQLITE, START


@pytest.fixture
def desk(app: FastAPI) -> Edge:
    with context_of_app(app).database.write() as session:
        made = Edge(name="desk-1", role="desk", created_at=START)
        session.add(made)
        session.add(Edge(name="edge-1", created_at=START))
        session.flush()
    return made


def asked(app: FastAPI, api: TestClient, badge: str, number: str) -> CardEncoded:
    """Ask the desk; the event by which it would answer."""
    answer = api.post(f"{API}/badges/{badge}/encode", json={"edge": "desk-1", "number": number})
    assert answer.status_code == 202, answer.text
    context = context_of_app(app)
    with context.database.read() as session:
        row = session.exec(select(EdgeCommand).where(EdgeCommand.public_id == answer.json()["command_id"])).one()
    credential = credential_key(context.keys.hash_key, "desfire", number)
    return CardEncoded(row.public_id, badge, number, "desfire", credential, row.operator)


def bind(app: FastAPI, desk: Edge, event: CardEncoded) -> None:
    """As the writer of the ledger does."""
    context = context_of_app(app)
    assert desk.id is not None
    with context.database.write() as session:
        connection = session.connection()
        bind_encoded(connection, context.clock.now(), desk.id, event, context.keys.hash_key, timedelta(days=30))


def test_a_written_card_binds_the_badge_once(app: FastAPI, api: TestClient, desk: Edge) -> None:
    badge = approved_badge(api, "li")
    event = asked(app, api, badge, "M1001")
    assert api.get(f"{API}/badges/{badge}").json()["status"] == "approved", "nothing is bound before the record arrives"
    for _ in range(2):
        bind(app, desk, event)
    shown = api.get(f"{API}/badges/{badge}").json()
    assert (shown["status"], shown["number"], shown["technology"], shown["version"]) == (
        "active",
        "M1001",
        "desfire",
        3,
    )
    with context_of_app(app).database.read() as session:
        assert session.exec(select(Badge.credential)).one() == event.credential
        assert session.exec(select(Badge.changed_by)).one() == event.operator
    acts = [entry["act"] for entry in api.get(f"{API}/audit", params={"subject": badge}).json()["items"]]
    assert acts == ["badge.approve", "badge.issue", "badge.activate"]


@ON_SQLITE
@pytest.mark.parametrize(
    "change",
    [
        {"command_id": "cmd_other"},
        {"number": "M2"},
        {"badge": "bdg_other"},
        {"credential": b"x" * 16},
        {"technology": "uid"},
    ],
    ids=str,
)
def test_a_desk_that_tells_of_a_card_nobody_asked_for_binds_nothing(
    app: FastAPI, api: TestClient, desk: Edge, change: dict[str, object]
) -> None:
    import msgspec

    badge = approved_badge(api, "li")
    bind(app, desk, msgspec.structs.replace(asked(app, api, badge, "M1"), **change))
    assert api.get(f"{API}/badges/{badge}").json()["status"] == "approved"
    entries = [row for row in api.get(f"{API}/audit").json()["items"] if row["act"] == "badge.not_bound"]
    assert [entry["after"]["code"] for entry in entries] == ["not_asked"]


@ON_SQLITE
def test_another_edge_cannot_answer_for_the_desk(app: FastAPI, api: TestClient, desk: Edge) -> None:
    badge = approved_badge(api, "li")
    event = asked(app, api, badge, "M1")
    with context_of_app(app).database.read() as session:
        other = session.exec(select(Edge).where(Edge.name == "edge-1")).one()
    bind(app, other, event)
    assert api.get(f"{API}/badges/{badge}").json()["status"] == "approved"


def test_a_badge_that_was_deregistered_meanwhile_stays_so(app: FastAPI, api: TestClient, desk: Edge) -> None:
    badge = approved_badge(api, "li")
    event = asked(app, api, badge, "M1")
    assert report(api, badge, "revoked").status_code == 200
    bind(app, desk, event)
    assert api.get(f"{API}/badges/{badge}").json()["status"] == "revoked"
    assert api.get(f"{API}/audit", params={"subject": badge}).json()["items"][-1]["act"] == "badge.not_bound"


@ON_SQLITE
def test_what_cannot_be_bound_is_not_written(app: FastAPI, api: TestClient, desk: Edge) -> None:
    active = issued_badge(api, "wang", "M1")["id"]
    badge = approved_badge(api, "li")
    for name, body, status, code in (
        (active, {"edge": "desk-1", "number": "M9"}, 409, "status_conflict"),
        (badge, {"edge": "edge-1", "number": "M9"}, 422, "NOT_A_DESK"),
        (badge, {"edge": "nowhere", "number": "M9"}, 422, "not_found"),
        (badge, {"edge": "desk-1", "number": "M1"}, 409, "number_taken"),
        (badge, {"edge": "desk-1", "number": "M 9"}, 422, "invalid_input"),
        (badge, {"edge": "desk-1", "number": "x" * 25}, 422, "invalid_input"),
    ):
        answer = api.post(f"{API}/badges/{name}/encode", json=body)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    guard = token_client(app, "guard").post(f"{API}/badges/{badge}/encode", json={"edge": "desk-1", "number": "M9"})
    assert guard.status_code == 403
    with context_of_app(app).database.read() as session:
        assert session.exec(select(EdgeCommand)).all() == []


@ON_SQLITE
def test_the_card_of_a_badge_that_passes_on_may_be_written_anew(app: FastAPI, api: TestClient, desk: Edge) -> None:
    old = issued_badge(api, "li", "M1")["id"]
    made = complete_application(api, "wang", kind="transfer", replaces=old)
    new = approve(api, made["id"]).json()["badge"]
    event = asked(app, api, new, "M2")
    with context_of_app(app).database.read() as session:
        command = msgspec.json.decode(session.exec(select(EdgeCommand.command)).one(), type=EncodeCard)
    assert command.replaces == credential_key(context_of_app(app).keys.hash_key, "desfire", "M1")
    bind(app, desk, event)
    assert api.get(f"{API}/badges/{new}").json()["number"] == "M2"


def test_a_number_is_written_once_even_when_its_badge_is_gone(app: FastAPI, api: TestClient, desk: Edge) -> None:
    """The lost card would open again what the new card of the same number opens (B4)."""
    lost = approved_badge(api, "li")
    bind(app, desk, asked(app, api, lost, "M1001"))
    report(api, lost, "revoked")
    badge = approved_badge(api, "li")
    refused = api.post(f"{API}/badges/{badge}/encode", json={"edge": "desk-1", "number": "M1001"})
    assert (refused.status_code, refused.json()["code"]) == (409, "number_spent")
    asked(app, api, badge, "M1002")


def test_a_number_that_was_ordered_for_one_badge_is_written_for_no_other(
    app: FastAPI, api: TestClient, desk: Edge
) -> None:
    """Two cards of one number are one credential: both would open as the badge that is bound first."""
    with context_of_app(app).database.write() as session:
        session.add(Edge(name="desk-2", role="desk", created_at=START))
    first, second = approved_badge(api, "li"), approved_badge(api, "wang")
    asked(app, api, first, 'M"1_%')
    for badge, edge in ((second, "desk-1"), (first, "desk-2"), (second, "desk-2")):
        answer = api.post(f"{API}/badges/{badge}/encode", json={"edge": edge, "number": 'M"1_%'})
        assert (answer.status_code, answer.json()["code"]) == (409, "number_spent")
    asked(app, api, second, 'M"1__')
    with context_of_app(app).database.write() as session:
        for command in session.exec(select(EdgeCommand)).all():
            command.state = "no_session"  # no desk ever heard of it
            session.add(command)
    asked(app, api, second, 'M"1_%')


def ended(app: FastAPI, state: str, reason: str | None = None, step: str | None = None) -> None:
    """The newest order, as the desk's record ends it."""
    with context_of_app(app).database.write() as session:
        row = session.exec(select(EdgeCommand).order_by(col(EdgeCommand.id).desc()).limit(1)).one()
        row.state, row.session = state, "session-1"
        inputs = {"step": step} if step else {}
        row.because = json.dumps({"reason": reason, "rule": "B1", "inputs": inputs}) if reason else None
        session.add(row)


def again(api: TestClient, badge: str, number: str) -> str:
    """Ask once more: what it is refused with, or nothing."""
    answer = api.post(f"{API}/badges/{badge}/encode", json={"edge": "desk-1", "number": number})
    return str(answer.json().get("code", ""))


@ON_SQLITE
@pytest.mark.parametrize(
    ("state", "reason", "step", "refused"),
    [
        ("refused", "NO_CARD", None, False),
        ("refused", "DESK_BUSY", None, False),
        ("refused", "CARD_TAKEN_AWAY", "application_key", False),
        ("refused", "CARD_TAKEN_AWAY", "block", True),
        ("refused", "CARD_REFUSED", "verify", True),
        ("refused", "ENCODING_INTERRUPTED", None, True),
        ("refused", "DESK_READER_FAILED", None, True),
        ("refused", "A_REASON_OF_A_LATER_RELEASE", None, True),
        ("expired", None, None, True),
        ("sent", None, None, True),
        ("done", None, None, True),
    ],
)
def test_a_number_that_a_card_may_carry_is_written_onto_no_second_blank(
    app: FastAPI, api: TestClient, desk: Edge, state: str, reason: str | None, step: str | None, refused: bool
) -> None:
    """The desk's answer was lost, the card is whole: a second one of that number would open as well (B4)."""
    badge = approved_badge(api, "li")
    asked(app, api, badge, "M1001")
    ended(app, state, reason, step)
    proposed = numbering_of(app, badge)
    assert again(api, badge, "M1001") == ("number_written" if refused else "")
    assert (proposed != "M1001") is refused


@ON_SQLITE
def test_a_card_whose_writing_broke_off_is_written_over_with_the_next_number(
    app: FastAPI, api: TestClient, desk: Edge
) -> None:
    """Only once its desk has said that it broke off: the answer of one that is silent may still come, and bind that card."""
    badge = approved_badge(api, "li")
    keys = context_of_app(app).keys

    def replaced() -> bytes | None:
        with context_of_app(app).database.read() as session:
            newest = select(EdgeCommand.command).order_by(col(EdgeCommand.id).desc()).limit(1)
            return msgspec.json.decode(session.exec(newest).one(), type=EncodeCard).replaces

    asked(app, api, badge, "M1")
    ended(app, "expired")
    asked(app, api, badge, "M2")
    assert replaced() is None
    ended(app, "refused", "ENCODING_INTERRUPTED")
    event = asked(app, api, badge, "M3")
    assert replaced() == credential_key(keys.hash_key, "desfire", "M2")
    bind(app, desk, event)
    assert api.get(f"{API}/badges/{badge}").json()["number"] == "M3"


@ON_SQLITE
def test_of_two_cards_that_were_written_the_first_that_is_told_is_bound(
    app: FastAPI, api: TestClient, desk: Edge
) -> None:
    """The desk was cut off after the first: its record comes late, and the other card opens nothing."""
    badge = approved_badge(api, "li")
    first = asked(app, api, badge, "M1")
    ended(app, "expired")
    second = asked(app, api, badge, "M2")
    bind(app, desk, first)
    bind(app, desk, second)
    assert api.get(f"{API}/badges/{badge}").json()["number"] == "M1"
    entry = api.get(f"{API}/audit", params={"subject": badge}).json()["items"][-1]
    assert (entry["act"], entry["after"]["command"]) == ("badge.not_bound", second.command_id)


@ON_SQLITE
def test_the_proposed_number_goes_on_from_the_newest_and_was_never_used(
    app: FastAPI, api: TestClient, desk: Edge
) -> None:
    path = f"{API}/badges/next-number"
    assert api.get(path).json() == {"number": "M1001"}
    issued_badge(api, "li", "HY-0099")
    assert api.get(path).json() == {"number": "HY-0100"}
    asked(app, api, approved_badge(api, "wang"), "HY-0100")
    assert api.get(path).json() == {"number": "HY-0101"}
    assert api.get(path, params={"kind": "staff"}).json() == {"number": "S1001"}
    issued_badge(api, "guo", "nine")
    assert api.get(path, params={"kind": "staff"}).json() == {"number": "S1001"}
    assert token_client(app, "guard").get(path).status_code == 403


def numbering_of(app: FastAPI, badge: str) -> str:
    """What the page of this badge proposes."""
    with context_of_app(app).database.read() as session:
        return next_number(session, "customer", badge)


def test_what_the_database_refuses_is_noted_and_holds_up_no_record(
    app: FastAPI, api: TestClient, desk: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    badge = approved_badge(api, "li")
    event = asked(app, api, badge, "M1001")

    def refused(session: Session, *_: object) -> None:
        session.connection().exec_driver_sql("INSERT INTO edge (name, created_at) SELECT name, created_at FROM edge")

    monkeypatch.setattr("server.badges.binding.issue_badge", refused)
    bind(app, desk, event)
    acts = [entry["after"] for entry in api.get(f"{API}/audit", params={"subject": badge}).json()["items"]]
    assert acts[-1] == {"code": "conflict", "command": event.command_id}
    assert api.get(f"{API}/badges/{badge}").json()["status"] == "approved"
