"""The pages of customers and own staff: what they say, to whom, in both languages; looks recorded; files of other departments unseen (C1-C4, C8, R4)."""

import re
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import text as sql
from sqlmodel import select

from server.badges.models import Badge
from server.operators.permissions import Role
from server.registry.models import Customer, Holder
from tests.server.badges.making import issued_badge
from tests.server.browser import context_of_app, token_client
from tests.server.conftest import ON_SQLITE, START
from tests.server.console.test_record_pages import forms, section, shown, words

pytestmark = ON_SQLITE
API = "/api/v1"
PAGES = (
    "/customers",
    "/customers/new",
    "/customers/hand-over",
    "/customers/duplicates",
    "/customers/looks",
    "/staff",
    "/staff/new",
)


class Registry:
    """One customer of two with everything, made by the API."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        self.clients: dict[str, TestClient] = {}
        self.customer = self.post(
            "customers", code="C001", kind="organisation", name="华云数据有限公司", owner="Chen", department="north"
        )
        self.post("customers", code="C002", kind="organisation", name="Blue Mountain Ltd")
        today = {"from": "2026-03-01", "until": "2026-12-31"}
        self.contract = self.post(
            "contracts", customer="C001", number="HT-1", areas=["hall"], racks=["A1", "A2"], **today
        )
        self.contact = self.post(
            "contacts", customer="C001", name="王芳", phone="13800000000", email="wang@example.com", role="CTO"
        )
        self.holder = self.post(
            "holders", customer="C001", name="李娜", id_document="id_card", id_number="11010519491231002X"
        )

    def client(self, role: Role = "administrator") -> TestClient:
        """A program with a token of that role."""
        if role not in self.clients:
            self.clients[role] = token_client(self.app, role)
        return self.clients[role]

    def post(self, path: str, /, **body: Any) -> dict[str, Any]:
        """What a POST that must succeed answers."""
        answer = self.client().post(f"{API}/{path}", json=body)
        assert answer.status_code in (200, 201), answer.text
        made: dict[str, Any] = answer.json()
        return made


@pytest.fixture
def registry(app: FastAPI) -> Registry:
    return Registry(app)


def test_an_empty_page_says_so_in_both_languages(app: FastAPI) -> None:
    client = token_client(app)
    for path in PAGES:
        english, chinese = shown(client, path), shown(client, path, "zh")
        assert 'class="empty' in english or "data-api=" in english, path
        assert not re.search(r"<(script|style)>| style=| onclick=", english), "the policy allows nothing inline"
        main = chinese.split("<main", 1)[1].split("</main>", 1)[0]
        visible = re.sub(r"<svg.*?</svg>|<datalist.*?</datalist>|<code.*?</code>", "", main, flags=re.S)
        assert not re.findall(r">[^<]*[A-Za-z]{3,} [a-z]{3,}[^<]*<", visible), f"an untranslated sentence on {path}"


def find(client: TestClient, by: str, value: str) -> str:
    """The answer to a search for a person."""
    answer = client.post(
        "/customers/persons", data={"by": by, "value": value}, headers={"Accept": "text/html", "Accept-Language": "en"}
    )
    assert answer.status_code == 200, answer.text
    return words(answer.text.split("<main", 1)[1])


def test_the_list_is_narrowed_by_part_of_a_name_by_kind_owner_and_by_who_has_none(registry: Registry) -> None:
    client = registry.client()
    for query, found in {
        "q=c00": {"C001", "C002"},
        "q=blue+mountain": {"C002"},
        "q=%E5%8D%8E%E4%BA%91": {"C001"},
        "q=%25": set(),
        "kind=individual": set(),
        "owner=Chen": {"C001"},
        "unowned=true": {"C002"},
    }.items():
        text = shown(client, f"/customers?{query}")
        assert set(re.findall(r'<b class="code">(\w+)</b>', text)) == found, query
    assert "No customer fits" in shown(client, "/customers?q=nobody")
    assert "badges 0/2" in words(shown(client, "/customers"))


def test_a_long_list_comes_in_pages_that_keep_what_was_asked(registry: Registry) -> None:
    for number in range(52):
        registry.post("customers", code=f"D{number:02}", kind="partner", name="Partner & Söhne")
    first = shown(registry.client(), "/customers?kind=partner")
    following = re.search(r'href="(/customers\?[^"]*after=[^"]*)"', first)
    assert following is not None
    second = shown(registry.client(), following[1].replace("&amp;", "&"))
    assert re.findall(r'<b class="code">(\w+)</b>', second) == ["D50", "D51"]
    assert "First page" in second


def test_a_search_for_a_person_is_a_recorded_look_and_takes_its_permission(registry: Registry) -> None:
    assert "C001" in find(registry.client(), "phone", "138 0000 0000")
    assert "found in: a contact" in find(registry.client(), "name", "王芳")
    assert "found in: a badge holder" in find(registry.client(), "id_number", "11010519491231002X")
    assert "Nobody with exactly this" in find(registry.client(), "phone", "13811111111")
    looks = registry.client().get(f"{API}/personal/looks").json()["items"]
    assert [(one["subject"], one["fields"]) for one in looks] == [
        ("person", [by]) for by in ("phone", "name", "id_number", "phone")
    ]
    assert "takes the permission personal.look" in find(registry.client("guard"), "phone", "13800000000")
    assert (
        registry.client("auditor").get("/customers/persons", headers={"Accept": "text/html"}).url.path == "/customers"
    )


def test_the_page_of_a_search_waits_for_nobody_who_writes(registry: Registry) -> None:
    with context_of_app(registry.app).database.write() as session:
        session.exec(select(Customer)).all()  # a writing transaction has begun
        assert find(registry.client(), "phone", "")  # a look that is recorded is one short transaction of its own


def test_a_file_shows_its_facts_masked_and_its_contract_days_inclusive(registry: Registry) -> None:
    text = shown(registry.client(), "/customers/C001")
    assert "2026-03-01 – 2026-12-31" in section(text, "contracts")
    assert "王* CTO" in section(text, "contacts")
    assert "138****0000" in section(text, "contacts")
    assert "李*" in section(text, "holders")
    assert "badges 0/2" in section(text, "holders")
    for clear in ("王芳", "李娜", "13800000000", "wang@example.com", "11010519491231002X"):
        assert clear not in text
    assert f'data-look="{registry.contact["id"]}"' in text


def test_a_contract_offers_what_its_state_allows(registry: Registry) -> None:
    client, path = registry.client(), f"/api/v1/contracts/{registry.contract['id']}"
    acts = {"active": {"suspend", "end"}, "suspended": {"resume", "end"}, "ended": set()}
    for status, offered in acts.items():
        if status != "active":
            assert client.post(f"{path}/{'suspend' if status == 'suspended' else 'end'}").status_code == 200
        text = shown(client, "/customers/C001")
        found = {one.rsplit("/", 1)[1] for one in forms(text) if one.startswith("/api/v1/contracts/*/")}
        assert found == offered, status


def test_an_end_on_a_date_is_inclusive_and_the_badges_that_stop_are_named(registry: Registry) -> None:
    client = registry.client()
    text = shown(client, "/customers/C001")
    assert 'data-when="badges_out" hidden disabled' in text, "the confirmation waits for the refusal"
    until = client.post(f"{API}/contracts/{registry.contract['id']}/end", json={"at": "2026-03-31"}).json()["until"]
    assert until == "2026-03-31T16:00:00Z"
    assert "2026-03-01 – 2026-03-31" in section(shown(client, "/customers/C001"), "contracts")


def test_who_may_not_write_gets_no_forms_but_a_look_at_names(registry: Registry) -> None:
    north = registry.client("auditor")
    assert forms(shown(north, "/customers/C001")) <= {"/api/v1/contacts/*/look", "/api/v1/holders/*/look"}
    shown(north, "/customers/new", expect=403)
    shown(north, "/customers/hand-over", expect=403)
    shown(registry.client("guard"), "/customers/duplicates", expect=403)
    shown(registry.client("guard"), "/customers/looks", expect=403)
    shown(registry.client("equipment_head"), "/staff/new", expect=403)


def test_files_of_another_department_are_not_there(registry: Registry) -> None:
    """A token has no department: C001 is of the north."""
    desk = registry.client("customer_service")
    assert re.findall(r'<b class="code">(\w+)</b>', shown(desk, "/customers")) == ["C002"]
    for path in ("/customers/C001", "/customers/C001/history"):
        shown(desk, path, expect=404)
    assert "Nobody with exactly this" in find(desk, "phone", "13800000000")
    assert "Chen" not in shown(desk, "/customers/hand-over")


def test_the_history_says_before_and_after_who_and_of_what(registry: Registry) -> None:
    client = registry.client()
    assert client.patch(f"{API}/customers/C001", json={"owner": "Zhou"}).status_code == 200
    assert client.patch(f"{API}/contacts/{registry.contact['id']}", json={"phone": "13900000000"}).status_code == 200
    whole = words(shown(client, "/customers/C001/history"))
    assert "test-administrator Customer file: changed looked after by Chen → Zhou" in whole
    assert "phone 138****0000 → 139****0000" in whole
    assert "13900000000" not in whole
    files = words(shown(client, "/customers/C001/history?of=customer"))
    assert "Chen → Zhou" in files
    assert "139****0000" not in files


def test_a_program_that_writes_past_the_api_stands_in_the_history_by_name(registry: Registry) -> None:
    with registry.app.state.context.database.write() as session:
        session.connection().execute(sql("UPDATE customer SET owner = 'Wu', source_system = 'erp' WHERE code = 'C002'"))
    assert "a program, in the database itself (erp)" in words(shown(registry.client(), "/customers/C002/history"))
    assert "erp keeps this file" in words(shown(registry.client(), "/customers/C002"))


def test_duplicates_are_compared_and_merged_and_the_old_code_leads_on(registry: Registry) -> None:
    client = registry.client()
    other = registry.post("customers", code="X9", kind="organisation", name="Blue Mountain Limited", owner="Wu")
    listed = words(shown(client, "/customers/duplicates"))
    assert "the same name but for its spelling" in listed
    assert "may be the same customer as X9" in words(shown(client, "/customers/C002"))
    kept = client.get(f"{API}/customers/C002").json()
    path = f"/customers/duplicates/{kept['id']}/{other['id']}"
    pair = shown(client, path)
    assert f"/api/v1/customers/{kept['id']}/merge" in pair
    merged = client.post(f"{API}/customers/{kept['id']}/merge", json={"merged": other["id"], "reason": "one company"})
    assert merged.status_code == 200
    assert client.get("/customers/X9", headers={"Accept": "text/html"}).url.path == "/customers/C002"
    assert "merged into C002" in words(shown(client, f"/customers/{other['id']}"))
    assert client.get(path, headers={"Accept": "text/html"}).url.path == "/customers/C002"
    assert "in the file X9, which was merged into this one" in words(shown(client, "/customers/C002/history"))


def test_a_merge_beyond_the_quota_is_announced(registry: Registry) -> None:
    registry.post("customers", code="X9", kind="organisation", name="Blue Mountain Limited")
    for code in ("C002", "X9"):
        for number in (1, 2):
            registry.post("holders", customer=code, name=f"Li {number}")
    with registry.app.state.context.database.write() as session:
        for customer in session.exec(select(Customer).where(Customer.code != "C001")).all():
            holders = session.exec(select(Holder).where(Holder.customer_id == customer.id)).all()
            for slot, holder in enumerate(holders, 1):
                session.add(
                    Badge(
                        public_id=f"bad_{customer.code}{slot}",
                        kind="customer",
                        customer_id=customer.id,
                        customer_kind=customer.kind,
                        holder_id=holder.id,
                        holder_kind="customer",
                        slot=slot,
                        generation=1,
                        status="approved",
                        from_at=START,
                        created_at=START,
                    )
                )
    ids = [registry.client().get(f"{API}/customers/{code}").json()["id"] for code in ("C002", "X9")]
    assert "Together they hold 4 badges, and 2 are allowed" in words(
        shown(registry.client(), "/customers/duplicates/" + "/".join(ids))
    )
    assert "badges 2/2" in section(shown(registry.client(), "/customers/C002"), "holders")


def test_a_credit_code_that_looks_wrong_is_said_on_the_file(registry: Registry) -> None:
    answer = registry.client().patch(f"{API}/customers/C001", json={"credit_code": "91310000MA1FL00012"})
    assert answer.status_code == 200
    assert "Credit code: its check digit does not fit" in words(shown(registry.client(), "/customers/C001"))


def test_staff_show_their_standing_permissions_and_only_a_head_changes_them(registry: Registry) -> None:
    made = registry.post(
        "holders", staff=True, name="郭建国", areas=["hall"], may_escort=["hall"], duties=["guard"], keyholder=True
    )
    listed = words(shown(registry.client(), "/staff"))
    assert "郭** guard keyholder" in listed
    assert "may escort: hall" in listed
    path = f"/staff/{made['id']}"
    assert 'id="standing"' in shown(registry.client(), path)
    assert 'id="standing"' not in shown(registry.client("customer_service"), path)
    shown(registry.client(), f"/staff/{registry.holder['id']}", expect=404)
    assert (
        registry.client().patch(f"{API}/holders/{made['id']}", json={"areas": [], "keyholder": False}).status_code
        == 200
    )
    text = words(shown(registry.client(), path))
    assert "areas hall → —" in text
    assert "keyholder yes → no" in text


def test_looks_say_who_what_and_why_and_lead_to_the_file(registry: Registry) -> None:
    registry.post(f"contacts/{registry.contact['id']}/look", fields=["phone"], reason="called back")
    registry.post(f"holders/{registry.holder['id']}/look", fields=["id_number"], reason="compared with the card")
    auditor = registry.client("auditor")
    text = shown(auditor, "/customers/looks")
    assert words(text).index("compared with the card") < words(text).index("called back"), "the latest first"
    assert 'href="/customers/C001"' in text
    assert "11010519491231002X" not in text
    one = words(shown(auditor, f"/customers/looks?subject={registry.contact['id']}"))
    assert "called back" in one
    assert "compared" not in one


def test_hand_over_names_files_that_nobody_looks_after(registry: Registry) -> None:
    text = words(shown(registry.client(), "/customers/hand-over"))
    assert "nobody · 1" in text
    assert "Chen · 1" in text
    registry.post("customers/hand-over", from_owner="Chen", to_owner="Zhou")
    assert "Zhou · 1" in words(shown(registry.client(), "/customers/hand-over"))


def test_the_badges_of_persons_who_came_from_another_system_stand_on_their_pages(app: FastAPI) -> None:
    registry = Registry(app)
    guo = registry.post("holders", external_id="crm-7", name="郭强", staff=True, areas=["hall"])
    registry.post("holders", external_id="crm-8", name="沈静", customer="C001")
    for holder in ("crm-7", "crm-8"):
        issued_badge(registry.client(), holder, f"B-{holder}")
    assert "badges 1/2" in section(shown(registry.client(), "/customers/C001"), "holders")
    assert "B-crm-7" in shown(registry.client(), "/staff")
    assert "B-crm-7" in shown(registry.client(), f"/staff/{guo['id']}")
