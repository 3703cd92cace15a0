"""The revoke bench at a tiny size, and what it rests on."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from controller.policy import credential_key
from controller.site_checks import parse_site
from sim.bench.registry_rows import Place, Rows, access_point_of, number_of, site_file
from sim.bench.revoke import run

PLACES = [Place("edge-000", 7), Place("edge-001", 4)]

TABLES = """
CREATE TABLE customer (id, code, kind, name);
CREATE TABLE contract (id, customer_id, kind, status, from_at, areas);
CREATE TABLE holder (id, kind, customer_id);
CREATE TABLE badge (id, number, kind, status, holder_id, holder_kind, customer_id, customer_kind, slot, generation, technology,
  credential, from_at, created_at, issued_at, activated_at);
CREATE TABLE registry_change (done_at);
INSERT INTO registry_change VALUES (NULL);
"""


def test_the_site_gives_each_edge_its_door() -> None:
    site = parse_site(site_file(PLACES, "x"))
    assert {door.id: door.edge for door in site.doors} == {"edge-000-door": "edge-000", "edge-001-door": "edge-001"}
    assert [point.id for point in site.access_points] == [access_point_of(place.edge) for place in PLACES]
    assert parse_site(site_file(PLACES, "y")) != site


def test_each_place_gets_its_badges_and_some_customers_are_everywhere(tmp_path: Path) -> None:
    file = tmp_path / "some.db"
    with closing(sqlite3.connect(file)) as database:
        database.executescript(TABLES)
        badges = Rows(PLACES, 2, bytes(32), "2026-01-01 00:00:00.000000").load(file)
        assert badges == 2 + 5 + 2
        of_room = "SELECT count(*) FROM badge JOIN contract USING (customer_id) WHERE areas LIKE ?"
        for place in PLACES:
            assert database.execute(of_room, (f"%{place.edge}-room%",)).fetchone()[0] == place.badges
        most = "SELECT max(n) FROM (SELECT count(*) AS n FROM badge GROUP BY customer_id)"
        assert database.execute(most).fetchone()[0] == 2
        twice = "SELECT count(*) FROM badge GROUP BY customer_id, slot HAVING count(*) > 1"
        assert database.execute(twice).fetchone() is None
        card = database.execute("SELECT credential FROM badge WHERE number = ?", (number_of(3),)).fetchone()[0]
        assert card == credential_key(bytes(32), "desfire", number_of(3))
        assert database.execute("SELECT count(*) FROM registry_change WHERE done_at IS NULL").fetchone()[0] == 0


@pytest.mark.processes
def test_a_contract_ends_and_every_edge_refuses() -> None:
    report = run(edges=4, badges_of_the_first=40, badges_of_others=10, revocations=2, processes=2)
    demanded = report.figures[0]
    assert demanded.name == "revoke: contract ended → last of 4 edges refuses, p99"
    assert demanded.reach == "≤ 1"
    assert 0 < demanded.value < 30
    assert {figure.ok for figure in report.figures[1:]} == {None}
