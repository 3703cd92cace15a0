"""The policy that a server would compile of a scenario's ``given``, where there is no server.

Not the server's compiler: an independent, small reading of MEANINGS 4-8, for people whom a scenario names by its own ids.
"""

import datetime as dt
from collections.abc import Mapping

import msgspec

from controller.now import SECOND_US
from controller.policy import (
    FOREVER_US,
    Badge,
    BadgeStatus,
    Customer,
    Grant,
    GrantArea,
    Holder,
    Policy,
    Version,
    credential_key,
)
from controller.site import Site
from sim.scenario_given import BadgeGiven, CustomerGiven, Given, HolderGiven, PermitGiven
from sim.scenario_times import moment
from sim.virtual.goods_policy import Paper, goods_of

QUOTAS = {"organisation": 2, "individual": 1, "supplier": 0, "partner": 0}
"""Badge slots by kind of customer (B2)."""
FIRST_NUMBER = 1001


class CardHeld(msgspec.Struct, frozen=True):
    """What lies in somebody's hand: what a reader gets from it."""

    technology: str
    number: str


class Cast(msgspec.Struct, frozen=True):
    """The policy, and who is who in it: by the ids that the scenario gives. ``cards``: of badges, permits, and ``unknown``. ``papers``: of
    slips and orders."""

    policy: Policy
    cards: dict[str, CardHeld]
    badges: dict[str, int]
    holders: dict[str, int]
    papers: dict[str, Paper] = {}


def cast_of(given: Given, site: Site, hash_key: bytes, now: dt.datetime) -> Cast:
    """Everybody whom ``given`` names, as of ``now``."""
    return _Casting(given, site, hash_key, now).cast()


class _Casting:
    def __init__(self, given: Given, site: Site, hash_key: bytes, now: dt.datetime) -> None:
        self._given = given
        self._site = site
        self._key = hash_key
        self._now = now
        self._customers = {customer.code: number for number, customer in enumerate(given.customers, 1)}
        self._holders = {holder.id: number for number, holder in enumerate(given.holders, 1)}
        self._slots: dict[str, int] = {}
        self._grants: dict[tuple[GrantArea, ...], int] = {}
        self._cards = {"unknown": CardHeld("desfire", "X9999")}
        self._next_number = FIRST_NUMBER

    def cast(self) -> Cast:
        people = {holder.id: holder for holder in self._given.holders}
        entries: list[BadgeGiven | PermitGiven] = [*self._given.badges, *self._given.permits]
        ids = {entry.id: number for number, entry in enumerate(entries, 1)}
        badges = tuple(
            self._temporary(ids[entry.id], entry, people[entry.holder])
            if isinstance(entry, PermitGiven)
            else self._standing(ids[entry.id], entry, people[entry.holder])
            for entry in entries
        )
        zone = self._site.time_zone
        goods = goods_of(self._given, self._customers, self._holders, zone, self._key, self._now)
        policy = Policy(
            Version(1, 1),
            self._site,
            tuple(map(self._customer, self._given.customers)),
            tuple(map(self._holder, self._given.holders)),
            tuple(Grant(number, areas) for areas, number in self._grants.items()),
            badges,
            goods.items,
            goods.orders,
            goods.slips,
        )
        return Cast(policy, self._cards, ids, self._holders, goods.papers)

    def _customer(self, customer: CustomerGiven) -> Customer:
        contract = customer.contract
        ended = contract is None or contract.ended
        return Customer(
            self._customers[customer.code],
            customer.code,
            customer.kind,
            "ended" if ended else "active",
            QUOTAS[customer.kind],
            self._time_us(contract.to, FOREVER_US) if contract is not None else 0,
        )

    def _holder(self, holder: HolderGiven) -> Holder:
        return Holder(
            self._holders[holder.id],
            None if holder.customer is None else self._customers[holder.customer],
            holder.may_escort,
            holder.keyholder,
            holder.duties,
        )

    def _standing(self, number: int, badge: BadgeGiven, holder: HolderGiven) -> Badge:
        from_us, until_us = self._time_us(badge.from_, 0), self._time_us(badge.to, FOREVER_US)
        return self._badge(
            number,
            badge.id,
            badge.card,
            badge.number,
            holder,
            kind="staff" if holder.customer is None else "customer",
            status=self._status(badge, holder),
            grant=self._grant(self._areas(holder, badge.schedule)),
            slot=None if holder.customer is None else self._slot(holder.customer),
            from_us=from_us,
            until_us=until_us,
        )

    def _temporary(self, number: int, permit: PermitGiven, holder: HolderGiven) -> Badge:
        from_us, until_us = self._time_us(permit.from_, 0), self._time_us(permit.to, FOREVER_US)
        areas = tuple(GrantArea(area, from_us, until_us) for area in permit.areas)
        return self._badge(
            number,
            permit.id,
            "desfire",
            permit.number,
            holder,
            kind="temporary",
            status="active",
            grant=self._grant(areas),
        )

    def _badge(self, number: int, name: str, card: str, printed: str, holder: HolderGiven, **more: object) -> Badge:
        if not printed:
            printed, self._next_number = str(self._next_number), self._next_number + 1
        held = CardHeld(card, f"04{number:012X}" if card == "uid" else printed)
        self._cards[name] = held
        nobody = Badge(
            id=number,
            credential=credential_key(self._key, held.technology, held.number),
            number=printed,
            kind="staff",
            status="revoked",
            holder=self._holders[holder.id],
            customer=None if holder.customer is None else self._customers[holder.customer],
            grant=0,
        )
        return msgspec.structs.replace(nobody, **more)

    def _status(self, badge: BadgeGiven, holder: HolderGiven) -> BadgeStatus:
        if holder.left:
            return "revoked"
        reported: Mapping[str | None, BadgeStatus] = {
            None: "active",
            "lost": "lost",
            "suspended": "suspended",
            "revoked": "revoked",
            "returned": "revoked",
        }
        return reported[badge.report]

    def _areas(self, holder: HolderGiven, schedule: str | None) -> tuple[GrantArea, ...]:
        if holder.customer is None:
            return tuple(GrantArea(area, schedule=schedule) for area in holder.areas)
        customer = next(each for each in self._given.customers if each.code == holder.customer)
        if customer.contract is None:
            return ()
        from_us = self._time_us(customer.contract.from_, 0)
        until_us = self._time_us(customer.contract.to, FOREVER_US)
        return tuple(GrantArea(area, from_us, until_us, schedule) for area in customer.areas)

    def _grant(self, areas: tuple[GrantArea, ...]) -> int:
        return self._grants.setdefault(areas, len(self._grants) + 1)

    def _slot(self, customer: str) -> int:
        self._slots[customer] = self._slots.get(customer, 0) + 1
        return self._slots[customer]

    def _time_us(self, text: str | None, otherwise: int) -> int:
        return otherwise if text is None else round(moment(text, self._now).timestamp() * SECOND_US)
