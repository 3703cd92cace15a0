"""The pages of permits, temporary badges and violations: what they say, to whom, and that their forms fit the API."""

import html
import re

import pytest
from fastapi import FastAPI

from server.permits.models import TemporaryCard
from tests.server.browser import context_of_app, token_client
from tests.server.conftest import ON_SQLITE, START
from tests.server.console.test_record_pages import forms, section, shown, words
from tests.server.permits.conftest import desk  # noqa: F401 - the fixture
from tests.server.permits.making import PERSON, Desk, approved, checked_in, draft, pooled, submitted
from tests.server.shift.conftest import Shift, shift  # noqa: F401 - the fixture

pytestmark = ON_SQLITE


@pytest.mark.parametrize("path", ["/permits", "/visits/cards", "/violations"])
def test_an_empty_list_says_so_and_offers_what_comes_first(app: FastAPI, path: str) -> None:
    client = token_client(app)
    assert 'class="empty' in shown(client, path)
    assert 'lang="zh-CN"' in shown(client, path, "zh")


def test_a_draft_says_step_by_step_what_it_lacks_until_it_can_be_handed_in(desk: Desk) -> None:  # noqa: F811
    made = draft(desk)
    service, path, base = desk.client("customer_service"), f"/permits/{made['id']}", f"permits/{made['id']}"
    text = shown(service, path)
    lacks = html.unescape(section(text, "papers"))
    assert "the customer's letter" in lacks
    assert "徐* : the copy of the ID document" in lacks
    assert "/api/v1/permits/*/submit" not in forms(text), "what cannot be handed in has no button for it"
    assert {"/api/v1/permits/*", "/api/v1/permits/*/persons", "/api/v1/permits/*/letter"} <= forms(text)
    assert PERSON["name"] not in text
    assert PERSON["id_number"] not in text
    desk.put("customer_service", f"{base}/letter")
    desk.put("customer_service", f"{base}/persons/{made['persons'][0]['id']}/id-copy")
    assert "/api/v1/permits/*/submit" in forms(shown(service, path))
    assert forms(shown(desk.client("guard"), path)) == set(), "a guard drafts nothing"


def test_a_permit_is_approved_by_whom_it_awaits_and_by_two_people(desk: Desk) -> None:  # noqa: F811
    made = submitted(desk, areas=["hall"], operates=True)
    path = f"/permits/{made['id']}"
    for role in ("customer_service", "it_head"):
        text = shown(desk.client(role), path)
        assert {"/api/v1/permits/*/approve", "/api/v1/permits/*/refuse"} <= forms(text)
        assert f'name="as" value="{role}"' in text
    assert "/api/v1/permits/*/approve" not in forms(shown(desk.client("guard"), path))
    administrator = desk.client("administrator")
    desk.post("administrator", f"permits/{made['id']}/approve", **{"as": "customer_service"})
    text = shown(administrator, path)
    assert "/api/v1/permits/*/approve" not in forms(text)
    assert "somebody else" in section(text, "approvals")
    assert "IT head" in section(shown(desk.client("guard"), "/permits?awaiting=it_head"), "permits")
    assert "No permit is like this." in section(
        shown(desk.client("guard"), "/permits?awaiting=customer_service"), "permits"
    )


def test_an_approved_permit_has_its_number_for_the_entrance_and_lists_its_visits(desk: Desk) -> None:  # noqa: F811
    pooled(desk)
    made = approved(desk)
    path, code = f"/permits/{made['id']}", made["id"][-8:]
    text = shown(desk.client("guard"), path)
    assert f"{code[:4]}-{code[4:]}" in section(text, "entrance")
    svg = desk.client("guard").get(f"{path}/code.svg")
    assert svg.headers["content-type"] == "image/svg+xml"
    assert "/api/v1/permits/*/visits" not in forms(text), "they are expected already"
    visit = checked_in(desk, made)
    desk.post("guard", f"visits/{visit['id']}/check-out", content="done", operations="none", badge="returned")
    text = shown(desk.client("guard"), path)
    assert "/api/v1/permits/*/visits" in forms(text), "somebody comes again"
    assert "done" in section(text, "under")
    desk.post("customer_service", f"permits/{made['id']}/end", reason="the job is finished")
    assert "the job is finished" in words(shown(desk.client("guard"), path))


def test_the_form_of_a_permit_offers_what_may_be_asked_for_and_says_its_limits(desk: Desk) -> None:  # noqa: F811
    text = shown(desk.client("customer_service"), "/permits/new")
    assert '<option value="C001">' in text
    assert "at most 31 days" in text
    assert "at most 366 days" in text
    assert "turned away at the desk" in text
    assert "approved by Customer service + IT head" in words(text)
    made = draft(desk, reason="<b>again</b>", level="vip")
    text = shown(desk.client("customer_service"), f"/permits/new?like={made['id']}")
    assert "&lt;b&gt;again" in text
    assert 'value="vip" checked' in text
    shown(desk.client("guard"), "/permits/new", expect=403)


def test_who_came_before_is_offered_to_the_next_permit_of_the_same_customer_only(desk: Desk) -> None:  # noqa: F811
    submitted(desk)
    other = {"name": "王五", "id_document": "passport", "id_number": "E12345678"}
    again = draft(desk, persons=[other])
    text = section(shown(desk.client("customer_service"), f"/permits/{again['id']}"), "persons")
    assert "徐*" in text
    assert "Somebody who came before" in text
    guests = draft(desk, customer=None, persons=[other])
    assert "徐*" not in section(shown(desk.client("customer_service"), f"/permits/{guests['id']}"), "persons")


def test_the_pool_says_who_has_a_card_since_when(desk: Desk) -> None:  # noqa: F811
    pooled(desk)
    pooled(desk, "T2")
    checked_in(desk, approved(desk))
    text = shown(desk.client("customer_service"), "/visits/cards")
    assert "徐*" in section(text, "pool")
    assert "in the cabinet 1" in words(text)
    assert {"/api/v1/temporary-badges", "/api/v1/temporary-badges/*"} <= forms(text)
    lent = shown(desk.client("guard"), "/visits/cards?state=lent")
    assert "T2" not in section(lent, "pool")
    assert forms(lent) == set(), "a guard lends cards and does not manage them"


def test_a_pool_beyond_the_first_thousand_cards_is_counted_whole(desk: Desk) -> None:  # noqa: F811
    with context_of_app(desk.app).database.write() as session:
        for n in range(1_002):
            retired_at = None if n % 2 else START
            session.add(
                TemporaryCard(
                    public_id=f"tmc_{n}", number=f"T{n}", technology="uid", credential=n.to_bytes(32, "big"), made_at=START, made_by="opr_1",
                    retired_at=retired_at,
                )
            )  # fmt: skip
    text = words(shown(desk.client("customer_service"), "/visits/cards"))
    assert "every 1002" in text
    assert "in the cabinet 501" in text


def test_a_violation_is_written_down_handled_and_its_badge_given_back(shift: Shift) -> None:  # noqa: F811
    guard, service = shift.client("guard"), shift.client("customer_service")
    shift.badge("M7")
    text = shown(guard, "/violations/new?badge=M7&event=1")
    (holder,) = re.findall(r'name="holder" value="([^"]+)"', text)
    assert "?event=1" in text
    assert "No badge has the number nobody" in shown(guard, "/violations/new?badge=nobody")
    made = shift.post("violations", "guard", 201, kind="smoking", description="<i>smoked</i>", holder=holder)
    path = f"/violations/{made['id']}"
    text = shown(guard, path)
    assert "&lt;i&gt;smoked" in text
    assert "/api/v1/violations/*/suspend" in forms(text)
    assert "/api/v1/violations/*/handle" not in forms(text), "a guard does not decide what follows"
    assert "Smoked" in section(shown(guard, "/violations"), "violations")
    shift.post(f"violations/{made['id']}/suspend", "guard")
    assert "Badge M7 stands suspended" in words(shown(guard, path))
    assert {"/api/v1/violations/*/handle", "/api/v1/violations/*/lift"} <= forms(shown(service, path))
    shift.post(f"violations/{made['id']}/handle", "customer_service", handling="suspended")
    shift.post(f"violations/{made['id']}/lift", "customer_service", reason="was told")
    text = shown(service, path)
    assert "given back by" in section(text, "badges")
    assert "/api/v1/violations/*/reopen" in forms(text)
    assert "No violation" in section(shown(guard, "/violations?status=reopened"), "violations")
    assert "Every violation has been handled." in section(shown(guard, "/violations"), "violations")
    assert "Smoked" in section(shown(guard, "/violations?status=handled"), "violations")
