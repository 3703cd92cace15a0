"""A roster from the registry: who has which badge, now. Whoever asks gets it encrypted only, and it is recorded."""

from collections.abc import Iterator

from sqlmodel import Session, col, or_, select

from server.badges.models import GONE, Application, Badge
from server.context import Context
from server.db.clock import to_us
from server.key_files import KeysError
from server.ledger.models import LedgerPresence
from server.operators.actor import Actor
from server.operators.audit import record
from server.personal.attachments import read_attachment
from server.personal.fields import read_field
from server.personal.models import Attachment
from server.problems import Problem
from server.registry.models import Customer, Holder
from server.rfc3339 import rfc3339
from server.roster.content import Person, Roster
from server.roster.key_file import load_roster_key
from server.roster.sealed_file import seal_roster
from server.roster.thumbnails import thumbnail

MAX_PEOPLE = 100_000
MAX_PHOTO_BYTES = 192 * 2**20
"""All photos together: whoever comes after has none in the list."""
BADGES_AT_ONCE = 500


def make_roster(context: Context, actor: Actor) -> bytes:
    """The encrypted file, recorded as ``roster.export`` before it is answered. Raises :class:`Problem`: 409 ``no_roster_passphrase``."""
    try:
        key = load_roster_key(context.config.dir)
    except KeysError as error:
        raise Problem(500, "roster_key_unreadable", str(error), "名册密钥文件无法读取，请重新设置口令。") from error
    if key is None:
        raise Problem(
            409,
            "no_roster_passphrase",
            "No passphrase for rosters is set: run `menjin keys roster-passphrase` on the server.",
            "未设置名册口令：请在服务器上执行 menjin keys roster-passphrase。",
        )
    now = context.clock.now()
    with context.database.read() as session:
        roster = _roster(session, context)
    sealed = seal_roster(roster, key)
    with context.database.write() as session:
        after = {"people": len(roster.people), "photos": sum(1 for person in roster.people if person.photo)}
        record(session, actor, now, "roster.export", context.site.id, after=after)
    return sealed


def _roster(session: Session, context: Context) -> Roster:
    site = context.site
    own = site.name_zh or site.name_en or site.id
    people: list[Person] = []
    room, left_out = MAX_PHOTO_BYTES, 0
    for badge, holder, customer, photo in _badges(session):
        small = _small(session, context, photo)
        if len(small) > room:
            small, left_out = b"", left_out + 1
        room -= len(small)
        assert badge.number is not None
        company = customer.name if customer is not None else own if badge.kind == "staff" else ""
        name = read_field(context.personal, holder, "name") or ""
        people.append(
            Person(badge.number, name, badge.kind, company, customer.code if customer is not None else "", small)
        )
        if len(people) >= MAX_PEOPLE:
            raise Problem(
                409,
                "roster_too_large",
                f"More than {MAX_PEOPLE} badges are in use.",
                f"在用出入证超过 {MAX_PEOPLE} 个。",
            )
        session.expunge_all()  # else all photos, encrypted, would stay in memory
    made_at = rfc3339(to_us(context.clock.now()))
    return Roster(site.id, site.name_zh, site.name_en, made_at, tuple(people), left_out)


def _badges(session: Session) -> Iterator[tuple[Badge, Holder, Customer | None, int | None]]:
    """Badges that are not deregistered, and those of whoever is inside all the same; by number. With each the id of its photo."""
    inside = select(LedgerPresence.badge)
    in_use = or_(col(Badge.status).not_in((*GONE, "approved")), col(Badge.id).in_(inside))
    ids = session.exec(select(Badge.id).where(in_use, col(Badge.number).is_not(None)).order_by(col(Badge.number))).all()
    for start in range(0, len(ids), BADGES_AT_ONCE):
        some = list(ids[start : start + BADGES_AT_ONCE])
        photos = dict(
            session.exec(
                select(Application.badge_id, Attachment.id)
                .join(Application, col(Application.id) == Attachment.application_id)
                .where(
                    col(Application.badge_id).in_(some), Attachment.part == "photo", col(Attachment.erased_at).is_(None)
                )
                .order_by(col(Attachment.id))
            ).all()
        )
        query = (
            select(Badge, Holder, Customer)
            .join(Holder, col(Holder.id) == Badge.holder_id)
            .join(Customer, col(Customer.id) == Badge.customer_id, isouter=True)
            .where(col(Badge.id).in_(some))
            .order_by(col(Badge.number))
        )
        for badge, holder, customer in session.exec(query).all():
            yield badge, holder, customer, photos.get(badge.id)


def _small(session: Session, context: Context, photo: int | None) -> bytes:
    """The photo for the list; none when it was erased or does not open, which is logged."""
    if photo is None:
        return b""
    try:
        return thumbnail(read_attachment(session, context, session.get_one(Attachment, photo))) or b""
    except Problem:
        return b""
