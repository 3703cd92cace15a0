"""A way out of a goods door: who carries nothing is prompted, who carries goes when all is scanned; nobody is held (E4-E6, L1, MEANINGS 8, 25; docs/goods.md, Out)."""

from collections.abc import Sequence

from controller.answers import ask, grant, judge_waiting
from controller.carrier import carrier_of
from controller.event_base import Explanation
from controller.goods_check import allowed, nothing_left, running
from controller.goods_door import end_check, reserve, scanner_works
from controller.goods_index import Document
from controller.group import Member, Pass, Wait, seconds
from controller.index import Point, PolicyIndex
from controller.now import SECOND_US
from controller.pairing import can_be_asked, confirms, decide_exit, led_out, prompt_of
from controller.policy import ExitSlip
from controller.reasons import Reason, because
from controller.state import Check
from controller.turn import Turn
from controller.visitors import fetch, hand_over

_OF_EQUIPMENT = frozenset(
    reason.name for reason in (Reason.NO_EXIT_SLIP, Reason.GUARD_CHECK_REQUIRED, Reason.CONSOLE_UNREACHABLE)
)
"""Prompts that ask for a check; they say nothing of who would stay behind."""


def leave(turn: Turn, index: PolicyIndex, point: Point, member: Member) -> None:
    """Somebody taps to go out through a goods door."""
    found = running(turn, index, point)
    check, document = found if found is not None else (None, None)
    if check is not None and document is not None and check.scanned and check.started.holder == member.holder:
        others = judge_waiting(turn, index, point, member.holder)
        carrier = _carrier(turn, index, point, check, document)
        if carrier is not None:
            release(turn, index, point, check, document, carrier, others)
            return
        check = document = None
    prompt = prompt_of(turn, point, member.holder)
    confirmed = confirms(turn, prompt) or (prompt is None and not can_be_asked(turn, point))
    if not confirmed and fetch(turn, index, point, member):
        return
    waiting = judge_waiting(turn, index, point, member.holder)
    if confirmed:
        _go_without(turn, index, point, member, waiting, check)
        return
    if _carries_already(turn, index, point, member):
        grant(turn, point, (*led_out(turn.state, point, member), member))
        return
    handed = hand_over(turn, index, point, member, waiting)
    obstacle: Explanation | None = None
    if check is not None and document is not None and nothing_left(turn, check, document) and check.scanned:
        carrier = _carrier(turn, index, point, check, document)
        if carrier is not None:
            others = [one for one in waiting if one.holder != carrier.holder]
            obstacle = release(turn, index, point, check, document, carrier, others if handed else [*others, member])
            if obstacle is None and _granted(turn, point, member):
                return
    if not handed:
        window_s = index.limits.exit_prompt_s
        until_us = turn.mono_us + round(window_s * SECOND_US) if prompt is None else prompt.pending.until_mono_us
        ask(turn, point, member, obstacle or without_check(turn, point, seconds(window_s)), until_us)


def _granted(turn: Turn, point: Point, member: Member) -> bool:
    return any((one.access_point, one.holder) == (point.id, member.holder) for one in turn.door(point.door).grants)


def _go_without(
    turn: Turn, index: PolicyIndex, point: Point, member: Member, waiting: Sequence[Member], check: Check | None
) -> None:
    """Who was prompted goes without equipment. Others go along as at any way out, but nobody is taken out of a check that runs."""
    if check is not None and check.started.holder == member.holder:
        end_check(turn, check, "cancelled")
    elif check is not None:
        waiting = ()
    answer = decide_exit(turn.state, index, point, waiting, member, confirmed=True)
    grant(turn, point, answer.members if isinstance(answer, Pass) else (member,))


def _carries_already(turn: Turn, index: PolicyIndex, point: Point, member: Member) -> bool:
    """The carrier whose door is unlocked taps again before it opened. Once the slip's window is over no tap prolongs that: its binding ends soon after."""
    theirs = [one for one in turn.state.reserved.get(point.id, ()) if one.holder == member.holder]
    return bool(theirs) and _granted(turn, point, member) and all(allowed(turn, index, one) for one in theirs)


def _carrier(turn: Turn, index: PolicyIndex, point: Point, check: Check, document: Document) -> Member | None:
    """The check's carrier; where they may not carry any more, the check is over."""
    carrier = carrier_of(turn, index, point, check, document) if isinstance(document, ExitSlip) else None
    if carrier is None:
        end_check(turn, check, "withdrawn")
    return carrier


def release(
    turn: Turn,
    index: PolicyIndex,
    point: Point,
    check: Check,
    document: Document,
    carrier: Member,
    others: Sequence[Member],
) -> Explanation | None:
    """What is scanned goes with the carrier, and with the carrier the others, by the rules of ways out. Returns what is asked of the carrier instead."""
    prompt = prompt_of(turn, point, carrier.holder)
    if prompt is None:
        confirmed = not can_be_asked(turn, point)
    else:
        confirmed = prompt.pending.because.reason not in _OF_EQUIPMENT and confirms(turn, prompt)
    answer = decide_exit(turn.state, index, point, others, carrier, confirmed)
    if isinstance(answer, Wait):
        anew = prompt is None or prompt.pending.because.reason in _OF_EQUIPMENT
        window_us = round(index.limits.pairing_window_s * SECOND_US)
        until_us = turn.mono_us + window_us if anew or prompt is None else prompt.pending.until_mono_us
        ask(turn, point, carrier, answer.because, until_us)
        return answer.because
    reserve(turn, check, document, carrier.holder, carrier.badge)
    grant(turn, point, answer.members)
    return None


def all_scanned(turn: Turn, index: PolicyIndex, point: Point) -> bool:
    """The last device has been scanned: the door opens for the carrier and who waits there. Returns whether anybody was answered."""
    found = running(turn, index, point)
    if found is None:
        return False
    check, document = found
    carrier = _carrier(turn, index, point, check, document)
    if carrier is not None:
        release(turn, index, point, check, document, carrier, judge_waiting(turn, index, point, carrier.holder))
    return True


def without_check(turn: Turn, point: Point, wait_s: int) -> Explanation:
    """The prompt for who would leave through a goods door without a check."""
    if scanner_works(turn, point):
        return because(Reason.NO_EXIT_SLIP, area=point.area, wait_s=wait_s, way="out")
    if turn.state.link_up is False:
        return because(Reason.CONSOLE_UNREACHABLE, area=point.area, wait_s=wait_s, way="out")
    return because(Reason.GUARD_CHECK_REQUIRED, area=point.area, wait_s=wait_s, way="out")
