"""Tables of the register (R3). Entries are written while records are ingested, and are never changed or deleted: triggers refuse it.
What an operator corrects or adds is a signed note beside the entry.
"""

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlmodel import Field

from server.db.columns import BIG_INT
from server.db.model import Model

DIRECTIONS = ("in", "out", "opened", "found", "missed")
ENDINGS = ("exit", "count", "unseen")
STAYS_PER_ENTRY = 16
"""How many stays one entry may begin: as deep as rooms lie in each other."""
OPEN = text("ended_by IS NULL")
STAYLESS = text("ended = '[]' AND (began = 0 OR direction = 'out')")
"""Entries of whose own room no stay tells: a cabinet, the button, an exit alone, a record that came late."""
_ENTERED = text("direction = 'in'")
_HAS_CUSTOMER, _HAS_HOLDER, _HAS_NUMBER, _HAS_EXIT = (
    text(f"{name} IS NOT NULL") for name in ("customer", "holder", "number", "exit_id")
)


def _quoted(words: tuple[str, ...]) -> str:
    return ", ".join(f"'{word}'" for word in words)


class RegisterEntry(Model, table=True):
    """One passage of one person, made from the event ``event_seq`` of the ledger. ``area``: the room that it is about, entered or left.

    ``direction``: ``in``, ``out``; ``opened``: a cabinet, which nobody enters; ``found``, ``missed``: not a passage, a count found somebody
    who was not listed, or did not find who was. ``holder`` None: somebody left by the button. ``partners``: holders, as JSON.
    ``purpose``: what an operator gave who admitted them, or counted. ``badge`` 0: somebody without a badge. ``began``: how many stays it
    began, whose ids follow from its own; ``ended``: the ids of those that it ended, as JSON."""

    __tablename__ = "register_entry"
    __table_args__ = (
        CheckConstraint(f"direction IN ({_quoted(DIRECTIONS)})", name="direction"),
        Index("ix_register_entry_at", "at_us"),
        Index("ix_register_entry_area", "area", "at_us"),
        Index("ix_register_entry_customer", "customer", "at_us", sqlite_where=_HAS_CUSTOMER, postgresql_where=_HAS_CUSTOMER),
        Index("ix_register_entry_holder", "holder", "at_us", sqlite_where=_HAS_HOLDER, postgresql_where=_HAS_HOLDER),
        Index("ix_register_entry_number", "number", "at_us", sqlite_where=_HAS_NUMBER, postgresql_where=_HAS_NUMBER),
        Index("ix_register_entry_in", "at_us", "area", "customer", sqlite_where=_ENTERED, postgresql_where=_ENTERED),
        Index("ix_register_entry_stayless", "area", "at_us", sqlite_where=STAYLESS, postgresql_where=STAYLESS),
    )  # fmt: skip

    id: int = Field(primary_key=True, sa_type=BIG_INT)
    event_seq: int = Field(sa_type=BIG_INT)
    record_seq: int = Field(sa_type=BIG_INT)
    edge_id: int
    at_us: int = Field(sa_type=BIG_INT)
    direction: str
    area: str
    door: str | None = None
    access_point: str | None = None
    from_area: str | None = None
    to_area: str | None = None
    holder: int | None = Field(default=None, sa_type=BIG_INT)
    badge: int | None = Field(default=None, sa_type=BIG_INT)
    number: str | None = None
    customer: int | None = Field(default=None, sa_type=BIG_INT)
    kind: str | None = None
    partners: str = "[]"
    escort: int | None = Field(default=None, sa_type=BIG_INT)
    permit: int | None = Field(default=None, sa_type=BIG_INT)
    emergency: bool = False
    purpose: str | None = None
    operator: str | None = None
    began: int = 0
    ended: str = "[]"


class RegisterStay(Model, table=True):
    """One person's time in one room, from the entry that began it to the one that ended it. Derived: it changes when they leave. ``id``: the
    entry's, times :data:`STAYS_PER_ENTRY`, and which of its stays it is.

    ``ended_by``: ``exit``; ``count``: they were not found; ``unseen``: they came in again, so they had left by the button, in a fire, or
    while the edge was down, and ``out_us`` is not known. None: still inside, as far as is known."""

    __tablename__ = "register_stay"
    __table_args__ = (
        CheckConstraint(f"ended_by IS NULL OR ended_by IN ({_quoted(ENDINGS)})", name="ended_by"),
        Index("ix_register_stay_area", "area", "in_us"),
        Index("ix_register_stay_exit", "exit_id", sqlite_where=_HAS_EXIT, postgresql_where=_HAS_EXIT),
        Index(
            "ux_register_stay_open", "holder", "edge_id", "area", unique=True, sqlite_where=OPEN, postgresql_where=OPEN
        ),
    )

    id: int = Field(primary_key=True, sa_type=BIG_INT)
    area: str
    edge_id: int
    holder: int = Field(sa_type=BIG_INT)
    in_us: int = Field(sa_type=BIG_INT)
    exit_id: int | None = Field(default=None, sa_type=BIG_INT)
    out_us: int | None = Field(default=None, sa_type=BIG_INT)
    ended_by: str | None = None


class RegisterAdmission(Model, table=True):
    """Somebody admitted by command: why, for the entry that follows (R3). ``person``: as the edge calls them from then on."""

    __tablename__ = "register_admission"

    edge_id: int = Field(primary_key=True)
    person: str = Field(primary_key=True)
    reason: str
    operator: str
    command_id: str
    at_us: int = Field(sa_type=BIG_INT)


class RegisterNote(Model, table=True):
    """What an operator added to an entry: ``n`` counts within it. ``signature`` by the server's key ``kid``, which the root
    certified in ``certificate``, over the note with the hash of the record that the entry was made from (:mod:`server.rooms.notes`)."""

    __tablename__ = "register_note"
    __table_args__ = (UniqueConstraint("entry_id", "n"),)

    id: int | None = Field(default=None, primary_key=True)
    entry_id: int = Field(foreign_key="register_entry.id", sa_type=BIG_INT)
    n: int
    kind: str = "note"
    text: str
    operator: str
    at_us: int = Field(sa_type=BIG_INT)
    kid: str
    certificate: bytes
    signature: bytes
