# ruff: noqa: F811 - pytest finds the fixture by its name
"""The pages of badges and applications: the way from the application to the card, what is missing, who may do what, nobody's name in clear."""

import re
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import select

from server.console import applications
from server.db.clock import to_us
from server.fleet.models import Edge, EdgeCommand
from server.personal.fields import write_field
from server.registry.models import Contract, Customer, Holder
from tests.server.badges.conftest import api  # noqa: F401 - the fixture
from tests.server.badges.making import (
    API,
    application,
    approved_badge,
    attach,
    complete_application,
    issued_badge,
    report,
)
from tests.server.browser import context_of_app, token_client
from tests.server.conftest import ON_SQLITE, START
from tests.server.console.test_record_pages import forms, section, shown, words

pytestmark = ON_SQLITE

PATHS = ("/badges", "/badges/to-return", "/applications", "/applications/new")


def named(app: FastAPI, holder: str, name: str) -> None:
    """Give somebody a name."""
    context = context_of_app(app)
    with context.database.write() as session:
        row = session.exec(select(Holder).where(Holder.external_id == holder)).one()
        write_field(context.personal, row, "name", name)
        session.add(row)


def desk(app: FastAPI, name: str = "desk-1", *, online: bool = True) -> None:
    """A desk that is enrolled."""
    with context_of_app(app).database.write() as session:
        session.add(Edge(name=name, role="desk", created_at=START, online=online, public_key=b"k" * 32))


def test_an_empty_page_says_so_in_both_languages(app: FastAPI) -> None:
    client = token_client(app)
    for path in PATHS:
        english, chinese = shown(client, path), shown(client, path, "zh")
        assert 'class="empty' in english, path
        assert not re.search(r"<(script|style)>| style=| onclick=", english), "the policy allows nothing inline"
        visible = re.sub(r"<svg.*?</svg>", "", chinese.split("<main", 1)[1].split("</main>", 1)[0], flags=re.S)
        assert not re.findall(r">[^<]*[A-Za-z]{3,} [a-z]{3,}[^<]*<", visible), f"{path}: an untranslated sentence"


def test_the_way_from_the_application_to_the_card(app: FastAPI, api: TestClient) -> None:
    desk(app)
    service = token_client(app, "customer_service")
    start = shown(service, "/applications/new?q=c001")
    assert 'href="/applications/new?customer=C001"' in start
    assert "Quota 0/2" in words(start)
    form = shown(service, "/applications/new?customer=C001")
    assert forms(form) == {"/api/v1/applications"}
    person = {"name": "欧阳锋", "id_document": "passport", "id_number": "E12345678"}
    made = service.post(
        f"{API}/applications",
        json={"customer": "C001", "person": person, "kind": "new", "purpose": "maintenance", "consent": True},
    ).json()
    path = f"/applications/{made['id']}"
    assert (
        _steps(shown(service, path))
        == "applied:done papers:now approved:later card:later in_force:later declared:later"
    )
    assert "missing: Photo, Copy of the ID document, Letter of introduction" in words(shown(service, path))
    assert "Photo" in section(shown(service, "/applications"), "incomplete")
    for part in made["missing"]:
        attach(service, made["id"], part)
    ready = shown(service, path)
    assert _steps(ready).startswith("applied:done papers:done approved:now")
    assert "/api/v1/applications/*/approve" in forms(ready)
    assert "欧*" in section(shown(service, "/applications"), "complete"), "masked"
    badge = service.post(f"{API}/applications/{made['id']}/approve").json()["badge"]
    text = shown(service, path)
    assert "Quota 1/2" in words(text)
    assert forms(text) == {"/api/v1/badges/*/encode", "/api/v1/badges/*/issue"}
    assert 'name="edge" value="desk-1"' in text, "the only desk is chosen"
    assert 'name="number" class="form-control scan" value="M1001"' in text
    assert path in shown(service, "/applications"), "it waits for its card"
    issued = service.post(
        f"{API}/badges/{badge}/issue", json={"number": "M1001", "card": {"technology": "desfire", "number": "M1001"}}
    )
    assert issued.json()["status"] == "active"
    assert _steps(shown(service, path)) == "applied:done papers:done approved:done card:done in_force:done declared:now"
    assert "M1001" in section(shown(service, "/applications"), "undeclared")
    service.post(f"{API}/holders/{made['holder']}/declaration", json={"signed": True})
    assert _steps(shown(service, path)).endswith("declared:done")
    assert "欧阳锋" not in shown(service, path) + shown(service, f"/badges/{badge}") + shown(service, "/badges")


def test_a_full_quota_is_said_with_what_to_do_before_anything_is_typed(app: FastAPI, api: TestClient) -> None:
    service = token_client(app, "customer_service")
    issued_badge(api, "li", "M1001")
    issued_badge(api, "wang", "M1002")
    text = words(shown(service, "/applications/new?customer=C001"))
    assert "Quota 2/2" in text
    assert "The quota is full: 2 of 2 places are taken." in text
    assert "M1001 ·" in text
    third = complete_application(api, "chen")
    assert "The quota is full" in shown(service, f"/applications/{third['id']}")
    assert "the quota is full" in section(shown(service, "/applications"), "complete")
    assert "get no badge of their own" in shown(service, "/applications/new?customer=C009"), "a supplier has no places"


def test_a_contract_that_does_not_carry_a_badge_is_said_at_the_first_step(app: FastAPI, api: TestClient) -> None:
    with context_of_app(app).database.write() as session:
        owner = session.exec(select(Customer).where(Customer.code == "C001")).one()
        contract = session.exec(select(Contract).where(Contract.customer_id == owner.id)).one()
        contract.status = "draft"
        session.add(contract)
    service = token_client(app, "customer_service")
    for path in ("/applications/new?q=C001", "/applications/new?customer=C001"):
        assert "is not signed" in words(shown(service, path))


def test_the_desk_is_chosen_by_hand_where_there_are_two_and_said_where_none_answers(
    app: FastAPI,
    api: TestClient,
) -> None:
    badge = approved_badge(api, "li")
    service = token_client(app, "customer_service")
    assert "There is no desk where cards are written." in shown(service, f"/badges/{badge}")
    desk(app, "desk-1", online=False)
    assert "No desk is connected" in shown(service, f"/badges/{badge}")
    desk(app, "desk-2")
    text = shown(service, f"/badges/{badge}")
    assert '<select name="edge"' in text
    assert "choose the desk that you stand at" in text
    assert "No desk is connected" not in text


ENDINGS = (
    ("waiting", "asked", None),
    ("no_session", "no_session", None),
    ("expired", "expired", None),
    ("done", "not_bound", None),
    ("refused", "refused", '{"reason": "NO_CARD", "rule": "B1", "inputs": {}}'),
)


def test_the_writing_of_a_card_is_told_as_the_desk_told_it(app: FastAPI, api: TestClient) -> None:
    desk(app)
    badge = approved_badge(api, "li")
    command = api.post(f"{API}/badges/{badge}/encode", json={"edge": "desk-1", "number": "M7"}).json()["command_id"]
    for state, told, because in ENDINGS:
        with context_of_app(app).database.write() as session:
            row = session.exec(select(EdgeCommand)).one()
            row.state, row.because = state, because
            session.add(row)
        answer = api.get(f"/badges/encodings/{command}").json()
        assert (answer["state"], answer["number"], answer["desk"]) == (told, "M7", "desk-1")
        assert bool(answer["text"]) is (because is not None)
        text = shown(api, f"/badges/{badge}")
        assert (f'data-command="{command}"' in text) is (state == "waiting"), (
            "a page that is opened anew goes on waiting"
        )
    assert token_client(app, "guard").get(f"/badges/encodings/{command}").status_code == 403


def test_badges_are_found_by_number_customer_holder_and_standing(app: FastAPI, api: TestClient) -> None:
    named(app, "li", "李娜")
    first, second = issued_badge(api, "li", "M1001"), issued_badge(api, "sun", "M2001")
    report(api, second["id"], "lost", "on the train")

    def found(query: str) -> list[str]:
        return re.findall(r'<li class="row-card" data-badge="(\w+)"', shown(api, f"/badges?{query}"))

    assert found("") == [second["id"], first["id"]]
    assert found("q=m10") == [first["id"]]
    assert found("q=c002") == [second["id"]]
    assert found("q=Name+of+C001") == [first["id"]]
    assert found("q=%25") == []
    assert found("standing=lost") == [second["id"]]
    assert found("standing=nonsense&kind=staff") == []
    assert found("customer=C001") == [first["id"]]


def looks_of(client: TestClient) -> list[tuple[list[str], str]]:
    """What is on record as looked at, the oldest first."""
    return [(look["fields"], look["subject"]) for look in client.get(f"{API}/personal/looks").json()["items"]]


def test_a_holder_is_found_by_the_whole_name_which_stands_in_no_address_and_looked_at_once(
    app: FastAPI, api: TestClient
) -> None:
    named(app, "li", "李娜")
    first, _ = issued_badge(api, "li", "M1001"), issued_badge(api, "sun", "M2001")

    def sought(client: TestClient, name: str) -> str:
        answer = client.post(
            "/badges/persons", data={"holder": name}, headers={"Accept": "text/html", "Accept-Language": "en"}
        )
        assert answer.status_code == 200, answer.text
        return answer.text

    text = sought(api, "李 娜")
    assert re.findall(r'<li class="row-card" data-badge="(\w+)"', text) == [first["id"]], "however it is spaced"
    assert "李娜" not in text
    assert "data-fresh" not in text, "a page that is fetched again would look again"
    assert looks_of(api) == [(["name"], "holder")]
    assert "No badge is like that." in sought(api, "李")
    assert len(looks_of(api)) == 2
    for _ in range(2):
        shown(api, "/badges?holder=%E6%9D%8E%E5%A8%9C")
        assert api.get("/badges/persons", headers={"Accept": "text/html", "X-Refresh": "1"}).url.path == "/badges"
    assert len(looks_of(api)) == 2, "an address searches nothing"
    auditor = token_client(app, "auditor")
    assert 'name="holder"' not in shown(auditor, "/badges")
    assert 'role="alert"' in sought(auditor, "李娜")
    assert "M1001" not in sought(auditor, "李娜")


def test_every_standing_is_found_as_it_is_shown(app: FastAPI, api: TestClient) -> None:
    approved_badge(api, "li")
    issued_badge(api, "sun", "M1", until="2026-03-05T00:00:00Z")
    report(api, issued_badge(api, "zhao", "M2")["id"], "lost")
    report(api, issued_badge(api, "guo", "M3")["id"], "suspended", "why")
    report(api, issued_badge(api, "wang", "M4")["id"], "returned")
    context = context_of_app(app)
    for days in (0, 10):
        context.clock.advance(timedelta(days=days))  # type: ignore[attr-defined] # the tests' clock
        api = token_client(app)
        every = api.get(f"{API}/badges").json()["items"]
        for standing in {one["standing"] for one in every}:
            like = api.get(f"{API}/badges", params={"standing": standing}).json()["items"]
            assert {one["id"] for one in like} == {one["id"] for one in every if one["standing"] == standing}


def test_what_can_be_done_is_what_the_table_and_the_role_leave(app: FastAPI, api: TestClient) -> None:
    made = issued_badge(api, "li", "M1001")
    path = f"/badges/{made['id']}"

    def acts(client: TestClient) -> set[str]:
        return set(
            re.findall(
                r'data-(?:report|act)="(lost|suspended|active|returned|revoked|reissue|transfer)"', shown(client, path)
            )
        )

    service, guard, auditor = (token_client(app, role) for role in ("customer_service", "guard", "auditor"))  # type: ignore[arg-type]
    assert acts(guard) == {"lost", "suspended", "returned"}
    assert acts(service) == {"lost", "suspended", "returned", "revoked", "transfer"}
    assert acts(auditor) == set()
    assert forms(shown(auditor, path)) == set()
    report(api, made["id"], "lost", "stolen")
    assert acts(service) == {"active", "returned", "reissue"}, "deregistered only with the letter that states the loss"
    assert "hand it in here" in section(shown(service, path), "acts")
    attach(api, made["application"], "loss_letter")
    assert "revoked" in acts(service)
    assert "stolen" in section(shown(guard, path), "history")


def test_a_re_issue_begins_at_the_lost_badge_with_its_holder(app: FastAPI, api: TestClient) -> None:
    named(app, "li", "李娜")
    lost = issued_badge(api, "li", "M1001")
    report(api, lost["id"], "lost")
    service = token_client(app, "customer_service")
    text = shown(service, f"/applications/new?kind=reissue&replaces={lost['id']}")
    assert re.search(r'name="kind" value="reissue" checked', text)
    assert re.search(rf'name="replaces" value="{lost["id"]}"[^>]* checked', text)
    assert re.search(r'name="holder" value="hol_li" checked', text)
    assert re.search(r'name="kind" value="transfer" disabled', text), "nothing is there to pass on"
    made = application(api, "li", kind="reissue", replaces=lost["id"]).json()
    assert "Letter that states the loss" in shown(service, f"/applications/{made['id']}")
    assert f"/applications/{made['id']}" in shown(service, f"/badges/{lost['id']}"), "no second one is begun"
    assert 'data-act="reissue"' not in shown(service, f"/badges/{lost['id']}")


def test_a_re_issue_names_the_edge_that_it_waits_for_and_until_when(app: FastAPI, api: TestClient) -> None:
    lease_until = START + timedelta(hours=3)
    with context_of_app(app).database.write() as session:
        until_us = to_us(lease_until)
        session.add(Edge(name="edge-7", created_at=START, public_key=b"k" * 32, lease_customer_until_us=until_us))
    lost = issued_badge(api, "li", "M1001")
    report(api, lost["id"], "lost")
    new = issued_badge(api, "li", "M1003", kind="reissue", replaces=lost["id"])
    assert new["status"] == "issued"
    for path in (f"/badges/{new['id']}", f"/applications/{new['application']}"):
        text = words(shown(api, path))
        assert "edge-7 has not confirmed; at the latest its lease ends it on 03-02 19:00:00" in text
    assert "in_force:now" in _steps(shown(api, f"/applications/{new['application']}"))
    assert "edge-7" in section(shown(api, "/applications"), "awaiting")


def test_badges_to_be_returned_say_why_and_since_when(app: FastAPI, api: TestClient) -> None:
    lost = issued_badge(api, "li", "M1001")
    report(api, lost["id"], "lost")
    gone = issued_badge(api, "sun", "M2001")
    report(api, gone["id"], "revoked", "left")
    issued_badge(api, "wang", "M1002")
    rows = {one["badge"]["number"]: one for one in api.get(f"{API}/badges/to-be-returned").json()["items"]}
    assert {number: row["why"] for number, row in rows.items()} == {"M1001": "lost", "M2001": "revoked"}
    assert all(row["since"].startswith("2026-03-02T08:00:00") for row in rows.values())
    text = shown(token_client(app, "guard"), "/badges/to-return")
    assert "deregistered, the card is still out" in text
    assert "2026-03-02" in text
    assert re.findall(r'<tr data-badge="(\w+)" data-why="(\w+)"', text) == [
        (lost["id"], "lost"),
        (gone["id"], "revoked"),
    ]
    assert text.count('data-report="returned"') == 2
    assert text.count('data-report="lost"') == 0


def test_a_new_person_is_put_on_file_with_the_application_or_not_at_all(app: FastAPI, api: TestClient) -> None:
    def applied(**given: Any) -> tuple[int, str, str | None]:
        answer = api.post(f"{API}/applications", json={"purpose": "work", "consent": True} | given)
        told = answer.json()
        return answer.status_code, told.get("code", ""), told.get("field")

    person = {"name": "王五", "id_document": "id_card", "id_number": "11010519491231002X"}
    assert applied() == (422, "invalid_input", "holder")
    assert applied(holder="li", person=person) == (422, "invalid_input", "holder")
    assert applied(person=person) == (422, "invalid_input", "customer")
    assert applied(customer="C001", person=person | {"id_number": "12"}) == (422, "invalid_input", "person.id_number")
    before = len(api.get(f"{API}/holders").json()["items"])
    assert applied(customer="C001", person=person, schedule="never")[0] == 422
    assert applied(customer="C001", person=person, kind="reissue") == (422, "invalid_input", "replaces")
    assert len(api.get(f"{API}/holders").json()["items"]) == before, "what is refused puts nobody on file"
    assert applied(customer="C001", person=person)[0] == 201
    assert applied(customer="C001", person=person | {"id_number": "11010519491231002x"}) == (
        409,
        "person_on_file",
        "person.id_number",
    ), "two files of one person would make a pair of them"
    wrong = api.post(
        f"{API}/applications",
        json={
            "purpose": "work",
            "consent": True,
            "customer": "C002",
            "person": person | {"id_number": "110105194912310021"},
        },
    )
    assert [one["field"] for one in wrong.json()["warnings"]] == ["person.id_number"], "taken, and said"


def test_another_departments_badge_is_seen_and_reported_and_nothing_else(app: FastAPI, api: TestClient) -> None:
    made = issued_badge(api, "li", "M1001")
    with context_of_app(app).database.write() as session:
        owner = session.exec(select(Customer).where(Customer.code == "C001")).one()
        owner.department = "elsewhere"
        session.add(owner)
    service = token_client(app, "customer_service")
    text = shown(service, f"/badges/{made['id']}")
    assert "belongs to another department" in words(text)
    assert set(re.findall(r'data-report="(\w+)"', text)) == {"lost", "suspended", "returned"}
    assert "data-look" not in text
    for page in (text, shown(service, "/badges")):
        assert "C001" in words(page), "whose it is"
        assert 'href="/customers/C001"' not in page, "the file does not open"
        assert 'class="quota"' not in page
    assert 'href="/customers/C001"' in shown(token_client(app, "supervisor"), f"/badges/{made['id']}")
    assert 'data-customer="C001"' not in shown(service, "/applications/new?q=C001")
    assert 'role="alert"' in shown(service, "/applications/new?customer=C001")


def _steps(text: str) -> str:
    found = re.findall(r'<li data-step="(\w+)" data-state="(\w+)"', text)
    return " ".join(f"{step}:{state}" for step, state in found)


def test_what_was_decided_or_is_to_be_issued_for_another_departments_customer_is_not_listed(
    app: FastAPI, api: TestClient
) -> None:
    with context_of_app(app).database.write() as session:
        owner = session.exec(select(Customer).where(Customer.code == "C002")).one()
        owner.department = "finance"
        session.add(owner)
    for holder in ("li", "sun"):
        approved_badge(api, holder)
    assert "C002" in section(shown(api, "/applications?every=true"), "decided")
    service = token_client(app, "customer_service")
    decided = section(shown(service, "/applications?every=true"), "decided")
    assert "C001" in decided
    assert not re.search(r"\bC002\b", decided)  # an id may hold it by chance
    waiting = section(shown(service, "/applications"), "to-issue")
    assert "C001" in waiting
    assert not re.search(r"\bC002\b", waiting), "whose card this department does not write"


def test_more_people_than_are_listed_is_said_and_the_chosen_one_is_among_them(
    app: FastAPI, api: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applications, "PEOPLE", 1)
    text = shown(api, "/applications/new?customer=C001&holder=hol_li")
    assert re.findall(r'name="holder" value="(\w+)"( checked)?', text) == [("hol_li", " checked")]
    assert "Only the newest 1 people are listed." in text
    assert "are listed" not in shown(api, "/applications/new?customer=C002")
