"""``/api/v1``: events, alarms, doors, presence, and the raw ledger (docs/interfaces.md)."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import msgspec
from fastapi import Path, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from controller.commands import AcknowledgeAlarm
from server.context import Context
from server.duty.keys import note_use
from server.equipment.attesting import UNCHECKED, attestation_required
from server.fleet.asking import ask_command
from server.fleet.lookup import find_edge
from server.ledger import alarm_reading, reading
from server.ledger.alarm_reading import Sought
from server.ledger.models import LedgerAlarm
from server.operators.actor import Actor
from server.operators.audit import record
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.pages import MAX_ID, Cursor, Limit
from server.problems import Problem, not_found
from server.routes import AppContext, DbSession, api_router

events_router = api_router("/events", "ledger")
alarms_router = api_router("/alarms", "ledger")
live_router = api_router("", "ledger")
ledger_router = api_router("/ledger", "ledger")
ROUTERS = [events_router, alarms_router, live_router, ledger_router]

JSON = "application/json"
KEY_EXPLAINS = "DoorForcedOpen"
LINES = "application/jsonl"
RowId = Annotated[int, Query(ge=0, le=MAX_ID)]
_encode = msgspec.json.Encoder().encode


def _json(body: Any) -> Response:
    return Response(_encode(body), media_type=JSON)


@events_router.get("")
def events(
    session: DbSession,
    _actor: Annotated[Actor, requires(Permission.EVENTS_READ)],
    after: Cursor = 0,
    limit: Limit = 100,
    newest_first: bool = False,
    door: Annotated[str | None, Query(max_length=64)] = None,
    holder: RowId | None = None,
    customer: RowId | None = None,
    alarm: Annotated[str | None, Query(max_length=64)] = None,
) -> Response:
    """Decoded events by the ledger's sequence. ``next``: what to ask ``after`` for more, also when there is none yet."""
    wanted = {"door": door, "holder": holder, "customer": customer, "alarm": alarm}
    sought = {name: value for name, value in wanted.items() if value is not None}
    rows = reading.events_after(session, after, limit, sought, newest_first=newest_first)
    return _json({"items": rows, "next": rows[-1].seq if rows else after})


class AlarmNote(BaseModel):
    """What the operator who has seen an alarm says of it. ``key``: the mechanical key that opened a forced door, by its number in the
    register of keys; that ends the alarm as explained."""

    model_config = ConfigDict(extra="forbid")

    note: str = Field(min_length=1, max_length=500)
    key: str | None = Field(default=None, min_length=1, max_length=64)


@alarms_router.get("")
def alarms(
    session: DbSession,
    context: AppContext,
    _actor: Annotated[Actor, requires(Permission.LIVE_READ)],
    history: bool = False,
    before: Annotated[int, Query(ge=0, le=MAX_ID)] = 0,
    limit: Limit = 200,
    alarm: Annotated[str | None, Query(max_length=64)] = None,
    subject: Annotated[str | None, Query(max_length=200)] = None,
    edge: Annotated[str | None, Query(max_length=64)] = None,
    state: Literal["raised", "acknowledged", "cleared"] | None = None,
) -> Response:
    """The alarms that stand; with ``history`` also those that ended, by descending id ``before`` one. ``state`` cleared is history."""
    edge_id = find_edge(session, edge).id if edge is not None else None
    sought = Sought(alarm, subject, edge_id, state)
    past = history or state == "cleared"
    items = alarm_reading.alarms(
        session, context.site, sought=sought, cleared_before=before if past else None, limit=limit
    )
    return _json({"items": items})


@alarms_router.post("/{alarm_id}/acknowledge", status_code=202)
def acknowledge(
    session: DbSession,
    context: AppContext,
    actor: Annotated[Actor, requires(Permission.ALARM_ACKNOWLEDGE)],
    alarm_id: Annotated[int, Path(ge=0, le=2**31 - 1)],
    given: AlarmNote,
) -> dict[str, str]:
    """Say that it was seen. It stands until its cause is gone; the edge is told, and answers like to any command."""
    alarm = session.get(LedgerAlarm, alarm_id)
    if alarm is None or alarm.cleared_us is not None:
        raise not_found("standing alarm", "未解除的报警", str(alarm_id))
    if given.key is not None and alarm.alarm != KEY_EXPLAINS:
        raise Problem(
            422,
            "key_explains_nothing",
            f"key: only {KEY_EXPLAINS} is explained by a mechanical key; leave it out.",
            "key：只有强行开门可由机械钥匙说明，请勿填写。",
            field="key",
        )
    if alarm.alarm == UNCHECKED:
        raise attestation_required(alarm)
    now = context.clock.now()
    if given.key is not None:
        note_use(session, actor, now, given.key, alarm_id, given.note)
    command = AcknowledgeAlarm(alarm=alarm.alarm, subject=alarm.subject, note=given.note, key=given.key or "")
    return {"command_id": ask_command(session, actor, now, alarm.edge_id, command)}


@live_router.get("/doors")
def doors(
    session: DbSession, context: AppContext, _actor: Annotated[Actor, requires(Permission.LIVE_READ)]
) -> Response:
    """Every door with its edge, mode, position, lock and alarm. The edge is the one that reported it, else the site file's."""
    named = {door.id: door.edge or None for door in context.site.doors}
    doors = reading.doors(session, context.site)
    return _json({"items": [door | {"edge": door["edge"] or named[door["door"]]} for door in doors]})


@ledger_router.get("/export")
def export(
    context: AppContext,
    actor: Annotated[Actor, requires(Permission.LEDGER_EXPORT)],
    edge: str,
    after_seq: Annotated[int, Query(ge=0, le=MAX_ID)] = 0,
) -> StreamingResponse:
    """An edge's raw records, one JSON object per line, with the chain's hash after each (D7)."""
    with context.database.write() as session:
        edge_id = find_edge(session, edge).id
        assert edge_id is not None
        record(session, actor, context.clock.now(), "ledger.export", edge, after={"after_seq": after_seq})
    return StreamingResponse(_lines(context, edge_id, after_seq), media_type=LINES)


def _lines(context: Context, edge_id: int, after_seq: int) -> Iterator[bytes]:
    for page in reading.export(context.database, edge_id, after_seq):
        yield b"".join(_encode(line) + b"\n" for line in page)


@ledger_router.get("/quarantine")
def quarantine(
    session: DbSession,
    _actor: Annotated[Actor, requires(Permission.FLEET_READ)],
    after: Cursor = 0,
    limit: Limit = 100,
) -> Response:
    """Records that are kept but could not be read."""
    items = reading.quarantined(session, after, limit)
    return _json({"items": items, "next": items[-1]["record_seq"] if len(items) == limit else None})


@ledger_router.get("/lost")
def lost(session: DbSession, _actor: Annotated[Actor, requires(Permission.FLEET_READ)]) -> Response:
    """Ranges of records that were declared lost."""
    return _json({"items": reading.lost_ranges(session)})
