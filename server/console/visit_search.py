"""Finding a visitor at the desk: by what they say, or by what is scanned. Of today's and the open visits only, so that nobody leafs through people."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from server.context import Context
from server.kiosk.looking import badge_of
from server.operators.actor import Actor
from server.operators.permissions import Permission
from server.permits.arrivals import expected_by
from server.permits.entrance import entrance_code, typed_code
from server.permits.models import Visit
from server.permits.shapes import VisitShown
from server.permits.visits import visit_of_badge
from server.personal.fields import read_field
from server.personal.looks import admit_look
from server.registry.models import Holder

REASON = "前台查找来访 sought at the desk"
TAIL = 4
"""So many last digits of a phone number: no more, or one digit after the other would be found out."""


def matching(
    session: Session, context: Context, actor: Actor, rows: Sequence[VisitShown], sought: str
) -> list[VisitShown]:
    """Those who wear or carry that number, whose customer it is, or who come by that permit or visit; else those whose name has ``sought`` in it, or whose phone
    number it is, or its last :data:`TAIL` digits. The latter only for who may see names, as a recorded look: asking for one piece after the other would
    show what the masks hide (C4). Raises :class:`server.problems.Problem` 429."""
    text = sought.strip().casefold()
    named = [one for one in rows if text in _numbers(one) or typed_code(sought) in _codes(one)]
    if named or not rows or not actor.may(Permission.PERSONAL_NAMES):
        return named
    admit_look(session, context, actor, "holder", ["name"], REASON)
    plain = "".join(text.split())
    query = select(Holder).where(col(Holder.public_id).in_({one.holder for one in rows}))
    holders = {one.public_id: one for one in session.exec(query).all()} if rows else {}

    def fits(one: VisitShown) -> bool:
        holder = holders[one.holder]
        name = read_field(context.personal, holder, "name")
        if name is not None and plain in "".join(name.casefold().split()):
            return True
        phone = read_field(context.personal, holder, "phone")
        return plain.isdigit() and phone is not None and plain in (phone, phone[-TAIL:])

    return [one for one in rows if fits(one)]


def _numbers(one: VisitShown) -> set[str]:
    numbers = {one.visitor_badge, *(badge.number or "" for badge in one.badges), one.customer or ""}
    return {number.casefold() for number in numbers if number}


def _codes(one: VisitShown) -> set[str]:
    return {entrance_code(one.id), entrance_code(one.permit)}


def scanned(session: Session, code: str, day: datetime, night: datetime) -> Visit | None:
    """The visit that a lent badge is out for, or that a permit's or visit's number names alone."""
    badge = badge_of(session, code)
    visiting = visit_of_badge(session, badge) if badge is not None and badge.kind == "temporary" else None
    if visiting is not None:
        return visiting[0]
    typed = typed_code(code)
    named = [one.visit for one in expected_by(session, typed, day, night) if one.visit] if typed is not None else []
    return named[0] if len(named) == 1 else None
