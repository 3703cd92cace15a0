"""What another policy takes away from those who carry: after its record nothing moves under what it does not allow (E6, MEANINGS 26; docs/goods.md, Out)."""

from controller.door import DoorInput
from controller.equipment import reservations
from controller.events import AccessGranted, AccessLapsed
from controller.goods_check import allowed
from controller.goods_door import end_check
from controller.goods_events import ItemsFreed, ItemsReserved
from controller.index import PolicyIndex
from controller.passage import happen
from controller.turn import Turn


def withdraw(turn: Turn, index: PolicyIndex) -> None:
    """End the checks and free the reservations that the policy in force does not allow; the doors of the latter lock at once."""
    for check in list(turn.state.checks.values()) if turn.state.checks else ():
        if not allowed(turn, index, check):
            end_check(turn, check, "withdrawn")
    for one in list(reservations(turn.state)) if turn.state.reserved else ():
        if one in turn.state.reserved.get(one.access_point, ()) and not allowed(turn, index, one):
            turn.emit(ItemsFreed(one.access_point, one.door, one.number, "withdrawn", one.holder))
            _shut(turn, one)


def _shut(turn: Turn, one: ItemsReserved) -> None:
    """The grants lapse and the door locks, unless somebody leaves by REX, or a fire holds it open: then only the carrier's group is not granted any more,
    and the opening is one that nobody checked. Nor does what was to come in keep anybody from leaving (L1)."""
    facts = turn.door(one.door)
    leaving = facts.exit_requested or (one.direction == "in" and any(grant.out for grant in facts.grants))
    if not leaving and facts.mode != "released":
        happen(turn, one.door, DoorInput.LOCKDOWN)
        return
    for grant in facts.grants:
        if _of_group(grant, one):
            turn.emit(AccessLapsed(grant.access_point, one.door, grant.badge, grant.holder, grant.number))


def _of_group(grant: AccessGranted, one: ItemsReserved) -> bool:
    return grant.access_point == one.access_point and (grant.holder == one.holder or one.holder in grant.partners)
