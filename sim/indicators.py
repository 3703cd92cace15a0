"""Reading a reader's lamps as a person would: which pattern of docs/interfaces.md do they show?"""

from dataclasses import dataclass
from typing import Literal

Lamp = Literal["green", "red", "buzzer"]
LAMPS: tuple[Lamp, ...] = ("green", "red", "buzzer")
Shown = Literal["granted", "pending", "denied", "alarm", "accepted"]

STEADY_S = 0.4
"""A lamp that stays on this long does not blink (a blink is 0.2 s)."""
ACCEPTED_S = 0.25
"""One flash of at least this long, and shorter than steady, is `accepted` (0.3 s)."""
BLIP_S = 0.15
"""A flash shorter than this is the blip of `degraded` (0.1 s), which answers no tap."""
BLINK_PERIOD_S = 0.6
"""A lamp that went on within this time before the tap may be in the middle of an older blinking pattern."""
SETTLE_S = 1.0
"""After this long an older pattern would have ended if the tap had ended it."""


@dataclass(frozen=True, slots=True)
class LampChange:
    """A lamp or the buzzer went on or off."""

    lamp: Lamp
    on: bool
    at_s: float


def read_indicator(changes: list[LampChange], tapped_at_s: float, now_s: float) -> Shown | None:
    """What is shown in answer to a tap or a scan; None while it cannot be told yet. ``changes`` of one reader, oldest first, some from
    before the tap; a lamp that is switched on again while it is on counts as a change."""
    return _read(changes, "green", "granted", "pending", tapped_at_s, now_s) or _read(
        changes, "red", "denied", "alarm", tapped_at_s, now_s
    )


def _read(
    changes: list[LampChange], lamp: Lamp, steady: Shown, blinking: Shown, tapped_at_s: float, now_s: float
) -> Shown | None:
    on_since_s: float | None = None
    flashes = 0
    for change in changes:
        if change.lamp != lamp or change.at_s < tapped_at_s:
            continue
        if change.on:
            on_since_s = change.at_s
        elif on_since_s is not None:
            lit_s = change.at_s - on_since_s
            if lit_s >= STEADY_S:
                return steady
            if lamp == "green" and lit_s >= ACCEPTED_S:
                return "accepted"
            flashes, on_since_s = flashes + (lit_s > BLIP_S), None
    if on_since_s is not None:
        return steady if now_s - on_since_s >= STEADY_S else None
    older = any(c.lamp == lamp and c.on and tapped_at_s - BLINK_PERIOD_S <= c.at_s < tapped_at_s for c in changes)
    if flashes == 0 or (older and now_s < tapped_at_s + SETTLE_S):
        return None
    return blinking
