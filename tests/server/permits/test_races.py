"""Two at once: a card goes to one visitor, a permit is decided once (B8)."""

import threading
from collections.abc import Callable
from functools import partial

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import select

from server.badges.models import Badge
from tests.server.badges.making import API
from tests.server.browser import context_of_app
from tests.server.permits.making import Desk, approved, pooled, ready, submitted


def at_once(acts: list[Callable[[], object]]) -> None:
    """Run all of them at the same time."""
    start = threading.Barrier(len(acts))

    def run(act: Callable[[], object]) -> None:
        start.wait(30)
        act()

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)


def test_two_guards_lend_one_card_and_one_of_them_gets_it(app: FastAPI, desk: Desk) -> None:
    pooled(desk)
    names = []
    for number in ("V1", "V2"):
        (visit,) = approved(desk, external_id=number)["visits"]
        ready(desk, visit)
        names.append(visit)
    answers: list[tuple[int, str]] = []
    with TestClient(app, base_url="https://testserver", headers=dict(desk.client("guard").headers)) as client:

        def check_in(name: str) -> None:
            answer = client.post(f"{API}/visits/{name}/check-in", json={"card": "T1"})
            answers.append((answer.status_code, answer.json().get("code", "")))

        at_once([partial(check_in, name) for name in names])
    assert sorted(answers) == [(200, ""), (409, "card_out")]
    with context_of_app(app).database.read() as session:
        assert len(session.exec(select(Badge)).all()) == 1


def test_of_two_same_approvals_at_once_one_stands(app: FastAPI, desk: Desk) -> None:
    permit = submitted(desk)["id"]
    answers: list[int] = []
    with TestClient(app, base_url="https://testserver") as client:

        def approve(headers: object) -> None:
            answers.append(client.post(f"{API}/permits/{permit}/approve", headers=headers).status_code)  # type: ignore[arg-type]

        both = [desk.client("customer_service").headers, desk.client("customer_service", second=True).headers]
        at_once([partial(approve, headers) for headers in both])
    assert sorted(answers) == [200, 409]
    assert len(desk.get(f"permits/{permit}")["visits"]) == 1


def test_who_is_checked_in_while_the_permit_ends_stays_on_a_visit_with_a_dead_badge(
    app: FastAPI, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the permit's lock the end made the visit void under the guard's hands, and nobody could check them out."""
    permit = approved(desk)
    pooled(desk)
    (visit,) = permit["visits"]
    ready(desk, visit)
    half_way, ended = threading.Event(), threading.Event()

    def wait_half_way(*_: object) -> None:
        half_way.set()
        ended.wait(0.5)  # it ends in between, where nothing holds it back

    monkeypatch.setattr("server.permits.visits.refuse_undeclared", wait_half_way)
    answers: dict[str, int] = {}
    with TestClient(app, base_url="https://testserver") as client:

        def check_in() -> None:
            headers = dict(desk.client("guard").headers)
            answer = client.post(f"{API}/visits/{visit}/check-in", json={"card": "T1"}, headers=headers)
            answers["check-in"] = answer.status_code

        def end() -> None:
            half_way.wait(30)
            headers = dict(desk.client("customer_service").headers)
            answer = client.post(f"{API}/permits/{permit['id']}/end", json={"reason": "called off"}, headers=headers)
            answers["end"] = answer.status_code
            ended.set()

        at_once([check_in, end])
    assert answers == {"check-in": 200, "end": 200}
    shown = desk.get(f"visits/{visit}")
    assert (shown["status"], [one["status"] for one in shown["badges"]]) == ("checked_in", ["revoked"])
