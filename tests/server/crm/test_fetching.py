"""What the CRM knows arrives here: by hints, by the regular look, older and broken answers changing nothing."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import select

from server.app import create_app
from server.config import Config
from server.context import Context
from server.crm.hints import note_hint
from server.crm.models import CrmFetch, CrmState
from server.crm.service import LOOK_EVERY, MAX_TRIES, CrmService
from server.crm.vanished import AT_ONCE, MOST_AT_ONCE
from server.db.clock import FixedClock
from tests.server.badges.making import issued_badge
from tests.server.browser import token_client
from tests.server.conftest import ON_POSTGRESQL, ON_SQLITE
from tests.server.crm.configured import with_crm
from tests.server.crm.crm import Crm, running_crm


def customer(external_id: str = "K-1", version: str = "1", **more: Any) -> dict[str, Any]:
    """A record as the CRM answers."""
    return {
        "external_id": external_id,
        "source_version": version,
        "code": f"C-{external_id}",
        "kind": "organisation",
        "name": "华云数据有限公司",
        "contacts": [{"external_id": f"{external_id}-a", "name": "李娜", "phone": "13800138000"}],
        "contracts": [
            {"external_id": f"{external_id}-v", "number": f"HT-{external_id}", "status": "active", "from": "2026-01-01"}
            | {"until": "2026-12-31", "areas": ["hall"]}
        ],
        "holders": [{"external_id": f"{external_id}-h", "name": "王伟"}],
    } | more


class Desk:
    """One server's connection, and the API beside it."""

    def __init__(self, app: FastAPI, clock: FixedClock) -> None:
        context: Context = app.state.context
        assert context.crm is not None
        self.context = context
        self.clock = clock
        self.service = CrmService(context, context.crm)
        self.api: TestClient = token_client(app)

    def turn(self) -> None:
        self.service.run_once(self.clock.now())

    def hint(self, external_id: str) -> None:
        with self.context.database.write() as session:
            note_hint(session, self.clock.now(), external_id, None)

    def get(self, path: str) -> Any:
        return self.api.get(f"/api/v1{path}").json()

    def fetches(self) -> list[CrmFetch]:
        with self.context.database.read() as session:
            return list(session.exec(select(CrmFetch)).all())

    def state(self) -> CrmState:
        with self.context.database.read() as session:
            return session.exec(select(CrmState)).one()


@pytest.fixture
def crm() -> Iterator[Crm]:
    with running_crm() as made:
        yield made


@pytest.fixture
def desk(config: Config, tmp_path: Path, clock: FixedClock, crm: Crm) -> Iterator[Desk]:
    app = create_app(with_crm(config, tmp_path, crm.url), clock=clock, run_services=False)
    made = Desk(app, clock)
    yield made
    made.service.stop()
    app.state.context.close()


def test_the_first_look_brings_every_customer_page_by_page(desk: Desk, crm: Crm) -> None:
    for number in range(5):
        crm.put(customer(f"K-{number}"))
    desk.turn()
    assert desk.state().problem == ""
    shown = desk.get("/customers")["items"]
    assert [row["code"] for row in shown] == [f"C-K-{number}" for number in range(5)]
    assert shown[0]["source_system"] == "crm"
    assert shown[0]["synced_at"] is not None
    contract = desk.get("/contracts?customer=C-K-1")["items"][0]
    assert (contract["number"], contract["until"]) == ("HT-K-1", "2026-12-31T16:00:00Z")
    assert desk.get("/holders")["items"][0]["name"] == "王*"


def test_a_hint_fetches_one_customer_at_once(desk: Desk, crm: Crm) -> None:
    desk.turn()
    crm.put(customer())
    desk.hint("K-1")
    desk.turn()
    assert desk.get("/customers/C-K-1")["name"] == "华云数据有限公司"
    assert [(row.state, row.tries) for row in desk.fetches()] == [("done", 1)]


def test_an_older_record_changes_nothing(desk: Desk, crm: Crm) -> None:
    crm.put(customer(version="10", name="新名"))
    desk.turn()
    crm.put(customer(version="9", name="旧名"))
    desk.hint("K-1")
    desk.turn()
    assert desk.get("/customers/C-K-1")["name"] == "新名"
    assert desk.fetches()[0].state == "done"


def test_what_a_list_no_longer_names_is_gone(desk: Desk, crm: Crm) -> None:
    crm.put(customer())
    desk.turn()
    crm.put(customer(version="2", contacts=[], contracts=[], holders=[]))
    desk.hint("K-1")
    desk.turn()
    assert desk.fetches()[0].problem == ""
    assert desk.get("/contacts")["items"] == []
    assert desk.get("/contracts?customer=C-K-1&deleted=true")["items"][0]["status"] == "ended"
    unsaid = {key: value for key, value in customer(version="3", name="仍在").items() if key != "contracts"}
    crm.put(unsaid)
    desk.hint("K-1")
    desk.turn()
    assert [row.problem for row in desk.fetches()] == ["", ""]
    assert desk.get("/customers/C-K-1")["name"] == "仍在"


def test_a_customer_that_the_crm_deleted_ends_here(desk: Desk, crm: Crm) -> None:
    crm.put(customer())
    desk.turn()
    del crm.customers["K-1"]
    desk.hint("K-1")
    desk.turn()
    assert desk.fetches()[0].problem == ""
    assert desk.get("/customers/C-K-1")["deleted_at"] is not None
    desk.hint("K-1")
    desk.turn()
    assert desk.fetches()[1].state == "done"


def contract_statuses(desk: Desk) -> set[str]:
    return {row["status"] for row in desk.get("/contracts?deleted=true")["items"]}


@ON_SQLITE
def test_a_wrong_address_ends_no_contract_and_is_told_and_tried_again(desk: Desk, crm: Crm, clock: FixedClock) -> None:
    for number in range(3):
        crm.put(customer(f"K-{number}"))
    desk.turn()
    crm.fault = "404"
    desk.hint("K-1")
    desk.turn()
    row = desk.fetches()[0]
    assert (row.state, row.tries) == ("waiting", 1)
    assert "check crm_url" in row.problem
    clock.advance(LOOK_EVERY)
    desk.turn()
    assert "404; check crm_url" in desk.state().problem
    assert contract_statuses(desk) == {"active"}
    crm.fault = ""
    clock.advance(timedelta(minutes=11))
    desk.turn()
    assert [(row.state, row.problem) for row in desk.fetches()] == [("done", "")]
    assert contract_statuses(desk) == {"active"}


@ON_SQLITE
def test_customers_that_all_answer_404_beside_a_list_that_answers_are_not_gone(desk: Desk, crm: Crm) -> None:
    for number in range(3):
        crm.put(customer(f"K-{number}"))
    desk.turn()
    crm.fault = "404 for each"
    desk.hint("K-1")
    desk.turn()
    assert "no other customer is found" in desk.fetches()[0].problem
    assert contract_statuses(desk) == {"active"}


@ON_SQLITE
def test_more_than_a_few_at_once_are_not_gone_by_themselves(desk: Desk, crm: Crm, clock: FixedClock) -> None:
    for number in range(9):
        crm.put(customer(f"K-{number}"))
    desk.turn()
    for number in range(5):
        del crm.customers[f"K-{number}"], crm.modified[f"K-{number}"]
        desk.hint(f"K-{number}")
    desk.turn()
    assert [row.state for row in desk.fetches()] == ["done"] * MOST_AT_ONCE + ["waiting"] * 2
    assert len(desk.get("/customers")["items"]) == 9 - MOST_AT_ONCE
    clock.advance(AT_ONCE + timedelta(minutes=1))
    desk.turn()
    assert {row.state for row in desk.fetches()} == {"done"}, "those of an hour ago count no more"


@ON_SQLITE
def test_contracts_end_although_a_badge_is_out_and_such_customers_count_among_those_that_vanish(
    desk: Desk, crm: Crm
) -> None:
    for number in range(6):
        crm.put(customer(f"K-{number}"))
    desk.turn()
    for number in range(5):
        issued_badge(desk.api, f"K-{number}-h", f"M{number}")
        del crm.customers[f"K-{number}"], crm.modified[f"K-{number}"]
        desk.hint(f"K-{number}")
    desk.turn()
    assert [row.state for row in desk.fetches()] == ["done"] * MOST_AT_ONCE + ["waiting"] * 2
    ended = desk.get("/contracts?customer=C-K-0")["items"]
    assert [row["status"] for row in ended] == ["ended"]
    assert desk.get("/customers/C-K-0")["deleted_at"] is None, "its badge is out"


@ON_SQLITE
def test_many_that_are_really_gone_end_in_time_however_often_they_were_doubted(
    desk: Desk, crm: Crm, clock: FixedClock
) -> None:
    for number in range(20):
        crm.put(customer(f"K-{number:02}"))
    desk.turn()
    desk.hint("K-19")
    crm.fault = "404 for each"
    for _ in range(MAX_TRIES + 15):
        clock.advance(timedelta(minutes=11))
        desk.turn()
    doubted = desk.get("/registry/connection")["retried"]
    assert [row["customer"] for row in doubted] == ["K-19"]
    assert doubted[0]["tries"] > MAX_TRIES
    assert "check crm_url" in doubted[0]["problem"]
    crm.fault = ""
    for number in range(10, 20):  # the latest written, all of the three that are asked for first among them
        del crm.customers[f"K-{number}"], crm.modified[f"K-{number}"]
        desk.hint(f"K-{number}")
    for _ in range(4 * 6):
        clock.advance(timedelta(minutes=11))
        desk.turn()
    assert {row.state for row in desk.fetches()} == {"done"}
    assert len(desk.get("/customers")["items"]) == 10


@ON_SQLITE
def test_a_record_is_written_whole_or_not_at_all(desk: Desk, crm: Crm) -> None:
    broken = customer(holders=[{"external_id": "h", "name": "王伟", "areas": ["hall"], "staff": True}])
    crm.put(broken)
    crm.put(customer("K-2"))
    desk.turn()
    assert "holders[0]" in desk.state().problem
    assert [row["code"] for row in desk.get("/customers")["items"]] == ["C-K-2"]


@ON_SQLITE
@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"contracts": "none"}, "contracts: a list"),
        ({"contracts": [1]}, "contracts[0]: not a JSON object"),
        ({"contracts": [{"external_id": "v", "from": "soon"}]}, "from"),
        ({"contracts": [{"external_id": "v", "from": "2026-02-01", "until": "2026-01-01"}]}, "contracts[0]"),
        ({"contracts": [{"external_id": "v", "from": "2026-01-01", "areas": ["moon"]}]}, "moon"),
        ({"kind": "alien"}, "kind"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_the_agreement_does_not_know_is_named(desk: Desk, crm: Crm, change: dict[str, Any], says: str) -> None:
    crm.put(customer(**change))
    desk.hint("K-1")
    desk.turn()
    row = desk.fetches()[0]
    assert (row.state, says in row.problem) == ("failed", True), row.problem
    assert desk.get("/customers")["items"] == []
    assert desk.get("/registry/connection")["failed"][0]["problem"] == row.problem


@ON_SQLITE
def test_a_crm_that_is_away_is_asked_again_and_at_last_given_up(desk: Desk, crm: Crm, clock: FixedClock) -> None:
    crm.fault = "500"
    desk.hint("K-1")
    desk.turn()
    row = desk.fetches()[0]
    assert (row.state, row.tries) == ("waiting", 1)
    assert "500" in row.problem
    desk.turn()
    assert desk.fetches()[0].tries == 1  # not before it is due
    for _ in range(MAX_TRIES):
        clock.advance(timedelta(minutes=11))
        desk.turn()
    assert desk.fetches()[0].state == "failed"
    crm.fault = ""
    crm.put(customer())
    clock.advance(LOOK_EVERY)
    desk.turn()
    assert desk.get("/customers/C-K-1")["code"] == "C-K-1"  # the regular look finds what hints missed


@ON_SQLITE
@pytest.mark.parametrize("fault", ["garbage", "shape", "endless", "large"])
def test_an_answer_that_is_none_is_named_and_ends(desk: Desk, crm: Crm, fault: str) -> None:
    crm.fault = fault
    desk.turn()
    assert desk.state().problem != ""
    assert desk.state().fetched_until is None


@ON_SQLITE
def test_the_regular_look_asks_for_what_changed_since(desk: Desk, crm: Crm, clock: FixedClock) -> None:
    desk.turn()
    asked = len(crm.asked)
    desk.turn()
    assert len(crm.asked) == asked
    clock.advance(LOOK_EVERY)
    desk.turn()
    assert "modified_since=2026-03-02T07%3A55%3A00Z" in crm.asked[-1]


def test_what_is_here_already_is_not_written_again(desk: Desk, crm: Crm) -> None:
    crm.put(customer())
    desk.turn()
    before = [desk.get(path) for path in ("/customers/C-K-1", "/contacts", "/contracts", "/holders")]
    desk.hint("K-1")
    desk.turn()
    after = [desk.get(path) for path in ("/customers/C-K-1", "/contacts", "/contracts", "/holders")]
    assert before == after


@ON_POSTGRESQL  # which refuses more of them by itself
@pytest.mark.parametrize(
    "bad",
    [
        pytest.param({"name": "华\0云"}, id="NUL"),
        pytest.param({"name": "\ud800"}, id="half a pair"),
        pytest.param({"\ud800\0": 1}, id="half a pair as a key"),
        pytest.param({"remark": "x" * 100_000}, id="long"),
        pytest.param({"contracts": [{"external_id": "v", "from": "2026-01-01", "areas": ["\0"]}]}, id="NUL in a list"),
        pytest.param({"contacts": [{"external_id": "a", "name": "李\0娜"}]}, id="NUL in a person's name"),
        pytest.param({"owner": "\0", "class": 10**30}, id="a huge number"),
        pytest.param({"external_id": "K-0", "source_version": "9" * 5_000}, id="a huge version"),
    ],
)
def test_one_bad_record_holds_up_no_other(desk: Desk, crm: Crm, bad: dict[str, Any]) -> None:
    crm.put(customer("K-0") | bad)
    crm.put(customer("K-1"))
    desk.hint("K-0")
    desk.hint("K-1")
    desk.turn()
    assert desk.get("/customers/C-K-1")["external_id"] == "K-1"
    assert {row.state for row in desk.fetches() if row.external_id == "K-0"} <= {"failed", "done"}
    assert desk.api.get("/api/v1/registry/connection").status_code == 200


@ON_SQLITE
def test_an_answer_that_drips_is_given_up(desk: Desk, crm: Crm, clock: FixedClock) -> None:
    crm.put(customer())
    crm.between_parts = lambda: clock.advance(timedelta(seconds=7))
    desk.turn()
    assert "not whole after 60 s" in desk.state().problem
    assert desk.get("/customers")["items"] == []


@ON_SQLITE
def test_a_clock_that_was_ahead_delays_and_loses_nothing(desk: Desk, crm: Crm, clock: FixedClock) -> None:
    clock.advance(timedelta(days=400))
    crm.fault = "500"
    desk.hint("K-1")
    desk.turn()
    crm.fault = ""
    clock.advance(timedelta(minutes=11))
    desk.hint("K-2")
    desk.turn()
    clock.advance(-timedelta(days=400))
    crm.put(customer(), "2026-03-01T00:00:00Z")
    crm.fault = "500"
    desk.hint("K-1")
    desk.turn()
    crm.fault = ""
    clock.advance(LOOK_EVERY)
    desk.turn()
    assert desk.get("/customers/C-K-1")["code"] == "C-K-1"
    assert "modified_since" not in crm.asked[-1]
