"""Who prints which badge: what goes onto its face, and the audit entry of it (B3, C4)."""

from sqlmodel import Session, col, select

from server.badges.face import Face, print_face
from server.badges.lookup import find_badge
from server.badges.models import Application, Badge
from server.chinese import in_chinese
from server.context import Context
from server.operators.actor import Actor
from server.operators.audit import record
from server.personal.attachments import read_attachment
from server.personal.fields import read_field
from server.personal.looks import admit_look
from server.personal.models import Attachment
from server.problems import Problem
from server.registry.models import Customer, Holder

PRINTED = ("issued", "active", "suspended")
"""Statuses in which a badge has a number and is its holder's."""
REASON = "制作出入证 badge printed:"


def print_badge(context: Context, actor: Actor, name: str) -> bytes:
    """The PDF of one badge; recorded as ``badge.print``, and as a look at its holder, or the faces of all badges would be a way around the bound of looks
    (C4). Its session ends before the page is set, and the record precedes the answer. Raises :class:`Problem`."""
    with context.database.read() as session:
        badge = find_badge(session, name, actor=actor)
        holder = session.get_one(Holder, badge.holder_id).public_id
        face = _face(session, context, badge)
    page = print_face(face)
    with context.database.write() as session:
        seen = ["name"] if face.photo is None else ["name", "photo"]
        admit_look(session, context, actor, holder, seen, f"{REASON} {badge.number}")
        after = {"photo": face.photo is not None}
        record(session, actor, context.clock.now(), "badge.print", badge.public_id, after=after)
    return page


def _face(session: Session, context: Context, badge: Badge) -> Face:
    if badge.status not in PRINTED or badge.number is None:
        raise Problem(
            409,
            "status_conflict",
            f"Badge {badge.number or badge.public_id} is {badge.status}: only one with a card that is its holder's is printed.",
            f"出入证 {badge.number or badge.public_id} 的状态为“{in_chinese('badge_standing', badge.status)}”，不能打印。",
            extra={"status_now": badge.status},
        )
    site = context.site
    holder = session.get_one(Holder, badge.holder_id)
    customer = session.get_one(Customer, badge.customer_id) if badge.customer_id is not None else None
    site_name = " · ".join(dict.fromkeys(part for part in (site.name_zh, site.name_en) if part)) or site.id
    return Face(
        kind=badge.kind,
        site=site_name,
        company=customer.name if customer is not None else site_name if badge.kind == "staff" else "—",
        name=read_field(context.personal, holder, "name") or "—",
        number=badge.number,
        from_at=badge.from_at,
        until_at=badge.until_at,
        time_zone=site.time_zone,
        photo=_photo(session, context, badge),
    )


def _photo(session: Session, context: Context, badge: Badge) -> bytes | None:
    query = (
        select(Attachment)
        .join(Application, col(Application.id) == Attachment.application_id)
        .where(Application.badge_id == badge.id, Attachment.part == "photo", col(Attachment.erased_at).is_(None))
        .order_by(col(Attachment.id).desc())
    )
    found = session.exec(query.limit(1)).first()
    return read_attachment(session, context, found) if found is not None else None
