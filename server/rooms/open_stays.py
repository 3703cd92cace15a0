"""Stays that begin and end while records are ingested (R3).

Somebody's stays are those of all edges: whoever passes from a room of one into a room of another has left the first. What an edge tells
late, after another's later passages, is put in its place before them. People without a badge have numbers of one edge only.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import or_, select
from sqlalchemy.engine import Connection

from server.fleet.models import Edge
from server.ledger.bulk import insert_rows, run, upsert_rows
from server.ledger.keyed_rows import table_of
from server.rooms.areas import Areas
from server.rooms.models import OPEN, STAYS_PER_ENTRY, RegisterEntry, RegisterStay
from server.rooms.whereabouts import COLUMNS, MOVES, Passage, how_ended

IDS_AT_ONCE = 500
_ENTRIES, _STAYS = table_of(RegisterEntry), table_of(RegisterStay)
_REVOKED = select(table_of(Edge).c.id).where(table_of(Edge).c.revoked_at.is_not(None))
_ANY_EDGE = 0
"""In the place of an edge's id: of people with a badge."""
Moved = tuple[int, Sequence[int]]
"""How many stays a passage began, and the ids of those that it ended."""


class Stay(msgspec.Struct, gc=False):
    """A row of ``register_stay``, in the order of its columns; ``stored``: it began in an earlier transaction."""

    id: int
    area: str
    edge_id: int
    holder: int
    in_us: int
    exit_id: int | None = None
    out_us: int | None = None
    ended_by: str | None = None
    stored: bool = False


_COLUMNS = Stay.__struct_fields__[:-1]
_STAY = f"SELECT {', '.join(_COLUMNS)} FROM register_stay WHERE "  # noqa: S608 - our own names
_LATER = select(*COLUMNS).where(MOVES).order_by(_ENTRIES.c.at_us, _ENTRIES.c.id)


class OpenStays:
    """The stays of one transaction's holders; :meth:`save` writes what changed."""

    def __init__(self, connection: Connection, areas: Areas) -> None:
        self._connection = connection
        self._areas = areas
        self._open: dict[tuple[int, int], dict[str, Stay]] = {}
        self._began: list[Stay] = []
        self._changed: dict[int, Stay] = {}
        self._later: dict[int, list[Passage]] = {}
        self._ended_later: dict[int, dict[int, tuple[Stay, int]]] = {}

    def load(self, holders: Iterable[int]) -> None:
        """Read the open stays of these holders."""
        for stay in self._read(f"{_STAY}ended_by IS NULL AND holder IN ", holders):
            stays = self._open.setdefault(_key(stay.edge_id, stay.holder), {})
            before = stays.get(stay.area)
            stays[stay.area] = stay
            if before is not None:  # of two edges, from when each was read alone
                first, second = sorted((before, stay), key=lambda one: one.in_us)
                stays[stay.area] = second
                self._end(first, "unseen")

    def load_later(self, since: Mapping[int, int]) -> None:
        """Read what edges told already of later times: holder → from when on."""
        exits: dict[int, int] = {}
        unseen: dict[int, int] = {}
        for some in _parts(holder for holder in since if holder > 0):
            later = _ENTRIES.c.holder.in_(some), _ENTRIES.c.at_us > min(since[holder] for holder in some)
            for row in self._connection.execute(_LATER.where(*later)):
                passage = Passage(*row)
                if passage.at_us > since[passage.holder]:
                    self._later.setdefault(passage.holder, []).append(passage)
                    exits[passage.id] = passage.at_us
                    unseen |= dict.fromkeys(msgspec.json.decode(passage.ended), passage.at_us)
        known = [(stay, exits[stay.exit_id or 0]) for stay in self._read(f"{_STAY}exit_id IN ", exits)]
        known += [(stay, unseen[stay.id]) for stay in self._read(f"{_STAY}exit_id IS NULL AND id IN ", unseen)]
        for stay, ended_us in known:
            self._ended_later.setdefault(stay.holder, {})[stay.id] = stay, ended_us

    def of(self, edge_id: int, holder: int) -> Mapping[str, Stay]:
        """Somebody's open stays by room."""
        return self._open.get(_key(edge_id, holder), {})

    def stored_in(self, edge_id: int, rooms: Collection[str]) -> set[int]:
        """Who has an open stay in these rooms since an earlier transaction."""
        stays = _STAYS.c
        known = or_(stays.edge_id == edge_id, stays.holder > 0, stays.edge_id.in_(_REVOKED))
        return set(self._connection.scalars(select(stays.holder).where(OPEN, known, stays.area.in_(rooms))))

    def staying_in(self, edge_id: int, at_us: int, rooms: Collection[str]) -> set[int]:
        """Who of the loaded holders was in these rooms."""
        return {
            holder
            for (edge, holder), stays in self._open.items()
            if edge in (_ANY_EDGE, edge_id)
            and any(stay.area in rooms and _is_known(stay, edge_id, at_us) for stay in stays.values())
        }

    def end_revoked(self, edge_id: int, at_us: int, rooms: Collection[str]) -> None:
        """People without a badge whom an edge listed that is revoked by now: a count of these rooms says who is there. No entry is about
        them, for their numbers are that edge's."""
        revoked = set(self._connection.scalars(_REVOKED)) - {edge_id}
        for (edge, _), stays in self._open.items():
            for stay in [stay for stay in stays.values() if edge in revoked and stay.area in rooms]:
                if stay.in_us <= at_us:
                    self._end(stays.pop(stay.area), "count", None, at_us)

    def move(
        self,
        passage: Passage,
        rooms: Sequence[str],
        came_from: Sequence[str],
        how: str,
        keeps: Sequence[str] = (),
        entry_follows: bool = True,
    ) -> Moved:
        """By ``passage``, an entry if one ``entry_follows``, its holder is in ``rooms``; stays in ``keeps`` go on. Its own edge's word ends all
        other stays that this edge told of, and of those of other edges what :func:`how_ended` says."""
        stays = self._open.setdefault(_key(passage.edge_id, passage.holder), {})
        exit_id = passage.id if entry_follows else None
        ended: list[int] = []
        began = 0
        then = self._then(passage, stays)
        for stay in [stay for area, stay in then.items() if area not in rooms and area not in keeps]:
            told = how if stay.edge_id == passage.edge_id else how_ended(self._areas, passage, stay.area)
            if told is not None:
                self._leave(stays, stay, told, exit_id, passage.at_us)
                ended.append(stay.id)
        for area in rooms:
            if area in then:
                if area in came_from:
                    continue
                self._leave(stays, then[area], "unseen")
            stay = Stay(passage.id * STAYS_PER_ENTRY + began, area, passage.edge_id, passage.holder, passage.at_us)
            self._began.append(stay)
            began += 1
            if area not in stays:
                stays[area] = stay
            elif not self._end_by_later(stay):  # another edge has them there since a later time
                self._end(stay, "unseen")
        return began, ended

    def save(self) -> None:
        """Write what began and ended."""
        for holder in self._later:
            stays = self._open.get((_ANY_EDGE, holder), {})
            for area in [area for area, stay in stays.items() if self._end_by_later(stay)]:
                del stays[area]
        # first those that ended: of one holder and area one stay is open
        upsert_rows(self._connection, _STAYS, _COLUMNS, ("id",), list(map(_row, self._changed.values())))
        insert_rows(self._connection, _STAYS, _COLUMNS, list(map(_row, self._began)))

    def _then(self, passage: Passage, stays: Mapping[str, Stay]) -> dict[str, Stay]:
        """What went on when this was passed, by room: also what ended by another edge's word of a later time."""
        told = self._ended_later.get(passage.holder, {}).values()
        over = {stay.area: stay for stay, ended_us in told if stay.in_us <= passage.at_us < ended_us}
        return over | {area: stay for area, stay in stays.items() if _is_known(stay, passage.edge_id, passage.at_us)}

    def _leave(
        self, stays: dict[str, Stay], stay: Stay, how: str, exit_id: int | None = None, out_us: int | None = None
    ) -> None:
        self._end(stay, how, exit_id, out_us)
        if stays.get(stay.area) is stay:
            del stays[stay.area]
        self._ended_later.get(stay.holder, {}).pop(stay.id, None)

    def _end_by_later(self, stay: Stay) -> bool:
        """Whether a later passage at another edge had ended this stay, and which did first."""
        for passage in self._later.get(stay.holder, ()):
            if passage.edge_id != stay.edge_id and passage.at_us > stay.in_us:
                told = how_ended(self._areas, passage, stay.area)
                if told is not None:
                    self._end(stay, told, passage.id, passage.at_us)
                    return True
        return False

    def _end(self, stay: Stay, how: str, exit_id: int | None = None, out_us: int | None = None) -> None:
        stay.ended_by = how
        stay.exit_id, stay.out_us = (exit_id, out_us) if how != "unseen" else (None, None)
        if stay.stored:
            self._changed[stay.id] = stay

    def _read(self, statement: str, wanted: Iterable[int]) -> Iterator[Stay]:
        for some in _parts(wanted):
            for row in run(self._connection, f"{statement}({', '.join('?' * len(some))})", tuple(some)):
                stay = Stay(*row)
                stay.stored = True
                yield stay


def _key(edge_id: int, holder: int) -> tuple[int, int]:
    return (_ANY_EDGE if holder > 0 else edge_id), holder


def _is_known(stay: Stay, edge_id: int, at_us: int) -> bool:
    """Whether the stay had begun: another edge may have told of a later time before."""
    return stay.edge_id == edge_id or stay.in_us <= at_us


def _row(stay: Stay) -> tuple[Any, ...]:
    return stay.id, stay.area, stay.edge_id, stay.holder, stay.in_us, stay.exit_id, stay.out_us, stay.ended_by


def _parts(wanted: Iterable[int]) -> Iterator[list[int]]:
    ordered = sorted(set(wanted))
    for start in range(0, len(ordered), IDS_AT_ONCE):
        yield ordered[start : start + IDS_AT_ONCE]
