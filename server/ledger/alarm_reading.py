"""The alarms as the API and the console show them: what stands, what it asks for, and the history."""

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec
from sqlalchemy import ColumnElement, case, func, select
from sqlmodel import Session

from controller.reasons import ALARMS
from controller.site import Site
from server.db.clock import to_us
from server.escalation.told import escalated_at
from server.fleet.models import Edge
from server.ledger.alarm_meanings import OWN, meaning_of
from server.ledger.keyed_rows import table_of
from server.ledger.models import LedgerAlarm
from server.rfc3339 import rfc3339

CAMERA_SCHEMES = frozenset({"http", "https", "rtsp"})
MAX_US = 2**53


class Sought(msgspec.Struct, frozen=True):
    """What is asked for; None: any. ``subject``: a door, area, reader, board, zone, edge or badge number."""

    alarm: str | None = None
    subject: str | None = None
    edge_id: int | None = None
    state: str | None = None


def alarms(
    session: Session,
    site: Site | None = None,
    *,
    sought: Sought | None = None,
    cleared_before: int | None = None,
    urgent_first: bool = False,
    limit: int = 200,
) -> list[dict[str, Any]]:
    """The alarms that stand, newest first; with ``cleared_before`` the history instead, by descending id below it. ``urgent_first``: those that nobody has
    seen before the others, then by priority: what the limit cuts off is the least of them. ``site``: for the cameras of their doors."""
    table, edges = table_of(LedgerAlarm), table_of(Edge)
    sought = sought or Sought()
    query = select(table, edges.c.name.label("edge")).join(edges, edges.c.id == table.c.edge_id)
    for name in ("alarm", "subject", "edge_id"):
        value = getattr(sought, name)
        if value is not None:
            query = query.where(table.c[name] == value)
    if sought.state == "cleared":
        query = query.where(table.c.cleared_us.is_not(None))
    elif cleared_before is None or sought.state is not None:
        query = query.where(table.c.cleared_us.is_(None))
    if sought.state in ("raised", "acknowledged"):
        seen = table.c.acknowledged_us
        query = query.where(seen.is_(None) if sought.state == "raised" else seen.is_not(None))
    if cleared_before:
        query = query.where(table.c.id < cleared_before)
    first = (table.c.acknowledged_us.is_not(None), _priority(table.c.alarm)) if urgent_first else ()
    rows = session.connection().execute(query.order_by(*first, table.c.id.desc()).limit(limit)).all()
    told = escalated_at(session, [row.id for row in rows])
    return [_show(row, site) | {"escalated_at": _time(told.get(row.id))} for row in rows]


def count_standing(session: Session) -> int:
    """How many alarms stand."""
    table = table_of(LedgerAlarm)
    return session.connection().execute(select(func.count()).where(table.c.cleared_us.is_(None))).scalar_one()


def _priority(alarm: Any) -> ColumnElement[int]:
    """An alarm's priority for the database; of one that nobody knows 1, as it is shown."""
    less = {name: meaning.priority for name, meaning in (ALARMS | OWN).items() if meaning.priority > 1}
    return case(less, value=alarm, else_=1)


def _time(at: datetime | None) -> str | None:
    return rfc3339(to_us(at)) if at is not None else None


def _show(row: Any, site: Site | None) -> dict[str, Any]:
    meaning = meaning_of(row.alarm)
    inputs = msgspec.json.decode(row.inputs)
    until_us = inputs.get("until_us")
    return {
        "id": row.id,
        "edge": row.edge,
        "source": row.source,
        "alarm": row.alarm,
        "subject": row.subject,
        "rule": row.rule,
        "inputs": inputs,
        "priority": meaning.priority if meaning is not None else 1,
        "instruction": None if meaning is None else {"zh": meaning.zh, "en": meaning.en},
        "ends_with_cause": meaning is not None and meaning.clears == "cause",
        "state": _state(row),
        "raised_at": rfc3339(row.raised_us),
        "last_raised_at": rfc3339(row.last_raised_us or row.raised_us),
        "raised_seq": row.raised_seq,
        "repeats": row.repeats,
        "until": rfc3339(until_us) if isinstance(until_us, int) and 0 <= until_us < MAX_US else None,
        "overdue": inputs.get("overdue") == 1,
        "acknowledged_at": rfc3339(row.acknowledged_us),
        "acknowledged_by": row.acknowledged_by,
        "note": row.note,
        "key_used": row.key,
        "cleared_at": rfc3339(row.cleared_us),
        "cameras": cameras(site, (row.subject, *inputs.values())) if site is not None else [],
    }


def _state(row: Any) -> str:
    if row.cleared_us is not None:
        return "cleared"
    return "acknowledged" if row.acknowledged_us is not None else "raised"


def cameras(site: Site, names: tuple[Any, ...]) -> list[dict[str, str | None]]:
    """``{name, url}`` of each camera of the doors that ``names`` name, by themselves or by an access point. ``url`` None: not an address
    that a page may link to, or one with a password in it, which nobody is to see."""
    door_of = {point.id: point.door for point in site.access_points}
    wanted = {door_of.get(name, name) for name in names if isinstance(name, str)}
    return [_camera(camera) for door in site.doors if door.id in wanted for camera in door.cameras]


def _camera(camera: str) -> dict[str, str | None]:
    try:
        parts = urlsplit(camera)
        host, secret = parts.hostname, parts.username or parts.password
    except ValueError:
        return {"name": camera, "url": None}
    if parts.scheme not in CAMERA_SCHEMES or not host:
        return {"name": camera if "@" not in camera else camera.rpartition("@")[2], "url": None}
    if secret:
        return {"name": host, "url": None}
    return {"name": host + parts.path.rstrip("/"), "url": camera}
