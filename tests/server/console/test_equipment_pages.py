"""The pages on which orders, slips and corrections are written, checked and received: what they offer to whom, and what they say in advance."""

import html
import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from controller.site_checks import parse_site
from server.console import equipment
from server.equipment.codes import code_hash, open_code
from tests.server.conftest import ON_SQLITE, SITE, START
from tests.server.console.test_record_pages import forms, shown, words
from tests.server.equipment.slips.conftest import R750, SlipDepot, slip_depot  # noqa: F401 - the fixture

pytestmark = ON_SQLITE
NEW = (
    "/equipment/orders/new",
    "/equipment/orders/new?customer=C001",
    "/equipment/slips/new",
    "/equipment/slips/new?kind=repair",
    "/equipment/slips/new?kind=repair&customer=C001",
    "/equipment/slips/new?kind=site",
    "/equipment/inventory/import",
    "/equipment/corrections",
    "/equipment/corrections/new",
)


def test_new_pages_speak_both_languages_are_for_who_may_write_and_find_a_customer(depot: SlipDepot) -> None:
    supervisor, guard = depot.client("supervisor"), depot.client("guard")
    for path in NEW:
        english, chinese = shown(supervisor, path), shown(supervisor, path, "zh")
        assert not re.search(r"<(script|style)>| style=| onclick=", english), path
        visible = re.sub(
            r"<(svg|template).*?</\1>", "", chinese.split("<main", 1)[1].split("</main>", 1)[0], flags=re.S
        )
        assert not re.findall(r">[^<]*[A-Za-z]{3,} [a-z]{3,}[^<]*<", visible), f"an untranslated sentence: {path}"
        shown(guard, path, expect=403)
    client = depot.client("customer_service")
    found = shown(client, "/equipment/orders/new?q=c00")
    assert 'href="/equipment/orders/new?customer=C001"' in found
    assert 'href="/equipment/slips/new?kind=repair&amp;customer=C002"' in shown(
        client, "/equipment/slips/new?kind=repair&q=C002"
    )
    assert "No customer of this code or name." in shown(client, "/equipment/orders/new?q=100%25")
    shown(client, "/equipment/orders/new?customer=C999", expect=404)


def test_the_notice_is_said_before_the_order_is_written_and_who_asked_for_less_does_not_decide(
    depot: SlipDepot,
) -> None:
    depot.call("POST", "customers", expect=201, json={"code": "C003", "kind": "organisation", "name": "新客户"})
    client = depot.client("customer_service")
    assert "no contract in force" in shown(client, "/equipment/orders/new?customer=C003")
    text = words(shown(client, "/equipment/orders/new?customer=C001"))
    assert "24 hours before (E1)" in text
    assert "03-03 16:00" in text, "earliest, in the site's time"
    assert "A first racking" not in text, "C001 has devices here"
    depot.call(
        "POST",
        "contracts",
        expect=201,
        json={"customer": "C003", "number": "K-3", "status": "active", "from": "2026-01-01"},
    )
    assert "A first racking" in words(shown(client, "/equipment/orders/new?customer=C003"))
    order = depot.order({"model": "R760", "serials": ["NEW-8"]}, planned_from="2026-03-02")
    depot.call("POST", f"work-orders/{order['id']}/submit", "supervisor", json={"exception_reason": "a failed array"})
    path = f"/equipment/orders/{order['id']}"
    own = shown(depot.client("supervisor"), path)
    assert "You asked for it" in own
    assert "/api/v1/work-orders/*/approve-exception" not in forms(own)
    other = forms(shown(depot.client("administrator"), path))
    assert "/api/v1/work-orders/*/approve-exception" in other
    assert "/api/v1/work-orders/*/approve" not in other, "first the exception"


def test_a_draft_order_has_its_lines_in_a_form_and_asks_for_the_reason_only_when_late(depot: SlipDepot) -> None:
    order = depot.order(
        {"model": "R760", "serials": ["NEW-1", "NEW-2"], "ips": ["10.0.0.1"]}, {"model": "PDU", "quantity": 3}
    )
    client, path = depot.client("customer_service"), f"/equipment/orders/{order['id']}"
    text = shown(client, path)
    assert re.findall(r'name="lines\.(\d)\.model"[^>]*value="(\w+)"', text) == [("0", "R760"), ("1", "PDU")]
    assert "NEW-1\nNEW-2</textarea>" in text
    assert forms(text) >= {"/api/v1/work-orders/*", "/api/v1/work-orders/*/lines", "/api/v1/work-orders/*/submit"}
    assert "It keeps the notice" in text
    depot.clock.at = START + timedelta(hours=40)
    assert "Ask for the exception, and hand in" in shown(client, path)
    assert forms(shown(depot.client("guard"), path)) == set()


def test_an_order_at_the_desk_offers_receiving_and_ticks_what_came(depot: SlipDepot) -> None:
    guard = depot.client("guard")
    bound = depot.approved_order({"model": "R760", "serials": ["NEW-9"]})
    assert "data-log" not in shown(guard, f"/equipment/orders/{bound['id']}"), "it is bound to the goods door"
    depot.clock.at = START
    depot.context.site = parse_site(SITE)  # without a goods door
    order = depot.approved_order({"model": "R760", "serials": ["NEW-1", "NEW-2"]})
    path, call = f"/equipment/orders/{order['id']}", f"work-orders/{order['id']}"
    assert "data-log" in shown(guard, path)
    depot.call("POST", f"{call}/receive", "guard", json={"scanned": "NEW-1"})
    assert words(re.findall(r'id="received">(.*?)<', shown(guard, path))[0]) == "1 / 2"
    depot.call("POST", f"{call}/receive", "guard", json={"scanned": "NEW-2"})
    assert "data-log" not in shown(guard, path)
    assert "all devices are in" in shown(guard, path)


def test_addresses_in_use_can_be_given_back_and_a_passed_end_is_said(depot: SlipDepot) -> None:
    order = depot.approved_order({"model": "R760", "serials": ["NEW-1"], "ips": ["10.0.0.7"]})
    client, path = depot.client("customer_service"), f"/equipment/orders/{order['id']}"
    text = shown(client, path)
    assert "10.0.0.7" in text.split('id="allocated"')[1]
    assert "/api/v1/work-orders/*/allocations/*/release" in forms(text)
    depot.clock.at = START + timedelta(days=30)
    assert "Its planned time is over" in shown(client, path)


def test_a_draft_slip_offers_the_inventory_the_carriers_and_the_papers(depot: SlipDepot) -> None:
    slip = depot.draft(kind="repair", organisation="C001 公司", carriers=["li"])
    client, path = depot.client("customer_service"), f"/equipment/slips/{slip['id']}"
    text = shown(client, path)
    assert 'data-pick data-customer="C001"' in text
    people = re.findall(r'name="carriers"[^>]*?( checked)?> <b>(.*?)</b>', text)
    assert sorted(people) == [("", "王*"), (" checked", "李*")], "the customer's people, masked, and nobody else's"
    assert {"/api/v1/exit-slips/*/letter", "/api/v1/exit-slips/*/carriers/*/id-copy"} <= forms(text)
    assert "the sealed application" in words(re.findall(r'id="missing">(.*?)</div>', text, re.S)[0])
    assert forms(shown(depot.client("guard"), path)) == set()


def test_a_slip_says_what_differs_from_the_inventory_and_why_it_cannot_be_approved(depot: SlipDepot) -> None:
    slip = depot.draft({"model": "R760", "serials": ["SN-3", "SN-9", "SN-77"]}, {"model": "PDU", "quantity": 9})
    depot.act(slip, "submit")
    text = shown(depot.client("customer_service"), f"/equipment/slips/{slip['id']}")
    found = re.findall(r'<li data-reason="(\w+)">(.*?)</li>', text, re.S)
    reasons = {reason: words(body) for reason, body in found}
    assert list(reasons) == ["MODEL_DIFFERS", "ITEM_OF_ANOTHER_CUSTOMER", "ITEM_UNKNOWN", "TOO_FEW_HERE"]
    assert "SN-3 is a R750, not a R760" in reasons["MODEL_DIFFERS"]
    assert "never leaves under this customer" in reasons["ITEM_OF_ANOTHER_CUSTOMER"]
    assert "请从清单中删除" in shown(depot.client("customer_service"), f"/equipment/slips/{slip['id']}", "zh")
    site = depot.draft({"model": "NAS", "serials": ["OWN-1"], "storage": True}, kind="site", role="administrator")
    depot.inspected(site)
    head, path = depot.client("equipment_head"), f"/equipment/slips/{site['id']}"
    text = shown(head, path)
    assert "It cannot be approved as it stands" in text
    assert "/api/v1/exit-slips/*/approve" not in forms(text)
    assert 'value="erasure"' in text
    body = {
        "act": "erasure",
        "result": "pass",
        "line": site["lines"][0]["id"],
        "method": "overwritten",
        "done_by": "Zhao",
    }
    depot.act(site, "inspections", "equipment_head", 201, **body)
    assert "/api/v1/exit-slips/*/approve" in forms(shown(head, path))
    assert "You wrote or changed this." in shown(depot.client("administrator"), path)


def test_an_issued_slip_can_leave_elsewhere_and_says_whom_it_awaits(depot: SlipDepot) -> None:
    depot.second_goods_door()
    slip = depot.approved(depot.draft())
    client, path = depot.client("customer_service"), f"/equipment/slips/{slip['id']}"
    text = shown(client, path)
    assert set(re.findall(r'<option value="([\w-]+-door)"', text)) == {"goods-door", "yard-door"}
    depot.act(slip, "issue", edge="edge-1")
    assert "/api/v1/exit-slips/*/bind" in forms(shown(client, path))
    depot.act(slip, "bind", edge="edge-2")
    awaits = words(re.findall(r'id="awaits">(.*?)</p>', shown(client, path), re.S)[0])
    assert "edge-1 has not confirmed" in awaits
    assert "edge-2" in awaits
    depot.act(slip, "cancel", reason="not needed")
    assert "edge-1 has not confirmed" in shown(client, path)
    assert "its devices are free once its edge has confirmed" in shown(client, path)


def test_what_is_out_can_be_replaced_and_what_came_back_is_attested(depot: SlipDepot) -> None:
    slip = depot.issued(depot.repair({"model": "R750", "serials": ["SN-1", "SN-2"]}))
    line = slip["lines"][0]["id"]
    depot.passed(slip, (line, "SN-1"))
    client, path = depot.client("supervisor"), f"/equipment/slips/{slip['id']}"
    text = shown(client, path)
    assert "Partly gone: 1 still to go" in text
    assert "/api/v1/exit-slips/*/replacements" in forms(text)
    assert re.findall(r"<option>(SN-\d)</option>", text) == ["SN-1"]
    assert 'value="return"' not in text
    depot.passed(slip, (line, "SN-1"), direction="in", access_point="goods-in")
    text = shown(client, path)
    assert 'name="act" value="return"' in text
    assert 'value="malware_check"' not in text, "that is for the site's own"
    assert "1 device came back" in text


def test_a_correction_is_written_by_one_and_confirmed_by_another(depot: SlipDepot) -> None:
    supervisor = depot.client("supervisor")
    item = next(one for one in depot.inventory() if one["serial"] == "SN-1")
    assert f'name="device" value="{item["id"]}"' in shown(supervisor, "/equipment/inventory")
    assert 'name="device"' not in shown(depot.client("guard"), "/equipment/inventory")
    assert 'name="device"' not in shown(supervisor, "/equipment/inventory?at=2026-03-01"), (
        "the past is not corrected by a tick"
    )
    assert 'name="acts.0.device"' in shown(supervisor, f"/equipment/corrections/new?device={item['id']}")
    body = {"acts": [{"act": "out", "device": "SN-1"}], "reason": "not found in the rack"}
    made = depot.call("POST", "inventory/corrections", "supervisor", 201, json=body)
    path = f"/equipment/corrections/{made['id']}"
    assert forms(shown(supervisor, path)) == {"/api/v1/inventory/corrections/*/withdraw"}
    assert "another operator confirms it" in shown(supervisor, path)
    assert "/api/v1/inventory/corrections/*/confirm" in forms(shown(depot.client("administrator"), path))
    assert "not found in the rack" in shown(supervisor, "/equipment/corrections")
    assert "No correction of this state." in shown(supervisor, "/equipment/corrections?status=confirmed")


def test_a_scan_leads_to_the_device_the_slip_or_says_that_nobody_knows_it(depot: SlipDepot) -> None:
    slip = depot.issued()
    guard = depot.client("guard")

    def leads(text: str, expect: int = 200) -> Any:
        answer = guard.post("/scanned", json={"text": text})
        assert answer.status_code == expect, answer.text
        return answer.json()

    row = depot.stored(slip)
    code = open_code(depot.context.personal, "slip", slip["id"], bytes(row["code_sealed"]))
    assert code_hash(depot.context.keys.hash_key, "slip", code) == bytes(row["code_hash"])
    assert leads(code)["to"] == f"/equipment/slips/{slip['id']}"
    assert leads(slip["number"].lower())["to"] == f"/equipment/slips/{slip['id']}"
    assert leads("sn-3")["to"] == "/equipment/path?serial=SN-3"
    assert leads("nothing", 404)["code"] == "not_found"
    assert leads("S-" + "0" * 14, 404)["code"] == "not_found"


def test_the_faults_of_a_file_are_said_in_both_languages(depot: SlipDepot) -> None:
    order = depot.order(R750 | {"serials": ["NEW-1"]})
    file = "型号,数量,序列号\nR760,2,A-1;A-2\n,1,\nR760,x,\nR760,1,SN-1\n".encode()
    answer = depot.call("PUT", f"work-orders/{order['id']}/lines?format=csv&dry_run=true", content=file)
    assert [(one["cell"], one["message_zh"]) for one in answer["faults"]] == [
        ("A3", "为空：请填写"),
        ("B4", "须为整数"),
    ]
    answer = depot.call(
        "PUT", f"work-orders/{order['id']}/lines?format=csv&dry_run=true", content="型号,序列号\nR760,SN-1\n".encode()
    )
    [fault] = answer["faults"]
    assert "机房" in fault["message_zh"], "what the order itself refuses"


def test_more_documents_than_a_page_holds_are_the_newest_first_and_the_others_a_link_away(
    depot: SlipDepot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(equipment, "MOST", 2)
    slips = [depot.draft({"model": "R750", "serials": [f"SN-{n}"]})["id"] for n in range(1, 4)]
    orders = [depot.order({"model": "R750", "serials": [f"NEW-{n}"]})["id"] for n in range(1, 4)]
    client = depot.client()

    def listed(text: str, kind: str) -> list[str]:
        return re.findall(rf'<a href="/equipment/{kind}/(\w+_\w+)"><b>', text)

    text = shown(client, "/equipment?every=true&customer=C001")
    assert listed(text, "slips") == [slips[2], slips[1]], "not the oldest, as if they were the newest"
    assert listed(text, "orders") == [orders[2], orders[1]]
    [older_slips, older_orders] = [html.unescape(one) for one in re.findall(r'<a href="([^"]+)">Older ones', text)]
    assert "customer=C001" in older_slips
    assert listed(shown(client, older_slips), "slips") == [slips[0]]
    last = shown(client, older_orders)
    assert listed(last, "orders") == [orders[0]]
    assert listed(last, "slips") == [slips[2], slips[1]]
    [newest] = re.findall(r'<a href="([^"]+)">← Newest', last)
    assert listed(shown(client, html.unescape(newest)), "orders") == [orders[2], orders[1]]


def test_a_scanned_serial_number_leads_to_its_path_whatever_characters_it_has(depot: SlipDepot) -> None:
    odd = "A+1#B&C/D"
    acts = [{"act": "in", "device": odd, "model": "R750", "rack": "A-01"}]
    made = depot.call("POST", "inventory/corrections", expect=201, json={"acts": acts, "reason": "found"})
    depot.call("POST", f"inventory/corrections/{made['id']}/confirm", "supervisor")
    to = depot.client().post("/scanned", json={"text": odd}).json()["to"]
    assert parse_qs(urlsplit(to).query) == {"serial": [odd]}
    assert odd in html.unescape(shown(depot.client(), to))
