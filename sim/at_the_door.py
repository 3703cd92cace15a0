"""What both scenarios and the demo do at the doors: lay cards down as people do, and know when the edge is ready for them."""

import msgspec

from sim.clients import HttpClient
from sim.stack import EDGE
from sim.waiting import Stopwatch, pause

ANSWER_S = 3.0
"""How long somebody holds a card to a reader that does not answer."""
SAME_READ_S = 1.1
"""Before one card is laid on one reader again: within a second that would be one read (MEANINGS 10)."""
HAND_CHANGE_S = 0.3
"""Between one person's card leaving a reader and the next one's arriving there."""
READY_POLL_S = 0.1
"""Between two looks whether the doors are ready: each is two requests to a server that is busy just then."""


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
        self._again_at_s: dict[tuple[str, str], float] = {}

    def tap(self, card: str, reader: str, hold_s: float | None = None, wait_s: float = ANSWER_S) -> TapAnswer:
        """Lay a card down, for ``hold_s`` or, as people do, until lock or lamp answer; at most ``wait_s``."""
        ready_s = max(self._free_at_s.get(reader, 0.0), self._again_at_s.get((card, reader), 0.0))
        pause(max(0.0, ready_s - self._watch.s))
        body = {"card": card, "reader": reader, "hold_s": wait_s + 1 if hold_s is None else hold_s, "wait_s": wait_s}
        began_s = self._watch.s
        answer = msgspec.convert(self._hall.post("/present", body), TapAnswer)
        if hold_s is None:
            self._hall.post("/remove", {"reader": reader})
            self._free_at_s[reader] = self._watch.s + HAND_CHANGE_S
        else:
            self._free_at_s[reader] = began_s + hold_s + HAND_CHANGE_S
        self._again_at_s[card, reader] = self._watch.s + SAME_READ_S
        return answer


def readers_at_doors(hall: HttpClient) -> dict[str, str]:
    """Reader → its door; without the desk's, which has none."""
    readers = hall.get("/state")["readers"]
    return {name: facts["door"] for name, facts in readers.items() if facts["door"] is not None}


def policy_is_current(api: HttpClient) -> bool:
    """Everything entered at the server is compiled, and the edge has acknowledged exactly that policy."""
    answer = api.get("/api/v1/policy/current", edge=EDGE)
    return bool(not answer["pending"] and answer["current"])


def doors_are_ready(api: HttpClient) -> bool:
    """The policy is current, and the edge holds a lease under which customers may enter."""
    reported = api.get(f"/api/v1/edges/{EDGE}")["reported"]
    return policy_is_current(api) and reported.get("lease_left_s", {}).get("customer", 0) > 0
