"""How the writing of a badge's card stands, for the page that waits beside the desk's reader (DESIGN 21)."""

import json
from typing import Any, Literal, NamedTuple

import msgspec
from sqlmodel import Session, col, select

from controller.commands import EncodeCard
from server.badges.models import Badge
from server.fleet.commands import OPEN
from server.fleet.models import Edge, EdgeCommand
from server.ledger import reading
from server.ledger.models import LedgerEvent

NEWEST = 1_000
"""Among so many newest events the desk's word that it waits is looked for: it is some seconds old at most."""
US_PER_S = 1_000_000

State = Literal["asked", "card", "done", "not_bound", "refused", "expired", "no_session"]


class Encoding(NamedTuple):
    """One order to a desk. ``asked``: the desk has not answered; ``card``: it waits for a card, ``left_s`` more seconds; ``not_bound``: the card was
    written, and the badge is not bound to it. ``because``: the explanation of a refusal."""

    command: str
    desk: str
    number: str
    state: State
    left_s: int
    because: dict[str, Any] | None

    @property
    def open(self) -> bool:
        """Whether its end is still to come."""
        return self.state in ("asked", "card")


class DeskShown(NamedTuple):
    """A desk where cards are written."""

    name: str
    online: bool
    changed_us: int | None


def desks(session: Session) -> list[DeskShown]:
    """The desks that are enrolled, those that are connected first."""
    query = select(Edge).where(Edge.role == "desk", col(Edge.revoked_at).is_(None), col(Edge.public_key).is_not(None))
    rows = session.exec(query.order_by(col(Edge.online).desc(), col(Edge.name))).all()
    return [DeskShown(row.name, row.online, row.online_changed_us) for row in rows]


def last_encoding(session: Session, badge: Badge, now_us: int) -> Encoding | None:
    """The newest order for this badge."""
    query = select(EdgeCommand).where(
        EdgeCommand.name == EncodeCard.__name__,
        col(EdgeCommand.command).contains(msgspec.json.encode(badge.public_id).decode(), autoescape=True),
    )
    row = session.exec(query.order_by(col(EdgeCommand.id).desc()).limit(1)).first()
    return encoding_of(session, row, now_us) if row is not None else None


def encoding_of(session: Session, row: EdgeCommand, now_us: int) -> Encoding:
    """How this order stands."""
    command = msgspec.json.decode(row.command, type=EncodeCard)
    desk = session.get_one(Edge, row.edge_id).name
    because = json.loads(row.because) if row.because is not None else None
    left_s = max(0, (row.expires_us - now_us) // US_PER_S)
    return Encoding(row.public_id, desk, command.number, _state(session, row, command), left_s, because)


def _state(session: Session, row: EdgeCommand, command: EncodeCard) -> State:
    if row.state in OPEN:
        return "card" if _waits_for_card(session, row) else "asked"
    if row.state == "done":
        badge = session.exec(select(Badge).where(Badge.public_id == command.badge)).first()
        return "done" if badge is not None and badge.number == command.number else "not_bound"
    return "refused" if row.state == "refused" else "no_session" if row.state == "no_session" else "expired"


def _waits_for_card(session: Session, row: EdgeCommand) -> bool:
    query = select(LedgerEvent.seq).where(
        LedgerEvent.seq > reading.last_event_seq(session) - NEWEST,
        LedgerEvent.kind == "EncodingStarted",
        LedgerEvent.subject == row.public_id,
    )
    return session.exec(query.limit(1)).first() is not None
