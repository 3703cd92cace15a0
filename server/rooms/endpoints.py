"""``/api/v1/register`` and ``/api/v1/occupancy`` (docs/interfaces.md)."""

import csv
import io
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import msgspec
from fastapi import Path, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from server.context import Context
from server.db.clock import to_us
from server.operators.actor import Actor
from server.operators.audit import record
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.pages import MAX_ID, Limit
from server.problems import Problem, not_found
from server.registry.lookup import find_customer, find_holder, refuse_unknown_areas
from server.registry.moments import Moment, begin_of, end_of
from server.registry.sheets import DANGEROUS
from server.rfc3339 import rfc3339
from server.rooms.notes import MAX_NOTES, add_note
from server.rooms.occupancy import occupancy
from server.rooms.register_query import Place, Sought, is_more_than, one_entry, page_query
from server.rooms.showing import main_rooms, show_entries, show_notes
from server.routes import AppContext, DbSession, api_router

register_router = api_router("/register", "rooms")
occupancy_router = api_router("/occupancy", "rooms")
ROUTERS = [register_router, occupancy_router]

EXPORT_PAGE = 500
MAX_EXPORTED = 100_000
"""Lines of one export: more than a year of a busy site's main room. What is cut off without a word is no register."""
JSON = "application/json"
CSV_COLUMNS = (
    "id", "at", "direction", "area", "from_area", "to_area", "door", "access_point", "edge", "number", "holder", "name", "customer_code",
    "kind", "partners", "escort", "permission", "purpose", "operator", "emergency", "in_at", "out_at", "ended_by", "operation", "incomplete", "notes",
    "record_hash",
)  # fmt: skip
_encode = msgspec.json.Encoder().encode
EntryId = Annotated[int, Path(ge=1, le=MAX_ID)]
Name = Annotated[str | None, Query(min_length=1, max_length=200)]
ReadsRegister = Annotated[Actor, requires(Permission.REGISTER_READ)]
Cursor = Annotated[
    str | None, Query(alias="after", pattern=r"^[0-9]{1,18}-[0-9]{1,18}$", description="`next` of the page before")
]
From = Annotated[Moment | None, Query(alias="from", description="a time, or a date: from its beginning")]
Until = Annotated[Moment | None, Query(description="a time, or a date: to its end")]


class NewNote(BaseModel):
    """What is added to an entry. ``kind`` ``operation``: what was done inside (R3)."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(min_length=1, max_length=1_000, pattern=r"\S")
    kind: Literal["note", "operation"] = "note"


@register_router.get("")
def register(
    session: DbSession,
    context: AppContext,
    actor: ReadsRegister,
    area: Annotated[str | None, Query(max_length=64)] = None,
    customer: Name = None,
    holder: Name = None,
    badge: Annotated[str | None, Query(min_length=1, max_length=24, description="the printed number")] = None,
    from_: From = None,
    until: Until = None,
    open_: Annotated[bool, Query(alias="open", description="only entries of people who are still inside")] = False,
    incomplete: Annotated[bool, Query(description="only main-room entries without an operation")] = False,
    after: Cursor = None,
    limit: Limit = 100,
    newest_first: bool = False,
) -> Response:
    """Entries and exits by time. ``next``: what to ask ``after`` for more; null at the end."""
    sought = _sought(session, context, actor, area, customer, holder, badge, from_, until, open_, incomplete)
    place = Place.parse(after) if after is not None else None
    rows = session.connection().execute(page_query(sought, place, limit + 1, newest_first=newest_first)).all()
    shown = rows[:limit]
    following = str(Place(shown[-1].at_us, shown[-1].id)) if len(rows) > limit else None
    return _json({"items": show_entries(session, context, shown), "next": following})


@register_router.get("/export.csv", response_class=Response, responses={200: {"content": {"text/csv": {}}}})
def export(
    context: AppContext,
    actor: ReadsRegister,
    area: Annotated[str | None, Query(max_length=64)] = None,
    customer: Name = None,
    holder: Name = None,
    badge: Annotated[str | None, Query(min_length=1, max_length=24)] = None,
    from_: From = None,
    until: Until = None,
) -> StreamingResponse:
    """The same as a table for a spreadsheet, names masked, oldest first; recorded in the audit log. More than 100 000 lines are refused."""
    with context.database.write() as session:
        sought = _sought(session, context, actor, area, customer, holder, badge, from_, until)
        if is_more_than(session.connection(), sought, MAX_EXPORTED):
            raise Problem(
                422,
                "too_many_entries",
                f"More than {MAX_EXPORTED} entries: narrow them by from and until.",
                f"超过 {MAX_EXPORTED} 条记录，请用 from 和 until 缩小范围。",
            )
        asked = {key: value for key, value in msgspec.to_builtins(sought).items() if value}
        record(session, actor, context.clock.now(), "register.export", context.site.id, after=asked)
    name = f"register-{context.site.id}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(_lines(context, sought), media_type="text/csv; charset=utf-8", headers=headers)


@register_router.get("/{entry_id}")
def one(session: DbSession, context: AppContext, _actor: ReadsRegister, entry_id: EntryId) -> Response:
    """One entry with its notes."""
    entry = _entry(session, entry_id)
    [shown] = show_entries(session, context, [entry])
    return _json(shown | {"noted": show_notes(session, context, entry)})


@register_router.get("/{entry_id}/notes")
def notes(session: DbSession, context: AppContext, _actor: ReadsRegister, entry_id: EntryId) -> Response:
    """What was added to an entry; ``signature_holds``: neither the note nor the record behind the entry was changed since."""
    return _json({"items": show_notes(session, context, _entry(session, entry_id))})


@register_router.post("/{entry_id}/notes", status_code=201)
def note(
    session: DbSession,
    context: AppContext,
    actor: Annotated[Actor, requires(Permission.REGISTER_NOTE)],
    entry_id: EntryId,
    given: NewNote,
) -> dict[str, Any]:
    """Add to an entry. Nothing in the register is changed or deleted: a correction is a note."""
    entry = _entry(session, entry_id)
    now = context.clock.now()
    made = add_note(session, context.keys, entry, given.kind, given.text, actor.public_id, to_us(now))
    if made is None:
        raise Problem(
            409, "too_many_notes", f"This entry has {MAX_NOTES} notes already.", f"该记录已有 {MAX_NOTES} 条备注。"
        )
    record(
        session, actor, now, "register.note", str(entry_id), after={"n": made.n, "kind": made.kind, "text": made.text}
    )
    return {"entry": entry_id, "n": made.n, "kind": made.kind, "at": rfc3339(made.at_us), "kid": made.kid}


@occupancy_router.get("")
def occupancy_now(
    session: DbSession, context: AppContext, _actor: Annotated[Actor, requires(Permission.LIVE_READ)]
) -> Response:
    """Who is inside, by area, by the word of the edges, and how sure that is."""
    return _json(occupancy(session, context, to_us(context.clock.now())))


def _json(body: Any) -> Response:
    return Response(_encode(body), media_type=JSON)


def _entry(session: Session, entry_id: int) -> Any:
    entry = one_entry(session.connection(), entry_id)
    if entry is None:
        raise not_found("entry of the register", "登记记录", str(entry_id))
    return entry


def _sought(
    session: Session,
    context: Context,
    actor: Actor,
    area: str | None,
    customer: str | None,
    holder: str | None,
    badge: str | None,
    from_: str | None,
    until: str | None,
    open_: bool = False,
    incomplete: bool = False,
) -> Sought:
    if area is not None:
        refuse_unknown_areas(context.site, [area], "area")
    zone = context.site.time_zone
    return Sought(
        area=area,
        customer=find_customer(session, customer, actor=actor).id if customer is not None else None,
        holder=find_holder(session, holder, actor=actor).id if holder is not None else None,
        number=badge,
        from_us=to_us(begin_of(from_, zone, "from")) if from_ is not None else None,
        until_us=to_us(end_of(until, zone, "until")) if until is not None else None,
        open=open_,
        incomplete=main_rooms(context.site) if incomplete else None,
    )


def _lines(context: Context, sought: Sought) -> Iterator[bytes]:
    """A byte order mark first: without it a spreadsheet takes the text for another encoding."""
    yield "\ufeff".encode() + _csv([CSV_COLUMNS])
    place: Place | None = None
    for _ in range(MAX_EXPORTED // EXPORT_PAGE + 2):  # what came since it was counted is not endless
        with context.database.read() as session:
            rows = session.connection().execute(page_query(sought, place, EXPORT_PAGE)).all()
            shown = show_entries(session, context, rows)
        yield _csv(_line(entry) for entry in shown)
        if len(rows) < EXPORT_PAGE:
            return
        place = Place(rows[-1].at_us, rows[-1].id)


def _csv(lines: Any) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(lines)
    return text.getvalue().encode()


def _line(entry: dict[str, Any]) -> list[Any]:
    stay: dict[str, Any] = next((one for one in entry["stays"] if one["area"] == entry["area"]), {})
    flat = entry | {
        "partners": " ".join(_named(one) for one in entry["partners"]),
        "escort": _named(entry["escort"]) if entry["escort"] is not None else None,
        "permission": entry["permission"]["code"] if entry["permission"] is not None else None,
        "in_at": stay.get("in_at"),
        "out_at": stay.get("out_at"),
        "ended_by": stay.get("ended_by"),
        "record_hash": entry["record"]["hash"],
    }
    return [_cell(flat[column]) for column in CSV_COLUMNS]


def _named(person: dict[str, Any]) -> str:
    return str(person["number"] or person["holder"])


def _cell(value: Any) -> Any:
    """What a spreadsheet would take for a formula is told as text."""
    if isinstance(value, str) and value.startswith(DANGEROUS):
        return "'" + value
    return value
