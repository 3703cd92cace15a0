"""An entry of a goods door: what the group that would go in brings (E1, E2, MEANINGS 25; docs/goods.md, In)."""

from collections.abc import Sequence

from controller.equipment import left_of, total
from controller.event_base import Explanation
from controller.goods_check import allowed, running
from controller.goods_door import reserve, scanner_works
from controller.goods_index import Document
from controller.group import Member, seconds
from controller.index import Point, PolicyIndex
from controller.now import SECOND_US
from controller.reasons import Reason, because
from controller.state import Check, Waiting
from controller.turn import Turn


def refused(turn: Turn, index: PolicyIndex, point: Point, group: Sequence[Member]) -> Explanation | None:
    """Why this group, which may go in by all other rules, is denied: nothing was checked where nobody comes in without, or none of them answers for it."""
    found = _scanned(turn, index, point)
    if found is None:
        if point.goods != "both" or _reserved_by(turn, index, point, group):
            return None
        if any(member.emergency for member in group):  # an order is paper (MEANINGS 21)
            return None
        if turn.state.link_up is False and not scanner_works(turn, point):
            return because(Reason.CONSOLE_UNREACHABLE, area=point.area, wait_s=0, way="in")
        return because(Reason.NO_WORK_ORDER, area=point.area)
    check, document = found
    if _answering(document, group) is None:
        return because(Reason.NOT_THE_CUSTOMER, order=check.started.number)
    return None


def missing(turn: Turn, index: PolicyIndex, point: Point) -> Explanation | None:
    """What is asked of the tapper while devices of the document are not scanned."""
    found = _scanned(turn, index, point)
    if found is None:
        return None
    check, document = found
    left = total(left_of(turn.state, document, "in"))
    if not left:
        return None
    return because(
        Reason.ITEMS_MISSING, number=check.started.number, left=left, wait_s=seconds(_window_s(index)), way="in"
    )


def missing_until_us(turn: Turn, index: PolicyIndex, point: Point, holder: int) -> int:
    """Until when the tapper may confirm: a tap that comes too soon prolongs nothing."""
    asked = _asked(turn, point, holder)
    return turn.mono_us + round(_window_s(index) * SECOND_US) if asked is None else asked.pending.until_mono_us


def confirms(turn: Turn, point: Point, holder: int) -> bool:
    """Whether a tap now says that the holder takes in what is scanned, and nothing more."""
    asked = _asked(turn, point, holder)
    after_us = round(turn.limits.exit_confirm_s * SECOND_US)
    return asked is not None and turn.mono_us >= asked.asked_at_mono_us + after_us


def take_in(turn: Turn, index: PolicyIndex, point: Point, group: Sequence[Member]) -> None:
    """What is scanned goes with the grants that follow for this group, which was not refused. Where only an escort inside answers for it, who fetches the
    group, its last member carries it."""
    found = _scanned(turn, index, point)
    if found is not None:
        check, document = found
        carrier = _answering(document, group) or group[-1]
        reserve(turn, check, document, carrier.holder, carrier.badge)


def _window_s(index: PolicyIndex) -> float:
    """Not so short that no second tap could count."""
    return max(index.limits.pairing_window_s, 2 * index.limits.exit_confirm_s)


def _asked(turn: Turn, point: Point, holder: int) -> Waiting | None:
    for one in turn.state.waiting.get(point.id, ()):
        asked = one.pending
        if asked.holder == holder and asked.because.reason == Reason.ITEMS_MISSING.name:
            return one if turn.mono_us < asked.until_mono_us else None
    return None


def _scanned(turn: Turn, index: PolicyIndex, point: Point) -> tuple[Check, Document] | None:
    """A check with devices; one without is as none."""
    found = running(turn, index, point)
    return found if found is not None and found[0].scanned else None


def _answering(document: Document, group: Sequence[Member]) -> Member | None:
    """Who of the group brings it in: own staff, or somebody of the document's customer."""
    for member in reversed(group):
        if member.kind == "staff" or (document.customer is not None and member.customer == document.customer):
            return member
    return None


def _reserved_by(turn: Turn, index: PolicyIndex, point: Point, group: Sequence[Member]) -> bool:
    """Whose devices are on the way in already, and still may be: they tap again before the door opened."""
    holders = {member.holder for member in group}
    return any(one.holder in holders and allowed(turn, index, one) for one in turn.state.reserved.get(point.id, ()))
