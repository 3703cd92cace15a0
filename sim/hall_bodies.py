"""What may stand in a request to the hall (docs/interfaces.md)."""

from typing import Annotated, Literal

import msgspec

from sim.people import HOLD_S, WAIT_S
from sim.scanner_unit import Ending, ScanFault

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]*\Z")]
Label = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=3600)]
Count = Annotated[int, msgspec.Meta(ge=0, le=50)]


class Body(msgspec.Struct, forbid_unknown_fields=True):
    """Base: an unknown key is an error."""


class CardBody(Body):
    """``POST /cards``: ``uid`` in hexadecimal."""

    id: Name
    technology: str
    number: str
    uid: Annotated[str, msgspec.Meta(pattern=r"^([0-9A-Fa-f]{2}){4,10}\Z")] | None = None
    wrong_key: bool = False


class PresentBody(Body):
    """``POST /present``: both times in seconds."""

    card: Name
    reader: Name
    hold_s: Seconds = HOLD_S
    wait_s: Annotated[float, msgspec.Meta(ge=0, le=30)] = WAIT_S
    timed: bool = False


class LayBody(Body):
    """``POST /lay``: leaves the card there, for ``hold_s`` or until it is taken."""

    card: Name
    reader: Name
    hold_s: Seconds | None = None


class InterruptBody(Body):
    """``POST /interrupt``: the card's power fails in its ``command``-th command from now."""

    card: Name
    command: Annotated[int, msgspec.Meta(ge=1, le=1000)]
    effect: Literal["before", "after"]
    away: bool = False


class ScanBody(Body):
    """``POST /scan``: a scanner by its name or its access point; ``text``, or any bytes as ``raw_hex``, which get no ending unless one is named."""

    scanner: Annotated[str, msgspec.Meta(max_length=64)] = ""
    access_point: Annotated[str, msgspec.Meta(max_length=64)] = ""
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)] | None = None
    raw_hex: Annotated[str, msgspec.Meta(pattern=r"^([0-9A-Fa-f]{2})+\Z", max_length=10_000)] | None = None
    terminator: Ending | None = None
    fault: ScanFault | None = None
    wait_s: Annotated[float, msgspec.Meta(ge=0, le=30)] = WAIT_S
    timed: bool = False


class Paper(Body):
    """A document on the table: what is printed on it."""

    kind: Literal["order", "slip"]
    number: Name
    code: Name
    customer: Name | None = None


class DeviceOnTable(Body):
    """A device with its label; ``paper``: the number of the document that names it."""

    serial: Label
    model: Label
    customer: Name | None = None
    paper: Name | None = None


class Visitor(Body):
    """Somebody who is expected, and the number on the ID document that they show."""

    name: Label
    id_number: Label


class Applicant(Visitor):
    """Somebody who wants a badge of this customer, and brings a photo, a copy of the ID document and a letter."""

    customer: Name


class PapersBody(Body):
    """``POST /papers``: all there is for scanning, the ids of the cards that are lent to visitors, who will come, and who wants a badge."""

    papers: Annotated[list[Paper], msgspec.Meta(max_length=20)] = []
    devices: Annotated[list[DeviceOnTable], msgspec.Meta(max_length=100)] = []
    cards: Annotated[list[Name], msgspec.Meta(max_length=20)] = []
    visitors: Annotated[list[Visitor], msgspec.Meta(max_length=20)] = []
    applicants: Annotated[list[Applicant], msgspec.Meta(max_length=20)] = []


class ReaderBody(Body):
    """``POST /remove``."""

    reader: Name


class DoorBody(Body):
    """``POST /door``."""

    door: Name
    act: str


class PassBody(Body):
    """``POST /pass``: ``tailgate`` people follow the first ``people`` in the same opening."""

    door: Name
    people: Annotated[int, msgspec.Meta(ge=1, le=50)] = 1
    out: bool = False
    tailgate: Count = 0


class RexBody(Body):
    """``POST /rex``."""

    door: Name


class ZoneBody(Body):
    """``POST /fire`` and ``/gas`` (a zone, or a door for its fire zones), ``/tamper`` (a door)."""

    zone: Name | None = None
    door: Name | None = None
    clear: bool = False


class LockdownBody(Body):
    """``POST /lockdown``: ``area`` empty: the whole site's button."""

    area: Annotated[str, msgspec.Meta(max_length=64)] = ""
    clear: bool = False


class DeviceBody(Body):
    """``POST /device``."""

    device: Name
    act: str
