"""The building as configured: areas, doors, access points, and the rules each area asks for (DESIGN §3, 6).

Two owners. The *site file* (TOML, compiled into the policy by the server) owns areas, access points, rules and the time
zone. ``edge.toml`` owns hardware and life safety; what the engine must know of it is :class:`DoorHardware`.
All intervals are ``[from, to)``. :mod:`controller.site_checks` reads a site file and says what is wrong with it.
"""

from typing import Literal

import msgspec


class Area(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A room or zone. ``inside`` names the area it lies in (MEANINGS 13). ``customers`` limits a cage to customer codes.

    ``authenticated_only``: a bare number (UID) never opens it, in or out (MEANINGS 30); ``two_person`` implies it. ``capacity``: the
    most people at once, those inside it included. ``composition``: who may enter together (MEANINGS 10). ``first_in``: nobody
    enters before own staff is in. ``escort_for``: who needs an escort. ``lockdown_pass``: who enters all the same in a lockdown.
    docs/rooms.md says how each is kept.
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
    authenticated_only: bool = False
    first_in: bool = False
    escort_for: Literal["visitors", "customers"] = "visitors"
    permit_approval: tuple[Literal["customer_service", "it_head"], ...] = ()
    lockdown_pass: tuple[Literal["staff", "keyholder"], ...] = ()


class HeldOpen(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Another held-open time while a schedule is open (a delivery hour)."""

    schedule: str
    held_open_s: float


class Door(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A door of the building. ``passage`` has occupancy behind it; a ``cabinet`` is opened, never entered (MEANINGS 13).
    ``edge``: which edge decides here; its policy then holds only the badges that its doors can concern. Empty: any.

    ``held_warning_s``: how long before the held-open alarm the reader warns. ``held_open_by_schedule``: the first whose schedule is open
    counts instead of ``held_open_s``. ``duress``: the silent alarm's gesture at entry (MEANINGS 23). ``goods``: equipment passes here, checked on
    the way out (``out``), or nobody comes in without an order either (``both``); docs/goods.md."""

    id: str
    name_zh: str = ""
    name_en: str = ""
    edge: str = ""
    kind: Literal["passage", "cabinet"] = "passage"
    unlock_s: float = 5.0
    held_open_s: float = 30.0
    held_warning_s: float = 10.0
    held_open_by_schedule: tuple[HeldOpen, ...] = ()
    duress: Literal["off", "double_tap"] = "off"
    guard_confirms: bool = False
    goods: Literal["", "out", "both"] = ""
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


class Closure(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An area is closed to entry within ``[from_at, until_at)``, local ISO times like ``2026-10-01T08:00``."""

    id: str
    area: str
    from_at: str
    until_at: str
    reason_zh: str = ""
    reason_en: str = ""


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
    closures: tuple[Closure, ...] = ()
    settings: dict[str, float] = {}


class DoorHardware(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the engine must know of a door's hardware (``edge.toml``).

    ``fail``: what the lock does without power or command. ``relock_by``: who ends an unlock pulse (MEANINGS 28).
    ``fire_zones``: the zones whose fire input releases this door, and whose gas discharge forbids entry through it. ``fire_boards``: of
    these, (zone, the board that its fire input hangs on): while that board is down nobody knows whether the fire is over. ``contact_board``: the board that
    tells whether the leaf is open; empty where it is not told.
    ``scanners``: the access points where codes are read (E2, E4), those of the edge's other doors may be among them; elsewhere the guard's
    console is asked.
    """

    door: str
    fail: Literal["secure", "safe"] = "secure"
    relock_by: Literal["board", "edge"] = "board"
    has_contact: bool = True
    has_rex: bool = True
    fire_zones: tuple[str, ...] = ()
    fire_boards: tuple[tuple[str, str], ...] = ()
    scanners: tuple[str, ...] = ()
    contact_board: str = ""
