"""What becomes of devices at a door: reserved before it unlocks, moved when the leaf opens, freed if it never does; and EQUIPMENT_UNCHECKED where it
opened outward otherwise (E4-E6, MEANINGS 25, 26; docs/goods.md, Out)."""

from collections.abc import Iterable
from typing import Literal

import msgspec

from controller.actions import Indicate
from controller.equipment import left_of, reservations, total
from controller.events import AccessGranted, AccessTaken
from controller.goods_events import EquipmentCheckEnded, ItemsFreed, ItemsMoved, ItemsReserved
from controller.goods_index import Document
from controller.index import Point
from controller.state import SCANNER, Check, DoorState, alarm_key
from controller.turn import Turn

Opened = Literal["rex", "badge", "command", "forced", "fire", "restart"]


def is_goods_door(turn: Turn, door: str) -> bool:
    """Whether the policy makes it one."""
    site_door = None if turn.index is None else turn.index.doors.get(door)
    return site_door is not None and bool(site_door.goods) and site_door.kind == "passage"


def scanner_works(turn: Turn, point: Point) -> bool:
    """Whether codes can be read at this access point now."""
    hardware = turn.hardware.get(point.door)
    if hardware is None or point.id not in hardware.scanners:
        return False
    device = turn.state.devices.get(SCANNER + point.id)
    return device is None or device.working


def reserve(turn: Turn, check: Check, document: Document, holder: int, badge: int) -> None:
    """The devices scanned go with the grants that follow in this record (MEANINGS 25)."""
    begun = check.started
    left = total(left_of(turn.state, document, begun.direction))
    turn.emit(
        ItemsReserved(
            access_point=begun.access_point,
            door=begun.door,
            document=begun.document,
            document_id=begun.document_id,
            binding=begun.binding,
            number=begun.number,
            direction=begun.direction,
            customer=begun.customer,
            items=check.scanned,
            until_us=begun.until_us,
            holder=holder,
            badge=badge,
        )
    )
    turn.emit(EquipmentCheckEnded(begun.access_point, begun.door, begun.number, "reserved", left))


def end_check(turn: Turn, check: Check, cause: Literal["cancelled", "timed_out", "replaced", "withdrawn"]) -> None:
    """Nothing of this check counts."""
    begun = check.started
    scanned = len(check.scanned)
    turn.emit(
        EquipmentCheckEnded(begun.access_point, begun.door, begun.number, cause, max(0, begun.expected - scanned))
    )
    if cause != "replaced":
        turn.act(Indicate(begun.access_point, "denied" if cause == "withdrawn" else "off"))


def opened(turn: Turn, door: str, before: DoorState) -> None:
    """The leaf opened with this outstanding at it: what was reserved has moved, and what opened it otherwise is told."""
    if not turn.state.reserved and not is_goods_door(turn, door):
        return
    moving = [one for one in _at(turn, door) if _grant_of(before.grants, one) is not None]
    for one in moving:
        turn.emit(ItemsMoved(**msgspec.structs.asdict(one)))
    if not is_goods_door(turn, door):
        return
    if before.mode == "released":
        _unchecked(turn, door, "fire")
    elif before.exit_requested:
        _unchecked(turn, door, "rex")
    elif before.commanded or not before.grants:
        _unchecked(turn, door, "command")
    elif any(grant.out and not _covered(grant, moving, before.grants) for grant in before.grants):
        _unchecked(turn, door, "badge")


def _covered(grant: AccessGranted, moving: Iterable[ItemsReserved], grants: Iterable[AccessGranted]) -> bool:
    """Whether this grant is a carrier's, or of the group that goes with one."""
    for one in moving:
        carrier = _grant_of(grants, one)
        if grant.access_point == one.access_point and carrier is not None:
            together = (carrier.holder, *carrier.partners)
            if grant.holder in together or carrier.holder in grant.partners:
                return True
    return False


def _at(turn: Turn, door: str) -> list[ItemsReserved]:
    return [one for one in reservations(turn.state) if one.door == door]


def _grant_of(grants: Iterable[AccessGranted], one: ItemsReserved) -> AccessGranted | None:
    """The outstanding grant under which these devices are to go."""
    return next(
        (grant for grant in grants if (grant.access_point, grant.holder) == (one.access_point, one.holder)), None
    )


def unchecked(turn: Turn, door: str, cause: Opened) -> None:
    """The door, if a goods door, opened outward otherwise than under reserved devices."""
    if is_goods_door(turn, door):
        _unchecked(turn, door, cause)


def _unchecked(turn: Turn, door: str, cause: Opened) -> None:
    """Openings are counted while the alarm stands; of a fire one for each release."""
    standing = turn.state.alarms.get(alarm_key("EQUIPMENT_UNCHECKED", door))
    openings = 0
    if standing is not None:
        openings = int(standing.inputs.get("openings", 0))
        same_fire = cause == "fire" and standing.inputs.get("cause") == "fire"
        if same_fire and standing.raised_at_us >= _released_us(turn, door):
            return
    turn.raise_alarm("EQUIPMENT_UNCHECKED", door, again=True, cause=cause, openings=openings + 1)


def _released_us(turn: Turn, door: str) -> int:
    """When the fire that holds this door was latched, the first of several."""
    zones = turn.hardware[door].fire_zones if door in turn.hardware else ()
    return min((turn.state.fire_latched[zone] for zone in zones if zone in turn.state.fire_latched), default=0)


def free_lapsed(turn: Turn, door: str | None = None) -> None:
    """What is reserved under a grant that is not outstanding any more, at this door or at all, may pass yet."""
    for one in list(reservations(turn.state)) if turn.state.reserved else ():
        if door in (None, one.door) and _grant_of(turn.door(one.door).grants, one) is None:
            turn.emit(ItemsFreed(one.access_point, one.door, one.number, "lapsed", one.holder))


def lets_out(facts: DoorState) -> bool:
    """Whether something is outstanding at a door that lets somebody out, or whom a command or a fire lets where."""
    unlocked = facts.exit_requested or facts.commanded or facts.mode == "released"
    return unlocked or any(grant.out for grant in facts.grants)


def restarted(turn: Turn, outward: Iterable[str]) -> None:
    """A new process: nobody saw whether the doors opened meanwhile for which devices were reserved, or which let somebody out (``outward``)."""
    doors = dict.fromkeys(one.door for one in reservations(turn.state))
    for one in list(reservations(turn.state)):
        turn.emit(ItemsFreed(one.access_point, one.door, one.number, "restart", one.holder))
    for door in dict.fromkeys((*doors, *(door for door in outward if is_goods_door(turn, door)))):
        _unchecked(turn, door, "restart")


def found_open(turn: Turn, door: str) -> None:
    """The first word of a contact after a start is that the leaf is open: nobody saw what passed there."""
    unchecked(turn, door, "restart")


def contact_is_silent(turn: Turn, door: str) -> bool:
    """Whether nobody sees the leaf: its contact has not said anything since the start, or the board that tells of it is down."""
    hardware = turn.hardware.get(door)
    board = None if hardware is None else turn.state.devices.get(hardware.contact_board)
    return turn.door(door).position == "unknown" or (board is not None and not board.working)


def lapses_unseen(turn: Turn, door: str) -> None:
    """What is outstanding ends, or the contact is heard again, and nobody knows whether the leaf opened for it meanwhile."""
    if lets_out(turn.door(door)) or _at(turn, door):
        unchecked(turn, door, "restart")


def deadlines_us(turn: Turn) -> list[int]:
    """Boot times at which a check ends for want of scans."""
    return [check.until_mono_us for check in turn.state.checks.values()]


def run_timers(turn: Turn) -> None:
    """End the checks whose time is over."""
    for check in list(turn.state.checks.values()) if turn.state.checks else ():
        if check.until_mono_us <= turn.mono_us:
            end_check(turn, check, "timed_out")


def settle(turn: Turn) -> None:
    """After a turn: a grant that ended in whatever way reserves nothing, and who has gone through another door carries nothing here."""
    free_lapsed(turn)
    if turn.state.checks:
        gone = {
            event.holder for event in turn.events if isinstance(event, AccessTaken) and event.presence != "unchanged"
        }
        for check in list(turn.state.checks.values()) if gone else ():
            if check.started.direction == "out" and check.started.holder in gone:
                end_check(turn, check, "cancelled")
