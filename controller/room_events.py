"""Facts about who is in a room, and about what holds a room closed (MEANINGS 12, 16, 22, 27)."""

from typing import Literal

import msgspec

from controller.event_base import Event
from controller.policy import BadgeKind

Doubt = Literal["rex", "restart", "ambiguous", "fire", "command", "no_contact", "forced", "records_dropped", "rattling"]
"""Why the list of an area may be wrong. ``rex``: somebody may have left, nobody came; any other may have brought people in."""


class AreaUncertain(Event, frozen=True):
    """Who is in the area, and in ``within``, the areas inside it, is no longer certain, and why (MEANINGS 12, 14, 27). Nobody on the
    list is sure to be there until they tap again. ``rex``: somebody may have left, nobody came; any other cause may have
    brought people in."""

    area: str
    cause: Doubt
    within: tuple[str, ...] = ()


class AreaCertain(Event, frozen=True):
    """The area is certain again: after mere exits, everybody on its list has tapped since."""

    area: str


class Found(msgspec.Struct, frozen=True, omit_defaults=True):
    """One person whom a count found, as they stand on the list from then on."""

    holder: int
    badge: int
    number: str
    area: str
    customer: int | None = None
    kind: BadgeKind | None = None


class OccupancyReconciled(Event, frozen=True):
    """Somebody counted: exactly ``present`` are in the area and ``within``. Certain from here, but for ``doubtful``: areas of ``within``
    where some of those present may be who are not listed there (``rex`` becomes ``ambiguous``). ``gone`` were listed and are not there;
    ``elsewhere`` neither, but they are taken to be in the area around it, which nothing says they left: listed there, not sure."""

    area: str
    within: tuple[str, ...]
    present: tuple[Found, ...]
    gone: tuple[int, ...]
    operator: str
    reason: str
    elsewhere: tuple[Found, ...] = ()
    doubtful: tuple[str, ...] = ()


class PeopleCounted(Event, frozen=True):
    """A counter's word beside what credentials prove: at least ``lowest`` and at most ``highest`` (None: unknown)."""

    area: str
    people: int
    lowest: int
    highest: int | None


class EscortConfirmed(Event, frozen=True):
    """An escort inside tapped for visitors who wait at that door (a confirmation, not an exit: MEANINGS 16)."""

    access_point: str
    door: str
    badge: int
    holder: int
    number: str
    visitors: tuple[int, ...]


class EscortChanged(Event, frozen=True):
    """These visitors are ``escort``'s from here on; None: theirs left and nobody took over."""

    visitors: tuple[int, ...]
    escort: int | None
    was: int | None = None


class LockdownChanged(Event, frozen=True):
    """A lockdown of an area, or of the site (``area`` empty), began or ended (MEANINGS 22)."""

    area: str
    active: bool
    cause: Literal["command", "input"]
    operator: str = ""
    reason: str = ""


class MaintenanceChanged(Event, frozen=True):
    """Work at a door until this wall time; None: it ended."""

    door: str
    until_us: int | None
    operator: str = ""
    reason: str = ""


class DoorHeldWarning(Event, frozen=True):
    """The leaf has stood open for long; DoorHeldOpen is near."""

    door: str
    alarm_at_mono_us: int


class DoorRattled(Event, frozen=True):
    """The contact changed so often that its changes were only counted."""

    door: str
    changes: int


class InterlockBroken(Event, frozen=True):
    """A door was unlocked although ``other``, interlocked with it, was not locked and closed: ways out do that (DESIGN §5.8)."""

    interlock: str
    door: str
    other: str


class DegradedChanged(Event, frozen=True):
    """The classes of badges that may not enter for want of a lease or of trusted time; empty: all may again."""

    classes: tuple[str, ...]
