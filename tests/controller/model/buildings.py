"""Small buildings, and the people who go about in them, for the reference model and the search.

``outside`` is public. Every building is a few areas, doors with a reader on each side, and a policy in which everybody has permission
for every area unless a test takes it away.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from controller.now import SECOND_US
from controller.policy import (
    Badge,
    BadgeKind,
    Customer,
    Grant,
    GrantArea,
    Holder,
    Lease,
    Policy,
    Version,
    credential_key,
)
from controller.policy_digest import policy_digest
from controller.site import AccessPoint, Area, Door, DoorHardware, Interlock, Site
from controller.site_checks import check_site

START_WALL_US = 1_790_000_000 * SECOND_US
START_MONO_US = 1_000 * SECOND_US
KEY = b"m" * 32
LONG_S = 10**8
"""Leases of these buildings do not end while anybody looks."""

CUSTOMERS = (Customer(1, "C001", "organisation", "active", 20), Customer(2, "C002", "organisation", "active", 20))


@dataclass(frozen=True)
class Cast:
    """One person and their badge."""

    name: str
    holder: int
    kind: BadgeKind
    customer: int | None = None
    may_escort: tuple[str, ...] = ()
    keyholder: bool = False
    duties: tuple[str, ...] = ()
    status: str = "active"
    expired: bool = False
    permitted: bool = True


PEOPLE = (
    Cast("li", 1, "customer", 1),
    Cast("wang", 2, "customer", 1),
    Cast("sun", 3, "customer", 2),
    Cast("guo", 4, "staff"),
    Cast("hui", 5, "staff", keyholder=True, duties=("supervisor",)),
    Cast("deng", 6, "staff", duties=("guard",)),
    Cast("xu", 7, "temporary"),
    Cast("yan", 8, "temporary"),
    Cast("zhou", 9, "customer", 1, may_escort=("hall", "cage", "trap", "store", "vault")),
    Cast("old", 10, "customer", 1, expired=True),
    Cast("lost", 11, "customer", 2, status="lost"),
    Cast("bao", 12, "staff", duties=("guard",), permitted=False),
)
BY_NAME = {cast.name: cast for cast in PEOPLE}


def credential(name: str) -> bytes:
    """The card of somebody of :data:`PEOPLE`, or of a stranger."""
    return credential_key(KEY, "desfire", name)


@dataclass(frozen=True)
class Building:
    """A site with its hardware and policy. ``people``: the names that a test lets tap."""

    name: str
    site: Site
    hardware: tuple[DoorHardware, ...]
    policy: Policy
    digest: str
    people: tuple[str, ...]

    @property
    def lease(self) -> Lease:
        """A lease that lasts."""
        return Lease(
            self.policy.version, self.digest, START_WALL_US, temporary_s=LONG_S, customer_s=LONG_S, staff_s=LONG_S
        )


def building(
    name: str,
    areas: Sequence[Area],
    doors: Sequence[tuple[Door, str, str]],
    people: Sequence[str],
    *,
    interlocks: Sequence[Interlock] = (),
    settings: Mapping[str, float] | None = None,
    zones: Mapping[str, tuple[str, ...]] | None = None,
    entries_both_ways: Sequence[str] = (),
) -> Building:
    """``doors``: each with the areas before and behind it; its points are ``<door>-in`` and ``<door>-out``, the second a way out
    unless ``entries_both_ways`` names the door."""
    points: list[AccessPoint] = []
    for door, before, behind in doors:
        points.append(AccessPoint(f"{door.id}-in", door.id, before, behind))
        points.append(AccessPoint(f"{door.id}-out", door.id, behind, before, out=door.id not in entries_both_ways))
    site = Site(
        id="small",
        time_zone="Asia/Shanghai",
        areas=(Area("outside", public=True), *areas),
        doors=tuple(door for door, _, _ in doors),
        access_points=tuple(points),
        interlocks=tuple(interlocks),
        settings={"repeated_denials": 10**6, **(settings or {})},
    )
    faults = check_site(site)
    if faults:
        raise ValueError(f"building {name}: {faults}")
    zones = zones or {}
    hardware = tuple(DoorHardware(door.id, fire_zones=zones.get(door.id, ("z1",))) for door, _, _ in doors)
    everywhere = tuple(GrantArea(area.id) for area in areas)
    policy = Policy(
        Version(1, 1),
        site,
        CUSTOMERS,
        tuple(
            Holder(cast.holder, cast.customer, cast.may_escort, cast.keyholder, cast.duties)  # type: ignore[arg-type]
            for cast in PEOPLE
        ),
        (Grant(1, everywhere), Grant(2, ())),
        tuple(_badge(cast) for cast in PEOPLE),
    )
    return Building(name, site, hardware, policy, policy_digest(policy), tuple(people))


def _badge(cast: Cast) -> Badge:
    plain = Badge(
        id=cast.holder,
        credential=credential(cast.name),
        number=cast.name,
        kind=cast.kind,
        status="active",
        holder=cast.holder,
        customer=cast.customer,
        grant=1 if cast.permitted else 2,
        slot=cast.holder if cast.kind == "customer" else None,
    )
    if cast.expired:
        return msgspec.structs.replace(plain, until_us=START_WALL_US - 1)
    return msgspec.structs.replace(plain, status=cast.status)
