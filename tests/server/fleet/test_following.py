"""From a change in the registry, whoever made it, to the policies of the edges that it concerns."""

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import text, update
from sqlalchemy.engine import Connection
from sqlalchemy.exc import OperationalError
from sqlmodel import col, select

from controller.policy import Version
from server.badges.models import Badge
from server.config import Config
from server.db.engine import Database
from server.fleet.book import Scope
from server.fleet.compiling import Work
from server.fleet.models import Edge, FleetState, PolicyReach, PolicySnapshot, PolicyVersion
from server.fleet.registry_rows import RegistryRows, RowsFound
from server.ledger.facts import table_of
from server.registry.models import Contract, Customer, Holder, RegistryChange
from tests.server.conftest import SITE, START
from tests.server.edges import WireEdge
from tests.server.fleet.conftest import Fleet

HALL_AT_EAST = SITE.replace('id = "hall-door"', 'id = "hall-door"\nedge = "east"').replace(
    'id = "lobby-door"', 'id = "lobby-door"\nedge = "west"'
)


@pytest.fixture
def config(config: Config) -> Config:
    """Doors that name their edge: the lobby's west, the hall's east."""
    Path(config.site_file).write_text(HALL_AT_EAST, "utf-8")
    return config


def statuses(fleet: Fleet, edge: WireEdge) -> dict[str, str]:
    return {badge.number: badge.status for badge in fleet.snapshot(edge).badges}


def reach(fleet: Fleet, change: int) -> list[tuple[str, int]]:
    """The edges that a change concerns, and the version that carries it."""
    with fleet.context.database.read() as session:
        found = session.exec(
            select(Edge.name, PolicyReach.n)
            .join(PolicyReach, col(PolicyReach.edge_id) == Edge.id)
            .where(PolicyReach.change_id == change)
            .order_by(col(Edge.name))
        )
        return list(found.all())


def version(fleet: Fleet, edge: WireEdge) -> int:
    return fleet.kept(edge).version.n


@pytest.fixture
def east(fleet: Fleet) -> WireEdge:
    """The edge of the hall."""
    return fleet.enrolled("east")


@pytest.fixture
def west(fleet: Fleet) -> WireEdge:
    """The edge of the lobby."""
    return fleet.enrolled("west")


def test_each_edge_gets_the_badges_of_its_areas_and_no_others(fleet: Fleet, east: WireEdge, west: WireEdge) -> None:
    registry = fleet.registry
    registry.member("H", registry.customer("C1", areas=["hall"]))
    registry.member("O", registry.customer("C2", areas=["outside"]))
    registry.badge("S", registry.holder("guo", may_escort=["hall"]))
    registry.badge("N", registry.holder("nobody"))
    registry.badge("T", registry.holder("visitor", kind="visitor"))
    fleet.turn()
    assert list(statuses(fleet, east)) == ["H", "S", "T"]
    assert list(statuses(fleet, west)) == ["O", "T"]
    assert [customer.code for customer in fleet.snapshot(west).customers] == ["C2"]


def test_a_change_makes_a_version_only_where_it_matters(fleet: Fleet, east: WireEdge, west: WireEdge) -> None:
    owner = fleet.registry.customer()
    badge = fleet.registry.member("H", owner)
    fleet.turn()
    assert (version(fleet, east), version(fleet, west)) == (1, 1)
    change = fleet.registry.change(Badge, badge, status="suspended")
    fleet.turn()
    assert (version(fleet, east), version(fleet, west)) == (2, 1)
    assert reach(fleet, change) == [("east", 2)]
    assert fleet.heard(west, "delta") == []


def test_who_may_no_longer_enter_stays_known_at_the_door_they_may_be_behind(fleet: Fleet, east: WireEdge) -> None:
    owner = fleet.registry.customer(areas=["hall"])
    fleet.registry.member("H", owner)
    fleet.turn()
    contract = next(row.row_id for row in fleet.registry.changes() if row.table_name == "contract")
    change = fleet.registry.change(Contract, contract, areas=["outside"])
    fleet.turn()
    assert statuses(fleet, east) == {"H": "active"}
    assert [grant.areas[0].area for grant in fleet.snapshot(east).grants] == ["outside"]
    assert reach(fleet, change) == [("east", 2)]
    fleet.restart()
    fleet.turn()
    assert statuses(fleet, east) == {"H": "active"}, "after a restart, too"


def test_a_contract_ended_with_bare_sql_ends_its_badges_at_the_door(fleet: Fleet, east: WireEdge) -> None:
    owner = fleet.registry.customer(until_at=datetime(2030, 1, 1, tzinfo=UTC))
    fleet.registry.member("H", owner)
    fleet.turn()
    fleet.heard(east, "delta")
    with fleet.context.database.write() as session:
        session.connection().execute(text("UPDATE contract SET status = 'ended'"))
    assert fleet.api.get("/api/v1/policies/east").json()["pending"]
    fleet.turn()
    [message] = fleet.heard(east, "delta")
    assert [(customer.code, customer.status) for customer in message.delta.customers] == [("C001", "ended")]
    [grant] = message.delta.grants
    assert all(area.from_us == area.until_us for area in grant.areas), "not until the end that it states"


@pytest.mark.parametrize("mark", ["left_at", "deleted_at"])
def test_the_badges_of_who_has_left_are_revoked(fleet: Fleet, east: WireEdge, mark: str) -> None:
    owner = fleet.registry.customer()
    fleet.registry.member("H", owner)
    fleet.registry.member("I", owner, slot=2, status="lost", lost_at=START)
    fleet.turn()
    holders = [row.row_id for row in fleet.registry.changes() if row.table_name == "holder"]
    changes = [fleet.registry.change(Holder, holder, **{mark: START}) for holder in holders]
    fleet.turn()
    assert statuses(fleet, east) == {"H": "revoked", "I": "lost"}
    assert reach(fleet, changes[0]) == [("east", 2)]


def test_the_badges_of_a_deleted_or_merged_file_get_nothing(fleet: Fleet, east: WireEdge) -> None:
    registry = fleet.registry
    kept, merged, deleted = (registry.customer(code) for code in ("C1", "C2", "C3"))
    for number, owner in (("A", kept), ("B", merged), ("C", deleted)):
        registry.member(number, owner)
    fleet.turn()
    registry.change(Customer, merged, merged_into=kept, deleted_at=START)
    registry.change(Customer, deleted, deleted_at=START)
    fleet.turn()
    policy = fleet.snapshot(east)
    assert {customer.code: customer.status for customer in policy.customers} == {
        "C1": "active",
        "C2": "ended",
        "C3": "ended",
    }
    granted = {grant.id: grant.areas for grant in policy.grants}
    assert [bool(granted[badge.grant]) for badge in policy.badges] == [True, False, False]


def test_a_badge_returned_is_revoked_and_one_without_a_card_does_not_travel(fleet: Fleet, east: WireEdge) -> None:
    owner = fleet.registry.customer()
    badge = fleet.registry.member("H", owner)
    fleet.registry.member("I", owner, slot=2, status="approved", number=None, technology=None, credential=None)
    fleet.turn()
    assert statuses(fleet, east) == {"H": "active"}
    fleet.registry.deregister(badge, "returned")
    fleet.turn()
    assert statuses(fleet, east) == {"H": "revoked"}


def test_areas_that_the_site_does_not_have_are_noted_as_the_problem_of_that_change(
    fleet: Fleet, east: WireEdge
) -> None:
    fleet.registry.member("H", fleet.registry.customer(areas=["hall", "cellar"]))
    fleet.turn()
    noted = {row.table_name: row.problem for row in fleet.registry.changes()}
    assert noted == {
        "customer": None,
        "contract": "not in the site, so not given: cellar",
        "holder": None,
        "badge": None,
    }
    assert all(row.done_at is not None for row in fleet.registry.changes())
    assert statuses(fleet, east) == {"H": "active"}


@pytest.mark.parametrize("database_kind", [pytest.param("postgresql", marks=pytest.mark.postgresql)])
def test_a_slow_transaction_that_commits_a_lower_id_late_is_followed(
    fleet: Fleet, east: WireEdge, database_url: str
) -> None:
    owner = fleet.registry.customer()
    early, late = fleet.registry.member("A", owner), fleet.registry.member("B", owner, slot=2)
    fleet.turn()
    other = Database(database_url)
    with other.write() as slow:
        slow.connection().execute(update(table_of(Badge)).where(table_of(Badge).c.id == early).values(status="lost"))
        change = fleet.registry.change(Badge, late, status="suspended")
        fleet.turn()
        assert statuses(fleet, east) == {"A": "active", "B": "suspended"}
    other.close()
    fleet.turn()
    assert statuses(fleet, east) == {"A": "lost", "B": "suspended"}
    lower = next(row.id for row in reversed(fleet.registry.changes()) if row.row_id == early)
    assert lower is not None
    assert lower < change
    assert (reach(fleet, change), reach(fleet, lower)) == ([("east", 2)], [("east", 3)])


def test_behind_very_many_changes_a_revocation_waits_for_one_batch(
    fleet: Fleet, east: WireEdge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.fleet.service.COMPILES_PER_TURN", 1)
    monkeypatch.setattr("server.fleet.open_changes.BATCH_CHANGES", 10)
    monkeypatch.setattr("server.fleet.open_changes.read_open.__defaults__", (10,))
    badge = fleet.registry.member("H", fleet.registry.customer())
    fleet.turn()
    while any(row.done_at is None for row in fleet.registry.changes()):
        fleet.turn()
    fleet.turn()
    with fleet.context.database.write() as session:
        for number in range(60):
            session.add(Customer(code=f"I{number}", kind="individual", name="imported"))
    change = fleet.registry.change(Badge, badge, status="lost")
    fleet.service.run_once(fleet.now_us)
    assert statuses(fleet, east) == {"H": "lost"}
    still = [row for row in fleet.registry.changes() if row.done_at is None]
    assert still, "the import is not through"
    for _ in range(10):
        fleet.turn()
    assert not [row for row in fleet.registry.changes() if row.done_at is None]
    assert len(reach(fleet, change)) == 1


def test_a_change_that_an_earlier_batch_carried_already_still_says_where_it_is_in_force(
    fleet: Fleet, east: WireEdge, west: WireEdge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.fleet.service.COMPILES_PER_TURN", 1)
    monkeypatch.setattr("server.fleet.open_changes.BATCH_CHANGES", 10)
    monkeypatch.setattr("server.fleet.open_changes.read_open.__defaults__", (10,))
    owner = fleet.registry.customer()
    badge = fleet.registry.member("H", owner)
    for _ in range(4):
        fleet.turn()
    before = version(fleet, east)
    import_rows(fleet, "early", 8)
    lost = fleet.registry.change(Badge, badge, status="lost")
    import_rows(fleet, "late", 8)
    fleet.registry.change(Customer, owner, remark="reads the badge, too")
    fleet.service.run_once(fleet.now_us)
    assert (version(fleet, east), statuses(fleet, east)) == (before + 1, {"H": "lost"})
    for _ in range(4):
        fleet.turn()
    assert reach(fleet, lost) == [("east", before + 1)], "else nobody would wait for this door"


def test_a_version_whose_commit_was_not_confirmed_is_not_taken_for_a_newer_server(
    fleet: Fleet, east: WireEdge, monkeypatch: pytest.MonkeyPatch
) -> None:
    badge = fleet.registry.member("H", fleet.registry.customer())
    fleet.turn()
    fleet.receipt(east)
    fleet.turn()
    fleet.heard(east, "delta")
    fleet.registry.change(Badge, badge, status="lost")
    keep = fleet.service.policies.put_deltas

    def keep_and_lose_the_connection(connection: Connection, *rest: Any) -> None:
        keep(connection, *rest)
        connection.commit()
        raise OperationalError("COMMIT", {}, sqlite3.OperationalError("disk I/O error"))

    monkeypatch.setattr(fleet.service.policies, "put_deltas", keep_and_lose_the_connection)
    with pytest.raises(OperationalError):
        fleet.turn()
    monkeypatch.undo()
    fleet.turn()
    [message] = fleet.heard(east, "delta")
    status = east.status(policy_version=message.delta.version, policy_digest=message.delta.digest)
    fleet.say(east, "status", status)
    fleet.turn()
    assert fleet.service.composer.epoch == 1, "this database made it"
    assert fleet.kept(east).version == message.delta.version
    fleet.registry.change(Badge, badge, status="active")
    fleet.turn()
    assert [message.delta.version for message in fleet.heard(east, "delta")] == [Version(1, 3)]


def import_rows(fleet: Fleet, prefix: str, count: int) -> None:
    with fleet.context.database.write() as session:
        for number in range(count):
            session.add(Customer(code=f"{prefix}{number}", kind="individual", name="imported"))


def test_an_edge_enrolled_again_gives_no_number_of_a_grant_another_meaning(
    fleet: Fleet, east: WireEdge, west: WireEdge
) -> None:
    registry = fleet.registry
    registry.member("O", registry.customer("C1", areas=["outside"]))
    fleet.turn()
    registry.member("H", registry.customer("C2", areas=["hall"]))
    fleet.turn()
    assert fleet.api.post("/api/v1/edges/east/revoke").status_code == 200
    fleet.clock.advance(timedelta(minutes=1))
    fleet.restart()  # no edge that is loaded knows the number of the hall's grant
    registry.member("B", registry.customer("C3", areas=["lobby", "outside"]))
    fleet.turn()
    east = fleet.enrolled("east")
    registry.member("L", registry.customer("C4", areas=["lobby", "outside"]))
    for restart in (False, True):
        if restart:
            fleet.restart()
        fleet.turn()
        assert granted(fleet, east) == {"H": ["hall"], "B": ["lobby", "outside"], "L": ["lobby", "outside"]}
        assert granted(fleet, west) == {"O": ["outside"], "B": ["lobby", "outside"], "L": ["lobby", "outside"]}


def granted(fleet: Fleet, edge: WireEdge) -> dict[str, list[str]]:
    policy = fleet.snapshot(edge)
    areas = {grant.id: [area.area for area in grant.areas] for grant in policy.grants}
    return {badge.number: areas[badge.grant] for badge in policy.badges}


def test_nothing_is_compiled_twice_after_a_restart(fleet: Fleet, east: WireEdge, west: WireEdge) -> None:
    fleet.registry.member("H", fleet.registry.customer())
    fleet.turn()
    before = [fleet.kept(edge) for edge in (east, west)]
    fleet.restart()
    assert fleet.service.policies.compiler.read is not None
    with fleet.context.database.read() as session:
        assert fleet.service.policies.compiler.read(session.connection(), 0) is None
    fleet.turn()
    assert [fleet.kept(edge) for edge in (east, west)] == before


def test_another_site_file_or_compiler_is_compiled_in_full(fleet: Fleet, east: WireEdge) -> None:
    fleet.registry.member("H", fleet.registry.customer())
    fleet.turn()
    with fleet.context.database.write() as session:
        session.get_one(FleetState, 1).compiled_site = "of another site file"
        session.connection().execute(update(table_of(PolicySnapshot)).values(n=1))
    site = fleet.context.site
    areas = tuple(msgspec.structs.replace(area, closed=area.id == "hall") for area in site.areas)
    fleet.context.site = msgspec.structs.replace(site, areas=areas)
    fleet.restart()
    fleet.turn()
    [message] = fleet.heard(east, "delta")
    assert message.delta.site is not None
    assert [area.id for area in message.delta.site.areas if area.closed] == ["hall"]
    assert message.delta.badges == ()
    assert version(fleet, east) == 2


def test_a_new_edge_is_compiled_alone(fleet: Fleet, east: WireEdge) -> None:
    fleet.registry.member("H", fleet.registry.customer(areas=["hall", "outside"]))
    fleet.turn()
    before = fleet.kept(east)
    west = fleet.enrolled("west")
    fleet.turn()
    assert fleet.kept(east) == before
    assert statuses(fleet, west) == {"H": "active"}
    fleet.clock.advance(timedelta(minutes=1))
    again = fleet.enrolled("west")
    fleet.turn()
    assert version(fleet, again) == 1, "enrolled again: nothing differs"


def test_a_role_that_changes_takes_the_badges_away_and_brings_them_back(fleet: Fleet, east: WireEdge) -> None:
    fleet.registry.member("H", fleet.registry.customer())
    fleet.turn()
    assert fleet.api.post("/api/v1/edges", json={"name": "east", "role": "desk"}).status_code == 201
    fleet.turn()
    assert fleet.snapshot(east).badges == ()
    fleet.registry.member("I", fleet.registry.customer("C2"))
    fleet.turn()
    assert fleet.snapshot(east).badges == ()
    assert fleet.api.post("/api/v1/edges", json={"name": "east", "role": "door"}).status_code == 201
    fleet.turn()
    assert list(statuses(fleet, east)) == ["H", "I"]
    assert fleet.shown(east)["role"] == "door"
    assert fleet.api.post("/api/v1/edges", json={"name": "east", "role": "window"}).status_code == 422


@pytest.mark.parametrize("damage", ["snapshot lost", "delta lost", "digest altered", "snapshot altered"])
def test_a_stored_policy_that_cannot_be_read_is_compiled_anew_and_sent_whole(
    fleet: Fleet, east: WireEdge, damage: str
) -> None:
    owner = fleet.registry.customer()
    badge = fleet.registry.member("H", owner)
    fleet.turn()
    fleet.registry.member("I", owner, slot=2)
    fleet.turn()
    fleet.turn()
    versions, snapshots = table_of(PolicyVersion), table_of(PolicySnapshot)
    with fleet.context.database.write() as session:
        statement = {
            "snapshot lost": snapshots.delete(),
            "delta lost": versions.update().where(versions.c.n == 2).values(delta=None),
            "digest altered": versions.update().where(versions.c.n == 2).values(digest="0" * 64),
            "snapshot altered": snapshots.update().values(canonical=b"not zlib"),
        }[damage]
        session.connection().execute(statement)
    change = fleet.registry.change(Badge, badge, status="lost")
    fleet.restart()
    fleet.turn()
    fleet.turn()
    assert version(fleet, east) == 3
    assert reach(fleet, change) == [("east", 3)], "a badge that awaits this change must await this edge"
    assert fleet.heard(east, "delta") == []
    fleet.say(east, "request", east.request(want="deltas", have=Version(1, 2)))
    fleet.turn()
    assert {chunk.version for chunk in fleet.heard(east, "chunk")} == {Version(1, 3)}
    assert statuses(fleet, east) == {"H": "lost", "I": "active"}


def test_an_edge_that_missed_a_thousand_deltas_gets_one(fleet: Fleet, east: WireEdge) -> None:
    badge = fleet.registry.member("H", fleet.registry.customer())
    fleet.turn()
    have = fleet.kept(east).version
    compiler = fleet.service.policies.compiler
    with fleet.context.database.read() as session:
        found = RegistryRows(session.connection(), {"hall"}).touched((), (), {badge}, ())
    with fleet.context.database.write() as session:
        for number in range(1_000):
            status = "suspended" if number % 2 == 0 else "lost"
            rows = msgspec.structs.replace(
                found.rows, badges=[msgspec.structs.replace(found.rows.badges[0], status=status)]
            )
            work = Work(RowsFound(rows, {}), Scope(badges=[badge]), (), False)
            steps = compiler.prepare(work, 1)
            compiler.keep(session.connection(), work, steps, fleet.now_us)
            compiler.adopt(work, steps)
    fleet.say(east, "request", east.request(want="deltas", have=have))
    fleet.turn()
    [message] = fleet.heard(east, "delta")
    assert (message.delta.base, message.delta.version) == (have, Version(1, 1_001))
    assert [(entry.number, entry.status) for entry in message.delta.badges] == [("H", "lost")]
    assert message.delta.digest == fleet.kept(east).digest


def test_a_snapshot_never_holds_up_a_revocation(fleet: Fleet, east: WireEdge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.fleet.packing.PIECE_ENTRIES", 1)
    badge = fleet.registry.member("H", fleet.registry.customer())
    fleet.service.run_once(fleet.now_us)
    fleet.service.run_once(fleet.now_us)
    first = fleet.kept(east).version
    fleet.say(east, "request", east.request(want="snapshot", version=first))
    fleet.registry.change(Badge, badge, status="lost")
    fleet.service.run_once(fleet.now_us)
    assert fleet.heard(east, "chunk") == [], "still being packed"
    assert [message.delta.version.n for message in fleet.heard(east, "delta")] == [first.n + 1]
    for _ in range(20):
        fleet.turn()
    with fleet.context.database.read() as session:
        assert session.exec(select(PolicySnapshot.n)).all()


def test_the_changes_of_a_registry_without_edges_are_done(fleet: Fleet) -> None:
    fleet.registry.member("H", fleet.registry.customer())
    fleet.turn()
    with fleet.context.database.read() as session:
        assert not session.exec(select(RegistryChange).where(col(RegistryChange.done_at).is_(None))).all()
    edge = fleet.enrolled("east")
    fleet.turn()
    assert statuses(fleet, edge) == {"H": "active"}


def test_policies_are_listed_with_their_receipts(fleet: Fleet, east: WireEdge, west: WireEdge) -> None:
    fleet.turn()
    fleet.receipt(east)
    shown = fleet.api.get("/api/v1/policies").json()["items"]
    assert [(one["edge"], one["version"], one["current"], one["pending"]) for one in shown] == [
        ("east", [1, 1], True, False),
        ("west", [1, 1], False, False),
    ]
    one = fleet.api.get("/api/v1/policies/east").json()
    assert [row["version"] for row in one["versions"]] == [[1, 1]]
    assert (one["digest"], one["size"]) == (fleet.kept(east).digest, fleet.kept(east).size)
    assert fleet.api.get("/api/v1/policies/north").status_code == 404
