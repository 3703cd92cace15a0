"""The policy and the taps that benches are measured on: made by a fixed rule, the same on every machine."""

import random
from collections.abc import Sequence

from controller.policy import (
    Badge,
    Customer,
    Grant,
    GrantArea,
    Holder,
    Policy,
    Version,
    credential_key,
)
from controller.site import AccessPoint, Area, Door, Interval, Schedule, Site

HASH_KEY = bytes(range(32))
NOON_US = 1_795_233_600_000_000
"""2026-11-21 04:00 UTC, noon at the site: within every schedule."""
GRANTS = 240
"""Badges share a grant when areas and ends agree: four sets of areas times sixty contract ends, a month apart."""
AREAS = 12
AREAS_OF_A_GRANT = 3
DAY_US = 86_400_000_000
KNOWN_SHARE = 0.95
PERMITTED_SHARE = 0.9
INSIDE_SHARE = 0.02
"""Of taps by somebody who is inside already, where the bench has people inside."""


def make_site() -> Site:
    """Twelve areas off one lobby, each with a door and a way in and out."""
    areas = [Area(id="lobby", public=True), *(Area(id=f"room-{n}") for n in range(AREAS))]
    day = (Interval(0, 1440),)
    return Site(
        id="bench",
        time_zone="Asia/Shanghai",
        areas=tuple(areas),
        doors=tuple(Door(id=f"door-{n}") for n in range(AREAS)),
        access_points=tuple(
            point
            for n in range(AREAS)
            for point in (
                AccessPoint(id=f"in-{n}", door=f"door-{n}", from_area="lobby", to_area=f"room-{n}"),
                AccessPoint(id=f"out-{n}", door=f"door-{n}", from_area=f"room-{n}", to_area="lobby", out=True),
            )
        ),
        schedules=(Schedule(id="always", week=(day,) * 7, holiday=day),),
    )


def room_of(grant: int, step: int) -> int:
    """One of the rooms that a grant names."""
    return (grant % 4 + step * 4) % AREAS


def grant_of(badge: int) -> int:
    """The grant of a badge."""
    return badge % GRANTS + 1


def grant_areas(badge: int) -> tuple[str, ...]:
    """The rooms that a badge may enter."""
    return tuple(f"room-{room_of(grant_of(badge), step)}" for step in range(AREAS_OF_A_GRANT))


def make_policy(badges: int) -> Policy:
    """``badges`` customer badges, two to an organisation, on :data:`GRANTS` shared grants of three areas each (a month's end apart)."""
    grants = tuple(
        Grant(
            id=number,
            areas=tuple(
                GrantArea(
                    area=f"room-{room_of(number, step)}",
                    from_us=NOON_US - 30 * DAY_US,
                    until_us=NOON_US + (1 + number // 4) * 30 * DAY_US,
                    schedule="always" if number % 2 else None,
                )
                for step in range(AREAS_OF_A_GRANT)
            ),
        )
        for number in range(1, GRANTS + 1)
    )
    customers = tuple(
        Customer(id=n, code=f"C{n:06}", kind="organisation", status="active", quota=2, until_us=NOON_US + 300 * DAY_US)
        for n in range(1, badges // 2 + 1)
    )
    return Policy(
        version=Version(1, 1),
        site=make_site(),
        customers=customers,
        holders=tuple(Holder(id=n, customer=(n + 1) // 2) for n in range(1, badges + 1)),
        grants=grants,
        badges=tuple(
            Badge(
                id=n,
                credential=credential_key(HASH_KEY, "desfire", card_number(n)),
                number=f"M{n:06}",
                kind="customer",
                status="active",
                holder=n,
                customer=(n + 1) // 2,
                grant=grant_of(n),
                from_us=NOON_US - 30 * DAY_US,
                until_us=NOON_US + 300 * DAY_US,
                slot=1 + n % 2,
            )
            for n in range(1, badges + 1)
        ),
    )


def card_number(badge: int) -> str:
    """The number on the card of a badge; numbers without a badge make unknown cards."""
    return f"{badge:08}"


class BenchTap:
    """One tap: where, and whose card."""

    __slots__ = ("access_point", "area", "badge", "credential")

    def __init__(self, badge: int, room: int) -> None:
        self.badge = badge
        self.area = f"room-{room}"
        self.access_point = f"in-{room}"
        self.credential = credential_key(HASH_KEY, "desfire", card_number(badge))


def make_taps(badges: int, count: int, inside: Sequence[int] = ()) -> list[BenchTap]:
    """Taps all over the population: nearly all of known cards, most of them where they may enter. ``inside``: badges of people who are
    inside, a few of whom tap as well."""
    chance = random.Random(20261121)
    taps = []
    for index in range(count):
        if inside and chance.random() < INSIDE_SHARE:
            badge = chance.choice(inside)
            taps.append(BenchTap(badge, room_of(grant_of(badge), 0)))
            continue
        known = chance.random() < KNOWN_SHARE
        badge = chance.randint(1, badges) if known else badges + 1 + index
        permitted = chance.random() < PERMITTED_SHARE
        room = room_of(grant_of(badge), chance.randrange(AREAS_OF_A_GRANT)) if permitted else chance.randrange(AREAS)
        taps.append(BenchTap(badge, room))
    return taps
