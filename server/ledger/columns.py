"""From a record's bytes to the columns of its events. Pure.

What an edge sends is not trusted to fit: a record that a database could refuse is quarantined like one that cannot be
decoded, so that no record can stop the ledger.
"""

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
    AreaUncertain,
    CommandDone,
    DeviceStateChanged,
    DoorClosed,
    DoorLocked,
    DoorModeChanged,
    DoorOpened,
    DoorUnlocked,
    ExitByRequest,
    Explanation,
    FireLatched,
    FireReset,
    InputRecorded,
    Record,
    decode_record,
)  # fmt: skip

MAX_INT = 2**63 - 1
COLUMNS = (
    "door", "access_point", "badge", "holder", "customer", "number", "because", "rule", "alarm", "subject",
)  # fmt: skip
_ATTRIBUTES: dict[type, dict[str, str]] = {
    DeviceStateChanged: {"subject": "device"},
    FireLatched: {"subject": "zone"},
    FireReset: {"subject": "zone"},
    AreaUncertain: {"subject": "area"},
    ExitByRequest: {"door": "door", "subject": "area"},
    CommandDone: {"because": "because", "subject": "command_id"},
}
for _event_type in (
    AccessGranted, AccessPending, AccessDenied, AccessTaken, AccessLapsed, DoorUnlocked, DoorLocked, DoorOpened, DoorClosed,
    DoorModeChanged, AlarmRaised, AlarmAcknowledged, AlarmCleared, InputRecorded,
):  # fmt: skip
    _ATTRIBUTES[_event_type] = {name: name for name in COLUMNS if name in _event_type.__struct_fields__}

EventColumns = tuple[
    str, str | None, str | None, int | None, int | None, int | None, str | None, str | None, str | None, str | None,
    str | None, str,
]  # fmt: skip
"""kind, door, access_point, badge, holder, customer, number, reason, rule, alarm, subject, detail."""

_encode = msgspec.json.Encoder().encode


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
    if not 0 <= record.at_us <= MAX_INT:
        raise UnreadableRecord(f"at_us {record.at_us} is out of range")
    if b"\\u0000" in raw:
        raise UnreadableRecord("a string holds a NUL character, which PostgreSQL cannot store")
    return record


def event_columns(event: AnyEvent) -> EventColumns:
    """One event's columns. Raises :class:`UnreadableRecord` for an id that is out of range."""
    event_type = type(event)
    detail = _encode(event).decode()
    names = _ATTRIBUTES.get(event_type)
    if names is None:
        return (event_type.__name__, None, None, None, None, None, None, None, None, None, None, detail)
    values = {column: getattr(event, attribute) for column, attribute in names.items()}
    because: Explanation | None = values.get("because")
    badge, holder, customer = values.get("badge"), values.get("holder"), values.get("customer")
    for number in (badge, holder, customer):
        if number is not None and not -MAX_INT <= number <= MAX_INT:
            raise UnreadableRecord(f"{event_type.__name__}: id {number} is out of range")
    return (
        event_type.__name__,
        values.get("door"),
        values.get("access_point"),
        badge,
        holder,
        customer,
        values.get("number") or None,
        because.reason if because else None,
        because.rule if because else values.get("rule"),
        values.get("alarm"),
        values.get("subject"),
        detail,
    )
