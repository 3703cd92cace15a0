"""The digest of a policy, kept up to date at the cost of what changed, not of what there is.

The entries of each list are hashed in buckets of 256 neighbouring ids; the digest is SHA-256 over the version and the digests of the site and all
buckets. One badge among 100 000 changes one bucket: 40 kB are hashed instead of 16 MB, on the server for every edge and on the edge for every
delta (DESIGN 5).
"""

import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from operator import attrgetter

import msgspec

from controller.policy import Badge, Customer, Delta, ExitSlip, Grant, Holder, Item, Policy, Version, WorkOrder
from controller.site import Site

LISTS = ("customers", "holders", "grants", "badges", "items", "orders", "slips")
"""The lists of a policy, in the order of the digest."""
_OF_GOODS = frozenset(LISTS[4:])
"""Not in the digest while empty: an edge without goods doors has the digest that it had before there were any."""
BUCKET_IDS = 256

Entry = Customer | Holder | Grant | Badge | Item | WorkOrder | ExitSlip
_ID = attrgetter("id")
_encoder = msgspec.json.Encoder(order="deterministic")
"""A table's order in the site file says nothing; equal sites must have one digest."""


def bucket_of(entry_id: int) -> int:
    """The bucket that holds this id."""
    return entry_id // BUCKET_IDS


class PolicyDigest:
    """The bucket digests of one policy. ``size``: bytes of its entries, encoded."""

    def __init__(self) -> None:
        self._buckets: dict[str, dict[int, tuple[bytes, int]]] = {name: {} for name in LISTS}
        self.size = 0

    @classmethod
    def of(cls, policy: Policy) -> "PolicyDigest":
        """All buckets of ``policy``."""
        digest = cls()
        for name in LISTS:
            entries: Sequence[Entry] = sorted(getattr(policy, name), key=_ID)
            start = 0
            while start < len(entries):
                bucket = bucket_of(entries[start].id)
                beyond = bisect_left(entries, (bucket + 1) * BUCKET_IDS, lo=start, key=_ID)
                digest.put(name, bucket, entries[start:beyond])
                start = beyond
        return digest

    def copy(self) -> "PolicyDigest":
        """An independent copy: some hundred references."""
        other = PolicyDigest()
        other._buckets = {name: dict(buckets) for name, buckets in self._buckets.items()}
        other.size = self.size
        return other

    def put(self, name: str, bucket: int, entries: Sequence[Entry]) -> None:
        """``entries``: all that list ``name`` now has in this bucket, sorted by id."""
        buckets = self._buckets[name]
        _, before = buckets.pop(bucket, (b"", 0))
        self.size -= before
        if entries:
            encoded = _encoder.encode(entries)
            buckets[bucket] = hashlib.sha256(encoded).digest(), len(encoded)
            self.size += len(encoded)

    def after(self, delta: Delta, policy: Policy) -> "PolicyDigest":
        """The buckets of ``policy``, sorted by id, which ``delta`` made of the policy that these belong to."""
        changed = self.copy()
        for name in LISTS:
            entries: Sequence[Entry] = getattr(policy, name)
            for bucket in touched(delta, name):
                first = bisect_left(entries, bucket * BUCKET_IDS, key=_ID)
                beyond = bisect_left(entries, (bucket + 1) * BUCKET_IDS, key=_ID)
                changed.put(name, bucket, entries[first:beyond])
        return changed

    def hexdigest(self, version: Version, site: Site) -> str:
        """The digest of the whole policy, in hexadecimal."""
        hasher = hashlib.sha256(b"menjin-policy\0")
        hasher.update(_encoder.encode(version))
        hasher.update(_site_digest(site))
        for name in LISTS:
            buckets = self._buckets[name]
            if name in _OF_GOODS and not buckets:
                continue
            hasher.update(f"\0{name} {len(buckets)}\0".encode())
            for bucket in sorted(buckets):
                hasher.update(bucket.to_bytes(8, "big", signed=True))
                hasher.update(buckets[bucket][0])
        return hasher.hexdigest()


def touched(delta: Delta, name: str) -> Iterable[int]:
    """The buckets of list ``name`` that ``delta`` changes."""
    changed: Sequence[Entry] = getattr(delta, name)
    gone: Sequence[int] = getattr(delta, f"gone_{name}")
    return sorted({bucket_of(entry.id) for entry in changed} | {bucket_of(entry_id) for entry_id in gone})


def policy_digest(policy: Policy) -> str:
    """The digest of a policy, whatever the order of its lists."""
    return PolicyDigest.of(policy).hexdigest(policy.version, policy.site)


_site_digests: dict[int, tuple[Site, bytes]] = {}
"""Of the site hashed last, by identity: a server names as many digests at once as it has edges, all with one site."""


def _site_digest(site: Site) -> bytes:
    known = _site_digests.get(id(site))
    if known is None:
        decoded = msgspec.convert(msgspec.to_builtins(site), Site)  # an int in a float's place would encode as one
        known = site, hashlib.sha256(_encoder.encode(decoded)).digest()
        _site_digests.clear()
        _site_digests[id(site)] = known
    return known[1]
