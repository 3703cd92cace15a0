"""``/api/v1/inventory`` and ``/api/v1/discrepancies`` (docs/interfaces.md, Equipment)."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Path, Query, Response
from pydantic import BaseModel, StringConstraints
from sqlmodel import Session, col, or_, select

from server.context import Context
from server.db.clock import to_us
from server.equipment.inventory import (
    ItemShown,
    MoveShown,
    PathShown,
    narrowed,
    page,
    path_of,
    seen,
    show_moves,
    stays_at,
    told_codes,
)
from server.equipment.inventory_files import FILE_ANSWER, INVENTORY, Format, file_answer, inventory_rows
from server.equipment.models import DISCREPANCIES, Discrepancy, ItemMovement
from server.operators.actor import Actor
from server.operators.audit import record
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.pages import Cursor, IfMatch, Limit, Page, etag, refuse_stale, rows_after
from server.problems import Problem, not_found
from server.registry.lookup import find_customer, sees_all
from server.registry.models import Customer
from server.registry.moments import Moment, begin_of
from server.registry.records import Given
from server.registry.validation import refused
from server.rfc3339 import rfc3339
from server.routes import AppContext, DbSession, api_router

inventory_router = api_router("/inventory", "equipment")
discrepancy_router = api_router("/discrepancies", "equipment")

Reads = Annotated[Actor, requires(Permission.INVENTORY_READ)]
Corrects = Annotated[Actor, requires(Permission.INVENTORY_CORRECT)]
Filter = Annotated[str | None, Query(max_length=200)]
MAX_EXPORTED = 100_000


class DiscrepancyShown(BaseModel):
    """A move that did not fit, and what was found. ``resolved_at`` null: nobody has looked into it yet."""

    id: str
    kind: str
    at: str
    customer: str | None
    item: str | None
    inputs: dict[str, Any]
    move: MoveShown
    resolved_at: datetime | None
    resolved_by: str | None
    note: str
    version: int


class Resolution(Given):
    """What was found, and done about it."""

    note: Annotated[str, StringConstraints(min_length=1, max_length=1_000, strip_whitespace=True)]


@inventory_router.get("")
def list_inventory(
    session: DbSession,
    context: AppContext,
    actor: Reads,
    customer: Filter = None,
    own: bool = False,
    at: Annotated[Moment | None, Query(max_length=40)] = None,
    rack: Filter = None,
    q: Filter = None,
    after: Cursor = 0,
    limit: Limit = 100,
) -> Page[ItemShown]:
    """What is here, or was at ``at`` (a date: when it began); ``own``: the site's own; ``q``: what serial or model begins with."""
    query = _query(session, context, actor, customer, own, at, rack, q)
    items, following = page(session, query, after, limit)
    return Page(items=items, next=following)


@inventory_router.get("/export", response_class=Response, responses=FILE_ANSWER)
def export_inventory(
    session: DbSession,
    context: AppContext,
    actor: Reads,
    format: Format = "xlsx",
    customer: Filter = None,
    own: bool = False,
    at: Annotated[Moment | None, Query(max_length=40)] = None,
    rack: Filter = None,
    q: Filter = None,
) -> Response:
    """The same as a file, which the import reads back; recorded (a later reader must know who took the list)."""
    query = _query(session, context, actor, customer, own, at, rack, q)
    items, following = page(session, query, 0, MAX_EXPORTED)
    if following is not None:
        raise Problem(
            422,
            "too_many_items",
            f"More than {MAX_EXPORTED} devices: name a customer or a rack.",
            f"超过 {MAX_EXPORTED} 台设备：请指定客户或机柜。",
        )
    rows = inventory_rows(items)
    with context.database.write() as writing:
        record(
            writing,
            actor,
            context.clock.now(),
            "inventory.export",
            customer or "all",
            after={"items": len(rows), "at": at},
        )
    return file_answer(INVENTORY, rows, format)


@inventory_router.get("/{serial}/path")
def get_path(session: DbSession, actor: Reads, serial: Annotated[str, Path(max_length=200)]) -> PathShown:
    """Every order, slip, move, door and carrier of a device."""
    return path_of(session, actor, serial)


@discrepancy_router.get("")
def list_discrepancies(
    session: DbSession,
    actor: Reads,
    open: bool = True,
    kind: Annotated[str | None, Query(max_length=40)] = None,
    customer: Filter = None,
    after: Cursor = 0,
    limit: Limit = 100,
) -> Page[DiscrepancyShown]:
    """Moves that did not fit; ``open=false``: also those that somebody has looked into."""
    query = select(Discrepancy)
    if open:
        query = query.where(col(Discrepancy.resolved_at).is_(None))
    if kind is not None:
        if kind not in DISCREPANCIES:
            raise refused(
                "kind", f"kind: one of {', '.join(DISCREPANCIES)}.", f"kind：须为 {'、'.join(DISCREPANCIES)} 之一。"
            )
        query = query.where(Discrepancy.kind == kind)
    if customer is not None:
        query = query.where(Discrepancy.customer_id == find_customer(session, customer, actor=actor).id)
    if not sees_all(actor):
        foreign = select(Customer.id).where(
            col(Customer.department).is_not(None), Customer.department != (actor.department or "")
        )
        query = query.where(or_(col(Discrepancy.customer_id).is_(None), col(Discrepancy.customer_id).not_in(foreign)))
    rows, following = rows_after(session, query, col(Discrepancy.id), after, limit)
    return Page(items=_discrepancies(session, rows), next=following)


@discrepancy_router.post("/{name}/resolve")
def resolve_discrepancy(
    session: DbSession,
    context: AppContext,
    actor: Corrects,
    name: Annotated[str, Path(max_length=64)],
    given: Resolution,
    response: Response,
    if_match: IfMatch = None,
) -> DiscrepancyShown:
    """Somebody has looked into it. The row stays; what must change in the inventory is a correction."""
    row = session.exec(select(Discrepancy).where(Discrepancy.public_id == name).with_for_update()).first()
    if row is None:
        raise not_found("discrepancy", "差异", name)
    refuse_stale(if_match, row.version)
    if row.resolved_at is not None:
        raise Problem(409, "resolved_already", "Somebody resolved this before.", "此差异已处理。")
    row.resolved_at, row.resolved_by, row.note = context.clock.now(), actor.public_id, given.note
    row.version += 1
    session.add(row)
    record(
        session,
        actor,
        row.resolved_at,
        "discrepancy.resolve",
        row.public_id,
        after={"kind": row.kind, "note": row.note},
    )
    session.flush()
    response.headers["ETag"] = etag(row.version)
    return _discrepancies(session, [row])[0]


def _query(
    session: Session,
    context: Context,
    actor: Actor,
    customer: str | None,
    own: bool,
    at: str | None,
    rack: str | None,
    q: str | None,
) -> Any:
    customer_id = None if customer is None else find_customer(session, customer, actor=actor).id
    moment = None if at is None else to_us(begin_of(at, context.site.time_zone, "at"))
    return seen(narrowed(stays_at(moment), customer_id, own, rack, q), actor)


def _discrepancies(session: Session, rows: list[Discrepancy]) -> list[DiscrepancyShown]:
    from server.equipment.models import Item

    found = session.exec(select(ItemMovement).where(col(ItemMovement.id).in_({row.movement_id for row in rows}))).all()
    codes = told_codes(session, {row.customer_id for row in rows} | {move.customer_id for move in found})
    moves = {shown.id: shown for shown in show_moves(session, found, codes)}
    items = {move.id: move.item_id for move in found}
    named = select(Item.id, Item.public_id).where(
        col(Item.id).in_({item for item in items.values() if item is not None})
    )
    names: dict[int | None, str] = dict(session.exec(named).all())
    return [
        DiscrepancyShown(
            id=row.public_id,
            kind=row.kind,
            at=rfc3339(row.at_us),
            customer=codes.get(row.customer_id),
            item=names.get(items[row.movement_id]),
            inputs=row.inputs,
            move=moves[row.movement_id],
            resolved_at=row.resolved_at,
            resolved_by=row.resolved_by,
            note=row.note,
            version=row.version,
        )
        for row in rows
    ]
