"""``/api/v1/register`` and ``/api/v1/occupancy`` (docs/interfaces.md)."""

import csv
import io
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import msgspec
from fastapi import Depends, Path, Query, Response
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
from server.registry.sheets import DANGEROUS
from server.rfc3339 import rfc3339
from server.rooms import export_endpoints
from server.rooms.notes import MAX_NOTES, add_note
from server.rooms.occupancy import occupancy
from server.rooms.register_book import admit_export
from server.rooms.register_filters import Filters
from server.rooms.register_query import Place, Sought, one_entry, page_query
from server.rooms.showing import show_entries, show_notes, stays_told
from server.routes import AppContext, DbSession, api_router

register_router = api_router("/register", "rooms")
occupancy_router = api_router("/occupancy", "rooms")
ROUTERS = [*export_endpoints.ROUTERS, register_router, occupancy_router]

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
ReadsRegister = Annotated[Actor, requires(Permission.REGISTER_READ)]
Cursor = Annotated[
    str | None, Query(alias="after", pattern=r"^[0-9]{1,18}-[0-9]{1,18}$", description="`next` of the page before")
]


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
    filters: Annotated[Filters, Depends()],
    after: Cursor = None,
    limit: Limit = 100,
    newest_first: bool = False,
) -> Response:
    """Entries and exits by time. ``next``: what to ask ``after`` for more; null at the end."""
    return _json(register_page(session, context, actor, filters, after, limit, newest_first=newest_first))


def register_page(
    session: Session,
    context: Context,
    actor: Actor,
    filters: Filters,
    after: str | None,
    limit: int,
    *,
    newest_first: bool,
) -> dict[str, Any]:
    """``{items, next}`` of one page. Raises :class:`Problem`."""
    sought = filters.sought(session, context, actor)
    place = Place.parse(after) if after is not None else None
    rows = session.connection().execute(page_query(sought, place, limit + 1, newest_first=newest_first)).all()
    shown = rows[:limit]
    following = str(Place(shown[-1].at_us, shown[-1].id)) if len(rows) > limit else None
    return {"items": show_entries(session, context, shown), "next": following}


@register_router.get("/export.csv", response_class=Response, responses={200: {"content": {"text/csv": {}}}})
def export(context: AppContext, actor: ReadsRegister, filters: Annotated[Filters, Depends()]) -> StreamingResponse:
    """The same as a table for a spreadsheet, names masked, oldest first; recorded in the audit log. More than 100 000 lines are refused."""
    sought, _ = admit_export(context, actor, filters, "csv", MAX_EXPORTED)
    name = f"register-{context.site.id}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(_lines(context, sought), media_type="text/csv; charset=utf-8", headers=headers)


@register_router.get("/{entry_id}")
def one(session: DbSession, context: AppContext, _actor: ReadsRegister, entry_id: EntryId) -> Response:
    """One entry with its notes."""
    return _json(entry_with_notes(session, context, entry_id))


def entry_with_notes(session: Session, context: Context, entry_id: int) -> dict[str, Any]:
    """One entry as the API shows it. Raises :class:`Problem` 404."""
    entry = _entry(session, entry_id)
    [shown] = show_entries(session, context, [entry])
    return shown | {"noted": show_notes(session, context, entry)}


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


def _lines(context: Context, sought: Sought) -> Iterator[bytes]:
    """A byte order mark first: without it a spreadsheet takes the text for another encoding."""
    yield "\ufeff".encode() + _csv([CSV_COLUMNS])
    place: Place | None = None
    for _ in range(MAX_EXPORTED // EXPORT_PAGE + 2):  # what came since it was counted is not endless
        with context.database.read() as session:
            rows = session.connection().execute(page_query(sought, place, EXPORT_PAGE)).all()
            shown = show_entries(session, context, rows)
        yield _csv(_line(entry, stay) for entry in shown for stay in stays_told(entry, sought))
        if len(rows) < EXPORT_PAGE:
            return
        place = Place(rows[-1].at_us, rows[-1].id)


def _csv(lines: Any) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(lines)
    return text.getvalue().encode()


def _line(entry: dict[str, Any], stay: dict[str, Any] | None) -> list[Any]:
    stay = stay or {}
    flat = entry | {
        "area": stay.get("area", entry["area"]),
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
