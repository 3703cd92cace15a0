"""Reading the registry: all of it, or what some ids touch; rows that a CRM wrote badly stop nobody else."""

from typing import Any

from sqlalchemy import text
from sqlmodel import SQLModel

from controller.policy import FOREVER_US
from server.badges.models import Badge
from server.db.clock import to_us
from server.db.engine import Database
from server.fleet.compile import Rows
from server.fleet.registry_rows import RegistryRows, RowsFound
from server.registry.models import Contract, Customer, Holder
from tests.server.conftest import START
from tests.server.fleet.conftest import Fleet
from tests.server.fleet.registry import Registry

AREAS = frozenset({"outside", "lobby", "hall", "cage-a"})


def everything(database: Database) -> RowsFound:
    with database.read() as session:
        return RegistryRows(session.connection(), AREAS).everything()


def touched(database: Database, **ids: set[Any]) -> Rows:
    """``customers``, ``holders``, ``badges``, ``cards``."""
    kinds = ("customers", "holders", "badges", "cards")
    with database.read() as session:
        return RegistryRows(session.connection(), AREAS).touched(*(ids.get(kind, set()) for kind in kinds)).rows


def populated(registry: Registry) -> tuple[int, int, int, int]:
    first, second = registry.customer("C1"), registry.customer("C2", areas=["lobby"])
    one = registry.member("M1", first)
    registry.member("M2", first, slot=2)
    other = registry.member("M3", second)
    registry.badge("S1", registry.holder("guo", areas=["hall"], may_escort=["hall"], keyholder=True))
    return first, second, one, other


def test_what_a_row_becomes(fleet: Fleet) -> None:
    first, _, one, _ = populated(fleet.registry)
    found = everything(fleet.registry.database)
    assert not found.problems
    rows = found.rows
    assert next((row.id, row.code, row.kind, row.gone) for row in rows.customers) == (
        first,
        "C1",
        "organisation",
        False,
    )
    badge = next(row for row in rows.badges if row.id == one)
    assert (badge.credential, badge.status, badge.until_us) == (fleet.registry.card("M1"), "active", FOREVER_US)
    assert badge.from_us == to_us(START) - 30 * 86_400_000_000
    contract = next(row for row in rows.contracts if row.customer_id == first)
    assert (contract.areas, contract.status, contract.until_us) == (("hall",), "active", FOREVER_US)
    staff = next(row for row in rows.holders if row.customer_id is None)
    assert (staff.areas, staff.may_escort, staff.keyholder, staff.gone) == (("hall",), ("hall",), True, False)


def test_few_rows_are_read_for_few_ids_and_all_that_their_entries_are_made_of(fleet: Fleet) -> None:
    first, second, one, other = populated(fleet.registry)
    database = fleet.registry.database
    by_customer = touched(database, customers={first})
    assert [row.number for row in by_customer.badges] == ["M1", "M2"]
    assert ([row.id for row in by_customer.customers], len(by_customer.holders)) == ([first], 2)
    by_badge = touched(database, badges={one})
    assert [row.id for row in by_badge.badges] == [one]
    assert (len(by_badge.contracts), [row.id for row in by_badge.customers]) == (1, [first])
    holder = by_badge.badges[0].holder_id
    assert [row.id for row in touched(database, holders={holder}).badges] == [one]
    assert [row.id for row in touched(database, cards={fleet.registry.card("M3")}).badges] == [other]
    assert touched(database, customers={999}, holders={999}, badges={999}) == Rows([], [], [], [])
    fleet.registry.deregister(one)
    again = fleet.registry.member("M9", second, slot=2, card="M1")
    assert [row.id for row in touched(database, badges={again}).badges] == [one, again], "all badges of the card"


def test_what_has_ended_or_left_says_so(fleet: Fleet) -> None:
    first, second, _, _ = populated(fleet.registry)
    registry = fleet.registry
    extra = registry.contract(first, areas=["lobby"], kind="other")
    contract = next(row for row in registry.changes() if row.table_name == "contract" and row.row_id != extra).row_id
    registry.change(Contract, contract, deleted_at=START)
    holder = registry.holder("chen", first)
    registry.change(Holder, holder, left_at=START)
    registry.change(Customer, second, deleted_at=START)
    rows = everything(registry.database).rows
    assert [row.status for row in rows.contracts if row.customer_id == first] == ["ended"], (
        "the other kind opens nothing"
    )
    assert next(row for row in rows.holders if row.id == holder).gone
    assert [row.gone for row in rows.customers] == [False, True]


def test_areas_that_the_site_does_not_have_give_nothing_and_are_a_problem(fleet: Fleet) -> None:
    registry = fleet.registry
    owner = registry.customer("C1", areas=["hall", "cellar"])
    holder = registry.holder("guo", areas=["attic"])
    found = everything(registry.database)
    assert found.rows.contracts[0].areas == ("hall",)
    assert found.rows.holders[0].areas == ()
    contract = next(row.row_id for row in registry.changes() if row.table_name == "contract")
    assert found.problems == {
        ("contract", contract): "not in the site, so not given: cellar",
        ("holder", holder): "not in the site, so not given: attic",
    }
    assert owner


def test_rows_that_no_trigger_could_check_stop_nobody_else(fleet: Fleet) -> None:
    """Written by a database without our triggers, as a restored or older one might have."""
    registry = fleet.registry
    _, _, one, other = populated(registry)
    contract = next(row.row_id for row in registry.changes() if row.table_name == "contract")
    _without_triggers(registry.database, Contract, contract, "areas", "'{\"hall\": 1}'")
    found = everything(registry.database)
    assert "not a list" in found.problems["contract", contract]
    assert {row.id for row in found.rows.badges} >= {one, other}
    if registry.database.is_sqlite:  # PostgreSQL has a type for times
        _without_triggers(registry.database, Badge, one, "from_at", "'soon'")
        _without_triggers(registry.database, Contract, contract, "until_at", "'never'")
        found = everything(registry.database)
        assert [key for key, line in found.problems.items() if "not a time" in line] == [
            ("contract", contract),
            ("badge", one),
        ]
        assert next((row.from_us, row.until_us) for row in found.rows.badges if row.id == one) == (0, 0)
    else:
        _without_triggers(registry.database, Contract, contract, "until_at", "'infinity'")
        found = everything(registry.database)
        assert FOREVER_US in {row.until_us for row in found.rows.contracts}


def _without_triggers(database: Database, model: type[SQLModel], row_id: int, column: str, value: str) -> None:
    table: Any = model.__tablename__
    with database.write() as session:
        connection = session.connection()
        if database.is_sqlite:
            names = connection.scalars(
                text("SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = :t"), {"t": table}
            )
            for name in list(names):
                connection.execute(text(f'DROP TRIGGER "{name}"'))
            connection.execute(text("PRAGMA ignore_check_constraints = 1"))
        else:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text(f"UPDATE {table} SET {column} = {value} WHERE id = {row_id}"))
        if database.is_sqlite:
            connection.execute(text("PRAGMA ignore_check_constraints = 0"))


def test_duties_that_a_crm_wrote_are_given_to_own_staff_only_and_only_known_ones(fleet: Fleet) -> None:
    registry = fleet.registry
    staff = registry.holder("guo", areas=["hall"], duties=["king", "guard"])
    stranger = registry.holder("li", registry.customer("C1"), duties=["guard"])
    found = everything(registry.database)
    assert {row.id: row.duties for row in found.rows.holders} == {staff: ("guard",), stranger: ()}
    assert set(found.problems) == {("holder", staff), ("holder", stranger)}
