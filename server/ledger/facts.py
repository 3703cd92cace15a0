"""What stands now at one edge, folded from its events: alarms, doors, who is where and who waits, lockdowns, fire, devices.

The live pages read these tables instead of the ledger (NOTES: "who is inside" from ten million events takes 15 s).
"""

from collections.abc import Callable
from typing import Any

import msgspec
from sqlalchemy import delete, select
from sqlalchemy.engine import Connection

from controller.commands import AcknowledgeAlarm, Release, ResetFire
from controller.events import (
    AccessDenied,
    AccessGranted,
    AccessLapsed,
    AccessPending,
    AccessTaken,
    AlarmAcknowledged,
    AlarmCleared,
    AlarmRaised,
    AnyEvent,
    CommandDone,
    DeviceStateChanged,
    DoorClosed,
    DoorLocked,
    DoorModeChanged,
    DoorOpened,
    DoorUnlocked,
    EdgeStarted,
    FireLatched,
    FireReset,
)
from controller.room_events import (
    AreaCertain,
    AreaUncertain,
    EscortChanged,
    LockdownChanged,
    MaintenanceChanged,
    OccupancyReconciled,
)
from server.fleet.models import Edge
from server.ledger.alarm_facts import AlarmFacts
from server.ledger.columns import MAX_AT_US
from server.ledger.keyed_rows import Keyed, Replaced, Row
from server.ledger.keyed_rows import table_of as table_of
from server.ledger.models import (
    LedgerArea,
    LedgerDevice,
    LedgerDoor,
    LedgerFire,
    LedgerLockdown,
    LedgerPresence,
    LedgerWaiting,
)

EDGE = "edge"
SERVER = "server"


class Facts:
    """One edge's tables within one transaction of the ledger's writer: loaded, folded, then :meth:`save` d."""

    def __init__(self, connection: Connection, edge_id: int) -> None:
        self._connection = connection
        self._edge_id = edge_id
        self._doors = Keyed(connection, LedgerDoor, edge_id, "door")
        self._presence = Keyed(connection, LedgerPresence, edge_id, "holder")
        self._areas = Keyed(connection, LedgerArea, edge_id, "area")
        self._waiting = Keyed(connection, LedgerWaiting, edge_id, "place")
        self._lockdowns = Keyed(connection, LedgerLockdown, edge_id, "area")
        self._fires = Keyed(connection, LedgerFire, edge_id, "zone")
        self._devices = Replaced(connection, LedgerDevice, edge_id, "device")
        self._door_facts: dict[tuple[str, str], tuple[str | int | None, int]] = {}
        self._alarms = AlarmFacts(connection, edge_id)

    def stands(self, alarm: str, subject: str, source: str = EDGE) -> bool:
        """Whether this alarm is raised and not cleared."""
        return self._alarms.stands(alarm, subject, source)

    def apply(self, event: AnyEvent, at_us: int, seq: int, source: str = EDGE, mono_us: int = 0) -> None:
        """Fold one event, at ``seq`` of the ledger's events, when the edge's boot time was ``mono_us``."""
        fold = _FOLDS.get(type(event))
        if fold is not None:
            fold(self, event, at_us, mono_us)
        elif isinstance(event, AlarmRaised):
            self._alarms.raised(event, at_us, seq, source)
        elif isinstance(event, AlarmAcknowledged):
            self._alarms.acknowledged(event, at_us, seq, source)
        elif isinstance(event, AlarmCleared):
            self._alarms.cleared(event, at_us, seq, source)

    def _unlocked(self, event: DoorUnlocked, at_us: int, *_: object) -> None:
        self._door_facts[event.door, "lock"] = ("unlocked", at_us)

    def _locked(self, event: DoorLocked, at_us: int, *_: object) -> None:
        self._door_facts[event.door, "lock"] = ("locked", at_us)

    def _opened(self, event: DoorOpened, at_us: int, *_: object) -> None:
        self._door_facts[event.door, "position"] = ("open", at_us)

    def _closed(self, event: DoorClosed, at_us: int, *_: object) -> None:
        self._door_facts[event.door, "position"] = ("closed", at_us)

    def _mode_changed(self, event: DoorModeChanged, at_us: int, *_: object) -> None:
        self._door_facts[event.door, "mode"] = (event.mode, at_us)

    def _maintenance(self, event: MaintenanceChanged, at_us: int, _mono_us: int) -> None:
        self._door_facts[event.door, "maintenance_until_us"] = (event.until_us, at_us)

    def _taken(self, event: AccessTaken, at_us: int, _mono_us: int) -> None:
        if event.presence != "unchanged":  # who has passed waits nowhere any more
            for place in [place for place, row in self._waiting.rows().items() if row["holder"] == event.holder]:
                self._waiting.remove(place)
        if event.presence == "gone":
            self._presence.remove(event.holder)
        elif event.presence == "inside":
            self._presence.put(
                event.holder,
                {
                    "area": event.to_area,
                    "since_us": at_us,
                    "door": event.door,
                    "badge": event.badge,
                    "number": event.number,
                    "customer": event.customer,
                    "kind": event.kind,
                    "sure": True,
                    "escort": event.escort,
                    "unescorted": False,
                    "from_area": event.from_area,
                },
            )

    def _uncertain(self, event: AreaUncertain, at_us: int, _mono_us: int) -> None:
        areas = {event.area, *event.within}
        for area in sorted(areas):
            known = self._areas.get(area)
            if known is None:
                self._areas.put(area, {"uncertain_since_us": at_us, "cause": event.cause})
            elif known["cause"] == "rex" and event.cause != "rex":  # somebody may have come, too
                self._areas.put(area, known | {"cause": event.cause})
        for holder, row in self._presence.rows().items():
            if row["area"] in areas and row["sure"]:
                self._presence.touch(holder)["sure"] = False

    def _certain(self, event: AreaCertain, *_: object) -> None:
        self._areas.drop(event.area)

    def _counted(self, event: OccupancyReconciled, at_us: int, _mono_us: int) -> None:
        for area in (event.area, *event.within):
            known = self._areas.get(area)
            if area not in event.doubtful:
                self._areas.drop(area)
            elif known is not None and known["cause"] == "rex":  # who is there may not be listed there
                self._areas.put(area, known | {"cause": "ambiguous"})
        for holder in event.gone:
            self._presence.drop(holder)
        for found in event.present:
            if self._presence.get(found.holder) is None:
                self._presence.put(
                    found.holder,
                    {
                        "area": found.area,
                        "since_us": at_us,
                        "door": "",
                        "badge": found.badge,
                        "number": found.number,
                        "customer": found.customer,
                        "kind": found.kind,
                        "sure": True,
                        "escort": None,
                        "unescorted": False,
                        "from_area": None,
                    },
                )
            else:
                self._presence.touch(found.holder).update(area=found.area, sure=True)
        for found in event.elsewhere:
            if self._presence.get(found.holder) is not None:
                self._presence.touch(found.holder).update(area=found.area, sure=False)
        # nobody else is there: whom lost records left on this list, the edge cannot name
        counted = {event.area, *event.within}
        named = {found.holder for found in (*event.present, *event.elsewhere)}
        for holder, row in list(self._presence.rows().items()):
            if row["area"] in counted and holder not in named:
                self._presence.remove(holder)
        self._settle_revoked(counted, at_us)

    def _settle_revoked(self, counted: set[str], at_us: int) -> None:
        """Who is in the counted rooms is this edge's to say now: a revoked one says nothing any more."""
        table, edges = table_of(LedgerPresence), table_of(Edge)
        revoked = select(edges.c.id).where(edges.c.revoked_at.is_not(None), edges.c.id != self._edge_id)
        before = table.c.area.in_(counted), table.c.since_us <= at_us
        self._connection.execute(delete(table).where(table.c.edge_id.in_(revoked), *before))

    def _escort(self, event: EscortChanged, *_: object) -> None:
        for visitor in event.visitors:
            if self._presence.get(visitor) is not None:
                self._presence.touch(visitor).update(escort=event.escort, unescorted=event.escort is None)

    def _pending(self, event: AccessPending, at_us: int, mono_us: int) -> None:
        known = self._waiting.get(_place(event))
        self._waiting.put(
            _place(event),
            {
                "access_point": event.access_point,
                "door": event.door,
                "holder": event.holder,
                "badge": event.badge,
                "number": event.number,
                "customer": event.customer,
                "out": event.out,
                "because": msgspec.json.encode(event.because).decode(),
                "since_us": at_us,
                "until_us": min(at_us + max(event.until_mono_us - mono_us, 0), MAX_AT_US),
            }
            | ({"since_us": known["since_us"]} if known is not None and known["until_us"] > at_us else {}),
        )

    def _decided(self, event: AccessGranted | AccessDenied | AccessLapsed, *_: object) -> None:
        if self._waiting.rows() and event.holder is not None:
            self._waiting.drop(_place(event))

    def _started(self, _event: EdgeStarted, *_: object) -> None:
        for place in list(self._waiting.rows()):
            self._waiting.remove(place)

    def _lockdown(self, event: LockdownChanged, at_us: int, _mono_us: int) -> None:
        if not event.active:
            self._lockdowns.drop(event.area)
            return
        row = {"cause": event.cause, "operator": event.operator, "reason": event.reason, "since_us": at_us}
        self._lockdowns.put(event.area, row)

    def _fire(self, event: FireLatched, at_us: int, _mono_us: int) -> None:
        """The first zone freezes the muster: who is inside by the edge's word now (MEANINGS 27)."""
        fires = self._fires.rows()
        if event.zone in fires:
            return
        muster = None if fires else msgspec.json.encode(list(self._presence.rows().values())).decode()
        self._fires.put(event.zone, {"since_us": at_us, "muster": muster})

    def _fire_reset(self, event: FireReset, *_: object) -> None:
        gone = self._fires.get(event.zone)
        self._fires.drop(event.zone)
        others = sorted(self._fires.rows())
        if gone is not None and gone["muster"] is not None and others:
            self._fires.touch(others[0])["muster"] = gone["muster"]

    def _device(self, event: DeviceStateChanged, at_us: int, *_: object) -> None:
        row = {"kind": event.kind, "working": event.working, "cause": event.cause, "changed_us": at_us}
        self._devices.put(event.device, row)

    def door_reported(self, door: str, at_us: int, reported: dict[str, str]) -> None:
        """A door's facts from a status that is not behind the ledger: they repair what lost records left wrong."""
        known: Row = {name: reported[name] for name in ("mode", "position", "lock") if name in reported}
        row = self._doors.get(door)
        if row is None or any(row[name] != value for name, value in known.items()):
            self._door_facts |= {(door, name): (value, at_us) for name, value in known.items()}

    def _answered(self, event: CommandDone, at_us: int, _mono_us: int) -> None:
        """What the edge says there is not, there is not: lost records may have said so before."""
        asked, reason = event.command, event.because.reason if event.because is not None else ""
        if isinstance(asked, AcknowledgeAlarm) and reason == "NO_SUCH_ALARM":
            self._alarms.end(EDGE, asked.alarm, asked.subject, at_us)
        elif isinstance(asked, Release) and reason == "NOT_LOCKED_DOWN":
            self._lockdowns.drop(asked.area)
        elif isinstance(asked, ResetFire) and reason == "FIRE_NOT_LATCHED":
            self._fire_reset(FireReset(asked.zone))

    def begin_anew(self, at_us: int) -> None:
        """The edge's journal was replaced: it knows nothing of what stood. Whoever was inside may be there yet, so they stay on the list,
        not sure, until they pass again or a count does not find them."""
        for place in list(self._waiting.rows()):
            self._waiting.remove(place)
        for area in list(self._lockdowns.rows()):
            self._lockdowns.remove(area)
        for zone in list(self._fires.rows()):
            self._fires.remove(zone)
        for door in self._doors.rows():
            self._door_facts |= {(door, "maintenance_until_us"): (None, at_us), (door, "mode"): ("controlled", at_us)}
            self._door_facts |= {(door, name): ("unknown", at_us) for name in ("position", "lock")}
        self._alarms.end_all(at_us, EDGE)
        for area in {row["area"] for row in self._presence.rows().values()}:
            self._uncertain(AreaUncertain(area, "records_dropped"), at_us, 0)

    def save(self) -> None:
        """Write what changed."""
        self._settle_doors()
        for rows in (
            self._doors,
            self._presence,
            self._areas,
            self._waiting,
            self._lockdowns,
            self._fires,
            self._devices,
        ):
            rows.save()
        self._alarms.save()

    def _settle_doors(self) -> None:
        """The last word on each fact of each door."""
        for (door, name), (value, at_us) in self._door_facts.items():
            row = self._doors.change(door)
            if row is None:
                unknown = {"mode": "controlled", "position": "unknown", "lock": "unknown", "maintenance_until_us": None}
                row = self._doors.put(door, unknown | {"changed_us": at_us})
            row[name] = value
            row["changed_us"] = max(row["changed_us"], at_us)


def _place(event: AccessPending | AccessGranted | AccessDenied | AccessLapsed) -> str:
    return f"{event.access_point}/{event.holder}"


_FOLDS: dict[type, Callable[[Facts, Any, int, int], None]] = {
    DoorUnlocked: Facts._unlocked,
    DoorLocked: Facts._locked,
    DoorOpened: Facts._opened,
    DoorClosed: Facts._closed,
    DoorModeChanged: Facts._mode_changed,
    AccessTaken: Facts._taken,
    AccessPending: Facts._pending,
    AccessGranted: Facts._decided,
    AccessDenied: Facts._decided,
    AccessLapsed: Facts._decided,
    AreaUncertain: Facts._uncertain,
    AreaCertain: Facts._certain,
    OccupancyReconciled: Facts._counted,
    EscortChanged: Facts._escort,
    LockdownChanged: Facts._lockdown,
    MaintenanceChanged: Facts._maintenance,
    FireLatched: Facts._fire,
    FireReset: Facts._fire_reset,
    EdgeStarted: Facts._started,
    DeviceStateChanged: Facts._device,
    CommandDone: Facts._answered,
}
