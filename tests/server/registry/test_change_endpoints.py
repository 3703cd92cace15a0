"""What the doors have not followed, or could not."""

from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import text

from tests.server.browser import context_of_app, token_client
from tests.server.registry.conftest import API, organisation


def test_changes_are_listed_by_whether_they_were_followed_and_how(app: FastAPI, api: TestClient) -> None:
    customer = organisation(api)
    organisation(api, code="C002")
    shown = api.get(f"{API}/registry/changes", params={"open": True}).json()["items"]
    tables = ["customer", "contract"] * 2
    assert [(row["table"], row["op"], row["problem"]) for row in shown] == [(name, "insert", None) for name in tables]
    assert shown[0]["row"] == customer["id"]
    with context_of_app(app).database.write() as session:
        statement = "UPDATE registry_change SET done_at = at, problem = 'areas: moon' WHERE id = :id"
        session.connection().execute(text(statement), {"id": shown[0]["id"]})
    assert [row["id"] for row in api.get(f"{API}/registry/changes?open=true").json()["items"]] == [
        row["id"] for row in shown[1:]
    ]
    found = api.get(f"{API}/registry/changes?problem=true").json()["items"]
    assert [(row["id"], row["problem"]) for row in found] == [(shown[0]["id"], "areas: moon")]
    assert api.get(f"{API}/registry/changes?problem=false&limit=1").json()["items"][0]["id"] == shown[1]["id"]
    assert token_client(app, "guard").get(f"{API}/registry/changes").status_code == 403
