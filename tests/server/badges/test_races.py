"""Many at once: the database gives each slot once, and of two decisions one stands (B2)."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from time import monotonic

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import col, select

from server.badges.models import Application, Badge
from server.ids import new_id
from server.personal.models import Attachment
from server.registry.models import Customer, Holder
from tests.server.badges.making import API, approve, approved_badge, complete_application, issue, report
from tests.server.browser import context_of_app
from tests.server.conftest import START

APPROVALS = 200


@pytest.fixture
def shared(app: FastAPI, api: TestClient) -> Iterator[TestClient]:
    """As ``api``, with one event loop and one pool of threads for all requests, as a server has."""
    with TestClient(app, base_url="https://testserver", headers=api.headers) as client:
        yield client


def at_once(acts: list[Callable[[], object]]) -> None:
    """Run all of them at the same time."""
    start = threading.Barrier(len(acts))

    def run(act: Callable[[], object]) -> None:
        start.wait(60)
        act()

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(110)
    assert not any(thread.is_alive() for thread in threads)


def posted_at_once(client: TestClient, requests: list[tuple[str, dict[str, str]]]) -> list[tuple[str, int]]:
    """Path and status of each answer."""
    answers: list[tuple[str, int]] = []

    def post(path: str, body: dict[str, str]) -> None:
        answers.append((path, client.post(path, json=body).status_code))

    at_once([partial(post, path, body) for path, body in requests])
    return answers


def complete_applications(app: FastAPI, code: str, count: int) -> list[str]:
    """Complete applications of one customer's people, made in the database; their ids."""
    with context_of_app(app).database.write() as session:
        owner = session.exec(select(Customer).where(Customer.code == code)).one()
        people = session.exec(select(Holder).where(Holder.customer_id == owner.id).order_by(col(Holder.id))).all()
        names = [new_id("apl", START) for _ in range(count)]
        for index, name in enumerate(names):
            holder_id = people[index % len(people)].id
            row = Application(
                public_id=name, holder_id=holder_id, purpose="x", consent_at=START, created_by="t", created_at=START
            )
            session.add(row)
            session.flush()
            for part in ("photo", "id_copy", "letter"):
                attachment = new_id("att", START)
                session.add(
                    Attachment(
                        public_id=attachment,
                        application_id=row.id,
                        part=part,
                        media_type="image/jpeg",
                        size=0,
                        sha256=b"",
                        key_id=attachment,
                        cipher=b"",
                        created_by="t",
                        created_at=START,
                    )
                )
    return names


def test_of_two_hundred_approvals_at_once_two_succeed(
    app: FastAPI,
    shared: TestClient,
    record_property: Callable[[str, object], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("server.turns.TURN_WAIT_S", 100.0)  # a slow machine refuses nobody for now
    names = complete_applications(app, "C001", APPROVALS)
    answers: list[tuple[int, str]] = []

    def ask(name: str) -> None:
        answer = approve(shared, name)
        answers.append((answer.status_code, answer.json().get("code", "")))

    began = monotonic()
    at_once([partial(ask, name) for name in names])
    record_property("seconds", round(monotonic() - began, 2))
    assert Counter(answers) == {(200, ""): 2, (409, "QUOTA_EXCEEDED"): APPROVALS - 2}
    badges = shared.get(f"{API}/badges", params={"customer": "C001"}).json()["items"]
    assert sorted((badge["slot"], badge["generation"]) for badge in badges) == [(1, 1), (2, 1)]


def test_of_an_approval_and_a_refusal_at_once_one_stands(app: FastAPI, shared: TestClient) -> None:
    for name in complete_applications(app, "C001", 2):
        paths = (f"{API}/applications/{name}/approve", {}), (f"{API}/applications/{name}/refuse", {"reason": "no"})
        answers = posted_at_once(shared, [each for each in paths for _ in range(3)])
        done = [path for path, status in answers if status == 200]
        assert len(done) == 1
        assert {status for _, status in answers} == {200, 409}
        shown = shared.get(f"{API}/applications/{name}").json()
        assert shown["status"] == ("approved" if done[0].endswith("approve") else "refused")
        assert (shown["badge"] is not None) == (shown["status"] == "approved")


def test_one_card_is_bound_once_whoever_comes_first(shared: TestClient) -> None:
    badges = [approved_badge(shared, holder) for holder in ("li", "wang", "zhao", "sun")]
    answers: list[tuple[int, str]] = []

    def bind(index: int) -> None:
        answer = issue(shared, badges[index], f"M{index}", {"technology": "desfire", "number": "same"})
        answers.append((answer.status_code, answer.json().get("code", "")))

    at_once([partial(bind, index) for index in range(4)])
    assert Counter(answers) == {(200, ""): 1, (409, "card_bound"): 3}


def test_one_loss_is_replaced_once_whoever_approves(app: FastAPI, shared: TestClient) -> None:
    old = approved_badge(shared, "zhao")
    issue(shared, old, "M1")
    report(shared, old, "lost")
    first = complete_application(shared, "zhao", kind="reissue", replaces=old)
    with context_of_app(app).database.write() as session:  # a second one, as two desks at once might have made it
        row = session.exec(select(Application).where(Application.public_id == first["id"])).one()
        copy = Application.model_validate(row.model_dump(exclude={"id"}) | {"public_id": "apl_second"})
        session.add(copy)
        session.flush()
        for each in session.exec(select(Attachment).where(Attachment.application_id == row.id)).all():
            ids = {"public_id": f"{each.public_id}2", "key_id": f"{each.key_id}2", "application_id": copy.id}
            session.add(Attachment.model_validate(each.model_dump(exclude={"id"}) | ids))
    names = (first["id"], "apl_second")
    answers = posted_at_once(shared, [(f"{API}/applications/{name}/approve", {}) for name in names])
    assert sorted(status for _, status in answers) == [200, 409]
    with context_of_app(app).database.read() as session:
        rows = session.exec(select(Badge).order_by(col(Badge.id))).all()
    assert [(row.status, row.slot, row.generation) for row in rows] == [("revoked", 1, 1), ("approved", 1, 2)]
