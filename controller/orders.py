"""Commands of operators. Session, expiry and replay were judged before; permission at the server (DESIGN 9, MEANINGS 20, 21, 27)."""

from controller.actions import Indicate
from controller.commands import AcknowledgeAlarm, EncodeCard, Identify, ResetFire, UnlockDoor
from controller.door import DoorInput
from controller.encoding import begin
from controller.event_base import Explanation
from controller.events import (
    AlarmAcknowledged,
    AlarmCleared,
    CommandDone,
    FireReset,
)
from controller.inputs import CommandArrived
from controller.passage import happen, relock_after_fire
from controller.reasons import ALARMS, Reason, because
from controller.state import alarm_key
from controller.turn import Turn


def command(turn: Turn, order: CommandArrived) -> None:
    """Do what a command asks, or refuse it with a reason. Its result is an event."""
    asked = order.command
    refusal: Explanation | None
    match asked:
        case UnlockDoor():
            refusal = _unlock_door(turn, asked)
        case ResetFire():
            refusal = _reset_fire(turn, asked)
        case AcknowledgeAlarm():
            refusal = _acknowledge(turn, asked, order.operator)
        case Identify():
            refusal = _identify(turn, asked)
        case EncodeCard():
            refusal = begin(turn, order, asked)
            if refusal is None:
                return  # its result comes with the card
    turn.emit(CommandDone(order.command_id, asked, order.operator, "refused" if refusal else "done", refusal))


def _unlock_door(turn: Turn, asked: UnlockDoor) -> Explanation | None:
    if asked.door not in turn.hardware:
        return because(Reason.NO_SUCH_DOOR, door=asked.door)
    if not asked.reason.strip():
        return because(Reason.REASON_REQUIRED)
    if not turn.state.journal_available:
        return because(Reason.JOURNAL_UNAVAILABLE)
    zone = turn.gas_zone(asked.door)
    if zone:
        return because(Reason.AREA_UNSAFE, zone=zone)
    happen(turn, asked.door, DoorInput.COMMAND)
    return None


def _reset_fire(turn: Turn, asked: ResetFire) -> Explanation | None:
    if not asked.reason.strip():
        return because(Reason.REASON_REQUIRED)
    if asked.zone not in turn.state.fire_latched:
        return because(Reason.FIRE_NOT_LATCHED, zone=asked.zone)
    if turn.state.fire_inputs.get(asked.zone):
        return because(Reason.FIRE_INPUT_ACTIVE, zone=asked.zone)
    turn.emit(FireReset(asked.zone))
    turn.clear_alarm("FIRE", asked.zone)
    relock_after_fire(turn, asked.zone)
    return None


def _acknowledge(turn: Turn, asked: AcknowledgeAlarm, operator: str) -> Explanation | None:
    if not asked.note.strip():
        return because(Reason.REASON_REQUIRED)
    standing = turn.state.alarms.get(alarm_key(asked.alarm, asked.subject))
    if standing is None:
        return because(Reason.NO_SUCH_ALARM, alarm=asked.alarm, subject=asked.subject)
    turn.emit(AlarmAcknowledged(standing.alarm, standing.subject, operator, asked.note))
    if ALARMS[standing.alarm].clears == "acknowledged":
        turn.emit(AlarmCleared(standing.alarm, standing.subject))
    return None


def _identify(turn: Turn, asked: Identify) -> Explanation | None:
    if turn.index is None or asked.access_point not in turn.index.points:
        return because(Reason.NO_SUCH_POINT, access_point=asked.access_point)
    turn.act(Indicate(asked.access_point, "alarm"))
    return None
