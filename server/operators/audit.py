"""The audit log: every act of an operator with who, when, what, before and after. Append only (B9, C3, D1)."""

from datetime import datetime
from typing import Any

from sqlmodel import Session

from server.operators.actor import Actor
from server.operators.models import AuditEntry


def record(
    session: Session,
    actor: Actor,
    now: datetime,
    act: str,
    subject: str,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """Write one entry in the transaction of the act itself. ``act`` is ``noun.verb``, ``subject`` a public id.

    Secrets and card numbers never go into ``before`` or ``after``.
    """
    session.add(
        AuditEntry(
            at=now,
            actor=actor.public_id,
            actor_name=actor.name,
            act=act,
            subject=subject,
            before=before,
            after=after,
            address=actor.address,
        )
    )
