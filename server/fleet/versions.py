"""The policy's versions: made, kept, read again (DESIGN 5, MEANINGS 18)."""

import zlib

import msgspec
from sqlalchemy import insert, select
from sqlalchemy.engine import Connection

from controller.policy import Delta, Policy, PolicyError, Version, decode_policy, encode_policy
from controller.policy_delta import apply_delta, make_delta
from controller.policy_digest import policy_digest
from controller.wire import CHUNK_BYTES
from server.fleet.models import PolicySnapshot, PolicyVersion
from server.ledger.facts import table_of

SNAPSHOT_EVERY = 100
COMPRESSION = 6


class Current(msgspec.Struct, frozen=True):
    """The policy that edges should run, with its digest and canonical size."""

    policy: Policy
    digest: str
    size: int

    @property
    def version(self) -> Version:
        """Its version."""
        return self.policy.version


def load_current(connection: Connection) -> Current | None:
    """The newest version, rebuilt from its snapshot and deltas; None before the first.

    Raises :class:`controller.policy.PolicyError` when what is stored does not give the digests it names.
    """
    versions = table_of(PolicyVersion)
    newest = connection.execute(
        select(versions.c.epoch, versions.c.n).order_by(versions.c.epoch.desc(), versions.c.n.desc()).limit(1)
    ).first()
    return None if newest is None else load_version(connection, Version(newest.epoch, newest.n))


def load_version(connection: Connection, version: Version) -> Current:
    """One kept version. Raises :class:`controller.policy.PolicyError` when it was never kept or is damaged."""
    snapshots = table_of(PolicySnapshot)
    start = connection.execute(
        select(snapshots)
        .where(snapshots.c.epoch == version.epoch, snapshots.c.n <= version.n)
        .order_by(snapshots.c.n.desc())
        .limit(1)
    ).first()
    if start is None:
        raise PolicyError(f"no snapshot leads to policy {version.epoch}.{version.n}")
    canonical = zlib.decompress(start.canonical)
    policy = decode_policy(canonical)
    for delta in load_deltas(connection, policy.version, version.n - policy.version.n):
        policy = apply_delta(policy, delta)
    if policy.version != version:
        raise PolicyError(f"policy {version.epoch}.{version.n} was never made")
    canonical = encode_policy(policy)
    return Current(policy, policy_digest(policy), len(canonical))


def load_deltas(connection: Connection, have: Version, limit: int) -> list[Delta]:
    """Up to ``limit`` deltas after ``have``, without a gap."""
    versions = table_of(PolicyVersion)
    rows = connection.execute(
        select(versions.c.delta)
        .where(versions.c.epoch == have.epoch, versions.c.n > have.n, versions.c.delta.is_not(None))
        .order_by(versions.c.n)
        .limit(limit)
    )
    deltas = []
    for row in rows:
        delta = msgspec.json.decode(zlib.decompress(row.delta), type=Delta)
        if delta.base != have:
            break
        deltas.append(delta)
        have = delta.version
    return deltas


def keep_version(
    connection: Connection, before: Policy | None, policy: Policy, now_us: int
) -> tuple[Current, Delta | None]:
    """Store a new version, as a delta within an epoch, whole at its start and every :data:`SNAPSHOT_EVERY`."""
    canonical = encode_policy(policy)
    current = Current(policy, policy_digest(policy), len(canonical))
    version = policy.version
    delta = make_delta(before, policy) if before is not None and before.version.epoch == version.epoch else None
    connection.execute(
        insert(table_of(PolicyVersion)).values(
            epoch=version.epoch,
            n=version.n,
            digest=current.digest,
            size=current.size,
            delta=zlib.compress(msgspec.json.encode(delta), COMPRESSION) if delta is not None else None,
            made_us=now_us,
        )
    )
    if delta is None or version.n % SNAPSHOT_EVERY == 0:
        connection.execute(
            insert(table_of(PolicySnapshot)).values(
                epoch=version.epoch, n=version.n, canonical=zlib.compress(canonical, COMPRESSION)
            )
        )
    return current, delta


def chunk_parts(policy: Policy) -> list[bytes]:
    """The parts of the compressed canonical snapshot, as chunks carry them."""
    packed = zlib.compress(encode_policy(policy), COMPRESSION)
    return [packed[start : start + CHUNK_BYTES] for start in range(0, len(packed), CHUNK_BYTES)]
