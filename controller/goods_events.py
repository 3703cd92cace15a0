"""Facts about equipment at a door: checked, reserved, moved (E2, E4-E6, MEANINGS 24-26), and the guard's word on a person (R8)."""

from typing import Literal

import msgspec

from controller.event_base import Event, Explanation

DocumentKind = Literal["order", "slip"]
Direction = Literal["in", "out"]


class ScannedItem(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One device that a document's line covers. ``serial`` empty: counted by its model."""

    line: int
    serial: str = ""


class EquipmentCheckStarted(Event, frozen=True):
    """An order or slip was accepted at an access point. ``holder``: the carrier (0 where none has tapped: orders come before the badge).
    ``document_id``, ``binding``: as in the policy; ``number`` is printed. ``expected``: devices that may still pass. ``until_us``: the end of the document's
    window. ``console``: the guard's console stands for the scanner."""

    access_point: str
    door: str
    document: DocumentKind
    document_id: int
    binding: int
    number: str
    direction: Direction
    customer: int | None
    expected: int
    until_mono_us: int
    until_us: int
    holder: int = 0
    badge: int = 0
    console: bool = False


class ItemAccepted(Event, frozen=True):
    """A scanned device is on the document. ``left``: how many are not scanned yet. ``until_mono_us``: when the check ends without another scan."""

    access_point: str
    door: str
    number: str
    item: ScannedItem
    model: str
    left: int
    until_mono_us: int


class EquipmentRefused(Event, frozen=True):
    """A scan was refused, alone: a check that runs goes on. ``serial`` as scanned (a device), ``number`` of the document, where there is one."""

    access_point: str
    door: str
    because: Explanation
    number: str = ""
    serial: str = ""
    holder: int = 0


class EquipmentCheckEnded(Event, frozen=True):
    """A check is over. ``reserved``: its devices go through the door; else nothing of it counts. ``left``: devices of the document that were not scanned."""

    access_point: str
    door: str
    number: str
    cause: Literal["reserved", "cancelled", "timed_out", "replaced", "withdrawn"]
    left: int


class ItemsReserved(Event, frozen=True):
    """These devices may pass under the grant of this record (MEANINGS 25). The same fields follow them into :class:`ItemsMoved`."""

    access_point: str
    door: str
    document: DocumentKind
    document_id: int
    binding: int
    number: str
    direction: Direction
    customer: int | None
    items: tuple[ScannedItem, ...]
    until_us: int
    holder: int
    badge: int


class ItemsMoved(ItemsReserved, frozen=True):
    """The leaf opened: the devices have passed. The document is spent by them (E6)."""


class ItemsFreed(Event, frozen=True):
    """The leaf never opened: the devices that ``holder`` was to carry have not passed, and may yet."""

    access_point: str
    door: str
    number: str
    cause: Literal["lapsed", "restart", "withdrawn"]
    holder: int = 0


class HolderConfirmed(Event, frozen=True):
    """The guard compared photo and person and accepted (R8)."""

    access_point: str
    door: str
    holder: int
    badge: int
    number: str
    operator: str
