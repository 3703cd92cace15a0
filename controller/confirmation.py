"""The guard's word on who stands at a door, asked for where the door says so (R8; docs/goods.md, The guard confirms the holder)."""

from controller.access import NOBODY, Denied, decide
from controller.answers import GUARD_ASKED, ask, case_of, end_waiting, grant, is_prompt, member_of
from controller.commands import ConfirmHolder
from controller.entering import enter
from controller.event_base import Explanation
from controller.goods_events import HolderConfirmed
from controller.group import Member, seconds
from controller.index import Point, PolicyIndex
from controller.now import SECOND_US
from controller.pairing import prompt_of
from controller.reasons import Reason, because
from controller.turn import Turn


def must_be_confirmed(turn: Turn, point: Point, member: Member) -> bool:
    """Whether the guard is asked about this tapper: not about who was confirmed and waits here for something else."""
    if not point.confirms:
        return False
    for one in turn.state.waiting.get(point.id, ()):
        asked = one.pending
        if asked.holder == member.holder and asked.badge == member.badge and asked.because.reason != GUARD_ASKED:
            if is_prompt(asked):
                return prompt_of(turn, point, member.holder) is None
            return turn.mono_us >= asked.until_mono_us
    return True


def ask_guard(turn: Turn, index: PolicyIndex, point: Point, member: Member) -> Explanation | None:
    """The tapper waits for the guard's word. Returns why there is none to be had. A supervisor waits all the same, for the guard's own badge."""
    window_s = index.limits.guard_window_s
    if turn.state.link_up is False:
        if "supervisor" not in index.duties.get(member.holder, ()):
            return because(Reason.CONSOLE_UNREACHABLE, "R8", area=point.area, wait_s=0, way="in")
        window_s = index.limits.pairing_window_s  # for the guard's badge: an emergency (MEANINGS 21)
    waits_for = because(
        Reason.GUARD_CONFIRMATION_REQUIRED, number=member.number, area=point.area, wait_s=seconds(window_s)
    )
    ask(turn, point, member, waits_for, turn.mono_us + round(window_s * SECOND_US))
    return None


def confirm_holder(turn: Turn, asked: ConfirmHolder, operator: str) -> Explanation | None:
    """The guard accepts or refuses who waits. Returns why the word counts for nothing."""
    index = turn.index
    point = None if index is None else index.points.get(asked.access_point)
    if index is None or point is None or point.door not in turn.hardware:
        return because(Reason.NO_SUCH_POINT, access_point=asked.access_point)
    if not asked.accepted and not asked.reason.strip():
        return because(Reason.REASON_REQUIRED)
    if not turn.state.journal_available:
        return because(Reason.JOURNAL_UNAVAILABLE)
    waiting = next(
        (
            one.pending
            for one in turn.state.waiting.get(point.id, ())
            if one.pending.number == asked.number
            and one.pending.because.reason == GUARD_ASKED
            and turn.mono_us < one.pending.until_mono_us
        ),
        None,
    )
    if waiting is None:
        return because(Reason.NOBODY_WAITS, access_point=point.id, number=asked.number)
    if not asked.accepted:
        end_waiting(turn, waiting, because(Reason.HOLDER_MISMATCH, number=asked.number))
        return None
    turn.emit(HolderConfirmed(point.id, point.door, waiting.holder, waiting.badge, waiting.number, operator))
    badge = index.badge(waiting.badge) or NOBODY
    if badge.holder != waiting.holder:  # passed to somebody else meanwhile (B5), whom the guard has not seen
        badge = NOBODY
    case = case_of(turn, index, point, badge)
    decision = decide(case)
    if isinstance(decision, Denied):
        end_waiting(turn, waiting, decision.because)
        return None
    member = member_of(turn, index, point, badge, decision)
    if case.released:
        grant(turn, point, (member,))
        return None
    refusal = enter(turn, index, point, member)
    if refusal is not None:
        end_waiting(turn, waiting, refusal)
    return None
