"""What is answered to people at an access point, as events and actions: granted, pending, denied (B9, R3, MEANINGS 8, 9, 14)."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from controller import interlock, lockdown
from controller.access import NOBODY, Case, Granted, decide, refuse_admission
from controller.actions import Indicate
from controller.anti_passback import inside_already, left_unseen
from controller.door import DoorInput
from controller.escort import escorted_in, may_escort, needs_escort
from controller.event_base import AlarmName, Explanation
from controller.events import AccessDenied, AccessGranted, AccessPending
from controller.group import Member
from controller.index import Point, PolicyIndex
from controller.inputs import CardRead, CardRefused
from controller.lease import age_us
from controller.now import SECOND_US
from controller.passage import happen
from controller.policy import Badge
from controller.reasons import Reason, because
from controller.state import MAX_WAITING_KEPT, Waiting
from controller.turn import Turn

GUARD_ASKED = Reason.GUARD_CONFIRMATION_REQUIRED.name
"""Who waits so waits for the guard's word alone (R8)."""


def case_of(
    turn: Turn,
    index: PolicyIndex,
    point: Point,
    badge: Badge,
    read: CardRead | CardRefused | None = None,
    vouched: bool = False,
) -> Case:
    """All that the decision about one person depends on, from what is known now. ``read`` None: it was in order when it came."""
    state = turn.state
    lease = state.lease
    door = state.doors.get(point.door)
    technology, authenticated, age_of_read_us = "", True, 0
    refused: Literal["", "not_authenticated", "two_cards"] = ""
    if read is not None:
        technology, age_of_read_us = read.technology, turn.mono_us - read.read_at_mono_us
        if isinstance(read, CardRead):
            authenticated = read.assurance == "authenticated"
        else:
            authenticated, refused = False, read.cause
    return Case(
        index,
        point,
        badge,
        None if badge.customer is None else index.customers.get(badge.customer),
        technology,
        authenticated,
        refused,
        age_of_read_us,
        turn.wall_us,
        state.wall_trusted,
        state.journal_available,
        turn.gas_zone(point.door) if state.gas else "",
        lease,
        0 if lease is None else age_us(lease, turn.wall_us, turn.mono_us, state.boot_id),
        state.presence.get(badge.holder),
        door is not None and door.mode == "released",
        _locked_down(turn, index, point, badge) if state.lockdowns else None,
        vouched,
    )


def _locked_down(turn: Turn, index: PolicyIndex, point: Point, badge: Badge) -> str | None:
    kind = None if badge is NOBODY else badge.kind
    return lockdown.locked_area(turn.state.lockdowns, index, point, kind, badge.holder in index.keyholders)


def member_of(turn: Turn, index: PolicyIndex, point: Point, badge: Badge, granted: Granted) -> Member:
    """Whom the numbered rules let pass, as the group rules see them."""
    kind, holder = badge.kind, badge.holder
    areas = point.leaves if point.out else point.enters
    alarms: tuple[tuple[AlarmName, str], ...] = ()
    if granted.alarm and granted.irregular is not None:
        alarms = ((granted.alarm, granted.irregular.reason),)
    if (point.out or point.soft_passback) and passed_back(turn, point, holder):
        alarms = (*alarms, ("EXIT_IRREGULAR", Reason.ANTI_PASSBACK.name))
    return Member(
        holder,
        badge.id,
        badge.number,
        granted.because,
        kind,
        badge.customer,
        not point.out and needs_escort(point, kind),
        may_escort(index, areas, kind, holder),
        False,
        alarms,
    )


def passed_back(turn: Turn, point: Point, holder: int) -> bool:
    """Whether anti-passback, where it is soft or where somebody leaves, finds this passing irregular."""
    if turn.door(point.door).mode == "released":
        return False
    presence = turn.state.presence.get(holder)
    if point.out:
        return left_unseen(turn.state, point, presence) is not None
    return inside_already(point, presence, "soft") is not None


def still_waiting(turn: Turn, point: Point, besides: int, *, confirmed: bool = True) -> list[Waiting]:
    """Who waits at this point now, oldest first, without this holder. ``confirmed``: nor who waits for the guard's word, and so is nobody's
    partner, and nobody's visitor, before it comes."""
    return [
        one
        for one in turn.state.waiting.get(point.id, ())
        if one.pending.holder != besides
        and turn.mono_us < one.pending.until_mono_us
        and not (confirmed and one.pending.because.reason == GUARD_ASKED)
    ]


def judge_waiting(turn: Turn, index: PolicyIndex, point: Point, besides: int) -> list[Member]:
    """Who waits at this point, judged again: whoever may not pass any more is denied and is not among them."""
    members: list[Member] = []
    if point.id not in turn.state.waiting:
        return members
    for one in still_waiting(turn, point, besides):
        asked = one.pending
        if asked.badge:
            badge = index.badge(asked.badge) or NOBODY
            if badge.holder != asked.holder:  # passed to somebody else meanwhile (B5), who did not tap
                badge = NOBODY
            decision = decide(case_of(turn, index, point, badge))
            if isinstance(decision, Granted):
                members.append(member_of(turn, index, point, badge, decision))
                continue
            refusal: Explanation | None = decision.because
        else:
            refusal = admission_refusal(turn, index, point)
        if refusal is None:
            members.append(admitted(point, asked.holder, asked.number, asked.customer, asked.emergency))
        else:
            end_waiting(turn, asked, refusal)
    return members


def admission_refusal(turn: Turn, index: PolicyIndex, point: Point) -> Explanation | None:
    """Why nobody may be admitted by command at this point: every rule that is not about a badge or its permission (MEANINGS 21)."""
    return refuse_admission(case_of(turn, index, point, NOBODY))


def admitted(point: Point, holder: int, number: str, customer: int | None, emergency: bool) -> Member:
    """Somebody admitted by command."""
    return Member(
        holder=holder,
        badge=0,
        number=number,
        because=because(Reason.ADMITTED, "B7" if emergency else "B8", number=number, area=point.area),
        customer=customer,
        needs_escort=True,
        emergency=emergency,
    )


def grant(turn: Turn, point: Point, members: Sequence[Member], escort: int | None = None) -> None:
    """Let these pass under one opening: a grant for each, one unlock."""
    state = turn.state
    until_us = turn.mono_us + turn.unlock_us(point.door)
    holders = tuple(member.holder for member in members)
    for member in members:
        known = state.presence.get(member.holder)
        answers_for = escort if member.needs_escort else None
        if point.out and known is not None and known.escort is not None:
            answers_for = _keeps_escort(turn, point, member, known.escort)
        turn.emit(
            AccessGranted(
                access_point=point.id,
                door=point.door,
                badge=member.badge,
                holder=member.holder,
                number=member.number,
                because=member.because,
                until_mono_us=until_us,
                out=point.out,
                customer=member.customer,
                kind=member.kind,
                partners=tuple(holder for holder in holders if holder != member.holder),
                escort=answers_for,
                presumed_left=not point.out
                and known is not None
                and not known.sure
                and any(known.area in room.within for room in point.entered),
                emergency=member.emergency,
            )
        )
        for alarm, reason in member.alarms:
            turn.raise_alarm(
                alarm, member.number, holder=member.holder, area=point.area, access_point=point.id, reason=reason
            )
    happen(turn, point.door, DoorInput.GRANT)
    turn.act(Indicate(point.id, "granted"))


def _keeps_escort(turn: Turn, point: Point, member: Member, escort: int) -> int | None:
    """Who goes out into another room where they need an escort, too, keeps theirs; so does, for the record, who leaves for good."""
    needed = turn.index is not None and escorted_in(turn.index, point.to_area, member.kind)
    return escort if point.to_public or needed else None


def interlocked(turn: Turn, point: Point) -> Explanation | None:
    """The other door of a mantrap for which this one stays shut."""
    found = interlock.blocked_by(turn, point.door)
    return None if found is None else because(Reason.INTERLOCKED, door=found[1])


def ask(turn: Turn, point: Point, member: Member, explanation: Explanation, until_us: int) -> None:
    """The tap counts; something is awaited until this boot time."""
    others = [one for one in turn.state.waiting.get(point.id, ()) if one.pending.holder != member.holder]
    if len(others) >= MAX_WAITING_KEPT and not is_prompt(others[0].pending):  # no room: the longest wait ends now
        end_waiting(turn, others[0].pending, others[0].pending.because)
    turn.emit(
        AccessPending(
            access_point=point.id,
            door=point.door,
            badge=member.badge,
            holder=member.holder,
            number=member.number,
            because=explanation,
            until_mono_us=until_us,
            out=point.out,
            customer=member.customer,
            kind=member.kind,
            emergency=member.emergency,
        )
    )
    turn.act(Indicate(point.id, "pending"))


def is_prompt(asked: AccessPending) -> bool:
    """Whether it is a prompt to somebody who leaves: no denial follows when nobody comes."""
    return asked.because.inputs.get("way") == "out"


def end_waiting(turn: Turn, asked: AccessPending, refusal: Explanation) -> None:
    """Who waited is denied."""
    turn.emit(
        AccessDenied(
            access_point=asked.access_point,
            door=asked.door,
            because=refusal,
            badge=asked.badge,
            holder=asked.holder,
            number=asked.number,
            out=asked.out,
            customer=asked.customer,
            waited=True,
        )
    )
    if refusal.reason == Reason.BADGE_LOST.name:
        _lost(turn, asked.access_point, asked.badge, asked.holder, asked.number)
    after_denial(turn, asked.access_point)


def deny(turn: Turn, point: Point, badge: Badge, explanation: Explanation) -> None:
    """Who taps is denied."""
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
        _lost(turn, point.id, badge.id, badge.holder, badge.number)
    after_denial(turn, point.id)


def _lost(turn: Turn, access_point: str, badge: int, holder: int, number: str) -> None:
    turn.raise_alarm("BADGE_LOST", number, again=True, holder=holder, access_point=access_point, badge=badge)


def after_denial(turn: Turn, access_point: str) -> None:
    """Show it, and notice when it happens too often."""
    turn.act(Indicate(access_point, "denied"))
    limits = turn.limits
    since_us = turn.mono_us - round(limits.repeated_denials_window_s * SECOND_US)
    recent = sum(1 for at_us in turn.state.denials.get(access_point, ()) if at_us > since_us)
    if recent >= limits.repeated_denials:
        turn.raise_alarm("REPEATED_DENIALS", access_point, denials=recent)


def over(explanation: Explanation) -> Explanation:
    """The same reason when nothing is awaited any more."""
    return msgspec.structs.replace(explanation, inputs={**explanation.inputs, "wait_s": 0})
