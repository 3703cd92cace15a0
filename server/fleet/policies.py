"""Keeps the policy current: compiles when asked, raises the epoch after a restore, answers what edges lack."""

from collections.abc import Sequence

import msgspec
import structlog
from sqlalchemy import select, update
from sqlalchemy.engine import Connection

from controller.limits import limits_from
from controller.policy import Delta, Lease, Policy, Version
from controller.site import Site
from controller.wire import PolicyChunk, PolicyDelta, PolicyHead, PolicyLease, PolicyRequest, WireError, topic
from server.fleet.compile import compile_policy
from server.fleet.down import Composer, put
from server.fleet.models import Edge, FleetState
from server.fleet.registry_rows import RegistryReader
from server.fleet.versions import Current, chunk_parts, keep_version, load_current, load_deltas
from server.ledger.facts import table_of
from server.registry.models import QUOTAS

LEASE_RENEW_US = 300_000_000
LEASE_SHARE = 4
"""A lease is renewed after this share of its shortest class."""
MAX_DELTAS = 200

log = structlog.get_logger(__name__)


class Receipt(msgspec.Struct, frozen=True):
    """What an edge runs, by its last status, and the lease that it was sent last."""

    edge_id: int
    edge: str
    online: bool
    version: Version
    digest: str
    lease_version: Version
    lease_sent_us: int


class Policies:
    """The policy of the site and its way to the edges. Used by the fleet's thread only."""

    def __init__(self, site: Site, composer: Composer) -> None:
        self._site = site
        self._composer = composer
        self._registry = RegistryReader()
        self._current: Current | None = None
        self._parts: list[bytes] = []
        self._parts_of: Version | None = None
        limits = limits_from(site.settings)
        self._lease_s = {
            "temporary_s": round(limits.lease_temporary_s),
            "customer_s": round(limits.lease_customer_s),
            "staff_s": round(limits.lease_staff_s),
            "keyholder_s": round(limits.lease_keyholder_s),
        }
        self._renew_us = min(LEASE_RENEW_US, min(self._lease_s.values()) * 1_000_000 // LEASE_SHARE)

    @property
    def current(self) -> Current | None:
        """What every edge should run."""
        return self._current

    def load(self, connection: Connection) -> None:
        """Read the newest version, and the whole registry with the next compile. Raises :class:`controller.policy.PolicyError` when it is damaged."""
        self._registry = RegistryReader()
        self._current = load_current(connection)

    def compile(self, connection: Connection, demand: int, now_us: int) -> Current | None:
        """Answer the registry's counter ``demand``: make a new version if anything changed, and publish its delta. The caller commits, calls :meth:`adopt`, and
        then :meth:`put_heads`: packing the snapshot must not hold up a revocation."""
        connection.execute(update(table_of(FleetState)).values(compiled_demand=demand))
        before = self._current.policy if self._current is not None else None
        epoch = self._composer.epoch
        follows = before is not None and before.version.epoch == epoch
        version = Version(epoch, before.version.n + 1) if follows and before is not None else Version(epoch, 1)
        policy = compile_policy(self._site, self._registry.read(connection), QUOTAS, version, before)
        if follows and before is not None and _same_content(before, policy):
            return None
        current, delta = keep_version(connection, before, policy, now_us)
        if delta is not None:
            for edge in _enrolled(connection):
                self._put_delta(connection, edge, delta, now_us)
        return current

    def adopt(self, current: Current) -> None:
        """The new version is committed."""
        self._current = current
        log.info("policy", epoch=current.version.epoch, n=current.version.n, size=current.size)

    def put_head(self, connection: Connection, edge: str, now_us: int) -> None:
        """Publish the retained head for one edge."""
        current = self._current
        if current is None:
            return
        payload = self._composer.sealed(
            PolicyHead,
            edge,
            now_us,
            version=current.version,
            digest=current.digest,
            size=current.size,
            chunks=len(self._chunks(current)),
            certificates=tuple(msgspec.Raw(raw) for raw in self._composer.keys.certificates(now_us)),
        )
        put(connection, edge, "policy", payload, retain=True, replaces=True)

    def put_heads(self, connection: Connection, now_us: int) -> None:
        """Publish all heads: after a new version, and when the broker may have lost what it retained."""
        for edge in _enrolled(connection):
            self.put_head(connection, edge, now_us)

    def put_deltas(self, connection: Connection, edge: str, have: Version, now_us: int) -> bool:
        """The deltas from ``have`` to the current version; False when they cannot be had."""
        assert self._current is not None
        wanted = self._current.version
        if have.epoch != wanted.epoch or not 0 < wanted.n - have.n <= MAX_DELTAS:
            return False
        deltas = load_deltas(connection, have, MAX_DELTAS)
        if not deltas or deltas[-1].version != wanted:
            return False
        return all(self._put_delta(connection, edge, delta, now_us) for delta in deltas)

    def answer(
        self, connection: Connection, edge_id: int, edge: str, request: PolicyRequest, now_us: int
    ) -> list[tuple[str, bytes]]:
        """Answer a request through the outbox; a snapshot's chunks are returned, to be published once.

        Deltas that cannot be had are answered with the snapshot. ``head`` also renews the lease of an edge that runs
        the current policy.
        """
        current = self._current
        if current is None:
            return []
        if request.want == "deltas" and request.have is not None and request.have < current.version:
            if self.put_deltas(connection, edge, request.have, now_us):
                return []
            self.put_head(connection, edge, now_us)
            return self.chunks(edge, 0, now_us)
        if request.want == "snapshot" and request.version == current.version:
            return self.chunks(edge, request.from_chunk, now_us)
        self.put_head(connection, edge, now_us)
        if request.have == current.version:
            self.put_lease(connection, edge_id, edge, now_us)
        return []

    def chunks(self, edge: str, from_chunk: int, now_us: int) -> list[tuple[str, bytes]]:
        """The current snapshot's parts from ``from_chunk`` on, ready to publish."""
        assert self._current is not None
        parts = self._chunks(self._current)
        return [
            (
                topic(self._composer.site, edge, "chunk"),
                self._composer.sealed(
                    PolicyChunk,
                    edge,
                    now_us,
                    version=self._current.version,
                    index=index,
                    of=len(parts),
                    part=parts[index],
                ),
            )
            for index in range(max(from_chunk, 0), len(parts))
        ]

    def leases_due(self, receipts: Sequence[Receipt], now_us: int) -> list[Receipt]:
        """Edges that run the current policy and have no fresh lease for it (MEANINGS 18)."""
        current = self._current
        if current is None:
            return []
        return [
            receipt
            for receipt in receipts
            if receipt.online
            and (receipt.version, receipt.digest) == (current.version, current.digest)
            and (receipt.lease_version != current.version or abs(now_us - receipt.lease_sent_us) >= self._renew_us)
        ]

    def put_lease(self, connection: Connection, edge_id: int, edge: str, now_us: int) -> None:
        """Vouch for the current policy."""
        assert self._current is not None
        version = self._current.version
        lease = Lease(version=version, digest=self._current.digest, issued_at_us=now_us, **self._lease_s)
        payload = self._composer.sealed(PolicyLease, edge, now_us, lease=lease)
        put(connection, edge, "lease", payload, replaces=True, expires_us=now_us + self._renew_us)
        edges = table_of(Edge)
        connection.execute(
            update(edges)
            .where(edges.c.id == edge_id)
            .values(lease_sent_us=now_us, lease_policy_epoch=version.epoch, lease_policy_n=version.n)
        )

    def ahead(self, receipts: Sequence[Receipt]) -> Receipt | None:
        """An edge that runs what this database never made: it was restored from an older copy."""
        current = self._current
        if current is None:
            return None
        for receipt in receipts:
            same_with_another_digest = receipt.version == current.version and receipt.digest != current.digest
            if receipt.version > current.version or same_with_another_digest:
                return receipt
        return None

    def raise_epoch(self, connection: Connection, beyond: int) -> int:
        """Begin a new epoch above ``beyond``; the next compile makes its first version. The caller sets the composer's
        epoch once this is committed."""
        epoch = max(self._composer.epoch, beyond) + 1
        connection.execute(update(table_of(FleetState)).values(epoch=epoch))
        return epoch

    def _put_delta(self, connection: Connection, edge: str, delta: Delta, now_us: int) -> bool:
        try:
            payload = self._composer.sealed(PolicyDelta, edge, now_us, delta=delta)
        except WireError:
            return False  # larger than a message may be: the edge asks for the snapshot
        put(connection, edge, "delta", payload)
        return True

    def _chunks(self, current: Current) -> list[bytes]:
        if self._parts_of != current.version:
            self._parts = chunk_parts(current.policy)
            self._parts_of = current.version
        return self._parts


def read_receipts(connection: Connection) -> list[Receipt]:
    """What every enrolled edge runs."""
    edges = table_of(Edge)
    return [
        Receipt(
            edge_id=row.id,
            edge=row.name,
            online=row.online,
            version=Version(row.received_policy_epoch, row.received_policy_n),
            digest=row.received_policy_digest,
            lease_version=Version(row.lease_policy_epoch, row.lease_policy_n),
            lease_sent_us=row.lease_sent_us or 0,
        )
        for row in connection.execute(select(edges).where(edges.c.public_key.is_not(None)))
    ]


def _enrolled(connection: Connection) -> list[str]:
    edges = table_of(Edge)
    return list(connection.scalars(select(edges.c.name).where(edges.c.public_key.is_not(None))))


def _same_content(one: Policy, other: Policy) -> bool:
    return msgspec.structs.replace(one, version=other.version) == other
