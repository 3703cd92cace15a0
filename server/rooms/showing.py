"""An entry of the register as the API and the export show it: persons masked, with who they passed with and under what (C4, R3)."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, select
from sqlmodel import Session, col

from controller.site import Site
from server.badges.models import Application
from server.console.people import People, people_of
from server.context import Context
from server.ledger.keyed_rows import table_of
from server.ledger.models import LedgerPresence
from server.permits.models import Permit, TemporaryBadge
from server.rfc3339 import rfc3339
from server.rooms.models import STAYS_PER_ENTRY
from server.rooms.notes import signature_holds
from server.rooms.register_query import ENTRIES, IDS_AT_ONCE, OPERATION, Sought, notes_of, record_hashes, stays_of

PERMISSIONS = {
    "contract": ("contract of the customer", "客户合同"),
    "standing": ("standing permission of staff", "员工长期许可"),
    "permit": ("permit", "临时许可"),
    "admitted": ("admitted by an operator", "值班人员放行"),
    "emergency": ("emergency", "紧急进入"),
}
"""Under what somebody passed: code → English, Chinese."""
_BY_KIND = {"customer": "contract", "staff": "standing", "temporary": "permit"}


def main_rooms(site: Site) -> tuple[str, ...]:
    """The areas whose entries want an operation noted (R3): those under the two-person rule."""
    return tuple(area.id for area in site.areas if area.two_person)


def show_entries(session: Session, context: Context, rows: Sequence[Any]) -> list[dict[str, Any]]:
    """The rows of :func:`server.rooms.register_query.page_query`, each with its stays; notes are counted only."""
    connection = session.connection()
    ids = [row.id for row in rows]
    partners = {row.id: [int(one) for one in json.loads(row.partners)] for row in rows}
    holders = {one for row in rows for one in (row.holder, row.escort, *partners[row.id]) if one is not None}
    people = people_of(session, context.personal, holders, (row.customer for row in rows))
    numbers = _numbers(session, holders, rows)
    purposes = _purposes(session, {row.badge for row in rows if row.badge})
    stays, notes = stays_of(connection, rows), notes_of(connection, ids)
    hashes = record_hashes(connection, (row.record_seq for row in rows))
    main = main_rooms(context.site)
    shown = []
    for row in rows:
        operation = next((note.text for note in reversed(notes.get(row.id, [])) if note.kind == OPERATION), None)
        code = _permission(row)
        shown.append(
            {
                "id": row.id,
                "at": rfc3339(row.at_us),
                "direction": row.direction,
                "area": row.area,
                "from_area": row.from_area,
                "to_area": row.to_area,
                "edge": row.edge,
                "door": row.door,
                "access_point": row.access_point,
                "holder": row.holder,
                "name": people.holders.get(row.holder) if row.holder is not None else None,
                "badge": row.badge,
                "number": row.number,
                "customer": row.customer,
                "customer_code": _customer(people, row.customer, 0),
                "customer_name": _customer(people, row.customer, 1),
                "kind": row.kind,
                "partners": [_other(people, numbers, row.edge_id, one) for one in partners[row.id]],
                "escort": _other(people, numbers, row.edge_id, row.escort) if row.escort is not None else None,
                "permission": None
                if code is None
                else {"code": code, "en": PERMISSIONS[code][0], "zh": PERMISSIONS[code][1], "grant": row.permit},
                "purpose": row.purpose or purposes.get(row.badge),
                "operator": row.operator,
                "emergency": row.emergency,
                "stays": [
                    _stay(stay) for stay in sorted(stays.get(row.id, []), key=lambda stay: (stay.in_us, stay.area))
                ],
                "operation": operation,
                "incomplete": row.direction == "in" and row.area in main and operation is None,
                "notes": len(notes.get(row.id, [])),
                "record": {"seq": row.record_seq, "event_seq": row.event_seq, "hash": _hex(hashes.get(row.record_seq))},
            }
        )
    return shown


def own_stay(entry: dict[str, Any]) -> dict[str, Any] | None:
    """The stay of the room that this entry is about, which it began or ended."""
    return next((one for one in entry["stays"] if one["area"] == entry["area"]), None)


def stays_told(entry: dict[str, Any], sought: Sought) -> list[dict[str, Any] | None]:
    """What the lines about this entry tell, where ``sought`` found it: each stay that it began, with ``open`` those that go on, and before
    them None where it is an exit alone. One line of its own stay, or of none, where lines are passages, and where no stay tells of it."""
    begun: list[dict[str, Any] | None] = [
        one
        for one in entry["stays"]
        if one["entry"] == entry["id"]
        and sought.area in (None, one["area"])
        and not (sought.open and one["ended_by"] is not None)
    ]
    if not begun or not (sought.open or sought.by_stay):
        return [own_stay(entry)]
    alone = entry["direction"] == "out" and all(one["entry"] == entry["id"] for one in entry["stays"])
    return [None, *begun] if alone and not sought.open and sought.area in (None, entry["area"]) else begun


def show_notes(session: Session, context: Context, entry: Any) -> list[dict[str, Any]]:
    """An entry's notes in their order, each checked against its signature and the ledger's record."""
    connection = session.connection()
    record_hash = record_hashes(connection, [entry.record_seq]).get(entry.record_seq, b"")
    return [
        {
            "n": note.n,
            "kind": note.kind,
            "text": note.text,
            "operator": note.operator,
            "at": rfc3339(note.at_us),
            "kid": note.kid,
            "signature": note.signature.hex(),
            "signature_holds": signature_holds(context.keys, note, entry, record_hash),
        }
        for note in notes_of(connection, [entry.id]).get(entry.id, [])
    ]


def _permission(row: Any) -> str | None:
    if row.holder is None or row.direction in ("found", "missed"):
        return None
    if row.emergency:
        return "emergency"
    if row.badge == 0:
        return "admitted"
    return _BY_KIND.get(row.kind or "")


def _stay(stay: Any) -> dict[str, Any]:
    return {
        "area": stay.area,
        "in_at": rfc3339(stay.in_us),
        "out_at": rfc3339(stay.out_us),
        "ended_by": stay.ended_by,
        "entry": stay.id // STAYS_PER_ENTRY,
        "exit": stay.exit_id,
    }


def _other(people: People, numbers: dict[tuple[int, int], str], edge_id: int, holder: int) -> dict[str, Any]:
    return {"holder": holder, "name": people.holders.get(holder), "number": numbers.get(_who(edge_id, holder))}


def _who(edge_id: int, holder: int) -> tuple[int, int]:
    """People without a badge have numbers of one edge only."""
    return (edge_id if holder < 0 else 0), holder


def _customer(people: People, customer: int | None, which: int) -> str | None:
    """0: the code; 1: the name."""
    found = people.customers.get(customer) if customer is not None else None
    return found[which] if found is not None else None


def _hex(raw: bytes | None) -> str | None:
    return raw.hex() if raw is not None else None


def _purposes(session: Session, badges: set[int]) -> dict[int | None, str]:
    """Badge → what its application says it is for (B1), or the permit that it was lent for (R3)."""
    if not badges:
        return {}
    applied = select(col(Application.badge_id), col(Application.purpose)).where(col(Application.badge_id).in_(badges))
    lent = (
        select(col(TemporaryBadge.badge_id), col(Permit.reason))
        .join(Permit, col(Permit.id) == TemporaryBadge.permit_id)
        .where(col(TemporaryBadge.badge_id).in_(badges))
    )
    return {
        badge: purpose for one in (applied, lent) for badge, purpose in session.connection().execute(one) if purpose
    }


def _numbers(session: Session, holders: set[int], rows: Sequence[Any]) -> dict[tuple[int, int], str]:
    """The printed numbers of these holders: what they passed with in the same opening, or are inside with now."""
    if not holders:
        return {}
    connection, presence = session.connection(), table_of(LedgerPresence)
    query = select(presence.c.edge_id, presence.c.holder, presence.c.number).where(presence.c.holder.in_(holders))
    found = {_who(row.edge_id, row.holder): row.number for row in connection.execute(query)}
    together = {(one, row.at_us) for row in rows for one in (row.escort, *json.loads(row.partners)) if one is not None}
    times = sorted({at_us for _, at_us in together})
    for start in range(0, len(times), IDS_AT_ONCE):
        for row in connection.execute(passed_at(times[start : start + IDS_AT_ONCE])):
            if row.number and (row.holder, row.at_us) in together:
                found[_who(row.edge_id, row.holder)] = row.number
    return found


def passed_at(times: Sequence[int]) -> Select[Any]:
    """Who passed at just these times: few at each."""
    entries = ENTRIES.c
    return select(entries.edge_id, entries.holder, entries.at_us, entries.number).where(entries.at_us.in_(times))
