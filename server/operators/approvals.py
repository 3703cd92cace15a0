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

Who made the approver's password lately (a reset, unless a second factor of before it still stands) counts as the approver: whoever knows it could be
asker and approver in one.

Whoever restores or repairs takes the approval by :func:`use`, which counts it as used in the transaction of the act.
"""

from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import update
from sqlmodel import Session, col, func, or_, select

from server.ids import new_id
from server.operators.actor import Actor
from server.operators.approval_models import Approval, ApprovalKind
from server.operators.audit import record
from server.operators.models import ApiToken, AuditEntry, Operator
from server.operators.permissions import Role
from server.problems import Problem, not_found

VALID = timedelta(days=7)
"""So long a request waits, and an approval may be used."""
KNOWN_TO_ASKER = timedelta(days=30)
"""So long after a reset whoever made it has no request of theirs approved by that account."""
RESETS = ("operator.reset_password", "operator.suspect")
SIGNED_IN = "session.open"
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
    if _is_own(session, actor, now, row):
        raise Problem(
            409,
            "FOUR_EYES",
            "Somebody else must approve than who asked, whom it is about, or whose password the asker has reset lately.",
            "批准人不能是申请人、当事人本人，或近期由申请人重置过密码的人员。",
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


def may_decide(session: Session, actor: Actor, row: Approval, now: datetime) -> bool:
    """Whether a page shows the buttons."""
    waits = row.status == "waiting" and row.until > now
    may = actor.kind == "operator" and actor.role in APPROVERS[cast(ApprovalKind, row.kind)]
    return waits and may and not _is_own(session, actor, now, row)


def _is_own(session: Session, actor: Actor, now: datetime, row: Approval) -> bool:
    own = actor.is_who(row.asked_by) or actor.public_id == row.subject
    return own or _asker_knows_password(session, actor, now, row.asked_by)


def _asker_knows_password(session: Session, actor: Actor, now: datetime, asked_by: str) -> bool:
    """Whether who asked reset the approver's password lately, after the account was first used, and no second factor stands from before."""
    tokens = select(ApiToken.public_id).where(col(ApiToken.made_by) == asked_by)
    first = select(func.min(AuditEntry.id)).where(AuditEntry.act == SIGNED_IN, AuditEntry.actor == actor.public_id)
    since = select(Operator.totp_since).where(Operator.public_id == actor.public_id).scalar_subquery()
    reset = select(AuditEntry.id).where(
        col(AuditEntry.act).in_(RESETS),
        AuditEntry.subject == actor.public_id,
        or_(AuditEntry.actor == asked_by, col(AuditEntry.actor).in_(tokens)),
        col(AuditEntry.at) > now - KNOWN_TO_ASKER,
        col(AuditEntry.id) > first.scalar_subquery(),
        or_(since.is_(None), since >= AuditEntry.at),
    )
    return session.exec(reset.limit(1)).first() is not None


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
