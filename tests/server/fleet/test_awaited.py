"""A badge re-issued after a loss opens when the old one is refused everywhere, or nobody can vouch for it any more (MEANINGS 6)."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlmodel import Session, select

from server.badges.acts import perform
from server.badges.awaiting import change_that_stopped
from server.badges.lifecycle import Act
from server.badges.models import Badge
from server.db.clock import FixedClock
from server.fleet.awaited import awaited_edges
from server.operators.actor import Actor
from server.operators.models import AuditEntry
from server.registry.models import Holder, RegistryChange
from tests.server.edges import WireEdge
from tests.server.fleet.conftest import Fleet


class Reissue:
    """Two edges that have the old badge; it is lost, deregistered, and the new one is issued."""

    def __init__(self, fleet: Fleet, *, keyholder: bool = False, staff: bool = False) -> None:
        self.fleet = fleet
        self.edges = [fleet.enrolled("east"), fleet.enrolled("west")]
        owner = None if staff else fleet.registry.customer()
        self.holder = fleet.registry.holder("li", owner, keyholder=keyholder, areas=["hall"] if staff else [])
        self.old = fleet.registry.badge("M1", self.holder)
        fleet.turn()
        for edge in self.edges:
            fleet.receipt(edge)
        fleet.turn()
        self.change = fleet.registry.deregister(self.old)
        self.new = fleet.registry.badge(
            "M2", self.holder, status="issued", generation=2, replaces_id=self.old, awaits_change_id=self.change
        )

    @property
    def status(self) -> str:
        with self.fleet.context.database.read() as session:
            return session.get_one(Badge, self.new).status

    def awaited(self, now_us: int | None = None) -> list[dict[str, Any]]:
        with self.fleet.context.database.read() as session:
            return awaited_edges(session, session.get_one(Badge, self.new), now_us)

    def names(self) -> list[str]:
        return [each["edge"] for each in self.awaited(self.fleet.now_us)]


@pytest.fixture
def reissue(fleet: Fleet) -> Reissue:
    """As it stands before the fleet's first turn."""
    return Reissue(fleet)


def on_the_wire(fleet: Fleet, edge: WireEdge) -> dict[str, str]:
    return {badge.number: badge.status for badge in fleet.snapshot(edge).badges}


def test_a_change_that_no_policy_carries_yet_is_awaited_everywhere(reissue: Reissue) -> None:
    assert reissue.names() == ["east", "west"]
    assert reissue.status == "issued"


def test_it_becomes_active_when_the_last_edge_has_confirmed(fleet: Fleet, reissue: Reissue) -> None:
    east, west = reissue.edges
    fleet.turn()
    assert on_the_wire(fleet, east) == {"M1": "revoked", "M2": "issued"}, "both travel in one delta"
    assert reissue.names() == ["east", "west"]
    fleet.receipt(east)
    fleet.turn()
    assert (reissue.names(), reissue.status) == (["west"], "issued")
    fleet.receipt(west)
    fleet.turn()
    assert (reissue.names(), reissue.status) == ([], "active")
    fleet.turn()
    assert on_the_wire(fleet, west) == {"M1": "revoked", "M2": "active"}
    with fleet.context.database.read() as session:
        entry = session.exec(select(AuditEntry).where(AuditEntry.act == "badge.activate")).one()
        noted = [row for row in session.exec(select(RegistryChange)).all() if row.row_id == reissue.new][-1]
        badge = session.get_one(Badge, reissue.new)
    assert (entry.actor, noted.changed_by, badge.version) == ("system", "system", 2)
    assert badge.activated_at is not None


def test_an_older_receipt_or_another_digest_is_not_enough(fleet: Fleet, reissue: Reissue) -> None:
    fleet.turn()
    before = fleet.kept(reissue.edges[0]).version.__class__(1, 1)
    for edge in reissue.edges:
        fleet.receipt(edge, before)
    fleet.turn()
    assert reissue.status == "issued"


def test_an_edge_that_hears_nothing_is_awaited_until_its_lease_has_ended(
    fleet: Fleet, reissue: Reissue, clock: FixedClock
) -> None:
    east, west = reissue.edges
    fleet.turn()
    fleet.receipt(east)
    fleet.say(west, "status", b'{"online":false}')
    clock.advance(timedelta(hours=8, minutes=9))
    fleet.turn()
    [west_shown] = reissue.awaited(fleet.now_us)
    assert (west_shown["edge"], west_shown["lease_until"]) == ("west", "2026-03-02T16:10:00Z"), "8 h and the margin"
    assert reissue.status == "issued"
    clock.advance(timedelta(minutes=2))
    fleet.turn()
    assert (reissue.names(), reissue.status) == ([], "active")


def test_a_keyholders_longer_lease_is_waited_for_also_when_the_mark_was_taken_back(
    fleet: Fleet, clock: FixedClock
) -> None:
    reissue = Reissue(fleet, keyholder=True)
    fleet.registry.change(Holder, reissue.holder, keyholder=False)
    fleet.turn()
    fleet.receipt(reissue.edges[0])
    clock.advance(timedelta(hours=9))
    fleet.turn()
    assert (reissue.names(), reissue.status) == (["west"], "issued")
    clock.advance(timedelta(days=7))
    fleet.turn()
    assert reissue.status == "active"


def test_the_old_badge_of_own_staff_is_waited_for_as_long_as_staff_may_enter(fleet: Fleet, clock: FixedClock) -> None:
    reissue = Reissue(fleet, staff=True)
    fleet.turn()
    fleet.receipt(reissue.edges[0])
    clock.advance(timedelta(hours=23))
    fleet.turn()
    assert (reissue.names(), reissue.status) == (["west"], "issued"), "24 h, not a customer's 8 h (MEANINGS 17)"
    clock.advance(timedelta(hours=1, minutes=11))
    fleet.turn()
    assert reissue.status == "active"


@pytest.mark.parametrize("revoked", ["before the loss", "after the loss"])
def test_an_edge_whose_key_was_revoked_goes_on_opening_until_its_lease_has_ended(
    fleet: Fleet, clock: FixedClock, revoked: str
) -> None:
    reissue = Reissue(fleet)
    if revoked == "after the loss":
        fleet.turn()
    assert fleet.api.post("/api/v1/edges/west/revoke").status_code == 200
    fleet.turn()
    fleet.receipt(reissue.edges[0])
    clock.advance(timedelta(seconds=2))
    fleet.turn()
    assert (reissue.names(), reissue.status) == (["west"], "issued")
    clock.advance(timedelta(hours=8, minutes=11))
    fleet.turn()
    assert reissue.status == "active"


def test_an_edge_enrolled_again_is_awaited_until_it_runs_what_it_missed(fleet: Fleet, clock: FixedClock) -> None:
    reissue = Reissue(fleet)
    assert fleet.api.post("/api/v1/edges/west/revoke").status_code == 200
    fleet.turn()
    fleet.receipt(reissue.edges[0])
    clock.advance(timedelta(seconds=2))
    west = fleet.enrolled("west")  # perhaps on another machine: the old one goes on
    fleet.turn()
    assert (reissue.names(), reissue.status) == (["west"], "issued")
    fleet.receipt(west)
    fleet.turn()
    assert reissue.status == "active"


def test_who_takes_the_place_of_a_badge_that_never_had_a_card_waits_for_what_that_one_awaited(
    fleet: Fleet, reissue: Reissue
) -> None:
    never = fleet.registry.badge(
        "M3", reissue.holder, slot=2, status="approved", number=None, technology=None, credential=None,
        awaits_change_id=reissue.change,
    )  # fmt: skip
    fleet.registry.deregister(never)
    with fleet.context.database.read() as session:
        assert change_that_stopped(session, session.get_one(Badge, never)) == reissue.change


def test_a_badge_that_was_suspended_meanwhile_is_not_activated(fleet: Fleet, reissue: Reissue) -> None:
    fleet.registry.change(Badge, reissue.new, status="suspended")
    fleet.turn()
    for edge in reissue.edges:
        fleet.receipt(edge)
    fleet.turn()
    assert reissue.status == "suspended"


def test_a_badge_that_cannot_be_activated_stops_neither_others_nor_revocations(
    fleet: Fleet, reissue: Reissue, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = fleet.registry.customer("C2")
    other = fleet.registry.member("O1", owner, status="issued", awaits_change_id=reissue.change)
    third = fleet.registry.member("O2", owner, slot=2)
    fleet.turn()

    def fails_for_one(session: Session, actor: Actor, now: datetime, badge: Badge, act: Act, reason: str = "") -> bool:
        if badge.id == reissue.new:
            raise RuntimeError("whatever a row makes impossible")
        return perform(session, actor, now, badge, act, reason)

    monkeypatch.setattr("server.fleet.awaited.perform", fails_for_one)
    for edge in reissue.edges:
        fleet.receipt(edge)
    fleet.turn()
    with fleet.context.database.read() as session:
        assert session.get_one(Badge, other).status == "active"
    fleet.registry.change(Badge, third, status="lost")
    fleet.turn()
    assert on_the_wire(fleet, reissue.edges[0])["O2"] == "lost"
