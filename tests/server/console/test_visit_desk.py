"""The desk: who said at the kiosk that they are here, finding a visitor by what one has of them, whom a guard admits."""

import re
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event
from sqlmodel import select

from server.badges.models import Badge
from server.console import visit_lists
from server.console.arrivals import arrivals
from server.console.rendering import Audience, Renderer
from server.console.view import panels
from server.db.clock import FixedClock
from server.fleet.models import EdgeCommand
from server.ids import new_id
from server.permits.models import Permit, PermitPerson, TemporaryBadge, Visit
from server.personal.fields import write_field
from server.registry.models import Customer, Holder
from tests.server.browser import context_of_app
from tests.server.conftest import ON_SQLITE
from tests.server.console.test_record_pages import forms, section, shown
from tests.server.permits.conftest import desk, edge  # noqa: F401 - the fixtures
from tests.server.permits.making import PERSON, Desk, approved, checked_in, pooled
from tests.server.permits.test_emergencies import DOCUMENT, emergency

pytestmark = ON_SQLITE


def told(desk: Desk) -> list[tuple[str, str, str]]:  # noqa: F811
    """Whom the live page names as waiting at the desk, with customer and visit."""
    context = context_of_app(desk.app)
    with context.database.read() as session:
        items = arrivals(session, context, context.clock.now())
        page = Renderer(context.site).panels(Audience("en", fleet=False), panels(session, context, context.clock.now()))
    assert page["notices"].count("is at the desk") == len(items)
    return [(one["name"], one["customer"], one["visit"]) for one in items]


def mark_of(client: TestClient) -> str:
    """What the rail says beside the visits."""
    rail = shown(client, "/permits").split('href="/visits"', 1)[1].split("</a>", 1)[0]
    return rail.partition('class="mark-count">')[2].partition("<")[0]


def search(client: TestClient, sought: str) -> str:
    """The page after a search, in English."""
    answer = client.post("/visits/search", data={"q": sought}, headers={"Accept": "text/html", "Accept-Language": "en"})
    assert answer.status_code == 200, answer.text
    return answer.text


def scan(desk: Desk, permit: str) -> list[dict[str, str]]:  # noqa: F811
    """Whom the kiosk names by a permit's number."""
    found: list[dict[str, str]] = (
        desk.client("kiosk").post("/api/v1/kiosk/scan", json={"code": permit}).json()["comers"]
    )
    return found


def arrive(desk: Desk, permit: str) -> None:  # noqa: F811
    (comer,) = scan(desk, permit)
    answer = desk.client("kiosk").post("/api/v1/kiosk/arrival", json={"code": permit, "person": comer["person"]})
    assert answer.status_code == 200, answer.text


def test_who_said_that_they_are_here_stands_first_until_checked_in(desk: Desk, clock: FixedClock) -> None:  # noqa: F811
    pooled(desk)
    permit = approved(desk)
    guard = desk.client("guard")
    assert 'id="arrived"' not in shown(guard, "/visits")
    assert mark_of(guard) == ""
    arrive(desk, permit["id"])
    text = shown(guard, "/visits")
    assert "徐*" in section(text, "arrived")
    assert "徐*" not in section(text, "expected")
    assert mark_of(guard) == "1"
    assert mark_of(desk.client("auditor")) == "", "only for who may check them in"
    ((name, customer, visit),) = told(desk)
    assert (name, customer, visit) == ("徐*", "C001", permit["visits"][0])
    assert "They are at the desk" in shown(guard, f"/visits/{permit['visits'][0]}")
    clock.advance(timedelta(minutes=1))
    checked_in(desk, permit)
    assert mark_of(guard) == ""
    assert told(desk) == []


def test_who_waits_is_told_across_midnight_and_anew_on_another_day(desk: Desk, clock: FixedClock) -> None:  # noqa: F811
    permit = approved(desk, until="2026-03-06T12:00:00Z")
    guard, (visit,) = desk.client("guard"), permit["visits"]

    def everywhere() -> list[bool]:
        page, (comer,) = shown(guard, "/visits"), scan(desk, permit["id"])
        own = "They are at the desk" in shown(guard, f"/visits/{visit}")
        listed = "at the desk since" in page
        return [
            'id="arrived"' in page,
            listed,
            own,
            mark_of(guard) == "1",
            bool(told(desk)),
            comer["state"] == "arrived",
        ]

    clock.advance(timedelta(hours=7, minutes=50))  # ten to midnight at the site
    arrive(desk, permit["id"])
    clock.advance(timedelta(minutes=20))
    assert everywhere() == [True] * 6
    clock.advance(timedelta(hours=9))
    assert everywhere() == [False] * 6, "they went away again"
    arrive(desk, permit["id"])
    assert everywhere() == [True] * 6
    said = desk.client("administrator").get("/api/v1/audit", params={"act": "visit.arrive"}).json()["items"]
    assert [one["subject"] for one in said] == [visit] * 2


def test_the_number_in_the_rail_counts_whom_the_page_shows(desk: Desk) -> None:  # noqa: F811
    guard, context = desk.client("guard"), context_of_app(desk.app)
    visits = with_visits(desk, 2) + with_visits(desk, 1, customer="C002")
    with context.database.write() as session:
        for row in session.exec(select(Visit)).all():
            row.arrived_at = context.clock.now()
    assert (mark_of(guard), shown(guard, "/visits").count("at the desk since")) == (str(len(visits)), len(visits))
    with context.database.write() as session:
        session.exec(select(Customer).where(Customer.code == "C002")).one().department = "east"
    assert (mark_of(guard), shown(guard, "/visits").count("at the desk since")) == ("2", 2)


def test_a_visitor_is_found_by_name_phone_badge_or_number_of_today_only(desk: Desk) -> None:  # noqa: F811
    pooled(desk)
    other = {"name": "王小明", "phone": "13800138000", "id_document": "passport", "id_number": "E12345678"}
    first, second = approved(desk), approved(desk, persons=[other], reason="cabling")
    checked_in(desk, first)
    guard = desk.client("guard")

    def found(sought: str) -> list[str]:
        text = section(search(guard, sought), "found")
        return [name for name in ("徐*", "王**") if name in text]

    assert found("小明") == ["王**"]
    assert found("8000") == ["王**"]
    assert found("000") == [], "three digits are no phone number"
    assert found("t1") == ["徐*"]
    assert found("C001") == ["徐*", "王**"]
    assert found(second["id"][-8:].lower()) == ["王**"]
    assert found("nobody") == []
    assert "Nobody of today" in section(search(guard, "nobody"), "found")
    assert search(guard, PERSON["name"]).count(PERSON["name"]) == 1, "in the field where it was typed"
    assert guard.get("/visits/search", follow_redirects=False).headers["location"] == "/visits"


def test_masks_are_not_asked_away_piece_by_piece(desk: Desk) -> None:  # noqa: F811
    approved(
        desk, persons=[{"name": "王小明", "phone": "13800138000", "id_document": "passport", "id_number": "E12345678"}]
    )
    guard, auditor = desk.client("guard"), desk.client("auditor")
    assert "王**" in section(search(guard, "13800138000"), "found"), "the whole number, as the visitor says it"
    assert "王**" not in section(search(guard, "38000"), "found"), "a fifth digit is not told from the fourth"
    looks = desk.client("administrator").get("/api/v1/audit", params={"act": "personal.look"}).json()["items"]
    assert [(one["subject"], one["after"]["fields"]) for one in looks] == [("holder", ["name"])] * 2
    for sought in ("小明", "8000"):
        assert "王**" not in section(search(auditor, sought), "found"), "without the right to names"
    assert "王**" in section(search(auditor, "C001"), "found")


def test_a_scan_leads_to_the_visit_or_the_badge_and_stands_in_no_address(desk: Desk) -> None:  # noqa: F811
    pooled(desk)
    permit = approved(desk)
    visit = checked_in(desk, permit)
    guard = desk.client("guard")

    def led(code: str, client: TestClient = guard) -> str | None:
        to: str | None = client.post("/scanned", json={"text": code}).json().get("to")
        return to

    assert led("T1") == led("t1") == f"/visits/{visit['id']}"
    assert led(permit["id"]) == f"/visits/{visit['id']}"
    assert led("X 1&q=2") is None
    assert led("T1", desk.client("kiosk")) is None
    with context_of_app(desk.app).database.write() as session:
        badge = session.exec(select(Badge.public_id).where(Badge.number == "T1")).one()
        session.delete(session.exec(select(TemporaryBadge)).one())  # a badge of no visit
    assert led("T1") == f"/badges/{badge}"
    assert led("T1", desk.client("equipment_head")) is None


@pytest.mark.usefixtures("edge")
def test_an_emergency_is_admitted_again_while_its_approval_stands(desk: Desk, clock: FixedClock) -> None:  # noqa: F811
    guard, made = desk.client("guard"), emergency(desk)
    path, admit = f"/emergencies/{made['id']}", "/api/v1/emergencies/*/admit"
    desk.post("guard", f"emergencies/{made['id']}/document", **DOCUMENT)
    asked = desk.post("guard", f"emergencies/{made['id']}/admit", access_point="hall-in")
    with context_of_app(desk.app).database.write() as session:
        session.exec(select(EdgeCommand)).one().state = "expired"
    assert admit in forms(shown(guard, path)), "the edge was away, or the escort came too late"
    assert "data-fresh" in shown(guard, path).split('id="facts"', 1)[1][:20], (
        "what the edge said is told when it is said"
    )
    assert [one["id"] for one in admissible_at(guard, "hall-in")["emergencies"]] == [made["id"]]
    assert admissible_at(guard, "lobby-in")["emergencies"] == []
    again = desk.post("guard", f"emergencies/{made['id']}/admit", access_point="hall-in")
    assert again["command_id"] != asked["command_id"]
    assert admit not in forms(shown(desk.client("it_head"), path)), "only for who may admit"
    clock.advance(timedelta(hours=4))
    assert admit not in forms(shown(guard, path))
    assert admissible_at(guard, "hall-in")["emergencies"] == []


def admissible_at(client: TestClient, point: str) -> dict[str, list[dict[str, str]]]:
    """Whom the live page offers to admit there."""
    answer = client.get("/live/admissible", params={"point": point})
    assert answer.status_code == 200, answer.text
    found: dict[str, list[dict[str, str]]] = answer.json()
    return found


def test_whom_to_admit_is_not_hidden_by_others_and_is_of_ones_own_departments(desk: Desk) -> None:  # noqa: F811
    guard = desk.client("guard")
    (wanted,) = with_visits(desk, 1, areas=["hall"], status="checked_in")
    with_visits(desk, 60, status="checked_in")
    with_visits(desk, 1, areas=["hall"], status="checked_in", customer="C002")
    assert len(admissible_at(guard, "lobby-in")["visits"]) == 60, "all of them"
    assert len(admissible_at(guard, "hall-in")["visits"]) == 2
    with context_of_app(desk.app).database.write() as session:
        session.exec(select(Customer).where(Customer.code == "C002")).one().department = "east"
    assert [one["id"] for one in admissible_at(guard, "hall-in")["visits"]] == [wanted]


def test_a_list_that_is_cut_says_how_many_there_are_and_any_is_found(
    desk: Desk,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(visit_lists, "MOST", 2)
    guard, now = desk.client("guard"), context_of_app(desk.app).clock.now()
    with_visits(desk, 3, customer="C002")
    with_visits(desk, 3, from_at=now, name="李雷")
    with_visits(desk, 3, status="checked_in", name="赵云")
    with_visits(desk, 3, status="checked_in", until_at=now, name="孙权")

    def listed(page: str, name: str) -> tuple[int, int, bool]:
        part = section(page, name)
        count = int(re.findall(r"\d+", part)[0])  # of the heading
        return part.count(" · lobby"), count, "more: find them above" in part

    page = shown(guard, "/visits")
    assert listed(page, "expected") == (2, 6, True)
    assert listed(page, "inside") == (2, 3, True)
    assert listed(page, "overdue") == (3, 3, False), "who should be gone is never left out"
    assert "李*" not in section(page, "expected")
    assert listed(search(guard, "李雷"), "found") == (2, 3, True)
    assert listed(search(guard, "孙"), "found") == (2, 3, True)
    with context_of_app(desk.app).database.write() as session:
        session.exec(select(Customer).where(Customer.code == "C002")).one().department = "east"
    page = shown(guard, "/visits")
    assert listed(page, "expected") == (2, 3, True)
    assert "李*" in section(page, "expected"), "others' visits take no place in one's list"
    assert "Nobody of today" in section(search(guard, "王小明"), "found")


def test_the_page_asks_no_more_for_more_visits_and_nothing_that_it_does_not_show(desk: Desk) -> None:  # noqa: F811
    guard, statements = desk.client("guard"), list[str]()

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        statements.append(statement)

    def asked() -> list[str]:
        statements.clear()
        shown(guard, "/visits")
        return list(statements)

    engine = context_of_app(desk.app).database.engine
    with_visits(desk, 1)
    with_visits(desk, 1, status="checked_in")
    event.listen(engine, "before_cursor_execute", note)
    try:
        few = asked()
        with_visits(desk, 5)
        with_visits(desk, 5, status="checked_in")
        many = asked()
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert len(few) == len(many)
    for table in ("declaration", "document_check", "attachment"):
        assert not any(f"FROM {table}" in one for one in many), table
    (register,) = [one for one in many if "FROM register_entry" in one and "holder IN" in one]
    assert "at_us >=" in register, "what people did before this visit is not read"


def test_a_search_by_number_waits_for_nobody_who_writes(desk: Desk) -> None:  # noqa: F811
    guard = desk.client("guard")
    with_visits(desk, 1)
    with context_of_app(desk.app).database.write() as session:
        session.exec(select(Customer)).all()  # a writing transaction has begun
        assert "王**" in section(search(guard, "C001"), "found")


def with_visits(
    desk: Desk,  # noqa: F811
    count: int,
    *,
    customer: str = "C001",
    name: str = "王小明",
    status: str = "expected",
    **more: Any,
) -> list[str]:
    """Visits, each of another person under a permit of its own, made in the database: their ids."""
    context, made = context_of_app(desk.app), []
    now = context.clock.now()
    terms: dict[str, Any] = {
        "areas": ["lobby"],
        "from_at": now - timedelta(hours=1),
        "until_at": now + timedelta(hours=3),
    } | more
    with context.database.write() as session:
        owner = session.exec(select(Customer).where(Customer.code == customer)).one()
        for _ in range(count):
            holder = Holder(public_id=new_id("hld", now), kind="visitor", created_at=now)
            write_field(context.personal, holder, "name", name)
            permit = Permit(
                public_id=new_id("pmt", now), kind="temporary", status="approved", customer_id=owner.id, reason="cabling", created_by="opr_1",
                created_at=now, submitted_at=now, decided_at=now, **terms,
            )  # fmt: skip
            session.add_all((holder, permit))
            session.flush()
            assert permit.id is not None
            assert holder.id is not None
            person = PermitPerson(public_id=new_id("pps", now), permit_id=permit.id, holder_id=holder.id)
            session.add(person)
            session.flush()
            assert person.id is not None
            visit = Visit(
                public_id=new_id("vis", now), permit_id=permit.id, person_id=person.id, holder_id=holder.id, status=status, created_at=now,
                checked_in_at=now if status == "checked_in" else None,
            )  # fmt: skip
            session.add(visit)
            made.append(visit.public_id)
    return made
