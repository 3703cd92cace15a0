"""Notes beside an entry of the register: added and signed, never changed (R3).

The server's key signs what was noted, by whom and when, together with the hash of the record that the entry was made from: neither
the note nor what it speaks of can be changed without the signature failing.
"""

from typing import Any

import msgspec
from sqlalchemy import func, select
from sqlmodel import Session

from server.keys import ServerKeys
from server.rooms.models import RegisterEntry, RegisterNote
from server.rooms.register_query import NOTES, record_hashes
from server.signatures import Signed, is_signed, sign

DOMAIN = "RegisterNote"
MAX_NOTES = 100
"""Of one entry."""


class NoteContent(msgspec.Struct, frozen=True):
    """What is signed: these fields as JSON, in this order."""

    site: str
    entry: int
    event_seq: int
    record_hash: str
    n: int
    kind: str
    text: str
    operator: str
    at_us: int

    def text_signed(self) -> str:
        """What is under the signature."""
        return msgspec.json.encode(self).decode()


def add_note(
    session: Session, keys: ServerKeys, entry: RegisterEntry, kind: str, text: str, operator: str, now_us: int
) -> RegisterNote | None:
    """Sign and store one more note. None when the entry has :data:`MAX_NOTES` already. Raises
    :class:`server.problems.Problem` 503 when no key is valid."""
    last = select(func.max(NOTES.c.n)).where(NOTES.c.entry_id == entry.id)
    n = (session.connection().scalar(last) or 0) + 1
    if n > MAX_NOTES:
        return None
    note = RegisterNote(
        entry_id=entry.id,
        n=n,
        kind=kind,
        text=text,
        operator=operator,
        at_us=now_us,
        kid="",
        certificate=b"",
        signature=b"",
    )
    signed = sign(keys, DOMAIN, _content(session, keys, entry, note).text_signed(), now_us)
    note.kid, note.certificate, note.signature = signed.kid, signed.certificate, signed.signature
    session.add(note)
    session.flush()
    return note


def signature_holds(keys: ServerKeys, note: Any, entry: Any, record_hash: bytes) -> bool:
    """Whether the note is what a key of this server signed, for the record that the ledger holds. The root vouches for the key, also
    when it has ended since."""
    content = _signed(keys, entry, note, record_hash).text_signed()
    return is_signed(keys, DOMAIN, Signed(content, note.kid, note.certificate, note.signature), note.at_us)


def _content(session: Session, keys: ServerKeys, entry: RegisterEntry, note: RegisterNote) -> NoteContent:
    hashes = record_hashes(session.connection(), [entry.record_seq])
    return _signed(keys, entry, note, hashes[entry.record_seq])


def _signed(keys: ServerKeys, entry: Any, note: Any, record_hash: bytes) -> NoteContent:
    return NoteContent(
        site=keys.site,
        entry=entry.id,
        event_seq=entry.event_seq,
        record_hash=record_hash.hex(),
        n=note.n,
        kind=note.kind,
        text=note.text,
        operator=note.operator,
        at_us=note.at_us,
    )
