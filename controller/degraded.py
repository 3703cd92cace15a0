"""Which classes of badges may not enter for want of a lease or of trusted time, told at the door and to the server (MEANINGS 17, 19)."""

from controller.actions import Indicate
from controller.lease import age_us, left_us
from controller.policy import BadgeKind
from controller.room_events import DegradedChanged
from controller.turn import Turn

_KINDS: tuple[BadgeKind, ...] = ("temporary", "customer", "staff")
KEYHOLDER = "keyholder"
"""The fourth class beside the kinds of badges: holders who may enter for longer."""


def settle(turn: Turn) -> None:
    """Tell what has changed. Without a policy nobody enters at all, and there is nothing to tell."""
    if turn.index is None:
        return
    classes = _degraded(turn)
    before = turn.state.degraded
    if classes == before:
        return
    turn.emit(DegradedChanged(classes))
    if bool(classes) != bool(before):
        for point in turn.index.points.values():
            if not point.out and point.door in turn.hardware:
                turn.act(Indicate(point.id, "degraded" if classes else "off"))


def deadlines_us(turn: Turn) -> list[int]:
    """Boot times at which the lease ends for classes that still have it."""
    if turn.index is None:
        return []
    if _degraded(turn) != turn.state.degraded:  # one has just ended: it is due now, and no longer counts as left
        return [turn.mono_us]
    return [turn.mono_us + left for left in _left_us(turn).values() if left > 0]


def _degraded(turn: Turn) -> tuple[str, ...]:
    needs_time = () if turn.state.wall_trusted else ("temporary", "customer")
    return tuple(name for name, left in _left_us(turn).items() if left <= 0 or name in needs_time)


def _left_us(turn: Turn) -> dict[str, int]:
    state = turn.state
    age = 0 if state.lease is None else age_us(state.lease, turn.wall_us, turn.mono_us, state.boot_id)
    left: dict[str, int] = {kind: left_us(state.lease, kind, False, age) for kind in _KINDS}
    return {**left, KEYHOLDER: left_us(state.lease, "staff", True, age)}
