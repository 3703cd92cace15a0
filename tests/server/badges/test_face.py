"""The badge to print: size, words, photo; what people wrote is never markup; the print is on record (B3, C4)."""

import io
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image
from pypdf import PdfReader
from sqlmodel import select

from server.badges.face import Face, print_face, validity
from server.personal.fields import write_field
from server.registry.models import Customer, Holder
from tests.server.badges.making import API, approved_badge, issued_badge, picture, report
from tests.server.browser import context_of_app, token_client
from tests.server.conftest import ON_SQLITE

FACE = Face(
    kind="customer",
    site="华东一号 · East One",
    company="华云数据",
    name="李娜",
    number="M1001",
    from_at=datetime(2026, 1, 1, tzinfo=UTC),
    until_at=datetime(2026, 12, 31, 16, tzinfo=UTC),
    time_zone="Asia/Shanghai",
    photo=picture(),
)


def page_of(made: bytes) -> Any:
    """The only page."""
    pages = PdfReader(io.BytesIO(made)).pages
    assert len(pages) == 1
    return pages[0]


def words_of(made: bytes) -> str:
    """The text of the only page, without white space."""
    return "".join(page_of(made).extract_text().split())


def test_the_page_has_the_size_of_a_card_and_says_what_is_needed() -> None:
    page = page_of(print_face(FACE))
    assert [round(float(side) / 72 * 25.4, 1) for side in page.mediabox[2:]] == [85.6, 54.0]
    words = "".join(page.extract_text().split())
    for wanted in (
        "华东一号",
        "EastOne",
        "华云数据",
        "李娜",
        "M1001",
        "2026-01-01–2026-12-31",
        "机房出入证",
        "Accessbadge",
    ):
        assert wanted in words
    assert len(page.images) == 1


@pytest.mark.parametrize("kind", ["customer", "staff", "temporary"])
def test_every_kind_has_a_face_also_without_a_photo(kind: str) -> None:
    page = page_of(print_face(replace(FACE, kind=kind, photo=None)))
    assert len(page.images) == 0
    assert "nophoto" in "".join(page.extract_text().split())


@pytest.mark.parametrize(
    "text",
    [
        '#read("/etc/passwd")',
        "#panic()",
        "$x^2$",
        "*bold* _italic_ `raw`",
        "#[content] ]]] }}} {[(",
        "= Heading",
        "\\ \\u{1F600} // comment /* more */",
        "<label> @reference",
        "\"quoted\" 'single'",
        '#image("photo.jpg")',
        "#sys.inputs.face",
    ],
)
def test_what_people_wrote_is_printed_and_never_executed(text: str) -> None:
    words = words_of(print_face(replace(FACE, company=text, name=text, site=text, photo=None)))
    assert words.count("".join(text.split())) == 3


def test_the_longest_texts_stay_on_the_page() -> None:
    long = replace(FACE, company="超长" * 100, name="N" * 200, site="S " * 100, number="W" * 24)
    page_of(print_face(long))


@pytest.mark.parametrize(("mode", "kind"), [("RGBA", "PNG"), ("P", "PNG"), ("L", "JPEG"), ("CMYK", "JPEG")])
def test_pictures_of_every_mode_are_printed(mode: str, kind: str) -> None:
    made = io.BytesIO()
    Image.new(mode, (2000, 2500)).save(made, kind)
    page = page_of(print_face(replace(FACE, photo=made.getvalue())))
    assert max(page.images[0].image.size) <= 800


@pytest.mark.parametrize(
    ("until", "says"),
    [
        (datetime(2026, 12, 31, 16, tzinfo=UTC), "2026-01-01 – 2026-12-31"),
        (datetime(2026, 12, 31, 15, 59, tzinfo=UTC), "2026-01-01 – 2026-12-31"),
        (datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01 – 2026-01-01"),
        (None, "2026-01-01 – 合同期内 while the contract lasts"),
    ],
)
def test_validity_is_written_in_days_of_the_site(until: datetime | None, says: str) -> None:
    assert validity(datetime(2025, 12, 31, 16, tzinfo=UTC), until, "Asia/Shanghai") == says


def test_a_print_shows_the_holder_and_is_on_record(app: FastAPI, api: TestClient) -> None:
    context = context_of_app(app)
    with context.database.write() as session:
        holder = session.exec(select(Holder).where(Holder.public_id == "hol_li")).one()
        write_field(context.personal, holder, "name", "李娜")
        session.add(holder)
    badge = issued_badge(api, "li", "M1001", until="2026-12-31")["id"]
    guard = token_client(app, "guard")
    answer = guard.get(f"{API}/badges/{badge}/face.pdf")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    assert answer.headers["cache-control"] == "no-store"
    words = words_of(answer.content)
    for wanted in ("李娜", "NameofC001", "M1001", "2026-12-31", "demo"):
        assert wanted in words
    last = api.get(f"{API}/audit", params={"subject": badge}).json()["items"][-1]
    assert (last["act"], last["actor_name"], last["after"]) == ("badge.print", "test-guard", {"photo": True})
    assert "李娜" not in api.get(f"{API}/audit", params={"limit": 1000}).text
    assert "李娜" not in api.get(f"{API}/badges/{badge}").text


@ON_SQLITE
def test_faces_of_all_badges_are_no_way_around_the_bound_of_looks(
    app: FastAPI, api: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.personal.looks.LOOKS_PER_WINDOW", 1)
    first, second = issued_badge(api, "li", "M1001")["id"], issued_badge(api, "wang", "M1002")["id"]
    guard = token_client(app, "guard")
    assert guard.get(f"{API}/badges/{first}/face.pdf").status_code == 200
    refused = guard.get(f"{API}/badges/{second}/face.pdf")
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_looks")
    shown = token_client(app, "auditor").get(f"{API}/personal/looks").json()["items"]
    assert [(one["fields"], one["refused"]) for one in shown][:1] == [(["name", "photo"], False)]


@ON_SQLITE
def test_only_a_badge_that_is_its_holders_is_printed_and_only_for_those_who_may(app: FastAPI, api: TestClient) -> None:
    approved = approved_badge(api, "li")
    assert api.get(f"{API}/badges/{approved}/face.pdf").status_code == 409
    badge = issued_badge(api, "wang", "M2")["id"]
    assert token_client(app, "auditor").get(f"{API}/badges/{badge}/face.pdf").status_code == 403
    report(api, badge, "lost")
    assert api.get(f"{API}/badges/{badge}/face.pdf").json()["code"] == "status_conflict"
    assert api.get(f"{API}/badges/nothing/face.pdf").status_code == 404
    acts = [entry["act"] for entry in api.get(f"{API}/audit", params={"limit": 1000}).json()["items"]]
    assert "badge.print" not in acts


@ON_SQLITE
def test_files_of_another_department_take_the_right_to_see_all(app: FastAPI, api: TestClient) -> None:
    badge = issued_badge(api, "li", "M1")["id"]
    with context_of_app(app).database.write() as session:
        customer = session.exec(select(Customer).where(Customer.code == "C001")).one()
        customer.department = "north"
        customer.version += 1
        session.add(customer)
    application = api.get(f"{API}/badges/{badge}").json()["application"]
    desk, chief = token_client(app, "customer_service"), token_client(app, "supervisor")
    for client, status in ((desk, 404), (chief, 200)):
        assert client.get(f"{API}/badges/{badge}/face.pdf").status_code == status
        assert client.get(f"{API}/applications/{application}").status_code == status
        assert len(client.get(f"{API}/applications").json()["items"]) == (status == 200)
    assert report(desk, badge, "revoked").status_code == 404
    assert report(desk, badge, "lost").status_code == 200, "a loss is anyone's to report"
