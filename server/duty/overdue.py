"""What must be tested now, and since when: shown on the console and at shift handover (L5)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlmodel import Session, col, func, select

from server.duty.models import DutyItem, DutyTest


@dataclass(frozen=True)
class Overdue:
    """An item that is to be tested. ``why``: ``never_tested``; ``failed``: the last test did; ``late``: its interval is over."""

    item: DutyItem
    since: datetime
    why: Literal["never_tested", "failed", "late"]


def overdue(session: Session, now: datetime) -> list[Overdue]:
    """Everything that is overdue, the longest first."""
    items = session.exec(select(DutyItem).where(col(DutyItem.retired_at).is_(None))).all()
    last = last_tests(session)
    found = [one for item in items if (one := overdue_of(item, last.get(item.id), now)) is not None]
    return sorted(found, key=lambda one: (one.since, one.item.id))


def overdue_of(item: DutyItem, last: DutyTest | None, now: datetime) -> Overdue | None:
    """Whether one item is overdue, by its last test."""
    if item.retired_at is not None:
        return None
    if last is None:
        return Overdue(item, item.made_at, "never_tested")
    if last.result == "fail":
        return Overdue(item, last.done_at, "failed")
    due = last.done_at + timedelta(days=item.interval_days)
    return Overdue(item, due, "late") if due <= now else None


def last_tests(session: Session) -> dict[int | None, DutyTest]:
    """The newest test of each item: by when it was done, not by when it was noted."""
    newest = func.row_number().over(
        partition_by=col(DutyTest.item_id), order_by=(col(DutyTest.done_at).desc(), col(DutyTest.id).desc())
    )
    ranked = select(DutyTest.id, newest.label("place")).subquery()
    query = select(DutyTest).join(ranked, ranked.c.id == DutyTest.id).where(ranked.c.place == 1)
    return {test.item_id: test for test in session.exec(query).all()}
