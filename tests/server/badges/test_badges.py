"""Badges over the API: from the application to the card that is back."""

from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import select

from controller.policy import credential_key
from server.badges.models import Badge
from tests.server.badges.making import API, application, approve, attach, issue, report
from tests.server.browser import context_of_app


def test_the_whole_way_from_the_application_to_the_card_that_is_back(app: FastAPI, api: TestClient) -> None:
    made = application(api, "li")
    assert made.status_code == 201, made.text
    assert (made.json()["status"], made.json()["missing"]) == ("incomplete", ["photo", "id_copy", "letter"])
    name = made.json()["id"]
    refused = approve(api, name)
    assert (refused.status_code, refused.json()["code"], refused.json()["missing"]) == (
        409,
        "APPLICATION_INCOMPLETE",
        ["photo", "id_copy", "letter"],
    )
    for part in ("photo", "id_copy", "letter"):
        answer = attach(api, name, part)
        assert answer.status_code == 200, answer.text
    assert (answer.json()["status"], answer.json()["missing"]) == ("complete", [])
    approved = approve(api, name, external_id="b-li").json()
    assert approved["status"] == "approved"
    badge = api.get(f"{API}/badges/b-li").json()
    assert badge["id"] == approved["badge"]
    assert (badge["status"], badge["standing"], badge["slot"], badge["generation"]) == ("approved", "approved", 1, 1)
    assert (badge["number"], badge["photo"]) == (None, approved["attachments"]["photo"])
    issued = issue(api, "b-li", "M1001")
    assert issued.status_code == 200, issued.text
    assert (issued.json()["status"], issued.json()["standing"]) == ("active", "active")
    for as_ in ("suspended", "active", "returned"):
        assert report(api, "b-li", as_).json()["status"] == as_
    context = context_of_app(app)
    with context.database.read() as session:
        stored = session.exec(select(Badge)).one()
    assert stored.credential == credential_key(context.keys.hash_key, "desfire", "M1001")
    acts = [entry["act"] for entry in api.get(f"{API}/audit", params={"subject": badge["id"]}).json()["items"]]
    assert acts == [
        f"badge.{act}" for act in ("approve", "issue", "activate", "suspend", "resume", "activate", "return")
    ]
