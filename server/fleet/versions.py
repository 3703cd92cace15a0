"""The versions of each edge's policy: kept and read again (DESIGN 5, MEANINGS 18)."""

import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import insert, select
from sqlalchemy.engine import Connection

from controller.policy import Delta, Policy, PolicyError, Version, decode_policy
from controller.policy_digest import LISTS
from controller.wire import CHUNK_BYTES
from server.fleet.book import Book
from server.fleet.models import PolicySnapshot, PolicyVersion
from server.ledger.facts import table_of

COMPRESSION = 6


class Kept(msgspec.Struct, frozen=True):
    """What is known of one version."""

    version: Version
    digest: str
    size: int


class NewVersion(msgspec.Struct, frozen=True):
    """A version to be stored. ``delta`` None: the first of an epoch, or after a damaged one; its snapshot follows."""

    edge_id: int
    kept: Kept
    delta: Delta | None


def keep_versions(connection: Connection, versions: Sequence[NewVersion], now_us: int) -> None:
    """Store new versions of several edges."""
    if not versions:
        return
    rows = [
        {
            "edge_id": new.edge_id,
            "epoch": new.kept.version.epoch,
            "n": new.kept.version.n,
            "digest": new.kept.digest,
            "size": new.kept.size,
            "delta": zlib.compress(msgspec.json.encode(new.delta), COMPRESSION) if new.delta is not None else None,
            "made_us": now_us,
        }
        for new in versions
    ]
    connection.execute(insert(table_of(PolicyVersion)), rows)


def newest_version(connection: Connection, edge_id: int) -> tuple[Kept, int] | None:
    """An edge's newest version, and when it was made; None before the first."""
    versions = table_of(PolicyVersion).c
    row = connection.execute(
        select(versions.epoch, versions.n, versions.digest, versions.size, versions.made_us)
        .where(versions.edge_id == edge_id)
        .order_by(versions.epoch.desc(), versions.n.desc())
        .limit(1)
    ).first()
    return None if row is None else (Kept(Version(row.epoch, row.n), row.digest, row.size), row.made_us)


def load_book(connection: Connection, edge_id: int, kept: Kept) -> Book:
    """The book of a kept version. Raises :class:`controller.policy.PolicyError` when what is stored does not give its digest."""
    version = kept.version
    snapshots = table_of(PolicySnapshot)
    start = connection.execute(
        select(snapshots)
        .where(snapshots.c.edge_id == edge_id, snapshots.c.epoch == version.epoch, snapshots.c.n <= version.n)
        .order_by(snapshots.c.n.desc())
        .limit(1)
    ).first()
    if start is None:
        raise PolicyError(f"no snapshot leads to policy {version.epoch}.{version.n}")
    try:
        policy = decode_policy(zlib.decompress(start.canonical))
        deltas = load_deltas(connection, edge_id, policy.version, version.n - policy.version.n)
    except (zlib.error, msgspec.DecodeError) as error:
        raise PolicyError(f"policy {version.epoch}.{version.n} is damaged: {error}") from error
    if (deltas[-1].version if deltas else policy.version) != version:
        raise PolicyError(f"policy {version.epoch}.{version.n} has a gap")
    book = Book.of(_merged(policy, deltas))
    if book.site is None or book.digest.hexdigest(version, book.site) != kept.digest:
        raise PolicyError(f"policy {version.epoch}.{version.n} does not give its digest")
    return book


def load_deltas(connection: Connection, edge_id: int, have: Version, limit: int) -> list[Delta]:
    """Up to ``limit`` deltas after ``have``, without a gap."""
    versions = table_of(PolicyVersion)
    rows = connection.execute(
        select(versions.c.delta)
        .where(
            versions.c.edge_id == edge_id,
            versions.c.epoch == have.epoch,
            versions.c.n > have.n,
            versions.c.delta.is_not(None),
        )
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


def _merged(policy: Policy, deltas: Iterable[Delta]) -> Policy:
    """All deltas in turn, in one pass; the caller checks the digest at the end."""
    site = policy.site
    lists: dict[str, dict[int, Any]] = {name: {entry.id: entry for entry in getattr(policy, name)} for name in LISTS}
    for delta in deltas:
        site = delta.site if delta.site is not None else site
        for name, entries in lists.items():
            entries.update((entry.id, entry) for entry in getattr(delta, name))
            for entry_id in getattr(delta, f"gone_{name}"):
                entries.pop(entry_id, None)
    merged = {name: tuple(entries[entry_id] for entry_id in sorted(entries)) for name, entries in lists.items()}
    return Policy(version=policy.version, site=site, **merged)


def has_snapshot(connection: Connection, edge_id: int, version: Version) -> bool:
    """Whether this version is stored whole."""
    return connection.execute(_snapshot(edge_id, version, table_of(PolicySnapshot).c.n)).first() is not None


def load_parts(connection: Connection, edge_id: int, version: Version) -> list[bytes] | None:
    """A stored snapshot as chunks carry it; None when there is none."""
    packed = connection.scalar(_snapshot(edge_id, version, table_of(PolicySnapshot).c.canonical))
    if packed is None:
        return None
    return [packed[start : start + CHUNK_BYTES] for start in range(0, len(packed), CHUNK_BYTES)]


def keep_snapshot(connection: Connection, edge_id: int, version: Version, packed: bytes) -> None:
    """Store a packed snapshot, once."""
    if not has_snapshot(connection, edge_id, version):
        connection.execute(
            insert(table_of(PolicySnapshot)).values(edge_id=edge_id, epoch=version.epoch, n=version.n, canonical=packed)
        )


def _snapshot(edge_id: int, version: Version, column: Any) -> Any:
    table = table_of(PolicySnapshot).c
    return select(column).where(table.edge_id == edge_id, table.epoch == version.epoch, table.n == version.n)
