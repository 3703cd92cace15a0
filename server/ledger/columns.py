"""From a record's bytes to the columns of its events. Pure.

What an edge sends is not trusted to fit: a record that a database could refuse is quarantined like one that cannot be
decoded, so that no record can stop the ledger.
"""

import re
from collections.abc import Callable
from typing import Any

import msgspec

from controller.events import (
    AccessDenied,
    AccessGranted,
    AccessLapsed,
    AccessPending,
    AccessTaken,
    AlarmAcknowledged,
    AlarmCleared,
    AlarmRaised,
    AnyEvent,
    CardEncoded,
    CommandDone,
    DeviceStateChanged,
    DoorClosed,
    DoorLocked,
    DoorModeChanged,
    DoorOpened,
    DoorUnlocked,
    EncodingStarted,
    ExitByRequest,
    FireLatched,
    FireReset,
    InputRecorded,
    Record,
    decode_record,
)
from controller.goods_events import (
    EquipmentCheckEnded,
    EquipmentCheckStarted,
    EquipmentRefused,
    HolderConfirmed,
    ItemAccepted,
    ItemsFreed,
    ItemsMoved,
    ItemsReserved,
)
from controller.room_events import (
    AreaCertain,
    AreaUncertain,
    DoorHeldWarning,
    DoorRattled,
    EscortConfirmed,
    InterlockBroken,
    LockdownChanged,
    MaintenanceChanged,
    OccupancyReconciled,
    PeopleCounted,
)

MAX_INT = 2**63 - 1
MAX_AT_US = 253_402_214_399_999_999
"""A day before the year 9999 ends: beyond it no page could show the time, wherever the site lies."""
MAX_NAME_CHARACTERS = 200
"""Longer ids and names are nobody's, and PostgreSQL's indexes refuse them."""
MAX_DEVICES = 20_000
"""Of one passage: more than a document may list."""
_NUL_TEXT = b"\\u0000"
"""Looked for first: on most records the pattern below would cost more than all the rest."""
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_encode = msgspec.json.Encoder().encode

Columns = tuple[
    str | None, str | None, int | None, int | None, int | None, str | None, str | None, str | None, str | None, str | None
]  # fmt: skip
"""door, access_point, badge, holder, customer, number, reason, rule, alarm, subject."""
EventRow = tuple[Any, ...]
EVENT_COLUMNS = (
    "seq", "record_seq", "edge_id", "at_us", "kind", "door", "access_point", "badge", "holder", "customer", "number",
    "reason", "rule", "alarm", "subject", "detail",
)  # fmt: skip
"""``detail`` is the event as JSON; from ``door`` to ``subject`` they are :data:`Columns`."""
_FIRST_NAME, _DETAIL = EVENT_COLUMNS.index("door"), EVENT_COLUMNS.index("detail")


def _decided(event: AccessGranted | AccessPending | AccessDenied) -> Columns:
    because = event.because
    if isinstance(event, AccessGranted):
        _company(event)
    return (
        event.door, event.access_point, _id(event.badge), _id(event.holder), _id(event.customer), event.number or None,
        because.reason, because.rule, None, None,
    )  # fmt: skip


def _taken(event: AccessTaken) -> Columns:
    _company(event)
    return (
        event.door, event.access_point, _id(event.badge), _id(event.holder), _id(event.customer), event.number or None,
        None, None, None, None,
    )  # fmt: skip


def _company(event: AccessGranted | AccessTaken) -> None:
    """Not in columns of their own, but pages look them up."""
    if event.escort is not None:
        _id(event.escort)
    for partner in event.partners:
        _id(partner)


def _maintenance(event: MaintenanceChanged) -> Columns:
    if event.until_us is not None and not 0 <= event.until_us <= MAX_AT_US:
        raise UnreadableRecord(f"until_us {event.until_us} is out of range")
    return _of_door(event)


def _goods(event: Any) -> Columns:
    """What moves, or is checked, at a goods door. ``number``: the document's."""
    badge, holder = _id(getattr(event, "badge", 0)), _id(getattr(event, "holder", 0))
    customer = _id(getattr(event, "customer", None))
    because = getattr(event, "because", None)
    reason, rule = (because.reason, because.rule) if because is not None else (None, None)
    return (
        event.door,
        event.access_point,
        badge or None,
        holder or None,
        customer,
        event.number or None,
        reason,
        rule,
        None,
        None,
    )


def _moved(event: ItemsReserved) -> Columns:
    for number in (event.document_id, event.binding, event.until_us):
        _id(number)
    if len(event.items) > MAX_DEVICES:
        raise UnreadableRecord(f"{len(event.items)} devices at once, at most {MAX_DEVICES} are stored")
    for item in event.items:
        _id(item.line)
        if len(item.serial) > MAX_NAME_CHARACTERS:
            raise UnreadableRecord(
                f"a serial has {len(item.serial)} characters, at most {MAX_NAME_CHARACTERS} are stored"
            )
    return _goods(event)


def _lapsed(event: AccessLapsed | EscortConfirmed) -> Columns:
    badge, holder = _id(event.badge), _id(event.holder)
    return event.door, event.access_point, badge, holder, None, event.number or None, None, None, None, None


def _of_door(event: Any) -> Columns:
    return event.door, None, None, None, None, None, None, None, None, None


def _exit(event: ExitByRequest) -> Columns:
    return event.door, None, None, None, None, None, None, None, None, event.area


def _raised(event: AlarmRaised) -> Columns:
    return None, None, None, None, None, None, None, event.rule, event.alarm, event.subject


def _alarm(event: AlarmAcknowledged | AlarmCleared) -> Columns:
    return None, None, None, None, None, None, None, None, event.alarm, event.subject


def _command(event: CommandDone) -> Columns:
    because = event.because
    reason, rule = (because.reason, because.rule) if because is not None else (None, None)
    return None, None, None, None, None, None, reason, rule, None, event.command_id


def _encoded(event: CardEncoded) -> Columns:
    return None, None, None, None, None, event.number, None, None, None, event.badge


def _subject(attribute: str) -> Callable[[Any], Columns]:
    return lambda event: (None, None, None, None, None, None, None, None, None, getattr(event, attribute))


_COLUMNS: dict[type, Callable[[Any], Columns]] = {
    AccessGranted: _decided,
    AccessPending: _decided,
    AccessDenied: _decided,
    AccessTaken: _taken,
    AccessLapsed: _lapsed,
    DoorUnlocked: _of_door,
    DoorLocked: _of_door,
    DoorOpened: _of_door,
    DoorClosed: _of_door,
    DoorModeChanged: _of_door,
    ExitByRequest: _exit,
    AlarmRaised: _raised,
    AlarmAcknowledged: _alarm,
    AlarmCleared: _alarm,
    CommandDone: _command,
    CardEncoded: _encoded,
    EncodingStarted: _subject("command_id"),
    EscortConfirmed: _lapsed,
    MaintenanceChanged: _maintenance,
    DoorHeldWarning: _of_door,
    DoorRattled: _of_door,
    InterlockBroken: _of_door,
    AreaUncertain: _subject("area"),
    AreaCertain: _subject("area"),
    OccupancyReconciled: _subject("area"),
    PeopleCounted: _subject("area"),
    LockdownChanged: _subject("area"),
    DeviceStateChanged: _subject("device"),
    FireLatched: _subject("zone"),
    FireReset: _subject("zone"),
    InputRecorded: _subject("subject"),
    EquipmentCheckStarted: _goods,
    ItemAccepted: _goods,
    EquipmentRefused: _goods,
    EquipmentCheckEnded: _goods,
    ItemsReserved: _moved,
    ItemsMoved: _moved,
    ItemsFreed: _goods,
    HolderConfirmed: _goods,
}
"""Event type → its columns; a type that is not here has none but ``detail``."""
_NONE: Columns = (None,) * 10
COLUMN_TYPES = frozenset(_COLUMNS)


class UnreadableRecord(ValueError):
    """A record that is kept but cannot be read. The message says why, for the quarantine's list."""


def read_record(raw: bytes, journal_id: str, journal_seq: int) -> Record:
    """The record at its place in the journal. Raises :class:`UnreadableRecord`."""
    try:
        record = decode_record(raw)
    except ValueError as error:
        raise UnreadableRecord(f"does not decode: {error}") from error
    if record.seq != journal_seq or record.journal_id != journal_id:
        raise UnreadableRecord(f"calls itself {record.journal_id} {record.seq}, sent as {journal_id} {journal_seq}")
    if not 0 <= record.at_us <= MAX_AT_US:
        raise UnreadableRecord(f"at_us {record.at_us} is out of range")
    if _NUL_TEXT in raw and _NUL.search(raw) is not None:
        raise UnreadableRecord("a string holds a NUL character, which PostgreSQL cannot store")
    return record


def event_rows(record: Record, first_seq: int, record_seq: int, edge_id: int) -> list[EventRow]:
    """The rows of a record's events, numbered from ``first_seq``. Raises :class:`UnreadableRecord` for an id that is out
    of range."""
    rows = [
        event_row(event, first_seq + index, record_seq, edge_id, record.at_us)
        for index, event in enumerate(record.events)
    ]
    for row in rows:
        for value in row[_FIRST_NAME:_DETAIL]:
            if value.__class__ is str and len(value) > MAX_NAME_CHARACTERS:
                name = EVENT_COLUMNS[row.index(value)]
                raise UnreadableRecord(f"{name} has {len(value)} characters, at most {MAX_NAME_CHARACTERS} are stored")
    return rows


def event_row(event: AnyEvent, seq: int, record_seq: int | None, edge_id: int, at_us: int) -> EventRow:
    """One event's row, in the order of :data:`EVENT_COLUMNS`."""
    event_type = type(event)
    columns = _COLUMNS.get(event_type)
    found = columns(event) if columns is not None else _NONE
    return seq, record_seq, edge_id, at_us, event_type.__name__, *found, _encode(event).decode()


def _id(number: int | None) -> int | None:
    if number is not None and not -MAX_INT <= number <= MAX_INT:
        raise UnreadableRecord(f"id {number} is out of range")
    return number
