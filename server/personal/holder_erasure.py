"""Erasing what is personal of a holder who has left (PIPL art. 47): the row and its badges' record stay, the person is gone from them.

In the database the ciphers and indexes go at once, the row's history included; photos and copies lose their keys with the next turn of the erasure.
Backups keep the ciphers until they run out (docs/personal-data.md).
"""

from datetime import datetime

from sqlmodel import Session, col, select

from server.badges.models import GONE, Application, Badge
from server.operators import audit
from server.operators.actor import Actor
from server.permits.models import Permit, PermitPerson, Visit
from server.personal.attachments import schedule_erasure, schedule_erasure_about
from server.personal.fields import PERSONAL_FIELDS
from server.personal.history import rewrite
from server.problems import Problem
from server.registry.models import Holder, RegistryChange

_SEALED = tuple(f"{field}_{suffix}" for field in PERSONAL_FIELDS["holder"] for suffix in ("cipher", "index"))
_CLEAR = tuple(f"{field}_clear" for field in PERSONAL_FIELDS["holder"])


def erase_holder(session: Session, actor: Actor, holder: Holder, reason: str, now: datetime) -> None:
    """Erase name, phone, ID number and documents of ``holder``; recorded as ``holder.erase``. Erasing twice is no error.

    Raises :class:`Problem` 409 while the holder has not left, holds a live badge, or has an open application, permit or visit.
    """
    _refuse_while_needed(session, holder)
    for column in _SEALED + _CLEAR:
        setattr(holder, column, None)
    holder.id_document = None
    holder.version += 1
    holder.changed_by = actor.public_id
    session.add(holder)
    session.flush()  # its own change is in the history now, and is emptied with the rest
    _empty_history(session, holder)
    applications = session.exec(select(Application.id).where(Application.holder_id == holder.id)).all()
    schedule_erasure(session, [found for found in applications if found is not None], now)
    assert holder.id is not None
    schedule_erasure_about(session, holder.id, now)
    after = {"fields": list(PERSONAL_FIELDS["holder"]), "reason": reason}
    audit.record(session, actor, now, "holder.erase", holder.public_id, after=after)


def _refuse_while_needed(session: Session, holder: Holder) -> None:
    if holder.left_at is None:
        raise Problem(
            409,
            "holder_not_left",
            "This holder has not left: first DELETE the holder (B5).",
            "该持证人尚未离开：请先办理离开（B5）。",
        )
    live = session.exec(
        select(Badge.public_id).where(Badge.holder_id == holder.id, col(Badge.status).not_in(GONE))
    ).first()
    if live is not None:
        raise Problem(
            409,
            "badge_live",
            f"This holder's badge {live} is not deregistered yet.",
            f"该持证人的出入证 {live} 尚未注销。",
            extra={"badge": live},
        )
    waiting = session.exec(
        select(Application.public_id).where(Application.holder_id == holder.id, Application.status == "open")
    ).first()
    if waiting is not None:
        raise Problem(
            409,
            "application_open",
            f"This holder's application {waiting} is open: refuse or withdraw it first.",
            f"该持证人的申请 {waiting} 尚未结束，请先拒绝或撤回。",
            extra={"application": waiting},
        )
    _refuse_while_on_a_permit(session, holder)


def _refuse_while_on_a_permit(session: Session, holder: Holder) -> None:
    on = select(Permit.public_id).join(PermitPerson, col(PermitPerson.permit_id) == Permit.id)
    on = on.where(PermitPerson.holder_id == holder.id, col(Permit.status).in_(("draft", "submitted", "approved")))
    visits = select(Visit.public_id).where(
        Visit.holder_id == holder.id, col(Visit.status).in_(("expected", "checked_in", "checked_out"))
    )
    needed = session.exec(on.limit(1)).first() or session.exec(visits.limit(1)).first()
    if needed is not None:
        raise Problem(
            409,
            "permit_open",
            f"This holder is on {needed}, which is not over: end and close it first.",
            f"该人员仍在未结束的许可或来访 {needed} 上，请先结束。",
            extra={"needed_by": needed},
        )


def _empty_history(session: Session, holder: Holder) -> None:
    changes = session.exec(
        select(RegistryChange.id, RegistryChange.before).where(
            RegistryChange.table_name == "holder", RegistryChange.row_id == holder.id
        )
    ).all()
    nothing: dict[str, str | None] = dict.fromkeys(_SEALED)
    for change_id, before in changes:
        assert change_id is not None
        rewrite(session.connection(), change_id, "after", nothing)
        if before is not None:
            rewrite(session.connection(), change_id, "before", nothing)
