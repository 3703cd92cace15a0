"""Who goes in together: the rules about the several people at one entry point (R2, R4, MEANINGS 10, 11, 16; docs/rooms.md, Entry).

:func:`decide_entry` is a pure function of what is known, who waits and who taps. Each of them has passed the numbered rules of
:mod:`controller.access` before.
"""

from collections.abc import Sequence

import msgspec

from controller.event_base import AlarmName, Explanation
from controller.index import Point, PolicyIndex, Room
from controller.policy import BadgeKind
from controller.presence import is_sure, on_the_way_in, on_the_way_out, outstanding, people_of
from controller.reasons import Reason, because
from controller.state import State


class Member(msgspec.Struct, frozen=True, gc=False):
    """Somebody at an access point. ``because``: what lets them pass. ``kind`` None and a negative ``holder``: somebody without a badge.
    ``needs_escort``, ``may_escort``: at this point. ``emergency``: without papers. ``alarms``: what their passing raises, and the reason."""

    holder: int
    badge: int
    number: str
    because: Explanation
    kind: BadgeKind | None = None
    customer: int | None = None
    needs_escort: bool = False
    may_escort: bool = False
    emergency: bool = False
    alarms: tuple[tuple[AlarmName, str], ...] = ()


class Pass(msgspec.Struct, frozen=True, gc=False):
    """These go now, the tapper last. ``escort``: the holder who answers for those of them who need one."""

    members: tuple[Member, ...]
    escort: int | None = None


class Wait(msgspec.Struct, frozen=True, gc=False):
    """The tapper waits."""

    because: Explanation


class Refuse(msgspec.Struct, frozen=True, gc=False):
    """The tapper is denied; who waits goes on waiting."""

    because: Explanation


Answer = Pass | Wait | Refuse


def decide_entry(
    state: State,
    index: PolicyIndex,
    point: Point,
    waiting: Sequence[Member],
    tapper: Member,
    blocked: Explanation | None,
) -> Answer:
    """``waiting``: who waits at this point, oldest first, without the tapper. ``blocked``: the interlock that keeps the door shut."""
    if tapper.needs_escort:
        return Wait(escort_required(point, tapper, seconds(index.limits.pairing_window_s)))
    if not waiting and (not point.asks or _wants_nothing(state, point, tapper)):
        if blocked is not None:
            return Refuse(blocked)
        return Pass((tapper,), tapper.holder if tapper.may_escort else None)
    if waiting:
        company = [*(member for member in waiting if not member.needs_escort), tapper]
        escort = tapper if tapper.may_escort else next((member for member in company if member.may_escort), None)
        group = (*taken_along(index, waiting, escort is not None), tapper)
    else:
        escort = tapper if tapper.may_escort else None
        group = (tapper,)
        company = [tapper]
    lacking = second_person(state, index, point, group)
    if lacking is not None:
        return Wait(second_person_required(lacking, seconds(index.limits.pairing_window_s)))
    if waiting:
        refusal = refused_together(state, index, point, group, company)
    else:  # the bounds have been looked at
        refusal = _refusal(state, index, point, group, company, frozenset(), 0, tapper.kind == "staff")
    refusal = refusal or blocked
    if refusal is not None:
        return Refuse(refusal)
    return Pass(group, None if escort is None else escort.holder)


def _wants_nothing(state: State, point: Point, tapper: Member) -> bool:
    """Whether the tapper may go in alone beyond question, however the grants outstanding at the doors turn out: the bounds of
    :func:`second_person` and :func:`refused_together` in one look, for most taps."""
    staff = tapper.kind == "staff"
    for room in point.entered:
        people = people_of(state, room)
        coming_or_going = outstanding(state, room) + 1
        if room.two_person and people.sure - coming_or_going < 2:
            return False
        if not (staff or people.staff) and (room.first_in or room.composition != "any"):
            return False
        if room.capacity is not None and people.listed + coming_or_going > room.capacity:
            return False
    return True


def taken_along(index: PolicyIndex, waiting: Sequence[Member], escorted: bool) -> list[Member]:
    """Those of the waiting who go in with company: all who need no escort; with an escort the first ``escort_visitors`` of the others."""
    places = int(index.limits.escort_visitors) if escorted else 0
    along = []
    for member in waiting:
        if member.needs_escort:
            places -= 1
        if places >= 0 or not member.needs_escort:
            along.append(member)
    return along


def second_person(
    state: State, index: PolicyIndex, point: Point, group: Sequence[Member], inside: frozenset[int] = frozenset()
) -> Room | None:
    """The two-person area into which they may not go: two go together, or two are inside beyond doubt already, not counting whoever is on the
    way out, nor who stands here outside, whatever the list says (R2, MEANINGS 11). ``inside``: who has just proved to be there."""
    if len(group) < 2:
        for room in point.entered:
            if room.two_person:
                there = people_of(state, room).sure
                if not there and not inside:
                    return room
                coming_or_going = outstanding(state, room)
                if there - coming_or_going - len(group) >= 2:
                    continue  # two of them at least are neither on the way out nor here
                elsewhere = on_the_way_out(state, index, room) if coming_or_going else set()
                elsewhere.update(member.holder for member in group)
                there -= sum(is_sure(state, room, holder) for holder in elsewhere)
                there += sum(not is_sure(state, room, holder) for holder in inside - elsewhere)
                if there < 2:
                    return room
    return None


def refused_together(
    state: State,
    index: PolicyIndex,
    point: Point,
    group: Sequence[Member],
    company: Sequence[Member],
    inside: frozenset[int] = frozenset(),
    not_coming: int = 0,
) -> Explanation | None:
    """Why this complete group may not go in: first in, composition, capacity. ``not_coming``: a holder whose grant is void."""
    staff = "staff" in [member.kind for member in group]
    for room in point.entered:
        people = people_of(state, room)
        if not (staff or people.staff) and (room.first_in or room.composition != "any"):
            break
        if room.capacity is not None and people.listed + outstanding(state, room) + len(group) > room.capacity:
            break
    else:
        return None  # in no area can anything be wanting, whoever of them is counted twice
    return _refusal(state, index, point, group, company, inside, not_coming, staff)


def _refusal(
    state: State,
    index: PolicyIndex,
    point: Point,
    group: Sequence[Member],
    company: Sequence[Member],
    inside: frozenset[int],
    not_coming: int,
    staff: bool,
) -> Explanation | None:
    for room in () if staff else point.entered:
        if room.first_in and not _staff_among(state, room, inside):
            return because(Reason.FIRST_IN_REQUIRED, area=room.id)
    for room in () if staff else point.entered:
        if room.composition != "any":
            met = _staff_among(state, room, inside)
            if not met and room.composition == "same_customer":
                met = _of_one_customer(state, room, company, inside)
            if not met:
                return because(Reason.COMPOSITION, area=room.id, composition=room.composition)
    for room in point.entered:
        if room.capacity is not None:
            coming = on_the_way_in(state, index, room) if outstanding(state, room) else set()
            coming.discard(not_coming)
            coming.update(member.holder for member in group)
            people = people_of(state, room).listed + sum(not _is_listed(state, room, holder) for holder in coming)
            if people > room.capacity:
                return because(Reason.AREA_FULL, area=room.id, capacity=room.capacity, people=people)
    return None


def _is_listed(state: State, room: Room, holder: int) -> bool:
    presence = state.presence.get(holder)
    return presence is not None and presence.area in room.within


def _staff_among(state: State, room: Room, inside: frozenset[int]) -> bool:
    """Whether own staff is in the area beyond doubt, or among those who have just proved to be there."""
    if people_of(state, room).staff:
        return True
    return bool(inside) and any(state.presence[holder].kind == "staff" for holder in inside if holder in state.presence)


def _of_one_customer(state: State, room: Room, company: Sequence[Member], inside: frozenset[int]) -> bool:
    """All of one customer, and two of them, or one of that customer is inside."""
    customers = {member.customer for member in company}
    if len(customers) != 1:
        return False
    (customer,) = customers
    if customer is None:
        return False
    if len(company) >= 2 or customer in people_of(state, room).customers:
        return True
    return any(state.presence[holder].customer == customer for holder in inside if holder in state.presence)


def second_person_required(room: Room, wait_s: int, way: str = "in") -> Explanation:
    """A second person is awaited; with ``wait_s`` 0, was."""
    return because(Reason.SECOND_PERSON_REQUIRED, area=room.id, way=way, wait_s=wait_s)


def escort_required(point: Point, member: Member, wait_s: int) -> Explanation:
    """An escort is awaited to enter; with ``wait_s`` 0, was."""
    return because(Reason.ESCORT_REQUIRED, number=member.number, area=point.area, way="in", wait_s=wait_s)


def seconds(limit_s: float) -> int:
    """A limit as an explanation tells it: whole seconds, not less."""
    return -int(-limit_s // 1)
