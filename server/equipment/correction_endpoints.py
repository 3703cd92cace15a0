"""``/api/v1/inventory/corrections`` and ``/inventory/import``: two operators, or nothing changes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from fastapi import Path, Query, Response
from pydantic import BaseModel, Field, StringConstraints
from sqlmodel import Session, col, select

from server.equipment import corrections
from server.equipment.inventory_files import INVENTORY, FaultShown, Format, read_file, show_faults
from server.equipment.models import InventoryCorrection, Item
from server.equipment.order_file_endpoints import FILE_BODY
from server.equipment.stock import lock_stock
from server.operators.actor import Actor
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.pages import Cursor, IfMatch, Limit, Page, etag, refuse_stale, rows_after
from server.registry.lookup import codes_of, living_customer
from server.registry.moments import Moment, begin_of
from server.registry.records import Given
from server.registry.validation import refused
from server.routes import AppContext, DbSession, api_router

router = api_router("/inventory", "equipment")

Reads = Annotated[Actor, requires(Permission.INVENTORY_READ)]
Corrects = Annotated[Actor, requires(Permission.INVENTORY_CORRECT)]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True)]
Name = Annotated[str, Path(max_length=64)]
MAX_SHOWN = 100
"""Acts that an answer shows."""
ITEMS_AT_ONCE = 500


class ActGiven(Given):
    """``in``: it is here (a new device needs its ``model``; without ``device`` it is a counted one); ``out``: it is not; ``rack``: it stands in ``rack``; ``owner``: it is
    ``customer``'s (null: the site's own). ``device``: a serial number, or an item's id. ``at``: since when, for ``in`` and ``out``."""

    act: Literal["in", "out", "rack", "owner"]
    device: Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True)] | None = None
    model: Annotated[str, StringConstraints(max_length=100, strip_whitespace=True)] = ""
    customer: Annotated[str, StringConstraints(max_length=200)] | None = None
    rack: Annotated[str, StringConstraints(max_length=100, strip_whitespace=True)] = ""
    at: Moment | None = None


class NewCorrection(Given):
    """What is wrong in the inventory, and why it is known."""

    acts: Annotated[list[ActGiven], Field(min_length=1, max_length=1_000)]
    reason: Reason


class ActShown(BaseModel):
    """One act."""

    act: str
    item: str | None
    serial: str | None
    model: str
    customer: str | None
    rack: str


class CorrectionShown(BaseModel):
    """A correction; ``waiting`` for a second operator, ``confirmed`` or ``withdrawn``. ``acts``: the first of ``count``."""

    id: str
    kind: str
    status: str
    reason: str
    count: int
    acts: list[ActShown]
    made_at: datetime
    made_by: str
    decided_at: datetime | None
    decided_by: str | None
    version: int


class ImportRead(BaseModel):
    """What a file holds: ``devices`` in ``rows``. ``faults``: by cell; where there are any nothing is made. ``correction`` null: so, or it was a dry run."""

    rows: int
    devices: int
    faults: list[FaultShown]
    correction: CorrectionShown | None


@router.get("/corrections")
def list_corrections(
    session: DbSession,
    _actor: Corrects,
    status: Literal["waiting", "confirmed", "withdrawn"] | None = None,
    after: Cursor = 0,
    limit: Limit = 100,
) -> Page[CorrectionShown]:
    """Corrections in the order in which they were written."""
    query = select(InventoryCorrection)
    if status is not None:
        query = query.where(InventoryCorrection.status == status)
    rows, following = rows_after(session, query, col(InventoryCorrection.id), after, limit)
    return Page(items=show_corrections(session, rows), next=following)


@router.post("/corrections", status_code=201)
def create_correction(
    session: DbSession, context: AppContext, actor: Corrects, given: NewCorrection, response: Response
) -> CorrectionShown:
    """It waits for a second operator."""
    zone = context.site.time_zone
    acts = []
    for one in given.acts:
        customer = None if one.customer is None else living_customer(session, one.customer, "customer", actor=actor)
        at = None if one.at is None else begin_of(one.at, zone, "at")
        if one.act == "rack" and not one.rack:
            raise refused("rack", "rack: say which.", "rack：请填写机柜。")
        acts.append(
            corrections.act_of(session, actor, one.act, one.device, one.model, customer.id if customer is not None else None, one.rack, at)
        )  # fmt: skip
    row = corrections.propose(session, context, actor, "correction", acts, given.reason)
    response.headers["ETag"] = etag(row.version)
    return _show(session, row)


@router.get("/corrections/{correction}")
def get_correction(session: DbSession, _actor: Corrects, correction: Name, response: Response) -> CorrectionShown:
    """One."""
    row = corrections.find_correction(session, correction)
    response.headers["ETag"] = etag(row.version)
    return _show(session, row)


@router.post("/corrections/{correction}/confirm")
def confirm_correction(
    session: DbSession,
    context: AppContext,
    actor: Corrects,
    correction: Name,
    response: Response,
    if_match: IfMatch = None,
) -> CorrectionShown:
    """The second operator: it is in force."""
    lock_stock(session.connection())
    row = corrections.find_correction(session, correction, lock=True)
    refuse_stale(if_match, row.version)
    corrections.confirm(session, context, actor, row)
    response.headers["ETag"] = etag(row.version)
    return _show(session, row)


@router.post("/corrections/{correction}/withdraw")
def withdraw_correction(
    session: DbSession,
    context: AppContext,
    actor: Corrects,
    correction: Name,
    response: Response,
    if_match: IfMatch = None,
) -> CorrectionShown:
    """It is not applied."""
    row = corrections.find_correction(session, correction, lock=True)
    refuse_stale(if_match, row.version)
    corrections.withdraw(session, context, actor, row)
    response.headers["ETag"] = etag(row.version)
    return _show(session, row)


@router.post("/import")
def import_inventory(
    session: DbSession,
    context: AppContext,
    actor: Corrects,
    file: Annotated[bytes, FILE_BODY],
    reason: Annotated[str, Query(min_length=1, max_length=500)] = "initial stock",
    format: Format = "xlsx",
    dry_run: bool = False,
) -> ImportRead:
    """What is here already, as a file: a correction of kind ``import``, which a second operator confirms."""
    rows, faults = read_file(INVENTORY, file, format, context.site.time_zone)
    acts, wrong = corrections.import_acts(session, actor, rows, context.clock.now()) if not faults else ([], [])
    faults += wrong
    if faults or dry_run:
        return ImportRead(rows=len(rows), devices=len(acts), faults=show_faults(faults), correction=None)
    row = corrections.propose(session, context, actor, "import", acts, reason)
    return ImportRead(rows=len(rows), devices=len(acts), faults=[], correction=_show(session, row))


def show_corrections(session: Session, rows: Sequence[InventoryCorrection]) -> list[CorrectionShown]:
    """Corrections, read together."""
    acts = [msgspec.convert(row.acts[:MAX_SHOWN], list[corrections.Act]) for row in rows]
    every = [act for some in acts for act in some]
    codes, items = codes_of(session, {act.customer_id for act in every}), _items_of(session, every)
    kept = ("kind", "status", "reason", "made_at", "made_by", "decided_at", "decided_by", "version")
    return [
        CorrectionShown(
            id=row.public_id,
            count=len(row.acts),
            acts=[_act(act, items.get(act.item_id), codes.get(act.customer_id)) for act in some],
            **{name: getattr(row, name) for name in kept},
        )
        for row, some in zip(rows, acts, strict=True)
    ]


def _show(session: Session, row: InventoryCorrection) -> CorrectionShown:
    return show_corrections(session, [row])[0]


def _act(act: corrections.Act, item: Item | None, customer: str | None) -> ActShown:
    return ActShown(
        act=act.act,
        item=None if item is None else item.public_id,
        serial=act.serial if item is None else item.serial,
        model=act.model if item is None else item.model,
        customer=customer,
        rack=act.rack,
    )


def _items_of(session: Session, acts: Sequence[corrections.Act]) -> dict[int | None, Item]:
    ids = sorted({act.item_id for act in acts if act.item_id is not None})
    found: dict[int | None, Item] = {}
    for start in range(0, len(ids), ITEMS_AT_ONCE):
        some = ids[start : start + ITEMS_AT_ONCE]
        found |= {item.id: item for item in session.exec(select(Item).where(col(Item.id).in_(some))).all()}
    return found
