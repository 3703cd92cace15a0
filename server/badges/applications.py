"""Applications for badges: made, refused, withdrawn (B1, B4, B5). Approval: :mod:`server.badges.approval`."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlmodel import Session, col, select

from server.badges.lookup import has_left
from server.badges.models import Application, Badge
from server.chinese import in_chinese
from server.ids import new_id
from server.operators.actor import Actor
from server.operators.audit import record
from server.personal.attachments import schedule_erasure
from server.problems import Problem
from server.registry.lookup import taken
from server.registry.models import Holder

Kind = Literal["new", "reissue", "transfer"]


@dataclass(frozen=True)
class NewApplication:
    """What is asked for; the person's consent was given. ``replaces``: for a re-issue or a transfer."""

    external_id: str | None
    kind: Kind
    replaces: Badge | None
    purpose: str
    from_at: datetime | None
    until_at: datetime | None
    schedule: str | None


def create_application(
    session: Session, actor: Actor, now: datetime, holder: Holder, new: NewApplication
) -> Application:
    """A new application. Raises :class:`Problem`."""
    if new.external_id is not None:
        known = select(Application.id).where(Application.external_id == new.external_id)
        if session.exec(known).first() is not None:
            raise taken("external_id", new.external_id)
    refuse_left(holder, now)
    if (new.kind == "new") != (new.replaces is None):
        raise Problem(
            422,
            "invalid_input",
            "replaces: name the badge for a re-issue or a transfer, and for nothing else.",
            "replaces：补发或转让须指明原出入证，新办不得填写。",
            field="replaces",
        )
    if new.replaces is not None:
        refuse_predecessor(new.kind, new.replaces, holder)
        _refuse_second(session, new.replaces)
    assert holder.id is not None
    application = Application(
        public_id=new_id("apl", now),
        external_id=new.external_id,
        holder_id=holder.id,
        kind=new.kind,
        replaces_id=new.replaces.id if new.replaces is not None else None,
        purpose=new.purpose,
        consent_at=now,
        from_at=new.from_at,
        until_at=new.until_at,
        schedule=new.schedule,
        created_by=actor.public_id,
        created_at=now,
    )
    session.add(application)
    session.flush()
    record(session, actor, now, "application.create", application.public_id, after=show(application))
    return application


def refuse_predecessor(kind: str, old: Badge, holder: Holder) -> None:
    """Raise :class:`Problem` unless ``old`` may be replaced in this way by a badge of ``holder``."""
    same_side = old.holder_kind == holder.kind and old.customer_id == holder.customer_id
    if not same_side or (kind == "reissue" and holder.kind != "customer" and old.holder_id != holder.id):
        raise Problem(
            422,
            "another_customer",
            "replaces: that badge belongs to another customer or person.",
            "replaces：该出入证属于其他客户或人员。",
            field="replaces",
        )
    name = old.number or old.public_id
    if kind == "reissue":
        if old.status != "lost":
            raise Problem(
                409,
                "badge_not_lost",
                f"Badge {name} is {old.status}, not lost: report it lost before its re-issue.",
                f"出入证 {name} 的状态为“{in_chinese('badge_standing', old.status)}”，未挂失：请先挂失再补发。",
                field="replaces",
            )
    elif old.status not in ("approved", "issued", "active", "suspended"):
        raise Problem(
            409,
            "status_conflict",
            f"Badge {name} is {old.status} and cannot pass to another holder"
            + ("; after a loss apply for a re-issue." if old.status == "lost" else "."),
            f"出入证 {name} 的状态为“{in_chinese('badge_standing', old.status)}”，不能转让。",
            field="replaces",
        )
    elif old.holder_id == holder.id:
        raise Problem(
            422,
            "same_holder",
            "A transfer passes a badge to another person; this one carries it already.",
            "转让须换人，该持证人已持有此证。",
            field="holder",
        )


def refuse_left(holder: Holder, now: datetime) -> None:
    """Raise :class:`Problem` 409 for a person who has left (B5)."""
    if has_left(holder, now):
        raise Problem(
            409,
            "holder_left",
            "This person has left, or the file was deleted: no badge.",
            "该人员已离职或档案已删除，不能办证。",
            field="holder",
            extra={"rule": "B5"},
        )


def refuse_decided(application: Application) -> None:
    """Raise :class:`Problem` 409 unless the application is open."""
    if application.status != "open":
        raise Problem(
            409,
            "application_decided",
            f"This application is {application.status} already.",
            f"该申请已处理（{in_chinese('application_status', application.status)}）。",
            extra={"status_now": application.status},
        )


def decide(
    session: Session,
    actor: Actor,
    now: datetime,
    application: Application,
    status: Literal["refused", "withdrawn"],
    note: str,
) -> None:
    """Refuse or withdraw. Raises :class:`Problem` 409 when it was decided already."""
    refuse_decided(application)
    before = show(application)
    application.status = status
    application.decision_note = note
    application.decided_by = actor.public_id
    application.decided_at = now
    application.version += 1
    session.add(application)
    session.flush()
    record(session, actor, now, f"application.{status}", application.public_id, before=before, after=show(application))


def erase_documents(session: Session, application: Application, now: datetime, after: timedelta) -> None:
    """What was handed in for a badge that will not be is erased like that of one that came back."""
    assert application.id is not None
    schedule_erasure(session, [application.id], now + after)


def show(application: Application) -> dict[str, Any]:
    """An application as the audit log keeps it: without free text, which may name people, and internal ids."""
    exclude = {
        "id", "public_id", "holder_id", "replaces_id", "badge_id", "purpose", "decision_note", "created_by", "created_at",
    }  # fmt: skip
    return application.model_dump(mode="json", exclude=exclude)


def _refuse_second(session: Session, old: Badge) -> None:
    query = select(Application.public_id).where(
        Application.replaces_id == old.id, col(Application.status).in_(("open", "approved"))
    )
    other = session.exec(query).first()
    if other is not None:
        raise Problem(
            409,
            "already_applied",
            f"Application {other} replaces this badge already.",
            f"已有申请 {other} 替换该出入证。",
            field="replaces",
            extra={"application": other},
        )
