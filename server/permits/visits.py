"""Visits: expected, checked in at the desk, checked out, closed (B8, R5, R6, R8). Whether somebody is inside, the register says."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from controller.schedule import Calendar
from server.badges.models import Badge
from server.chinese import in_chinese
from server.context import Context
from server.db.clock import to_us
from server.operators.actor import Actor
from server.operators.audit import record
from server.permits import lending
from server.permits.approval import close_if_done, expect
from server.permits.declaration import refuse_undeclared
from server.permits.documents import refuse_unchecked
from server.permits.drafting import find_permit, find_person, sees
from server.permits.lifecycle import VisitAct, refuse_act
from server.permits.models import Permit, PermitPerson, TemporaryBadge, Visit
from server.permits.presence import NOWHERE, passages_of
from server.permits.reception import LEVELS
from server.permits.signing import sign, signatures_of
from server.personal.attachments import attached_to
from server.problems import Problem, not_found
from server.rooms.notes import add_note
from server.rooms.register_query import one_entry
from server.site_time import local

EARLY = timedelta(minutes=30)
"""So long before the window the guard may check somebody in; the door waits for the window itself."""
OPEN = ("expected", "checked_in", "checked_out")


@dataclass(frozen=True)
class CheckIn:
    """``card``: the temporary badge that is lent, by its printed number; or ``without_card``: why none is. ``visitor_badge``: what they wear (C6), by default
    that same number."""

    card: str | None = None
    without_card: str = ""
    visitor_badge: str = ""


@dataclass(frozen=True)
class CheckOut:
    """``badge``: the lent badge is back, or lost. ``content``: of the visit (R5); ``operations``: what was done (R3); ``operated``: they operated systems
    (R6). ``left_unseen``: how it is known that they left, where the register has them inside."""

    content: str
    operations: str
    badge: lending.Outcome | None = None
    operated: bool = False
    left_unseen: str = ""


def find_visit(session: Session, name: str, actor: Actor | None = None, *, lock: bool = False) -> tuple[Visit, Permit]:
    """By public id, with its permit; one for another department's customer is not there (C4). ``lock``: both rows. Raises :class:`Problem` 404."""
    query = select(Visit).where(Visit.public_id == name)
    if lock:  # the permit first, as whoever ends it does: nobody is checked in under one that ends at this moment
        of_visit = select(Visit.permit_id).where(Visit.public_id == name).scalar_subquery()
        held = select(Permit).where(Permit.id == of_visit).with_for_update()
        session.exec(held.execution_options(populate_existing=True)).first()
        query = query.with_for_update().execution_options(populate_existing=True)
    visit = session.exec(query).first()
    permit = session.get_one(Permit, visit.permit_id) if visit is not None else None
    if visit is None or permit is None or (actor is not None and not sees(session, actor, permit)):
        raise not_found("visit", "来访", name[:64])
    return visit, permit


def arrive(session: Session, actor: Actor, now: datetime, permit_name: str, person_name: str) -> Visit:
    """Somebody on the permit comes (again): a visit of theirs is expected. Raises :class:`Problem`."""
    permit = find_permit(session, permit_name, actor, lock=True)
    refuse_unapproved(permit)
    person = find_person(session, permit, person_name)
    assert person.id is not None
    standing = select(Visit).where(
        Visit.permit_id == permit.id,
        Visit.holder_id == person.holder_id,
        col(Visit.status).in_(("expected", "checked_in")),
    )
    there = session.exec(standing).first()
    if there is not None:
        raise _open_already(there)
    visit = expect(session, now, permit, person.id, person.holder_id)
    record(session, actor, now, "visit.expect", visit.public_id, after={"permit": permit.public_id})
    return visit


def check_in(session: Session, context: Context, actor: Actor, visit: Visit, permit: Permit, given: CheckIn) -> None:
    """Admit to the house: permit, window, reception, document, declaration, photo, then the badge. Raises :class:`Problem` 409 with the first that
    is not as it must be."""
    status = refuse_act(visit.status, VisitAct.CHECK_IN)
    now = context.clock.now()
    refuse_unapproved(permit)
    refuse_outside(context, permit, now, early=EARLY)
    _refuse_politely(permit)
    refuse_unchecked(session, visit)
    refuse_undeclared(session, visit)
    if "photo" not in attached_to(session, [visit.public_id]).get(visit.public_id, {}):
        raise Problem(
            409, "PHOTO_MISSING", "Take a photo of the visitor first.", "请先为访客拍照。", extra={"rule": "R8"}
        )
    visitor_badge = given.visitor_badge
    if given.card is not None:
        card = lending.find_card(session, given.card, "card", lock=True)
        lending.lend(session, actor, now, card, permit, visit)
        visitor_badge = visitor_badge or card.number
    elif not given.without_card:
        raise Problem(
            422,
            "invalid_input",
            "card: name the temporary badge that is lent, or say in without_card why none is.",
            "card：请填写借出的临时证编号；不借出时请在 without_card 中说明原因。",
            field="card",
        )
    if not visitor_badge:
        raise Problem(
            422, "invalid_input", "visitor_badge: the number that the visitor wears.", "visitor_badge：请填写访客佩戴的编号。",
            field="visitor_badge", extra={"rule": "C6"},
        )  # fmt: skip
    visit.status = status
    visit.checked_in_at, visit.checked_in_by, visit.checked_in_name = now, actor.public_id, actor.name
    visit.visitor_badge, visit.without_card = visitor_badge, given.without_card
    try:
        with session.begin_nested():
            _changed(session, visit)
    except IntegrityError as error:
        raise Problem(
            409, "visit_open", "This person is on another visit already: check them out there first.",
            "该人员正在另一次来访中，请先办理离开。",
        ) from error  # fmt: skip
    record(
        session, actor, now, "visit.check_in", visit.public_id, after={"permit": permit.public_id, "card": given.card}
    )


def lend_another(session: Session, actor: Actor, now: datetime, visit: Visit, permit: Permit, card_name: str) -> Badge:
    """A card for somebody who is checked in: theirs fails or is lost, or they had none. Raises :class:`Problem`."""
    if visit.status != "checked_in":
        refuse_act(visit.status, VisitAct.CHECK_OUT)
    refuse_unapproved(permit)
    for badge in lending.badges_of_visits(session, [visit]).get(visit.id, []):
        if badge.status not in ("returned", "lost", "revoked"):
            raise Problem(
                409, "badge_out", f"Badge {badge.number} of this visit is out: take it back, or report it lost.",
                f"本次来访的临时证 {badge.number} 尚未归还：请先归还或挂失。", extra={"badge": badge.public_id},
            )  # fmt: skip
    made = lending.lend(session, actor, now, lending.find_card(session, card_name, "card", lock=True), permit, visit)
    _changed(session, visit)
    record(session, actor, now, "visit.lend", visit.public_id, after={"card": card_name})
    return made


def check_out(session: Session, context: Context, actor: Actor, visit: Visit, permit: Permit, given: CheckOut) -> None:
    """Away again: the badge stops, what was done is written into the register (R3) and signed by the operator. Closed at once unless a witness must
    sign (R6) or the badge is not back. Raises :class:`Problem`."""
    status = refuse_act(visit.status, VisitAct.CHECK_OUT)
    now = context.clock.now()
    passage = passages_of(session, [visit]).get(visit.id, NOWHERE)
    inside = [room for room in passage.inside if room in permit.areas]
    if inside and not given.left_unseen:
        raise Problem(
            409,
            "STILL_INSIDE",
            f"The register has them in {', '.join(inside)}: let them leave by the door, or say how it is known that they left.",
            f"登记显示其仍在 {'、'.join(inside)}：请经门离开，或说明如何得知其已离开。",
            field="left_unseen",
            extra={"inside": inside, "rule": "R5"},
        )
    _badge_back(session, actor, now, visit, given)
    visit.status = status
    visit.checked_out_at, visit.checked_out_by, visit.checked_out_name = now, actor.public_id, actor.name
    visit.content, visit.operations, visit.operated = given.content, given.operations, given.operated
    if given.left_unseen:
        visit.note = given.left_unseen
    _changed(session, visit)
    for entry_id in passage.entries:
        entry = one_entry(session.connection(), entry_id)
        assert entry is not None
        # an entry that is full of notes takes no more: what was done stands in the visit, and they leave all the same
        add_note(session, context.keys, entry, "operation", given.operations, actor.public_id, to_us(now))
    sign(session, context, actor, now, visit.public_id, "operator", said_of(visit))
    record(
        session,
        actor,
        now,
        "visit.check_out",
        visit.public_id,
        after={"operated": given.operated, "badge": given.badge},
    )
    settle(session, actor, now, visit, permit, _erase_after(context))


def witness(session: Session, context: Context, actor: Actor, visit: Visit, permit: Permit) -> None:
    """A second person signs the record of somebody who operated systems (R6). Raises :class:`Problem` 409."""
    if visit.status != "checked_out":
        refuse_act(visit.status, VisitAct.CLOSE)
    if not visit.operated:
        raise Problem(
            409, "no_witness_needed", "Nobody operated systems: no witness signs.", "未操作系统，无需见证签字。"
        )
    now = context.clock.now()
    sign(session, context, actor, now, visit.public_id, "witness", said_of(visit))
    _changed(session, visit)
    settle(session, actor, now, visit, permit, _erase_after(context))


def badge_came_back(session: Session, context: Context, actor: Actor, visit: Visit, permit: Permit) -> None:
    """Book back what is still out of a visit, a lost card that was found included. A visit that waits for nothing any more, because the badge was
    booked back as a badge, is closed by it. Raises :class:`Problem` 409 when nothing is out."""
    now = context.clock.now()
    out = [one for one in lending.badges_of_visits(session, [visit]).get(visit.id, []) if one.status != "returned"]
    if not out and (visit.status != "checked_out" or awaited(session, [visit]).get(visit.id)):
        raise Problem(409, "badge_back", "No badge of this visit is out.", "本次来访没有未归还的临时证。")
    for badge in out:
        lending.take_back(session, actor, now, badge, "returned", visit.public_id)
    _changed(session, visit)
    record(session, actor, now, "visit.badge_back", visit.public_id)
    settle(session, actor, now, visit, permit, _erase_after(context))


def settle(session: Session, actor: Actor, now: datetime, visit: Visit, permit: Permit, erase_after: timedelta) -> None:
    """Close the visit when its badge is back and its record signed, and with the last one an ended permit."""
    if visit.status == "checked_out" and not awaited(session, [visit]).get(visit.id):
        visit.status = refuse_act(visit.status, VisitAct.CLOSE)
        visit.closed_at = now
        _changed(session, visit)
        record(session, actor, now, "visit.close", visit.public_id)
    close_if_done(session, actor, now, permit, erase_after)


def awaited(session: Session, visits: Sequence[Visit]) -> dict[int | None, list[str]]:
    """What keeps visits that were checked out from being closed: ``badge`` (out and not reported lost), ``witness``."""
    gone = [visit for visit in visits if visit.status == "checked_out"]
    badges = lending.badges_of_visits(session, gone)
    signed = signatures_of(session, [visit.public_id for visit in gone])
    found: dict[int | None, list[str]] = {}
    for visit in gone:
        waits = []
        if any(badge.status != "returned" and badge.lost_at is None for badge in badges.get(visit.id, [])):
            waits.append("badge")
        if visit.operated and "witness" not in {one.role for one in signed.get(visit.public_id, [])}:
            waits.append("witness")
        found[visit.id] = waits
    return found


def said_of(visit: Visit) -> str:
    """What is signed under a visit: what the operator wrote, as JSON."""
    said: dict[str, Any] = {
        "checked_in_at_us": to_us(visit.checked_in_at) if visit.checked_in_at is not None else None,
        "checked_out_at_us": to_us(visit.checked_out_at) if visit.checked_out_at is not None else None,
        "content": visit.content,
        "operations": visit.operations,
        "operated": visit.operated,
    }
    return msgspec.json.encode(said).decode()


def refuse_unapproved(permit: Permit) -> None:
    """Raise :class:`Problem` 409 ``PERMIT_NOT_APPROVED`` unless it stands approved."""
    if permit.status != "approved":
        raise Problem(
            409,
            "PERMIT_NOT_APPROVED",
            f"Permit {permit.public_id} is {permit.status}, not approved.",
            f"许可 {permit.public_id} 未批准（{in_chinese('permit_status', permit.status)}）。",
            extra={"status_now": permit.status, "rule": "B8"},
        )


def refuse_outside(context: Context, permit: Permit, now: datetime, *, early: timedelta = timedelta(0)) -> None:
    """Raise :class:`Problem` 409 ``OUTSIDE_PERMIT_WINDOW`` out of its window, or out of its schedule's hours; ``early``: so long before will do."""
    within = permit.from_at - early <= now < permit.until_at
    if within and permit.schedule is not None:
        calendar = Calendar(context.site)
        within = any(calendar.allows(permit.schedule, to_us(at)) for at in (now, now + early))
    if not within:
        begins, ends = (local(context.site.time_zone, at) for at in (permit.from_at, permit.until_at))
        minutes = int(EARLY.total_seconds() // 60)
        raise Problem(
            409,
            "OUTSIDE_PERMIT_WINDOW",
            f"Permit {permit.public_id} is for {begins} to {ends} (site time)"
            f"{f' by schedule {permit.schedule}' if permit.schedule else ''}; check-in begins {minutes} min before.",
            f"不在许可 {permit.public_id} 的时间段内：{begins} 至 {ends}（场地时间）"
            f"{f'，且限时段 {permit.schedule}' if permit.schedule else ''}；提前 {minutes} 分钟可办理。",
            extra={"rule": "B8"},
        )


def person_of(session: Session, visit: Visit) -> PermitPerson:
    """Who on the permit came."""
    return session.get_one(PermitPerson, visit.person_id)


def visit_of_badge(session: Session, badge: Badge) -> tuple[Visit, Permit] | None:
    """For which visit a temporary badge was lent."""
    found = session.exec(select(TemporaryBadge).where(TemporaryBadge.badge_id == badge.id)).first()
    if found is None:
        return None
    return session.get_one(Visit, found.visit_id), session.get_one(Permit, found.permit_id)


def _badge_back(session: Session, actor: Actor, now: datetime, visit: Visit, given: CheckOut) -> None:
    out = [
        badge
        for badge in lending.badges_of_visits(session, [visit]).get(visit.id, [])
        if badge.status != "returned" and badge.lost_at is None
    ]
    if out and given.badge is None:
        raise Problem(
            422,
            "invalid_input",
            f"badge: {out[-1].number} is out; say whether it is returned or lost.",
            f"badge：临时证 {out[-1].number} 未归还，请填写 returned 或 lost。",
            field="badge",
            extra={"rule": "B8"},
        )
    for badge in out:
        assert given.badge is not None
        lending.take_back(session, actor, now, badge, given.badge, visit.public_id)


def _refuse_politely(permit: Permit) -> None:
    level = LEVELS[permit.level]
    if level.refuse is not None:
        raise Problem(
            409,
            "NOT_RECEIVED",
            level.refuse[1],
            level.refuse[0],
            extra={"level": level.code, "rule": "C6"},
        )


def _open_already(visit: Visit) -> Problem:
    return Problem(
        409,
        "visit_open",
        f"Visit {visit.public_id} of this person is {visit.status.replace('_', ' ')} already.",
        "该人员已有未结束的来访。",
        extra={"visit": visit.public_id},
    )


def _changed(session: Session, visit: Visit) -> None:
    visit.version += 1
    session.add(visit)
    session.flush()


def _erase_after(context: Context) -> timedelta:
    return timedelta(days=context.config.erase_after_days)
