"""The desk: who said at the kiosk that they are here, and finding a visitor by what one has of them."""

from datetime import timedelta

from fastapi.testclient import TestClient

from server.console.arrivals import arrivals
from server.console.rendering import Audience, Renderer
from server.console.view import panels
from server.db.clock import FixedClock
from tests.server.browser import context_of_app
from tests.server.conftest import ON_SQLITE
from tests.server.console.test_record_pages import section, shown
from tests.server.permits.conftest import desk  # noqa: F401 - the fixture
from tests.server.permits.making import PERSON, Desk, approved, checked_in, pooled

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


def arrive(desk: Desk, permit: str) -> None:  # noqa: F811
    client = desk.client("kiosk")
    (comer,) = client.post("/api/v1/kiosk/scan", json={"code": permit}).json()["comers"]
    answer = client.post("/api/v1/kiosk/arrival", json={"code": permit, "person": comer["person"]})
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


def test_a_scan_leads_to_the_visit_or_says_what_it_did_not_find(desk: Desk) -> None:  # noqa: F811
    pooled(desk)
    permit = approved(desk)
    visit = checked_in(desk, permit)
    guard = desk.client("guard")

    def led(code: str) -> str:
        return guard.get("/visits/find", params={"code": code}, follow_redirects=False).headers["location"]

    assert led("T1") == f"/visits/{visit['id']}"
    assert led(permit["id"]) == f"/visits/{visit['id']}"
    assert led("X 1&q=2") == "/visits?code=X+1%26q%3D2"
