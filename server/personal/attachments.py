"""Photos, ID copies and letters: kept encrypted, each under its own key, until they are erased (DESIGN 17).

The row lies in the main database and its key in the store of erasable keys (:mod:`server.personal.erasable_keys`), which is committed before
the row. Erasing is the work of :mod:`server.personal.erasure`.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import ColumnElement, func, update
from sqlmodel import Session, col, select

from server.badges.models import Application
from server.context import Context
from server.ids import new_id
from server.operators import audit
from server.operators.actor import Actor
from server.personal.cipher import UnreadableError, open_bytes, seal_bytes
from server.personal.models import Attachment
from server.personal.uploads import CleanUpload, clean_upload
from server.problems import Problem, not_found
from server.registry.lookup import may_see, may_see_row
from server.registry.models import Customer, Holder

log = structlog.get_logger()


@dataclass(frozen=True)
class Owner:
    """What files are handed in with, when it is no application: its public id, whom they are about, in whose file they lie."""

    subject: str
    holder_id: int | None = None
    customer_id: int | None = None


def store_attachment(
    session: Session,
    context: Context,
    actor: Actor,
    owner: Application | Owner,
    part: str,
    body: bytes | CleanUpload,
    declared_media_type: str = "",
) -> Attachment:
    """Check and keep a file of ``owner``; an application must have its id. Decoding a large picture takes up to a second: give what
    :func:`server.personal.uploads.clean_upload` made before the transaction began, and other writers need not wait for it. What stood for ``part`` before is emptied now and its key erased by the
    next turn of the erasure. Audited as ``attachment.store``.

    Raises :class:`Problem` 413, 415 or 422 for a file that cannot be accepted (:func:`server.personal.uploads.clean_upload`).
    """
    limit = context.config.max_attachment_bytes
    if len(body.body if isinstance(body, CleanUpload) else body) > limit:
        raise Problem(
            413, "body_too_large", f"{part}: larger than {limit} bytes.", f"{part}：超过 {limit} 字节。", field=part
        )
    upload = body if isinstance(body, CleanUpload) else clean_upload(part, body, declared_media_type)
    now = context.clock.now()
    public_id, key_id = new_id("att", now), new_id("ek", now)
    key = context.erasable.make(key_id, now)
    replaced = _replace(session, owner, part, now)
    attachment = Attachment(
        public_id=public_id,
        part=part,
        media_type=upload.media_type,
        size=len(upload.body),
        sha256=hashlib.sha256(upload.body).digest(),
        key_id=key_id,
        cipher=seal_bytes(key, _place(public_id), upload.body),
        created_by=actor.public_id,
        created_at=now,
    )
    if isinstance(owner, Owner):
        attachment.subject = owner.subject
        attachment.holder_id, attachment.customer_id = owner.holder_id, owner.customer_id
        of = {"subject": owner.subject}
    else:
        assert owner.id is not None
        attachment.application_id = owner.id
        of = {"application": owner.public_id}
    session.add(attachment)
    session.flush()
    after = of | {"part": part, "media_type": upload.media_type}
    before = {"replaced": replaced} if replaced else None
    audit.record(session, actor, now, "attachment.store", public_id, before=before, after=after)
    return attachment


def read_attachment(session: Session, context: Context, attachment: Attachment) -> bytes:  # noqa: ARG001 - part of the contract
    """The file. Whoever shows it to a person records that look. Raises :class:`Problem` 410 ``erased``, or 409 ``unreadable``, which is logged."""
    now = context.clock.now()
    if attachment.cipher is None or attachment.erased_at is not None or _is_due(attachment, now):
        raise Problem(410, "erased", "This file was erased when its time was over.", "该文件已按期删除。")
    key = context.erasable.get(attachment.key_id)
    try:
        if key is None:
            raise UnreadableError("its key is not in the store of erasable keys, though it was not erased")
        body = open_bytes(key, _place(attachment.public_id), attachment.cipher)
    except UnreadableError as error:
        log.error("attachment does not open", attachment=attachment.public_id, part=attachment.part, reason=str(error))
        raise Problem(
            409,
            "unreadable",
            "This file does not open any more: its key is missing, or it is damaged. The server's log says which.",
            "该文件无法打开：密钥缺失或数据损坏，详见服务器日志。",
        ) from error
    return body


def find_attachment(session: Session, name: str, actor: Actor) -> Attachment:
    """By public id; one of another department's file is not there (C4). Raises :class:`Problem` 404."""
    found = session.exec(select(Attachment).where(Attachment.public_id == name)).first()
    if found is None or not _may_see(session, actor, found):
        raise not_found("attachment", "附件", name)
    return found


def _may_see(session: Session, actor: Actor, attachment: Attachment) -> bool:
    if attachment.application_id is not None:
        application = session.get_one(Application, attachment.application_id)
        return may_see_row(session, actor, session.get_one(Holder, application.holder_id))
    return attachment.customer_id is None or may_see(actor, session.get_one(Customer, attachment.customer_id))


def schedule_erasure(session: Session, application_ids: Sequence[int], at: datetime) -> int:
    """Have what these applications carry erased at ``at``; a time that was set before and is earlier stays. How many files."""
    return _schedule(session, col(Attachment.application_id).in_(application_ids), at)


def schedule_erasure_of(session: Session, subjects: Sequence[str], at: datetime) -> int:
    """As :func:`schedule_erasure`, for what has these public ids."""
    return _schedule(session, col(Attachment.subject).in_(subjects), at)


def schedule_erasure_about(session: Session, holder_id: int, at: datetime) -> int:
    """As :func:`schedule_erasure`, for all that is about this holder and lies with no application."""
    return _schedule(session, col(Attachment.holder_id) == holder_id, at)


def attached_to(session: Session, subjects: Sequence[str]) -> dict[str, dict[str, str]]:
    """Public id of what has files → part → public id of what is attached now."""
    query = (
        select(Attachment.subject, Attachment.part, Attachment.public_id)
        .where(col(Attachment.subject).in_(subjects), col(Attachment.erased_at).is_(None))
        .where(col(Attachment.cipher).is_not(None))
        .order_by(col(Attachment.id))
    )
    found: dict[str, dict[str, str]] = {}
    for subject, part, public_id in session.exec(query).all() if subjects else ():
        found.setdefault(subject or "", {})[part] = public_id
    return found


def _schedule(session: Session, which: ColumnElement[bool], at: datetime) -> int:
    wanted = (
        update(Attachment)
        .where(which, col(Attachment.erased_at).is_(None), func.coalesce(col(Attachment.erase_after) > at, True))
        .values(erase_after=at)
    )
    session.flush()
    changed = session.connection().execute(wanted).rowcount
    for loaded in session.identity_map.values():
        if isinstance(loaded, Attachment):
            session.expire(loaded, ["erase_after"])
    return changed


def _replace(session: Session, owner: Application | Owner, part: str, now: datetime) -> list[str]:
    if isinstance(owner, Owner):
        which = col(Attachment.subject) == owner.subject
    else:
        which = col(Attachment.application_id) == owner.id
    standing = session.exec(
        select(Attachment).where(which, Attachment.part == part, col(Attachment.erased_at).is_(None))
    ).all()
    for attachment in standing:
        attachment.cipher = None
        attachment.erase_after = now
        session.add(attachment)
    return [attachment.public_id for attachment in standing]


def _is_due(attachment: Attachment, now: datetime) -> bool:
    return attachment.erase_after is not None and attachment.erase_after <= now


def _place(public_id: str) -> str:
    return f"attachment:{public_id}:cipher"
