"""From the ledger's rows to what the live page shows: queries here, words in the templates."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlmodel import Session, col, or_, select

from controller.site import Site
from server.console.arrivals import arrivals
from server.console.people import People, people_of
from server.console.revocations import revocations
from server.console.taps import LOOKED_BACK, READ, TAPS, Tap, last_taps, tap_of_alarm
from server.console.waiting import with_photos
from server.context import Context
from server.db.clock import from_us, to_us
from server.fleet.endpoints import show_edge
from server.fleet.models import Edge, PolicyVersion
from server.fleet.silence import linked
from server.ledger import alarm_reading, reading
from server.ledger.reading import EventRow
from server.operators.models import Operator
from server.personal.photos import photos_of
from server.rooms.areas import Areas
from server.rooms.occupancy import occupancy

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
    "LockdownChanged": "alarm",
    "EscortConfirmed": "access",
    "HolderConfirmed": "access",
    "EquipmentCheckStarted": "goods",
    "ItemAccepted": "goods",
    "EquipmentRefused": "goods",
    "EquipmentCheckEnded": "goods",
    "ItemsMoved": "goods",
    "ItemsFreed": "goods",
    "ItemsReserved": "detail",
    "DoorHeldWarning": "detail",
    "PeopleCounted": "detail",
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
    "HolderConfirmed": "good",
    "EquipmentRefused": "bad",
    "ItemsMoved": "good",
    "ItemsFreed": "wait",
    "AlarmRaised": "bad",
    "FireLatched": "bad",
    "RangeLost": "bad",
    "EdgeStopped": "wait",
    "AreaUncertain": "wait",
    "DoorHeldWarning": "wait",
    "DoorRattled": "wait",
    "InterlockBroken": "wait",
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
    company: list[str]
    escort: str | None
    customer: tuple[str, str] | None
    alarm: str | None
    subject: str | None
    because: dict[str, Any] | None
    detail: dict[str, Any]


@dataclass(frozen=True)
class Panels:
    """What stands now, for the panels beside the stream. ``notices``: lockdowns, the muster of a fire, visitors at the desk. ``more_alarms``: how many more
    stand, less urgent ones."""

    notices: dict[str, list[dict[str, Any]]]
    waiting: list[dict[str, Any]]
    taps: list[Tap]
    alarms: list[dict[str, Any]]
    doors: list[dict[str, Any]]
    areas: list[dict[str, Any]]
    revocations: list[dict[str, Any]]
    edges: list[dict[str, Any]]
    more_alarms: int


_IN_COMPANY = frozenset({"AccessGranted", "AccessTaken"})


class _Company(msgspec.Struct, frozen=True):
    partners: tuple[int, ...] = ()
    escort: int | None = None


_company_decoder = msgspec.json.Decoder(_Company)


def newest(session: Session, last: int) -> list[EventRow]:
    """What a page begins with, newest first: up to :data:`ROWS` rows that matter and as many details, none after ``last``."""
    rows = reading.newest_events(session, last, ROWS, SCANNED, DETAILS, listed=False)
    rows += reading.newest_events(session, last, ROWS, SCANNED, DETAILS, listed=True)
    return sorted(rows, key=lambda row: row.seq, reverse=True)


def people_in(session: Session, context: Context, rows: Iterable[EventRow]) -> People:
    """The names that these events need."""
    rows = list(rows)
    holders = {row.holder for row in rows}
    for row in rows:
        if row.kind in _IN_COMPANY:
            company = _company_decoder.decode(row.detail)
            holders.update((*company.partners, company.escort))
    return people_of(session, context.personal, holders, (row.customer for row in rows))


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
    if (row.kind == "DoorModeChanged" and detail["mode"] != "controlled") or (
        row.kind == "LockdownChanged" and detail["active"]
    ):
        tone = "bad"
    if row.kind == "DegradedChanged" and detail["classes"]:
        tone = "wait"
    if row.kind == "EquipmentCheckEnded" and detail["cause"] != "reserved":
        tone = "wait"
    company = (people.holders.get(one) for one in detail["partners"] or ())
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
        company=[name for name in company if name is not None],
        escort=people.holders.get(detail["escort"]) if row.kind in _IN_COMPANY else None,
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
    doors = [_door(door, by_name.get(door["edge"] or ""), now_us) for door in reading.doors(session, context.site)]
    inside = occupancy(session, context, now_us)
    alarms = _alarms(session, context.site)
    return Panels(
        notices={
            "lockdowns": _lockdowns(session, inside["lockdowns"]),
            "muster": inside["muster"],
            "arrivals": arrivals(session, context, now),
        },
        waiting=with_photos(session, inside["waiting"]),
        taps=_taps(session, context),
        alarms=alarms,
        more_alarms=alarm_reading.count_standing(session) - len(alarms),
        doors=doors,
        areas=_areas(context.site, inside["items"], doors),
        revocations=revocations(session, context, now),
        edges=[_edge(session, edge, now_us) for edge in edges if edge.public_key is not None],
    )


def _taps(session: Session, context: Context) -> list[Tap]:
    rows = reading.newest_events(session, reading.last_event_seq(session), READ, LOOKED_BACK, TAPS, listed=True)
    holder_of = {row.seq: row.holder for row in rows if row.holder is not None}
    photographed = frozenset(photos_of(session, holder_of.values()))
    return last_taps(event_views(rows, people_in(session, context, rows)), photographed, holder_of)


def _alarms(session: Session, site: Site) -> list[dict[str, Any]]:
    standing = alarm_reading.alarms(session, site, urgent_first=True)
    names = _operators(session, (alarm["acknowledged_by"] for alarm in standing))
    for alarm in standing:
        alarm["acknowledged_by"] = names.get(alarm["acknowledged_by"], alarm["acknowledged_by"])
        alarm["tap"] = tap_of_alarm(session, alarm)
    return standing


def _operators(session: Session, ids: Iterable[str | None]) -> dict[str | None, str]:
    """The names of operators by their public ids; what is no operator's is left out."""
    wanted = {one for one in ids if one}
    if not wanted:
        return {}
    found = session.exec(select(Operator.public_id, Operator.name).where(col(Operator.public_id).in_(wanted)))
    return dict(found.all())


def _lockdowns(session: Session, lockdowns: list[dict[str, Any]]) -> list[dict[str, Any]]:
    names = _operators(session, (one["operator"] for one in lockdowns))
    return [one | {"operator": names.get(one["operator"], one["operator"])} for one in lockdowns]


def _areas(site: Site, areas: list[dict[str, Any]], doors: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each area with the edges whose doors lead into it: where a lockdown or a count of it is ordered."""
    rooms = Areas(site)
    edge_of = {door["door"]: door["edge"] for door in doors if door["edge"] is not None}
    entered = [
        (edge_of[point.door], set(rooms.rooms(point.to_area)) - set(rooms.rooms(point.from_area)))
        for point in site.access_points
        if point.door in edge_of and not point.out
    ]
    return [
        area
        | {
            "edges": sorted({edge for edge, into in entered if area["area"] in into}),
            "to_count": _to_count(area["people"]),
        }
        for area in areas
    ]


def _to_count(people: list[dict[str, Any]]) -> str:
    """What a count begins with: the badge numbers that are listed, and ``+2`` for two people without a badge."""
    numbers = [person["number"] for person in people if person["holder"] > 0]
    others = len(people) - len(numbers)
    return " ".join([*numbers, *([f"+{others}"] if others else [])])


def _door(door: dict[str, Any], edge: Edge | None, now_us: int) -> dict[str, Any]:
    stale = edge is None or not linked(edge, now_us)
    seen_us = edge.last_seen_us if edge is not None else None
    until = door["maintenance_until"]
    in_maintenance = until is not None and to_us(datetime.fromisoformat(until)) > now_us
    return door | {
        "in_maintenance": in_maintenance,
        "stale": stale,
        "stale_since": from_us(seen_us) if stale and seen_us is not None else None,
    }


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
