"""How it stands with a slip at a moment: what follows from its lines, its window and its edge, and is never stored."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from server.equipment.slip_models import ExitSlip, ExitSlipLine

MARGIN = timedelta(minutes=5)
"""How far an edge's clock may stand behind: a binding ends so long after the document's window (MEANINGS 26)."""


def window_over(slip: ExitSlip, now: datetime) -> bool:
    """Whether nothing goes out under this slip any more, at any edge: what stayed may stand on another."""
    return now >= slip.until_at + MARGIN


def binding_over(slip: ExitSlip, now: datetime) -> bool:
    """Whether the slip has become meaningless to the edge by time alone: nothing goes out, nothing comes back."""
    return now >= max(slip.until_at, slip.return_until_at or slip.until_at) + MARGIN


def left_of(lines: Iterable[ExitSlipLine]) -> int:
    """How many devices may still go out."""
    return sum(max(line.quantity - line.gone, 0) for line in lines if line.replaces_line_id is None)


def out_of(lines: Iterable[ExitSlipLine]) -> int:
    """How many devices are out and have not come back, nor another in their place."""
    lines = list(lines)
    replaced = sum(line.returned > 0 for line in lines if line.replaces_line_id is not None)
    return max(sum(line.gone - line.returned for line in lines if line.replaces_line_id is None) - replaced, 0)


def standing(slip: ExitSlip, lines: Iterable[ExitSlipLine], now: datetime, *, released: bool) -> str:
    """``draft`` … ``approved``, ``refused``; of an issued slip ``issued``, ``partly_spent``, ``spent``, ``ended`` (its window is over and something stayed), or
    ``rebinding``; of a cancelled one ``cancelling`` until its edge has confirmed (``released``), then ``cancelled``."""
    lines = list(lines)
    if slip.status == "cancelled":
        return "cancelled" if released else "cancelling"
    if slip.status == "refused":
        return "refused"
    if slip.status == "issued":
        if left_of(lines) == 0:
            return "spent"
        if window_over(slip, now):
            return "ended"
        if slip.next_edge_id is not None:
            return "rebinding"
        return "partly_spent" if any(line.gone for line in lines) else "issued"
    return "ended" if window_over(slip, now) else slip.status


def return_overdue(slip: ExitSlip, lines: Iterable[ExitSlipLine], now: datetime) -> bool:
    """Whether something should have come back by now, and has not."""
    return slip.return_until_at is not None and slip.return_until_at <= now and out_of(lines) > 0
