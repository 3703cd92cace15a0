"""How many people are in a room, as far as credentials prove it, and the alarms that hang on it (R2, MEANINGS 9, 11-13; docs/rooms.md).

An area's people are all within it and within the areas inside it. The list says who; *sure* are those whom nothing since their last passage
makes doubtful.
"""

from collections.abc import Hashable, Iterable, Sequence, Set

from controller.commands import ReconcileOccupancy
from controller.escort import settle_escorts
from controller.event_base import Explanation
from controller.events import AccessTaken, EdgeStarted, ExitByRequest, PolicyChanged
from controller.index import PolicyIndex, Room
from controller.inputs import PersonCounted
from controller.now import SECOND_US
from controller.policy import Badge
from controller.presence import listed, sure
from controller.reasons import Reason, because
from controller.room_events import AreaCertain, AreaUncertain, EscortChanged, Found, OccupancyReconciled, PeopleCounted
from controller.state import Presence, StandingAlarm, State, alarm_key
from controller.turn import Turn

MAX_OTHERS = 100
"""People without a badge that one count may name."""


# what hangs on it

_MOVES_PEOPLE = (
    AccessTaken,
    AreaUncertain,
    AreaCertain,
    OccupancyReconciled,
    ExitByRequest,
    EscortChanged,
    PolicyChanged,
    EdgeStarted,
)


def settle(turn: Turn) -> None:
    """After a turn in which people moved or certainty changed: escorts who are gone, areas that are certain again, LONE_OCCUPANT and
    ESCORT_LEFT raised and cleared."""
    if turn.index is None or not any(isinstance(event, _MOVES_PEOPLE) for event in turn.events):
        return
    settle_escorts(turn)
    _settle_certainty(turn, turn.index)
    _settle_lone(turn, turn.index)


def _settle_certainty(turn: Turn, index: PolicyIndex) -> None:
    """After mere exits by REX an area is certain again with the first passage after which everybody listed there is sure."""
    state = turn.state
    for area in [area for area, cause in state.uncertain.items() if cause == "rex"]:
        room = index.rooms.get(area)
        if room is None or room.within.isdisjoint(turn.passed):
            continue
        if all(presence.sure for presence in state.presence.values() if presence.area in room.within):
            for inner in sorted(room.within):
                if state.uncertain.get(inner) == "rex":
                    turn.emit(AreaCertain(inner))


def _settle_lone(turn: Turn, index: PolicyIndex) -> None:
    left_by_rex = {
        inner
        for event in turn.events
        if isinstance(event, ExitByRequest)
        for area in turn.areas_behind(event.door)
        for inner in index.rooms[area].within
    }
    perhaps = left_by_rex | _counted_around(turn)
    for standing in [alarm for alarm in turn.state.alarms.values() if alarm.alarm == "LONE_OCCUPANT"]:
        room = index.rooms.get(standing.subject)
        if room is None or not room.two_person:
            turn.clear_alarm("LONE_OCCUPANT", standing.subject)
    for room in index.rooms.values():
        if room.two_person:
            _settle_lone_in(turn, room, room.id in perhaps)


def _counted_around(turn: Turn) -> set[str]:
    """Where somebody was alone, and a count of the area around it does not say whether they still are."""
    counts = [event for event in turn.events if isinstance(event, OccupancyReconciled)]
    return {
        area for count in counts for area in count.doubtful if alarm_key("LONE_OCCUPANT", area) in turn.state.alarms
    }


def _settle_lone_in(turn: Turn, room: Room, perhaps: bool) -> None:
    """``perhaps``: what has just happened may leave somebody alone there, whatever the list says."""
    state = turn.state
    standing = state.alarms.get(alarm_key("LONE_OCCUPANT", room.id))
    one = len(listed(state, room)) == 1
    cause = state.uncertain.get(room.id)
    remembered = standing is not None and bool(standing.inputs.get("unknown_exit"))
    doubtful = (cause == "rex" or (cause is not None and (perhaps or remembered))) and len(sure(state, room)) < 2
    if not one and not doubtful:
        turn.clear_alarm("LONE_OCCUPANT", room.id)
    elif standing is None:
        until_us = turn.wall_us + round(turn.limits.lone_occupant_s * SECOND_US)
        _raise_lone(turn, room.id, until_us, 0, doubtful)
    elif bool(standing.inputs.get("unknown_exit")) != doubtful:
        _raise_lone(turn, room.id, until_of(standing), int(standing.inputs.get("overdue", 0)), doubtful)


def _raise_lone(turn: Turn, area: str, until_us: int, overdue: int, unknown_exit: bool) -> None:
    turn.raise_alarm(
        "LONE_OCCUPANT",
        area,
        again=True,
        area=area,
        until_us=until_us,
        overdue=overdue,
        unknown_exit=int(unknown_exit),
    )


def until_of(standing: StandingAlarm) -> int:
    """Wall time at which somebody has been alone for too long."""
    return int(standing.inputs.get("until_us", 0))


def deadlines_us(turn: Turn) -> list[int]:
    """Boot times at which somebody has been alone for too long."""
    return [turn.mono_us + max(0, until_of(standing) - turn.wall_us) for standing in _not_overdue(turn)]


def run_timers(turn: Turn) -> None:
    """Raise LONE_OCCUPANT anew for whom nobody has joined in time."""
    for standing in _not_overdue(turn):
        if until_of(standing) <= turn.wall_us:
            _raise_lone(turn, standing.subject, until_of(standing), 1, bool(standing.inputs.get("unknown_exit")))


def _not_overdue(turn: Turn) -> list[StandingAlarm]:
    return [
        standing
        for standing in turn.state.alarms.values()
        if standing.alarm == "LONE_OCCUPANT" and not standing.inputs.get("overdue")
    ]


# counts


def counted(turn: Turn, count: PersonCounted) -> None:
    """A counter's word: OCCUPANCY_MISMATCH where credentials prove otherwise."""
    room = None if turn.index is None else turn.index.rooms.get(count.area)
    if room is None:
        return  # no area of this site has occupants of that name
    lowest, most = len(sure(turn.state, room)), _highest(turn.state, room)
    turn.emit(PeopleCounted(room.id, count.people, lowest, most))
    if count.people < lowest or (most is not None and count.people > most):
        turn.raise_alarm(
            "OCCUPANCY_MISMATCH", room.id, people=count.people, lowest=lowest, highest="?" if most is None else most
        )
    else:
        turn.clear_alarm("OCCUPANCY_MISMATCH", room.id)


def _highest(state: State, room: Room) -> int | None:
    """The most people that there can be; None where nobody can tell."""
    return len(listed(state, room)) if state.uncertain.get(room.id, "rex") == "rex" else None


def reconcile(turn: Turn, asked: ReconcileOccupancy, operator: str) -> Explanation | None:
    """Exactly these people are in the area: it is certain from here, and each area inside it of which the count says who is there.
    Returns why not."""
    if not asked.reason.strip():
        return because(Reason.REASON_REQUIRED)
    index = turn.index
    room = None if index is None else index.rooms.get(asked.area)
    if index is None or room is None:
        return because(Reason.NO_SUCH_AREA, area=asked.area)
    if not turn.state.journal_available:
        return because(Reason.JOURNAL_UNAVAILABLE)
    if not 0 <= asked.others <= MAX_OTHERS:
        return because(Reason.COUNT_INVALID, cause="others", number=str(asked.others))
    wanted = set(asked.numbers)
    found = {badge.number: badge for badge in index.policy.badges if badge.number in wanted}
    for number in asked.numbers:
        if number not in found:
            return because(Reason.NO_SUCH_BADGE, number=number)
    people = [found[number].holder for number in asked.numbers]
    for cause, twice in (("badge_twice", _twice(asked.numbers)), ("person_twice", _twice(people))):
        if twice is not None:
            return because(Reason.COUNT_INVALID, cause=cause, number=asked.numbers[twice])
    present = tuple(_found(turn.state, index, room, found[number]) for number in asked.numbers)
    present += _found_others(turn, index, room, asked.others)
    known = {one.holder for one in present}
    missing = tuple(sorted(listed(turn.state, room) - known))
    around = index.areas[room.id].inside or ""
    elsewhere = tuple(_missing(turn.state, holder, around) for holder in missing if around in index.rooms)
    turn.emit(
        OccupancyReconciled(
            area=room.id,
            within=tuple(sorted(room.within - {room.id})),
            present=present,
            gone=() if elsewhere else missing,
            operator=operator,
            reason=asked.reason,
            elsewhere=elsewhere,
            doubtful=_still_doubtful(turn.state, index, room, present),
        )
    )
    return None


def _twice(values: Iterable[Hashable]) -> int | None:
    """The place of the first that was there before."""
    seen: set[Hashable] = set()
    for place, value in enumerate(values):
        if value in seen:
            return place
        seen.add(value)
    return None


def _found(state: State, index: PolicyIndex, room: Room, badge: Badge) -> Found:
    known = state.presence.get(badge.holder)
    area = room.id if known is None else _found_in(state, index, room, known)
    return Found(badge.holder, badge.id, badge.number, area, badge.customer, badge.kind)


def _found_in(state: State, index: PolicyIndex, room: Room, known: Presence) -> str:
    """Where within the area counted somebody is, as far as is certain, who was listed as this: there, if they are sure or nothing makes it
    doubtful; else in the next area around that is not doubtful, at last the one counted. A count says nothing of the inner areas."""
    if known.area not in room.within:
        return room.id
    area = known.area
    while not known.sure and area != room.id and area in state.uncertain:
        area = index.areas[area].inside or room.id
    return area


def _still_doubtful(state: State, index: PolicyIndex, room: Room, present: Sequence[Found]) -> tuple[str, ...]:
    """The inner areas that stay doubtful: where somebody may be who is listed around them from here on. By ``rex`` nobody came in, so it
    can only be somebody who was listed there."""
    doubtful = []
    for inner in room.within - {room.id}:
        cause = state.uncertain.get(inner)
        if cause is None:
            continue
        inside = index.rooms[inner].within
        around = [one for one in present if one.area not in inside and inner in index.rooms[one.area].within]
        if cause == "rex":
            around = [one for one in around if _is_listed(state, one.holder, inside)]
        if around:
            doubtful.append(inner)
    return tuple(sorted(doubtful))


def _is_listed(state: State, holder: int, areas: Set[str]) -> bool:
    known = state.presence.get(holder)
    return known is not None and known.area in areas


def _missing(state: State, holder: int, around: str) -> Found:
    """Who is not found in an inner area is in the one around it, for all that is known."""
    known = state.presence[holder]
    return Found(holder, known.badge, known.number, around, known.customer, known.kind)


def _found_others(turn: Turn, index: PolicyIndex, room: Room, others: int) -> tuple[Found, ...]:
    """People without a badge: first those who were listed there already, who is sure before who is not, longest inside first."""
    state = turn.state
    there = [
        (not presence.sure, presence.since_us, holder)
        for holder, presence in state.presence.items()
        if holder < 0 and presence.area in room.within
    ]
    known = [
        Found(holder, 0, one.number, _found_in(state, index, room, one), one.customer, one.kind)
        for _, _, holder in sorted(there)[:others]
        for one in (state.presence[holder],)
    ]
    new = [Found(turn.nobody_known(), 0, "", room.id) for _ in range(others - len(known))]
    return (*known, *new)
