"""Where somebody is who passes the doors of several edges: each knows its own doors only, so that a room with doors of two is left by
one of them unseen by the other (MEANINGS 13). The server puts together what both say, by their clocks, in whatever order it came.

People without a badge have numbers of one edge only: nothing here is about them.
"""

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import Select, or_, select
from sqlalchemy.engine import Connection, Row

from server.fleet.models import Edge
from server.ledger.keyed_rows import table_of
from server.ledger.models import LedgerArea, LedgerPresence
from server.rooms.areas import Areas
from server.rooms.models import RegisterEntry

_ENTRIES, _PRESENCE = table_of(RegisterEntry), table_of(LedgerPresence)
_UNCERTAIN, _EDGES = table_of(LedgerArea), table_of(Edge)


class Passage(msgspec.Struct, frozen=True, gc=False):
    """What an entry of the register says of where its holder is: the columns of the same names."""

    id: int
    at_us: int
    edge_id: int
    holder: int
    direction: str
    area: str
    from_area: str | None = None
    to_area: str | None = None
    ended: str = "[]"


COLUMNS = tuple(_ENTRIES.c[name] for name in Passage.__struct_fields__)
MOVES = _ENTRIES.c.direction != "opened"


def how_ended(areas: Areas, passage: Passage, room: str) -> str | None:
    """How a stay in ``room`` that another edge told of ended by this later passage, as ``ended_by`` of a stay. None: it goes on, or the passage
    says nothing of it, for nobody can pass from the one to the other: that is BADGE_IN_TWO_PLACES."""
    if passage.direction == "missed":
        return "count" if room in areas.within(passage.area) else None
    to_area = passage.to_area or passage.area
    if room in areas.rooms(to_area):
        known = passage.from_area is None or room in areas.rooms(passage.from_area)
        return None if known else "unseen"
    if passage.from_area is not None and not areas.apart(room, passage.from_area):
        return "exit"
    if areas.apart(room, to_area):
        return None
    return "count" if passage.direction == "found" else "unseen"


def present(connection: Connection, areas: Areas) -> list[dict[str, Any]]:
    """Who is inside by the word of the edges: their rows with ``edge``, its name, by time. Left out is what a later passage at another edge has
    overtaken; not ``sure`` is who may have left by a door of another edge."""
    overtaken = _overtaken(areas, connection.execute(_later_passages()))
    query = select(_PRESENCE, _EDGES.c.name.label("edge")).join(_EDGES, _EDGES.c.id == _PRESENCE.c.edge_id)
    rows = [dict(row._mapping) for row in connection.execute(query)]
    doubts = list(connection.execute(select(_UNCERTAIN)))
    for row in rows:
        row["sure"] = bool(row["sure"]) and not any(
            doubt.area == row["area"]
            and doubt.edge_id != row["edge_id"]
            and doubt.uncertain_since_us >= row["since_us"]
            for doubt in doubts
        )
    known = [row for row in rows if (row["edge_id"], row["holder"]) not in overtaken]
    return sorted(known, key=lambda row: (row["since_us"], row["holder"]))


def overtaken(connection: Connection, areas: Areas, holders: Iterable[int]) -> set[tuple[int, int]]:
    """Edge and holder of what the edges say of these people and a later passage at another edge has overtaken."""
    wanted = sorted(set(holders))
    found = connection.execute(_later_passages().where(_PRESENCE.c.holder.in_(wanted)))
    return _overtaken(areas, found) if wanted else set()


def still_there(
    connection: Connection, areas: Areas, edge_id: int, rows: list[dict[str, Any]], until_us: int
) -> list[dict[str, Any]]:
    """Those of an edge's rows of a time that nobody's passage at another edge had overtaken by then."""
    room_of = {row["holder"]: row for row in rows if row["holder"] > 0}
    query = select(*COLUMNS).where(_ENTRIES.c.holder.in_(room_of), _ENTRIES.c.edge_id != edge_id, MOVES)
    since_us = min((row["since_us"] for row in room_of.values()), default=until_us)
    passages = connection.execute(query.where(_ENTRIES.c.at_us > since_us, _ENTRIES.c.at_us <= until_us))
    gone = {
        found.holder
        for found in passages
        if found.at_us > room_of[found.holder]["since_us"]
        and _leads_away(areas, Passage(*found), room_of[found.holder]["area"])
    }
    return [row for row in rows if row["holder"] not in gone]


def _overtaken(areas: Areas, found: Iterable[Row[Any]]) -> set[tuple[int, int]]:
    gone: set[tuple[int, int]] = set()
    for row in found:  # by time
        if row.edge_id == row.there:  # a count of its own found them
            gone.discard((row.there, row.holder))
        elif _leads_away(areas, Passage(*row[: len(COLUMNS)]), row.room):
            gone.add((row.there, row.holder))
    return gone


def _leads_away(areas: Areas, passage: Passage, room: str) -> bool:
    """Whether who made this passage is, or was, where it says, and not in ``room`` any more by the word of another edge."""
    if passage.direction == "missed":
        return room in areas.within(passage.area)
    places = (passage.from_area, passage.to_area or passage.area)
    return any(place is not None and not areas.apart(room, place) for place in places)


def _later_passages() -> Select[Any]:
    """Each passage after what another edge said of where its holder is: ``there``, that edge, and ``room``; and what its own counts found."""
    another = or_(_ENTRIES.c.edge_id != _PRESENCE.c.edge_id, _ENTRIES.c.direction == "found")
    return (
        select(*COLUMNS, _PRESENCE.c.edge_id.label("there"), _PRESENCE.c.area.label("room"))
        .join(_ENTRIES, _ENTRIES.c.holder == _PRESENCE.c.holder)
        .where(_PRESENCE.c.holder > 0, _ENTRIES.c.at_us > _PRESENCE.c.since_us, another, MOVES)
        .order_by(_ENTRIES.c.at_us, _ENTRIES.c.id)
    )
