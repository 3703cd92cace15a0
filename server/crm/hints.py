"""Hints of what to fetch: written in the transaction that heard of it, so that a crash loses none."""

from datetime import datetime, timedelta

from sqlalchemy import delete, func
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from server.crm.models import CrmFetch
from server.problems import Problem

MAX_WAITING = 10_000
KEEP = timedelta(days=7)
"""So long a webhook's id is remembered; the sender's timestamp rules out older ones."""


def note_hint(session: Session, now: datetime, external_id: str, webhook_id: str | None) -> bool:
    """Ask for one customer to be fetched; False when this message was heard before. Raises :class:`Problem` 503 when too much waits."""
    known = select(CrmFetch.id).where(CrmFetch.webhook_id == webhook_id)
    if webhook_id is not None and session.exec(known).first() is not None:
        return False
    waiting = session.exec(select(func.count()).select_from(CrmFetch).where(CrmFetch.state == "waiting")).one()
    if waiting >= MAX_WAITING:
        raise Problem(
            503,
            "too_many_fetches",
            f"{waiting} fetches wait already: the CRM does not answer. Try again later.",
            f"已有 {waiting} 个待取任务：CRM 未应答，请稍后重试。",
            headers={"Retry-After": "60"},
        )
    session.connection().execute(
        delete(CrmFetch).where(col(CrmFetch.state) != "waiting", col(CrmFetch.asked_at) < now - KEEP)
    )
    session.add(CrmFetch(external_id=external_id, webhook_id=webhook_id, asked_at=now, due_at=now))
    try:
        with session.begin_nested():
            session.flush()
    except IntegrityError:
        return False  # the same message, delivered twice at once
    return True
