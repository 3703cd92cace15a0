"""Follows the registry: from its open changes to each edge's next version, at the cost of what changed (C2, DESIGN 5).

::

    one reading transaction: open changes ─► rows that they touch
    no transaction:          rows ─► entries ─► for each edge what differs from its book
    one writing transaction: versions, where each change is in force, deltas in the outbox, changes done

A full compile is due for a new edge, after another enrolment or role, for another site file or compiler, after a raised epoch, and where
what is stored cannot be read. It waits until no change is open, so that every change is carried by a version that says so.
"""

import hashlib
from collections.abc import Iterable, Sequence

import msgspec
import structlog
from sqlalchemy import insert, select, update
from sqlalchemy.engine import Connection

from controller.policy import Delta, PolicyError, Version
from controller.site import Site
from server.db.clock import from_us
from server.fleet.bindings import note_releases
from server.fleet.book import Book, Prepared, Scope, areas_of_edge, has_goods_doors
from server.fleet.compile import COMPILER, Entries, Grants, compile_rows
from server.fleet.goods_rows import (
    GONE_ITEM_KEPT_US,
    OVER_US,
    GoodsFound,
    GoodsScope,
    ends_us,
    forget_changes,
    read_changes,
    read_goods,
)
from server.fleet.models import FleetState, PolicyReach
from server.fleet.open_changes import Change, mark_done, read_open, read_touched
from server.fleet.receipts import Receipt
from server.fleet.registry_rows import RegistryRows, RowsFound
from server.fleet.versions import Kept, NewVersion, keep_versions, load_book, newest_version
from server.ledger.facts import table_of
from server.registry.models import QUOTAS

HEAD_MARGIN_BYTES = 256
ITEMS_LOOKED_US = 3_600 * 1_000_000

log = structlog.get_logger(__name__)


class EdgePolicy:
    """One edge's policy. ``kept``: its newest version; None before the first. ``broken``: that version cannot be read any more."""

    def __init__(self, receipt: Receipt, site: Site) -> None:
        self.id, self.name = receipt.edge_id, receipt.edge
        self.book = Book()
        self.kept: Kept | None = None
        self.broken = False
        self.full_due = True
        self.follow(receipt, site)

    @property
    def has_book(self) -> bool:
        """Whether the book is that of the newest version."""
        return self.kept is not None and not self.broken

    def follow(self, receipt: Receipt, site: Site) -> None:
        """Take up the edge's role and enrolment."""
        self.role, self.enrolment = receipt.role, receipt.enrolment
        self.areas = None if receipt.role == "desk" else areas_of_edge(site, self.name)
        self.has_goods = receipt.role != "desk" and has_goods_doors(site, self.name)

    def followed(self, receipt: Receipt) -> bool:
        """Whether its role and enrolment are still those."""
        return (self.role, self.enrolment) == (receipt.role, receipt.enrolment)


class Work(msgspec.Struct, frozen=True):
    """What one reading transaction found to be done. ``full``: for the edges that need all of it."""

    found: RowsFound
    scope: Scope
    changes: Sequence[Change]
    full: bool
    leaves_some: bool = False
    """More changes are open than these, of the same rows perhaps."""
    goods: GoodsFound = GoodsFound()
    goods_scope: GoodsScope = GoodsScope()


class Step(msgspec.Struct, frozen=True):
    """The next version of one edge, not committed yet."""

    edge: EdgePolicy
    prepared: Prepared
    kept: Kept
    delta: Delta | None


class Compiler:
    """The books of all edges that are believed. Used by the fleet's thread only."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._site_areas = frozenset(area.id for area in site.areas)
        self._site_bytes = len(msgspec.json.encode(site)) + HEAD_MARGIN_BYTES
        self._fingerprint = fingerprint(site)
        self._grants = Grants()
        self._left_some = True
        """Whether an earlier batch may have carried, with its own changes of a row, others that were still open."""
        self._items_looked_us = 0
        self.edges: dict[int, EdgePolicy] = {}

    def load(self, connection: Connection, receipts: Iterable[Receipt]) -> None:
        """Read every edge's newest version."""
        self.edges, self._grants, self._left_some = {}, Grants(), True
        compiled = connection.scalar(select(table_of(FleetState).c.compiled_site)) == self._fingerprint
        for receipt in receipts:
            made_us = self._open(connection, receipt)
            self.edges[receipt.edge_id].full_due |= not compiled or made_us < receipt.enrolled_us

    def follow(self, connection: Connection, receipts: Iterable[Receipt]) -> None:
        """Take up edges that came, changed or are believed no more."""
        known = set()
        for receipt in receipts:
            known.add(receipt.edge_id)
            edge = self.edges.get(receipt.edge_id)
            if edge is None:
                self._open(connection, receipt)
                self.edges[receipt.edge_id].full_due = True  # changes may have passed it by
            elif not edge.followed(receipt):
                edge.follow(receipt, self._site)
                edge.full_due = True
        for edge_id in self.edges.keys() - known:
            del self.edges[edge_id]

    def _open(self, connection: Connection, receipt: Receipt) -> int:
        """Read what is stored for one edge. Returns when its newest version was made, 0 before the first."""
        edge = self.edges[receipt.edge_id] = EdgePolicy(receipt, self._site)
        newest = newest_version(connection, receipt.edge_id)
        if newest is None:
            return 0
        edge.kept, made_us = newest
        try:
            book = load_book(connection, edge.id, edge.kept)
            if any(not self._grants.agree(grant.id, grant.areas) for grant in book.grants.values()):
                raise PolicyError("its grants were numbered anew while it was not believed")
        except PolicyError as error:
            log.error("stored policy cannot be read: compiled anew", edge=edge.name, error=str(error))
            edge.broken = True
        else:
            edge.book, edge.full_due = book, False
            for grant in edge.book.grants.values():
                self._grants.know(grant.id, grant.areas)
        return made_us

    def read(self, connection: Connection, now_us: int) -> Work | None:
        """What is to be done, in one reading transaction: open changes first, then what is due in full."""
        changes, leaves_some = read_open(connection)
        goods_scope = read_changes(connection)
        if changes or goods_scope:
            books = [edge.book for edge in self.edges.values()]
            badges = {change.row_id for change in changes if change.table == "badge"}
            cards = {entry.credential for book in books for number in badges if (entry := book.badges.get(number))}
            found, scope = read_touched(connection, changes, self._site_areas, cards)
            goods = read_goods(connection, now_us, goods_scope)
            scope = msgspec.structs.replace(
                scope, items=goods_scope.items, orders=goods_scope.orders, slips=goods_scope.slips
            )
            return Work(found, scope, changes, False, leaves_some, goods, goods_scope)
        if any(edge.full_due for edge in self.edges.values()):
            return Work(
                RegistryRows(connection, self._site_areas).everything(),
                Scope(all_of_it=True),
                (),
                True,
                goods=read_goods(connection, now_us),
            )
        return None

    def over(self, now_us: int) -> list[tuple[str, int]]:
        """What is in the books though its time is over, (kind, id) for ``goods_change``: orders and slips long past their last window, and, looked at once
        an hour, devices that left long ago."""
        found: set[tuple[str, int]] = set()
        with_items = abs(now_us - self._items_looked_us) >= ITEMS_LOOKED_US
        if with_items:
            self._items_looked_us = now_us
        for book in (edge.book for edge in self.edges.values() if edge.has_goods):
            for kind, entries in (("order", book.orders), ("slip", book.slips)):
                found.update((kind, entry.id) for entry in entries.values() if ends_us(entry) + OVER_US <= now_us)
            if with_items:
                gone = (item for item in book.items.values() if not item.inside)
                found.update(("item", item.id) for item in gone if item.as_of_us + GONE_ITEM_KEPT_US <= now_us)
        return sorted(found)

    def prepare(self, work: Work, epoch: int) -> list[Step]:
        """The next version of each edge for which something differs, or whose policy is of another epoch."""
        entries = msgspec.structs.replace(
            compile_rows(work.found.rows, QUOTAS, self._grants),
            goods={"items": work.goods.items, "orders": work.goods.orders, "slips": work.goods.slips},
        )
        steps = []
        for edge in self.edges.values():
            if edge.full_due if work.full else edge.has_book:
                step = self._step(edge, work.scope, entries, epoch)
                if step is not None:
                    steps.append(step)
        return steps

    def _step(self, edge: EdgePolicy, scope: Scope, entries: Entries, epoch: int) -> Step | None:
        before = edge.kept
        prepared = edge.book.prepare(self._site, edge.areas, scope, entries, self._grants, edge.has_goods)
        follows = before is not None and before.version.epoch == epoch
        if prepared.is_empty and ((follows and not edge.broken) or not scope.all_of_it):
            return None
        version = Version(epoch, before.version.n + 1) if follows and before is not None else Version(epoch, 1)
        digest = prepared.digest.hexdigest(version, self._site)
        kept = Kept(version, digest, prepared.digest.size + self._site_bytes)
        delta = None
        if follows and before is not None and not edge.broken:
            delta = prepared.delta(before.version, version, digest)
        return Step(edge, prepared, kept, delta)

    def keep(self, connection: Connection, work: Work, steps: Sequence[Step], now_us: int) -> None:
        """Store versions, where each change is in force, and that the changes are done."""
        keep_versions(connection, [NewVersion(step.edge.id, step.kept, step.delta) for step in steps], now_us)
        reach = [
            {
                "change_id": change.id,
                "edge_id": step.edge.id,
                "epoch": step.kept.version.epoch,
                "n": step.kept.version.n,
            }
            for step in steps
            for change in work.changes
            if _carries(step.prepared, change)
        ]
        if self._left_some:
            carried = {step.edge.id: step.kept for step in steps}
            known = {(row["change_id"], row["edge_id"]) for row in reach}
            reach += [
                {"change_id": change.id, "edge_id": edge.id, "epoch": kept.version.epoch, "n": kept.version.n}
                for edge in self.edges.values()
                if edge.has_book and (kept := carried.get(edge.id, edge.kept)) is not None
                for change in work.changes
                if (change.id, edge.id) not in known and not change.badges.isdisjoint(edge.book.badges)
            ]
        reach += [  # which of them concern an edge whose book cannot be read is not known: all do
            {"change_id": change.id, "edge_id": edge.id, "epoch": edge.kept.version.epoch, "n": edge.kept.version.n + 1}
            for edge in self.edges.values()
            if edge.broken and edge.kept is not None
            for change in work.changes
        ]
        if reach:
            connection.execute(insert(table_of(PolicyReach)), reach)
        mark_done(connection, work.changes, work.found.problems, from_us(now_us))
        forget_changes(connection, work.goods_scope)
        kept_by = {step.edge.id: step.kept for step in steps}
        versions = {
            edge.id: kept.version
            for edge in self.edges.values()
            if (edge.full_due if work.full else edge.has_book) and (kept := kept_by.get(edge.id, edge.kept)) is not None
        }
        note_releases(connection, work.goods.withdrawn, versions)
        if work.full:
            connection.execute(update(table_of(FleetState)).values(compiled_site=self._fingerprint))

    def adopt(self, work: Work, steps: Sequence[Step]) -> None:
        """What was kept is committed."""
        for step in steps:
            step.edge.book.adopt(step.prepared)
            step.edge.kept = step.kept
            step.edge.broken = False
        self._left_some = work.leaves_some
        if work.full:
            for edge in self.edges.values():
                edge.full_due = False

    def is_as_kept(self, connection: Connection) -> bool:
        """Whether no edge has a newer version stored than its book."""
        newest = ((edge.kept, newest_version(connection, edge.id)) for edge in self.edges.values())
        return all(kept == (stored[0] if stored is not None else None) for kept, stored in newest)

    def compile_all_anew(self) -> None:
        """A full compile is due for every edge."""
        for edge in self.edges.values():
            edge.full_due = True


def _carries(prepared: Prepared, change: Change) -> bool:
    """Whether this version differs from the one before in something that the change touches."""
    return any(
        not ids.isdisjoint(prepared.changed[name]) or not ids.isdisjoint(prepared.gone[name])
        for name, ids in (("badges", change.badges), ("customers", change.customers), ("holders", change.holders))
        if ids
    )


def fingerprint(site: Site) -> str:
    """Digest of what every policy of a site is made of, beside the registry: the site file and this compiler."""
    made_of = (COMPILER, sorted(QUOTAS.items()), msgspec.to_builtins(site))
    return hashlib.sha256(msgspec.json.encode(made_of, order="sorted")).hexdigest()
