"""Emergency entry with the link down: a supervisor's badge and a different guard's badge at one reader admit one unnamed person with that
guard (B7, MEANINGS 21; docs/rooms.md, Admitting by command)."""

import msgspec

from controller.access import Denied, decide
from controller.answers import case_of, grant, interlocked, member_of, still_waiting
from controller.event_base import Explanation
from controller.events import AccessLapsed
from controller.group import Member, refused_together
from controller.index import Point, PolicyIndex
from controller.inputs import CardRead
from controller.now import SECOND_US
from controller.policy import Badge
from controller.reasons import Reason, because
from controller.turn import Turn


class Declared(msgspec.Struct, frozen=True):
    """An emergency: the supervisor who approved it by a tap before the guard's, and the guard who goes in with the unnamed person."""

    supervisor: Badge
    guard: Member


def declared(turn: Turn, index: PolicyIndex, point: Point, badge: Badge, read: CardRead) -> Declared | None:
    """Whether this tap declares an emergency. The guard may pass by every rule but the permission, which the supervisor stands for."""
    if turn.state.link_up is not False or "guard" not in index.duties.get(badge.holder, ()):
        return None
    if point.out or not point.entered or turn.door(point.door).mode == "released":
        return None
    supervisor = _supervisor_before(turn, index, point, badge)
    if supervisor is None:
        return None
    decision = decide(case_of(turn, index, point, badge, read, vouched=True))
    if isinstance(decision, Denied):
        return None
    guard = member_of(turn, index, point, badge, decision)
    return Declared(supervisor, guard) if guard.may_escort else None


def _supervisor_before(turn: Turn, index: PolicyIndex, point: Point, guard: Badge) -> Badge | None:
    """Whose tap here waits, or was granted within the window and not taken yet, and still would be."""
    taps = [one.pending.badge for one in still_waiting(turn, point, guard.holder, confirmed=False)]
    since_us = turn.mono_us - round(index.limits.pairing_window_s * SECOND_US)
    recent = {read.badge for read in turn.state.reads.get(point.id, ()) if read.mono_us > since_us}
    taps += [
        one.badge
        for one in turn.door(point.door).grants
        if one.access_point == point.id and one.holder != guard.holder and one.badge in recent
    ]
    for badge_id in taps:
        badge = index.badge(badge_id) if badge_id else None
        if badge is None or badge.holder == guard.holder or "supervisor" not in index.duties.get(badge.holder, ()):
            continue
        if not isinstance(decide(case_of(turn, index, point, badge)), Denied):
            return badge
    return None


def enter(turn: Turn, index: PolicyIndex, point: Point, emergency: Declared) -> Explanation | None:
    """The guard and one unnamed person go in, the supervisor stays outside. Returns why the guard is denied."""
    supervisor = emergency.supervisor
    approved = because(Reason.EMERGENCY_ADMITTED, number=supervisor.number, area=point.area)
    guard = msgspec.structs.replace(emergency.guard, because=approved, emergency=True)
    holder, number = _led_here(turn, point, guard.holder) or (turn.nobody_known(), f"emergency-{turn.state.seq + 1}")
    unnamed = Member(
        holder=holder,
        badge=0,
        number=number,
        because=approved,
        needs_escort=True,
        emergency=True,
    )
    group = (unnamed, guard)
    refusal = refused_together(turn.state, index, point, group, (guard,), not_coming=supervisor.holder) or interlocked(
        turn, point
    )
    if refusal is not None:
        return refusal
    tap_used = AccessLapsed(point.id, point.door, supervisor.id, supervisor.holder, supervisor.number)
    if any(one.holder == supervisor.holder for one in turn.door(point.door).grants if one.access_point == point.id):
        turn.emit(tap_used)
    if any(one.pending.holder == supervisor.holder for one in turn.state.waiting.get(point.id, ())):
        turn.emit(tap_used)
    grant(turn, point, group, guard.holder)
    return None


def _led_here(turn: Turn, point: Point, guard: int) -> tuple[int, str] | None:
    """Who has no badge and stands with this guard, who answers for them, before the door: it is they who go on, the longest there first. A second
    name for them would leave the first behind on the muster list."""
    here = [
        (holder, presence.number)
        for holder, presence in turn.state.presence.items()
        if holder < 0 and presence.number and presence.escort == guard and presence.area == point.from_area
    ]
    return max(here) if here else None  # holders without a badge are numbered downwards
