"""Deltas between policies: made, and applied at the cost of what changes, not of what there is (DESIGN 5)."""

from bisect import bisect_left
from operator import attrgetter
from typing import TypeVar

from controller.policy import (
    Badge,
    Customer,
    Delta,
    ExitSlip,
    Grant,
    Holder,
    Item,
    Policy,
    PolicyError,
    WorkOrder,
)
from controller.policy_digest import PolicyDigest, policy_digest

_Entry = TypeVar("_Entry", Customer, Holder, Grant, Badge, Item, WorkOrder, ExitSlip)

_REBUILD_SHARE = 16
"""A delta of more than one entry in so many is merged by sorting anew: each insertion moves what lies behind it."""


def advance(policy: Policy, digest: PolicyDigest, delta: Delta) -> tuple[Policy, PolicyDigest]:
    """The policy that ``delta`` makes of ``policy``, and its digest. ``policy`` is as decoded, so sorted; ``digest`` is its own and
    stays as it is. Raises :class:`PolicyError` when ``base`` is not this version or the result is not what the delta names."""
    if delta.base != policy.version:
        raise PolicyError(f"delta from {delta.base} on policy {policy.version}")
    merged = Policy(
        version=delta.version,
        site=delta.site if delta.site is not None else policy.site,
        customers=_merge(policy.customers, delta.customers, delta.gone_customers),
        holders=_merge(policy.holders, delta.holders, delta.gone_holders),
        grants=_merge(policy.grants, delta.grants, delta.gone_grants),
        badges=_merge(policy.badges, delta.badges, delta.gone_badges),
        items=_merge(policy.items, delta.items, delta.gone_items),
        orders=_merge(policy.orders, delta.orders, delta.gone_orders),
        slips=_merge(policy.slips, delta.slips, delta.gone_slips),
    )
    after = digest.after(delta, merged)
    if after.hexdigest(merged.version, merged.site) != delta.digest:
        raise PolicyError(f"delta {delta.version} does not produce the digest it names")
    return merged, after


def apply_delta(policy: Policy, delta: Delta) -> Policy:
    """:func:`advance` for a policy whose digest is not at hand: all of it is hashed first."""
    return advance(policy, PolicyDigest.of(policy), delta)[0]


def make_delta(old: Policy, new: Policy) -> Delta:
    """The delta that turns ``old`` into ``new``, by comparing all of them."""
    customers, gone_customers = _difference(old.customers, new.customers)
    holders, gone_holders = _difference(old.holders, new.holders)
    grants, gone_grants = _difference(old.grants, new.grants)
    badges, gone_badges = _difference(old.badges, new.badges)
    items, gone_items = _difference(old.items, new.items)
    orders, gone_orders = _difference(old.orders, new.orders)
    slips, gone_slips = _difference(old.slips, new.slips)
    return Delta(
        base=old.version,
        version=new.version,
        digest=policy_digest(new),
        site=new.site if new.site != old.site else None,
        customers=customers,
        holders=holders,
        grants=grants,
        badges=badges,
        items=items,
        orders=orders,
        slips=slips,
        gone_customers=gone_customers,
        gone_holders=gone_holders,
        gone_grants=gone_grants,
        gone_badges=gone_badges,
        gone_items=gone_items,
        gone_orders=gone_orders,
        gone_slips=gone_slips,
    )


_ID = attrgetter("id")


def _merge(old: tuple[_Entry, ...], changed: tuple[_Entry, ...], gone: tuple[int, ...]) -> tuple[_Entry, ...]:
    """``changed`` put in and ``gone`` left out, sorted by id. An id in both is gone; of one id twice the later counts."""
    if not changed and not gone:
        return old
    if (len(changed) + len(gone)) * _REBUILD_SHARE > len(old):
        entries = {entry.id: entry for entry in old}
        entries.update((entry.id, entry) for entry in changed)
        for entry_id in gone:
            entries.pop(entry_id, None)
        return tuple(sorted(entries.values(), key=_ID))
    kept = list(old)
    for entry in changed:
        at = bisect_left(kept, entry.id, key=_ID)
        if at < len(kept) and kept[at].id == entry.id:
            kept[at] = entry
        else:
            kept.insert(at, entry)
    for entry_id in gone:
        at = bisect_left(kept, entry_id, key=_ID)
        if at < len(kept) and kept[at].id == entry_id:
            del kept[at]
    return tuple(kept)


def _difference(old: tuple[_Entry, ...], new: tuple[_Entry, ...]) -> tuple[tuple[_Entry, ...], tuple[int, ...]]:
    before = {entry.id: entry for entry in old}
    changed = tuple(entry for entry in new if before.pop(entry.id, None) != entry)
    return changed, tuple(sorted(before))
