"""The superuser's recovery secret (D3): two halves, each held on paper by somebody who neither develops nor maintains the system.

A half is 130 random bits, made at the moment when its holder asks to see it, shown once and kept as a hash alone: neither half says anything
of the other, and nothing that is stored opens anything. The secret is in force when both holders have read their half back from paper; then the one
before ends. Opening it takes both halves and the approval of the department's head (a supervisor, not who asks), and gives the account
``recovery`` a one-time password for :data:`OPEN_FOR`. An opened secret is spent: until a new one is in force that is a debt.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlmodel import Session, col, func, select

from server.ids import new_id
from server.operators import approvals
from server.operators.actor import Actor
from server.operators.audit import record
from server.operators.models import Operator
from server.operators.password_changes import reset_password
from server.operators.permissions import Role
from server.operators.recovery_models import HALVES, Half, RecoveryAct, RecoveryEntry, RecoveryHalf, RecoverySecret
from server.operators.service import RECOVERY_USERNAME, one_at_a_time
from server.operators.sign_in import end_tokens_of, forgive, note_failure, refuse_guessing
from server.problems import Problem, not_found

ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""32 characters that nobody mistakes for each other on paper."""
HALF_CHARS = 26
CHECK_CHARS = 2
GROUP = 4
OPEN_FOR = timedelta(hours=8)
ACCOUNT_NAME = "Recovery"
ACCOUNT_ROLE: Role = "administrator"

GUESSED = " recovery secret"
"""The name under which wrong halves are counted: nobody signs in by it, so that no stranger's wrong passwords keep the halves from opening."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Holder:
    """Who keeps a half. ``duty``: what they do, which is neither development nor maintenance. ``account``: their own, if they have one."""

    name: str
    duty: str
    account: str | None = None


@dataclass(frozen=True)
class Opened:
    """The one-time sign-in of an opening, shown once."""

    username: str
    one_time_password: str
    closes_at: datetime


def make(session: Session, actor: Actor, now: datetime, holders: tuple[Holder, Holder], reason: str) -> RecoverySecret:
    """A new secret, whose halves its holders then ask to see. One that was begun and is not in force is withdrawn. Raises :class:`Problem` 422 for
    holders who are one person, or keep the system."""
    _refuse_holders(session, actor, holders)
    one_at_a_time(session)
    begun = unfinished(session)
    if begun is not None:
        session.refresh(begun, with_for_update=True)
    if begun is not None and begun.in_force_at is None:
        begun.ended_at = now
        session.add(begun)
        _write(session, actor, now, "withdrawn", begun)
    secret = RecoverySecret(
        public_id=new_id("rcv", now), made_at=now, made_by=actor.public_id, made_name=actor.name, reason=reason
    )
    session.add(secret)
    session.flush()
    assert secret.id is not None
    for half, holder in zip(HALVES, holders, strict=True):
        session.add(
            RecoveryHalf(
                secret_id=secret.id, half=half, holder=holder.name, holder_duty=holder.duty, holder_id=holder.account
            )
        )
    session.flush()
    _write(session, actor, now, "made", secret, reason)
    after = {"holders": _holders(session, secret), "reason": reason}
    record(session, actor, now, "recovery.make", secret.public_id, after=after)
    return secret


def show_half(session: Session, actor: Actor, now: datetime, secret: RecoverySecret, half: Half) -> str:
    """The half, made now and never shown again. Raises :class:`Problem` 409 where it was shown, 403 where its holder signs in for it."""
    row = _turn(session, actor, secret, half)
    if row.shown_at is not None:
        raise Problem(
            409,
            "half_shown",
            "This half was shown already. If it is not on paper, begin a new secret.",
            "该部分已显示过。如未抄录，请重新生成恢复口令。",
        )
    text = "".join(secrets.choice(ALPHABET) for _ in range(HALF_CHARS))
    row.code_hash, row.shown_at = _hash(secret, half, text), now
    session.add(row)
    _write(session, actor, now, "half_shown", secret, row.holder)
    record(session, actor, now, "recovery.show_half", secret.public_id, after={"half": half, "holder": row.holder})
    text += _check(text)
    return "-".join(text[at : at + GROUP] for at in range(0, len(text), GROUP))


def read_back(session: Session, actor: Actor, now: datetime, secret: RecoverySecret, half: Half, text: str) -> None:
    """The holder types the half from paper: with both the secret is in force. Raises :class:`Problem` 422 for what is not that half."""
    row = _turn(session, actor, secret, half)
    if not _fits(secret, row, text):
        raise wrong_half("half")
    if row.read_back_at is not None:
        return
    row.read_back_at = now
    session.add(row)
    session.flush()
    _write(session, actor, now, "half_read_back", secret, row.holder)
    if all(one.read_back_at is not None for one in halves_of(session, secret)):
        before = in_force(session)
        if before is not None:
            before.ended_at = now
            session.add(before)
        secret.in_force_at = now
        session.add(secret)
        _write(session, actor, now, "in_force", secret, secret.reason)
        after = {"replaces": None if before is None else before.public_id}
        record(session, actor, now, "recovery.in_force", secret.public_id, after=after)


def ask_to_open(session: Session, actor: Actor, now: datetime, reason: str) -> str:
    """Ask the department's head to approve the opening of the secret in force; the approval's id."""
    return approvals.ask(session, actor, now, "recovery", needed(session).public_id, reason).public_id


def open_secret(
    session: Session, actor: Actor, now: datetime, texts: tuple[str, str], reason: str, head: str = ""
) -> Opened:
    """Both halves open it: the one-time sign-in. ``head``: who approved on paper, where nobody can sign in (command line only); else the approval in the
    ledger is taken. Raises :class:`Problem`; halves that do not fit are written down, and counted as failed sign-ins are."""
    secret = needed(session)
    refuse_guessing(session, GUESSED, actor.address, now)
    if not all(_fits(secret, row, text) for row, text in zip(halves_of(session, secret), texts, strict=True)):
        session.rollback()
        note_failure(session, GUESSED, actor.address, now)
        _write(session, actor, now, "refused", secret, reason)
        session.commit()  # the refusal rolls back all else
        raise wrong_half(None)
    approved = f"{head} (on paper)"
    if not head:
        approval = approvals.use(session, actor, now, "recovery", secret.public_id)
        approved = f"{approval.decided_name} ({approval.public_id})"
    secret.ended_at = now
    session.add(secret)
    operator = _recovery_account(session, actor, now)
    end_tokens_of(session, actor, now, operator.public_id)
    password = reset_password(session, actor, now, operator)
    forgive(session, RECOVERY_USERNAME)
    forgive(session, GUESSED)
    _write(session, actor, now, "opened", secret, reason, approved)
    after = {"reason": reason, "approved": approved, "until": (now + OPEN_FOR).isoformat()}
    record(session, actor, now, "recovery.open", secret.public_id, after=after)
    log.warning("the recovery secret was opened: make a new one", secret=secret.public_id)
    return Opened(operator.username, password, now + OPEN_FOR)


def in_force(session: Session) -> RecoverySecret | None:
    """The secret that would open."""
    query = select(RecoverySecret).where(col(RecoverySecret.in_force_at).is_not(None))
    return session.exec(query.where(col(RecoverySecret.ended_at).is_(None))).first()


def unfinished(session: Session) -> RecoverySecret | None:
    """The secret that was begun and is not in force yet."""
    query = select(RecoverySecret).where(col(RecoverySecret.in_force_at).is_(None))
    return session.exec(query.where(col(RecoverySecret.ended_at).is_(None))).first()


def opened_since(session: Session) -> datetime | None:
    """When the last secret was opened, where none is in force since: the debt."""
    if in_force(session) is not None:
        return None
    return session.exec(select(func.max(RecoveryEntry.at)).where(RecoveryEntry.act == "opened")).one()


def needed(session: Session) -> RecoverySecret:
    """The secret in force, or :class:`Problem` 409."""
    secret = in_force(session)
    if secret is None:
        raise Problem(
            409,
            "no_recovery_secret",
            "No recovery secret is in force: make one, and let both holders read their half back.",
            "当前没有有效的恢复口令：请生成，并由两名保管人分别核对。",
        )
    return secret


def find_secret(session: Session, public_id: str) -> RecoverySecret:
    """The secret, or :class:`Problem` 404."""
    secret = session.exec(select(RecoverySecret).where(RecoverySecret.public_id == public_id)).first()
    if secret is None:
        raise not_found("recovery secret", "恢复口令", public_id)
    return secret


def halves_of(session: Session, secret: RecoverySecret) -> list[RecoveryHalf]:
    """Both, a before b."""
    query = select(RecoveryHalf).where(RecoveryHalf.secret_id == secret.id).order_by(col(RecoveryHalf.half))
    return list(session.exec(query.execution_options(populate_existing=True)).all())


def half_of(session: Session, secret: RecoverySecret, half: Half) -> RecoveryHalf:
    """One of them."""
    return next(row for row in halves_of(session, secret) if row.half == half)


def wrong_half(field: str | None) -> Problem:
    """It does not fit; not which one."""
    return Problem(
        422,
        "wrong_half",
        "This is not what stands on the sheets: compare every group, and which sheet is A and which B.",
        "与保管单上的内容不符：请逐组核对，并注意 A、B 两份的区别。",
        field=field,
    )


def _refuse_holders(session: Session, actor: Actor, holders: tuple[Holder, Holder]) -> None:
    one, other = holders
    if one.name.casefold() == other.name.casefold() or (one.account is not None and one.account == other.account):
        raise Problem(
            422, "one_holder", "Two different people hold the halves.", "两部分须由不同的人保管。", field="b.name"
        )
    keepers = session.exec(
        select(Operator).where(Operator.role == "administrator", col(Operator.disabled).is_(False))
    ).all()
    for half, holder in zip(HALVES, holders, strict=True):
        named = {holder.name.casefold(), holder.account}
        if holder.account is not None:
            account = session.exec(select(Operator).where(Operator.public_id == holder.account)).first()
            if account is None or account.disabled:
                raise not_found("open account", "有效账号", holder.account, field=f"{half}.account")
        if holder.account == actor.person or any({row.name.casefold(), row.public_id} & named for row in keepers):
            raise Problem(
                422,
                "holder_keeps_system",
                f"{holder.name} keeps the system: a half is held by somebody who neither develops nor maintains it.",
                f"{holder.name} 是系统管理员：保管人不得参与系统的开发或维护。",
                field=f"{half}.name",
                extra={"rule": "D3"},
            )


def _refuse_over(secret: RecoverySecret) -> None:
    if secret.ended_at is not None or secret.in_force_at is not None:
        raise Problem(409, "secret_over", "This secret is sealed, or ended.", "该恢复口令已封存或已失效。")


def _refuse_stranger(actor: Actor, row: RecoveryHalf) -> None:
    if row.holder_id is not None and row.holder_id != actor.public_id:
        raise Problem(
            403,
            "not_the_holder",
            f"{row.holder} is shown this half, signed in with their own account.",
            f"该部分只显示给 {row.holder} 本人（须以其账号登录）。",
        )


def _turn(session: Session, actor: Actor, secret: RecoverySecret, half: Half) -> RecoveryHalf:
    """The half of a secret that is being made, for its holder. Whoever does something to the other half waits, and then sees this one. Raises :class:`Problem`."""
    session.refresh(secret, with_for_update=True)
    row = half_of(session, secret, half)
    _refuse_over(secret)
    _refuse_stranger(actor, row)
    return row


def _recovery_account(session: Session, actor: Actor, now: datetime) -> Operator:
    """Open for :data:`OPEN_FOR`, as an administrator, whatever became of it since the last time."""
    operator = session.exec(select(Operator).where(Operator.username == RECOVERY_USERNAME)).first()
    if operator is None:
        operator = Operator(
            public_id=new_id("opr", now),
            username=RECOVERY_USERNAME,
            name=ACCOUNT_NAME,
            role=ACCOUNT_ROLE,
            password_hash="",
            password_changed_at=now,
            must_change=True,
            created_at=now,
        )
    before = {"name": operator.name, "role": operator.role}
    operator.name, operator.role = ACCOUNT_NAME, ACCOUNT_ROLE
    after = {"name": operator.name, "role": operator.role}
    if after != before:
        record(session, actor, now, "operator.change", operator.public_id, before=before, after=after)
    operator.disabled, operator.must_change, operator.closes_at = False, True, now + OPEN_FOR
    operator.totp_cipher = operator.totp_since = operator.totp_step = None
    session.add(operator)
    session.flush()
    return operator


def _write(
    session: Session,
    actor: Actor,
    now: datetime,
    act: RecoveryAct,
    secret: RecoverySecret,
    reason: str = "",
    approved: str = "",
) -> None:
    session.add(
        RecoveryEntry(
            at=now,
            act=act,
            secret=secret.public_id,
            by=actor.public_id,
            by_name=actor.name,
            holders=_holders(session, secret),
            reason=reason,
            approved=approved,
            address=actor.address,
        )
    )


def _holders(session: Session, secret: RecoverySecret) -> str:
    return ", ".join(f"{row.half.upper()}: {row.holder} ({row.holder_duty})" for row in halves_of(session, secret))


def _fits(secret: RecoverySecret, row: RecoveryHalf, text: str) -> bool:
    bare = "".join(character for character in text.upper() if character.isalnum())
    given, check = bare[:HALF_CHARS], bare[HALF_CHARS:]
    if len(given) != HALF_CHARS or check != _check(given) or row.code_hash is None:
        return False
    return secrets.compare_digest(row.code_hash, _hash(secret, row.half, given))


def _hash(secret: RecoverySecret, half: str, text: str) -> str:
    """130 random bits: a plain hash is enough."""
    return hashlib.sha256(f"menjin recovery\0{secret.public_id}\0{half}\0{text}".encode()).hexdigest()


def _check(text: str) -> str:
    """Two characters that find a slip of the pen."""
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:2], "big")
    return ALPHABET[number >> 11] + ALPHABET[number >> 6 & 31]
