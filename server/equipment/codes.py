"""Codes and numbers of documents: made by chance, stored sealed, known at the door by their hash (docs/goods.md, Words).

Chance enters here (``secrets``).
"""

import secrets

from sqlalchemy import text
from sqlmodel import Session

from controller.codes import ALPHABET, CHANCE_CHARACTERS, document_code
from controller.goods_events import DocumentKind
from controller.policy import credential_key
from server.personal.cipher import PersonalKeys

PREFIXES: dict[DocumentKind, str] = {"order": "W", "slip": "S"}
TABLES: dict[DocumentKind, str] = {"order": "work_order", "slip": "exit_slip"}
_NEXT = text(
    "INSERT INTO document_counter (prefix, day, last) VALUES (:prefix, :day, 1)"
    " ON CONFLICT (prefix, day) DO UPDATE SET last = document_counter.last + 1 RETURNING last"
)


def new_code(document: DocumentKind) -> str:
    """A code that nobody guesses, as it is printed."""
    return document_code(document, "".join(secrets.choice(ALPHABET) for _ in range(CHANCE_CHARACTERS)))


def code_hash(hash_key: bytes, document: DocumentKind, code: str) -> bytes:
    """By what edges know the code. ``hash_key``: the site's."""
    return credential_key(hash_key, document, code)


def seal_code(personal: PersonalKeys, document: DocumentKind, public_id: str, code: str) -> bytes:
    """The code as the document's row keeps it."""
    return personal.seal(TABLES[document], public_id, "code_sealed", code)


def open_code(personal: PersonalKeys, document: DocumentKind, public_id: str, sealed: bytes) -> str:
    """The reverse. Raises :class:`server.personal.cipher.UnreadableError`."""
    return personal.open(TABLES[document], public_id, "code_sealed", sealed)


def next_number(session: Session, document: DocumentKind, day: str) -> str:
    """The next printed number of a local ``day`` (``20261122``): ``W-20261122-0003``. No two documents get the same, whoever races."""
    prefix = PREFIXES[document]
    found: int = session.connection().execute(_NEXT, {"prefix": prefix, "day": day}).scalar_one()
    return f"{prefix}-{day}-{found:04d}"
