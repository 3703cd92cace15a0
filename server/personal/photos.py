"""Which photo shows a person: of their application, or taken at the desk."""

from collections.abc import Iterable

from sqlmodel import Session, col, func, or_, select

from server.badges.models import Application
from server.personal.models import Attachment


def photos_of(session: Session, holders: Iterable[int | None]) -> dict[int, str]:
    """Holder → the id of their newest photo that is not erased. Seeing it is a look of its own, which is recorded (C4)."""
    wanted = {holder for holder in holders if holder is not None}
    if not wanted:
        return {}
    whom = func.coalesce(Attachment.holder_id, Application.holder_id)
    query = (
        select(whom, Attachment.public_id)
        .join(Application, col(Application.id) == Attachment.application_id, isouter=True)
        .where(Attachment.part == "photo", col(Attachment.erased_at).is_(None), col(Attachment.cipher).is_not(None))
        .where(or_(col(Attachment.holder_id).in_(wanted), col(Application.holder_id).in_(wanted)))
        .order_by(col(Attachment.id))
    )
    return dict(session.exec(query).all())  # the newest comes last, and stays
