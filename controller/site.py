"""The building as configured: areas, doors, access points, and the rules each area asks for (DESIGN §3, 6).

Two owners. The *site file* (TOML, compiled into the policy by the server) owns areas, access points, rules and the time
zone. ``edge.toml`` owns hardware and life safety; what the engine must know of it is :class:`DoorHardware`.
All intervals are ``[from, to)``.
"""

import tomllib
from typing import Literal

import msgspec


class SiteError(ValueError):
    """The site file cannot be used. The message says what, where and what to do."""


class Area(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A room or zone. ``inside`` names the area it lies in (MEANINGS 13). ``customers`` limits a cage to customer codes.

    The fields from ``two_person`` on ask for rules; :meth:`Site.unenforced` lists those that this engine does not keep.
    """

    id: str
    name_zh: str = ""
    name_en: str = ""
    inside: str | None = None
    public: bool = False
    customers: tuple[str, ...] = ()
    closed: bool = False
    two_person: bool = False
    anti_passback: Literal["off", "soft", "hard"] = "off"
    capacity: int | None = None
    composition: Literal["any", "same_customer", "with_staff"] = "any"
    first_in: bool = False
    escort_for: Literal["visitors", "customers"] = "visitors"
    permit_approval: tuple[Literal["customer_service", "it_head"], ...] = ()


class Door(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A door of the building. ``passage`` has occupancy behind it; a ``cabinet`` is opened, never entered (MEANINGS 13)."""

    id: str
    name_zh: str = ""
    name_en: str = ""
    kind: Literal["passage", "cabinet"] = "passage"
    unlock_s: float = 5.0
    held_open_s: float = 30.0
    guard_confirms: bool = False
    cameras: tuple[str, ...] = ()


class AccessPoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One direction through a door. ``out`` marks a way out, where MEANINGS 8 governs what may be refused."""

    id: str
    door: str
    from_area: str
    to_area: str
    out: bool = False


class Interlock(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Doors of which at most one may be unlocked or open by our doing (DESIGN §5.8)."""

    id: str
    doors: tuple[str, ...]
    enabled: bool = True


class Interval(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """``[from_minute, to_minute)`` of local minutes since midnight; ``to_minute`` may be 1440."""

    from_minute: int
    to_minute: int


class Schedule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Weekly local-time windows. ``week``: seven lists from Monday. ``holiday``: the windows on a holiday; a day listed in
    the site's ``workdays`` (a decreed working weekend) uses Monday's."""

    id: str
    week: tuple[tuple[Interval, ...], ...]
    holiday: tuple[Interval, ...] = ()


class Site(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The whole site file. ``holidays`` and ``workdays`` are local ISO dates. ``settings`` overrides named limits."""

    id: str
    time_zone: str
    areas: tuple[Area, ...]
    doors: tuple[Door, ...]
    access_points: tuple[AccessPoint, ...]
    name_zh: str = ""
    name_en: str = ""
    schedules: tuple[Schedule, ...] = ()
    holidays: tuple[str, ...] = ()
    workdays: tuple[str, ...] = ()
    interlocks: tuple[Interlock, ...] = ()
    settings: dict[str, float] = {}


class DoorHardware(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the engine must know of a door's hardware (``edge.toml``).

    ``fail``: what the lock does without power or command. ``relock_by``: who ends an unlock pulse (MEANINGS 28).
    ``fire_zones``: the zones whose fire input releases this door. ``unlock_s`` 0 means: as the site file says.
    """

    door: str
    fail: Literal["secure", "safe"] = "secure"
    relock_by: Literal["board", "edge"] = "board"
    has_contact: bool = True
    has_rex: bool = True
    fire_zones: tuple[str, ...] = ()


def parse_site(text: str, where: str = "site file") -> Site:
    """Read a site file. Raises :class:`SiteError` with one line naming what is wrong and where."""
    try:
        site = msgspec.convert(tomllib.loads(text), Site)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise SiteError(f"{where}: {error}") from error
    return site
