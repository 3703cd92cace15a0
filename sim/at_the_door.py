"""What both scenarios and the demo do at the doors: lay cards down as people do, and know when the edge is ready for them."""

from typing import Any

import msgspec

from sim.clients import HttpClient
from sim.stack import EDGE
from sim.waiting import Stopwatch, pause

HAND_CHANGE_S = 0.3
"""Between one person's card leaving a reader and the next one's arriving there."""


class TapAnswer(msgspec.Struct, frozen=True):
    """What the hall saw after a card was laid down (docs/interfaces.md)."""

    unlocked: bool
    indicator: str
    tap_to_unlock_ms: float | None = None


class Taps:
    """Lays cards on the hall's readers, one person after the other at each."""

    def __init__(self, hall: HttpClient) -> None:
        self._hall = hall
        self._watch = Stopwatch()
        self._free_at_s: dict[str, float] = {}

    def tap(self, card: str, reader: str, hold_s: float = 0.3, wait_s: float | None = None) -> TapAnswer:
        """Lay a card down for ``hold_s``; returns at the first answer of lock or indicator, or after ``wait_s``."""
        pause(max(0.0, self._free_at_s.get(reader, 0.0) - self._watch.s))
        self._free_at_s[reader] = self._watch.s + hold_s + HAND_CHANGE_S
        body: dict[str, Any] = {"card": card, "reader": reader, "hold_s": hold_s}
        if wait_s is not None:
            body["wait_s"] = wait_s
        return msgspec.convert(self._hall.post("/present", body), TapAnswer)


def policy_is_current(api: HttpClient) -> bool:
    """Everything entered at the server is compiled, and the edge has acknowledged exactly that policy."""
    answer = api.get("/api/v1/policy/current", edge=EDGE)
    return bool(not answer["pending"] and answer["current"])


def doors_are_ready(api: HttpClient) -> bool:
    """The policy is current, and the edge holds a lease under which customers may enter."""
    reported = api.get(f"/api/v1/edges/{EDGE}")["reported"]
    return policy_is_current(api) and reported.get("lease_left_s", {}).get("customer", 0) > 0
