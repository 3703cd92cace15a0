"""What management authorises before it takes effect (D1, D3): asked by one person, approved by another in person, used once.

=================  ==========================================================  ===========================
kind               what                                                        who approves
=================  ==========================================================  ===========================
``account``        an account becomes administrator or supervisor, or such a   another administrator, or a
                   one is opened again: takes effect with the approval         supervisor
``second_factor``  the second factor of such an account is taken away          the same
``restore``        data are restored from a backup                             a supervisor
``repair``         data are repaired by hand                                   a supervisor
``recovery``       the superuser's recovery secret is opened                   a supervisor
=================  ==========================================================  ===========================

Whoever restores or repairs takes the approval by :func:`use`, which counts it as used in the transaction of the act.
"""

from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import update
from sqlmodel import Session, col, select

from server.ids import new_id
from server.operators.actor import Actor
from server.operators.approval_models import Approval, ApprovalKind
from server.operators.audit import record
from server.operators.permissions import Role
from server.problems import Problem, not_found

VALID = timedelta(days=7)
"""So long a request waits, and an approval may be used."""
APPROVERS: dict[ApprovalKind, tuple[Role, ...]] = {
    "account": ("supervisor", "administrator"),
    "second_factor": ("supervisor", "administrator"),
    "restore": ("supervisor",),
    "repair": ("supervisor",),
    "recovery": ("supervisor",),
}


def ask(
    session: Session,
    actor: Actor,
    now: datetime,
    kind: ApprovalKind,
    subject: str,
    reason: str,
    effect: dict[str, Any] | None = None,
) -> Approval:
    """A request that waits. Raises :class:`Problem` 409 where the same waits already."""
    if standing(session, now, kind, subject, "waiting") is not None:
        raise Problem(
            409,
            "approval_waits",
            "The same waits for approval already: let it be decided, or withdraw it.",
            "相同的申请正在等待批准：请等待批准或先撤回。",
        )
    row = Approval(
        public_id=new_id("apv", now),
        kind=kind,
        subject=subject,
        effect=effect,
        reason=reason,
        asked_by=actor.person,
        asked_name=actor.name,
        asked_at=now,
        until=now + VALID,
    )
    session.add(row)
    session.flush()
    after = {"kind": kind, "subject": subject, "effect": effect, "reason": reason}
    record(session, actor, now, "approval.ask", row.public_id, after=after)
    return row


def decide(session: Session, actor: Actor, now: datetime, row: Approval, *, approve: bool, note: str) -> None:
    """Approve or refuse, in person. Raises :class:`Problem`: 403 for whoever may not, 409 ``FOUR_EYES`` for who asked or whom it is about."""
    kind = cast(ApprovalKind, row.kind)
    if actor.kind != "operator":
        raise Problem(
            403, "in_person", "An approval is given in person, not by a token.", "批准须由本人登录进行，不得使用令牌。"
        )
    if actor.role not in APPROVERS[kind]:
        raise Problem(
            403,
            "not_permitted",
            f"This takes the approval of: {', '.join(APPROVERS[kind])}.",
            f"须由以下角色批准：{'、'.join(APPROVERS[kind])}。",
        )
    if actor.is_who(row.asked_by) or actor.public_id == row.subject:
        raise Problem(
            409,
            "FOUR_EYES",
            "Somebody else must approve than who asked, or whom it is about.",
            "批准人不能是申请人或当事人本人。",
            extra={"rule": "D1"},
        )
    _settle(session, row, now, "approved" if approve else "refused", actor, note)
    record(
        session, actor, now, "approval.approve" if approve else "approval.refuse", row.public_id, after={"note": note}
    )


def withdraw(session: Session, actor: Actor, now: datetime, row: Approval) -> None:
    """Who asked takes it back, as long as nobody decided. Raises :class:`Problem`."""
    if not actor.is_who(row.asked_by):
        raise Problem(403, "not_yours", "Only who asked takes it back.", "只有申请人可以撤回。")
    _settle(session, row, now, "withdrawn", actor, "")
    record(session, actor, now, "approval.withdraw", row.public_id)


def use(session: Session, actor: Actor, now: datetime, kind: ApprovalKind, subject: str) -> Approval:
    """Take the approval of ``kind`` for ``subject``: it counts once. Raises :class:`Problem` 409 ``approval_missing``."""
    row = standing(session, now, kind, subject, "approved")
    if row is None or not _moves(session, row, "approved", {"status": "used", "used_at": now, "used_name": actor.name}):
        raise Problem(
            409,
            "approval_missing",
            f"This takes the approval of another person first ({kind}, {subject}): ask for it under System, Operators.",
            f"须先由另一人批准（{kind}，{subject}）：请在“系统—操作员”中申请。",
            extra={"rule": "D1"},
        )
    record(session, actor, now, "approval.use", row.public_id)
    return row


def standing(session: Session, now: datetime, kind: ApprovalKind, subject: str, status: str) -> Approval | None:
    """The newest of this kind and subject with that status whose time is not over."""
    query = select(Approval).where(Approval.kind == kind, Approval.subject == subject, Approval.status == status)
    return session.exec(query.where(col(Approval.until) > now).order_by(col(Approval.id).desc()).limit(1)).first()


def find_approval(session: Session, public_id: str) -> Approval:
    """The approval, or :class:`Problem` 404."""
    row = session.exec(select(Approval).where(Approval.public_id == public_id)).first()
    if row is None:
        raise not_found("approval", "批准申请", public_id)
    return row


def may_decide(actor: Actor, row: Approval, now: datetime) -> bool:
    """Whether a page shows the buttons."""
    waits = row.status == "waiting" and row.until > now
    own = actor.is_who(row.asked_by) or row.subject == actor.public_id
    return waits and not own and actor.kind == "operator" and actor.role in APPROVERS[cast(ApprovalKind, row.kind)]


def _settle(session: Session, row: Approval, now: datetime, status: str, actor: Actor, note: str) -> None:
    values = {
        "status": status,
        "decided_by": actor.person,
        "decided_name": actor.name,
        "decided_at": now,
        "note": note,
        "until": now + VALID if status == "approved" else row.until,
    }
    if row.until <= now or not _moves(session, row, "waiting", values):
        raise Problem(
            409, "approval_over", "This was decided meanwhile, or its time is over.", "该申请已处理或已过期。"
        )


def _moves(session: Session, row: Approval, status: str, values: dict[str, Any]) -> bool:
    """Two at once do not both succeed."""
    moved = session.connection().execute(
        update(Approval).where(col(Approval.id) == row.id, col(Approval.status) == status).values(**values)
    )
    session.refresh(row)
    return moved.rowcount == 1
