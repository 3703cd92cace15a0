"""Stays equal those of a second, plain program that walks the ledger's own records, in whatever batches they came."""

from pathlib import Path
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import select

from controller.events import ExitByRequest
from controller.room_events import Found, OccupancyReconciled
from controller.site_checks import parse_site
from server.db.engine import Database
from server.fleet.models import Edge
from server.ledger.models import LedgerPresence
from server.ledger.writer import Ledger
from server.rooms.models import RegisterEntry, RegisterStay
from tests.server.conftest import ON_SQLITE, START
from tests.server.edges import AT_US, WireEdge
from tests.server.rooms.conftest import HOUSE, taken

SITE = parse_site(HOUSE)
ROOMS = {"lobby": ["lobby"], "hall": ["hall"], "cage-a": ["cage-a", "hall"], "annex": ["annex"], "outside": []}
"""The house by hand: which rooms somebody in an area is in."""
POINTS = ["lobby-in", "lobby-out", "hall-in", "hall-out", "cage-in", "cage-out", "annex-in", "annex-out"]
HOLDERS = st.integers(1, 3)
PLACES = st.sampled_from(["hall", "cage-a", "lobby"])
FOUND = st.builds(Found, HOLDERS, HOLDERS, st.just("M"), PLACES)
EVENTS: Any = st.one_of(
    st.builds(taken, st.sampled_from(POINTS), HOLDERS),
    st.builds(taken, st.sampled_from(POINTS), HOLDERS),
    st.builds(ExitByRequest, st.just("hall-door"), st.just("hall")),
    st.builds(
        OccupancyReconciled, st.just("hall"), st.just(("cage-a",)), st.lists(FOUND, max_size=2).map(tuple),
        st.lists(HOLDERS, max_size=2).map(tuple), st.just("opr_1"), st.just("counted"),
        st.lists(st.builds(Found, HOLDERS, HOLDERS, st.just("M"), st.just("hall")), max_size=1).map(tuple),
    ),
)  # fmt: skip


def plain(events: list[dict[str, Any]]) -> dict[tuple[int, str], list[str | None]]:
    """(holder, room) → how each stay there ended, in order; None: it goes on."""
    stays: dict[tuple[int, str], list[str | None]] = {}

    def inside(holder: int) -> set[str]:
        return {room for (who, room), ends in stays.items() if who == holder and ends[-1] is None}

    def end(holder: int, room: str, how: str) -> None:
        stays[holder, room][-1] = how

    def begin(holder: int, room: str) -> None:
        stays.setdefault((holder, room), []).append(None)

    for event in events:
        if event["type"] == "AccessTaken":
            holder, there, here = event["holder"], set(ROOMS[event["to_area"]]), set(ROOMS[event["from_area"]])
            for room in inside(holder) - there:
                end(holder, room, "exit")
            for room in there & inside(holder) - here:
                end(holder, room, "unseen")
            for room in there - inside(holder):
                begin(holder, room)
        elif event["type"] == "OccupancyReconciled":
            for found in event["present"]:
                rooms, known = set(ROOMS[found["area"]]), inside(found["holder"])
                for room in known - rooms:
                    end(found["holder"], room, "count")
                for room in rooms - known:
                    begin(found["holder"], room)
            for holder in event["gone"]:
                for room in inside(holder):
                    end(holder, room, "count")
            for found in event.get("elsewhere", []):
                for room in inside(found["holder"]) - set(ROOMS[found["area"]]):
                    end(found["holder"], room, "count")
            named = {found["holder"] for found in [*event["present"], *event.get("elsewhere", [])]} | set(event["gone"])
            for holder in {who for who, _ in stays} - named:
                if inside(holder) & {event["area"], *event["within"]}:
                    for room in inside(holder):
                        end(holder, room, "count")
    return stays


@ON_SQLITE
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(EVENTS, min_size=1, max_size=14), st.sets(st.integers(1, 13)))
def test_stays_are_what_the_records_say_however_they_are_cut(
    sqlite_template: Path, tmp_path: Path, database_kind: str, events: list[Any], cuts: set[int]
) -> None:
    path = tmp_path / "property.db"
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    path.write_bytes(sqlite_template.read_bytes())
    database = Database(f"sqlite:///{path}")
    try:
        with database.write() as session:
            session.add(Edge(id=1, name="edge-1", created_at=START, epoch=1))
        edge = WireEdge()
        for event in events:
            edge.record(event)
        ledger = Ledger(database, "test", SITE)
        starts = sorted({0, *(cut for cut in cuts if cut < len(events))})
        for start, stop in zip(starts, [*starts[1:], len(events)], strict=True):
            with ledger.writing(AT_US) as writer:
                writer.take(1, edge.batch(start + 1, stop))
        with database.read() as session:
            found: dict[tuple[int, str], list[str | None]] = {}
            for stay in session.exec(select(RegisterStay).order_by(RegisterStay.id)):  # type: ignore[arg-type]
                found.setdefault((stay.holder, stay.area), []).append(stay.ended_by)
            entries = session.exec(select(RegisterEntry)).all()
            present = {row.holder: row.area for row in session.exec(select(LedgerPresence))}
        told = [msgspec.json.decode(raw)["events"][0] for raw in edge.journal]
        assert found == plain(told)
        passages = sum(one["type"] in ("AccessTaken", "ExitByRequest") for one in told)
        assert sum(entry.direction in ("in", "out") for entry in entries) == passages
        assert [entry.id for entry in entries] == list(range(1, len(entries) + 1))
        open_now = {holder for (holder, _), ends in found.items() if ends[-1] is None}
        assert open_now <= {holder for holder, area in present.items() if ROOMS[area]}, "nobody stays who is not listed"
    finally:
        database.close()
