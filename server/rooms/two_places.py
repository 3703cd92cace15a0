"""BADGE_IN_TWO_PLACES: one badge inside at two edges (B3, MEANINGS 13). Edges do not know of each other, so the server looks.

Somebody who went from a room of one edge into a room of another is in one place: :mod:`server.rooms.whereabouts`.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

import msgspec
from sqlalchemy import select
from sqlalchemy.engine import Connection

from server.fleet.models import Edge
from server.ledger.facts import SERVER
from server.ledger.keyed_rows import table_of
from server.ledger.models import LedgerAlarm, LedgerPresence
from server.ledger.writer import LedgerWriter
from server.rooms.areas import Areas
from server.rooms.whereabouts import overtaken

ALARM: Final = "BADGE_IN_TWO_PLACES"
RULE = "B3"
INPUTS = ("number", "holder", "area", "edge", "since_us", "other_area", "other_edge", "other_since_us")
MAX_FOUND = 200
"""Pairs that one look takes up."""


def two_places_changed(connection: Connection, areas: Areas) -> bool:
    """Whether :func:`settle_two_places` has something to do."""
    found = {row["number"]: row for row in _found(connection, areas)}
    return bool(set(found) ^ set(_standing(connection)))


def settle_two_places(writer: LedgerWriter) -> None:
    """Raise what came up and end what is over. What an operator has acknowledged is not raised again until one of the two moves."""
    found = {row["number"]: row for row in _found(writer.connection, writer.areas)}
    standing = _standing(writer.connection)
    for number, edge_id in standing.items():
        if number not in found:
            writer.clear_alarm(edge_id, ALARM, number)
    for number, row in found.items():
        if number not in standing:
            inputs = {name: row[name] for name in INPUTS}
            writer.raise_alarm(row["edge_id"], ALARM, number, RULE, inputs)


def _found(connection: Connection, areas: Areas) -> Iterator[dict[str, Any]]:
    return islice(_pairs(connection, areas), MAX_FOUND)


def _pairs(connection: Connection, areas: Areas) -> Iterator[dict[str, Any]]:
    here, there = table_of(LedgerPresence).alias("here"), table_of(LedgerPresence).alias("there")
    edges, others = table_of(Edge).alias("edges"), table_of(Edge).alias("others")
    query = (
        select(
            here,
            there.c.edge_id.label("other_edge_id"),
            there.c.area.label("other_area"),
            there.c.since_us.label("other_since_us"),
            edges.c.name.label("edge"),
            others.c.name.label("other_edge"),
        )
        .join(there, (there.c.holder == here.c.holder) & (there.c.edge_id != here.c.edge_id))
        .join(edges, edges.c.id == here.c.edge_id)
        .join(others, others.c.id == there.c.edge_id)
        .where(here.c.holder > 0)  # people without a badge have numbers of one edge only
        .where(
            (here.c.since_us > there.c.since_us)
            | ((here.c.since_us == there.c.since_us) & (here.c.edge_id > there.c.edge_id))
        )
        .order_by(here.c.holder)
    )
    found = [dict(row._mapping) for row in connection.execute(query)]
    gone = overtaken(connection, areas, {row["holder"] for row in found})
    for row in found:
        ends = (row["edge_id"], row["holder"]), (row["other_edge_id"], row["holder"])
        if gone.isdisjoint(ends) and areas.apart(row["area"], row["other_area"]) and not _told(connection, row):
            yield row


def _told(connection: Connection, row: dict[str, Any]) -> bool:
    """Whether the badge's last alarm was about just these two passages and is over: somebody has seen to it."""
    alarms = table_of(LedgerAlarm)
    over = (alarms.c.subject == row["number"], alarms.c.alarm == ALARM, alarms.c.cleared_us.is_not(None))
    query = select(alarms.c.inputs).where(*over).order_by(alarms.c.id.desc()).limit(1)
    told = msgspec.json.decode(connection.scalar(query) or "{}")
    return all(told.get(name) == row[name] for name in ("since_us", "other_since_us"))


def _standing(connection: Connection) -> dict[str, int]:
    alarms = table_of(LedgerAlarm)
    where = (alarms.c.alarm == ALARM, alarms.c.source == SERVER, alarms.c.cleared_us.is_(None))
    return {row.subject: row.edge_id for row in connection.execute(select(alarms).where(*where))}
