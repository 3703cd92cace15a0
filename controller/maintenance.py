"""Work at a door: for a limited time its alarms are facts without an alarm; decisions and doubts stay (docs/rooms.md, Doors)."""

from controller.commands import SetMaintenance
from controller.event_base import Explanation
from controller.now import SECOND_US
from controller.reasons import Reason, because
from controller.room_events import MaintenanceChanged
from controller.state import SCANNER
from controller.turn import Turn

_MINUTE_S = 60


def set_maintenance(turn: Turn, asked: SetMaintenance, operator: str) -> Explanation | None:
    """Begin, prolong, shorten or end the maintenance of a door; why not, if refused."""
    if asked.door not in turn.hardware:
        return because(Reason.NO_SUCH_DOOR, door=asked.door)
    if not asked.reason.strip():
        return because(Reason.REASON_REQUIRED)
    most = int(turn.limits.maintenance_max_s // _MINUTE_S)
    if not 0 <= asked.minutes <= most:
        return because(Reason.MAINTENANCE_OUT_OF_RANGE, most_minutes=most)
    if asked.minutes:
        until_us = turn.wall_us + asked.minutes * _MINUTE_S * SECOND_US
        turn.emit(MaintenanceChanged(asked.door, until_us, operator, asked.reason))
    elif turn.door(asked.door).maintenance_until_us is not None:
        _end(turn, asked.door, operator, asked.reason)
    return None


def deadlines_us(turn: Turn) -> list[int]:
    """Boot times at which a maintenance ends, as the wall clock stands now."""
    most_us = round(turn.limits.maintenance_max_s * SECOND_US)
    return [
        turn.mono_us + (left_us if 0 < (left_us := facts.maintenance_until_us - turn.wall_us) <= most_us else 0)
        for facts in turn.state.doors.values()
        if facts.maintenance_until_us is not None
    ]


def run_timers(turn: Turn) -> None:
    """End what has had its time, and what would last longer than any may: the clock that it was set by was ahead."""
    latest_us = turn.wall_us + round(turn.limits.maintenance_max_s * SECOND_US)
    for door, facts in list(turn.state.doors.items()):
        if facts.maintenance_until_us is not None and not turn.wall_us < facts.maintenance_until_us <= latest_us:
            _end(turn, door)


def _end(turn: Turn, door: str, operator: str = "", reason: str = "") -> None:
    """What stands at the end is alarmed now; the held-open time does so by itself."""
    turn.emit(MaintenanceChanged(door, None, operator, reason))
    for subject in (door, *(point.id for point in turn.points(door))):
        if turn.state.tamper.get(subject):
            turn.raise_alarm("TAMPER", subject)
        for name in (subject, SCANNER + subject):
            device = turn.state.devices.get(name)
            if device is not None and device.kind in ("reader", "scanner") and not device.working:
                turn.raise_alarm("READER_FAULT", name, cause=device.cause)
