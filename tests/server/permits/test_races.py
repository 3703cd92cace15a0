"""Two at once: a card goes to one visitor, a permit is decided once (B8)."""

import threading
from collections.abc import Callable
from functools import partial

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
