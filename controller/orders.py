"""Commands of operators. Session, expiry and replay were judged before; permission at the server (DESIGN 9, MEANINGS 20, 21, 27)."""

from controller.actions import Indicate
from controller.commands import (
    AcknowledgeAlarm,
    Admit,
    CheckEquipment,
    ConfirmHolder,
    EncodeCard,
    Identify,
    LockDown,
    ReconcileOccupancy,
    Release,
    ResetFire,
    SetMaintenance,
    UnlockDoor,
)
from controller.confirmation import confirm_holder
from controller.door import DoorInput
from controller.encoding import begin
from controller.event_base import Explanation
from controller.events import (
    AlarmAcknowledged,
    AlarmCleared,
    CommandDone,
    FireReset,
)
from controller.goods_scan import check_by_console
from controller.inputs import CommandArrived
from controller.interlock import blocked_by
from controller.lockdown import SITE, locked_down_behind, show_modes
from controller.lockdown import begin as begin_lockdown
from controller.lockdown import end as end_lockdown
from controller.maintenance import set_maintenance
from controller.occupancy import reconcile
from controller.passage import happen, relock_after_fire
from controller.reasons import ALARMS, Reason, because
from controller.state import alarm_key
from controller.turn import Turn
from controller.visitors import admit


def command(turn: Turn, order: CommandArrived) -> None:
    """Do what a command asks, or refuse it with a reason. Its result is an event."""
    asked = order.command
    refusal: Explanation | None
    match asked:
        case UnlockDoor():
            refusal = _unlock_door(turn, asked, order.supervisor)
        case ResetFire():
            refusal = _reset_fire(turn, asked, order.supervisor)
        case LockDown():
            refusal = _lock_down(turn, asked, order.operator)
        case Release():
            refusal = _release(turn, asked, order)
        case Admit():
            refusal = admit(turn, asked)
        case ReconcileOccupancy():
            refusal = reconcile(turn, asked, order.operator)
        case SetMaintenance():
            refusal = set_maintenance(turn, asked, order.operator)
        case AcknowledgeAlarm():
            refusal = _acknowledge(turn, asked, order.operator)
        case Identify():
            refusal = _identify(turn, asked)
        case ConfirmHolder():
            refusal = confirm_holder(turn, asked, order.operator)
        case CheckEquipment():
            refusal = check_by_console(turn, asked)
        case EncodeCard():
            refusal = begin(turn, order, asked)
            if refusal is None:
                return  # its result comes with the card
    turn.emit(CommandDone(order.command_id, asked, order.operator, "refused" if refusal else "done", refusal))


def _unlock_door(turn: Turn, asked: UnlockDoor, supervisor: bool) -> Explanation | None:
    if asked.door not in turn.hardware:
        return because(Reason.NO_SUCH_DOOR, door=asked.door)
    if not asked.reason.strip():
        return because(Reason.REASON_REQUIRED)
    if not turn.state.journal_available:
        return because(Reason.JOURNAL_UNAVAILABLE)
    zone = turn.gas_zone(asked.door)
    if zone:
        return because(Reason.AREA_UNSAFE, zone=zone)
    if turn.door(asked.door).mode != "released":  # else it stands open for a fire: no other rule is asked (MEANINGS 27)
        refusal = _kept_shut(turn, asked.door, supervisor)
        if refusal is not None:
            return refusal
    happen(turn, asked.door, DoorInput.COMMAND)
    return None


def _kept_shut(turn: Turn, door: str, supervisor: bool) -> Explanation | None:
    """What keeps a door from being opened by command: a supervisor may open a two-person area and what is locked down, with a reason
    (MEANINGS 21); nobody breaks an interlock but on the way out (DESIGN §5.8)."""
    if not supervisor:
        area = locked_down_behind(turn, door)
        if area is not None:
            return because(Reason.LOCKDOWN, area=area)
        if _enters_two_person_area(turn, door):
            return because(Reason.SUPERVISOR_REQUIRED, "R2")
    blocked = blocked_by(turn, door)
    return None if blocked is None else because(Reason.INTERLOCKED, door=blocked[1])


def _enters_two_person_area(turn: Turn, door: str) -> bool:
    index = turn.index
    return index is not None and any(
        index.areas[area].two_person for point in turn.points(door) if not point.out for area in point.enters
    )


def _lock_down(turn: Turn, asked: LockDown, operator: str) -> Explanation | None:
    """Also while the journal fails: it only takes rights away. A public area has no such right to take."""
    if not asked.reason.strip():
        return because(Reason.REASON_REQUIRED)
    if asked.area != SITE and (turn.index is None or asked.area not in turn.index.rooms):
        return because(Reason.NO_SUCH_AREA, area=asked.area)
    begin_lockdown(turn, asked.area, "command", operator, asked.reason)
    return None


def _release(turn: Turn, asked: Release, order: CommandArrived) -> Explanation | None:
    if not asked.reason.strip():
        return because(Reason.REASON_REQUIRED)
    if not order.supervisor:
        return because(Reason.SUPERVISOR_REQUIRED, "R1")
    if asked.area not in turn.state.lockdowns:
        return because(Reason.NOT_LOCKED_DOWN, area=asked.area)
    if turn.state.lockdown_inputs.get(asked.area):
        return because(Reason.LOCKDOWN_INPUT_ACTIVE, area=asked.area)
    end_lockdown(turn, asked.area, order.operator, asked.reason)
    return None


def _reset_fire(turn: Turn, asked: ResetFire, supervisor: bool) -> Explanation | None:
    if not asked.reason.strip():
        return because(Reason.REASON_REQUIRED)
    if not supervisor:
        return because(Reason.SUPERVISOR_REQUIRED, "L1")
    if asked.zone not in turn.state.fire_latched:
        return because(Reason.FIRE_NOT_LATCHED, zone=asked.zone)
    if turn.state.fire_inputs.get(asked.zone):
        return because(Reason.FIRE_INPUT_ACTIVE, zone=asked.zone)
    for board in _boards_of(turn, asked.zone):
        known = turn.state.devices.get(board)
        if known is not None and not known.working:  # its last word may be old
            return because(Reason.FIRE_INPUT_UNKNOWN, zone=asked.zone, board=board)
    turn.emit(FireReset(asked.zone))
    turn.clear_alarm("FIRE", asked.zone)
    relock_after_fire(turn, asked.zone)
    show_modes(turn)
    return None


def _boards_of(turn: Turn, zone: str) -> list[str]:
    """The boards that the zone's fire input hangs on, as far as the doors of the zone tell."""
    told = (pair for hardware in turn.hardware.values() for pair in hardware.fire_boards)
    return sorted({board for name, board in told if name == zone})


def _acknowledge(turn: Turn, asked: AcknowledgeAlarm, operator: str) -> Explanation | None:
    if not asked.note.strip():
        return because(Reason.REASON_REQUIRED)
    standing = turn.state.alarms.get(alarm_key(asked.alarm, asked.subject))
    if standing is None:
        return because(Reason.NO_SUCH_ALARM, alarm=asked.alarm, subject=asked.subject)
    attested = ALARMS[standing.alarm].clears == "attested"
    openings = standing.inputs.get("openings", 0)
    if attested and (not asked.attested.strip() or asked.openings != openings):
        return because(Reason.ATTESTATION_REQUIRED, openings=openings)
    turn.emit(AlarmAcknowledged(standing.alarm, standing.subject, operator, asked.note, asked.key))
    key_used = standing.alarm == "DoorForcedOpen" and asked.key.strip() != ""
    if key_used or ALARMS[standing.alarm].clears != "cause":
        turn.emit(AlarmCleared(standing.alarm, standing.subject))
    if key_used:  # the opening is explained; it was forced once and is not found so again
        for point in turn.points(standing.subject):
            turn.act(Indicate(point.id, "off"))
    return None


def _identify(turn: Turn, asked: Identify) -> Explanation | None:
    if turn.index is None or asked.access_point not in turn.index.points:
        return because(Reason.NO_SUCH_POINT, access_point=asked.access_point)
    turn.act(Indicate(asked.access_point, "alarm"))
    return None
