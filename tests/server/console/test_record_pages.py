"""The pages of visits, equipment and handovers: what they say, to whom, in both languages, and that their forms fit the API."""

import re
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from server.operators.permissions import Role
from tests.server.browser import context_of_app, token_client
from tests.server.conftest import ON_SQLITE
from tests.server.equipment.slips.conftest import SlipDepot, slip_depot  # noqa: F401 - the fixture
from tests.server.permits.conftest import desk  # noqa: F401 - the fixture
from tests.server.permits.making import PERSON, Desk, approved, checked_in, checked_out, pooled, ready, submitted
from tests.server.permits.test_visits import passage
from tests.server.rooms.conftest import RoomEdge

pytestmark = ON_SQLITE
PATHS = ("/visits", "/equipment", "/equipment/inventory", "/equipment/path", "/equipment/discrepancies", "/handover")


def shown(client: TestClient, path: str, language: str = "en", expect: int = 200) -> str:
    """A page's text."""
    answer = client.get(path, headers={"Accept": "text/html", "Accept-Language": language})
    assert answer.status_code == expect, answer.text
    return answer.text


def words(text: str) -> str:
    """Without markup."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", text))


def forms(text: str) -> set[str]:
    """Where the page's forms send to, without the ids."""
    return {re.sub(r"[a-z]+_[0-9A-Z]{26}", "*", found) for found in re.findall(r'data-api="([^"]+)"', text)}


def section(text: str, name: str) -> str:
    """What stands under a heading."""
    found = re.search(rf'aria-labelledby="{name}">.*?</section>', text, re.S)
    assert found is not None, f"no section {name}"
    return words(found[0])


@pytest.mark.parametrize("path", PATHS)
def test_an_empty_page_says_so_in_both_languages(app: FastAPI, path: str) -> None:
    client = token_client(app)
    english, chinese = shown(client, path), shown(client, path, "zh")
    assert 'class="empty' in english
    assert 'lang="zh-CN"' in chinese
    assert not re.search(r"<(script|style)>| style=| onclick=", english), "the policy allows nothing inline"
    visible = re.sub(r"<svg.*?</svg>", "", chinese.split("<main", 1)[1].split("</main>", 1)[0], flags=re.S)
    assert not re.findall(r">[^<]*[A-Za-z]{3,} [a-z]{3,}[^<]*<", visible), "an untranslated sentence"


def test_a_role_sees_the_sections_that_it_may_open_and_no_other_answers(app: FastAPI) -> None:
    seen = {
        "guard": "live inside register visits equipment badges customers handover reports system",
        "it_head": "live inside register visits badges customers handover approvals reports system",
        "customer_service": "live inside register visits equipment badges customers approvals reports system",
    }
    for role, wanted in seen.items():
        client = token_client(app, role)  # type: ignore[arg-type]
        found = re.findall(r'<nav class="rail".*?</nav>', shown(client, "/live"), re.S)[0]
        assert re.findall(r'href="/(\w+)"', found) == wanted.split()
        for path in ("visits", "handover"):
            shown(client, f"/{path}", expect=200 if path in wanted else 403)


def test_a_visit_goes_through_its_steps(desk: Desk) -> None:  # noqa: F811
    pooled(desk)
    permit = approved(desk)
    (visit,) = permit["visits"]
    guard, path = desk.client("guard"), f"/visits/{permit['visits'][0]}"
    assert "replace a fan" in section(shown(guard, "/visits"), "expected")

    def now() -> str:
        return words(re.findall(r'data-step="now">(.*?)</h2>', shown(guard, path), re.S)[0]).strip()

    assert now() == "1. ID document"
    desk.post("guard", f"visits/{visit}/document", id_document="id_card", number="9999")
    assert "IT DOES NOT MATCH" in shown(guard, path)
    assert now() == "1. ID document"
    desk.post("guard", f"visits/{visit}/document", id_document="id_card", number="002X")
    assert now() == "2. Declaration, item by item"
    desk.post(
        "guard", f"visits/{visit}/declaration", items={"camera": {"confirmed": False, "note": "has a <b>phone</b>"}}
    )
    text = shown(guard, path)
    assert 'data-confirmed="False"' in text
    assert "has a &lt;b&gt;phone" in text
    assert text.count('type="radio"') == 18
    ready(desk, visit)
    assert now() == "4. Badge, and in"
    assert '<option value="T1">' in shown(guard, path)
    assert forms(shown(desk.client("auditor"), path)) == set(), "who may not check in gets no form"


def test_the_register_and_who_is_inside_say_what_a_lent_badge_is_for(desk: Desk) -> None:  # noqa: F811
    pooled(desk)
    visit = checked_in(desk, approved(desk))
    edge = RoomEdge(context_of_app(desk.app), "edge-1")
    edge.happen(passage(desk, visit, "hall-in"))
    guard = desk.client("guard")
    for path in ("/register", "/inside"):
        assert "replace a fan" in shown(guard, path), path


def test_check_out_witness_and_badge_are_asked_for_until_all_is_closed(desk: Desk) -> None:  # noqa: F811
    pooled(desk)
    visit = checked_in(desk, approved(desk, operates=True))
    guard, path = desk.client("guard"), f"/visits/{visit['id']}"
    assert "T1" in section(shown(guard, "/visits"), "inside")
    assert forms(shown(guard, path)) >= {f"/api/v1/visits/*/{act}" for act in ("check-out", "badge-back", "lend")}
    checked_out(desk, visit, operated=True, badge="lost")
    text = shown(guard, path)
    assert "/api/v1/visits/*/witness" in forms(text)
    assert "signature holds" in text
    assert "The witness has not signed." in section(shown(guard, "/visits"), "overdue")
    desk.post("supervisor", f"visits/{visit['id']}/witness")
    assert "/api/v1/visits/*/witness" not in forms(shown(guard, path))


def test_who_approves_finds_permits_and_emergencies_to_decide(desk: Desk) -> None:  # noqa: F811
    submitted(desk)
    assert "replace a fan" in section(shown(desk.client("customer_service"), "/visits"), "awaiting-customer_service")
    assert "awaiting-" not in shown(desk.client("guard"), "/visits")
    made = desk.post("supervisor", "emergencies", reason="cooling has failed", areas=["hall"])
    supervisor, guard = desk.client("supervisor"), desk.client("guard")
    assert "/api/v1/emergencies" in forms(shown(supervisor, "/visits"))
    assert "/api/v1/emergencies" not in forms(shown(guard, "/visits"))
    assert "cooling has failed" in section(shown(guard, "/visits"), "emergencies")
    path = f"/emergencies/{made['id']}"
    assert forms(shown(guard, path)) == {"/api/v1/emergencies/*/document", "/api/v1/emergencies/*/admit"}
    assert "/api/v1/emergencies/*/withdraw" in forms(shown(supervisor, path))
    assert "抢修" in shown(supervisor, "/visits", "zh")


def test_persons_are_masked_on_every_page(desk: Desk) -> None:  # noqa: F811
    permit = submitted(desk)
    for role in permit["needed"]:
        text = shown(desk.client(role), "/visits")
        assert PERSON["name"] not in text
        desk.post(role, f"permits/{permit['id']}/approve")
    permit = desk.get(f"permits/{permit['id']}")
    for path in ("/visits", f"/visits/{permit['visits'][0]}"):
        text = shown(desk.client("administrator"), path)
        assert PERSON["name"] not in text
        assert PERSON["id_number"] not in text
        assert "徐*" in text


def test_a_slip_shows_where_it_stands_and_offers_what_comes_next(depot: SlipDepot) -> None:
    slip = depot.repair()
    path = f"/equipment/slips/{slip['id']}"
    desks: dict[str, Role] = {
        "submit": "customer_service",
        "reconcile": "customer_service",
        "approve": "supervisor",
        "issue": "customer_service",
    }

    def offered(role: Role) -> set[str]:
        return {found.rpartition("/")[2] for found in forms(shown(depot.client(role), path))}

    assert offered("guard") == set()
    for act, role in desks.items():
        assert act in offered(role), act
        if act == "approve":
            assert "inspections" not in offered("guard")
        depot.act(slip, act, role)
        if act == "reconcile":
            assert offered("guard") == {"inspections"}
            depot.act(slip, "inspections", "guard", 201, result="pass")
    number = depot.get(slip)["number"]
    text = shown(depot.client("guard"), path)
    assert "may leave" in text
    assert f'href="/api/v1/exit-slips/{slip["id"]}/sheet.pdf"' in text
    assert "李*" in text
    assert "李娜" not in text
    listed = shown(depot.client("guard"), "/equipment")
    assert number in listed
    found = depot.client("guard").get(f"/equipment/documents/{number}", headers={"Accept": "text/html"})
    assert found.url.path == path
    depot.act(slip, "cancel", "customer_service", reason="not today")
    assert "the edge has not confirmed yet" in shown(depot.client("guard"), path)
    assert "控制器尚未确认" in shown(depot.client("guard"), path, "zh")


def test_an_order_is_attested_unpacked_and_received(depot: SlipDepot) -> None:
    order = packed_order(depot)
    guard, path = depot.client("guard"), f"/equipment/orders/{order['id']}"
    assert "/api/v1/work-orders/*/unpacked" in forms(shown(guard, path))
    depot.call("POST", f"work-orders/{order['id']}/unpacked", "guard", json={"unpacked": True})
    assert "/api/v1/work-orders/*/unpacked" not in forms(shown(guard, path))
    assert order["number"] in shown(guard, "/equipment")


def packed_order(depot: SlipDepot) -> dict[str, Any]:
    """An approved order with its cartons."""
    made = depot.order({"model": "R760", "serials": ["SN-77"], "rack": "A-01"})
    depot.call("POST", f"work-orders/{made['id']}/submit")
    depot.clock.at = depot.clock.at.replace(day=4, hour=10)
    shown_: dict[str, Any] = depot.call("POST", f"work-orders/{made['id']}/approve")
    return shown_


def test_inventory_paths_and_mistyped_filters(depot: SlipDepot) -> None:
    guard = depot.client("guard")
    text = shown(guard, "/equipment/inventory?customer=C002")
    assert re.findall(r'class="serial" href="[^"]*">([^<]+)<', text) == ["SN-9"]
    assert "OWN-1" in shown(guard, "/equipment/inventory?own=true")
    assert "Nothing of the kind" in shown(guard, "/equipment/inventory?at=2020-01-01")
    wrong = shown(guard, "/equipment/inventory?customer=nobody&rack=A-01")
    assert 'value="nobody"' in wrong
    assert 'value="A-01"' in wrong
    assert 'aria-invalid="true"' in wrong
    assert 'role="alert"' in wrong
    path = words(shown(guard, "/equipment/path?serial=sn-1"))
    assert "SN-1 R750 in the rooms C001" in path
    assert "by import" in path
    assert 'role="alert"' in shown(guard, "/equipment/path?serial=NOWHERE-1")


def test_a_handover_is_explained_signed_and_taken_over(depot: SlipDepot) -> None:
    guard, post = depot.client("guard"), "handovers"
    assert "never tested" in section(shown(guard, "/handover"), "debts")
    assert forms(shown(guard, "/handover")) == {"/api/v1/handovers"}
    assert forms(shown(depot.client("auditor"), "/handover")) == set()
    made = depot.call("POST", post, "guard", 201, json={"note": "key 4 sticks"})
    text = shown(guard, "/handover")
    assert "key 4 sticks" in text
    assert "without one nobody can sign" in text
    items = [int(one) for one in re.findall(r'name="item\.(\d+)"', text)]
    assert len(items) == made["unexplained"] >= 1
    said = {"explanations": [{"items": items, "text": "the cable is being replaced"}]}
    depot.call("POST", f"{post}/{made['id']}/explanations", "guard", json=said)
    text = shown(guard, "/handover")
    assert "the cable is being replaced" in text
    assert "/api/v1/handovers/*/sign" in forms(text)
    assert "/api/v1/handovers/*/sign" not in forms(shown(depot.client("supervisor"), "/handover")), (
        "who opened it signs"
    )
    depot.call("POST", f"{post}/{made['id']}/sign", "guard")
    assert "/api/v1/handovers/*/accept" not in forms(shown(guard, "/handover"))
    assert "/api/v1/handovers/*/accept" in forms(shown(depot.client("supervisor"), "/handover"))
    depot.call("POST", f"{post}/{made['id']}/accept", "supervisor")
    assert "taken over" in section(shown(guard, "/handover"), "history")
    assert "key 4 sticks" in shown(guard, f"/handover/{made['id']}")
