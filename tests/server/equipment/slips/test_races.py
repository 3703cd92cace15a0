"""Two at once: one device stands on one slip, a slip is decided once, an original is printed once (E6)."""

import threading
from functools import partial
from typing import Any

from fastapi.testclient import TestClient

from server.equipment.slip_models import ExitSlip
from server.equipment.slips import reconciling
from server.operators.actor import SYSTEM
from server.problems import Problem
from tests.server.badges.test_races import at_once
from tests.server.equipment.slips.conftest import SlipDepot


def test_of_two_slips_for_one_device_the_database_lets_the_first_have_it(depot: SlipDepot) -> None:
    """The second looks while the first is not committed: on PostgreSQL it finds the device free, and only the index stops it."""
    slips = [depot.draft(), depot.draft()]
    for slip in slips:
        depot.act(slip, "submit")
    ids = [depot.stored(slip)["id"] for slip in slips]
    database, now = depot.context.database, depot.clock.now()
    answers: list[str] = []
    begun = threading.Event()

    def second() -> None:
        begun.set()
        try:
            with database.write() as session:
                reconciling.reconcile(session, SYSTEM, now, session.get_one(ExitSlip, ids[1]))
            answers.append("reconciled")
        except Problem as problem:
            answers.append(problem.code)

    thread = threading.Thread(target=second)
    with database.write() as session:
        reconciling.reconcile(session, SYSTEM, now, session.get_one(ExitSlip, ids[0]))
        thread.start()
        assert begun.wait(30)
        thread.join(0.3)
        assert thread.is_alive(), "it waits for the first to commit"
    thread.join(30)
    assert answers == ["ITEM_ON_ANOTHER_SLIP"]
    assert [depot.get(slip)["status"] for slip in slips] == ["reconciled", "submitted"]
    assert len(depot.row("exit_slip_claim")) == 1


def test_many_at_once_for_one_device_and_for_one_slip(depot: SlipDepot) -> None:
    slips = [depot.draft() for _ in range(4)]
    for slip in slips:
        depot.act(slip, "submit")
    answers: list[tuple[str, int, Any]] = []
    headers = dict(depot.client("supervisor").headers)
    with TestClient(depot.app, base_url="https://testserver", headers=headers) as client:

        def post(slip: dict[str, Any], act: str, body: Any = None) -> None:
            answer = client.post(f"/api/v1/exit-slips/{slip['id']}/{act}", json=body)
            answers.append((slip["id"], answer.status_code, answer.json().get("code")))

        at_once([partial(post, slip, "reconcile") for slip in slips])
        [(won, _, _)] = [answer for answer in answers if answer[1] == 200]
        assert sorted({code for _, status, code in answers if status == 409}) == ["ITEM_ON_ANOTHER_SLIP"]
        slip = next(slip for slip in slips if slip["id"] == won)
        depot.act(slip, "inspections", "guard", 201, result="pass")
        answers.clear()
        at_once([partial(post, slip, "approve") for _ in range(3)])
        assert sorted(status for _, status, _ in answers) == [200, 409, 409]


def test_one_print_is_the_original_whoever_asks(depot: SlipDepot) -> None:
    slip = depot.issued()
    clients = [depot.client(role) for role in ("guard", "supervisor", "administrator")]
    statuses: list[int] = []

    def ask(client: TestClient) -> None:
        statuses.append(client.get(f"/api/v1/exit-slips/{slip['id']}/sheet.pdf").status_code)

    at_once([partial(ask, client) for client in clients])
    assert statuses == [200] * 3
    entries = depot.call("GET", "audit", params={"subject": slip["id"]})["items"]
    assert sorted(entry["after"]["copy"] for entry in entries if entry["act"] == "slip.print") == [0, 1, 2]
