"""An application for somebody new: whether an ID number is on file is learned only on record, and within the bound of the looks (C4)."""

from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from server.operators.actor import SYSTEM
from server.operators.permissions import Permission
from server.operators.service import create_token
from server.personal import looks
from tests.server.badges.making import API
from tests.server.browser import context_of_app
from tests.server.conftest import ON_SQLITE

pytestmark = ON_SQLITE
ON_FILE, UNKNOWN = "11010519491231002X", "110105199003078070"


def applied(client: TestClient, number: str, **more: Any) -> Any:
    person = {"name": "王五", "id_document": "id_card", "id_number": number}
    body = {"purpose": "work", "consent": True, "customer": "C001", "person": person} | more
    return client.post(f"{API}/applications", json=body)


def looked_at(client: TestClient) -> list[tuple[str, Any]]:
    """Subject and fields of every recorded look."""
    items = client.get(f"{API}/personal/looks").json()["items"]
    return [(one["subject"], one["fields"]) for one in items]


def files(client: TestClient) -> int:
    return len(client.get(f"{API}/holders").json()["items"])


@pytest.fixture
def on_file(api: TestClient) -> str:
    """The holder of :data:`ON_FILE`, whose application has the external id ``A-1``."""
    made = applied(api, ON_FILE, external_id="A-1")
    assert made.status_code == 201, made.text
    return str(made.json()["holder"])


def test_who_is_told_that_a_number_is_on_file_has_looked(api: TestClient, on_file: str) -> None:
    before = files(api)
    told = applied(api, ON_FILE, external_id="A-2").json()
    assert (told["code"], told["holder"]) == ("person_on_file", on_file)
    assert looked_at(api) == [(on_file, ["id_number"])]
    assert files(api) == before


def test_a_guess_that_leaves_no_file_tells_nothing(api: TestClient, on_file: str) -> None:
    answers = [applied(api, number, external_id="A-1").json() for number in (ON_FILE, UNKNOWN)]
    assert on_file
    assert [one["code"] for one in answers] == ["external_id_taken"] * 2
    assert answers[0] == answers[1]
    assert looked_at(api) == []


def test_a_program_that_may_not_look_is_not_told_whose_number_it_is(
    app: FastAPI, api: TestClient, on_file: str
) -> None:
    context = context_of_app(app)
    scopes = [Permission.APPLICATION_WRITE, Permission.REGISTRY_WRITE, Permission.REGISTRY_READ]
    with context.database.write() as session:
        _, text = create_token(session, SYSTEM, context.clock.now(), "portal", "customer_service", scopes=scopes)
    portal = TestClient(app, base_url="https://testserver", headers={"Authorization": f"Bearer {text}"})
    told = applied(portal, ON_FILE).json()
    assert (told["code"], "holder" in told) == ("person_on_file", False)
    assert looked_at(api) == [(on_file, ["id_number"])]


def test_beyond_the_bound_of_looks_no_number_is_tried_whether_it_is_on_file_or_not(
    api: TestClient, on_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looks, "LOOKS_PER_WINDOW", 1)
    assert applied(api, ON_FILE).json()["holder"] == on_file
    before = files(api)
    for number in (ON_FILE, UNKNOWN):
        answer = applied(api, number)
        assert (answer.status_code, answer.json()["code"]) == (429, "too_many_looks")
    assert files(api) == before
