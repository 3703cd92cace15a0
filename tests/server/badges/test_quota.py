"""The quota is the database's: bare SQL, racing connections and changes of the customer cannot pass it (B2, DESIGN 1)."""

import itertools
import threading

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from server.db.engine import Database

_numbers = itertools.count(1)


def customer(connection: Connection, kind: str, code: str = "C1") -> int:
    """A customer of that kind; its id."""
    return connection.execute(
        text(
            "INSERT INTO customer (public_id, code, kind, name, created_at, version)"
            " VALUES (:code, :code, :kind, 'n', '2026-01-01 00:00:00', 1) RETURNING id"
        ),
        {"code": code, "kind": kind},
    ).scalar_one()


def holder(connection: Connection, customer_id: int | None, kind: str = "customer") -> int:
    """A holder; its id."""
    return connection.execute(
        text(
            "INSERT INTO holder (public_id, kind, customer_id, may_escort, areas, keyholder, created_at, version)"
            " VALUES (:public_id, :kind, :customer, '[]', '[]', false, '2026-01-01 00:00:00', 1) RETURNING id"
        ),
        {"public_id": f"hol_{next(_numbers)}", "kind": kind, "customer": customer_id},
    ).scalar_one()


def badge(connection: Connection, **values: object) -> None:
    """A badge by bare SQL; ``values`` replace what a right customer badge would have."""
    number = next(_numbers)
    row = {
        "public_id": f"bdg_{number}",
        "number": f"N{number}",
        "kind": "customer",
        "status": "active",
        "holder_kind": "customer",
        "customer_id": None,
        "customer_kind": None,
        "slot": None,
        "generation": number,
        "technology": "desfire",
        "credential": number.to_bytes(16, "big"),
        "from_at": "2026-01-01 00:00:00",
        "created_at": "2026-01-01 00:00:00",
        "deregistered_at": None,
        "version": 1,
    } | values
    columns = ", ".join(row)
    connection.execute(text(f"INSERT INTO badge ({columns}) VALUES ({', '.join(':' + name for name in row)})"), row)


@pytest.mark.parametrize(("kind", "quota"), [("organisation", 2), ("individual", 1)])
def test_badges_up_to_the_quota_are_accepted_and_no_slot_twice_or_beyond(
    database: Database, kind: str, quota: int
) -> None:
    with database.write() as session:
        connection = session.connection()
        owner = customer(connection, kind)
        person = holder(connection, owner)
        for slot in range(1, quota + 1):
            badge(connection, holder_id=person, customer_id=owner, customer_kind=kind, slot=slot)
    for slot in range(quota + 2):
        with pytest.raises(IntegrityError), database.write() as session:
            badge(session.connection(), holder_id=person, customer_id=owner, customer_kind=kind, slot=slot)


@pytest.mark.parametrize("kind", ["supplier", "partner"])
def test_other_kinds_of_customers_hold_no_badge(database: Database, kind: str) -> None:
    with database.write() as session:
        owner = customer(session.connection(), kind)
        person = holder(session.connection(), owner)
    with pytest.raises(IntegrityError), database.write() as session:
        badge(session.connection(), holder_id=person, customer_id=owner, customer_kind=kind, slot=1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"slot": None},
        {"customer_kind": None},
        {"customer_id": None},
        {"customer_id": None, "customer_kind": None, "slot": None},
        {"customer_kind": "organisation", "slot": 2},
        {"kind": "staff", "customer_id": None, "customer_kind": None, "slot": None},
        {"kind": "staff", "holder_kind": "staff", "customer_id": None, "customer_kind": None, "slot": None},
        {"kind": "temporary"},
        {"kind": "vip"},
        {"holder_kind": None},
        {"status": "revoked"},
        {"status": "returned"},
        {"status": "expired"},
        {"deregistered_at": "2026-01-02 00:00:00"},
        {"credential": None},
        {"number": None},
        {"technology": None},
        {"status": "approved"},
    ],
    ids=lambda wrong: " ".join(f"{key}={value}" for key, value in wrong.items()),
)
def test_no_column_left_out_or_lied_about_passes_the_quota(database: Database, wrong: dict[str, object]) -> None:
    with database.write() as session:
        owner = customer(session.connection(), "individual")
        person = holder(session.connection(), owner)
    right: dict[str, object] = {
        "holder_id": person,
        "customer_id": owner,
        "customer_kind": "individual",
        "slot": 1,
    }
    with pytest.raises(IntegrityError), database.write() as session:
        badge(session.connection(), **(right | wrong))
    with database.write() as session:
        badge(session.connection(), **right)


def test_a_badge_cannot_use_the_slot_of_another_customer_than_its_holders(database: Database) -> None:
    with database.write() as session:
        connection = session.connection()
        rich, poor = customer(connection, "organisation", "C1"), customer(connection, "individual", "C2")
        person = holder(connection, poor)
    with pytest.raises(IntegrityError), database.write() as session:
        badge(session.connection(), holder_id=person, customer_id=rich, customer_kind="organisation", slot=2)


@pytest.mark.parametrize("status", ["lost", "suspended", "issued", "active"])
def test_only_deregistration_frees_the_slot(database: Database, status: str) -> None:
    with database.write() as session:
        connection = session.connection()
        owner = customer(connection, "individual")
        person = holder(connection, owner)
        right = {"holder_id": person, "customer_id": owner, "customer_kind": "individual", "slot": 1}
        badge(connection, **right, status=status)
    with pytest.raises(IntegrityError), database.write() as session:
        badge(session.connection(), **right)
    with database.write() as session:
        session.connection().execute(
            text("UPDATE badge SET status = 'revoked', deregistered_at = '2026-01-02 00:00:00'")
        )
        badge(session.connection(), **right)
    with pytest.raises(IntegrityError), database.write() as session:
        session.connection().execute(text("UPDATE badge SET status = 'active', deregistered_at = NULL"))


def test_a_change_of_the_customers_kind_follows_into_its_badges_or_is_refused(database: Database) -> None:
    with database.write() as session:
        connection = session.connection()
        owner = customer(connection, "organisation")
        person = holder(connection, owner)
        for slot in (1, 2):
            badge(connection, holder_id=person, customer_id=owner, customer_kind="organisation", slot=slot)
    for kind in ("individual", "supplier"):
        with pytest.raises(IntegrityError), database.write() as session:
            session.connection().execute(text("UPDATE customer SET kind = :kind"), {"kind": kind})
    with database.write() as session:
        connection = session.connection()
        connection.execute(
            text("UPDATE badge SET status = 'revoked', deregistered_at = '2026-01-02 00:00:00' WHERE slot = 2")
        )
        connection.execute(text("UPDATE customer SET kind = 'individual'"))
        assert connection.execute(text("SELECT DISTINCT customer_kind FROM badge")).scalars().all() == ["individual"]


@pytest.mark.parametrize(("kind", "quota"), [("organisation", 2), ("individual", 1)])
def test_racing_connections_get_no_badge_beyond_the_quota(database: Database, kind: str, quota: int) -> None:
    with database.write() as session:
        owner = customer(session.connection(), kind)
        person = holder(session.connection(), owner)
    start = threading.Barrier(8)
    refused: list[BaseException] = []

    def race(slot: int) -> None:
        start.wait(60)
        try:
            with database.write() as session:
                badge(session.connection(), holder_id=person, customer_id=owner, customer_kind=kind, slot=slot)
        except DBAPIError as error:
            refused.append(error)

    threads = [threading.Thread(target=race, args=(number % quota + 1,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(refused) == 8 - quota
    assert all(isinstance(error, IntegrityError) for error in refused)
    with database.read() as session:
        live = session.connection().execute(text("SELECT count(*) FROM badge WHERE status <> 'revoked'")).scalar()
    assert live == quota


def test_a_customer_with_badges_cannot_be_deleted(database: Database) -> None:
    with database.write() as session:
        connection = session.connection()
        owner = customer(connection, "individual")
        person = holder(connection, owner)
        badge(connection, holder_id=person, customer_id=owner, customer_kind="individual", slot=1)
    for table in ("holder", "customer"):
        with pytest.raises(IntegrityError), database.write() as session:
            session.connection().execute(text(f"DELETE FROM {table}"))
