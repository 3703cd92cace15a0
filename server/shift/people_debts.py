"""What is owed of people: visits, badges, emergencies, the register, violations."""

from collections.abc import Iterable
from datetime import datetime

from sqlmodel import Session, col, func, select

from server.badges.models import Badge
from server.badges.to_be_returned import is_out
from server.context import Context
from server.db.clock import to_us
from server.permits import lending
from server.permits.emergencies import owes
from server.permits.entrance import CHARACTERS
from server.permits.models import Permit, TemporaryBadge, TemporaryCard, Visit
from server.permits.overdue import open_debts, open_visits, overdue_of
from server.permits.visits import awaited
from server.rooms.register_query import ENTRIES, Sought, page_query
from server.rooms.showing import main_rooms
from server.shift.debt import MOST, Debt, place_names
from server.shift.violation_lifecycle import KINDS
from server.shift.violations import open_violations

_WHY = {"window_over": ("时间段已过", "its window is over"), "permit_ended": ("许可已终止", "its permit ended")}
_OWES = {
    "reason": ("原因", "the reason"),
    "person": ("人员", "who it was"),
    "id_number": ("证件号码", "the ID number"),
    "reconciliation": ("人数核对", "a count of who is inside"),
    "closing": ("结案", "the closing"),
}
_LOST = ("挂失", "lost")
_BADGES = {
    "issued": ("应收回", "should be back"),
    "active": ("应收回", "should be back"),
    "suspended": ("应收回", "should be back"),
    "lost": ("已挂失未注销", "lost and not deregistered"),
    "revoked": ("已注销，卡未交还", "deregistered, its card is out"),
}


def _short(public_id: str) -> str:
    """The end of an id, by which a visit is found as well: what people read out."""
    return public_id.rpartition("_")[2][-CHARACTERS:]


def visits(session: Session, _context: Context, now: datetime) -> Iterable[Debt]:
    """Visitors who were checked in and not out (R5); of those whose time is over, why (B8)."""
    on = [visit for visit in open_visits(session) if visit.status == "checked_in"]
    permits = _permits(session, on)
    for visit in on:
        why = [_WHY[one] for one in overdue_of(visit, permits[visit.permit_id], (), to_us(now)) if one in _WHY]
        worn = visit.visitor_badge
        assert visit.checked_in_at is not None
        yield Debt(
            "visit_overdue" if why else "visit",
            visit.public_id,
            to_us(visit.checked_in_at),
            f"来访 {_short(visit.public_id)}（佩戴 {worn}）" + "".join(f"，{zh}" for zh, _ in why),
            f"Visit {_short(visit.public_id)}, wearing {worn}" + "".join(f": {en}" for _, en in why),
            f"/api/v1/visits/{visit.public_id}",
        )


def temporary_badges(session: Session, _context: Context, _now: datetime) -> Iterable[Debt]:
    """Cards of the pool that are not back though nobody is on a visit with them, or that are lost and not deregistered (B8)."""
    cards = list(session.exec(select(TemporaryCard).order_by(col(TemporaryCard.id))).all())
    newest = lending.newest_badges(session, cards)
    lent_for = lending.visits_of_badges(session, list(newest.values()))
    for card in cards:
        badge = newest.get(card.id)
        if badge is None or badge.status == "returned":
            continue
        visit = lent_for.get(badge.id)
        lost = badge.lost_at is not None
        if badge.status == "revoked" and lost:
            continue  # nobody waits for it any more
        if not lost and visit is not None and visit.status == "checked_in":
            continue  # where it should be: with the visitor
        zh, en = _LOST if lost else ("未归还", "not returned")
        of = _short(visit.public_id if visit is not None else badge.public_id)
        yield Debt(
            "temporary_badge",
            badge.public_id,
            to_us(badge.lost_at or badge.issued_at or badge.created_at),
            f"临时证 {card.number} {zh}（{of}）",
            f"Temporary badge {card.number} {en} ({of})",
            f"/api/v1/badges/{badge.public_id}",
        )


def emergencies(session: Session, context: Context, _now: datetime) -> Iterable[Debt]:
    """Emergency entries that are not closed, with what they owe (B7)."""
    for emergency in open_debts(session):
        owed = [_OWES.get(one, (one, one)) for one in owes(session, context, emergency)]
        yield Debt(
            "emergency",
            emergency.public_id,
            to_us(emergency.admitted_at or emergency.from_at),
            f"紧急进入 {_short(emergency.public_id)}，尚缺：" + "、".join(zh for zh, _ in owed),
            f"Emergency {_short(emergency.public_id)} owes " + ", ".join(en for _, en in owed),
            f"/api/v1/emergencies/{emergency.public_id}",
        )


def incomplete_entries(session: Session, context: Context, _now: datetime) -> Iterable[Debt]:
    """Entries into a main room whose operation is not entered (R3)."""
    sought = Sought(incomplete=main_rooms(context.site))
    connection = session.connection()
    rows = connection.execute(page_query(sought, None, MOST + 1)).all()
    beside = 0
    if len(rows) > MOST:
        found = page_query(sought, None, None).with_only_columns(ENTRIES.c.id).order_by(None).subquery()
        beside = (connection.scalar(select(func.count()).select_from(found)) or 0) - MOST
    for place, row in enumerate(rows):
        number = row.number or "—"
        zh, en = place_names(context.site, row.area)
        yield Debt(
            "register_incomplete",
            str(row.id),
            row.at_us,
            f"登记 {row.id}：{number} 进入 {zh}，未填写操作内容",
            f"Register entry {row.id}: {number} into {en}, operation not entered",
            f"/api/v1/register/{row.id}",
            count=1 if place < MOST else beside,
        )


def unsigned_records(session: Session, _context: Context, _now: datetime) -> Iterable[Debt]:
    """Visitors operated systems, and no witness has signed (R6)."""
    for visit in unsigned_visits(session):
        assert visit.checked_out_at is not None
        yield Debt(
            "unsigned",
            visit.public_id,
            to_us(visit.checked_out_at),
            f"来访 {_short(visit.public_id)} 操作了系统，尚无见证人签字",
            f"Visit {_short(visit.public_id)}: systems were operated, no witness has signed",
            f"/api/v1/visits/{visit.public_id}",
        )


def violations(session: Session, _context: Context, _now: datetime) -> Iterable[Debt]:
    """Violations that nobody handled (R9)."""
    for violation in open_violations(session):
        zh, en, _ = KINDS[violation.kind]
        yield Debt(
            "violation",
            violation.public_id,
            to_us(violation.reported_at),
            f"违规 {_short(violation.public_id)}：{zh}",
            f"Violation {_short(violation.public_id)}: {en}",
            f"/api/v1/violations/{violation.public_id}",
        )


def badges_out(session: Session, _context: Context, now: datetime) -> Iterable[Debt]:
    """Badges whose card should be back; those that were lent to visitors apart (B6)."""
    lent = select(TemporaryBadge.badge_id)
    query = select(Badge).where(is_out(now), col(Badge.id).not_in(lent)).order_by(col(Badge.id))
    for badge in session.exec(query).all():
        zh, en = _BADGES[badge.status]
        number = badge.number or badge.public_id
        since = badge.lost_at or badge.deregistered_at or badge.issued_at or badge.created_at
        yield Debt(
            "badge_out",
            badge.public_id,
            to_us(since),
            f"出入证 {number} {zh}",
            f"Badge {number}: {en}",
            f"/api/v1/badges/{badge.public_id}",
        )


def unsigned_visits(session: Session) -> list[Visit]:
    """Those whose record of operated systems lacks the witness (R6), oldest first."""
    gone = [visit for visit in open_visits(session) if visit.status == "checked_out" and visit.operated]
    waits = awaited(session, gone)
    return [visit for visit in gone if "witness" in waits.get(visit.id, [])]


def _permits(session: Session, rows: list[Visit]) -> dict[int | None, Permit]:
    wanted = {row.permit_id for row in rows}
    found = session.exec(select(Permit).where(col(Permit.id).in_(wanted))).all() if wanted else ()
    return {permit.id: permit for permit in found}
