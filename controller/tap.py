"""A card at a reader: who it is, the decision, and what follows from it (R1, B9, MEANINGS 8, 10, 14)."""

from controller.access import NOBODY, Case, Denied, Granted, decide
from controller.actions import Indicate
from controller.door import DoorInput
from controller.event_base import Explanation
from controller.events import AccessDenied, AccessGranted, AccessPending
from controller.index import Point, PolicyIndex
from controller.inputs import CardRead, CardRefused
from controller.lease import age_us
from controller.now import SECOND_US
from controller.passage import happen
from controller.policy import Badge
from controller.reasons import Reason, because
from controller.turn import Turn


def card_read(turn: Turn, read: CardRead | CardRefused) -> None:
    """Decide a card and act on it."""
    index = turn.index
    point = None if index is None else index.points.get(read.access_point)
    if index is None or point is None or point.door not in turn.hardware:
        _deny_without_point(turn, read)
        return
    badge = NOBODY if isinstance(read, CardRefused) else index.badges.get(read.credential, NOBODY)
    if badge is not NOBODY and _is_same_read(turn, point, badge):
        return
    case = case_of(turn, index, point, badge, read)
    decision = decide(case)
    if isinstance(decision, Granted):
        _grant(turn, point, badge, decision)
    elif isinstance(decision, Denied):
        _deny(turn, point, badge, decision.because)
    else:
        _wait(turn, point, badge, decision.because, decision.wait_us)


def case_of(turn: Turn, index: PolicyIndex, point: Point, badge: Badge, read: CardRead | CardRefused) -> Case:
    """All that the decision depends on, from what is known now."""
    state = turn.state
    refused = isinstance(read, CardRefused)
    return Case(
        index=index,
        point=point,
        badge=badge,
        customer=None if badge.customer is None else index.customers.get(badge.customer),
        technology=read.technology,
        authenticated=isinstance(read, CardRead) and read.assurance == "authenticated",
        refused=read.cause if isinstance(read, CardRefused) else "",
        read_age_us=turn.mono_us - read.read_at_mono_us,
        wall_us=turn.wall_us,
        wall_trusted=state.wall_trusted,
        journal_available=state.journal_available,
        gas_zone="" if refused else turn.gas_zone(point.door),
        lease=state.lease,
        lease_age_us=0 if state.lease is None else age_us(state.lease, turn.wall_us, turn.mono_us, state.boot_id),
    )


def _is_same_read(turn: Turn, point: Point, badge: Badge) -> bool:
    window_us = round(turn.limits.same_read_s * SECOND_US)
    return any(
        read.badge == badge.id and 0 <= turn.mono_us - read.mono_us < window_us
        for read in turn.state.reads.get(point.id, ())
    )


def _grant(turn: Turn, point: Point, badge: Badge, decision: Granted) -> None:
    turn.emit(
        AccessGranted(
            access_point=point.id,
            door=point.door,
            badge=badge.id,
            holder=badge.holder,
            number=badge.number,
            because=decision.because,
            until_mono_us=turn.mono_us + turn.unlock_us(point.door),
            out=point.out,
            customer=badge.customer,
        )
    )
    if decision.alarm and decision.irregular is not None:
        turn.raise_alarm(
            decision.alarm,
            badge.number,
            holder=badge.holder,
            area=point.area,
            access_point=point.id,
            reason=decision.irregular.reason,
        )
    happen(turn, point.door, DoorInput.GRANT)
    turn.act(Indicate(point.id, "granted"))


def _wait(turn: Turn, point: Point, badge: Badge, explanation: Explanation, wait_us: int) -> None:
    turn.emit(
        AccessPending(
            access_point=point.id,
            door=point.door,
            badge=badge.id,
            holder=badge.holder,
            number=badge.number,
            because=explanation,
            until_mono_us=turn.mono_us + wait_us,
            out=point.out,
            customer=badge.customer,
        )
    )
    turn.act(Indicate(point.id, "pending"))


def _deny(turn: Turn, point: Point, badge: Badge, explanation: Explanation) -> None:
    known = badge is not NOBODY
    turn.emit(
        AccessDenied(
            access_point=point.id,
            door=point.door,
            because=explanation,
            badge=badge.id if known else None,
            holder=badge.holder if known else None,
            number=badge.number,
            out=point.out,
            customer=badge.customer,
        )
    )
    if explanation.reason == Reason.BADGE_LOST.name:
        turn.raise_alarm(
            "BADGE_LOST", badge.number, again=True, holder=badge.holder, access_point=point.id, badge=badge.id
        )
    _after_denial(turn, point.id)


def _deny_without_point(turn: Turn, read: CardRead | CardRefused) -> None:
    """No policy knows this access point, or its door is not this edge's: default deny."""
    explanation = (
        because(Reason.UNKNOWN_BADGE, technology=read.technology)
        if turn.index is None
        else because(Reason.NO_SUCH_POINT, access_point=read.access_point)
    )
    turn.emit(AccessDenied(access_point=read.access_point, door="", because=explanation))
    _after_denial(turn, read.access_point)


def _after_denial(turn: Turn, access_point: str) -> None:
    turn.act(Indicate(access_point, "denied"))
    limits = turn.limits
    since_us = turn.mono_us - round(limits.repeated_denials_window_s * SECOND_US)
    recent = sum(1 for at_us in turn.state.denials.get(access_point, ()) if at_us > since_us)
    if recent >= limits.repeated_denials:
        turn.raise_alarm("REPEATED_DENIALS", access_point, denials=recent)
