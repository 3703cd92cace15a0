"""Two persons: how long the second is awaited, and how the last two leave (R2, MEANINGS 9, 10; docs/rooms.md, Ways out)."""

from collections.abc import Sequence

from controller.answers import end_waiting, is_prompt, over
from controller.event_base import Explanation
from controller.group import Member, Pass, Wait, second_person_required, seconds
from controller.index import Point, PolicyIndex
from controller.now import SECOND_US
from controller.presence import listed, on_the_way_out
from controller.reasons import Reason, because
from controller.state import MAX_WAITING_KEPT, State, Waiting
from controller.turn import Turn


def decide_exit(
    state: State, index: PolicyIndex, point: Point, waiting: Sequence[Member], tapper: Member, confirmed: bool
) -> Pass | Wait:
    """At a way out nobody is refused. ``waiting``: who waits there for a partner, oldest first, without the tapper. ``confirmed``: the tapper
    was prompted before, long enough ago, and goes all the same."""
    alone = (*led_out(state, point, tapper), tapper)
    obstacle = None if confirmed else leaves_behind(state, index, point, alone, tapper)
    if waiting:
        together = (*(one for member in waiting for one in (*led_out(state, point, member), member)), *alone)
        if leaves_behind(state, index, point, together, tapper) is None:
            return Pass(together)
    return Pass(alone) if obstacle is None else Wait(obstacle)


def leaves_behind(
    state: State, index: PolicyIndex, point: Point, leaving: Sequence[Member], tapper: Member
) -> Explanation | None:
    """Whether their going leaves one person alone in a two-person area, or their visitors without them."""
    holders = {member.holder for member in leaving}
    lonely = leaves_one_alone(state, index, point, holders)
    if lonely is not None:
        return lonely
    for room in point.left:
        gone = holders | on_the_way_out(state, index, room)
        for holder, presence in state.presence.items():
            if presence.escort in holders and presence.area in room.within and holder not in gone:
                wait_s = seconds(index.limits.pairing_window_s)
                return because(Reason.ESCORT_REQUIRED, number=tapper.number, area=room.id, way="out", wait_s=wait_s)
    return None


def leaves_one_alone(state: State, index: PolicyIndex, point: Point, leaving: set[int]) -> Explanation | None:
    """Whether exactly one person would stay in a two-person area; nobody is held for an area that is uncertain (MEANINGS 12)."""
    for room in point.left:
        if room.two_person and room.id not in state.uncertain:
            staying = listed(state, room) - on_the_way_out(state, index, room) - leaving
            if len(staying) == 1:
                return second_person_required(room, seconds(index.limits.pairing_window_s), "out")
    return None


def led_out(state: State, point: Point, escort: Member) -> list[Member]:
    """People without a badge leave with the escort who brought them."""
    return [
        Member(
            holder=holder,
            badge=0,
            number=presence.number,
            because=because(Reason.WAY_OUT, area=point.area, irregular=""),
            customer=presence.customer,
        )
        for holder, presence in state.presence.items()
        if holder < 0 and presence.escort == escort.holder and any(presence.area in room.within for room in point.left)
    ]


def prompt_of(turn: Turn, point: Point, holder: int) -> Waiting | None:
    """The prompt that this holder, with whichever badge, was given here on the way out and that is not forgotten yet."""
    return next((one for one in prompts(turn, point) if one.pending.holder == holder), None)


def can_be_asked(turn: Turn, point: Point) -> bool:
    """Whether one more prompt would be remembered here: who cannot be remembered is not asked, or the second tap would never count (L1)."""
    return len(prompts(turn, point)) < MAX_WAITING_KEPT


def prompts(turn: Turn, point: Point) -> list[Waiting]:
    """Who was prompted here on the way out and is not forgotten, the latest tap last."""
    forgotten_us = round(turn.limits.exit_prompt_s * SECOND_US)
    return [
        one
        for one in turn.state.waiting.get(point.id, ())
        if is_prompt(one.pending) and turn.mono_us < one.asked_at_mono_us + forgotten_us
    ]


def confirms(turn: Turn, prompt: Waiting | None) -> bool:
    """Whether a tap now says that its holder goes all the same."""
    return prompt is not None and turn.mono_us >= prompt.asked_at_mono_us + round(
        turn.limits.exit_confirm_s * SECOND_US
    )


def deadlines_us(turn: Turn) -> list[int]:
    """Boot times at which somebody has waited in vain to enter."""
    return [
        one.pending.until_mono_us
        for waiting in turn.state.waiting.values()
        for one in waiting
        if not is_prompt(one.pending)
    ]


def run_timers(turn: Turn) -> None:
    """Deny those who have waited in vain, with the reason that they waited for."""
    for waiting in list(turn.state.waiting.values()):
        for one in waiting:
            if not is_prompt(one.pending) and one.pending.until_mono_us <= turn.mono_us:
                end_waiting(turn, one.pending, over(one.pending.because))
