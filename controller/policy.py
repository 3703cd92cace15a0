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
Duty = Literal["supervisor", "guard"]
CustomerStatus = Literal["active", "suspended", "ended"]


class Version(msgspec.Struct, frozen=True, order=True, array_like=True, gc=False):
    """A policy's version. A server restored from an older copy raises ``epoch``; ``n`` counts within it."""

    epoch: Int64
    n: Int64


class Customer(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """``quota`` is the number of badge slots of the customer's kind (B2). ``until_us``: when the last contract ends (B6)."""

    id: Int64
    code: str
    kind: CustomerKind
    status: CustomerStatus
    quota: Int64
    until_us: Int64 = FOREVER_US


class Holder(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Who carries badges. ``customer`` is None for own staff. ``may_escort``: areas; own staff may escort wherever they may enter.
    ``keyholder``: the 7-day lease by recorded decision. ``duties``: what lets two of them admit somebody with the link down
    (MEANINGS 21)."""

    id: Int64
    customer: Int64 | None = None
    may_escort: tuple[str, ...] = ()
    keyholder: bool = False
    duties: tuple[Duty, ...] = ()


class GrantArea(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Permission for one area within ``[from_us, until_us)``, when the schedule allows (None: always)."""

    area: str
    from_us: Int64 = 0
    until_us: Int64 = FOREVER_US
    schedule: str | None = None


class Grant(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A set of area permissions that many badges share. The union counts (MEANINGS 7)."""

    id: Int64
    areas: tuple[GrantArea, ...]


class Badge(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A pass. ``credential`` is :func:`credential_key` of the card; ``number`` is printed on the badge.

    ``slot`` and ``generation`` carry the quota (customer badges only): of one slot only the highest generation works.
    """

    id: Int64
    credential: bytes
    number: str
    kind: BadgeKind
    status: BadgeStatus
    holder: Int64
    customer: Int64 | None
    grant: Int64
    from_us: Int64 = 0
    until_us: Int64 = FOREVER_US
    slot: Int64 | None = None
    generation: Int64 = 1


class Item(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A device that is in the site's rooms, or (``inside`` false) left them of late. ``serial``: :func:`controller.codes.serial_key` of what is printed on it.
    ``customer`` None: the site's own. ``as_of_us``: when it came or went, as far as the server knows: what an edge saw later counts for more."""

    id: Int64
    serial: str
    model: str
    customer: Int64 | None = None
    inside: bool = True
    as_of_us: Int64 = 0


class Line(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a document lets pass. ``serials`` (as in :class:`Item`): one for each of ``quantity``, or none: then devices of ``model`` are
    counted. ``id``: of the line at the server."""

    id: Int64
    model: str
    quantity: Int64
    serials: tuple[str, ...] = ()


class WorkOrder(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Equipment may come in (E1, E2). ``code``: :func:`credential_key` of technology ``order``; ``number`` is printed. It may be used within
    ``[from_us, until_us)``, not before ``ready_us``, when its notice is over, at the goods doors of ``edge``. ``unpacked``: the guard attested
    that no cartons are left. ``lines``: what was still to come when it was bound to the edge, ``binding`` counts how often that was."""

    id: Int64
    code: bytes
    number: str
    customer: Int64 | None
    edge: str
    binding: Int64
    ready_us: Int64
    from_us: Int64
    until_us: Int64
    unpacked: bool
    lines: tuple[Line, ...]


SlipKind = Literal["withdrawal", "repair", "site"]


class ExitSlip(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Equipment may go out (E4-E6, E8). ``code``: :func:`credential_key` of technology ``slip``. ``customer`` None: the site's own. ``carriers``: holders;
    empty: any holder of the customer (``site``: any own staff). ``door`` empty: any goods door of ``edge``. ``lines``, ``binding`` as of
    a :class:`WorkOrder`. ``return_until_us``: until when what went out under this slip may come back; 0: never. ``returns``: what was out already when
    it was bound to the edge, by the same line ids."""

    id: Int64
    code: bytes
    number: str
    kind: SlipKind
    customer: Int64 | None
    edge: str
    binding: Int64
    from_us: Int64
    until_us: Int64
    lines: tuple[Line, ...]
    carriers: tuple[Int64, ...] = ()
    door: str = ""
    cancelled: bool = False
    returns: tuple[Line, ...] = ()
    return_until_us: Int64 = 0


class Policy(msgspec.Struct, frozen=True):
    """One whole policy for one edge. Lists are sorted by id, each id once. ``items``, ``orders``, ``slips``: for edges with goods doors."""

    version: Version
    site: Site
    customers: tuple[Customer, ...] = ()
    holders: tuple[Holder, ...] = ()
    grants: tuple[Grant, ...] = ()
    badges: tuple[Badge, ...] = ()
    items: tuple[Item, ...] = ()
    orders: tuple[WorkOrder, ...] = ()
    slips: tuple[ExitSlip, ...] = ()


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
    items: tuple[Item, ...] = ()
    orders: tuple[WorkOrder, ...] = ()
    slips: tuple[ExitSlip, ...] = ()
    gone_customers: tuple[Int64, ...] = ()
    gone_holders: tuple[Int64, ...] = ()
    gone_grants: tuple[Int64, ...] = ()
    gone_badges: tuple[Int64, ...] = ()
    gone_items: tuple[Int64, ...] = ()
    gone_orders: tuple[Int64, ...] = ()
    gone_slips: tuple[Int64, ...] = ()


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
    """The canonical bytes of a policy, as snapshots carry and stores keep them: JSON, lists sorted by id."""
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
            items=tuple(sorted(policy.items, key=_by_id)),
            orders=tuple(sorted(policy.orders, key=_by_id)),
            slips=tuple(sorted(policy.slips, key=_by_id)),
        )
    )


def decode_policy(canonical: bytes) -> Policy:
    """The reverse of :func:`encode_policy`. Raises :class:`PolicyError`, also where ids are not in order, each once."""
    try:
        parts = _parts_decoder.decode(canonical)
        seen: dict[int | str | None, int | str | None] = {}
        return Policy(
            version=parts.version,
            site=parts.site,
            customers=_in_slices(Customer, parts.customers, seen),
            holders=_in_slices(Holder, parts.holders, seen),
            grants=_in_slices(Grant, parts.grants, seen),
            badges=_in_slices(Badge, parts.badges, seen),
            items=_in_slices(Item, parts.items, seen),
            orders=_in_slices(WorkOrder, parts.orders, seen),
            slips=_in_slices(ExitSlip, parts.slips, seen),
        )
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        raise PolicyError(f"policy snapshot: {error}") from error


_SLICE = 1_000


class _Parts(msgspec.Struct):
    """A policy whose lists are not decoded yet."""

    version: Version
    site: Site
    customers: msgspec.Raw = msgspec.Raw(b"[]")
    holders: msgspec.Raw = msgspec.Raw(b"[]")
    grants: msgspec.Raw = msgspec.Raw(b"[]")
    badges: msgspec.Raw = msgspec.Raw(b"[]")
    items: msgspec.Raw = msgspec.Raw(b"[]")
    orders: msgspec.Raw = msgspec.Raw(b"[]")
    slips: msgspec.Raw = msgspec.Raw(b"[]")


_parts_decoder = msgspec.json.Decoder(_Parts)
_entries_decoder = msgspec.json.Decoder(list[msgspec.Raw])

_Entry = TypeVar("_Entry", Customer, Holder, Grant, Badge, Item, WorkOrder, ExitSlip)

_SHARED: dict[type, tuple[str, ...]] = {
    Customer: ("id", "until_us"),
    Holder: ("id", "customer"),
    Badge: ("id", "holder", "customer", "from_us", "until_us"),
    Item: ("model", "customer"),
}
"""Numbers and names that stand in many entries."""


def _in_slices(
    entry_type: type[_Entry], listed: msgspec.Raw, seen: dict[int | str | None, int | str | None]
) -> tuple[_Entry, ...]:
    """Decode a list, keeping one object of each number that :data:`_SHARED` names: that saves a quarter of a policy's memory.
    Slice by slice, so that what is dropped makes room for the next and no holes stay."""
    shared = _SHARED.get(entry_type, ())
    last = -(2**63) - 1
    keep, put = seen.setdefault, msgspec.structs.force_setattr
    decoder = msgspec.json.Decoder(tuple[entry_type, ...])  # type: ignore[valid-type] # here the type is a value
    found: list[_Entry] = []
    undecoded = _entries_decoder.decode(listed)
    while undecoded:
        entries: tuple[_Entry, ...] = decoder.decode(b"[" + b",".join(undecoded[:_SLICE]) + b"]")
        del undecoded[:_SLICE]
        for entry in entries:
            if entry.id <= last:
                raise ValueError(f"{entry_type.__name__} {entry.id} stands after {last}; ids ascend, each once")
            last = entry.id
            for name in shared:
                number = getattr(entry, name)
                kept = keep(number, number)
                if kept is not number:
                    put(entry, name, kept)
        found += entries
    return tuple(found)


def _by_id(entry: Customer | Holder | Grant | Badge | Item | WorkOrder | ExitSlip) -> int:
    return entry.id
