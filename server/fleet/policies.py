"""Each edge's policy on its way: heads, deltas, snapshots, leases, and the epoch that rises after a restore (DESIGN 5, MEANINGS 17-19)."""

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import ColumnElement, case, select, update
from sqlalchemy.engine import Connection

from controller.limits import limits_from
from controller.policy import Delta, Lease, Version
from controller.site import Site
from controller.wire import PolicyChunk, PolicyDelta, PolicyHead, PolicyLease, PolicyRequest, WireError, topic
from server.fleet.compiling import Compiler, EdgePolicy, Step
from server.fleet.down import Composer, put, put_all
from server.fleet.merging import merged_delta
from server.fleet.models import Edge, FleetState
from server.fleet.packing import Packed, Packer
from server.fleet.receipts import Receipt
from server.fleet.versions import keep_snapshot, load_deltas, load_parts
from server.ledger.facts import table_of

LEASE_RENEW_US = 300_000_000
LEASE_MARGIN_US = 600_000_000
"""A lease counts from its acceptance: so long after it was put into the outbox, which it leaves within :data:`LEASE_RENEW_US`, it has
been accepted or is not taken any more."""
LEASE_SHARE = 4
"""A lease is renewed after this share of its shortest class."""
MAX_DELTAS = 2_000
"""An edge that missed more is sent the snapshot."""
SNAPSHOT_EVERY = 100
"""A whole policy is kept after so many versions, so that any version is few deltas away."""

Message = tuple[str, bytes]
"""Topic and payload, to be published once."""


class Policies:
    """What the edges are told of their policies. Used by the fleet's thread only."""

    def __init__(self, site: Site, composer: Composer) -> None:
        self.compiler = Compiler(site)
        self._composer = composer
        self._packer = Packer()
        self._wanted: set[int] = set()
        limits = limits_from(site.settings)
        self._lease_s = {
            "temporary_s": round(limits.lease_temporary_s),
            "customer_s": round(limits.lease_customer_s),
            "staff_s": round(limits.lease_staff_s),
            "keyholder_s": round(limits.lease_keyholder_s),
        }
        self._renew_us = min(LEASE_RENEW_US, min(self._lease_s.values()) * 1_000_000 // LEASE_SHARE)

    def load(self, connection: Connection, receipts: Sequence[Receipt]) -> None:
        """Read every edge's newest version."""
        self._packer, self._wanted = Packer(), set()
        self.compiler.load(connection, receipts)

    # what a compile brings

    def put_deltas(self, connection: Connection, steps: Sequence[Step], now_us: int) -> None:
        """The deltas of new versions, in the transaction that keeps them."""
        sealed = {
            step.edge.name: self._sealed_delta(step.edge.name, step.delta, now_us) for step in steps if step.delta
        }
        put_all(connection, "delta", {edge: payload for edge, payload in sealed.items() if payload is not None})

    def follow_with_snapshots(self, steps: Sequence[Step]) -> None:
        """Note which new versions are to be kept whole."""
        for step in steps:
            if step.delta is None or step.kept.version.n % SNAPSHOT_EVERY == 0:
                self._packer.ask(step.edge.id)

    def put_heads(self, connection: Connection, edges: Iterable[EdgePolicy], now_us: int) -> None:
        """Publish the retained heads of these edges, each superseding the one before."""
        certificates = tuple(msgspec.Raw(raw) for raw in self._composer.keys.certificates(now_us))
        heads = {
            edge.name: self._composer.sealed(
                PolicyHead,
                edge.name,
                now_us,
                version=edge.kept.version,
                digest=edge.kept.digest,
                size=edge.kept.size,
                certificates=certificates,
            )
            for edge in edges
            if edge.kept is not None
        }
        put_all(connection, "policy", heads, retain=True, replaces=True)

    # what edges ask for

    def answer(self, connection: Connection, edge_id: int, request: PolicyRequest, now_us: int) -> list[Message]:
        """Answer through the outbox; a snapshot's chunks are returned, or follow from :meth:`pack`.

        All deltas that an edge missed come as one. Those that cannot be had are answered with the snapshot. ``head`` also renews the
        lease of an edge that runs the current policy.
        """
        edge = self.compiler.edges.get(edge_id)
        if edge is None or edge.kept is None:
            return []
        version = edge.kept.version
        if request.want == "deltas" and request.have is not None and request.have < version:
            if self._put_missed(connection, edge, request.have, now_us):
                return []
            self.put_heads(connection, [edge], now_us)
            return self._snapshot(connection, edge, 0, now_us)
        if request.want == "snapshot" and request.version == version:
            return self._snapshot(connection, edge, request.from_chunk, now_us)
        self.put_heads(connection, [edge], now_us)
        if request.have == version:
            self.put_lease(connection, edge, now_us)
        return []

    def _put_missed(self, connection: Connection, edge: EdgePolicy, have: Version, now_us: int) -> bool:
        assert edge.kept is not None
        wanted = edge.kept.version
        if have.epoch != wanted.epoch or not 0 < wanted.n - have.n <= MAX_DELTAS:
            return False
        deltas = load_deltas(connection, edge.id, have, MAX_DELTAS)
        if not deltas or deltas[-1].version != wanted:
            return False
        delta = deltas[0] if len(deltas) == 1 else merged_delta(deltas, edge.book, edge.kept)
        return self._put_delta(connection, edge.name, delta, now_us)

    def _put_delta(self, connection: Connection, edge: str, delta: Delta, now_us: int) -> bool:
        payload = self._sealed_delta(edge, delta, now_us)
        if payload is None:
            return False
        put(connection, edge, "delta", payload)
        return True

    def _sealed_delta(self, edge: str, delta: Delta, now_us: int) -> bytes | None:
        """None when it is larger than a message may be: the edge asks for the snapshot."""
        try:
            return self._composer.sealed(PolicyDelta, edge, now_us, delta=delta)
        except WireError:
            return None

    # snapshots

    @property
    def packing(self) -> bool:
        """Whether :meth:`pack` has something to do."""
        return self._packer.is_busy

    def pack(self) -> Packed | None:
        """One bounded piece of work on the snapshots that are owed; one that became whole is to be kept by :meth:`keep_packed`."""
        edge_id = self._packer.next_edge
        if edge_id is not None:
            edge = self.compiler.edges.get(edge_id)
            kept = edge.kept if edge is not None else None
            self._packer.begin(edge.book.policy(kept.version) if edge is not None and kept is not None else None)
        return self._packer.step()

    def keep_packed(self, connection: Connection, packed: Packed, now_us: int) -> list[Message]:
        """Store a snapshot; its chunks, if the edge waits for them."""
        keep_snapshot(connection, packed.edge_id, packed.version, packed.body)
        edge = self.compiler.edges.get(packed.edge_id)
        if packed.edge_id not in self._wanted or edge is None or edge.kept is None:
            return []
        self._wanted.discard(packed.edge_id)
        return self._snapshot(connection, edge, 0, now_us)

    def _snapshot(self, connection: Connection, edge: EdgePolicy, from_chunk: int, now_us: int) -> list[Message]:
        assert edge.kept is not None
        version = edge.kept.version
        parts = load_parts(connection, edge.id, version)
        if parts is None:
            self._wanted.add(edge.id)
            if not self._packer.packs(edge.id, version):
                self._packer.ask(edge.id, urgent=True)
            return []
        return [
            (
                topic(self._composer.site, edge.name, "chunk"),
                self._composer.sealed(
                    PolicyChunk, edge.name, now_us, version=version, index=index, of=len(parts), part=parts[index]
                ),
            )
            for index in range(max(from_chunk, 0), len(parts))
        ]

    # leases

    def leases_due(self, receipts: Sequence[Receipt], now_us: int) -> list[EdgePolicy]:
        """Edges that run their current policy and have no fresh lease for it (MEANINGS 18)."""
        due = []
        for receipt in receipts:
            edge = self.compiler.edges.get(receipt.edge_id)
            if edge is None or edge.kept is None or not receipt.online:
                continue
            kept = edge.kept
            fresh = receipt.lease_version == kept.version and abs(now_us - receipt.lease_sent_us) < self._renew_us
            if (receipt.version, receipt.digest) == (kept.version, kept.digest) and not fresh:
                due.append(edge)
        return due

    def put_lease(self, connection: Connection, edge: EdgePolicy, now_us: int) -> None:
        """Vouch for the edge's current policy."""
        assert edge.kept is not None
        version = edge.kept.version
        lease = Lease(version=version, digest=edge.kept.digest, issued_at_us=now_us, **self._lease_s)
        payload = self._composer.sealed(PolicyLease, edge.name, now_us, lease=lease)
        put(connection, edge.name, "lease", payload, replaces=True, expires_us=now_us + self._renew_us)
        edges = table_of(Edge)
        customer_s = max(lease.temporary_s, lease.customer_s)
        staff_s = lease.staff_s
        connection.execute(
            update(edges)
            .where(edges.c.id == edge.id)
            .values(
                lease_sent_us=now_us,
                lease_policy_epoch=version.epoch,
                lease_policy_n=version.n,
                lease_customer_until_us=_later(edges.c.lease_customer_until_us, now_us, customer_s),
                lease_staff_until_us=_later(edges.c.lease_staff_until_us, now_us, staff_s),
                lease_keyholder_until_us=_later(
                    edges.c.lease_keyholder_until_us, now_us, max(customer_s, staff_s, lease.keyholder_s)
                ),
            )
        )

    # after a restore

    def ahead(self, receipts: Sequence[Receipt]) -> Receipt | None:
        """An edge that runs what this database never made: it was restored from an older copy."""
        for receipt in receipts:
            edge = self.compiler.edges.get(receipt.edge_id)
            if edge is None or edge.kept is None:
                continue
            kept = edge.kept
            if receipt.version > kept.version or (receipt.version == kept.version and receipt.digest != kept.digest):
                return receipt
        return None

    def raise_epoch(self, connection: Connection, beyond: int) -> int:
        """Begin a new epoch above ``beyond``; the next compile makes its first versions. The caller sets the composer's epoch once this
        is committed."""
        held = connection.scalar(select(table_of(FleetState).c.epoch)) or 0
        epoch: int = max(self._composer.epoch, held, beyond) + 1
        connection.execute(update(table_of(FleetState)).values(epoch=epoch))
        return epoch


def _later(until: ColumnElement[int], sent_us: int, seconds: int) -> ColumnElement[int]:
    """When a lease has ended for certain, or an earlier one if that lasts longer."""
    ends_us = sent_us + seconds * 1_000_000 + LEASE_MARGIN_US
    return case((until > ends_us, until), else_=ends_us)
