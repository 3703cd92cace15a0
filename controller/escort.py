"""Escorts and their visitors: who needs one, who may be one, and who takes over (R4, MEANINGS 16, 21; docs/rooms.md)."""

from controller.index import Point, PolicyIndex
from controller.policy import BadgeKind
from controller.room_events import EscortChanged
from controller.state import State
from controller.turn import Turn


def needs_escort(point: Point, kind: BadgeKind | None) -> bool:
    """Whether somebody of this kind (None: without a badge) may enter here with an escort only. Public areas ask nobody."""
    if not point.entered:
        return False
    return kind is None or kind == "temporary" or (kind == "customer" and point.escort_customers)


def escorted_in(index: PolicyIndex, area: str, kind: BadgeKind | None) -> bool:
    """Whether somebody of this kind needs an escort to be in this area at all."""
    if kind == "customer":
        return any(room.escort_customers and area in room.within for room in index.rooms.values())
    return kind != "staff" and area in index.rooms


def may_escort(index: PolicyIndex, areas: tuple[str, ...], kind: BadgeKind | None, holder: int) -> bool:
    """Whether they may answer for others in all these areas, none public: own staff, or who is named for each of them; never who needs an
    escort there themselves."""
    if kind == "staff":
        return True
    if kind is None or kind == "temporary":
        return False
    named = index.may_escort.get(holder)
    if named is None:
        return False
    if kind == "customer" and any(index.rooms[area].escort_customers for area in areas):
        return False
    return all(area in named for area in areas)


def visitors_of(state: State, escort: int) -> list[int]:
    """Whom this holder answers for now."""
    return [holder for holder, presence in state.presence.items() if presence.escort == escort]


def take_over(turn: Turn, point: Point, escort: int) -> None:
    """Who may escort and has come in takes over those who stand alone in an area that they entered."""
    entered = {room.id for room in point.entered}
    alone = [
        holder
        for holder, presence in turn.state.presence.items()
        if presence.unescorted and presence.area in entered and holder != escort
    ]
    if alone:
        turn.emit(EscortChanged(tuple(alone), escort))


def settle_escorts(turn: Turn) -> None:
    """Visitors whose escort is not with them any more stand alone: ESCORT_LEFT for the area where they are, until they have left it or
    somebody has taken over."""
    index = turn.index
    if index is None:
        return
    presence = turn.state.presence
    left: dict[int, list[int]] = {}
    for holder, present in presence.items():
        if present.escort is not None and present.area in index.rooms:
            escort = presence.get(present.escort)
            if escort is None or escort.area not in index.rooms[present.area].within:
                left.setdefault(present.escort, []).append(holder)
    for escort_holder, visitors in left.items():
        turn.emit(EscortChanged(tuple(visitors), None, escort_holder))
    alone: dict[str, int] = {}
    for present in presence.values():
        if present.unescorted:
            alone[present.area] = alone.get(present.area, 0) + 1
    for standing in [alarm for alarm in turn.state.alarms.values() if alarm.alarm == "ESCORT_LEFT"]:
        if standing.subject not in alone:
            turn.clear_alarm("ESCORT_LEFT", standing.subject)
    for area, visitors_alone in alone.items():
        turn.raise_alarm("ESCORT_LEFT", area, area=area, visitors=visitors_alone)
