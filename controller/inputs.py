"""What reaches the engine: one tagged type per kind of stimulus. Recorded as they came, for replay and what-if (DESIGN 2)."""

from typing import Literal

import msgspec

from controller.commands import Command
from controller.policy import Lease, Version


class Input(msgspec.Struct, frozen=True, tag_field="type", tag=str, omit_defaults=True):
    """Base of all inputs; ``type`` on the wire is the class name."""


class CardRead(Input, frozen=True):
    """A card was read at an access point.

    ``credential``: :func:`controller.policy.credential_key`. ``assurance``: ``authenticated`` when the card proved a key,
    ``identified`` for a bare number (MEANINGS 30). ``read_at_mono_us``: boot time at the reader (L4). ``exchange_us``: how
    long the card's cryptographic exchange took (relay outliers).
    """

    access_point: str
    technology: str
    credential: bytes
    assurance: Literal["authenticated", "identified"]
    read_at_mono_us: int
    exchange_us: int = 0


class CardRefused(Input, frozen=True):
    """A card that could not be accepted at the reader: ``not_authenticated`` (wrong or factory key) or ``two_cards``."""

    access_point: str
    cause: Literal["not_authenticated", "two_cards"]
    technology: str
    read_at_mono_us: int


class DocumentScanned(Input, frozen=True):
    """The code of an order or a slip was read at an access point. ``code``: :func:`controller.policy.credential_key` with technology
    ``order`` or ``slip`` of the code as printed, which itself is nowhere recorded."""

    access_point: str
    document: Literal["order", "slip"]
    code: bytes
    read_at_mono_us: int


class ItemScanned(Input, frozen=True):
    """The serial number of a device, or where devices are counted its model, as :func:`controller.codes.serial_key`."""

    access_point: str
    serial: str
    read_at_mono_us: int


class ScanRefused(Input, frozen=True):
    """What a scanner read is no code: ``noise`` (no printable text), ``too_long``, ``half`` (no end in time), ``check`` (a document's code with a
    wrong check character). ``length`` in bytes; what it was is not recorded."""

    access_point: str
    cause: Literal["noise", "too_long", "half", "check"]
    length: int
    read_at_mono_us: int


class ScanCancelled(Input, frozen=True):
    """The control code that ends a check was read."""

    access_point: str
    read_at_mono_us: int


class DoorContact(Input, frozen=True):
    """The door position switch changed."""

    door: str
    open: bool


class RexPressed(Input, frozen=True):
    """Request to exit at a door (L1)."""

    door: str


class FireInput(Input, frozen=True):
    """A zone's fire input; latched by the engine until ``ResetFire`` (MEANINGS 27)."""

    zone: str
    active: bool


class GasInput(Input, frozen=True):
    """Gas discharge in a zone (MEANINGS 27)."""

    zone: str
    active: bool


class TamperInput(Input, frozen=True):
    """A tamper contact. ``subject``: a door, reader or enclosure id."""

    subject: str
    active: bool


class PowerInput(Input, frozen=True):
    """Mains or battery supervision (MEANINGS 29). ``active``: the supply has failed. ``subject``: an enclosure id."""

    subject: str
    kind: Literal["mains", "battery"]
    active: bool


class LockdownInput(Input, frozen=True):
    """A lockdown button or panel. ``area`` empty: the whole site. Latched by the engine until ``Release``."""

    area: str
    active: bool


class PersonCounted(Input, frozen=True):
    """How many people a counter sees in an area now, all that lies inside it included (MEANINGS 12)."""

    area: str
    people: int


class ContactRattling(Input, frozen=True):
    """A contact changed so often that its changes are no longer told one by one: ``changes`` since the last word, ``open`` its level
    now. The level is told again as :class:`DoorContact` when it has come to rest."""

    door: str
    changes: int
    open: bool


class DeviceFaulted(Input, frozen=True):
    """A reader or board stopped working. ``cause`` is one line for a technician."""

    device: str
    kind: Literal["reader", "board", "scanner"]
    cause: str


class DeviceRecovered(Input, frozen=True):
    """The device works again."""

    device: str
    kind: Literal["reader", "board", "scanner"]


class LockFeedback(Input, frozen=True):
    """What the board read back after a write: the lock's output differs from or matches what was asked."""

    door: str
    unlocked: bool


class LinkChanged(Input, frozen=True):
    """The broker connection came or went."""

    up: bool


class Started(Input, frozen=True):
    """The edge process started. Pending taps and outstanding grants do not survive it (MEANINGS 10)."""

    boot_id: str
    software: str


class Stopped(Input, frozen=True):
    """The edge process stops in order."""

    cause: str


class PolicyApplied(Input, frozen=True):
    """A policy took force on this edge."""

    version: Version
    digest: str


class LeaseArrived(Input, frozen=True):
    """A lease for the policy in force."""

    lease: Lease


class CommandArrived(Input, frozen=True):
    """A verified command (session, expiry and id are checked by the agent before this). ``life_us``: how much longer somebody waits
    for its result; told only where that matters (``EncodeCard``). ``supervisor``: the server vouches that the operator is one."""

    command_id: str
    command: Command
    operator: str
    life_us: int = 0
    supervisor: bool = False


EncodingOutcome = Literal[
    "encoded", "NO_CARD", "TWO_CARDS", "CARD_TAKEN_AWAY", "NOT_DESFIRE", "RANDOM_UID", "UID_LENGTH", "CARD_BOUND",
    "CARD_FOREIGN", "CARD_REFUSED", "READER_FAILED",
]  # fmt: skip


class EncodingEnded(Input, frozen=True):
    """How the desk's reader ended an ``EncodeCard``. ``credential``: of the number that the card carries (``encoded``,
    ``CARD_BOUND``). ``step``: where it stopped. ``card``: which piece of plastic it was, the credential of its bare UID."""

    command_id: str
    outcome: EncodingOutcome
    technology: str
    credential: bytes | None = None
    step: str = ""
    card: bytes | None = None


class ForkFound(Input, frozen=True):
    """The server knows a record of ours at ``seq`` with another hash (DESIGN 2)."""

    journal_id: str
    seq: int


class RecordsLost(Input, frozen=True):
    """A range that can no longer be had was declared lost (DESIGN 4)."""

    journal_id: str
    from_seq: int
    to_seq: int


class JournalChanged(Input, frozen=True):
    """The journal stopped or resumed committing (MEANINGS 1, 2)."""

    available: bool
    cause: str = ""


class TimeElapsed(Input, frozen=True):
    """A deadline that the engine asked for has come. Recorded only if it changed anything."""


AnyInput = (
    CardRead
    | CardRefused
    | DocumentScanned
    | ItemScanned
    | ScanRefused
    | ScanCancelled
    | DoorContact
    | RexPressed
    | FireInput
    | GasInput
    | TamperInput
    | PowerInput
    | LockdownInput
    | PersonCounted
    | ContactRattling
    | DeviceFaulted
    | DeviceRecovered
    | LockFeedback
    | LinkChanged
    | Started
    | Stopped
    | PolicyApplied
    | LeaseArrived
    | CommandArrived
    | EncodingEnded
    | ForkFound
    | RecordsLost
    | JournalChanged
    | TimeElapsed
)
