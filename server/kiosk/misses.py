"""The brake on guessing numbers at a kiosk: what leads nowhere is counted over a sliding window, and beyond the limit nothing is looked up."""

from datetime import datetime, timedelta

from sqlalchemy import delete, func
from sqlmodel import Session, col, select

from server.kiosk.models import KioskMiss
from server.problems import Problem

WINDOW = timedelta(minutes=10)
LIMIT = 20
"""So many numbers that lead nowhere within :data:`WINDOW`, of one kiosk."""


def refuse_guessing(session: Session, kiosk: str, now: datetime) -> None:
    """Raise :class:`Problem` 429 after too many of them."""
    recent = select(func.count()).select_from(KioskMiss).where(KioskMiss.kiosk == kiosk)
    if session.exec(recent.where(col(KioskMiss.at) > now - WINDOW)).one() >= LIMIT:
        raise Problem(
            429,
            "too_many_attempts",
            "Too many numbers that are not known here: ask the guard, or try again in ten minutes.",
            "无效编号过多：请联系值班人员，或十分钟后再试。",
            headers={"Retry-After": str(int(WINDOW.total_seconds()))},
        )


def note_miss(session: Session, kiosk: str, now: datetime) -> None:
    """Count one."""
    session.connection().execute(delete(KioskMiss).where(col(KioskMiss.at) <= now - WINDOW))
    session.add(KioskMiss(kiosk=kiosk, at=now))
