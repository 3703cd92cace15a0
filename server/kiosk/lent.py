"""The brake on listing who is in which rooms: temporary badges have short running numbers, and a kiosk shows a lent one to whoever types its number."""

from datetime import datetime, timedelta

from sqlalchemy import delete, func
from sqlmodel import Session, col, select

from server.kiosk.models import KioskLent
from server.problems import Problem

WINDOW = timedelta(minutes=10)
LIMIT = 10
"""So many different lent badges within :data:`WINDOW` are shown at one kiosk. All else goes on there."""


def note_lent(session: Session, kiosk: str, number: str, now: datetime) -> None:
    """Count that this badge is shown now. Raises :class:`Problem` 429 after too many others."""
    session.connection().execute(delete(KioskLent).where(col(KioskLent.at) <= now - WINDOW))
    others = select(func.count(col(KioskLent.number).distinct())).where(
        KioskLent.kiosk == kiosk, KioskLent.number != number, col(KioskLent.at) > now - WINDOW
    )
    if session.exec(others).one() >= LIMIT:
        raise Problem(
            429,
            "too_many_attempts",
            "Too many different temporary badges were looked up here: ask the guard, or try again in ten minutes.",
            "此处查询的临时证过多：请联系值班人员，或十分钟后再试。",
            headers={"Retry-After": str(int(WINDOW.total_seconds()))},
        )
    session.add(KioskLent(kiosk=kiosk, number=number, at=now))
