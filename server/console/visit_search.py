"""Finding a visitor at the desk: by what they say, or by what is scanned. Of today's and the open visits only, so that nobody leafs through people."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlmodel import Session

from server.badges.models import Badge
from server.console.visit_lists import OPEN, Day, expected_on, over_since
from server.context import Context
from server.kiosk.looking import badge_of
from server.ledger.keyed_rows import table_of
from server.operators.actor import Actor
from server.operators.permissions import Permission
from server.permits.arrivals import at_desk, expected_by
from server.permits.drafting import seen_permits
from server.permits.entrance import entrance_code, typed_code
from server.permits.models import Permit, TemporaryBadge, Visit
from server.permits.visits import visit_of_badge
from server.personal.fields import open_cipher
from server.personal.looks import admit_search
from server.registry.models import Customer, Holder

REASON = "前台查找来访 sought at the desk"
TAIL = 4
"""So many last digits of a phone number: no more, or one digit after the other would be found out."""
IDS_AT_ONCE = 500
_BADGES, _CUSTOMERS, _HOLDERS = table_of(Badge), table_of(Customer), table_of(Holder)
_LENT, _PERMITS, _VISITS = table_of(TemporaryBadge), table_of(Permit), table_of(Visit)


class _Candidate(NamedTuple):
    id: int
    holder_id: int
    visit: str
    permit: str
    visitor_badge: str
    customer: str | None


def matching(session: Session, context: Context, actor: Actor, day: Day, sought: str) -> list[int]:
    """The visits of whoever wears or carries that number, whose customer it is, or who comes by that permit or visit; else of those whose name has ``sought``
    in it, or whose phone number it is, or its last :data:`TAIL` digits. The latter only for who may see names, as a recorded look: asking for one piece
    after the other would show what the masks hide (C4). ``session`` only reads. Raises :class:`server.problems.Problem` 429."""
    rows = _candidates(session, actor, day)
    text, code = sought.strip().casefold(), typed_code(sought)
    badges = _badges(session, [one.id for one in rows])

    def is_named(one: _Candidate) -> bool:
        numbers = (one.visitor_badge, one.customer or "", *badges.get(one.id, ()))
        return text in {number.casefold() for number in numbers if number} or code in {
            entrance_code(one.visit),
            entrance_code(one.permit),
        }

    named = [one.id for one in rows if is_named(one)]
    if named or not rows or not actor.may(Permission.PERSONAL_NAMES):
        return named
    admit_search(context, actor, "holder", ["name"], REASON)
    fitting = _fitting(session, context, {one.holder_id for one in rows}, "".join(text.split()))
    return [one.id for one in rows if one.holder_id in fitting]


def scanned(session: Session, code: str, day: datetime, night: datetime) -> Visit | None:
    """The visit that a lent badge is out for, or that a permit's or visit's number names alone."""
    badge = badge_of(session, code)
    visiting = visit_of_badge(session, badge) if badge is not None and badge.kind == "temporary" else None
    if visiting is not None:
        return visiting[0]
    typed = typed_code(code)
    named = [one.visit for one in expected_by(session, typed, day, night) if one.visit] if typed is not None else []
    return named[0] if len(named) == 1 else None


def _candidates(session: Session, actor: Actor, day: Day) -> list[_Candidate]:
    visits, permits = _VISITS.c, _PERMITS.c
    query = (
        select(
            visits.id,
            visits.holder_id,
            visits.public_id,
            permits.public_id,
            visits.visitor_badge,
            _CUSTOMERS.c.code,
        )
        .join(_PERMITS, permits.id == visits.permit_id)
        .outerjoin(_CUSTOMERS, _CUSTOMERS.c.id == permits.customer_id)
        .where(seen_permits(actor))
        .order_by(visits.id)
    )
    groups = (at_desk(day.now), OPEN, expected_on(day), over_since(day.begin))
    return [_Candidate(*row) for group in groups for row in session.connection().execute(query.where(group))]


def _badges(session: Session, visits: Sequence[int]) -> dict[int, list[str]]:
    """Visit → the numbers of the badges that were lent for it."""
    query = select(_LENT.c.visit_id, _BADGES.c.number).join(_BADGES, _BADGES.c.id == _LENT.c.badge_id)
    found: dict[int, list[str]] = {}
    for start in range(0, len(visits), IDS_AT_ONCE):
        some = _LENT.c.visit_id.in_(visits[start : start + IDS_AT_ONCE])
        for visit, number in session.connection().execute(query.where(some)):
            found.setdefault(visit, []).append(number or "")
    return found


def _fitting(session: Session, context: Context, holders: set[int], plain: str) -> set[int]:
    """Whose name has this in it, or whose phone number it is, whole or its end."""
    columns = _HOLDERS.c
    query = select(columns.id, columns.public_id, columns.name_cipher, columns.phone_cipher)
    wanted, found = sorted(holders), set()
    for start in range(0, len(wanted), IDS_AT_ONCE):
        some = columns.id.in_(wanted[start : start + IDS_AT_ONCE])
        for number, holder, name_cipher, phone_cipher in session.connection().execute(query.where(some)):
            name = open_cipher(context.personal, "holder", holder, "name", name_cipher)
            if name is not None and plain in "".join(name.casefold().split()):
                found.add(number)
            elif plain.isdigit():
                phone = open_cipher(context.personal, "holder", holder, "phone", phone_cipher)
                if phone is not None and plain in (phone, phone[-TAIL:]):
                    found.add(number)
    return found
