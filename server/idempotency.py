"""``Idempotency-Key``: a repeated POST gets the first one's answer instead of acting twice (DESIGN 16).

The key and the answer are stored in the request's own transaction: either both the act and its answer exist, or neither.
"""

import hashlib
from datetime import datetime, timedelta

from sqlalchemy import PrimaryKeyConstraint, delete
from sqlmodel import Session, select

from server.db.model import Model
from server.problems import Problem

KEEP = timedelta(hours=24)
MAX_KEY_CHARS = 200
HEADER = "Idempotency-Key"


class IdempotentAnswer(Model, table=True):
    """One answered request. ``actor``: who asked; keys of two actors never meet."""

    __tablename__ = "idempotent_answer"
    __table_args__ = (PrimaryKeyConstraint("actor", "key"),)

    actor: str
    key: str
    request_hash: str
    status: int
    media_type: str
    body: bytes
    at: datetime


def request_hash(method: str, path: str, body: bytes) -> str:
    """What must be equal for a repetition to count as one."""
    return hashlib.sha256(b"\0".join((method.encode(), path.encode(), body))).hexdigest()


def stored_answer(session: Session, actor: str, key: str, hashed: str, now: datetime) -> IdempotentAnswer | None:
    """The answer given before to this key. Raises :class:`Problem` when the key was used for something else."""
    if not key.isascii() or len(key) > MAX_KEY_CHARS:
        raise Problem(
            400,
            "idempotency_key_invalid",
            f"Idempotency-Key: at most {MAX_KEY_CHARS} ASCII characters.",
            f"Idempotency-Key 最多 {MAX_KEY_CHARS} 个 ASCII 字符。",
            field=HEADER,
        )
    found = session.exec(
        select(IdempotentAnswer).where(IdempotentAnswer.actor == actor, IdempotentAnswer.key == key)
    ).first()
    if found is None or found.at <= now - KEEP:
        return None
    if found.request_hash != hashed:
        raise Problem(
            422,
            "idempotency_key_reused",
            "This Idempotency-Key was used for another request: use a new one.",
            "该 Idempotency-Key 已用于另一请求，请换一个。",
            field=HEADER,
        )
    return found


def store_answer(session: Session, answer: IdempotentAnswer) -> None:
    """Keep an answer, and forget those whose time is over."""
    session.connection().execute(
        delete(IdempotentAnswer).where(IdempotentAnswer.at <= answer.at - KEEP)  # type: ignore[arg-type]
    )
    session.add(answer)
    session.flush()
