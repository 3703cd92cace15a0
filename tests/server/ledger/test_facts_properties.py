"""What stands now equals a fold of the ledger's own records by a second, plain program: whatever arrives, in whatever
batches, twice or overlapping."""

import itertools
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import select

from controller.events import (
    AccessTaken,
    AlarmAcknowledged,
    AlarmCleared,
    AlarmRaised,
    AnyEvent,
    DeviceStateChanged,
    DoorClosed,
    DoorLocked,
    DoorModeChanged,
    DoorOpened,
    DoorUnlocked,
)
from controller.room_events import (
    AreaCertain,
    AreaUncertain,
    EscortChanged,
    Found,
    LockdownChanged,
    OccupancyReconciled,
)
from server.db.engine import Database
from server.fleet.models import Edge
from server.ledger.models import (
    LedgerAlarm,
    LedgerArea,
    LedgerDevice,
    LedgerDoor,
    LedgerEvent,
    LedgerLockdown,
    LedgerPresence,
    LedgerRecord,
)
from server.ledger.writer import Ledger
from tests.server.conftest import START
from tests.server.edges import AT_US, WireEdge

DOORS = st.sampled_from(["lobby-door", "hall-door"])
SUBJECTS = st.sampled_from(["hall-door", "hall"])
ALARMS: Any = st.sampled_from(["DoorForcedOpen", "TAMPER"])
HOLDERS = st.integers(1, 3)
AREAS = st.sampled_from(["hall", "lobby"])
FOUND = st.builds(Found, HOLDERS, HOLDERS, st.just("M1"), st.sampled_from(["hall", "cage-a"]))
EVENTS: Any = st.one_of(
    st.builds(DoorUnlocked, DOORS, st.just("rex"), st.none()),
    st.builds(DoorLocked, DOORS),
    st.builds(DoorOpened, DOORS),
    st.builds(DoorClosed, DOORS),
    st.builds(DoorModeChanged, DOORS, st.sampled_from(["controlled", "released"])),
    st.builds(
        AreaUncertain, AREAS, st.sampled_from(["rex", "fire"]), st.sampled_from([(), ("cage-a",)]),
    ),
    st.builds(AreaCertain, AREAS),
    st.builds(
        OccupancyReconciled, AREAS, st.sampled_from([(), ("cage-a",)]), st.lists(FOUND, max_size=2).map(tuple),
        st.lists(HOLDERS, max_size=2).map(tuple), st.just("opr_1"), st.just("counted"),
        st.lists(FOUND, max_size=1).map(tuple), st.sampled_from([(), ("cage-a",)]),
    ),
    st.builds(EscortChanged, st.tuples(HOLDERS), st.one_of(st.none(), HOLDERS)),
    st.builds(LockdownChanged, st.sampled_from(["", "hall"]), st.booleans(), st.just("command")),
    st.builds(DeviceStateChanged, st.sampled_from(["r1", "b1"]), st.just("reader"), st.booleans()),
    st.builds(AlarmRaised, ALARMS, SUBJECTS, st.just("R1"), st.just({}), st.integers(0, 3)),
    st.builds(AlarmAcknowledged, ALARMS, SUBJECTS, st.just("opr_1"), st.sampled_from(["seen", "again"])),
    st.builds(AlarmCleared, ALARMS, SUBJECTS),
    st.builds(
        AccessTaken, st.just("hall-in"), DOORS, HOLDERS, HOLDERS, st.just("M1"), st.just("lobby"),
        st.sampled_from(["hall", "lobby"]), st.none(), st.sampled_from(["inside", "gone", "unchanged"]),
    ),
)  # fmt: skip
RECORDS = st.lists(st.lists(EVENTS, max_size=5), min_size=1, max_size=12)
CUTS = st.lists(st.tuples(st.integers(0, 11), st.integers(1, 12), st.booleans()), max_size=10)


def plain_fold(records: list[bytes]) -> dict[str, Any]:
    """Doors, presence, areas, devices and alarms, the slow way, from bytes alone."""
    doors: dict[str, dict[str, str]] = {}
    people: dict[int, dict[str, Any]] = {}
    lockdowns: set[str] = set()
    areas: dict[str, str] = {}
    devices: dict[str, bool] = {}
    alarms: list[dict[str, Any]] = []
    unknown = {"mode": "controlled", "position": "unknown", "lock": "unknown"}
    for event in itertools.chain.from_iterable(msgspec.json.decode(raw)["events"] for raw in records):
        kind = event["type"]
        standing = [
            row
            for row in alarms
            if row["stands"] and (row["alarm"], row["subject"]) == (event.get("alarm"), event.get("subject"))
        ]
        if kind in ("DoorUnlocked", "DoorLocked"):
            doors.setdefault(event["door"], dict(unknown))["lock"] = kind.removeprefix("Door").lower()
        elif kind in ("DoorOpened", "DoorClosed"):
            doors.setdefault(event["door"], dict(unknown))["position"] = "open" if kind == "DoorOpened" else "closed"
        elif kind == "DoorModeChanged":
            doors.setdefault(event["door"], dict(unknown))["mode"] = event["mode"]
        elif kind == "AreaUncertain":
            for area in [event["area"], *event.get("within", [])]:
                if areas.get(area, "rex") == "rex":
                    areas[area] = event["cause"]
                for person in people.values():
                    person["sure"] = person["sure"] and person["area"] != area
        elif kind == "AreaCertain":
            areas.pop(event["area"], None)
        elif kind == "OccupancyReconciled":
            for area in [event["area"], *event["within"]]:
                if area not in event.get("doubtful", []):
                    areas.pop(area, None)
                elif areas.get(area) == "rex":
                    areas[area] = "ambiguous"
            for holder in event["gone"]:
                people.pop(holder, None)
            for found in event["present"]:
                known = people.get(found["holder"], {"escort": None, "unescorted": False})
                people[found["holder"]] = known | {"area": found["area"], "sure": True}
            for found in event.get("elsewhere", []):
                if found["holder"] in people:
                    people[found["holder"]] |= {"area": found["area"], "sure": False}
            named = {found["holder"] for found in [*event["present"], *event.get("elsewhere", [])]}
            counted = {event["area"], *event["within"]}
            people = {who: row for who, row in people.items() if row["area"] not in counted or who in named}
        elif kind == "EscortChanged":
            for visitor in event["visitors"]:
                if visitor in people:
                    people[visitor] |= {"escort": event["escort"], "unescorted": event["escort"] is None}
        elif kind == "LockdownChanged":
            lockdowns = lockdowns | {event["area"]} if event["active"] else lockdowns - {event["area"]}
        elif kind == "DeviceStateChanged":
            devices[event["device"]] = event["working"]
        elif kind == "AlarmRaised":
            repeats = event.get("repeats", 0)
            same = [row for row in alarms if (row["alarm"], row["subject"]) == (event["alarm"], event["subject"])]
            if standing and repeats > standing[0]["repeats"]:
                standing[0] |= {"note": None, "repeats": repeats}
            elif not standing and repeats and same:
                same[-1] |= {"note": None, "repeats": repeats, "stands": True}
            elif not standing:
                row = {"alarm": event["alarm"], "subject": event["subject"], "note": None, "stands": True}
                alarms.append(row | {"repeats": repeats})
        elif kind == "AlarmAcknowledged" and standing:
            standing[0]["note"] = event["note"]
        elif kind == "AlarmCleared" and standing:
            standing[0]["stands"] = False
        elif kind == "AccessTaken" and event.get("presence") == "gone":
            people.pop(event["holder"], None)
        elif kind == "AccessTaken" and event.get("presence", "inside") == "inside":
            people[event["holder"]] = {"area": event["to_area"], "sure": True, "escort": None, "unescorted": False}
    kept = {"doors": doors, "people": people, "areas": areas, "devices": devices, "alarms": alarms}
    return kept | {"lockdowns": lockdowns}


def kept(database: Database) -> dict[str, Any]:
    """The same from the maintained tables."""
    with database.read() as session:
        return {
            "doors": {
                row.door: {"mode": row.mode, "position": row.position, "lock": row.lock}
                for row in session.exec(select(LedgerDoor))
            },
            "people": {
                row.holder: {
                    "area": row.area,
                    "sure": row.sure,
                    "escort": row.escort,
                    "unescorted": row.unescorted,
                }
                for row in session.exec(select(LedgerPresence))
            },
            "lockdowns": {row.area for row in session.exec(select(LedgerLockdown))},
            "areas": {row.area: row.cause for row in session.exec(select(LedgerArea))},
            "devices": {row.device: row.working for row in session.exec(select(LedgerDevice))},
            "alarms": [
                {
                    "alarm": row.alarm,
                    "subject": row.subject,
                    "note": row.note,
                    "stands": row.cleared_us is None,
                    "repeats": row.repeats,
                }
                for row in session.exec(select(LedgerAlarm).order_by(LedgerAlarm.raised_seq))  # type: ignore[arg-type]
            ],
        }


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(RECORDS, CUTS)
def test_what_stands_is_the_fold_of_what_is_stored(
    sqlite_template: Path,
    tmp_path: Path,
    records: list[list[AnyEvent]],
    cuts: list[tuple[int, int, bool]],
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
        for events in records:
            edge.record(*events) if events else edge.record()
        ledger = Ledger(database, "test")
        batches = [(start, count, together) for start, count, together in cuts if start < len(records)]
        pending = [edge.batch(start + 1, min(start + count, len(records))) for start, count, _ in batches]
        while pending:
            group = [pending.pop(0)]
            while pending and batches[len(batches) - len(pending)][2]:
                group.append(pending.pop(0))
            with ledger.writing(AT_US) as writer:
                for batch in group:
                    assert writer.take(1, batch).kind in ("extends", "replay", "gap")
        with ledger.writing(AT_US) as writer:
            assert writer.take(1, edge.batch(1, len(records))).head.seq == len(records)
        with database.read() as session:
            stored = [row.record for row in session.exec(select(LedgerRecord).order_by(LedgerRecord.seq))]  # type: ignore[arg-type]
            numbers = [row.seq for row in session.exec(select(LedgerEvent).order_by(LedgerEvent.seq))]  # type: ignore[arg-type]
        assert stored == edge.journal
        assert numbers == list(range(1, sum(len(msgspec.json.decode(raw)["events"]) for raw in stored) + 1))
        assert kept(database) == plain_fold(stored)
    finally:
        database.close()
