"""Looks at personal values: who saw what, when and why (C4). A look is recorded in the transaction that answers it, so that none goes without
its entry; the entry names the fields and never the values."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, func, select

from server.chinese import in_chinese
from server.context import Context
from server.operators import audit
from server.operators.actor import Actor
from server.operators.models import AuditEntry
from server.operators.permissions import Permission
from server.personal.cipher import PersonalKeys
from server.personal.fields import PERSONAL_FIELDS, PersonalRow, read_field, table_of_row
from server.problems import Problem

LOOK = "personal.look"
LOOK_REFUSED = "personal.look_refused"
DOOR_LOOK = "personal.door_look"
"""A photo shown beside a tap (:mod:`server.console.portraits`)."""
LOOKS_PER_WINDOW = 200
LOOKS_WINDOW = timedelta(hours=1)
"""Against harvesting: whoever needs more than this in an hour is not serving people one by one."""
REFUSALS_NOTED_EVERY = timedelta(minutes=10)
MIN_REASON_CHARS = 4
SEARCHED = "searched by exact value"
"""The reason that stands with a search, unless it gives its own."""

PERMISSION_FOR = {
    "name": Permission.PERSONAL_NAMES,
    "photo": Permission.PERSONAL_NAMES,
}
"""Field or part → what it takes to see it; everything else takes ``personal.look``."""


def look_at_fields(
    session: Session, context: Context, actor: Actor, row: PersonalRow, fields: Sequence[str], reason: str
) -> dict[str, str | None]:
    """The clear values of ``fields``, recorded. ``unreadable`` stands for one that does not open. Raises :class:`Problem`."""
    table = table_of_row(row)
    known = PERSONAL_FIELDS[table]
    wanted = list(dict.fromkeys(fields))
    for field in wanted:
        if field not in known:
            raise Problem(
                422,
                "invalid_input",
                f"fields: a {table} has no personal field {field!r}; it has {', '.join(known)}.",
                f"fields：{table} 没有个人信息字段 {field}，可选：{'、'.join(known)}。",
                field="fields",
            )
    admit_look(session, context, actor, row.public_id, wanted, reason)
    return _open_all(context.personal, row, wanted)


def admit_look(
    session: Session, context: Context, actor: Actor, subject: str, what: Sequence[str], reason: str
) -> None:
    """Record that ``actor`` now looks at ``what`` (fields, or the part of an attachment) of ``subject``; call it before opening.

    Raises :class:`Problem`: 403 without the permission, 422 without a reason, 429 beyond the bound (recorded once in a while, too).
    """
    for name in what:
        permission = PERMISSION_FOR.get(name, Permission.PERSONAL_LOOK)
        if not actor.may(permission):
            raise Problem(
                403,
                "not_permitted",
                f"Seeing {name} takes the permission {permission.value}, which the role {actor.role} or this token does not hold.",
                f"当前角色或令牌没有查看“{in_chinese('look_field', name)}”的权限。",
                field=name,
            )
    reason = checked_reason(reason)
    now = context.clock.now()
    refuse_harvest(session, context, actor, subject, now)
    audit.record(session, actor, now, LOOK, subject, after={"fields": list(what), "reason": reason})


def admit_search(context: Context, actor: Actor, table: str, fields: Sequence[str], reason: str = SEARCHED) -> None:
    """Record that ``actor`` asks which rows of ``table`` hold some values of ``fields``, before answering: asking for one number
    after the other would show what the masks hide. It takes the permission of a look, counts as one, and is committed at once. Raises
    :class:`Problem` as :func:`admit_look`."""
    if fields:
        with context.database.write() as session:
            admit_look(session, context, actor, table, fields, reason)


def record_match(session: Session, context: Context, actor: Actor, subject: str, field: str) -> None:
    """Record that the answer tells ``actor`` that ``subject`` holds exactly the value of ``field`` that they gave: it counts as a look. What the request did
    is rolled back; call :func:`refuse_harvest` before it does anything."""
    session.rollback()
    with context.database.write() as own:
        after = {"fields": [field], "reason": SEARCHED}
        audit.record(own, actor, context.clock.now(), LOOK, subject, after=after)


def checked_reason(reason: str) -> str:
    """The reason without blanks around it. Raises :class:`Problem` 422 when it says nothing."""
    if len(re.sub(r"\s", "", reason)) < MIN_REASON_CHARS:
        raise Problem(
            422,
            "reason_missing",
            f"reason: say in at least {MIN_REASON_CHARS} characters why; it is recorded.",
            f"reason：请用至少 {MIN_REASON_CHARS} 个字说明原因，系统会留存记录。",
            field="reason",
        )
    return reason.strip()


def _open_all(personal: PersonalKeys, row: PersonalRow, fields: Sequence[str]) -> dict[str, str | None]:
    return {field: read_field(personal, row, field) for field in fields}


def refuse_harvest(session: Session, context: Context, actor: Actor, subject: str, now: datetime) -> None:
    """Raise :class:`Problem` 429 after too many looks within :data:`LOOKS_WINDOW`, recorded once in a while."""
    begin = now - LOOKS_WINDOW
    of_actor: Any = select(AuditEntry.at).where(
        AuditEntry.act == LOOK, col(AuditEntry.actor).in_(actor.identities), col(AuditEntry.at) > begin
    )
    looks = session.exec(select(func.count()).select_from(of_actor.subquery())).one()
    if looks < LOOKS_PER_WINDOW:
        return
    first: datetime = session.exec(
        of_actor.order_by(col(AuditEntry.id).desc()).offset(LOOKS_PER_WINDOW - 1).limit(1)
    ).one()
    noted = session.exec(
        select(AuditEntry.id)
        .where(
            AuditEntry.act == LOOK_REFUSED,
            col(AuditEntry.actor).in_(actor.identities),
            col(AuditEntry.at) > now - REFUSALS_NOTED_EVERY,
        )
        .limit(1)
    ).first()
    session.rollback()  # this request changes nothing, and its note must outlive it
    if noted is None:
        with context.database.write() as own:
            audit.record(
                own, actor, now, LOOK_REFUSED, subject, after={"looks": looks, "window_s": _seconds(LOOKS_WINDOW)}
            )
    raise Problem(
        429,
        "too_many_looks",
        f"At most {LOOKS_PER_WINDOW} looks at personal data an hour; this is recorded. Try again later.",
        f"每小时最多查看 {LOOKS_PER_WINDOW} 次个人信息（已记录），请稍后再试。",
        headers={"Retry-After": str(max(1, _seconds(first + LOOKS_WINDOW - now)))},
    )


def _seconds(span: timedelta) -> int:
    return -(-span // timedelta(seconds=1))  # rounded up
