"""A card at a reader: who it is, the decision about that person, then about those who pass together (R1, R2, B9, MEANINGS 8-10)."""

from controller import duress, goods_exit
from controller.access import NOBODY, Denied, decide
from controller.answers import after_denial, ask, case_of, deny, grant, judge_waiting, member_of
from controller.confirmation import ask_guard, must_be_confirmed
from controller.emergency import declared
from controller.emergency import enter as enter_in_emergency
from controller.entering import enter
from controller.events import AccessDenied
from controller.group import Member, Pass
from controller.index import Point, PolicyIndex
from controller.inputs import CardRead, CardRefused
from controller.now import SECOND_US
from controller.pairing import can_be_asked, confirms, decide_exit, led_out, prompt_of
from controller.policy import Badge
from controller.reasons import Reason, because
from controller.turn import Turn
from controller.visitors import fetch, hand_over


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
    gesture = duress.gestured(turn, point, badge.id)
    emergency = declared(turn, index, point, badge, read) if isinstance(read, CardRead) else None
    if emergency is not None:
        refusal = enter_in_emergency(turn, index, point, emergency)
        if refusal is not None:
            deny(turn, point, badge, refusal)
        elif gesture:
            duress.alarm(turn, point, badge.id, badge.holder, badge.number)
        return
    case = case_of(turn, index, point, badge, read)
    decision = decide(case)
    if isinstance(decision, Denied):
        deny(turn, point, badge, decision.because)
        return
    member = member_of(turn, index, point, badge, decision)
    if point.out and point.passage and not case.released:
        asks = point.goods and not case.gas_zone  # into gas nobody is held back, nor for a check
        (goods_exit.leave if asks else _leave)(turn, index, point, member)
        return
    refusal = None
    if not case.released:
        unconfirmed = point.confirms and must_be_confirmed(turn, point, member)
        refusal = (ask_guard if unconfirmed else enter)(turn, index, point, member)
    else:  # fire released the door: nothing is asked, and who came without a badge leaves with the escort
        grant(turn, point, (*(led_out(turn.state, point, member) if point.out else ()), member))
    if refusal is not None:
        deny(turn, point, badge, refusal)
    elif gesture:
        duress.alarm(turn, point, badge.id, badge.holder, badge.number)


def _is_same_read(turn: Turn, point: Point, badge: Badge) -> bool:
    window_us = round(turn.limits.same_read_s * SECOND_US)
    return any(
        read.badge == badge.id and 0 <= turn.mono_us - read.mono_us < window_us
        for read in turn.state.reads.get(point.id, ())
    )


def _leave(turn: Turn, index: PolicyIndex, point: Point, member: Member) -> None:
    """Let the tapper out, alone or with those who wait for a partner, or prompt them (L1, MEANINGS 8, 9)."""
    prompt = prompt_of(turn, point, member.holder)
    confirmed = confirms(turn, prompt) or (prompt is None and not can_be_asked(turn, point))
    if not confirmed and fetch(turn, index, point, member):
        return
    waiting = judge_waiting(turn, index, point, member.holder)
    if not confirmed and hand_over(turn, index, point, member, waiting):
        return
    answer = decide_exit(turn.state, index, point, waiting, member, confirmed)
    if isinstance(answer, Pass):
        grant(turn, point, answer.members)
        return
    window_us = round(index.limits.pairing_window_s * SECOND_US)
    until_us = turn.mono_us + window_us if prompt is None else prompt.pending.until_mono_us
    ask(turn, point, member, answer.because, until_us)


def _deny_without_point(turn: Turn, read: CardRead | CardRefused) -> None:
    """No policy knows this access point, or its door is not this edge's: default deny."""
    explanation = (
        because(Reason.UNKNOWN_BADGE, technology=read.technology)
        if turn.index is None
        else because(Reason.NO_SUCH_POINT, access_point=read.access_point)
    )
    turn.emit(AccessDenied(access_point=read.access_point, door="", because=explanation))
    after_denial(turn, read.access_point)
