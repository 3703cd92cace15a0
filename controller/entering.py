"""Who taps to go in, after the rules about them alone: with those who wait, or waiting (R1, R2, R4, E2, MEANINGS 10, 11)."""

from controller import goods_entry
from controller.answers import ask, grant, interlocked, judge_waiting
from controller.event_base import Explanation
from controller.group import Member, Refuse, Wait, decide_entry, seconds
from controller.index import Point, PolicyIndex
from controller.now import SECOND_US
from controller.pairing import confirms, leaves_one_alone, prompt_of
from controller.reasons import Reason, because
from controller.turn import Turn


def _waits_for_guard(turn: Turn, index: PolicyIndex, point: Point, member: Member, refusal: Explanation) -> bool:
    """With the link down a supervisor who brings nothing waits for the guard's badge all the same: an emergency asks for no order (MEANINGS 21)."""
    of_order = refusal.reason in (Reason.NO_WORK_ORDER.name, Reason.CONSOLE_UNREACHABLE.name)
    if not of_order or turn.state.link_up is not False or "supervisor" not in index.duties.get(member.holder, ()):
        return False
    window_s = index.limits.pairing_window_s
    waits_for = because(Reason.CONSOLE_UNREACHABLE, area=point.area, wait_s=seconds(window_s), way="in")
    ask(turn, point, member, waits_for, turn.mono_us + round(window_s * SECOND_US))
    return True


def enter(turn: Turn, index: PolicyIndex, point: Point, member: Member) -> Explanation | None:
    """Let the tapper in with those who wait, or let them wait. Returns why they are denied."""
    waiting = [] if member.needs_escort else judge_waiting(turn, index, point, member.holder)
    blocked = None if point.out else interlocked(turn, point)
    answer = decide_entry(turn.state, index, point, waiting, member, blocked)
    window_us = round(index.limits.pairing_window_s * SECOND_US)
    if isinstance(answer, Refuse):
        return answer.because
    if isinstance(answer, Wait):
        ask(turn, point, member, answer.because, turn.mono_us + window_us)
        return None
    takes_part = False
    if point.goods:
        refusal = goods_entry.refused(turn, index, point, answer.members)
        if refusal is not None:
            return None if _waits_for_guard(turn, index, point, member, refusal) else refusal
        takes_part = goods_entry.confirms(turn, point, member.holder)  # asked last, so nothing else is asked again
    holders = {one.holder for one in answer.members}
    lonely = leaves_one_alone(turn.state, index, point, holders) if point.left and not takes_part else None
    if lonely is not None:
        prompt = prompt_of(turn, point, member.holder)
        if not confirms(turn, prompt):
            until_us = turn.mono_us + window_us if prompt is None else prompt.pending.until_mono_us
            ask(turn, point, member, lonely, until_us)
            return None
    if point.goods:
        missing = None if takes_part else goods_entry.missing(turn, index, point)
        if missing is not None:
            ask(turn, point, member, missing, goods_entry.missing_until_us(turn, index, point, member.holder))
            return None
        goods_entry.take_in(turn, index, point, answer.members)
    grant(turn, point, answer.members, answer.escort)
    return None
