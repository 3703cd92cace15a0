"""A third badge, and everything else that types and foreign keys would refuse, by bare SQL on a connection without them (B2)."""

from typing import Any

import pytest

from tests.server.registry.bare_sql import REFUSED, Crm, crm

__all__ = ["crm"]


@pytest.fixture
def full(crm: Crm) -> dict[str, int]:
    """An organisation with its two badges; an individual with one; staff."""
    ids = {"org": crm.customer("ORG"), "one": crm.customer("ONE", "individual")}
    for name, customer in (("h1", "org"), ("h2", "org"), ("h3", "org"), ("i1", "one"), ("i2", "one")):
        ids[name] = crm.holder(ids[customer], name)
    ids["staff"] = crm.holder(None, "staff", "staff")
    crm.badge(ids["h1"], customer_id=ids["org"], slot=1)
    crm.badge(ids["h2"], customer_id=ids["org"], slot=2)
    crm.badge(ids["i1"], customer_id=ids["one"], customer_kind="individual", slot=1)
    return ids


def live(crm: Crm, customer_id: int) -> int:
    found: int = crm.one(
        "SELECT count(*) FROM badge WHERE customer_id = ? AND status NOT IN ('revoked', 'returned')", customer_id
    )
    return found


@pytest.mark.parametrize(
    "columns",
    [
        {"slot": 3},
        {"slot": 0},
        {"slot": None},
        {"slot": 1, "generation": 2},
        {"slot": 2, "generation": 2},
        {"kind": "staff", "slot": None, "customer_id": None, "customer_kind": None},
        {"kind": "staff", "slot": None, "customer_id": None, "customer_kind": None, "holder_kind": "staff"},
        {"kind": "temporary", "slot": None, "customer_id": None, "customer_kind": None, "holder_kind": "visitor"},
        {"customer_id": 999},
        {"customer_id": "one", "customer_kind": "individual"},
        {"customer_id": "one", "slot": 2},
        {"customer_kind": "individual"},
        {"customer_kind": "supplier"},
        {"holder_id": "i2"},
        {"holder_id": "staff"},
        {"holder_id": 999},
        {"slot": "two"},
        {"slot": 1.5},
    ],
)
def test_a_third_badge_is_refused_in_every_disguise(crm: Crm, full: dict[str, int], columns: dict[str, Any]) -> None:
    given = {"customer_id": full["org"], "holder_id": full["h3"], **columns}
    given = {
        name: full.get(value, value) if isinstance(value, str) and name.endswith("_id") else value
        for name, value in given.items()
    }
    with pytest.raises(REFUSED):
        crm.badge(given.pop("holder_id"), external_id="third", **given)
    assert (live(crm, full["org"]), live(crm, full["one"])) == (2, 1)


@pytest.mark.parametrize(
    "verb", ["INSERT OR REPLACE INTO", "INSERT OR IGNORE INTO", "REPLACE INTO", "INSERT OR FAIL INTO"]
)
def test_a_badge_that_takes_a_place_by_force_is_refused(crm: Crm, full: dict[str, int], verb: str) -> None:
    if not crm.is_sqlite:
        pytest.skip("SQLite only")
    before = crm.run("SELECT id, holder_id, slot FROM badge ORDER BY id")
    try:
        crm.badge(full["h3"], verb, customer_id=full["org"], slot=2, generation=2)
    except REFUSED:
        pass
    else:
        assert verb == "INSERT OR IGNORE INTO"
    assert crm.run("SELECT id, holder_id, slot FROM badge ORDER BY id") == before


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE badge SET slot = 3 WHERE holder_id = :h2",
        "UPDATE badge SET slot = 1 WHERE holder_id = :h2",
        "UPDATE badge SET customer_id = :org, customer_kind = 'organisation', slot = 2 WHERE holder_id = :i1",
        "UPDATE badge SET holder_id = :i2 WHERE holder_id = :h2",
        "UPDATE badge SET kind = 'staff', customer_id = NULL, customer_kind = NULL, slot = NULL WHERE holder_id = :h2",
        "UPDATE badge SET kind = 'temporary', holder_kind = 'visitor', customer_id = NULL, customer_kind = NULL, slot = NULL",
        "UPDATE customer SET kind = 'individual' WHERE id = :org",
        "UPDATE customer SET kind = 'supplier' WHERE id = :one",
        "UPDATE holder SET customer_id = :one WHERE id = :h2",
        "UPDATE holder SET kind = 'staff', customer_id = NULL WHERE id = :h2",
        "UPDATE customer SET id = 77 WHERE id = :org",
    ],
)
def test_no_update_makes_room_for_a_third(crm: Crm, full: dict[str, int], statement: str) -> None:
    for name, value in full.items():
        statement = statement.replace(f":{name}", str(value))
    before = crm.run("SELECT id, kind, holder_id, customer_id, slot FROM badge ORDER BY id")
    with pytest.raises(REFUSED):
        crm.run(statement)
    assert crm.run("SELECT id, kind, holder_id, customer_id, slot FROM badge ORDER BY id") == before


def test_update_or_replace_deletes_nothing(crm: Crm, full: dict[str, int]) -> None:
    if not crm.is_sqlite:
        pytest.skip("SQLite only")
    for statement in (
        f"UPDATE OR REPLACE badge SET slot = 1 WHERE holder_id = {full['h2']}",
        "UPDATE OR REPLACE customer SET code = 'ORG' WHERE code = 'ONE'",
        "INSERT OR REPLACE INTO customer (code, kind, name) VALUES ('ORG', 'organisation', 'x')",
        "REPLACE INTO customer (id, code, kind, name) VALUES (1, 'NEW', 'organisation', 'x')",
    ):
        with pytest.raises(REFUSED, match="rows are kept"):
            crm.run(statement)
    assert len(crm.run("SELECT 1 FROM badge")) == 3
    assert len(crm.run("SELECT 1 FROM customer")) == 2


def test_a_kind_that_the_badges_allow_is_passed_on_to_them(crm: Crm, full: dict[str, int]) -> None:
    crm.run("UPDATE customer SET kind = 'organisation' WHERE id = ?", full["one"])
    assert crm.run("SELECT customer_kind FROM badge WHERE customer_id = ?", full["one"]) == [("organisation",)]
    assert crm.changes("badge")[-1]["after"]["customer_kind"] == "organisation"
    crm.badge(full["i2"], customer_id=full["one"], slot=2)
    assert live(crm, full["one"]) == 2


def test_a_place_that_was_freed_can_be_taken_again(crm: Crm, full: dict[str, int]) -> None:
    crm.run(
        "UPDATE badge SET status = 'revoked', deregistered_at = '2026-03-01 00:00:00' WHERE holder_id = ?", full["h2"]
    )
    crm.badge(full["h3"], customer_id=full["org"], slot=2, generation=2)
    with pytest.raises(REFUSED):
        crm.run("UPDATE badge SET status = 'approved', deregistered_at = NULL WHERE holder_id = ?", full["h2"])
    assert live(crm, full["org"]) == 2


SQLITE_ONLY = [
    ("UPDATE contract SET from_at = '2026-01-01T00:00:00'", "contract.from_at: must be a time in UTC"),
    ("UPDATE contract SET from_at = '2026-01-01 00:00:00+08:00'", "contract.from_at"),
    ("UPDATE contract SET from_at = '2026-01-01 00:00:00Z'", "contract.from_at"),
    ("UPDATE contract SET from_at = '2026-01-01'", "contract.from_at"),
    ("UPDATE contract SET from_at = '2026-02-30 00:00:00'", "contract.from_at"),
    ("UPDATE contract SET from_at = '2026-01-01 24:00:00'", "contract.from_at"),
    ("UPDATE contract SET from_at = '2026-01-01 00:00:00.'", "contract.from_at"),
    ("UPDATE contract SET from_at = '2026-01-01 00:00:00.1234567'", "contract.from_at"),
    ("UPDATE contract SET from_at = 1767225600", "contract.from_at"),
    ("UPDATE contract SET from_at = 'soon'", "contract.from_at"),
    ("UPDATE contract SET ip_allowance = 'many'", "contract.ip_allowance: must be an integer"),
    ("UPDATE contract SET number = x'00ff'", "contract.number: must be a text"),
    ("UPDATE contract SET areas = x'5b5d'", "contract.areas: must be a JSON array of texts"),
    ("UPDATE contract SET areas = '[\"a\"'", "contract.areas"),
    ("UPDATE contract SET customer_id = 99", "contract.customer_id: there is no such row in customer"),
    ("UPDATE holder SET keyholder = 'yes'", "holder.keyholder: must be 0 or 1"),
    ("UPDATE holder SET keyholder = 2", "holder.keyholder"),
    ("UPDATE holder SET name_cipher = 'text'", "holder.name_cipher: must be a blob"),
    ("INSERT INTO contact (customer_id) VALUES (99)", "contact.customer_id: there is no such row in customer"),
    ("UPDATE customer SET merged_into = 99, deleted_at = '2026-01-01 00:00:00'", "customer.merged_into"),
]


@pytest.mark.parametrize(("statement", "said"), SQLITE_ONLY)
def test_what_sqlite_would_store_and_nobody_could_read_is_refused(
    crm: Crm, full: dict[str, int], statement: str, said: str
) -> None:
    if not crm.is_sqlite:
        pytest.skip("PostgreSQL checks its types")
    crm.run("INSERT INTO contract (customer_id, from_at) VALUES (?, '2026-01-01 00:00:00.123')", full["org"])
    with pytest.raises(REFUSED, match=said):
        crm.run(statement)
