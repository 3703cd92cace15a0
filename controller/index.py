"""A policy made ready for decisions: every lookup that a tap needs is one dictionary access (NOTES, memory and speed).

It points into the policy's own objects and copies none: at 100 000 badges it adds one table from credential to badge.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from itertools import pairwise
from operator import attrgetter
from typing import Literal

import msgspec

from controller.goods_index import GoodsIndex
from controller.limits import Limits, limits_from
from controller.nesting import around, closed, closures, without
from controller.now import SECOND_US
from controller.policy import Badge, Customer, Delta, Duty, GrantArea, Holder, Policy
from controller.quota import CARD_OF_TWO, without_place
from controller.schedule import Calendar
from controller.site import AccessPoint, Area, Door, Site

TRAITS = ("authenticated_only", "customers", "closed", "anti_passback")


class Room(msgspec.Struct, frozen=True, gc=False):
    """An area that is not public, with what the rules about several people ask there. ``within``: itself and all inside it. ``doors``: into or out of it."""

    id: str
    within: frozenset[str]
    two_person: bool
    anti_passback: Literal["off", "soft", "hard"]
    capacity: int | None
    composition: Literal["any", "same_customer", "with_staff"]
    first_in: bool
    escort_customers: bool
    doors: tuple[str, ...] = ()


class Point(msgspec.Struct, frozen=True, gc=False):
    """One access point with what the rules need of its door and area. ``area``: the one that permission is asked for, the
    area entered or, on a way out, the one left. ``closed_area``: the closed area that it leads into, itself or around it.
    ``enters``: the areas that hold ``to_area`` (itself and all it lies in) but not ``from_area``, ``leaves`` the reverse, the innermost
    first; public ones are not among them: they ask for nothing (docs/rooms.md). ``entered`` and ``left``: the same where people pass, none at
    a cabinet. ``asks``: an area entered asks something of the group. ``opposite``: the points that lead the other way through the
    door. ``closures``: when an area that it leads into, itself or around it, is closed, ``[from_us, until_us)``. ``traits``: what rules of
    :mod:`controller.access` may be asked here besides those asked everywhere, of :data:`TRAITS`.
    ``goods``: of a goods door (docs/goods.md). ``confirms``: the guard confirms who enters (R8)."""

    id: str
    door: str
    out: bool
    area: str
    public: bool
    authenticated_only: bool
    closed_area: str
    customers: tuple[str, ...]
    from_area: str
    to_area: str
    to_public: bool
    passage: bool
    enters: tuple[str, ...] = ()
    leaves: tuple[str, ...] = ()
    entered: tuple[Room, ...] = ()
    left: tuple[Room, ...] = ()
    asks: bool = False
    anti_passback: bool = False
    soft_passback: bool = False
    escort_customers: bool = False
    opposite: tuple[str, ...] = ()
    closures: tuple[tuple[int, int, str], ...] = ()
    traits: frozenset[str] = frozenset()
    goods: Literal["", "out", "both"] = ""
    confirms: bool = False


class PolicyIndex:
    """Lookups over one policy. Pure: built from the policy alone, or kept up with it delta by delta (:meth:`follow`)."""

    __slots__ = (
        "_by_id",
        "_cards_of_several",
        "_cards_of_two",
        "areas",
        "areas_of_grant",
        "badges",
        "calendar",
        "customers",
        "doors",
        "duties",
        "goods",
        "interlocked",
        "keyholders",
        "late_read_us",
        "limits",
        "may_escort",
        "no_place",
        "points",
        "points_of_door",
        "policy",
        "rooms",
    )

    def __init__(self, policy: Policy) -> None:
        """The policy's site has passed :func:`controller.site_checks.check_site`."""
        self.policy = policy
        self._take_site(policy.site)
        self.customers: dict[int, Customer] = {customer.id: customer for customer in policy.customers}
        self.keyholders: set[int] = set()
        self.may_escort: dict[int, frozenset[str]] = {}
        self.duties: dict[int, tuple[Duty, ...]] = {}
        for holder in policy.holders:
            self._take_holder(holder)
        self.areas_of_grant: dict[int, Mapping[str, tuple[GrantArea, ...]]] = {
            grant.id: _by_area(grant.areas) for grant in policy.grants
        }
        self.no_place: dict[int, str] = without_place(policy.badges, self.customers)
        """Badges without a place in their customer's quota, and why (B2)."""
        self.goods = GoodsIndex(policy)
        self._by_id = policy.badges
        if any(first.id > second.id for first, second in pairwise(policy.badges)):  # made by hand, not decoded
            self._by_id = tuple(sorted(policy.badges, key=_ID))
        self.badges: dict[bytes, Badge] = {badge.credential: badge for badge in policy.badges}
        self._cards_of_several: set[bytes] = set()
        self._cards_of_two: set[int] = set()
        if len(self.badges) < len(policy.badges):
            counted = Counter(badge.credential for badge in policy.badges)
            self._settle_cards({card for card, count in counted.items() if count > 1})

    def badge(self, badge_id: int) -> Badge | None:
        """A badge by its id."""
        return _find(self._by_id, badge_id)

    def grant_areas(self, badge: Badge, area: str) -> tuple[GrantArea, ...]:
        """All that the badge's grant says of an area."""
        areas = self.areas_of_grant.get(badge.grant)
        return () if areas is None else areas.get(area, ())

    def fault_of_place(self, badge: Badge) -> str | None:
        """Why this badge holds no valid place in its customer's quota, or shares its card with another in use."""
        if not self.no_place and not self._cards_of_two:
            return None
        return CARD_OF_TWO if badge.id in self._cards_of_two else self.no_place.get(badge.id)

    def follow(self, policy: Policy, delta: Delta) -> None:
        """Become the index of ``policy``, which ``delta`` made of the policy indexed until now; both as decoded, so sorted. Costs
        what the delta changes; one pass over the badges where places in a quota or a card of several badges are concerned."""
        if delta.site is not None:
            self._take_site(policy.site)
        for changed in (*(holder.id for holder in delta.holders), *delta.gone_holders):
            self.keyholders.discard(changed)
            self.may_escort.pop(changed, None)
            self.duties.pop(changed, None)
        for holder in delta.holders:
            self._take_holder(holder)
        self.areas_of_grant.update((grant.id, _by_area(grant.areas)) for grant in delta.grants)
        for grant_id in delta.gone_grants:
            self.areas_of_grant.pop(grant_id, None)
        touched = [
            (self.badge(badge_id), _find(policy.badges, badge_id))
            for badge_id in {badge.id for badge in delta.badges}.union(delta.gone_badges)
        ]
        self.policy = policy
        self.goods.follow(delta)
        self._by_id = policy.badges
        self._follow_cards(touched)
        self._follow_places(delta, touched)

    def _follow_cards(self, touched: Sequence[tuple[Badge | None, Badge | None]]) -> None:
        unsettled = set()
        for before, _ in touched:
            if before is not None:
                if before.credential in self._cards_of_several:
                    unsettled.add(before.credential)
                else:
                    del self.badges[before.credential]
                self._cards_of_two.discard(before.id)
        for _, after in touched:
            if after is not None and self.badges.setdefault(after.credential, after) is not after:
                unsettled.add(after.credential)
        if unsettled:
            self._settle_cards(unsettled)

    def _settle_cards(self, cards: Set[bytes]) -> None:
        """What each of these cards opens: a lost badge decides; else the only one that is in use; two in use open nothing."""
        for card in cards:
            self.badges.pop(card, None)
        self._cards_of_several -= cards
        for badge in self.policy.badges:
            if badge.credential not in cards:
                continue
            other = self.badges.setdefault(badge.credential, badge)
            if other is badge:
                self._cards_of_two.discard(badge.id)
                continue
            self._cards_of_several.add(badge.credential)
            self._cards_of_two.discard(badge.id)
            if "lost" in (badge.status, other.status):
                self.badges[badge.credential] = badge if badge.status == "lost" else other
            elif _in_use(badge) and _in_use(other):
                self._cards_of_two |= {badge.id, other.id}
            elif _in_use(badge):
                self.badges[badge.credential] = badge

    def _follow_places(self, delta: Delta, touched: Sequence[tuple[Badge | None, Badge | None]]) -> None:
        concerned: set[int | None] = set()
        for customer in delta.customers:
            known = self.customers.get(customer.id)
            if known is None or known.quota != customer.quota:
                concerned.add(customer.id)
            self.customers[customer.id] = customer
        for customer_id in delta.gone_customers:
            self.customers.pop(customer_id, None)
            concerned.add(customer_id)
        for before, after in touched:
            if before is None or after is None or _place(before) != _place(after):
                for badge in (before, after):
                    if badge is not None:
                        self.no_place.pop(badge.id, None)
                        if badge.kind == "customer":
                            concerned.add(badge.customer)
        if concerned:
            theirs = [badge for badge in self.policy.badges if badge.customer in concerned]
            for badge in theirs:
                self.no_place.pop(badge.id, None)
            self.no_place.update(without_place(theirs, self.customers))

    def _take_holder(self, holder: Holder) -> None:
        if holder.keyholder:
            self.keyholders.add(holder.id)
        if holder.may_escort:
            self.may_escort[holder.id] = frozenset(holder.may_escort)
        if holder.duties:
            self.duties[holder.id] = holder.duties

    def _take_site(self, site: Site) -> None:
        self.calendar = Calendar(site)
        self.rooms: Mapping[str, Room] = _rooms(site)
        self.limits: Limits = limits_from(site.settings)
        self.late_read_us = round(self.limits.late_read_s * SECOND_US)
        self.points: Mapping[str, Point] = _points(site, self.rooms)
        self.points_of_door: Mapping[str, tuple[Point, ...]] = {
            door.id: tuple(point for point in self.points.values() if point.door == door.id) for door in site.doors
        }
        self.doors: Mapping[str, Door] = {door.id: door for door in site.doors}
        self.areas: Mapping[str, Area] = {area.id: area for area in site.areas}
        self.interlocked: Mapping[str, tuple[tuple[str, str], ...]] = _interlocked(site)
        """Door to what it is interlocked with: (interlock, other door)."""


_ID = attrgetter("id")


def _find(badges: tuple[Badge, ...], badge_id: int) -> Badge | None:
    at = bisect_left(badges, badge_id, key=_ID)
    return badges[at] if at < len(badges) and badges[at].id == badge_id else None


def _place(badge: Badge) -> tuple[str, int | None, int | None, int]:
    return badge.kind, badge.customer, badge.slot, badge.generation


def _in_use(badge: Badge) -> bool:
    return badge.status not in ("revoked", "expired")


def _by_area(areas: tuple[GrantArea, ...]) -> dict[str, tuple[GrantArea, ...]]:
    by_area: dict[str, tuple[GrantArea, ...]] = {}
    for entry in areas:
        by_area[entry.area] = (*by_area.get(entry.area, ()), entry)
    return by_area


def _rooms(site: Site) -> dict[str, Room]:
    areas = {area.id: area for area in site.areas}
    return {
        area.id: Room(
            id=area.id,
            within=frozenset(other.id for other in site.areas if area.id in around(other.id, areas)),
            two_person=area.two_person,
            anti_passback=area.anti_passback,
            capacity=area.capacity,
            composition=area.composition,
            first_in=area.first_in,
            escort_customers=area.escort_for == "customers",
            doors=_doors_of(area.id, site, areas),
        )
        for area in site.areas
        if not area.public
    }


def _doors_of(area: str, site: Site, areas: Mapping[str, Area]) -> tuple[str, ...]:
    """The doors whose access points enter or leave an area."""
    sides = ((point.door, around(point.from_area, areas), around(point.to_area, areas)) for point in site.access_points)
    return tuple(dict.fromkeys(door for door, one, other in sides if (area in one) != (area in other)))


def _points(site: Site, rooms: Mapping[str, Room]) -> dict[str, Point]:
    areas = {area.id: area for area in site.areas}
    doors = {door.id: door for door in site.doors}
    closed_times = closures(site)
    return {
        point.id: _point(point, doors[point.door], site, areas, rooms, closed_times) for point in site.access_points
    }


def _point(
    point: AccessPoint,
    door: Door,
    site: Site,
    areas: Mapping[str, Area],
    rooms: Mapping[str, Room],
    closed_times: tuple[tuple[int, int, str], ...],
) -> Point:
    area = areas[point.from_area if point.out else point.to_area]
    passage = door.kind == "passage"
    enters = without(point.to_area, point.from_area, areas)
    leaves = without(point.from_area, point.to_area, areas)
    entered = tuple(rooms[name] for name in enters) if passage else ()
    into = around(point.to_area, areas)
    authenticated_only = area.authenticated_only or area.two_person or (passage and door.goods != "")
    closed_area = "" if point.out else closed(area, areas)
    closed_at = () if point.out else tuple(entry for entry in closed_times if entry[2] in into)
    anti_passback = any(room.anti_passback != "off" for room in entered)
    asked = (authenticated_only, area.customers, closed_area or closed_at, anti_passback)
    return Point(
        id=point.id,
        door=point.door,
        out=point.out,
        area=area.id,
        public=area.public,
        authenticated_only=authenticated_only,
        closed_area=closed_area,
        customers=area.customers,
        from_area=point.from_area,
        to_area=point.to_area,
        to_public=areas[point.to_area].public,
        passage=passage,
        enters=enters,
        leaves=leaves,
        entered=entered,
        left=tuple(rooms[name] for name in leaves) if passage else (),
        asks=any(
            room.two_person or room.capacity is not None or room.composition != "any" or room.first_in
            for room in entered
        ),
        anti_passback=anti_passback,
        soft_passback=any(room.anti_passback == "soft" for room in entered),
        escort_customers=any(room.escort_customers for room in entered),
        opposite=tuple(
            other.id
            for other in site.access_points
            if other.door == point.door and (other.from_area, other.to_area) == (point.to_area, point.from_area)
        ),
        closures=closed_at,
        goods=door.goods if passage else "",
        confirms=door.guard_confirms and not point.out,
        traits=frozenset(name for name, there in zip(TRAITS, asked, strict=True) if there),
    )


def _interlocked(site: Site) -> dict[str, tuple[tuple[str, str], ...]]:
    with_others: dict[str, tuple[tuple[str, str], ...]] = {}
    for interlock in site.interlocks:
        if interlock.enabled:
            for door in interlock.doors:
                others = tuple((interlock.id, other) for other in interlock.doors if other != door)
                with_others[door] = (*with_others.get(door, ()), *others)
    return with_others
