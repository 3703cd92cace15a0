"""The page of approvals: what waits for whom, oldest first, said in advance what the server would refuse."""

import re
from datetime import timedelta
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import event

from server.console.approval_cards import count_waiting
from server.db.clock import FixedClock
from server.operators.actor import Actor
from server.operators.permissions import Role
from tests.server.badges.making import approved_badge, complete_application
from tests.server.browser import administrator
from tests.server.conftest import ON_SQLITE, START
from tests.server.console.test_record_pages import forms, shown, words
from tests.server.equipment.slips.conftest import R750, SlipDepot, slip_depot  # noqa: F401 - the fixture
from tests.server.operators.people import person
from tests.server.permits.conftest import desk  # noqa: F401 - the fixture
from tests.server.permits.making import Desk, submitted

pytestmark = ON_SQLITE


def cards(text: str) -> list[tuple[str, str]]:
    """(kind, its words) of each card that one may decide, in the page's order."""
    mine = text.split('class="elsewhere"')[0]
    return [
        (kind, words(body))
        for kind, body in re.findall(r'<li class="verdict panel"[^>]*data-kind="(\w+)">(.*?)\n</li>', mine, re.S)
    ]


def kinds(client: TestClient) -> list[str]:
    """What kinds of cards one may decide."""
    return [kind for kind, _ in cards(shown(client, "/approvals"))]


def test_who_has_nothing_to_decide_is_told_so_who_approves_nothing_is_refused_and_words_of_others_are_escaped(
    depot: SlipDepot,
) -> None:
    text = shown(depot.client("supervisor"), "/approvals")
    assert "Nothing waits for you." in text
    assert "没有待您审批的事项" in shown(depot.client("supervisor"), "/approvals", "zh")
    for role in ("guard", "auditor"):
        shown(depot.client(role), "/approvals", expect=403)
    depot.inspected(depot.draft({"model": "R750", "serials": ["SN-2"]}, purpose="<script>alert(1)</script>"))
    page = shown(depot.client("supervisor"), "/approvals")
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_an_inspected_slip_waits_for_its_approver_and_not_for_who_wrote_it(depot: SlipDepot) -> None:
    slip = depot.inspected(depot.draft())
    supervisor, writer = depot.client("supervisor"), depot.client("customer_service")
    [(kind, text)] = cards(shown(supervisor, "/approvals"))
    assert kind == "slip"
    for fact in ("C001", "moves out", "1 × R750 SN-1", "test-guard", "test-customer_service"):
        assert fact in text
    assert {f"/api/v1/exit-slips/*/{act}" for act in ("approve", "refuse")} <= forms(shown(supervisor, "/approvals"))
    own = shown(writer, "/approvals")
    assert cards(own) == []
    assert "You wrote or changed this." in own
    assert forms(own) == set(), "who wrote it gets no button"
    assert kinds(depot.client("equipment_head")) == [], "a customer's slip is not the equipment head's"
    depot.act(slip, "approve", "supervisor")
    assert kinds(supervisor) == []


def test_a_page_that_stays_open_asks_for_the_numbers_of_the_rail_alone(depot: SlipDepot) -> None:
    supervisor = depot.client("supervisor")
    assert 'class="mark-count"' not in shown(supervisor, "/live/marks")
    depot.inspected(depot.draft())
    rail = shown(supervisor, "/live/marks")
    assert re.search(r'data-go="a"[^>]*>.*?<b class="mark-count">1</b></a>', rail, re.S)
    assert "<main" not in rail
    assert 'class="mark-count"' not in shown(depot.client("customer_service"), "/live/marks"), "it waits for others"


def test_the_sites_own_waits_for_the_equipment_head_and_says_what_is_missing(depot: SlipDepot) -> None:
    depot.inspected(
        depot.draft({"model": "NAS", "serials": ["OWN-1"], "storage": True}, kind="site", role="administrator")
    )
    assert "slip" not in kinds(depot.client("supervisor"))
    [(_, text)] = cards(shown(depot.client("equipment_head"), "/approvals"))
    assert "It cannot be approved as it stands" in text
    assert "backed up and erased" in text


def test_a_late_order_waits_for_a_supervisor_first_and_then_for_approval(depot: SlipDepot) -> None:
    order = depot.call("POST", "work-orders", "customer_service", 201, json={
        "customer": "C001", "planned_from": "2026-03-01", "planned_until": "2026-03-06", "lines": [{"model": "R750", "serials": ["NEW-1"]}],
    })  # fmt: skip
    path = f"work-orders/{order['id']}"
    depot.call("POST", f"{path}/submit", "customer_service", json={"exception_reason": "the disk array has failed"})
    assert kinds(depot.client("customer_service")) == [], "it is not approved before the exception is"
    [(kind, text)] = cards(shown(depot.client("supervisor"), "/approvals"))
    assert kind == "exception"
    assert "the disk array has failed" in text
    assert "未提前提交的开工单" in shown(depot.client("supervisor"), "/approvals", "zh")
    depot.call("POST", f"{path}/approve-exception", "supervisor")
    assert kinds(depot.client("supervisor")) == ["order"]
    assert kinds(depot.client("customer_service")) == ["order"]


def test_what_the_server_would_refuse_is_said_on_the_card_which_then_has_no_approve(depot: SlipDepot) -> None:
    client, supervisor = depot.client(), depot.client("supervisor")
    late = complete_application(client, "li", until="2026-03-02T12:00:00Z")
    order = depot.order({"model": "R750", "serials": ["NEW-1"]})
    depot.call("POST", f"work-orders/{order['id']}/submit")

    def refused_on_the_card(kind: str, path: str) -> str:
        """What the card says, which is what the call then says."""
        page = shown(supervisor, "/approvals")
        [text] = [text for found, text in cards(page) if found == kind]
        said: str = supervisor.post(f"/api/v1/{path}/approve", json={}).json()["detail"]
        assert f"it cannot be approved as it stands: {re.sub('^[a-z]+: ', '', said)}".lower() in text.lower()
        assert re.sub(r"[^/]+$", "*", path) + "/approve" not in " ".join(forms(page))
        return said

    depot.clock.at = START + timedelta(hours=5)
    assert "expired" in refused_on_the_card("application", f"applications/{late['id']}")
    depot.call("POST", f"applications/{late['id']}/refuse", json={"reason": "too late"})
    for _ in range(2):
        approved_badge(client, "li")
    third = complete_application(client, "li")
    assert "may hold 2 badges" in refused_on_the_card("application", f"applications/{third['id']}")
    depot.call("POST", f"contracts/{order['contract']}/suspend", json={"reason": "not paid"})
    assert "is not in force" in refused_on_the_card("order", f"work-orders/{order['id']}")


def test_the_oldest_comes_first_across_kinds(depot: SlipDepot) -> None:
    acts = [{"act": "out", "device": "SN-3"}]
    depot.call("POST", "inventory/corrections", expect=201, json={"acts": acts, "reason": "not found in the rack"})
    depot.clock.at = START + timedelta(hours=20)
    depot.inspected(depot.draft())
    depot.clock.at = START + timedelta(hours=50)
    depot.call(
        "POST",
        "inventory/corrections",
        "administrator",
        201,
        json={"acts": [{"act": "out", "device": "SN-4"}], "reason": "gone"},
    )
    found = cards(shown(depot.client("supervisor"), "/approvals"))
    assert [kind for kind, _ in found] == ["correction", "slip", "correction"]
    assert "not found in the rack" in found[0][1]
    assert "waits for 2 days" in found[0][1]
    assert "You wrote this." in shown(depot.client("administrator"), "/approvals")


def test_permits_and_emergencies_wait_and_a_part_in_them_is_said(desk: Desk) -> None:  # noqa: F811
    permit = submitted(desk, operates=True)
    assert kinds(desk.client("customer_service")) == ["permit"]
    [(_, text)] = cards(shown(desk.client("customer_service"), "/approvals"))
    assert "replace a fan" in text
    assert "徐*" in text
    desk.post("administrator", f"permits/{permit['id']}/approve", **{"as": "customer_service"})
    assert kinds(desk.client("customer_service")) == []
    assert kinds(desk.client("it_head")) == ["permit"]
    own = shown(desk.client("administrator"), "/approvals")
    assert cards(own) == []
    assert "You had your part in this already." in own
    assert "/api/v1/emergencies" in forms(shown(desk.client("supervisor"), "/approvals"))
    assert "/api/v1/emergencies" not in forms(shown(desk.client("it_head"), "/approvals"))


def test_a_permit_whose_window_is_over_says_so_and_has_no_approve(desk: Desk, clock: FixedClock) -> None:  # noqa: F811
    submitted(desk, **{"from": "2026-03-02T09:00:00Z", "until": "2026-03-02T10:00:00Z"})
    assert "/api/v1/permits/*/approve" in forms(shown(desk.client("customer_service"), "/approvals"))
    clock.advance(timedelta(hours=3))
    page = shown(desk.client("customer_service"), "/approvals")
    [(_, text)] = cards(page)
    assert "It cannot be approved as it stands: The permit" in text
    assert {one for one in forms(page) if "/permits/" in one} == {"/api/v1/permits/*/refuse"}


def test_the_rails_count_is_what_the_page_lists(depot: SlipDepot) -> None:
    depot.inspected(depot.draft())
    depot.inspected(depot.draft({"model": "R750", "serials": ["SN-2"]}, role="supervisor"))
    depot.call(
        "POST",
        "inventory/corrections",
        "supervisor",
        201,
        json={"acts": [{"act": "out", "device": "SN-3"}], "reason": "gone"},
    )
    order = depot.order({"model": "R750", "serials": ["NEW-1"]})
    depot.call("POST", f"work-orders/{order['id']}/submit")
    wanted: dict[Role, int] = {"supervisor": 2, "customer_service": 2, "administrator": 4, "equipment_head": 0}
    for role, count in wanted.items():
        client: Any = depot.client(role)
        assert len(kinds(client)) == count, role
        name = re.search(r'data-operator="([^"]+)"', shown(client, "/approvals"))
        assert name is not None
        with depot.context.database.read() as session:
            assert count_waiting(session, depot.context, Actor("token", name[1], "", role)) == count, role


def test_a_longer_queue_costs_the_page_and_the_rail_no_more_statements(depot: SlipDepot) -> None:
    supervisor = depot.client("supervisor")

    def wait_for_word(serial: str) -> None:
        depot.inspected(depot.draft({"model": "R750", "serials": [serial]}))
        acts = [{"act": "out", "device": serial}]
        depot.call("POST", "inventory/corrections", expect=201, json={"acts": acts, "reason": "gone"})
        order = depot.order({"model": "R750", "serials": [f"NEW-{serial}"]})
        depot.call("POST", f"work-orders/{order['id']}/submit")

    def asked_for(path: str) -> int:
        shown(supervisor, path)  # what is read once per process is read
        asked: list[str] = []
        engine = depot.context.database.engine

        def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
            asked.append(statement)

        event.listen(engine, "before_cursor_execute", note)
        shown(supervisor, path)
        event.remove(engine, "before_cursor_execute", note)
        return len(asked)

    wait_for_word("SN-1")
    before = {path: asked_for(path) for path in ("/approvals", "/reports")}
    wait_for_word("SN-2")
    wait_for_word("SN-3")
    assert len(kinds(supervisor)) == 9
    longer = {path: asked_for(path) for path in before}
    assert longer["/reports"] == before["/reports"]
    assert longer["/approvals"] <= before["/approvals"] + 2, (
        "what an import would change is read when it is shown: one each"
    )


def test_what_management_authorises_waits_for_who_may_authorise_it_and_is_counted_in_the_rail(
    app: FastAPI, clock: FixedClock
) -> None:
    admin, boss = administrator(app), person(app, "boss", "supervisor")
    asked = admin.post("/api/v1/approvals", json={"kind": "restore", "subject": "backup 12", "reason": "disk lost"})
    assert asked.status_code == 201, asked.text
    clock.at += timedelta(minutes=1)
    second = {"username": "second", "name": "Zhou", "role": "administrator", "reason": "night shift"}
    assert admin.post("/api/v1/operators", json=second).status_code == 202
    text = shown(boss, "/approvals")
    [(kind, restore), (_, account)] = cards(text)
    assert kind == "authority"
    for fact in ("Restore of data", "backup 12", "disk lost", "Administrator"):
        assert fact in restore
    assert "Account of management Zhou" in account
    assert "becomes" in account or "open as" in account
    assert {f"/api/v1/approvals/*/{act}" for act in ("approve", "refuse")} <= forms(text)
    assert 'name="note"' in text, "the field that the refusal takes"
    assert '<b class="mark-count">2</b>' in shown(boss, "/live"), "the rail of every page"
    own = shown(admin, "/approvals")
    assert cards(own) == []
    assert "You had your part in this already." in own
    assert "管理授权" in shown(boss, "/approvals", "zh")
    assert kinds(person(app, "service", "customer_service")) == []
    assert boss.post(f"/api/v1/approvals/{asked.json()['id']}/approve", json={}).status_code == 200
    assert len(kinds(boss)) == 1
