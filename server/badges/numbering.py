"""The next number that no badge had and no desk was ever asked to write: what the page proposes (B4)."""

import re

import msgspec
from sqlmodel import Session, col, select

from controller.commands import EncodeCard
from server.badges.models import Badge
from server.badges.orders import orders_for_badge, orders_for_number
from server.fleet.models import EdgeCommand
from server.permits.models import TemporaryCard

FIRST = {"customer": "M1001", "staff": "S1001"}
"""Kind of badge → the number of the first, where none has one."""
_COUNTED = re.compile(r"(.*?)([0-9]{1,12})$", re.S)
_NEWEST = 20
"""So many numbers are looked at for the series that goes on."""


def next_number(session: Session, kind: str, badge: str = "") -> str:
    """The number after the highest of the newest series of this kind of badge; or the one of the last order for ``badge`` (a public id), if
    nothing was written then."""
    tried = orders_for_badge(session, badge) if badge else []
    if tried and all(one.outcome == "nothing" for one in tried if one.number == tried[-1].number):
        again = tried[-1].number
        if not _is_used(
            session, again, {one.number for one in orders_for_number(session, again) if one.outcome != "nothing"}
        ):
            return again
    newest = select(Badge.number).where(Badge.kind == kind, col(Badge.number).is_not(None))
    rows = session.exec(newest.order_by(col(Badge.issued_at).desc(), col(Badge.id).desc()).limit(_NEWEST)).all()
    counted = [found for found in (_COUNTED.fullmatch(number or "") for number in rows) if found is not None]
    first = _COUNTED.fullmatch(FIRST.get(kind, FIRST["customer"]))
    assert first is not None  # the table above
    prefix = counted[0][1] if counted else first[1]
    series = [found for found in counted if found[1] == prefix]
    highest = max(series, key=lambda found: int(found[2]), default=None)
    width = len((highest or first)[2])
    count = int(highest[2]) + 1 if highest is not None else int(first[2])
    spent = _ordered(session)
    while _is_used(session, candidate := f"{prefix}{count:0{width}}"[:24], spent):
        count += 1
    return candidate


def _is_used(session: Session, number: str, ordered: set[str]) -> bool:
    if number in ordered:
        return True
    for model in (Badge, TemporaryCard):
        if session.exec(select(model.id).where(model.number == number).limit(1)).first() is not None:
            return True
    return False


def _ordered(session: Session) -> set[str]:
    """What a desk was asked to write, whatever came of it."""
    asked = select(EdgeCommand.command).where(EdgeCommand.name == EncodeCard.__name__)
    return {msgspec.json.decode(command, type=EncodeCard).number for command in session.exec(asked).all()}
