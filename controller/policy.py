"""What an edge needs to decide: the policy, its deltas and leases (DESIGN 5, MEANINGS 4, 5, 7, 17, 18).

The bulk types are ``array_like`` with integer ids: small on the wire, fast to decode. No names of persons (DESIGN 11).
Times are integer microseconds UTC, intervals ``[from, until)``; ``FOREVER_US`` stands for no end.
"""

import hashlib
from typing import Annotated, Literal, TypeVar

import msgspec

from controller.site import Site

FOREVER_US = 2**62

Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
"""An integer that every database column holds. msgspec alone decodes any size."""

BadgeKind = Literal["customer", "staff", "temporary"]
BadgeStatus = Literal["issued", "active", "suspended", "lost", "revoked", "expired"]
CustomerKind = Literal["organisation", "individual", "supplier", "partner"]
CustomerStatus = Literal["active", "suspended", "ended"]


class Version(msgspec.Struct, frozen=True, order=True, array_like=True, gc=False):
    """A policy's version. A server restored from an older copy raises ``epoch``; ``n`` counts within it."""

    epoch: Int64
    n: Int64


class Customer(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """``quota`` is the number of badge slots of the customer's kind (B2). ``until_us``: when the last contract ends (B6)."""

    id: int
    code: str
    kind: CustomerKind
    status: CustomerStatus
    quota: int
    until_us: int = FOREVER_US


class Holder(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Who carries badges. ``customer`` is None for own staff. ``keyholder``: the 7-day lease by recorded decision."""

    id: int
    customer: int | None = None
    may_escort: tuple[str, ...] = ()
    keyholder: bool = False


class GrantArea(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Permission for one area within ``[from_us, until_us)``, when the schedule allows (None: always)."""

    area: str
    from_us: int = 0
    until_us: int = FOREVER_US
    schedule: str | None = None


class Grant(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A set of area permissions that many badges share. The union counts (MEANINGS 7)."""

    id: int
    areas: tuple[GrantArea, ...]


class Badge(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A pass. ``credential`` is :func:`credential_key` of the card; ``number`` is printed on the badge.

    ``slot`` and ``generation`` carry the quota (customer badges only): of one slot only the highest generation works.
    """

    id: int
    credential: bytes
    number: str
    kind: BadgeKind
    status: BadgeStatus
    holder: int
    customer: int | None
    grant: int
    from_us: int = 0
    until_us: int = FOREVER_US
    slot: int | None = None
    generation: int = 1


class Policy(msgspec.Struct, frozen=True):
    """One whole policy for one edge. Lists are sorted by id: the canonical encoding is the digest's input."""

    version: Version
    site: Site
    customers: tuple[Customer, ...] = ()
    holders: tuple[Holder, ...] = ()
    grants: tuple[Grant, ...] = ()
    badges: tuple[Badge, ...] = ()


class Delta(msgspec.Struct, frozen=True, omit_defaults=True):
    """The change from policy ``base`` to ``version``. ``digest`` is that of the policy it produces.

    The tuples hold whole new entries, the ``gone_*`` tuples ids. ``site`` None: unchanged.
    """

    base: Version
    version: Version
    digest: str
    site: Site | None = None
    customers: tuple[Customer, ...] = ()
    holders: tuple[Holder, ...] = ()
    grants: tuple[Grant, ...] = ()
    badges: tuple[Badge, ...] = ()
    gone_customers: tuple[int, ...] = ()
    gone_holders: tuple[int, ...] = ()
    gone_grants: tuple[int, ...] = ()
    gone_badges: tuple[int, ...] = ()


class Lease(msgspec.Struct, frozen=True):
    """The server vouches for one policy at ``issued_at_us``. Seconds from acceptance, per badge kind (MEANINGS 17-19)."""

    version: Version
    digest: str
    issued_at_us: int
    temporary_s: int = 1_800
    customer_s: int = 8 * 3_600
    staff_s: int = 24 * 3_600
    keyholder_s: int = 7 * 86_400


def credential_key(key: bytes, technology: str, number: str) -> bytes:
    """The 16-byte keyed hash by which a card is known in policies, records and on the wire (DESIGN 11).

    ``key``: the site's keyed-hash key, 32 bytes. Keyed BLAKE2b over ``technology:number``.
    """
    return hashlib.blake2b(f"{technology}:{number}".encode(), digest_size=16, key=key, person=b"menjin-card").digest()


class PolicyError(ValueError):
    """A snapshot or delta that cannot be used: it does not decode, or does not produce the digest it names."""


def encode_policy(policy: Policy) -> bytes:
    """The canonical bytes of a policy: JSON, lists sorted by id. The digest is over these."""

    return msgspec.json.encode(
        msgspec.structs.replace(
            policy,
            site=msgspec.convert(
                msgspec.to_builtins(policy.site), Site
            ),  # an int in a float's place would encode as one
            customers=tuple(sorted(policy.customers, key=_by_id)),
            holders=tuple(sorted(policy.holders, key=_by_id)),
            grants=tuple(sorted(policy.grants, key=_by_id)),
            badges=tuple(sorted(policy.badges, key=_by_id)),
        )
    )


def decode_policy(canonical: bytes) -> Policy:
    """The reverse of :func:`encode_policy`. Raises :class:`PolicyError`."""
    try:
        parts = _parts_decoder.decode(canonical)
        seen: dict[int | None, int | None] = {}
        return Policy(
            version=parts.version,
            site=parts.site,
            customers=_in_slices(Customer, parts.customers, seen),
            holders=_in_slices(Holder, parts.holders, seen),
            grants=_in_slices(Grant, parts.grants, seen),
            badges=_in_slices(Badge, parts.badges, seen),
        )
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        raise PolicyError(f"policy snapshot: {error}") from error


def digest_of(canonical: bytes) -> str:
    """SHA-256 of the canonical bytes, in hexadecimal."""
    return hashlib.sha256(canonical).hexdigest()


def policy_digest(policy: Policy) -> str:
    """``digest_of(encode_policy(policy))`` without ever holding those bytes, which at 100 000 badges are 16 MB."""
    hasher = hashlib.sha256()
    bare = encode_policy(msgspec.structs.replace(policy, customers=(), holders=(), grants=(), badges=()))
    hasher.update(bare[: bare.index(_FIRST_LIST)])
    for field, entries in (
        ("customers", policy.customers),
        ("holders", policy.holders),
        ("grants", policy.grants),
        ("badges", policy.badges),
    ):
        hasher.update(f',"{field}":['.encode())
        ordered = sorted(entries, key=_by_id)
        for start in range(0, len(ordered), _SLICE):
            part = msgspec.json.encode(ordered[start : start + _SLICE])
            hasher.update(part[1:-1] if start == 0 else b"," + part[1:-1])
        hasher.update(b"]")
    hasher.update(b"}")
    return hasher.hexdigest()


_FIRST_LIST = b',"customers":[],"holders":[],"grants":[],"badges":[]}'
_SLICE = 1_000


def apply_delta(policy: Policy, delta: Delta) -> Policy:
    """The policy that ``delta`` makes of ``policy``. Raises :class:`PolicyError` when ``base`` is not this version or
    the digest differs from what the delta names."""
    if delta.base != policy.version:
        raise PolicyError(f"delta from {delta.base} on policy {policy.version}")
    merged = Policy(
        version=delta.version,
        site=delta.site if delta.site is not None else policy.site,
        customers=_merge(policy.customers, delta.customers, delta.gone_customers),
        holders=_merge(policy.holders, delta.holders, delta.gone_holders),
        grants=_merge(policy.grants, delta.grants, delta.gone_grants),
        badges=_merge(policy.badges, delta.badges, delta.gone_badges),
    )
    if policy_digest(merged) != delta.digest:
        raise PolicyError(f"delta {delta.version} does not produce the digest it names")
    return merged


def make_delta(old: Policy, new: Policy) -> Delta:
    """The delta that turns ``old`` into ``new``."""
    customers, gone_customers = _difference(old.customers, new.customers)
    holders, gone_holders = _difference(old.holders, new.holders)
    grants, gone_grants = _difference(old.grants, new.grants)
    badges, gone_badges = _difference(old.badges, new.badges)
    return Delta(
        base=old.version,
        version=new.version,
        digest=policy_digest(new),
        site=new.site if new.site != old.site else None,
        customers=customers,
        holders=holders,
        grants=grants,
        badges=badges,
        gone_customers=gone_customers,
        gone_holders=gone_holders,
        gone_grants=gone_grants,
        gone_badges=gone_badges,
    )


class _Parts(msgspec.Struct):
    """A policy whose lists are not decoded yet."""

    version: Version
    site: Site
    customers: msgspec.Raw = msgspec.Raw(b"[]")
    holders: msgspec.Raw = msgspec.Raw(b"[]")
    grants: msgspec.Raw = msgspec.Raw(b"[]")
    badges: msgspec.Raw = msgspec.Raw(b"[]")


_parts_decoder = msgspec.json.Decoder(_Parts)
_entries_decoder = msgspec.json.Decoder(list[msgspec.Raw])

_Entry = TypeVar("_Entry", Customer, Holder, Grant, Badge)

_SHARED: dict[type, tuple[str, ...]] = {
    Customer: ("id", "until_us"),
    Holder: ("id", "customer"),
    Badge: ("id", "holder", "customer", "from_us", "until_us"),
}
"""Numbers that stand in many entries."""


def _in_slices(entry_type: type[_Entry], listed: msgspec.Raw, seen: dict[int | None, int | None]) -> tuple[_Entry, ...]:
    """Decode a list, keeping one object of each number that :data:`_SHARED` names: that saves a quarter of a policy's memory.
    Slice by slice, so that what is dropped makes room for the next and no holes stay."""
    shared = _SHARED.get(entry_type, ())
    keep, put = seen.setdefault, msgspec.structs.force_setattr
    decoder = msgspec.json.Decoder(tuple[entry_type, ...])  # type: ignore[valid-type] # here the type is a value
    found: list[_Entry] = []
    undecoded = _entries_decoder.decode(listed)
    while undecoded:
        entries = decoder.decode(b"[" + b",".join(undecoded[:_SLICE]) + b"]")
        del undecoded[:_SLICE]
        for entry in entries:
            for name in shared:
                number = getattr(entry, name)
                kept = keep(number, number)
                if kept is not number:
                    put(entry, name, kept)
        found += entries
    return tuple(found)


def _by_id(entry: Customer | Holder | Grant | Badge) -> int:
    return entry.id


def _merge(old: tuple[_Entry, ...], changed: tuple[_Entry, ...], gone: tuple[int, ...]) -> tuple[_Entry, ...]:
    if not changed and not gone:
        return old
    removed = set(gone)
    replaced = removed.union(entry.id for entry in changed)
    kept = [entry for entry in old if entry.id not in replaced]
    kept += {entry.id: entry for entry in changed if entry.id not in removed}.values()
    kept.sort(key=_by_id)
    return tuple(kept)


def _difference(old: tuple[_Entry, ...], new: tuple[_Entry, ...]) -> tuple[tuple[_Entry, ...], tuple[int, ...]]:
    before = {entry.id: entry for entry in old}
    changed = tuple(entry for entry in new if before.pop(entry.id, None) != entry)
    return changed, tuple(sorted(before))
