"""`bench tap`, the whole path: card laid down → last byte of the relay command, on emulated hardware paced at 115200."""

import tempfile
from pathlib import Path
from typing import Any

from sim.bench.figures import BenchFailed, Figure, median, percentile, reaching, shown
from sim.bench.two_doors import READERS, TwoDoors
from sim.waiting import pause

TAPS = 200
WARM_UP = 10
HOLD_S = 1.0
HAND_CHANGE_S = 0.05
POLL_PERIOD_S = 0.11
GOLDEN = 0.618_034
"""Multiples of it spread the taps evenly over the reader's polling period."""


def path_figures(badges: int, backlog: int, taps: int = TAPS) -> list[Figure]:
    """``taps`` granted taps of as many badges, one after the other."""
    with tempfile.TemporaryDirectory(prefix="menjin-bench-") as folder:
        doors = TwoDoors(Path(folder), badges, backlog)
        doors.prepare()
        try:
            answers = _tap(doors, taps)
        finally:
            doors.stop()
    total = [answer["tap_to_unlock_ms"] for answer in answers]
    late = [_late_ms(answer) for answer in answers]
    return [
        reaching("path: card laid down to relay command, p50", median(total), "ms", "<=", 150),
        shown("path: the same, p99", percentile(total, 99), "ms"),
        *(shown(f"path: {name} p50", median([a[key] for a in answers]), "ms") for name, key in PARTS),
        reaching("path: our share p99", percentile([a["edge_ms"] for a in answers], 99), "ms", "<=", 10),
        shown("path: late emulation p50", median(late), "ms"),
        shown("path: late emulation p99", percentile(late, 99), "ms"),
    ]


PARTS = (("wire", "wire_ms"), ("chip and radio", "chip_ms"), ("poll gap", "poll_gap_ms"), ("our share", "edge_ms"))


def _late_ms(answer: dict[str, Any]) -> float:
    """What no part explains: the emulated chip, wire and board answer later than their rates say when the machine is busy."""
    return float(answer["tap_to_unlock_ms"] - sum(answer[key] for _, key in PARTS))


def _tap(doors: TwoDoors, taps: int) -> list[dict[str, Any]]:
    """At the two readers in turn: while a card is read at one, the other is left alone long enough to rest."""
    hall = doors.start_hall()
    each = (taps + WARM_UP + 1) // len(READERS)
    badges = {reader: doors.admitted(reader, each) for reader in READERS}
    for admitted in badges.values():
        doors.make_cards(admitted)
    doors.edge.start()
    answers = []
    for number in range(taps + WARM_UP):
        reader = READERS[number % len(READERS)]
        badge = badges[reader][number // len(READERS)]
        pause(HAND_CHANGE_S + POLL_PERIOD_S * (number * GOLDEN % 1))
        body = {"card": f"b{badge}", "reader": reader, "hold_s": HOLD_S, "timed": True}
        answer = hall.post("/present", body)
        if "edge_ms" not in answer:
            raise BenchFailed(f"tap {number} of badge {badge} was lost: {answer}; edge:\n{doors.edge.log_tail()}")
        hall.post("/remove", {"reader": reader})
        answers.append(answer)
    return answers[WARM_UP:]
