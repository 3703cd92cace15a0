"""The pages of customers and own staff: what they say, to whom, in both languages; looks recorded; files of other departments unseen (C1-C4, C8, R4)."""

import re
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from server.operators.permissions import Role
from tests.server.browser import token_client
from tests.server.conftest import ON_SQLITE
from tests.server.console.test_record_pages import shown

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


@pytest.mark.parametrize("path", PAGES)
def test_an_empty_page_says_so_in_both_languages(app: FastAPI, path: str) -> None:
    client = token_client(app)
    english, chinese = shown(client, path), shown(client, path, "zh")
    assert 'class="empty' in english or "data-api=" in english
    assert not re.search(r"<(script|style)>| style=| onclick=", english), "the policy allows nothing inline"
    visible = re.sub(
        r"<svg.*?</svg>|<datalist.*?</datalist>|<code.*?</code>",
        "",
        chinese.split("<main", 1)[1].split("</main>", 1)[0],
        flags=re.S,
    )
    assert not re.findall(r">[^<]*[A-Za-z]{3,} [a-z]{3,}[^<]*<", visible), "an untranslated sentence"


def test_a_file_shows_everything(registry: Registry) -> None:
    text = shown(registry.client(), "/customers/C001")
    for lang in ("en", "zh"):
        for path in ("/customers", "/customers/C001", "/customers/C001/history", "/customers/looks", "/staff"):
            shown(registry.client(), path, lang)
