"""What an operator may ask of an edge. A command's result is an event (DESIGN 9, MEANINGS 20-22)."""

from typing import Literal

import msgspec


class CommandBase(msgspec.Struct, frozen=True, tag_field="name", tag=str, omit_defaults=True):
    """Base of all commands; ``name`` on the wire is the class name."""


class UnlockDoor(CommandBase, frozen=True):
    """Open one door for its unlock time. ``reason`` is what the operator typed; refused when empty."""

    door: str
    reason: str


class ResetFire(CommandBase, frozen=True):
    """End the latched fire release of a zone whose input is normal again (MEANINGS 27)."""

    zone: str
    reason: str


class AcknowledgeAlarm(CommandBase, frozen=True):
    """An operator has seen an alarm; ``note`` is required. The alarm stands until its cause is gone. ``key``: a forced door was opened
    with the mechanical key of this number; that ends the alarm as explained (``key_used``). ``attested``: the guard's attestation of what left (its id
    at the server), which alone ends EQUIPMENT_UNCHECKED, if it covers all its ``openings`` (MEANINGS 26)."""

    alarm: str
    subject: str
    note: str
    key: str = ""
    attested: str = ""
    openings: int = 0


class Identify(CommandBase, frozen=True):
    """Blink and beep at one access point, to find a reader."""

    access_point: str


class LockDown(CommandBase, frozen=True):
    """Nobody enters an area, or the site (``area`` empty), but whom ``lockdown_pass`` names; ways out stay (MEANINGS 22)."""

    reason: str
    area: str = ""


class Release(CommandBase, frozen=True):
    """End a lockdown of the same ``area``."""

    reason: str
    area: str = ""


class Admit(CommandBase, frozen=True):
    """Somebody without a badge stands at an access point: they wait there like a visitor whose badge was read, and an escort's tap takes
    them in. ``person``: how the record names them (a permit's or emergency's id). Every rule but R1 and B runs (MEANINGS 21)."""

    access_point: str
    person: str
    reason: str
    emergency: bool = False
    customer: int | None = None


class ReconcileOccupancy(CommandBase, frozen=True):
    """Somebody counted: in the area, with all that lies inside it, are the holders of these printed badge numbers and ``others`` more
    people. From here it is certain (MEANINGS 12)."""

    area: str
    reason: str
    numbers: tuple[str, ...] = ()
    others: int = 0


class SetMaintenance(CommandBase, frozen=True):
    """Work at a door: for ``minutes`` its door, reader and tamper alarms are facts without an alarm. 0 ends it."""

    door: str
    minutes: int
    reason: str


class ConfirmHolder(CommandBase, frozen=True):
    """The guard compared photo and person of who waits at an access point of a ``guard_confirms`` door (R8). Not ``accepted``: denied
    ``HOLDER_MISMATCH``. ``number``: printed on the badge."""

    access_point: str
    number: str
    accepted: bool
    reason: str = ""


class CheckEquipment(CommandBase, frozen=True):
    """The guard's console scans for a door where no scanner works: the document's code as in :class:`controller.inputs.DocumentScanned`, then the
    items in their order, decided as if scanned at the access point."""

    access_point: str
    document: Literal["order", "slip"]
    code: bytes
    items: tuple[str, ...]
    reason: str


class EncodeCard(CommandBase, frozen=True):
    """Write a DESFire card at a desk (DESIGN 21). ``badge``: its public id at the server; ``number``: what is written, 1-24 printable
    ASCII characters; ``replaces``: the credential that the card may carry already, which the server knows to be bound to no live
    badge. The desk waits for a card as long as the command lives."""

    badge: str
    number: str
    replaces: bytes | None = None


Command = (
    UnlockDoor | ResetFire | AcknowledgeAlarm | Identify | LockDown | Release | Admit | ReconcileOccupancy | SetMaintenance
    | ConfirmHolder | CheckEquipment | EncodeCard
)  # fmt: skip
