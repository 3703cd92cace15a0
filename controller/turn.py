"""One input being handled: the time, what is known, and what has come of it so far."""

from collections.abc import Mapping

import msgspec

from controller.actions import AnyAction
from controller.door import DoorCondition, condition
from controller.event_base import AlarmName
from controller.events import AlarmCleared, AlarmRaised, AnyEvent
from controller.fold import apply
from controller.index import Point, PolicyIndex
from controller.limits import Limits
from controller.now import SECOND_US
from controller.reasons import ALARMS
from controller.room_events import AreaUncertain
from controller.site import Door, DoorHardware
from controller.state import DoorState, State, alarm_key

_PLAIN_DOOR = Door(id="")
_PLAIN_LIMITS = Limits()


class Turn:
    """Collects events and actions. ``emit`` is how the state changes; there is no other way."""

    __slots__ = ("actions", "desk", "edge", "events", "hardware", "index", "mono_us", "state", "wall_us")

    def __init__(
        self,
        state: State,
        index: PolicyIndex | None,
        hardware: Mapping[str, DoorHardware],
        edge: str,
        wall_us: int,
        mono_us: int,
        desk: str = "",
    ) -> None:
        self.desk = desk
        self.state = state
        self.index = index
        self.hardware = hardware
        self.edge = edge
        self.wall_us = wall_us
        self.mono_us = mono_us
        self.events: list[AnyEvent] = []
        self.actions: list[AnyAction] = []

    @property
    def limits(self) -> Limits:
        return _PLAIN_LIMITS if self.index is None else self.index.limits

    def emit(self, event: AnyEvent) -> None:
        """A fact: applied at once, recorded with this turn."""
        apply(self.state, event, self.wall_us, self.mono_us)
        self.events.append(event)

    def act(self, action: AnyAction) -> None:
        """Something for the hardware to do."""
        self.actions.append(action)

    def raise_alarm(self, alarm: AlarmName, subject: str, *, again: bool = False, **inputs: str | int) -> None:
        """Raise an alarm that does not stand yet. ``again``: also when it stands with other inputs (the badge shows up
        elsewhere)."""
        standing = self.state.alarms.get(alarm_key(alarm, subject))
        if standing is None or (again and standing.inputs != inputs):
            self.emit(AlarmRaised(alarm, subject, ALARMS[alarm].rule, inputs))

    def clear_alarm(self, alarm: AlarmName, subject: str) -> bool:
        """Clear an alarm if it stands. Returns whether it did."""
        stands = alarm_key(alarm, subject) in self.state.alarms
        if stands:
            self.emit(AlarmCleared(alarm, subject))
        return stands

    def doubt(self, area: str, cause: str) -> None:
        """Who is in the area is uncertain from here on. Areas that are uncertain already stay so for their first cause."""
        if area and area not in self.state.uncertain:
            self.emit(msgspec.convert({"type": "AreaUncertain", "area": area, "cause": cause}, AreaUncertain))

    def door(self, door: str) -> DoorState:
        return self.state.doors.get(door) or DoorState()

    def condition(self, door: str) -> DoorCondition:
        facts = self.door(door)
        return condition(facts.lock == "locked", facts.position, facts.mode == "released")

    def points(self, door: str) -> tuple[Point, ...]:
        """The access points of a door; none without a policy."""
        return () if self.index is None else self.index.points_of_door.get(door, ())

    def areas_behind(self, door: str) -> tuple[str, ...]:
        """The areas that lie behind a door and have occupants: where it leads in, or what it leads out of."""
        behind = [point.area for point in self.points(door) if point.passage and not point.public]
        return tuple(dict.fromkeys(behind))

    def unlock_us(self, door: str) -> int:
        return unlock_us(self.index, door)

    def gas_zone(self, door: str) -> str:
        """The zone in discharge behind a door, or empty."""
        if self.state.gas:
            for zone in self.hardware[door].fire_zones:
                if self.state.gas.get(zone):
                    return zone
        return ""


def unlock_us(index: PolicyIndex | None, door: str) -> int:
    """How long a door unlocks. Without a policy, or for a door that it does not know, the default: REX needs one."""
    limits, site_door = _facts(index, door)
    return round((limits.unlock_s or site_door.unlock_s) * SECOND_US)


def held_open_us(index: PolicyIndex | None, door: str) -> int:
    """How long a door may stand open."""
    limits, site_door = _facts(index, door)
    return round((limits.held_open_s or site_door.held_open_s) * SECOND_US)


def _facts(index: PolicyIndex | None, door: str) -> tuple[Limits, Door]:
    return (_PLAIN_LIMITS, _PLAIN_DOOR) if index is None else (index.limits, index.doors.get(door, _PLAIN_DOOR))
