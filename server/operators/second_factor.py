"""The second factor: time-based codes (TOTP, RFC 6238) and one-time codes for who has lost the authenticator (D1). ``pyotp`` enters here.

The secret is sealed like personal data; a code of a time step that was taken, or of an earlier one, is not taken again. One-time codes have
80 random bits: a plain hash is enough. Nothing of it is in the log, the audit log or an answer, but once: where it is set up.
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pyotp
import segno
import structlog
from sqlalchemy import delete, update
from sqlmodel import Session, col, func, or_, select

from server.operators.actor import Actor
from server.operators.audit import record
from server.operators.models import Operator, TotpCode, TotpRole
from server.operators.permissions import Role
from server.personal.cipher import PersonalKeys, UnreadableError
from server.problems import Problem

STEP_S = 30
DRIFT = (0, -1, 1)
"""Steps beside the present one whose codes are taken: a telephone's clock may be 30 s off."""
CODES = 10
CODE_BYTES = 10
TABLE, COLUMN = "operator", "totp_cipher"
_DIGITS = re.compile(r"\d{6}", re.ASCII)

log = structlog.get_logger()


@dataclass(frozen=True)
class Enrolment:
    """What the authenticator is given, shown once: the secret to type, its address (``otpauth:``) and that as a QR code (``data:`` address of an SVG)."""

    secret: str
    uri: str
    qr: str


def begin(session: Session, personal: PersonalKeys, operator: Operator, site: str) -> Enrolment:
    """A new secret, which waits for its first code. Raises :class:`Problem` 409 where one counts already."""
    if operator.totp_since is not None:
        raise Problem(
            409,
            "second_factor_on",
            "A second factor is set up already: take it away first.",
            "第二因素已启用：请先停用。",
        )
    secret = pyotp.random_base32()
    operator.totp_cipher = personal.seal(TABLE, operator.public_id, COLUMN, secret)
    operator.totp_step = None
    session.add(operator)
    uri = pyotp.TOTP(secret).provisioning_uri(name=operator.username, issuer_name=f"menjin {site}")
    return Enrolment(secret, uri, segno.make(uri, error="m", micro=False).svg_data_uri(border=4, scale=4))


def confirm(
    session: Session, personal: PersonalKeys, actor: Actor, operator: Operator, code: str, now: datetime
) -> list[str]:
    """The first code makes it count; the one-time codes, shown once. Raises :class:`Problem`."""
    if operator.totp_since is not None or operator.totp_cipher is None:
        raise Problem(409, "second_factor_not_begun", "Begin by scanning a new secret.", "请先扫描新的密钥。")
    if not _take_step(session, personal, operator, code, now):
        raise wrong_code()
    operator.totp_since = now
    session.add(operator)
    record(session, actor, now, "second_factor.on", operator.public_id)
    return new_codes(session, operator)


def new_codes(session: Session, operator: Operator) -> list[str]:
    """Fresh one-time codes in the place of all earlier ones."""
    session.connection().execute(delete(TotpCode).where(col(TotpCode.operator_id) == operator.id))
    codes = [_in_groups(base64.b32encode(secrets.token_bytes(CODE_BYTES)).decode()) for _ in range(CODES)]
    assert operator.id is not None
    session.add_all([TotpCode(operator_id=operator.id, code_hash=_hash(code)) for code in codes])
    return codes


def take(session: Session, personal: PersonalKeys, actor: Actor, operator: Operator, code: str, now: datetime) -> bool:
    """Whether ``code`` is right and was never taken: of the authenticator, or a one-time code, which is recorded. It is taken now."""
    if operator.totp_since is None:
        return False
    if _DIGITS.fullmatch(_bare(code)):
        return _take_step(session, personal, operator, code, now)
    taken = session.connection().execute(
        update(TotpCode)
        .where(col(TotpCode.operator_id) == operator.id, col(TotpCode.code_hash) == _hash(code))
        .where(col(TotpCode.used_at).is_(None))
        .values(used_at=now)
    )
    if taken.rowcount != 1:
        return False
    record(
        session,
        actor,
        now,
        "second_factor.code_used",
        operator.public_id,
        after={"left": codes_left(session, operator)},
    )
    return True


def codes_left(session: Session, operator: Operator) -> int:
    """How many one-time codes nobody has used."""
    query = select(func.count()).select_from(TotpCode).where(TotpCode.operator_id == operator.id)
    return session.exec(query.where(col(TotpCode.used_at).is_(None))).one()


def remove(session: Session, actor: Actor, operator: Operator, now: datetime, reason: str) -> None:
    """Take it away, with its one-time codes. Recorded; ``reason`` where somebody else does it."""
    had = operator.totp_since is not None
    operator.totp_cipher = operator.totp_since = operator.totp_step = None
    session.add(operator)
    session.connection().execute(delete(TotpCode).where(col(TotpCode.operator_id) == operator.id))
    if had:
        record(session, actor, now, "second_factor.off", operator.public_id, after={"reason": reason})


def required_roles(session: Session) -> list[str]:
    """The roles whose operators must have a second factor."""
    return sorted(session.exec(select(TotpRole.role)).all())


def require_for(session: Session, actor: Actor, now: datetime, roles: Sequence[Role]) -> None:
    """Demand it of these roles and no others: who has none does nothing else before setting it up."""
    before = required_roles(session)
    if "kiosk" in roles:
        raise Problem(
            422,
            "no_second_factor",
            "A kiosk has nobody who holds a telephone.",
            "自助登记屏无人持有手机。",
            field="roles",
        )
    session.connection().execute(delete(TotpRole).where(col(TotpRole.role).not_in(roles)))
    session.add_all([TotpRole(role=role, since=now, by=actor.public_id) for role in set(roles) - set(before)])
    session.flush()
    after = {"roles": required_roles(session)}
    record(session, actor, now, "second_factor.require", "roles", before={"roles": before}, after=after)


def wrong_code() -> Problem:
    """A code that is wrong, or was taken already."""
    return Problem(
        403,
        "wrong_code",
        "This code is wrong or was used already: wait for the next one.",
        "验证码错误或已使用过：请等待下一个。",
        field="code",
    )


def _take_step(session: Session, personal: PersonalKeys, operator: Operator, code: str, now: datetime) -> bool:
    assert operator.totp_cipher is not None
    try:
        totp = pyotp.TOTP(personal.open(TABLE, operator.public_id, COLUMN, operator.totp_cipher))
    except UnreadableError as error:
        log.error("second factor cannot be read: personal.keys is not this database's", error=str(error))
        return False
    at = int(now.timestamp()) // STEP_S
    for step in (at + drift for drift in DRIFT):
        if hmac.compare_digest(totp.generate_otp(step).encode(), _bare(code).encode()):
            return _claim(session, operator, step)
    return False


def _claim(session: Session, operator: Operator, step: int) -> bool:
    """Two who send the same code at once do not both succeed."""
    claimed = session.connection().execute(
        update(Operator)
        .where(col(Operator.id) == operator.id)
        .where(or_(col(Operator.totp_step).is_(None), col(Operator.totp_step) < step))
        .values(totp_step=step)
    )
    session.refresh(operator)
    return claimed.rowcount == 1


def _bare(code: str) -> str:
    return re.sub(r"[\s-]", "", code).upper()


def _hash(code: str) -> str:
    return hashlib.sha256(_bare(code).encode()).hexdigest()


def _in_groups(text: str) -> str:
    return "-".join(text[at : at + 4] for at in range(0, len(text), 4))
