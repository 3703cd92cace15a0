"""One input being handled: the time, what is known, and what has come of it so far."""

from collections.abc import Mapping

from controller.actions import AnyAction
from controller.door import DoorCondition, condition
from controller.event_base import AlarmName
from controller.events import AlarmCleared, AlarmRaised, AnyEvent
from controller.fold import apply
from controller.index import Point, PolicyIndex
from controller.limits import Limits
from controller.now import SECOND_US
from controller.reasons import ALARMS
from controller.room_events import AreaUncertain, Doubt
from controller.site import Door, DoorHardware
from controller.state import SCANNER, DoorState, State, alarm_key

MAX_NAMELESS = 4_096
"""People without a badge that one record may bring in."""

_PLAIN_DOOR = Door(id="")
_PLAIN_LIMITS = Limits()
_OF_DOOR: frozenset[AlarmName] = frozenset({"DoorForcedOpen", "DoorHeldOpen", "TAMPER", "BOARD_FAULT"})
_OF_READER: frozenset[AlarmName] = frozenset({"READER_FAULT", "TAMPER"})
"""What maintenance of a door keeps quiet, by its subject."""


class Turn:
    """Collects events and actions. ``emit`` is how the state changes; there is no other way."""

    __slots__ = (
        "_nameless", "actions", "desk", "edge", "events", "hardware", "index", "mono_us", "passed", "state",
        "wall_us",
    )  # fmt: skip

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
        self.passed: set[str] = set()
        """Areas that somebody left or entered by a badge."""
        self._nameless = 0

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

    def raise_alarm(self, alarm: AlarmName, subject: str, *, again: bool = False, **inputs: str | int) -> bool:
        """Raise an alarm that does not stand yet. ``again``: also when it stands with other inputs (the badge shows up
        elsewhere). Returns whether it was raised: maintenance of a door keeps some of them quiet."""
        standing = self.state.alarms.get(alarm_key(alarm, subject))
        if standing is not None and not (again and standing.inputs != inputs):
            return False
        if self._under_maintenance(alarm, subject):
            return False
        self.emit(AlarmRaised(alarm, subject, ALARMS[alarm].rule, inputs, self.repeats(alarm, subject)))
        return True

    def repeats(self, alarm: AlarmName, subject: str) -> int:
        """How often an alarm that is raised now has come back, each time within ``repeat_window_s`` of its clearing."""
        key = alarm_key(alarm, subject)
        standing = self.state.alarms.get(key)
        if standing is not None:
            return standing.repeats
        cleared = self.state.cleared.get(key)
        window_us = round(self.limits.repeat_window_s * SECOND_US)
        return 0 if cleared is None or self.mono_us - cleared.at_mono_us >= window_us else cleared.repeats + 1

    def _under_maintenance(self, alarm: AlarmName, subject: str) -> bool:
        if alarm in _OF_DOOR and self.door(subject).maintenance_until_us is not None:
            return True
        point = None
        if self.index is not None and alarm in _OF_READER:
            point = self.index.points.get(subject.removeprefix(SCANNER))
        return point is not None and self.door(point.door).maintenance_until_us is not None

    def clear_alarm(self, alarm: AlarmName, subject: str) -> bool:
        """Clear an alarm if it stands. Returns whether it did."""
        stands = alarm_key(alarm, subject) in self.state.alarms
        if stands:
            self.emit(AlarmCleared(alarm, subject))
        return stands

    def doubt(self, area: str, cause: Doubt) -> None:
        """Who is in the area, and in those inside it, is uncertain from here on, and nobody there is sure any more. Told again where
        that changes anything: somebody is sure there, or ``rex`` gives way to a cause that may have brought people in."""
        room = None if self.index is None else self.index.rooms.get(area)
        areas = frozenset((area,)) if room is None else room.within
        known = self.state.uncertain
        if any(name not in known or (known[name] == "rex" and cause != "rex") for name in areas) or any(
            presence.sure and presence.area in areas for presence in self.state.presence.values()
        ):
            self.emit(AreaUncertain(area, cause, tuple(sorted(areas - {area}))))

    def door(self, door: str) -> DoorState:
        return self.state.doors.get(door) or DoorState()

    def condition(self, door: str) -> DoorCondition:
        facts = self.door(door)
        return condition(facts.lock == "locked", facts.position, facts.mode == "released")

    def points(self, door: str) -> tuple[Point, ...]:
        """The access points of a door; none without a policy."""
        return () if self.index is None else self.index.points_of_door.get(door, ())

    def areas_behind(self, door: str) -> tuple[str, ...]:
        """The areas that lie behind a door and have occupants: which it leads into, or out of; the innermost first."""
        behind = [room.id for point in self.points(door) for room in (point.left if point.out else point.entered)]
        return tuple(dict.fromkeys(behind))

    def areas_before(self, door: str) -> tuple[str, ...]:
        """The areas that a way out through this door leads into, where a rule hangs on who is there, in them or around them: whoever comes
        there unseen is missing on their list."""
        if self.index is None:
            return ()
        rooms = self.index.rooms.values()
        entered = {room.id for point in self.points(door) if point.out for room in point.entered}
        counting = [
            room for room in rooms if room.two_person or room.capacity is not None or room.anti_passback != "off"
        ]
        return tuple(sorted(area for area in entered if any(area in room.within for room in counting)))

    def doubt_opening(self, door: str, cause: Doubt) -> None:
        """Somebody may have gone through this door unseen. ``rex``: out of the area behind it, into the one before it."""
        for area in self.areas_behind(door):
            self.doubt(area, cause)
        for area in self.areas_before(door):
            self.doubt(area, "ambiguous" if cause == "rex" else cause)

    def nobody_known(self) -> int:
        """A holder's number for somebody without a badge: negative, and never the same again, for it is made of the record's."""
        self._nameless += 1
        return -((self.state.seq + 1) * MAX_NAMELESS + self._nameless)

    def unlock_us(self, door: str) -> int:
        return unlock_us(self.index, door)

    def held_open_us(self, door: str) -> int:
        """How long this door may stand open, which has done so since ``open_since_mono_us``."""
        opened_us = self.door(door).open_since_mono_us
        since_us = 0 if opened_us is None else self.mono_us - opened_us
        return held_open_us(self.index, door, self.wall_us - since_us)

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


def held_open_us(index: PolicyIndex | None, door: str, opened_at_us: int) -> int:
    """How long a door may stand open that opened at this wall time: its own time, or that of the first schedule open then."""
    limits, site_door = _facts(index, door)
    held_open_s = limits.held_open_s or site_door.held_open_s
    if index is not None and not limits.held_open_s:
        for other in site_door.held_open_by_schedule:
            if index.calendar.allows(other.schedule, opened_at_us):
                held_open_s = other.held_open_s
                break
    return round(held_open_s * SECOND_US)


def held_warning_us(index: PolicyIndex | None, door: str) -> int:
    """How long before the held-open alarm a door warns; 0: not at all."""
    return round(_facts(index, door)[1].held_warning_s * SECOND_US)


def _facts(index: PolicyIndex | None, door: str) -> tuple[Limits, Door]:
    return (_PLAIN_LIMITS, _PLAIN_DOOR) if index is None else (index.limits, index.doors.get(door, _PLAIN_DOOR))
