"""Whatever is done to the registry, in whatever order: what follows it change by change is what compiling everything gives, an edge that
takes each delta holds the same, and no door that may still open for a stopped badge is forgotten (C2, DESIGN 5, MEANINGS 6)."""

import random
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, SQLModel

from controller.index import PolicyIndex
from controller.policy import Policy
from controller.policy_delta import apply_delta
from controller.policy_digest import policy_digest
from server.badges.awaiting import change_that_stopped
from server.badges.models import Badge
from server.config import Config
from server.fleet.book import Scope
from server.fleet.compile import compile_rows
from server.fleet.in_force import standings
from server.fleet.registry_rows import RegistryRows
from server.ledger.facts import table_of
from server.registry.models import QUOTAS, Contract, Customer, Holder, RegistryChange
from tests.server.conftest import SITE, START
from tests.server.edges import WireEdge
from tests.server.fleet.conftest import Fleet


@pytest.fixture
def database_kind() -> str:
    """The slower half of one comparison: the database that runs several servers."""
    return "postgresql"


TWO_EDGES = SITE.replace('id = "hall-door"', 'id = "hall-door"\nedge = "east"').replace(
    'id = "lobby-door"', 'id = "lobby-door"\nedge = "west"'
)
AREAS = ("hall", "lobby", "outside", "cellar")
MODELS: dict[str, type[SQLModel]] = {"customer": Customer, "contract": Contract, "holder": Holder, "badge": Badge}
INDEXED = ("badges", "customers", "keyholders", "areas_of_grant", "no_place", "_cards_of_several", "_cards_of_two")


@pytest.fixture
def config(config: Config) -> Config:
    """Two edges, one door each."""
    Path(config.site_file).write_text(TWO_EDGES, "utf-8")
    return config


class Modelled:
    """An edge that takes what it hears. ``confirmed``: what it last said that it runs."""

    def __init__(self, wire: WireEdge) -> None:
        self.wire = wire
        self.policy: Policy | None = None
        self.index: PolicyIndex | None = None
        self.confirmed: Policy | None = None

    def hear(self, fleet: Fleet) -> None:
        for message in fleet.heard(self.wire, "delta"):
            if self.policy is None or message.delta.base != self.policy.version:
                continue
            self.policy = apply_delta(self.policy, message.delta)
            assert self.index is not None
            self.index.follow(self.policy, message.delta)
            anew = PolicyIndex(self.policy)
            for name in INDEXED:
                assert getattr(self.index, name) == getattr(anew, name), name
        kept = fleet.kept(self.wire)
        edges = fleet.service.policies.compiler.edges.values()
        book = next(edge.book for edge in edges if edge.name == self.wire.name)
        whole = book.policy(kept.version)
        if self.policy is None or self.policy.version.epoch != kept.version.epoch:
            self.policy, self.index = whole, PolicyIndex(whole)
        assert self.policy == whole
        assert policy_digest(whole) == kept.digest

    def confirm(self, fleet: Fleet) -> None:
        fleet.receipt(self.wire)
        self.confirmed = self.policy


class Clerk:
    """Does to the registry what is allowed, and tries what is not."""

    def __init__(self, fleet: Fleet, chance: random.Random) -> None:
        self._fleet, self._chance = fleet, chance
        self._made = 0

    def work(self) -> None:
        """One transaction of a few changes, all or nothing."""
        try:
            with self._fleet.registry.database.write() as session:
                for _ in range(self._chance.randint(1, 3)):
                    self._chance.choice((self._make, self._change, self._change, self._change))(session)
                    session.flush()
        except DBAPIError:
            pass  # refused by the database

    def _areas(self) -> list[str]:
        return self._chance.sample(AREAS, self._chance.randint(0, 2))

    def _one(self, session: Session, model: type[SQLModel]) -> Any:
        ids = session.connection().scalars(select(table_of(model).c.id)).all()
        return session.get_one(model, self._chance.choice(ids)) if ids else None

    def _make(self, session: Session) -> None:
        chance, self._made = self._chance, self._made + 1
        match chance.choice(("customer", "contract", "holder", "badge", "badge")):
            case "customer":
                kind = chance.choice(("organisation", "individual"))
                made = Customer(code=f"C{self._made}", kind=kind, name="name")
                session.add(made)
                session.flush()
                assert made.id is not None
                session.add(self._contract(made.id))
            case "contract":
                owner = self._one(session, Customer)
                if owner is not None:
                    session.add(self._contract(owner.id))
            case "holder":
                owner = self._one(session, Customer) if chance.random() < 0.7 else None
                kind = chance.choice(("staff", "visitor")) if owner is None else "customer"
                session.add(Holder(kind=kind, customer_id=owner and owner.id, areas=self._areas()))
            case "badge":
                holder = self._one(session, Holder)
                if holder is not None:
                    session.add(self._badge(session, holder))

    def _contract(self, owner: int) -> Contract:
        return Contract(customer_id=owner, status="active", from_at=START, areas=self._areas())

    def _badge(self, session: Session, holder: Holder) -> Badge:
        owner = session.get(Customer, holder.customer_id) if holder.customer_id is not None else None
        kind = {"customer": "customer", "staff": "staff", "visitor": "temporary"}[holder.kind]
        assert holder.id is not None
        return Badge(
            number=f"N{self._made}",
            kind=kind,
            status=self._chance.choice(("issued", "active")),
            holder_id=holder.id,
            holder_kind=holder.kind,
            customer_id=holder.customer_id,
            customer_kind=owner.kind if owner is not None else None,
            slot=self._chance.randint(1, 2) if kind == "customer" else None,
            generation=self._chance.randint(1, 5),
            technology="desfire",
            credential=self._fleet.registry.card(str(self._chance.randint(1, 40))),
            from_at=START,
            created_at=START,
            issued_at=START,
        )

    def _change(self, session: Session) -> None:
        chance = self._chance
        name = chance.choice(("customer", "contract", "contract", "holder", "badge", "badge", "badge"))
        row = self._one(session, MODELS[name])
        if row is None:
            return
        match name, chance.randint(0, 4):
            case "customer", 0:
                row.kind = chance.choice(("organisation", "individual"))
            case "customer", 1:
                row.deleted_at = chance.choice((None, START))
            case "customer", _:
                row.code = f"D{self._made}-{row.id}"
            case "contract", 0:
                row.areas = self._areas()
            case "contract", 1:
                owner = self._one(session, Customer)
                row.customer_id = owner.id
            case "contract", _:
                row.status = chance.choice(("active", "suspended", "ended", "draft"))
                row.until_at = chance.choice((None, START + timedelta(days=chance.randint(1, 9))))
            case "holder", 0:
                row.left_at = chance.choice((None, START))
            case "holder", 1:
                row.areas = self._areas()
            case "holder", _:
                row.keyholder = not row.keyholder
                row.may_escort = self._areas()
                row.duties = ["guard"] if row.kind == "staff" and not row.duties else []
            case "badge", 0:
                row.status, row.deregistered_at = "revoked", START
            case "badge", 1:
                row.schedule = chance.choice((None, "work"))
            case "badge", 2:
                holder = self._one(session, Holder)
                if (holder.kind, holder.customer_id) == (row.holder_kind, row.customer_id):
                    row.holder_id = holder.id
            case _:
                row.status = chance.choice(("lost", "active", "suspended"))
                row.lost_at = START if row.status == "lost" else None
        session.add(row)


def check_books(fleet: Fleet) -> None:
    """Compiling everything changes nothing."""
    compiler = fleet.service.policies.compiler
    with fleet.context.database.read() as session:
        areas = frozenset(area.id for area in fleet.context.site.areas)
        found = RegistryRows(session.connection(), areas).everything()
    entries = compile_rows(found.rows, QUOTAS, compiler._grants)
    for edge in compiler.edges.values():
        scope = Scope(all_of_it=True)
        left = edge.book.prepare(fleet.context.site, edge.areas, scope, entries, compiler._grants)
        differs = {name: (list(left.changed[name].values()), left.gone[name]) for name in left.changed}
        assert left.is_empty, (edge.name, differs)


def check_awaited(fleet: Fleet, edges: list[Modelled]) -> None:
    """Every edge whose last word is a policy in which a stopped badge is active is named as awaited."""
    with fleet.context.database.read() as session:
        for badge_id in session.connection().scalars(select(table_of(Badge).c.id)).all():
            badge = session.get_one(Badge, badge_id)
            stopped = change_that_stopped(session, badge)
            if stopped is None or session.get_one(RegistryChange, stopped).done_at is None:
                continue
            named = {
                each.edge for each in standings(session.connection(), [stopped], "customer") if each.since_us is None
            }
            for edge in edges:
                held = edge.confirmed.badges if edge.confirmed is not None else ()
                if any(entry.id == badge_id and entry.status == "active" for entry in held):
                    assert edge.wire.name in named, (badge_id, stopped, edge.wire.name)


def run(fleet: Fleet, seed: int, steps: int) -> None:
    chance = random.Random(seed)
    clerk = Clerk(fleet, chance)
    edges = [Modelled(fleet.enrolled(name)) for name in ("east", "west")]
    fleet.turn()
    for _ in range(steps):
        for _ in range(chance.randint(1, 6)):
            clerk.work()
        if chance.random() < 0.1:
            fleet.restart()
        for _ in range(chance.choice((1, 1, 20))):
            fleet.service.run_once(fleet.now_us)
            fleet.broker.acknowledge_all()
            for edge in edges:
                edge.hear(fleet)
        for edge in edges:
            if chance.random() < 0.4:
                edge.confirm(fleet)
        check_awaited(fleet, edges)
        if not any(change.done_at is None for change in fleet.registry.changes()):
            check_books(fleet)


@pytest.mark.parametrize("seed", [3, 100])
def test_following_the_registry_is_compiling_all_of_it(
    fleet: Fleet, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.fleet.service.COMPILES_PER_TURN", 1)
    monkeypatch.setattr("server.fleet.open_changes.read_open.__defaults__", (4,))
    run(fleet, seed, 40)
