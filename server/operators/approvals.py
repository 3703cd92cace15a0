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

Whoever could act as asker and approver both does not have one approve what the other asks (:func:`hands`). The recovery's account, which closes by
itself, approves nothing (D3); what it asks a supervisor approves, or, where no supervisor's account is open, another administrator.

Accounts, second factors and the recovery secret take the approval by :func:`use`, in the transaction of the act. A restore or repair is done outside of the server: its
approval is a record, which nothing checks and nothing uses.
"""

from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import update
from sqlmodel import Session, col, func, select

from server.chinese import all_in_chinese, in_chinese
from server.ids import new_id
from server.operators.actor import SYSTEM, Actor
from server.operators.approval_models import Approval, ApprovalKind
from server.operators.audit import record
from server.operators.models import ApiToken, AuditEntry, Operator
from server.operators.permissions import Role
from server.problems import Problem, not_found

VALID = timedelta(days=7)
"""So long a request waits, and an approval may be used."""
KNOWN_TO_ASKER = timedelta(days=30)
"""So long after a reset whoever made it counts as that account's person, too."""
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
    """Approve or refuse, in person. Raises :class:`Problem` as :func:`refuse_deciding` does, and 409 ``approval_over``."""
    refuse_deciding(session, actor, now, row)
    _settle(session, row, now, "approved" if approve else "refused", actor, note)
    record(
        session, actor, now, "approval.approve" if approve else "approval.refuse", row.public_id, after={"note": note}
    )


def refuse_deciding(session: Session, actor: Actor, now: datetime, row: Approval) -> None:
    """Raise :class:`Problem`: 403 for whoever may not decide it, 409 ``FOUR_EYES`` for who asked or whom it is about."""
    if actor.kind != "operator":
        raise Problem(
            403, "in_person", "An approval is given in person, not by a token.", "批准须由本人登录进行，不得使用令牌。"
        )
    if _closes_by_itself(session, actor.public_id):
        raise Problem(
            403,
            "recovery_approves_nothing",
            "The recovery's account approves nothing: it may ask, and a supervisor approves.",
            "恢复账号不能批准任何申请：可提出申请，由主管批准。",
            extra={"rule": "D3"},
        )
    roles = approvers(session, row)
    if actor.role not in roles:
        raise Problem(
            403,
            "not_permitted",
            f"This takes the approval of: {', '.join(roles)}.",
            f"须由以下角色批准：{all_in_chinese('role', roles)}。",
        )
    if _is_own(session, actor, now, row):
        raise Problem(
            409,
            "FOUR_EYES",
            "Somebody else must approve: neither who asked nor whom it is about, nor where asker or approver reset the other's password lately, or one"
            " person reset both.",
            "须由他人批准：批准人不能是申请人或当事人；近期一方重置过另一方密码，或双方密码由同一人重置的，也不得批准。",
            extra={"rule": "D1"},
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
            f"须先由另一人批准（{in_chinese('approval_kind', kind)}，{subject}）：请在“系统—操作员”中申请。",
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
    if row.status != "waiting" or row.until <= now:
        return False
    try:
        refuse_deciding(session, actor, now, row)
    except Problem:
        return False
    return True


def approvers(session: Session, row: Approval) -> tuple[Role, ...]:
    """The roles that approve this request: for what the recovery's account asks a supervisor, as long as there is one (D3)."""
    roles = APPROVERS[cast(ApprovalKind, row.kind)]
    if _closes_by_itself(session, row.asked_by):
        supervisors = select(Operator.id).where(Operator.role == "supervisor", col(Operator.disabled).is_(False))
        if session.exec(supervisors.limit(1)).first() is not None:
            return ("supervisor",)
    return roles


def hands(session: Session, person: str, now: datetime) -> set[str]:
    """``person`` and everybody who could sign in as them: who reset their password lately, by themselves or a token of theirs; who reset the password of one
    of those; and so on. A reset before the first sign-in counts for the recovery's account alone, one under a second factor of before for nobody, and the
    server's own for nobody: who runs its command line holds it anyway."""
    known, asked = {person}, [person]
    while asked:
        more = _resetters(session, asked.pop(), now) - known
        known |= more
        asked += more
    return known


def _is_own(session: Session, actor: Actor, now: datetime, row: Approval) -> bool:
    deciding = hands(session, actor.person, now)
    return row.subject in deciding or not deciding.isdisjoint(hands(session, row.asked_by, now))


def _resetters(session: Session, person: str, now: datetime) -> set[str]:
    account = session.exec(select(Operator).where(Operator.public_id == person)).first()
    if account is None:
        return set()
    resets = (
        select(func.coalesce(ApiToken.made_by, AuditEntry.actor))
        .select_from(AuditEntry)
        .outerjoin(ApiToken, col(ApiToken.public_id) == col(AuditEntry.actor))
        .where(col(AuditEntry.act).in_(RESETS), AuditEntry.subject == person, AuditEntry.actor != SYSTEM.public_id)
        .where(col(AuditEntry.at) > now - KNOWN_TO_ASKER)
    )
    if account.closes_at is None:
        first = select(func.min(AuditEntry.id)).where(AuditEntry.act == SIGNED_IN, AuditEntry.actor == person)
        resets = resets.where(col(AuditEntry.id) > first.scalar_subquery())
    if account.totp_since is not None:
        resets = resets.where(col(AuditEntry.at) <= account.totp_since)
    return set(session.exec(resets).all())


def _closes_by_itself(session: Session, person: str) -> bool:
    closing = select(Operator.id).where(Operator.public_id == person, col(Operator.closes_at).is_not(None))
    return session.exec(closing).first() is not None


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
