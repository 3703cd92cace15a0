"""What the register still lacks: operations of main-room entries (R3), witnesses' signatures (R6). ``/api/v1/register/…``."""

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlmodel import Session

from server.context import Context
from server.db.clock import to_us
from server.operators.actor import Actor
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.pages import MAX_ID, Limit
from server.permits.drafting import sees
from server.permits.models import Permit, Visit
from server.personal.fields import masked_field
from server.problems import Problem
from server.registry.lookup import codes_of, find_customer, find_holder, refuse_unknown_areas
from server.registry.models import Holder
from server.rfc3339 import rfc3339
from server.rooms.register_query import Place, Sought, page_query
from server.rooms.showing import main_rooms, show_entries
from server.routes import AppContext, DbSession, api_router
from server.shift.operations import enter_operation
from server.shift.people_debts import unsigned_visits

router = api_router("/register", "rooms")

Reads = Annotated[Actor, requires(Permission.REGISTER_READ)]
Notes = Annotated[Actor, requires(Permission.REGISTER_NOTE)]
ReadsVisits = Annotated[Actor, requires(Permission.PERMIT_READ)]
EntryId = Annotated[int, Field(ge=1, le=MAX_ID)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=1_000, strip_whitespace=True)]
Name = Annotated[str | None, Query(min_length=1, max_length=200)]
Hours = Annotated[float | None, Query(ge=0, le=24 * 3660, description="only entries at least so old")]
After = Annotated[str | None, Query(pattern=r"^[0-9]{1,18}-[0-9]{1,18}$", description="`next` of the page before")]
MAX_AT_ONCE = 200


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Operation(_Input):
    """What was done inside."""

    text: Text


class Done(_Input):
    """The same operation of several entries: a party that came in together."""

    entries: Annotated[list[EntryId], Field(min_length=1, max_length=MAX_AT_ONCE)]
    text: Text


class Operations(_Input):
    """Several at once: all of them, or none."""

    operations: Annotated[list[Done], Field(min_length=1, max_length=MAX_AT_ONCE)]


class OperationShown(BaseModel):
    """An operation that was entered: note ``n`` of the entry."""

    entry: int
    n: int
    at: str
    kid: str


class OperationsShown(BaseModel):
    """Those that were entered."""

    items: list[OperationShown]


class UnsignedShown(BaseModel):
    """A visit whose record lacks the witness (R6)."""

    visit: str
    permit: str
    customer: str | None
    holder: str
    name: str | None
    checked_out_at: datetime | None
    operator: str | None
    operator_name: str
    operations: str


class Unsigned(BaseModel):
    """Those visits, oldest first."""

    items: list[UnsignedShown]


@router.get("/incomplete")
def incomplete(
    session: DbSession,
    context: AppContext,
    actor: Reads,
    area: Annotated[str | None, Query(max_length=64)] = None,
    door: Annotated[str | None, Query(max_length=64)] = None,
    holder: Name = None,
    customer: Name = None,
    older_than_h: Hours = None,
    after: After = None,
    limit: Limit = 100,
) -> dict[str, Any]:
    """Entries into main rooms whose operation is not entered, the oldest first; an item is as in ``GET /register``, with ``age_s``."""
    if area is not None:
        refuse_unknown_areas(context.site, [area], "area")
    now = context.clock.now()
    sought = Sought(
        area=area,
        door=door,
        holder=find_holder(session, holder, actor=actor).id if holder is not None else None,
        customer=find_customer(session, customer, actor=actor).id if customer is not None else None,
        until_us=to_us(now - timedelta(hours=older_than_h)) + 1 if older_than_h is not None else None,
        incomplete=main_rooms(context.site),
    )
    place = Place.parse(after) if after is not None else None
    rows = session.connection().execute(page_query(sought, place, limit + 1)).all()
    shown = rows[:limit]
    items = [
        entry | {"age_s": max(to_us(now) - row.at_us, 0) // 1_000_000}
        for row, entry in zip(shown, show_entries(session, context, shown), strict=True)
    ]
    return {"items": items, "next": str(Place(shown[-1].at_us, shown[-1].id)) if len(rows) > limit else None}


@router.get("/unsigned")
def unsigned(session: DbSession, context: AppContext, actor: ReadsVisits) -> Unsigned:
    """Visits in which systems were operated and whose record no witness has signed (R6)."""
    rows = [(visit, session.get_one(Permit, visit.permit_id)) for visit in unsigned_visits(session)]
    seen = [(visit, permit) for visit, permit in rows if sees(session, actor, permit)]
    codes = codes_of(session, {permit.customer_id for _, permit in seen})
    return Unsigned(items=[_unsigned(session, context, visit, permit, codes) for visit, permit in seen])


@router.post("/operations", status_code=201)
def enter_several(session: DbSession, context: AppContext, actor: Notes, given: Operations) -> OperationsShown:
    """Enter the operations of several entries at once; one that cannot be refuses all."""
    wanted = [(entry, one.text) for one in given.operations for entry in dict.fromkeys(one.entries)]
    if len(wanted) > MAX_AT_ONCE:
        raise Problem(
            422, "too_many_entries", f"operations: at most {MAX_AT_ONCE} entries at once.",
            f"operations：一次最多 {MAX_AT_ONCE} 条登记。", field="operations",
        )  # fmt: skip
    return OperationsShown(items=[_enter(session, context, actor, entry, text) for entry, text in sorted(wanted)])


@router.post("/{entry_id}/operation", status_code=201)
def enter(
    session: DbSession,
    context: AppContext,
    actor: Notes,
    entry_id: Annotated[int, Path(ge=1, le=MAX_ID)],
    given: Operation,
) -> OperationShown:
    """Enter what was done inside: the entry is complete then. A correction is a note of kind ``operation`` (``POST /register/{id}/notes``)."""
    return _enter(session, context, actor, entry_id, given.text)


def _enter(session: Session, context: Context, actor: Actor, entry_id: int, text: str) -> OperationShown:
    made = enter_operation(session, context, actor, context.clock.now(), entry_id, text)
    return OperationShown(entry=entry_id, n=made.n, at=rfc3339(made.at_us), kid=made.kid)


def _unsigned(
    session: Session, context: Context, visit: Visit, permit: Permit, codes: dict[int | None, str]
) -> UnsignedShown:
    holder = session.get_one(Holder, visit.holder_id)
    return UnsignedShown(
        visit=visit.public_id,
        permit=permit.public_id,
        customer=codes.get(permit.customer_id),
        holder=holder.public_id,
        name=masked_field(context.personal, holder, "name"),
        checked_out_at=visit.checked_out_at,
        operator=visit.checked_out_by,
        operator_name=visit.checked_out_name,
        operations=visit.operations,
    )
