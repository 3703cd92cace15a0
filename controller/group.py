"""Who goes in together: the rules about the several people at one entry point (R2, R4, MEANINGS 10, 11, 16; docs/rooms.md, Entry).

:func:`decide_entry` is a pure function of what is known, who waits and who taps. Each of them has passed the numbered rules of
:mod:`controller.access` before.
"""

from collections.abc import Sequence

import msgspec

from controller.event_base import AlarmName, Explanation
from controller.index import Point, PolicyIndex, Room
from controller.policy import BadgeKind
from controller.presence import listed, on_the_way_in, on_the_way_out, sure
from controller.reasons import Reason, because
from controller.state import State


class Member(msgspec.Struct, frozen=True):
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


class Pass(msgspec.Struct, frozen=True):
    """These go now, the tapper last. ``escort``: the holder who answers for those of them who need one."""

    members: tuple[Member, ...]
    escort: int | None = None


class Wait(msgspec.Struct, frozen=True):
    """The tapper waits."""

    because: Explanation


class Refuse(msgspec.Struct, frozen=True):
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
    company = [*(member for member in waiting if not member.needs_escort), tapper]
    escort = tapper if tapper.may_escort else next((member for member in company if member.may_escort), None)
    group = (*taken_along(index, waiting, escort is not None), tapper)
    lacking = second_person(state, index, point, group)
    if lacking is not None:
        return Wait(second_person_required(lacking, seconds(index.limits.pairing_window_s)))
    refusal = refused_together(state, index, point, group, company) or blocked
    if refusal is not None:
        return Refuse(refusal)
    return Pass(group, None if escort is None else escort.holder)


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
        here = {member.holder for member in group}
        for room in point.entered:
            if room.two_person:
                there = (sure(state, room) | inside) - on_the_way_out(state, index, room) - here
                if len(there) < 2:
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
    if not point.asks:
        return None
    staff = any(member.kind == "staff" for member in group)
    for room in point.entered:
        if room.first_in and not (staff or _staff_among(state, sure(state, room) | inside)):
            return because(Reason.FIRST_IN_REQUIRED, area=room.id)
    for room in point.entered:
        if room.composition != "any" and not staff:
            there = sure(state, room) | inside
            met = _staff_among(state, there)
            if not met and room.composition == "same_customer":
                met = _of_one_customer(state, company, there)
            if not met:
                return because(Reason.COMPOSITION, area=room.id, composition=room.composition)
    for room in point.entered:
        if room.capacity is not None:
            holders = {member.holder for member in group}
            people = len(listed(state, room) | (on_the_way_in(state, index, room) - {not_coming}) | holders)
            if people > room.capacity:
                return because(Reason.AREA_FULL, area=room.id, capacity=room.capacity, people=people)
    return None


def _staff_among(state: State, holders: set[int] | frozenset[int]) -> bool:
    return any(state.presence[holder].kind == "staff" for holder in holders if holder in state.presence)


def _of_one_customer(state: State, company: Sequence[Member], there: set[int] | frozenset[int]) -> bool:
    """All of one customer, and two of them, or one of that customer is inside."""
    customers = {member.customer for member in company}
    if len(customers) != 1 or None in customers:
        return False
    if len(company) >= 2:
        return True
    return any(state.presence[holder].customer in customers for holder in there if holder in state.presence)


def second_person_required(room: Room, wait_s: int, way: str = "in") -> Explanation:
    """A second person is awaited; with ``wait_s`` 0, was."""
    return because(Reason.SECOND_PERSON_REQUIRED, area=room.id, way=way, wait_s=wait_s)


def escort_required(point: Point, member: Member, wait_s: int) -> Explanation:
    """An escort is awaited to enter; with ``wait_s`` 0, was."""
    return because(Reason.ESCORT_REQUIRED, number=member.number, area=point.area, way="in", wait_s=wait_s)


def seconds(limit_s: float) -> int:
    """A limit as an explanation tells it: whole seconds, not less."""
    return -int(-limit_s // 1)
