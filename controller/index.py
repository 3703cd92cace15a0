"""A policy made ready for decisions: every lookup that a tap needs is one dictionary access (NOTES, memory and speed).

It points into the policy's own objects and copies none: at 100 000 badges it adds one table from credential to badge.
"""

from bisect import bisect_left
from collections.abc import Mapping
from itertools import pairwise
from operator import attrgetter

import msgspec

from controller.limits import Limits, limits_from
from controller.now import SECOND_US
from controller.policy import Badge, Customer, GrantArea, Policy
from controller.quota import without_place
from controller.schedule import Calendar
from controller.site import AccessPoint, Area, Door, Site

CARD_OF_TWO = "card of two badges"


class Point(msgspec.Struct, frozen=True, gc=False):
    """One access point with what the rules need of its door and area. ``area``: the one that permission is asked for, the
    area entered or, on a way out, the one left. ``closed_area``: the closed area that it leads into, itself or around it."""

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


class PolicyIndex:
    """Lookups over one policy. Pure: built from the policy alone."""

    __slots__ = (
        "_by_id",
        "areas_of_grant",
        "badges",
        "calendar",
        "customers",
        "doors",
        "keyholders",
        "late_read_us",
        "limits",
        "no_place",
        "points",
        "points_of_door",
        "policy",
    )

    def __init__(self, policy: Policy) -> None:
        """The policy's site has passed :func:`controller.site.check_site`."""
        self.policy = policy
        self.calendar = Calendar(policy.site)
        self.limits: Limits = limits_from(policy.site.settings)
        self.late_read_us = round(self.limits.late_read_s * SECOND_US)
        self.points: Mapping[str, Point] = _points(policy.site)
        self.points_of_door: Mapping[str, tuple[Point, ...]] = {
            door.id: tuple(point for point in self.points.values() if point.door == door.id)
            for door in policy.site.doors
        }
        self.doors: Mapping[str, Door] = {door.id: door for door in policy.site.doors}
        self.customers: Mapping[int, Customer] = {customer.id: customer for customer in policy.customers}
        self.keyholders = frozenset(holder.id for holder in policy.holders if holder.keyholder)
        self.areas_of_grant: Mapping[int, Mapping[str, tuple[GrantArea, ...]]] = {
            grant.id: _by_area(grant.areas) for grant in policy.grants
        }
        self.no_place: dict[int, str] = without_place(policy.badges, self.customers)
        """Badges without a place in their customer's quota, and why (B2)."""
        self._by_id = policy.badges
        if any(first.id > second.id for first, second in pairwise(policy.badges)):  # made by hand, not decoded
            self._by_id = tuple(sorted(policy.badges, key=_ID))
        self.badges: Mapping[bytes, Badge] = {badge.credential: badge for badge in policy.badges}
        if len(self.badges) < len(policy.badges):
            self.badges = self._settle_shared_cards()

    def badge(self, badge_id: int) -> Badge | None:
        """A badge by its id."""
        badges = self._by_id
        at = bisect_left(badges, badge_id, key=_ID)
        return badges[at] if at < len(badges) and badges[at].id == badge_id else None

    def grant_areas(self, badge: Badge, area: str) -> tuple[GrantArea, ...]:
        """All that the badge's grant says of an area."""
        areas = self.areas_of_grant.get(badge.grant)
        return () if areas is None else areas.get(area, ())

    def _settle_shared_cards(self) -> Mapping[bytes, Badge]:
        """One card on several badges: a lost one decides; else the only one that is in use; two in use open nothing."""
        badges: dict[bytes, Badge] = {}
        for badge in self.policy.badges:
            other = badges.get(badge.credential)
            if other is None:
                badges[badge.credential] = badge
            elif "lost" in (badge.status, other.status):
                badges[badge.credential] = badge if badge.status == "lost" else other
            elif _in_use(badge) and _in_use(other):
                self.no_place[badge.id] = self.no_place[other.id] = CARD_OF_TWO
            elif _in_use(badge):
                badges[badge.credential] = badge
        return badges


_ID = attrgetter("id")


def _in_use(badge: Badge) -> bool:
    return badge.status not in ("revoked", "expired")


def _by_area(areas: tuple[GrantArea, ...]) -> dict[str, tuple[GrantArea, ...]]:
    by_area: dict[str, tuple[GrantArea, ...]] = {}
    for entry in areas:
        by_area[entry.area] = (*by_area.get(entry.area, ()), entry)
    return by_area


def _points(site: Site) -> dict[str, Point]:
    areas = {area.id: area for area in site.areas}
    doors = {door.id: door for door in site.doors}
    return {point.id: _point(point, doors[point.door], areas) for point in site.access_points}


def _point(point: AccessPoint, door: Door, areas: Mapping[str, Area]) -> Point:
    area = areas[point.from_area if point.out else point.to_area]
    return Point(
        id=point.id,
        door=point.door,
        out=point.out,
        area=area.id,
        public=area.public,
        authenticated_only=area.authenticated_only or area.two_person,
        closed_area="" if point.out else _closed(area, areas),
        customers=area.customers,
        from_area=point.from_area,
        to_area=point.to_area,
        to_public=areas[point.to_area].public,
        passage=door.kind == "passage",
    )


def _closed(area: Area, areas: Mapping[str, Area]) -> str:
    at: Area | None = area
    while at is not None:
        if at.closed:
            return at.id
        at = areas[at.inside] if at.inside is not None else None
    return ""
