"""What a scanned or typed code is: a badge, a visit, a slip, an order; or nothing that is known here."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from controller.codes import document_of
from controller.goods_events import DocumentKind
from controller.site import Area, Door
from server.badges.models import GONE, Badge
from server.console.language import translate
from server.console.words import word
from server.context import Context
from server.equipment.codes import code_hash
from server.equipment.models import WorkOrder
from server.equipment.order_showing import show_orders
from server.equipment.slip_models import ExitSlip
from server.equipment.slips.showing import show_slips
from server.kiosk.answers import (
    BadgeFound,
    ComerShown,
    DocumentFound,
    EntryShown,
    ExpectedFound,
    Found,
    LineShown,
    Unknown,
    VisitFound,
    Words,
)
from server.permits.arrivals import Expected, expected_by, is_at_desk
from server.permits.declaration import ITEMS
from server.permits.entrance import typed_code
from server.permits.models import Permit
from server.permits.presence import NOWHERE, passages_of
from server.permits.reception import LEVELS
from server.permits.visits import EARLY, visit_of_badge
from server.personal.fields import masked_field
from server.registry.models import Holder
from server.rfc3339 import rfc3339
from server.rooms.register_query import Sought, page_query
from server.rooms.showing import main_rooms

MOST_ENTRIES = 9
"""So many entries at once: each has a digit on the keyboard."""

FETCHING = {
    "vip": ("部门负责人将到前台迎接您。", "The head of the department comes to the desk for you."),
    "business": ("客服人员将到前台接待您。", "Customer service comes to the desk for you."),
    "delivery": ("请在前台办理。", "You are served here at the desk."),
    "not_received": ("请在前台等候。", "Please wait here at the desk."),
}
"""Reception level → what a visitor is told; the others are fetched by their escort."""


def look_up(session: Session, context: Context, code: str) -> Found:
    """What ``code`` is."""
    document = document_of(code)
    if document == "check":
        return Unknown(misread=True)
    if document is not None:
        return _document(session, context, *document) or Unknown()
    badge = badge_of(session, code)
    if badge is not None:
        return _badge(session, context, badge)
    named = expected_now(session, context, code)
    return _expected(session, context, code, named) if named else Unknown()


def badge_of(session: Session, number: str) -> Badge | None:
    """The badge with this printed number that was not taken back."""
    query = select(Badge).where(col(Badge.number).in_({number, number.upper()}), col(Badge.status).not_in(GONE))
    return session.exec(query.order_by(col(Badge.id).desc())).first()


def open_entries(session: Session, context: Context, badge: Badge) -> Sequence[EntryShown]:
    """The holder's entries into main rooms that lack their operation, the newest first."""
    sought = Sought(holder=badge.holder_id, incomplete=main_rooms(context.site))
    rows = session.connection().execute(page_query(sought, None, MOST_ENTRIES, newest_first=True)).all()
    return [EntryShown(id=row.id, at=rfc3339(row.at_us), area=_place(context, row.area)) for row in rows]


def expected_now(session: Session, context: Context, code: str) -> list[Expected]:
    """Who comes today by this number."""
    typed = typed_code(code)
    if typed is None:
        return []
    zone = ZoneInfo(context.site.time_zone)
    day: date = context.clock.now().astimezone(zone).date()
    begins = datetime.combine(day, time(), zone)
    return expected_by(session, typed, begins, datetime.combine(day + timedelta(days=1), time(), zone))


def _badge(session: Session, context: Context, badge: Badge) -> Found:
    visiting = visit_of_badge(session, badge) if badge.kind == "temporary" else None
    if visiting is None:
        entries = list(open_entries(session, context, badge))
        return BadgeFound(number=badge.number or "", stopped=badge.status != "active", entries=entries)
    visit, permit = visiting
    inside = visit.status == "checked_in" and bool(passages_of(session, [visit]).get(visit.id, NOWHERE).inside)
    return VisitFound(
        number=badge.number or "",
        state="inside" if inside else "checked_in" if visit.status == "checked_in" else "over",
        areas=[_place(context, area) for area in permit.areas],
        until_at=permit.until_at,
        fetched_by=_fetched_by(session, context, permit),
        declaration=[_words(text) for text in ITEMS.values()],
    )


def _expected(session: Session, context: Context, code: str, named: Sequence[Expected]) -> ExpectedFound:
    permit = named[0].permit
    level = LEVELS.get(permit.level)
    return ExpectedFound(
        code=code,
        comers=[_comer(session, context, one) for one in named],
        areas=[_place(context, area) for area in permit.areas],
        from_at=permit.from_at,
        until_at=permit.until_at,
        early=context.clock.now() < permit.from_at - EARLY,
        fetched_by=_fetched_by(session, context, permit),
        refuse=_words(level.refuse) if level is not None and level.refuse is not None else None,
        declaration=[_words(text) for text in ITEMS.values()],
    )


def _comer(session: Session, context: Context, one: Expected) -> ComerShown:
    holder = session.get_one(Holder, one.person.holder_id)
    visit = one.visit
    waits = visit is not None and is_at_desk(visit, context.clock.now())
    inside = visit is not None and visit.status == "checked_in"
    return ComerShown(
        person=one.person.public_id,
        name=masked_field(context.personal, holder, "name"),
        state="checked_in" if inside else "arrived" if waits else "expected",
    )


def _document(session: Session, context: Context, kind: DocumentKind, code: str) -> DocumentFound | None:
    hashed = code_hash(context.keys.hash_key, kind, code)
    if kind == "slip":
        slip = session.exec(select(ExitSlip).where(ExitSlip.code_hash == hashed)).first()
        if slip is None:
            return None
        shown = show_slips(session, context, [slip])[0]
        return DocumentFound(
            kind="slip",
            number=shown.number,
            state=shown.standing,
            state_words=_said("slip_standing", shown.standing),
            from_at=shown.from_at,
            until_at=shown.until_at,
            door=_place(context, shown.binding.door) if shown.binding.door else None,
            at_desk=False,
            lines=[
                LineShown(model=line.model, quantity=line.quantity, left=max(line.quantity - line.gone, 0))
                for line in shown.lines
                if line.replaces_line is None
            ],
        )
    order = session.exec(select(WorkOrder).where(WorkOrder.code_hash == hashed)).first()
    if order is None:
        return None
    found = show_orders(session, [order])[0]
    return DocumentFound(
        kind="order",
        number=found.number,
        state=found.status,
        state_words=_said("order_status", found.status),
        from_at=found.planned_from,
        until_at=found.planned_until,
        door=None,
        at_desk=found.edge is None,
        lines=[
            LineShown(model=line.model, quantity=line.quantity, left=max(line.quantity - line.received, 0))
            for line in found.lines
        ],
    )


def _fetched_by(session: Session, context: Context, permit: Permit) -> Words:
    """Who comes to the desk for the visitor, said to the visitor (C6, R4)."""
    name = None
    if permit.escort_id is not None:
        name = masked_field(context.personal, session.get_one(Holder, permit.escort_id), "name")
    if permit.level in FETCHING:
        return _words(FETCHING[permit.level])
    if name is not None:
        return Words(zh=f"{name} 将到前台接您。", en=f"{name} comes to the desk for you.")
    return Words(zh="陪同人员将到前台接您。", en="Your escort comes to the desk for you.")


def _place(context: Context, name: str) -> Words:
    places: tuple[Area | Door, ...] = (*context.site.areas, *context.site.doors)
    for place in places:
        if place.id == name:
            return Words(zh=place.name_zh or name, en=place.name_en or name)
    return Words(zh=name, en=name)


def _said(family: str, code: str) -> Words:
    english = word(family, code)
    return Words(zh=translate("zh-CN", english), en=english)


def _words(text: tuple[str, str]) -> Words:
    return Words(zh=text[0], en=text[1])
