"""What desks were asked to write, and whether a card may carry it: a number goes onto one card, even where its desk's answer was lost (B4).

The desk says how far it came. Before the step ``block`` no card carries the number; from then on one may, and nobody but the ledger of a
card that was written knows which.
"""

import json
from collections.abc import Iterator
from typing import Literal, NamedTuple

import msgspec
from sqlmodel import Session, col, select

from controller.commands import EncodeCard
from server.fleet.models import EdgeCommand

Outcome = Literal["nothing", "maybe", "unknown"]

NOTHING_WRITTEN = frozenset(
    {
        "NOT_A_DESK", "NUMBER_INVALID", "JOURNAL_UNAVAILABLE", "DESK_BUSY", "NO_CARD", "TWO_CARDS", "NOT_DESFIRE", "RANDOM_UID",
        "UID_LENGTH", "CARD_BOUND", "CARD_FOREIGN",
    }
)  # fmt: skip
"""Refusals after which no card carries the number. A reason that is not here is not trusted to say so."""
STEPPED = frozenset({"CARD_TAKEN_AWAY", "CARD_REFUSED"})
CARRYING_STEPS = frozenset({"block", "verify"})
"""Steps of the encoding in which the card begins to carry the number (``readers.credentials.desfire_encoding``)."""


class Ordered(NamedTuple):
    """One order. ``outcome``: ``nothing`` was written; a card ``maybe`` carries it, and the desk has no more to say; ``unknown``: written,
    or its answer may still come."""

    badge: str
    number: str
    edge_id: int
    outcome: Outcome


def orders_for_number(session: Session, number: str) -> list[Ordered]:
    """Every order for this number, oldest first."""
    return [one for one in _orders(session, number) if one.number == number]


def orders_for_badge(session: Session, badge: str) -> list[Ordered]:
    """Every order for this badge (a public id), oldest first."""
    return [one for one in _orders(session, badge) if one.badge == badge]


def _orders(session: Session, text: str) -> Iterator[Ordered]:
    query = select(EdgeCommand).where(
        EdgeCommand.name == EncodeCard.__name__,
        col(EdgeCommand.command).contains(msgspec.json.encode(text).decode(), autoescape=True),
    )
    for row in session.exec(query.order_by(col(EdgeCommand.id))).all():
        command = msgspec.json.decode(row.command, type=EncodeCard)
        yield Ordered(command.badge, command.number, row.edge_id, _outcome(row))


def _outcome(row: EdgeCommand) -> Outcome:
    if row.state in ("no_session", "expired") and row.session is None:  # it never left the server
        return "nothing"
    if row.state != "refused":
        return "unknown"
    because = json.loads(row.because) if row.because is not None else {}
    reason = because.get("reason")
    if reason in NOTHING_WRITTEN:
        return "nothing"
    step = (because.get("inputs") or {}).get("step")
    return "nothing" if reason in STEPPED and step and step not in CARRYING_STEPS else "maybe"
