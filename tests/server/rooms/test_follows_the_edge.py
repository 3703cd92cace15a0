"""What the server keeps of an edge is the edge's own state, after any sequence of inputs, however its records were cut into batches."""

from pathlib import Path
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import col, select

from controller.events import decode_record
from controller.fold import fold
from controller.state import State
from server.db.engine import Database
from server.fleet.models import Edge
from server.ledger.models import (
    LedgerAlarm,
    LedgerArea,
    LedgerDoor,
    LedgerFire,
    LedgerLockdown,
    LedgerPresence,
    LedgerWaiting,
)
from server.ledger.writer import Ledger
from server.rooms.areas import Areas
from server.rooms.models import RegisterStay
from tests.controller.test_engine_properties import DEMANDING, IN_THE_HALL, MOMENTS, Moment, Run
from tests.server.conftest import ON_SQLITE, START
from tests.server.edges import WireEdge

FACTS = ("area", "since_us", "badge", "number", "customer", "kind", "sure", "escort", "unescorted")


def edges_word(journal: list[bytes]) -> dict[str, Any]:
    """By the controller's fold."""
    state, now_us = State(), 0
    for raw in journal:
        record = decode_record(raw)
        fold(state, record)
        now_us = record.mono_us
    muster = state.muster_at_fire
    return {
        "people": {who: tuple(getattr(one, name) for name in FACTS) for who, one in state.presence.items()},
        "uncertain": dict(state.uncertain),
        "lockdowns": set(state.lockdowns),
        "fires": dict(state.fire_latched),
        "muster": None if muster is None else {who: one.area for who, one in muster.items()},
        "alarms": {
            (one.alarm, one.subject): (one.repeats, one.acknowledged_by, one.inputs) for one in state.alarms.values()
        },
        "doors": {name: (door.mode, door.lock, door.maintenance_until_us) for name, door in state.doors.items()},
        "waiting": {
            (point, one.pending.holder)
            for point, waiting in state.waiting.items()
            for one in waiting
            if one.pending.until_mono_us > now_us
        },
    }


def servers_word(database: Database, now_us: int) -> dict[str, Any]:
    """The same from the tables."""
    with database.read() as session:
        fires = session.exec(select(LedgerFire)).all()
        musters = [msgspec.json.decode(fire.muster) for fire in fires if fire.muster is not None]
        assert len(musters) == (1 if fires else 0)
        alarms = session.exec(
            select(LedgerAlarm).where(LedgerAlarm.source == "edge", col(LedgerAlarm.cleared_us).is_(None))
        )
        return {
            "people": {
                row.holder: tuple(getattr(row, name) for name in FACTS) for row in session.exec(select(LedgerPresence))
            },
            "uncertain": {row.area: row.cause for row in session.exec(select(LedgerArea))},
            "lockdowns": {row.area for row in session.exec(select(LedgerLockdown))},
            "fires": {fire.zone: fire.since_us for fire in fires},
            "muster": {row["holder"]: row["area"] for row in musters[0]} if musters else None,
            "alarms": {
                (row.alarm, row.subject): (row.repeats, row.acknowledged_by or "", msgspec.json.decode(row.inputs))
                for row in alarms
            },
            "doors": {
                row.door: (row.mode, row.lock, row.maintenance_until_us) for row in session.exec(select(LedgerDoor))
            },
            "waiting": {
                (row.access_point, row.holder) for row in session.exec(select(LedgerWaiting)) if row.until_us > now_us
            },
        }


@ON_SQLITE
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.one_of(IN_THE_HALL, IN_THE_HALL, st.lists(MOMENTS, max_size=30)), st.sets(st.integers(1, 60), max_size=6))
def test_the_tables_are_the_edges_state(
    sqlite_template: Path, tmp_path: Path, database_kind: str, moments: list[Moment], cuts: set[int]
) -> None:
    run = Run()
    for moment in moments:
        run.play(moment)
    path = tmp_path / "property.db"
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    path.write_bytes(sqlite_template.read_bytes())
    database = Database(f"sqlite:///{path}")
    try:
        with database.write() as session:
            session.add(Edge(id=1, name="edge-1", created_at=START, epoch=1))
        edge = WireEdge()
        edge.journal = run.journal
        ledger = Ledger(database, "test", DEMANDING)
        starts = sorted({0, *(cut for cut in cuts if cut < len(run.journal))})
        for start, stop in zip(starts, [*starts[1:], len(run.journal)], strict=True):
            with ledger.writing(run.now.wall_us) as writer:
                assert writer.take(1, edge.batch(start + 1, stop)).kind == "extends"
        wanted = edges_word(run.journal)
        last = decode_record(run.journal[-1])
        found = servers_word(database, last.at_us)
        # a wall clock that was stepped moves the end of a wait here, not at the edge
        if any(wall_step_s for _, _, wall_step_s, _ in moments):
            wanted.pop("waiting"), found.pop("waiting")
        # of a door that was never moved the server knows nothing: the edge's status says that it is locked
        found["doors"] = {
            door: (mode, lock.replace("unknown", "locked"), until)
            for door in wanted["doors"]
            for mode, lock, until in [found["doors"].get(door, ("controlled", "unknown", None))]
        }
        assert found == wanted
        rooms = Areas(DEMANDING)
        with database.read() as session:
            open_stays = {
                (stay.holder, stay.area)
                for stay in session.exec(select(RegisterStay).where(col(RegisterStay.ended_by).is_(None)))
            }
        assert open_stays == {(who, room) for who, one in wanted["people"].items() for room in rooms.rooms(one[0])}
    finally:
        database.close()
