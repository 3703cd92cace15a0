"""From the ledger's rows to what the live page shows: queries here, words in the templates."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlmodel import Session, col, or_, select

from controller.site import Site
from server.console.people import People, people_of
from server.console.revocations import revocations
from server.context import Context
from server.db.clock import from_us, to_us
from server.fleet.endpoints import show_edge
from server.fleet.models import Edge, PolicyVersion
from server.fleet.status import SILENT_US
from server.ledger import alarm_reading, reading
from server.ledger.reading import EventRow
from server.operators.models import Operator

ROWS = 200
"""Rows of each weight that a page holds; older ones are in the register."""
SCANNED = 50_000
"""How far back the page looks for rows to begin with."""
GROUPS = {
    "AccessGranted": "access",
    "AccessPending": "access",
    "AccessDenied": "access",
    "AccessTaken": "access",
    "AccessLapsed": "access",
    "ExitByRequest": "access",
    "AlarmRaised": "alarm",
    "AlarmAcknowledged": "alarm",
    "AlarmCleared": "alarm",
    "FireLatched": "alarm",
    "FireReset": "alarm",
    "DoorUnlocked": "detail",
    "DoorLocked": "detail",
    "DoorOpened": "detail",
    "DoorClosed": "detail",
    "PolicyChanged": "detail",
    "LeaseAccepted": "detail",
}
"""Event → filter of the page; what is not here is ``system``. ``detail`` is hidden until asked for."""
DETAILS = tuple(kind for kind, group in GROUPS.items() if group == "detail")
TONES = {
    "AccessGranted": "good",
    "AccessTaken": "good",
    "AccessDenied": "bad",
    "AccessPending": "wait",
    "AlarmRaised": "bad",
    "FireLatched": "bad",
    "RangeLost": "bad",
    "EdgeStopped": "wait",
    "AreaUncertain": "wait",
}


@dataclass(frozen=True)
class EventView:
    """One row of the stream."""

    seq: int
    at: datetime
    kind: str
    group: str
    tone: str
    edge: str
    door: str | None
    access_point: str | None
    number: str | None
    holder: str | None
    customer: tuple[str, str] | None
    alarm: str | None
    subject: str | None
    because: dict[str, Any] | None
    detail: dict[str, Any]


@dataclass(frozen=True)
class Panels:
    """What stands now, for the panels beside the stream."""

    alarms: list[dict[str, Any]]
    doors: list[dict[str, Any]]
    areas: list[dict[str, Any]]
    revocations: list[dict[str, Any]]
    edges: list[dict[str, Any]]


def newest(session: Session, last: int) -> list[EventRow]:
    """What a page begins with, newest first: up to :data:`ROWS` rows that matter and as many details, none after ``last``."""
    rows = reading.newest_events(session, last, ROWS, SCANNED, DETAILS, listed=False)
    rows += reading.newest_events(session, last, ROWS, SCANNED, DETAILS, listed=True)
    return sorted(rows, key=lambda row: row.seq, reverse=True)


def people_in(session: Session, context: Context, rows: Iterable[EventRow]) -> People:
    """The names that these events need."""
    rows = list(rows)
    return people_of(session, context.personal, (row.holder for row in rows), (row.customer for row in rows))


def event_views(rows: Sequence[EventRow], people: People) -> list[EventView]:
    """The rows to show."""
    return [_event(row, people) for row in rows]


class Fields(dict[str, Any]):
    """An event's fields; what the wire left out, or an older version did not know, is None."""

    def __missing__(self, key: str) -> None:
        return None


def _event(row: EventRow, people: People) -> EventView:
    detail = json.loads(bytes(row.detail), object_pairs_hook=Fields)
    tone = TONES.get(row.kind, "plain")
    if (row.kind == "DeviceStateChanged" and not detail["working"]) or (
        row.kind == "CommandDone" and detail["result"] == "refused"
    ):
        tone = "bad"
    if row.kind == "DoorModeChanged" and detail["mode"] != "controlled":
        tone = "bad"
    return EventView(
        seq=row.seq,
        at=datetime.fromisoformat(row.at),
        kind=row.kind,
        group=GROUPS.get(row.kind, "system"),
        tone=tone,
        edge=row.edge,
        door=row.door,
        access_point=row.access_point,
        number=row.number,
        holder=people.holders.get(row.holder) if row.holder is not None else None,
        customer=people.customers.get(row.customer) if row.customer is not None else None,
        alarm=row.alarm,
        subject=row.subject,
        because=msgspec.json.decode(row.because) if row.because is not None else None,
        detail=detail,
    )


def panels(session: Session, context: Context, now: datetime) -> Panels:
    """Alarms, doors, areas and edges as they stand in this transaction."""
    now_us = to_us(now)
    edges = session.exec(select(Edge).order_by(col(Edge.name))).all()
    by_name = {edge.name: edge for edge in edges}
    return Panels(
        alarms=_alarms(session, context.site),
        doors=[_door(door, by_name.get(door["edge"] or ""), now_us) for door in reading.doors(session, context.site)],
        areas=reading.presence(session, context.site),
        revocations=revocations(session, context, now),
        edges=[_edge(session, edge, now_us) for edge in edges if edge.public_key is not None],
    )


def _alarms(session: Session, site: Site) -> list[dict[str, Any]]:
    standing = alarm_reading.alarms(session, site)
    operators = {alarm["acknowledged_by"] for alarm in standing if alarm["acknowledged_by"]}
    names: dict[str, str] = {}
    if operators:
        found = session.exec(select(Operator.public_id, Operator.name).where(col(Operator.public_id).in_(operators)))
        names = dict(found.all())
    for alarm in standing:
        alarm["acknowledged_by"] = names.get(alarm["acknowledged_by"], alarm["acknowledged_by"])
    return sorted(standing, key=lambda alarm: (alarm["state"] != "raised", alarm["priority"], -alarm["id"]))


def linked(edge: Edge, now_us: int) -> bool:
    """Whether the edge is connected and was heard lately: else what it reported is old."""
    return edge.online and edge.last_seen_us is not None and now_us - edge.last_seen_us <= SILENT_US


def _door(door: dict[str, Any], edge: Edge | None, now_us: int) -> dict[str, Any]:
    stale = edge is None or not linked(edge, now_us)
    seen_us = edge.last_seen_us if edge is not None else None
    return door | {"stale": stale, "stale_since": from_us(seen_us) if stale and seen_us is not None else None}


def _edge(session: Session, edge: Edge, now_us: int) -> dict[str, Any]:
    shown = show_edge(session, edge, now_us)
    reported = json.loads(edge.status)
    quiet_s = (now_us - edge.last_seen_us) // 1_000_000 if edge.last_seen_us is not None else 0
    lease_left_s = {name: max(left - quiet_s, 0) for name, left in reported.get("lease_left_s", {}).items()}
    devices = [
        {"device": name, "kind": kind, "state": state, "working": state == "working"}
        for kind, field in (("reader", "readers"), ("board", "boards"))
        for name, state in sorted(reported.get(field, {}).items())
    ]
    return shown | {
        "linked": linked(edge, now_us),
        "behind_since": _behind_since(session, edge),
        "policy_current": next((one["holds"] for one in shown["guarantees"] if one["code"] == "policy_current"), False),
        "lease_left_min": {name: left // 60 for name, left in lease_left_s.items()},
        "devices": devices,
    }


def _behind_since(session: Session, edge: Edge) -> datetime | None:
    """When the first policy was made that the edge has not confirmed; None when it has confirmed all."""
    epoch, n = edge.received_policy_epoch, edge.received_policy_n
    later = or_(
        col(PolicyVersion.epoch) > epoch,
        (col(PolicyVersion.epoch) == epoch) & (col(PolicyVersion.n) > n),
    )
    query = (
        select(PolicyVersion.made_us)
        .where(PolicyVersion.edge_id == edge.id, later)
        .order_by(col(PolicyVersion.epoch), col(PolicyVersion.n))
        .limit(1)
    )
    made_us = session.exec(query).first()
    return from_us(made_us) if made_us is not None else None
