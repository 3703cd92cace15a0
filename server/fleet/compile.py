"""From the registry's rows to a policy's entries. Pure: the same rows give the same entries (DESIGN 5, MEANINGS 4, 5, 7).

Nothing depends on the time of compiling: contracts and badges carry their own windows, so an edge that hears nothing ends
them by itself (B6), and a new version is made only when somebody changed something. What one badge becomes depends on its own row, its
holder's, its customer's and that customer's contracts, and on other badges of the same card: so one change is compiled from few rows.
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
    Duty,
    ExitSlip,
    GrantArea,
    Holder,
    Item,
    WorkOrder,
)

COMPILER = 4
"""Raise it when the same rows give other entries than before: all policies are then compiled anew at the next start."""

DEREGISTERED = ("revoked", "returned")


class CustomerRow(msgspec.Struct, frozen=True):
    """A customer as the registry has it. ``gone``: deleted, or merged into another."""

    id: int
    code: str
    kind: CustomerKind
    gone: bool = False


class ContractRow(msgspec.Struct, frozen=True):
    """A hosting contract, ``until_us`` exclusive. ``areas``: those that the site has. ``status``: draft, active, suspended, ended (a deleted
    one too)."""

    customer_id: int
    areas: tuple[str, ...]
    from_us: int
    until_us: int
    status: str


class HolderRow(msgspec.Struct, frozen=True):
    """A person. ``areas``: the standing permission of own staff, ``duties`` likewise. ``gone``: has left, or was deleted (B5)."""

    id: int
    customer_id: int | None
    areas: tuple[str, ...] = ()
    may_escort: tuple[str, ...] = ()
    keyholder: bool = False
    gone: bool = False
    duties: tuple[Duty, ...] = ()


class BadgeRow(msgspec.Struct, frozen=True):
    """A badge. ``status`` as stored; ``credential`` None: no card is bound."""

    id: int
    credential: bytes | None
    number: str | None
    kind: BadgeKind
    status: str
    holder_id: int
    customer_id: int | None
    from_us: int
    until_us: int
    slot: int | None
    generation: int
    schedule: str | None
    permit: "PermitRow | None" = None

    @property
    def belongs_to(self) -> int | None:
        """Whose badge it is on the wire; a visitor's: of the customer whom they visit."""
        return self.customer_id if self.permit is None else self.permit.customer_id


class PermitRow(msgspec.Struct, frozen=True):
    """What a temporary badge opens by: areas that the site has, each within ``[from_us, until_us)`` and by the schedule, and whose visitor it is."""

    areas: tuple[str, ...]
    from_us: int
    until_us: int
    schedule: str | None
    customer_id: int | None


class Rows(msgspec.Struct, frozen=True):
    """Rows that entries are made of: with each badge its holder, its customer, all that customer's hosting contracts, and all badges of its card."""

    customers: Sequence[CustomerRow] = ()
    contracts: Sequence[ContractRow] = ()
    holders: Sequence[HolderRow] = ()
    badges: Sequence[BadgeRow] = ()


Areas = tuple[GrantArea, ...]
Touches = frozenset[str] | None
"""The areas that a badge has to do with; None: every edge must know it (a temporary badge opens by its permit, wherever that leads)."""


class Entries(msgspec.Struct, frozen=True):
    """What rows give, by id. ``by_touches``: the ids in ``badges`` by the areas that they have to do with. ``goods``: the entries of ``items``, ``orders`` and
    ``slips`` by the name of their list."""

    customers: dict[int, Customer]
    holders: dict[int, Holder]
    badges: dict[int, Badge]
    by_touches: dict[Touches, list[int]]
    goods: Mapping[str, Mapping[int, Item | WorkOrder | ExitSlip]] = {}


class Grants:
    """Numbers the sets of area permissions, the same number in every edge's policy."""

    def __init__(self) -> None:
        self._numbers: dict[Areas, int] = {}
        self._areas: dict[int, Areas] = {}
        self._next = 1

    def know(self, grant_id: int, areas: Areas) -> None:
        """A number that stands in a stored policy."""
        self._numbers[areas] = grant_id
        self._areas[grant_id] = areas
        self._next = max(self._next, grant_id + 1)

    def agree(self, grant_id: int, areas: Areas) -> bool:
        """Whether the number stands for these permissions here, or for none yet."""
        return self._areas.get(grant_id, areas) == areas

    def id_of(self, areas: Areas) -> int:
        """The number of these permissions."""
        grant_id = self._numbers.get(areas)
        if grant_id is None:
            grant_id = self._next
            self.know(grant_id, areas)
        return grant_id

    def areas(self, grant_id: int) -> Areas:
        """The permissions behind a number."""
        return self._areas[grant_id]


class _Terms(msgspec.Struct, frozen=True):
    """What a customer's contracts give: permissions, and every area that any of them names."""

    areas: Areas = ()
    touches: frozenset[str] = frozenset()


def compile_rows(rows: Rows, quotas: Mapping[str, int], grants: Grants) -> Entries:
    """The entries of all customers and holders in ``rows``, and of all badges that belong in a policy."""
    contracts: dict[int, list[ContractRow]] = {}
    for contract in rows.contracts:
        contracts.setdefault(contract.customer_id, []).append(contract)
    customers: dict[int, Customer] = {}
    terms: dict[int, _Terms] = {}
    for row in rows.customers:
        signed = [contract for contract in contracts.get(row.id, ()) if contract.status != "draft"]
        customers[row.id] = _customer(row, signed, quotas.get(row.kind, 0))
        terms[row.id] = _Terms(
            () if row.gone else _areas_of_contracts(signed),
            frozenset(area for contract in signed for area in contract.areas),
        )
    people = {row.id: row for row in rows.holders}
    badges: dict[int, Badge] = {}
    by_touches: dict[Touches, list[int]] = {}
    for badge in _usable(rows.badges):
        holder = people[badge.holder_id]
        entry, touches = _badge(badge, holder, terms, grants)
        badges[badge.id] = entry
        by_touches.setdefault(touches, []).append(badge.id)
    holders = {row.id: _holder(row) for row in rows.holders}
    return Entries(customers, holders, badges, by_touches)


def _holder(row: HolderRow) -> Holder:
    if row.gone:
        return Holder(row.id, row.customer_id, (), row.keyholder)
    return Holder(row.id, row.customer_id, row.may_escort, row.keyholder, row.duties)


def _badge(row: BadgeRow, holder: HolderRow, terms: Mapping[int, _Terms], grants: Grants) -> tuple[Badge, Touches]:
    areas: Areas = ()
    touches: Touches = None
    if row.kind == "customer":
        assert row.customer_id is not None
        agreed = terms[row.customer_id]
        areas, touches = agreed.areas, agreed.touches
    elif row.kind == "staff":
        areas = tuple(GrantArea(area) for area in sorted(set(holder.areas)))
        touches = frozenset(holder.areas).union(holder.may_escort)
    elif row.permit is not None:
        permit = row.permit
        areas = tuple(
            GrantArea(area, permit.from_us, permit.until_us, permit.schedule) for area in sorted(set(permit.areas))
        )
        touches = frozenset(row.permit.areas)
    if row.schedule is not None:
        areas = tuple(GrantArea(area.area, area.from_us, area.until_us, row.schedule) for area in areas)
    assert row.credential is not None
    entry = Badge(
        row.id, row.credential, row.number or "", row.kind, _wire_status(row.status, holder), row.holder_id,
        row.belongs_to, grants.id_of(areas), row.from_us, row.until_us, row.slot, row.generation,
    )  # fmt: skip
    return entry, touches


def _wire_status(stored: str, holder: HolderRow) -> BadgeStatus:
    """A returned badge is a deregistered one. Of somebody who has left none works (B5), and a lost one stays lost."""
    match stored:
        case "lost":
            return "lost"
        case "issued" | "active" | "suspended" if not holder.gone:
            return stored
    return "revoked"


def _customer(row: CustomerRow, contracts: Sequence[ContractRow], quota: int) -> Customer:
    """``suspended`` when every contract that would be in force is; ``ended`` when there is none left."""
    status: CustomerStatus = "ended"
    if not row.gone:
        statuses = {contract.status for contract in contracts}
        status = "active" if "active" in statuses else "suspended" if "suspended" in statuses else "ended"
    in_force = [contract.until_us for contract in contracts if status == "ended" or contract.status == status]
    return Customer(row.id, row.code, row.kind, status, quota, max(in_force, default=0))


def _areas_of_contracts(contracts: Iterable[ContractRow]) -> Areas:
    """The union of what the contracts permit, each area's overlapping or adjoining windows merged (MEANINGS 7).

    An ended contract leaves a window without duration, whatever end it states: the door can then say that it ended. A suspended one gives
    nothing but stands in the customer's status.
    """
    windows: dict[str, list[tuple[int, int]]] = {}
    for contract in contracts:
        until_us = contract.from_us if contract.status == "ended" else contract.until_us
        if contract.status in ("active", "ended") and contract.from_us <= until_us:
            for area in set(contract.areas):
                windows.setdefault(area, []).append((contract.from_us, until_us))
    merged = []
    for area in sorted(windows):
        start, end = None, 0
        for from_us, until_us in sorted(windows[area]):
            if start is not None and from_us <= end:
                end = max(end, until_us)
                continue
            if start is not None:
                merged.append(GrantArea(area, start, end))
            start, end = from_us, until_us
        assert start is not None
        merged.append(GrantArea(area, start, min(end, FOREVER_US)))
    return tuple(merged)


def _usable(badges: Iterable[BadgeRow]) -> list[BadgeRow]:
    """Badges with a card, one per card: a card that was bound again belongs to its live badge, else to the newest."""
    by_card: dict[bytes, BadgeRow] = {}
    for badge in badges:
        if badge.credential is None or badge.status == "approved":
            continue
        held = by_card.get(badge.credential)
        if held is None or _claim(badge) > _claim(held):
            by_card[badge.credential] = badge
    return list(by_card.values())


def _claim(badge: BadgeRow) -> tuple[bool, int]:
    return badge.status not in DEREGISTERED, badge.id
