"""Whom ``Admit`` may name: somebody on a visit, or in an emergency, that stands for that place and time (B7, B8, R4)."""

from datetime import datetime

import msgspec
from sqlmodel import Session, col, select

from controller.commands import Admit
from controller.site import AccessPoint
from server.context import Context
from server.operators.actor import Actor
from server.operators.audit import record
from server.permits.models import Emergency, Permit, Visit
from server.permits.signing import four_eyes
from server.permits.visits import refuse_outside, refuse_unapproved
from server.problems import Problem
from server.site_time import local


def permitted(session: Session, context: Context, actor: Actor, command: Admit) -> Admit:
    """The command, with the visit in place of the permit that it named. Access point and texts were checked before. Raises :class:`Problem` 409:
    NO_PERMIT, PERMIT_NOT_APPROVED, OUTSIDE_PERMIT_WINDOW, FOUR_EYES."""
    now = context.clock.now()
    point = next(one for one in context.site.access_points if one.id == command.access_point)
    if command.emergency:
        _admit_emergency(session, context, actor, command, point, now)
        return command
    visit = _visit(session, command.person)
    permit = session.get_one(Permit, visit.permit_id)
    refuse_unapproved(permit)
    refuse_outside(context, permit, now)
    if visit.status != "checked_in":
        raise no_permit(
            f"visit {visit.public_id} is {visit.status.replace('_', ' ')}, not checked in", "来访尚未在前台登记"
        )
    if point.to_area not in permit.areas:
        raise no_permit(f"permit {permit.public_id} is not for {point.to_area}", f"许可区域不含 {point.to_area}")
    return msgspec.structs.replace(command, person=visit.public_id, customer=permit.customer_id)


def refuse_unpermitted(context: Context, emergency: Emergency, point: AccessPoint, now: datetime) -> None:
    """Raise :class:`Problem` 409 ``NO_PERMIT`` unless it stands and is for that place and time."""
    if emergency.status not in ("approved", "admitted") or emergency.approved_by is None:
        raise no_permit(f"emergency {emergency.public_id} is {emergency.status}", "该紧急进入未获批准或已结束")
    if emergency.until_at is not None and now >= emergency.until_at:
        until = local(context.site.time_zone, emergency.until_at)
        raise no_permit(
            f"emergency {emergency.public_id} was approved until {until} (site time)",
            f"批准的时间已过（场地时间 {until} 止）",
        )
    if point.to_area not in emergency.areas:
        raise no_permit(
            f"emergency {emergency.public_id} is not for {point.to_area}", f"批准的区域不含 {point.to_area}"
        )


def no_permit(why: str, why_zh: str) -> Problem:
    """409: nobody approved this (B7)."""
    return Problem(
        409,
        "NO_PERMIT",
        f"Nobody is admitted on this: {why}. A supervisor approves an emergency, then a guard admits; others come on an approved permit.",
        f"不能放行：{why_zh}。紧急进入须由主管批准、值班人员放行，其他人员须有已批准的许可。",
        extra={"rule": "B7"},
    )


def _admit_emergency(
    session: Session, context: Context, actor: Actor, command: Admit, point: AccessPoint, now: datetime
) -> None:
    """On record: whoever lets somebody in does not close the debt."""
    emergency = session.exec(select(Emergency).where(Emergency.person == command.person)).first()
    if emergency is None:
        raise no_permit(f"there is no emergency {command.person}", f"没有紧急进入 {command.person}")
    refuse_unpermitted(context, emergency, point, now)
    if actor.is_who(emergency.approved_by):
        raise four_eyes(
            "Somebody else admits than who approved: two different operators act (B7).",
            "放行人不能是批准人：须由两名不同人员办理。",
        )
    if emergency.status != "admitted":
        raise no_permit(
            f"the document of {emergency.public_id} was not checked; admit by POST /api/v1/emergencies/{{id}}/admit",
            "尚未核对证件",
        )
    record(session, actor, now, "emergency.admit", emergency.public_id, after={"access_point": point.id})


def _visit(session: Session, name: str) -> Visit:
    visit = session.exec(select(Visit).where(Visit.public_id == name)).first()
    if visit is not None:
        return visit
    named = (col(Permit.public_id) == name) | (col(Permit.external_id) == name)
    permit = session.exec(select(Permit).where(named)).first()
    if permit is None:
        raise no_permit(f"there is no visit, permit or emergency {name}", f"没有来访、许可或紧急进入 {name}")
    refuse_unapproved(permit)
    there = session.exec(select(Visit).where(Visit.permit_id == permit.id, Visit.status == "checked_in")).all()
    if len(there) != 1:
        raise no_permit(
            f"{len(there)} people of permit {permit.public_id} are checked in; name the visit", "请填写已登记的来访编号"
        )
    return there[0]
