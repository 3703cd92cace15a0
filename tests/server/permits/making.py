"""Permits and visits made by the API, as customer service and the guards make them. For tests of all parts.

visit = checked_in(desk, person={"name": "徐强", …}, card="T1")
"""

from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient

from server.operators.permissions import Role
from tests.server.badges.making import API, picture
from tests.server.browser import token_client

PERSON = {"name": "徐强", "id_document": "id_card", "id_number": "11010519491231002X"}
WINDOW = {"from": "2026-03-02T08:00:00Z", "until": "2026-03-02T12:00:00Z"}
ITEMS = ("camera", "magnets", "food", "dangerous", "media", "unrelated", "smoking", "guests", "clothes")
JPEG = {"Content-Type": "image/jpeg"}


class Desk:
    """Clients by role, one token each; ``second``: another operator of the role."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        self._clients: dict[tuple[Role, bool], TestClient] = {}

    def client(self, role: Role, *, second: bool = False) -> TestClient:
        """A program with a token of that role."""
        key = (role, second)
        if key not in self._clients:
            self._clients[key] = token_client(self.app, role)
        return self._clients[key]

    def ask(self, role: Role, method: str, path: str, /, **body: Any) -> Any:
        """The answer."""
        return self.client(role).request(method, f"{API}/{path}", json=body or None)

    def post(self, role: Role, path: str, /, **body: Any) -> dict[str, Any]:
        """What a POST that must succeed answers."""
        answer = self.ask(role, "POST", path, **body)
        assert answer.status_code in (200, 201, 202), answer.text
        shown: dict[str, Any] = answer.json()
        return shown

    def get(self, path: str, role: Role = "guard", **query: Any) -> Any:
        """What a GET that must succeed answers."""
        answer = self.client(role).get(f"{API}/{path}", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def put(self, role: Role, path: str) -> dict[str, Any]:
        """Hand in a picture."""
        answer = self.client(role).put(f"{API}/{path}", content=picture(), headers=JPEG)
        assert answer.status_code == 200, answer.text
        shown: dict[str, Any] = answer.json()
        return shown


def problem(answer: Any) -> tuple[int, str]:
    """Status and code of a refusal, which says so in both languages."""
    found = answer.json()
    assert found["detail"], found
    assert found["detail_zh"], found
    return answer.status_code, found["code"]


def draft(desk: Desk, /, **more: Any) -> dict[str, Any]:
    """A draft for C001 into the lobby with one person."""
    body = {"customer": "C001", "reason": "replace a fan", "areas": ["lobby"], "persons": [PERSON]} | WINDOW | more
    return desk.post("customer_service", "permits", **{key: value for key, value in body.items() if value is not None})


def submitted(desk: Desk, /, **more: Any) -> dict[str, Any]:
    """As :func:`draft`, with its papers, handed in."""
    made = draft(desk, **more)
    path = f"permits/{made['id']}"
    if made["customer"] is not None:
        desk.put("customer_service", f"{path}/letter")
    for person in made["persons"]:
        desk.put("customer_service", f"{path}/persons/{person['id']}/id-copy")
    return desk.post("customer_service", f"{path}/submit")


def approved(desk: Desk, /, **more: Any) -> dict[str, Any]:
    """As :func:`submitted`, with every approval that is asked for."""
    made = submitted(desk, **more)
    for role in made["needed"]:
        made = desk.post(role, f"permits/{made['id']}/approve")
    assert made["status"] == "approved"
    return made


def pooled(desk: Desk, number: str = "T1") -> dict[str, Any]:
    """A card of the pool."""
    card = {"technology": "desfire", "number": number}
    return desk.post("customer_service", "temporary-badges", number=number, card=card)


def ready(desk: Desk, visit: str, number: str = "002X", id_document: str = "id_card") -> None:
    """Document, declaration and photo of a visit."""
    desk.post("guard", f"visits/{visit}/document", id_document=id_document, number=number)
    desk.post("guard", f"visits/{visit}/declaration", items={item: {"confirmed": True} for item in ITEMS})
    desk.put("guard", f"visits/{visit}/photo")


def checked_in(desk: Desk, permit: dict[str, Any], card: str = "T1") -> dict[str, Any]:
    """The permit's first visit, with this card of the pool."""
    (visit, *_) = permit["visits"]
    ready(desk, visit)
    return desk.post("guard", f"visits/{visit}/check-in", card=card)


def checked_out(desk: Desk, visit: dict[str, Any], /, **more: Any) -> dict[str, Any]:
    """The visit, gone."""
    body = {"content": "fan replaced", "operations": "fan of rack A1 replaced", "badge": "returned"} | more
    return desk.post("guard", f"visits/{visit['id']}/check-out", **body)
