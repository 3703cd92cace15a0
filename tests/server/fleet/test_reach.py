"""Where a change is in force, on the API and on the live page; and which changes take something away."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from server.badges.models import Badge
from server.config import Config
from server.db.clock import FixedClock
from server.fleet.reach import takes_away
from server.registry.models import Contract, Holder, RegistryChange
from tests.server.browser import token_client
from tests.server.conftest import SITE
from tests.server.edges import WireEdge
from tests.server.fleet.conftest import Fleet

TWO_EDGES = SITE.replace('id = "hall-door"', 'id = "hall-door"\nedge = "east"').replace(
    'id = "lobby-door"', 'id = "lobby-door"\nedge = "west"'
)


@pytest.fixture
def config(config: Config) -> Config:
    """Two edges, one door each."""
    Path(config.site_file).write_text(TWO_EDGES, "utf-8")
    return config


@pytest.fixture
def edges(fleet: Fleet) -> list[WireEdge]:
    """Both enrolled, with a badge M1 for both, its receipts and leases."""
    edges = [fleet.enrolled("east"), fleet.enrolled("west")]
    fleet.registry.member("M1", fleet.registry.customer(areas=["hall", "lobby"], external_id="K1"))
    fleet.turn()
    for edge in edges:
        fleet.receipt(edge)
    fleet.turn()
    return edges


def get(fleet: Fleet, path: str) -> dict[str, Any]:
    answer = fleet.api.get(f"/api/v1{path}")
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


def by_edge(shown: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {edge["edge"]: edge for edge in shown["edges"]}


def test_a_revocation_is_followed_door_by_door(fleet: Fleet, edges: list[WireEdge]) -> None:
    east, west = edges
    badge = fleet.registry.last_change()
    change = fleet.registry.change(Badge, 1, status="lost")
    assert change > badge
    shown = get(fleet, "/badges/M1/reach")
    assert (shown["change"], shown["pending"], shown["edges"]) == (change, True, [])
    assert (shown["text_en"], shown["text_zh"]) == ("revoked: on its way", "已撤销：尚未下发")
    fleet.turn()
    shown = get(fleet, "/badges/M1/reach")
    assert (shown["doors"], shown["doors_in_force"], shown["after_s"], shown["pending"]) == (2, 0, None, False)
    fleet.receipt(east)
    fleet.say(west, "status", b'{"online":false}')
    shown = get(fleet, "/badges/M1/reach")
    assert (shown["doors"], shown["doors_in_force"]) == (2, 1)
    east_shown, west_shown = by_edge(shown)["east"], by_edge(shown)["west"]
    assert (east_shown["doors"], east_shown["online"], west_shown["online"]) == (1, True, False)
    assert east_shown["in_force_at"] is not None
    assert east_shown["after_s"] == shown["after_s"] >= 0
    assert (west_shown["in_force_at"], west_shown["after_s"]) == (None, None)
    assert west_shown["lease_until"] > "2026-03-02T16:00"
    assert shown["text_en"].startswith("revoked: in force at 1 of 2 doors after ")
    assert shown["text_en"].endswith(" s; west offline, its lease ends 2026-03-03 00:10")
    assert "2 扇门中 1 扇已生效" in shown["text_zh"]
    assert shown["text_zh"].endswith("；west 离线，租约至 2026-03-03 00:10")
    fleet.receipt(west)
    shown = get(fleet, f"/changes/{change}/reach")
    assert (shown["doors"], shown["doors_in_force"]) == (2, 2)
    assert "west" not in shown["text_en"]


def test_the_lease_is_named_by_the_hour_it_ends_and_when_it_has_ended(
    fleet: Fleet, edges: list[WireEdge], clock: FixedClock
) -> None:
    fleet.registry.change(Badge, 1, status="lost")
    fleet.turn()
    fleet.say(edges[1], "status", b'{"online":false}')
    clock.advance(timedelta(hours=8, minutes=5))
    assert get(fleet, "/badges/M1/reach")["text_en"].endswith("; west offline, its lease ends 00:10")
    clock.advance(timedelta(minutes=10))
    assert get(fleet, "/badges/M1/reach")["text_en"].endswith("; west offline, its lease has ended")


def test_only_the_edges_that_a_change_concerns_are_named(fleet: Fleet, edges: list[WireEdge]) -> None:
    fleet.registry.member("M2", fleet.registry.customer("C2", areas=["hall"]))
    fleet.turn()
    shown = get(fleet, "/badges/M2/reach")
    assert (list(by_edge(shown)), shown["doors"], shown["takes_away"]) == (["east"], 1, False)
    assert shown["text_en"].startswith("changed: in force at 0 of 1 doors")
    fleet.registry.change(Holder, 2, keyholder=True)
    fleet.turn()
    fleet.registry.change(Contract, 2, number="K2")
    fleet.turn()
    assert get(fleet, f"/changes/{fleet.registry.last_change()}/reach")["text_en"] == "changed: concerns no door"


def test_a_contract_that_ends_is_followed_like_a_badge(fleet: Fleet, edges: list[WireEdge]) -> None:
    change = fleet.registry.change(Contract, 1, status="ended")
    fleet.turn()
    fleet.receipt(edges[0])
    shown = get(fleet, "/contracts/K1/reach")
    assert (shown["change"], shown["takes_away"], shown["doors_in_force"]) == (change, True, 1)


def test_a_receipt_of_what_this_database_never_made_counts_for_nothing(fleet: Fleet, edges: list[WireEdge]) -> None:
    east, west = edges
    fleet.registry.change(Badge, 1, status="lost")
    fleet.turn()
    later = fleet.kept(east).version.__class__(1, 9)
    fleet.say(east, "status", east.status(policy_version=later, policy_digest="a" * 64))
    assert get(fleet, "/badges/M1/reach")["doors_in_force"] == 0
    fleet.turn()
    fleet.turn()
    assert fleet.kept(east).version.epoch == 2
    fleet.receipt(east)
    assert get(fleet, "/badges/M1/reach")["doors_in_force"] == 1, "a later epoch has the change, too"
    assert west


def test_who_may_not_ask_is_refused_and_what_is_not_there_is_404(fleet: Fleet) -> None:
    for path in ("badges/none", "contracts/none", "changes/999"):
        assert fleet.api.get(f"/api/v1/{path}/reach").status_code == 404
    stranger = TestClient(fleet.api.app, base_url="https://testserver")
    assert stranger.get("/api/v1/changes/1/reach").status_code == 401
    assert fleet.api.get("/api/v1/changes/-1/reach").status_code == 422


def test_the_live_page_shows_the_latest_revocations_and_where_they_are_in_force(
    fleet: Fleet, edges: list[WireEdge]
) -> None:
    def panel() -> str:
        page = token_client(fleet.api.app, "guard").get("/live", headers={"Accept-Language": "en"}).text
        return page.split('data-panel="revocations">')[1].split("</ul>")[0]

    assert "Nothing was revoked lately." in panel()
    change = fleet.registry.change(Badge, 1, status="lost")
    assert "revoked: on its way" in panel()
    fleet.turn()
    assert f'data-change="{change}"' in panel()
    assert 'data-doors="2" data-in-force="0"' in panel()
    for edge in edges:
        fleet.receipt(edge)
    shown = panel()
    assert 'data-value="good"' in shown
    assert "Badge M1" in shown
    assert "C001" in shown
    assert "in force at 2 of 2 doors" in shown
    fleet.registry.change(Holder, 1, left_at=fleet.clock.now())
    fleet.registry.change(Contract, 1, status="suspended")
    fleet.registry.change(Contract, 1, status="active")
    assert panel().count("data-change=") == 3
    assert "holder of" not in panel(), "never a person's name"


def changed(table: str, before: dict[str, Any] | None, **after: Any) -> RegistryChange:
    values = (before or {}) | after
    return RegistryChange(table_name=table, row_id=1, op="update", changed_by="x", before=before, after=values)


ACTIVE = {"status": "active", "until_at": "2026-12-31 16:00:00", "areas": ["hall", "lobby"], "deleted_at": None}
PERSON = {"left_at": None, "deleted_at": None, "areas": ["hall"], "may_escort": ["hall"], "duties": ["guard"]}


@pytest.mark.parametrize(
    ("change", "takes"),
    [
        (lambda: changed("badge", ACTIVE, status="lost"), True),
        (lambda: changed("badge", ACTIVE, status="suspended"), True),
        (lambda: changed("badge", ACTIVE | {"status": "lost"}, status="revoked"), False),
        (lambda: changed("badge", ACTIVE | {"status": "suspended"}, status="active"), False),
        (lambda: changed("badge", ACTIVE | {"status": "revoked"}, status="returned"), False),
        (lambda: changed("badge", None, status="lost"), False),
        (lambda: changed("contract", ACTIVE, status="ended"), True),
        (lambda: changed("contract", ACTIVE | {"status": "draft"}, status="active"), False),
        (lambda: changed("contract", ACTIVE, until_at="2026-06-30 16:00:00"), True),
        (lambda: changed("contract", ACTIVE | {"until_at": None}, until_at="2026-06-30 16:00:00"), True),
        (lambda: changed("contract", ACTIVE, until_at="2027-06-30 16:00:00"), False),
        (lambda: changed("contract", ACTIVE, areas=["hall"]), True),
        (lambda: changed("contract", ACTIVE, areas=["hall", "lobby", "cage-a"]), False),
        (lambda: changed("contract", ACTIVE, deleted_at="2026-06-30 16:00:00"), True),
        (lambda: changed("holder", PERSON, left_at="2026-06-30 16:00:00"), True),
        (lambda: changed("holder", PERSON, may_escort=[]), True),
        (lambda: changed("holder", PERSON, duties=[]), True),
        (lambda: changed("holder", PERSON, keyholder=True), False),
        (lambda: changed("customer", {"merged_into": None}, merged_into=2), True),
    ],
)
def test_what_takes_something_away(change: Callable[[], RegistryChange], takes: bool) -> None:
    assert takes_away(change()) == takes


def test_the_lease_that_is_named_is_the_longest_of_those_whom_the_change_concerns(
    fleet: Fleet, edges: list[WireEdge]
) -> None:
    registry = fleet.registry
    staff = registry.badge("S1", registry.holder("guo", areas=["hall"]))
    keyholder = registry.badge("K1", registry.holder("key", registry.customer("C2"), keyholder=True))
    fleet.turn()
    for edge in edges:
        fleet.receipt(edge)
    fleet.turn()
    leases = {}
    for number, badge in (("S1", staff), ("K1", keyholder), ("M1", 1)):
        registry.change(Badge, badge, status="lost")
        fleet.turn()
        [east, *_] = get(fleet, f"/badges/{number}/reach")["edges"]
        leases[number] = east["lease_until"]
    assert leases == {"S1": "2026-03-03T08:10:00Z", "K1": "2026-03-09T08:10:00Z", "M1": "2026-03-02T16:10:00Z"}
