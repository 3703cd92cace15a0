"""Visitors at a door: late ones whom an escort inside fetches, the hand-over of visitors, and people admitted by command (R4, B7, MEANINGS
16, 21; docs/rooms.md, Ways out and Admitting by command)."""

from collections.abc import Sequence

from controller import goods_entry
from controller.actions import Indicate
from controller.answers import (
    admission_refusal,
    admitted,
    ask,
    end_waiting,
    grant,
    interlocked,
    judge_waiting,
    still_waiting,
)
from controller.commands import Admit
from controller.escort import needs_escort
from controller.event_base import Explanation
from controller.group import Member, escort_required, refused_together, second_person, second_person_required, seconds
from controller.index import Point, PolicyIndex
from controller.now import SECOND_US
from controller.pairing import leaves_behind, led_out
from controller.presence import on_the_way_out
from controller.reasons import Reason, because
from controller.room_events import EscortChanged, EscortConfirmed
from controller.state import State
from controller.turn import Turn


def fetch(turn: Turn, index: PolicyIndex, point: Point, escort: Member) -> bool:
    """Visitors wait outside this door and the tapper is inside and may escort them: a confirmation, no exit. Returns whether it was one."""
    if not escort.may_escort or escort.alarms:
        return False
    for name in point.opposite:
        entry = index.points[name]
        if not entry.out and _is_inside(turn.state, index, entry, escort.holder):
            visitors = [
                one.pending.holder
                for one in still_waiting(turn, entry, escort.holder)
                if needs_escort(entry, one.pending.kind)
            ]
            if visitors:
                _confirm(turn, point, escort, visitors[: int(index.limits.escort_visitors)])
                _let_in(turn, index, point, entry, escort, visitors)
                return True
    return False


def _is_inside(state: State, index: PolicyIndex, entry: Point, holder: int) -> bool:
    presence = state.presence.get(holder)
    return presence is not None and all(
        presence.area in room.within and holder not in on_the_way_out(state, index, room) for room in entry.entered
    )


def _confirm(turn: Turn, point: Point, escort: Member, visitors: Sequence[int]) -> None:
    turn.emit(EscortConfirmed(point.id, point.door, escort.badge, escort.holder, escort.number, tuple(visitors)))


def _let_in(
    turn: Turn, index: PolicyIndex, point: Point, entry: Point, escort: Member, visitors: Sequence[int]
) -> None:
    """The entry rules for those fetched, with the escort as one of those inside."""
    allowed = [member for member in judge_waiting(turn, index, entry, escort.holder) if member.holder in visitors]
    group = allowed[: int(index.limits.escort_visitors)]
    if not group:
        turn.act(Indicate(point.id, "denied"))
        return
    inside = frozenset((escort.holder,))
    lacking = second_person(turn.state, index, entry, group, inside)
    refusal = (
        second_person_required(lacking, 0)
        if lacking is not None
        else refused_together(turn.state, index, entry, group, (), inside) or interlocked(turn, entry)
    )
    if refusal is None and entry.goods:
        refusal = goods_entry.refused(turn, index, entry, (*group, escort)) or goods_entry.missing(turn, index, entry)
        if refusal is None:
            goods_entry.take_in(turn, index, entry, group)
    if refusal is None:
        grant(turn, entry, group, escort.holder)
        turn.act(Indicate(point.id, "granted"))
        return
    holders = {member.holder for member in group}
    for one in still_waiting(turn, entry, escort.holder):
        if one.pending.holder in holders:
            end_waiting(turn, one.pending, refusal)
    turn.act(Indicate(point.id, "denied"))


def hand_over(turn: Turn, index: PolicyIndex, point: Point, newcomer: Member, waiting: Sequence[Member]) -> bool:
    """An escort waits here because visitors would stay, and the tapper is with those visitors and may be their escort: the visitors are the
    tapper's, who does not leave. Returns whether it was so."""
    if not newcomer.may_escort or newcomer.alarms:
        return False
    for old in waiting:
        visitors = _staying_behind(turn.state, index, point, old)
        if visitors and newcomer.holder not in visitors and _is_with(turn.state, index, newcomer.holder, visitors):
            _confirm(turn, point, newcomer, visitors)
            turn.emit(EscortChanged(tuple(visitors), newcomer.holder, old.holder))
            leaving = (*led_out(turn.state, point, old), old)
            if not point.goods and leaves_behind(turn.state, index, point, leaving, old) is None:
                grant(turn, point, leaving)
            else:
                turn.act(Indicate(point.id, "pending"))
            return True
    return False


def _staying_behind(state: State, index: PolicyIndex, point: Point, escort: Member) -> list[int]:
    """The escort's visitors, with a badge of their own, who are in an area left here and not on their way out of it."""
    return [
        holder
        for holder, presence in state.presence.items()
        if holder > 0
        and presence.escort == escort.holder
        and any(
            presence.area in room.within and holder not in on_the_way_out(state, index, room) for room in point.left
        )
    ]


def _is_with(state: State, index: PolicyIndex, holder: int, visitors: Sequence[int]) -> bool:
    """Whether they are listed in each visitor's area, or inside it, and not on the way out of it."""
    presence = state.presence.get(holder)
    rooms = [index.rooms[state.presence[visitor].area] for visitor in visitors]
    return presence is not None and all(
        presence.area in room.within and holder not in on_the_way_out(state, index, room) for room in rooms
    )


def admit(turn: Turn, asked: Admit) -> Explanation | None:
    """Somebody without a badge waits at an entry point for an escort's tap. Returns why not."""
    index = turn.index
    point = None if index is None else index.points.get(asked.access_point)
    if index is None or point is None or point.out or not point.entered or point.door not in turn.hardware:
        return because(Reason.NO_SUCH_POINT, access_point=asked.access_point)
    if not asked.reason.strip() or not asked.person.strip():
        return because(Reason.REASON_REQUIRED)
    refusal = admission_refusal(turn, index, point)
    if refusal is not None:
        return refusal
    holder = _known_as(turn, asked.person) or turn.nobody_known()
    member = admitted(point, holder, asked.person, asked.customer, asked.emergency)
    window_s = index.limits.admit_window_s
    ask(
        turn,
        point,
        member,
        escort_required(point, member, seconds(window_s)),
        turn.mono_us + round(window_s * SECOND_US),
    )
    return None


def _known_as(turn: Turn, person: str) -> int | None:
    """Somebody without a badge who is listed, or waits, under this name: the same person."""
    for holder, presence in turn.state.presence.items():
        if holder < 0 and presence.number == person:
            return holder
    for waiting in turn.state.waiting.values():
        for one in waiting:
            if one.pending.holder < 0 and one.pending.number == person:
                return one.pending.holder
    return None
