"""From the registry's rows to a policy. Pure: the same rows give the same policy (DESIGN 5, MEANINGS 4, 5, 7).

Nothing depends on the time of compiling: contracts and badges carry their own windows, so an edge that hears nothing ends
them by itself (B6), and a new version is made only when somebody changed something.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from controller.policy import (
    FOREVER_US,
    Badge,
    BadgeKind,
    BadgeStatus,
    Customer,
    CustomerKind,
    CustomerStatus,
    Grant,
    GrantArea,
    Holder,
    Policy,
    Version,
)
from controller.site import Site


class CustomerRow(msgspec.Struct, frozen=True):
    """A customer as the registry has it."""

    id: int
    code: str
    kind: CustomerKind


class ContractRow(msgspec.Struct, frozen=True):
    """A contract, ``until_us`` exclusive. ``status``: active, suspended, ended."""

    customer_id: int
    areas: tuple[str, ...]
    from_us: int
    until_us: int
    status: str


class HolderRow(msgspec.Struct, frozen=True):
    """A person. ``areas``: the standing permission of own staff."""

    id: int
    customer_id: int | None
    areas: tuple[str, ...] = ()
    may_escort: tuple[str, ...] = ()
    keyholder: bool = False


class BadgeRow(msgspec.Struct, frozen=True):
    """A badge."""

    id: int
    credential: bytes
    number: str
    kind: BadgeKind
    status: BadgeStatus
    holder_id: int
    customer_id: int | None
    from_us: int
    until_us: int
    slot: int | None
    generation: int
    schedule: str | None


class Registry(msgspec.Struct, frozen=True):
    """All rows that a policy is made of."""

    customers: Sequence[CustomerRow] = ()
    contracts: Sequence[ContractRow] = ()
    holders: Sequence[HolderRow] = ()
    badges: Sequence[BadgeRow] = ()


Areas = tuple[GrantArea, ...]


def compile_policy(
    site: Site, registry: Registry, quotas: Mapping[str, int], version: Version, previous: Policy | None = None
) -> Policy:
    """The policy of ``version``. Grants keep the ids that they have in ``previous``, so that deltas stay small."""
    contracts: dict[int, list[ContractRow]] = {}
    for contract in registry.contracts:
        contracts.setdefault(contract.customer_id, []).append(contract)
    people = {row.id: row for row in registry.holders}
    badges = [badge for badge in _usable(registry.badges) if badge.holder_id in people]  # else read amid an insert
    holders = {badge.holder_id: people[badge.holder_id] for badge in badges}
    customer_areas = {
        row.id: _areas_of_contracts(contracts.get(row.id, ()), None)
        for row in registry.customers
        if row.id in contracts
    }
    grants = _Grants(previous)
    entries = []
    for badge in badges:
        holder = holders[badge.holder_id]
        if badge.kind == "customer":
            assert badge.customer_id is not None
            areas = customer_areas.get(badge.customer_id, ())
        elif badge.kind == "staff":
            areas = tuple(GrantArea(area) for area in sorted(set(holder.areas)))
        else:
            areas = ()  # a temporary badge opens by its permit alone
        if badge.schedule is not None:
            areas = tuple(msgspec.structs.replace(area, schedule=badge.schedule) for area in areas)
        entries.append(
            Badge(
                id=badge.id,
                credential=badge.credential,
                number=badge.number,
                kind=badge.kind,
                status=badge.status,
                holder=badge.holder_id,
                customer=badge.customer_id,
                grant=grants.id_of(areas),
                from_us=badge.from_us,
                until_us=badge.until_us,
                slot=badge.slot,
                generation=badge.generation,
            )
        )
    return Policy(
        version=version,
        site=site,
        customers=tuple(
            _customer(row, contracts.get(row.id, ()), quotas.get(row.kind, 0))
            for row in sorted(registry.customers, key=lambda row: row.id)
        ),
        holders=tuple(
            Holder(id=row.id, customer=row.customer_id, may_escort=row.may_escort, keyholder=row.keyholder)
            for row in sorted(holders.values(), key=lambda row: row.id)
        ),
        grants=grants.used(),
        badges=tuple(sorted(entries, key=lambda entry: entry.id)),
    )


def _customer(row: CustomerRow, contracts: Sequence[ContractRow], quota: int) -> Customer:
    """``suspended`` when every contract that would be in force is; ``ended`` when there is none left."""
    status: CustomerStatus = "ended"
    if any(contract.status == "active" for contract in contracts):
        status = "active"
    elif any(contract.status == "suspended" for contract in contracts):
        status = "suspended"
    until_us = max(
        (contract.until_us for contract in contracts if status != "active" or contract.status != "suspended"), default=0
    )
    return Customer(id=row.id, code=row.code, kind=row.kind, status=status, quota=quota, until_us=until_us)


def _areas_of_contracts(contracts: Iterable[ContractRow], schedule: str | None) -> Areas:
    """The union of what the contracts permit, each area's overlapping or adjoining windows merged (MEANINGS 7).

    An ended contract keeps its window, which is over: the door can then say when it ended. A suspended one gives nothing
    but stands in the customer's status.
    """
    windows: dict[str, list[tuple[int, int]]] = {}
    for contract in contracts:
        if contract.status != "suspended" and contract.from_us < contract.until_us:
            for area in set(contract.areas):
                windows.setdefault(area, []).append((contract.from_us, contract.until_us))
    merged = []
    for area in sorted(windows):
        start, end = None, 0
        for from_us, until_us in sorted(windows[area]):
            if start is not None and from_us <= end:
                end = max(end, until_us)
                continue
            if start is not None:
                merged.append(GrantArea(area, start, end, schedule))
            start, end = from_us, until_us
        assert start is not None
        merged.append(GrantArea(area, start, min(end, FOREVER_US), schedule))
    return tuple(merged)


def _usable(badges: Iterable[BadgeRow]) -> list[BadgeRow]:
    """One badge per card: a card that was bound again belongs to its live badge, else to the newest."""
    by_card: dict[bytes, BadgeRow] = {}
    for badge in badges:
        held = by_card.get(badge.credential)
        if held is None or (badge.status != "revoked", badge.id) > (held.status != "revoked", held.id):
            by_card[badge.credential] = badge
    return list(by_card.values())


class _Grants:
    """Grant ids by content."""

    def __init__(self, previous: Policy | None) -> None:
        before = previous.grants if previous is not None else ()
        self._known: dict[Areas, int] = {grant.areas: grant.id for grant in before}
        self._next = max((grant.id for grant in before), default=0) + 1
        self._used: dict[int, Areas] = {}

    def id_of(self, areas: Areas) -> int:
        grant_id = self._known.get(areas)
        if grant_id is None:
            grant_id = self._known[areas] = self._next
            self._next += 1
        self._used[grant_id] = areas
        return grant_id

    def used(self) -> tuple[Grant, ...]:
        return tuple(Grant(grant_id, areas) for grant_id, areas in sorted(self._used.items()))
