"""Who is inside now, by the word of the edges: areas with all that lies inside them, how sure that is, the frozen muster of a fire, who waits
at a door, and what is locked down (R2, MEANINGS 12, 13, 22, 27)."""

import json
from collections.abc import Container, Iterable, Mapping
from typing import Any

import msgspec
from sqlalchemy import select
from sqlmodel import Session

from server.console.people import People, people_of
from server.context import Context
from server.fleet.edge_doors import replaced_edges
from server.fleet.models import Edge
from server.fleet.silence import SilentEdge, silent_by_area
from server.ledger.keyed_rows import table_of
from server.ledger.models import (
    LedgerAlarm,
    LedgerArea,
    LedgerFire,
    LedgerLockdown,
    LedgerWaiting,
)
from server.rfc3339 import rfc3339
from server.rooms.areas import Areas
from server.rooms.whereabouts import present, still_there

LONE = "LONE_OCCUPANT"
_EDGES = table_of(Edge)


class _Now(msgspec.Struct):
    """Everything that stands, as read in one transaction."""

    presence: list[dict[str, Any]]
    uncertain: dict[str, dict[str, Any]]
    fires: list[dict[str, Any]]
    lockdowns: list[dict[str, Any]]
    waiting: list[dict[str, Any]]
    alone: dict[str, dict[str, str | int]]


def occupancy(session: Session, context: Context, now_us: int) -> dict[str, Any]:
    """``{items, muster, waiting, lockdowns}``. ``items``: every area that is not public, as the site file has them. Nothing is certain of an area
    while an edge at one of its doors is silent: the list is then as of its last word. Whom a revoked edge listed, at doors that another decides
    at now, stay listed, not sure, until they pass or a count says who is there; all else that it said is over."""
    areas = Areas(context.site)
    now = _read(session, areas, replaced_edges(session, context.site), now_us)
    silent = silent_by_area(session, context.site, now_us)
    frozen = [person for fire in now.fires for person in fire["muster"] or ()]
    everybody = [*now.presence, *frozen, *now.waiting]
    holders = {row["holder"] for row in everybody} | {row.get("escort") for row in everybody}
    people = people_of(session, context.personal, holders, (row["customer"] for row in everybody))
    numbers = {row["holder"]: row["number"] for row in [*frozen, *now.presence]}
    return {
        "items": [
            {
                "area": area.id,
                "name_zh": area.name_zh,
                "name_en": area.name_en,
                "inside": area.inside,
                "two_person": area.two_person,
                "capacity": area.capacity,
                **_inside(area.id, areas.within(area.id), now, silent.get(area.id, []), people, numbers),
                "lone": _lone(now.alone.get(area.id)),
                "locked_down": any(one["area"] in ("", *areas.rooms(area.id)) for one in now.lockdowns),
            }
            for area in context.site.areas
            if not area.public
        ],
        "muster": _muster(now.fires, people, numbers),
        "waiting": [_waiting(row, people, now_us) for row in now.waiting],
        "lockdowns": [
            {
                "area": row["area"],
                "edge": row["edge"],
                "cause": row["cause"],
                "operator": row["operator"] or None,
                "reason": row["reason"] or None,
                "since": rfc3339(row["since_us"]),
            }
            for row in now.lockdowns
        ],
    }


def _read(session: Session, areas: Areas, replaced: Mapping[int, int], now_us: int) -> _Now:
    alarms = table_of(LedgerAlarm)
    alone = select(alarms.c.subject, alarms.c.inputs).where(alarms.c.alarm == LONE, alarms.c.cleared_us.is_(None))
    uncertain: dict[str, dict[str, Any]] = {}
    for row in _rows(session, LedgerArea, replaced):
        known = uncertain.get(row["area"])
        if known is None or known["cause"] == "rex":  # what may have brought people in weighs more
            uncertain[row["area"]] = row
    presence = present(session.connection(), areas)
    for row in presence:
        if row["edge_id"] in replaced:
            row["sure"] = False
            since = {"cause": "replaced", "uncertain_since_us": replaced[row["edge_id"]]}
            uncertain |= dict.fromkeys(areas.rooms(row["area"]), since)
    fires = _rows(session, LedgerFire, replaced)
    for fire in fires:
        if fire["muster"] is not None:
            listed = json.loads(fire["muster"])
            fire["muster"] = still_there(session.connection(), areas, fire["edge_id"], listed, fire["since_us"])
    return _Now(
        presence=presence,
        uncertain=uncertain,
        fires=fires,
        lockdowns=sorted(_rows(session, LedgerLockdown, replaced), key=lambda row: (row["area"], row["edge"])),
        waiting=sorted(
            (row for row in _rows(session, LedgerWaiting, replaced) if row["until_us"] > now_us),
            key=lambda row: (row["until_us"], row["place"]),
        ),
        alone={row.subject: msgspec.json.decode(row.inputs) for row in session.connection().execute(alone)},
    )


def _rows(session: Session, model: Any, replaced: Container[int]) -> list[dict[str, Any]]:
    table = table_of(model)
    query = select(table, _EDGES.c.name.label("edge")).join(_EDGES, _EDGES.c.id == table.c.edge_id)
    return [dict(row._mapping) for row in session.connection().execute(query) if row.edge_id not in replaced]


def _inside(
    area: str,
    within: Iterable[str],
    now: _Now,
    silent: list[SilentEdge],
    people: People,
    numbers: Mapping[int, str],
) -> dict[str, Any]:
    within = frozenset(within)
    listed: dict[tuple[int | str, int], dict[str, Any]] = {}
    for row in now.presence:  # the latest word counts; people without a badge have numbers of one edge only
        if row["area"] in within:
            listed[row["edge_id"] if row["holder"] < 0 else "", row["holder"]] = row
    doubt = now.uncertain.get(area)  # who of those listed is in which inner area, that one says itself
    sure = [row for row in listed.values() if row["sure"]]
    told: dict[str, Any] = {
        "people": [_person(row, people, numbers) for row in listed.values()],
        "count": len(listed),
        "lowest": len(sure),
        "highest": len(listed) if doubt is None or doubt["cause"] == "rex" else None,
        "certain": doubt is None,
        "cause": doubt["cause"] if doubt is not None else None,
        "uncertain_since": rfc3339(doubt["uncertain_since_us"]) if doubt is not None else None,
        "silent": [{"edge": edge.name, "since": rfc3339(edge.since_us)} for edge in silent],
    }
    if silent:  # whoever was inside may have left since, and others come
        told |= {"lowest": 0, "highest": None, "certain": False}
    if silent and doubt is None:
        first_us = min((edge.since_us for edge in silent if edge.since_us is not None), default=None)
        told |= {"cause": "silent", "uncertain_since": rfc3339(first_us)}
    return told


def _person(row: Mapping[str, Any], people: People, numbers: Mapping[int, str]) -> dict[str, Any]:
    escort = row["escort"]
    customer = people.customers.get(row["customer"]) if row["customer"] is not None else None
    return {
        "holder": row["holder"],
        "name": people.holders.get(row["holder"]),
        "badge": row["badge"],
        "number": row["number"],
        "customer": row["customer"],
        "customer_code": customer[0] if customer is not None else None,
        "kind": row["kind"],
        "area": row["area"],
        "since": rfc3339(row["since_us"]),
        "sure": bool(row["sure"]),
        "escort": None
        if escort is None
        else {"holder": escort, "name": people.holders.get(escort), "number": numbers.get(escort)},
        "unescorted": bool(row["unescorted"]),
        "edge": row.get("edge"),
    }


def _lone(inputs: dict[str, str | int] | None) -> dict[str, Any] | None:
    """Until when somebody may be alone before it is raised anew; None: nobody is."""
    if inputs is None:
        return None
    until_us = inputs.get("until_us")
    return {
        "until": rfc3339(until_us) if isinstance(until_us, int) and 0 <= until_us < 2**53 else None,
        "overdue": inputs.get("overdue") == 1,
    }


def _muster(fires: list[dict[str, Any]], people: People, numbers: Mapping[int, str]) -> list[dict[str, Any]]:
    """For each edge with a fire: who was inside when it began."""
    shown = []
    for edge in sorted({fire["edge"] for fire in fires}):
        of_edge = [fire for fire in fires if fire["edge"] == edge]
        frozen: list[dict[str, Any]] = next((fire["muster"] for fire in of_edge if fire["muster"] is not None), [])
        shown.append(
            {
                "edge": edge,
                "zones": sorted(fire["zone"] for fire in of_edge),
                "since": rfc3339(min(fire["since_us"] for fire in of_edge)),
                "people": [_person(row, people, numbers) for row in frozen],
            }
        )
    return shown


def _waiting(row: Mapping[str, Any], people: People, now_us: int) -> dict[str, Any]:
    customer = people.customers.get(row["customer"]) if row["customer"] is not None else None
    return {
        "edge": row["edge"],
        "door": row["door"],
        "access_point": row["access_point"],
        "holder": row["holder"],
        "name": people.holders.get(row["holder"]),
        "number": row["number"],
        "customer_code": customer[0] if customer is not None else None,
        "out": bool(row["out"]),
        "because": json.loads(row["because"]),
        "since": rfc3339(row["since_us"]),
        "until": rfc3339(row["until_us"]),
        "left_s": -(-(row["until_us"] - now_us) // 1_000_000),
    }
