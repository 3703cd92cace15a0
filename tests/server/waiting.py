"""Bounded waiting for a condition."""

import threading
from collections.abc import Callable

STEP_S = 0.02
LIMIT_S = 60.0


def until(holds: Callable[[], bool], limit_s: float = LIMIT_S) -> bool:
    """Whether ``holds`` came true in time."""
    pause = threading.Event()
    for _ in range(int(limit_s / STEP_S)):
        if holds():
            return True
        pause.wait(STEP_S)
    return holds()
