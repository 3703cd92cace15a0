"""`bench tap`, the whole path: card laid down → last byte of the relay command, on emulated hardware paced at 115200."""

import tempfile
from pathlib import Path
from typing import Any

from sim.bench.figures import BenchFailed, Figure, median, percentile, reaching, shown
from sim.bench.one_door import READER, OneDoor
from sim.waiting import pause

TAPS = 200
WARM_UP = 10
HOLD_S = 1.0
HAND_CHANGE_S = 0.1
POLL_PERIOD_S = 0.06
GOLDEN = 0.618_034
"""Multiples of it spread the taps evenly over the reader's polling period."""


def path_figures(badges: int, backlog: int, taps: int = TAPS) -> list[Figure]:
    """``taps`` granted taps of as many badges, one after the other at one reader."""
    with tempfile.TemporaryDirectory(prefix="menjin-bench-") as folder:
        door = OneDoor(Path(folder), badges, backlog)
        door.prepare()
        try:
            answers = _tap(door, taps)
        finally:
            door.stop()
    total = [answer["tap_to_unlock_ms"] for answer in answers]
    ours = [_ours_ms(answer) for answer in answers]
    return [
        reaching("path: card laid down to relay command, p50", median(total), "ms", "<=", 150),
        shown("path: the same, p99", percentile(total, 99), "ms"),
        *(shown(f"path: {name} p50", median([a[key] for a in answers]), "ms") for name, key in PARTS),
        shown("path: our share p50", median(ours), "ms"),
        reaching("path: our share p99", percentile(ours, 99), "ms", "<=", 10),
        shown("path: of it in the edge's process, p50", median([a["edge_ms"] for a in answers]), "ms"),
        shown("path: of it in the edge's process, p99", percentile([a["edge_ms"] for a in answers], 99), "ms"),
    ]


PARTS = (("wire", "wire_ms"), ("chip and radio", "chip_ms"), ("poll gap", "poll_gap_ms"))


def _ours_ms(answer: dict[str, Any]) -> float:
    """All that wire, chip and poll gap do not explain: the edge, the operating system, and the emulation's own lateness."""
    return float(answer["tap_to_unlock_ms"] - answer["wire_ms"] - answer["chip_ms"] - answer["poll_gap_ms"])


def _tap(door: OneDoor, taps: int) -> list[dict[str, Any]]:
    hall = door.start_hall()
    badges = door.admitted(taps + WARM_UP)
    door.make_cards(badges)
    door.edge.start()
    answers = []
    for number, badge in enumerate(badges):
        pause(HAND_CHANGE_S + POLL_PERIOD_S * (number * GOLDEN % 1))
        body = {"card": f"b{badge}", "reader": READER, "hold_s": HOLD_S, "timed": True}
        answer = hall.post("/present", body)
        if "edge_ms" not in answer:
            raise BenchFailed(
                f"tap {number} of badge {badge} was not answered in time: {answer}; edge:\n{door.edge.log_tail()}"
            )
        hall.post("/remove", {"reader": READER})
        answers.append(answer)
    return answers[WARM_UP:]
