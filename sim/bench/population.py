"""The policy and the taps that benches are measured on: made by a fixed rule, the same on every machine."""

import random

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
GRANTS = 40
AREAS = 12
DAY_US = 86_400_000_000
KNOWN_SHARE = 0.9


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


def make_policy(badges: int) -> Policy:
    """``badges`` customer badges, two to an organisation, on :data:`GRANTS` shared grants of three areas each."""
    grants = tuple(
        Grant(
            id=number,
            areas=tuple(
                GrantArea(
                    area=f"room-{(number + step * 5) % AREAS}",
                    from_us=NOON_US - 30 * DAY_US,
                    until_us=NOON_US + 300 * DAY_US,
                    schedule="always" if number % 2 else None,
                )
                for step in range(3)
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
                grant=n % GRANTS + 1,
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


def make_taps(badges: int, count: int) -> list[BenchTap]:
    """Taps all over the population: nine in ten of known cards, at rooms allowed and not."""
    chance = random.Random(20261121)
    return [
        BenchTap(
            chance.randint(1, badges) if chance.random() < KNOWN_SHARE else badges + 1 + index,
            chance.randrange(AREAS),
        )
        for index in range(count)
    ]
