"""What an edge's records say about the building: everything that a scenario may expect of it, in either player.

Two readings side by side: :class:`sim.building_state.BuildingState`, the simulator's own, for people, alarms and doubts; the product's fold for
what only it keeps (who waits, lockdowns, how sure the list is).
"""

from collections.abc import Iterable, Sequence
from typing import Any

from controller.event_base import Explanation
from controller.events import (
    AccessDenied,
    AccessGranted,
    AccessPending,
    AccessTaken,
    AlarmCleared,
    AlarmRaised,
    AnyEvent,
    CommandDone,
    Record,
)
from controller.fold import fold
from controller.goods_events import (
    EquipmentCheckEnded,
    EquipmentCheckStarted,
    EquipmentRefused,
    ItemAccepted,
)
from controller.presence import areas_within, muster
from controller.room_events import EscortChanged, EscortConfirmed
from controller.site import Site
from controller.state import State
from sim.building_state import BuildingState


class Facts:
    """Of all records of one edge, from the first. ``names``: printed number → the scenario's name of the badge."""

    def __init__(self, site: Site, records: Sequence[Record], names: dict[str, str]) -> None:
        self._site = site
        self._records = records
        self._names = names

    def occupancy(self, area: str) -> int:
        """How many are listed in an area, those inside it included (MEANINGS 13)."""
        return self._building().people_in(area)

    def bounds(self, area: str) -> tuple[int, int | None]:
        """The fewest and the most people that are there by what is known (docs/rooms.md); None: unknown."""
        return bounds(self.state(), self._site, area)

    def uncertain(self) -> tuple[str, ...]:
        """Areas whose list may be wrong; what lies inside such an area goes without saying."""
        found = self._building().uncertain()
        inside = {area.id: area.inside for area in self._site.areas}
        return tuple(sorted(area for area in found if inside.get(area) not in found))

    def alarms(self) -> tuple[str, ...]:
        """The names of standing alarms, one for each subject."""
        return self._building().alarms()

    def cleared(self, alarm: str) -> bool:
        """Whether such an alarm was cleared."""
        return any(isinstance(event, AlarmCleared) and event.alarm == alarm for event in events_of(self._records))

    def lockdowns(self) -> tuple[str, ...]:
        """Areas that are locked down; ``site`` for the whole of it."""
        return tuple(sorted(area or "site" for area in self.state().lockdowns))

    def muster(self) -> tuple[str, ...]:
        """Everybody on the muster list (L3), by the scenario's names."""
        return tuple(sorted(self.name(presence.number) for _, presence in muster(self.state())))

    def waiting(self) -> dict[str, tuple[str, ...]]:
        """Who waits at which access point, longest first, by the scenario's names."""
        waiting = self.state().waiting.items()
        return {point: tuple(self.name(one.pending.number) for one in people) for point, people in waiting if people}

    def register(self) -> list[dict[str, Any]]:
        """Entries and exits, oldest first (R3)."""
        found = []
        for record in self._records:
            taken = [event for event in record.events if isinstance(event, AccessTaken)]
            numbers = {event.holder: event.number for event in taken} | self._numbers()
            found += [self._row(event, numbers) for event in taken if event.presence != "unchanged"]
        return found

    def state(self) -> State:
        """The product's fold."""
        state = State()
        for record in self._records:
            fold(state, record)
        return state

    def name(self, number: str) -> str:
        """A badge by the name that the scenario gives it."""
        return self._names.get(number, number)

    def _row(self, event: AccessTaken, numbers: dict[int, str]) -> dict[str, Any]:
        row: dict[str, Any] = {
            "badge": self.name(event.number),
            "number": event.number,
            "door": event.door,
            "at": event.access_point,
            "from": event.from_area,
            "to": event.to_area,
            "with": sorted(self.name(numbers.get(holder, "")) for holder in event.partners),
        }
        if event.escort is not None:
            row["escort"] = self.name(numbers.get(event.escort, ""))
        if event.emergency:
            row["emergency"] = True
        return row

    def _numbers(self) -> dict[int, str]:
        kinds = (AccessTaken, AccessGranted, AccessPending)
        return {event.holder: event.number for event in events_of(self._records) if isinstance(event, kinds)}

    def _building(self) -> BuildingState:
        return BuildingState(self._site, events_of(self._records))


def bounds(state: State, site: Site, area: str) -> tuple[int, int | None]:
    """The fewest and the most people in an area, all within it included, as docs/rooms.md counts them."""
    within = areas_within(site, area)
    inside = [presence for presence in state.presence.values() if presence.area in within]
    counted = state.uncertain.get(area, "rex") == "rex"
    return sum(1 for one in inside if one.sure), len(inside) if counted else None


def events_of(records: Iterable[Record]) -> list[AnyEvent]:
    """All events, in order."""
    return [event for record in records for event in record.events]


def decision_in(
    record: Record | None, access_point: str | None = None, number: str | None = None
) -> tuple[str | None, Explanation | None]:
    """(granted, pending, denied or confirmed; why) of a record: what the holder of ``number`` was told at ``access_point``. None: what
    anybody was told there last."""
    events = record.events if record is not None else ()
    told = [
        event
        for event in events
        if isinstance(event, AccessGranted | AccessPending | AccessDenied)
        and access_point in (None, event.access_point)
        and (number is None or event.number in ("", number))
    ]
    if told:
        words = {AccessGranted: "granted", AccessPending: "pending", AccessDenied: "denied"}
        return words[type(told[-1])], told[-1].because
    confirmed = any(isinstance(event, EscortConfirmed | EscortChanged) for event in events)
    return ("confirmed" if confirmed else None), None


def scan_in(record: Record | None, access_point: str) -> tuple[str | None, Explanation | None]:
    """(granted, pending, denied or accepted; why) of a record that a scan at ``access_point`` made, or the console in its place: what the last of it was
    told. Whom a complete check lets through is told last."""
    decision, because = decision_in(record, access_point)
    if decision is not None:
        return decision, because
    for event in reversed(record.events if record is not None else ()):
        match event:
            case EquipmentRefused(access_point=point) if point == access_point:
                return "denied", event.because
            case ItemAccepted(access_point=point) | EquipmentCheckStarted(access_point=point) if point == access_point:
                return "accepted", None
            case EquipmentCheckEnded(access_point=point, cause="cancelled") if point == access_point:
                return "accepted", None
            case _:
                pass
    return None, None


def granted_in(record: Record | None) -> list[str]:
    """The printed numbers of all whom a record lets in or out."""
    events = record.events if record is not None else ()
    return [event.number for event in events if isinstance(event, AccessGranted)]


def alarm_raised(records: Iterable[Record], alarm: str) -> bool:
    return any(isinstance(event, AlarmRaised) and event.alarm == alarm for event in events_of(records))


def command_done(records: Iterable[Record], command_id: str) -> CommandDone | None:
    """The result of a command, if it is recorded."""
    done = (event for event in events_of(records) if isinstance(event, CommandDone))
    return next((event for event in done if event.command_id == command_id), None)
