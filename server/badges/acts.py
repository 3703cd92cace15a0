"""Acts on badges that exist: the table of :mod:`server.badges.lifecycle`, with who, when, why (B2-B6, R9)."""

from datetime import datetime, timedelta
from typing import Any, Literal

from sqlmodel import Session, col, select

from server.badges import lifecycle
from server.badges.awaiting import awaited_edges
from server.badges.documents import has_loss_letter
from server.badges.lifecycle import Act
from server.badges.models import GONE, Application, Badge
from server.chinese import in_chinese
from server.operators.actor import Actor
from server.operators.audit import record
from server.operators.permissions import Permission
from server.personal.attachments import schedule_erasure
from server.problems import Problem
from server.shift.suspended_for import refuse_suspended, violations_of_badge

Report = Literal["active", "suspended", "lost", "revoked", "returned"]

_REPORTS: dict[str, Act] = {
    "suspended": Act.SUSPEND,
    "lost": Act.LOSE,
    "revoked": Act.DEREGISTER,
    "returned": Act.RETURN,
}
NEEDS_ISSUE = frozenset({Act.RESUME, Act.FIND, Act.DEREGISTER})
"""Acts that take the permission to issue: what opens doors again, and what frees a slot without the card in hand."""


def act_of(report: Report, badge: Badge) -> Act:
    """What it means to report this badge as that."""
    if report == "active":
        return Act.FIND if badge.status == "lost" else Act.RESUME
    return _REPORTS[report]


def report_badge(
    session: Session, actor: Actor, now: datetime, badge: Badge, report: Report, reason: str, erase_after: timedelta
) -> None:
    """Do what the report means. Reporting what is so already changes nothing. Raises :class:`Problem`."""
    act = act_of(report, badge)
    if act in NEEDS_ISSUE and not actor.may(Permission.BADGE_ISSUE):
        raise Problem(
            403,
            "not_permitted",
            f"as: you may not report a badge as {report}.",
            "您无权恢复或注销出入证。",
            field="as",
        )
    if act in (Act.RESUME, Act.FIND):
        refuse_suspended(violations_of_badge(session, badge.id), "as")
    if act is Act.FIND and badge.kind == "temporary":
        raise Problem(
            409,
            "status_conflict",
            "A visitor's badge that was lost opens nothing again: report it as returned, and lend the card anew.",
            "挂失的临时证不能恢复：请办理归还后重新借出。",
            field="as",
            extra={"status_now": badge.status, "rule": "B8"},
        )
    if act is Act.FIND and not reason:
        raise Problem(
            422,
            "reason_required",
            "reason: say how and where the lost badge was found.",
            "reason：请说明挂失的出入证如何找回。",
            field="reason",
        )
    if act is Act.DEREGISTER and badge.kind == "customer" and badge.status == "lost":
        refuse_without_loss_letter(session, badge)
    perform(session, actor, now, badge, act, reason)
    if act in (Act.RESUME, Act.FIND):
        activate_if_free(session, actor, now, badge)
    if badge.status == "returned" or (badge.status == "revoked" and (badge.lost_at or badge.issued_at is None)):
        erase_documents(session, badge, now + erase_after)


def perform(
    session: Session, actor: Actor, now: datetime, badge: Badge, act: Act, reason: str = "", **bound: object
) -> bool:
    """Change the status by the table, and with it the columns in ``bound``; whether anything changed. Raises :class:`Problem` 409
    for a refused act."""
    becomes = lifecycle.after(badge.status, act)
    if becomes is None:
        raise refusal(badge, act)
    if becomes == badge.status:
        return False
    before = show(badge)
    badge.sqlmodel_update(bound)
    badge.status = becomes
    badge.status_reason = reason
    if act is Act.ISSUE:
        badge.issued_at = now
    elif act is Act.ACTIVATE:
        badge.activated_at = badge.activated_at or now
    elif act is Act.LOSE:
        badge.lost_at = now
    elif act is Act.FIND:
        badge.lost_at = None
    if becomes in GONE:
        badge.deregistered_at = badge.deregistered_at or now
    badge.version += 1
    badge.changed_by = actor.public_id
    session.add(badge)
    session.flush()
    record(session, actor, now, f"badge.{act.value}", badge.public_id, before=before, after=show(badge))
    return True


def activate_if_free(session: Session, actor: Actor, now: datetime, badge: Badge) -> None:
    """An issued badge becomes active unless an edge is awaited (MEANINGS 6); then the fleet activates it later."""
    if badge.status == "issued" and not awaited_edges(session, badge, now):
        perform(session, actor, now, badge, Act.ACTIVATE, badge.status_reason)


def refusal(badge: Badge, act: Act) -> Problem:
    """409: the act is not possible in this status."""
    name, chinese = badge.number or badge.public_id, lifecycle.MEANINGS[act][0]
    possible = ", ".join(act.value for act in lifecycle.TABLE[badge.status]) or "nothing"
    return Problem(
        409,
        "BADGE_REVOKED" if badge.status in GONE else "status_conflict",
        f"Badge {name} is {badge.status}: {act.value} is not possible, only {possible}.",
        f"出入证 {name} 的状态为“{in_chinese('badge_standing', badge.status)}”，不能{chinese}。",
        extra={"status_now": badge.status, "act": act.value},
    )


def refuse_without_loss_letter(session: Session, badge: Badge) -> None:
    """Raise :class:`Problem` 409 unless the letter that states the loss of this badge is there (B4)."""
    if not has_loss_letter(session, badge):
        raise loss_letter_missing()


def loss_letter_missing() -> Problem:
    """409 LOSS_LETTER_MISSING."""
    return Problem(
        409,
        "LOSS_LETTER_MISSING",
        "A lost badge is deregistered with the letter that states its loss: attach it as loss_letter to the application for"
        " its re-issue, or to the badge's own.",
        "注销挂失的出入证须有单位的遗失证明：请上传到补发申请或原申请。",
        extra={"rule": "B4"},
    )


def erase_documents(session: Session, badge: Badge, at: datetime) -> None:
    """Photo, ID copy and letters of the badge's application are erased at ``at``."""
    ids = [
        row for row in session.exec(select(Application.id).where(col(Application.badge_id) == badge.id)).all() if row
    ]
    schedule_erasure(session, ids, at)


def show(badge: Badge) -> dict[str, Any]:
    """A badge as the audit log keeps it: without the credential and internal ids."""
    exclude = {
        "id", "public_id", "credential", "holder_id", "customer_id", "replaces_id", "awaits_change_id", "created_at",
        "changed_by",
    }  # fmt: skip
    return badge.model_dump(mode="json", exclude=exclude)
