"""``menjin bench start``: from the edge's start to its first decision with 100 000 badges stored, and its resident memory."""

import re
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from sim.bench.figures import BenchFailed, Report, median, reaching, shown
from sim.bench.mqtt import BenchClient
from sim.bench.two_doors import READERS, TwoDoors
from sim.child import Child
from sim.clients import HttpClient
from sim.stack import menjin
from sim.waiting import Stopwatch, until

BADGES = 100_000
STARTS = 5
DECISION_TIMEOUT_S = 30.0
LOG_TIMEOUT_S = 30.0


def run(badges: int = BADGES, starts: int = STARTS) -> Report:
    """Medians of several starts; memory is the worst of them."""
    ready_s, decided_s, peak_mb, resident_mb = [], [], [], []
    with tempfile.TemporaryDirectory(prefix="menjin-bench-") as folder:
        door = TwoDoors(Path(folder), badges, backlog=1_000)
        door.prepare()
        broker = Child("broker", menjin("broker", "--port", "0"), door.folder / "broker.log")
        try:
            broker.start()
            hall = door.start_hall(broker.ready["X_URL"])
            tapped = door.admitted(READERS[0], starts)
            door.make_cards(tapped)
            for badge in tapped:
                ready, decided = _start(door, hall, badge)
                ready_s.append(ready)
                decided_s.append(decided)
                memory = _memory_mb(door.edge.pid)
                peak_mb.append(memory["VmHWM"])
                resident_mb.append(memory["VmRSS"])
                if badge != tapped[-1]:
                    door.edge.stop()
            after_delta = _after_delta(door, broker.ready["X_URL"])
        finally:
            door.stop()
            broker.stop()
    figures = (
        shown("start: spawned to ready", median(ready_s), "s"),
        reaching("start: spawned to first decision", median(decided_s), "s", "<=", 1.5),
        shown("start: the slowest", max(decided_s), "s"),
        shown("memory: resident after the first decision", max(resident_mb), "MB"),
        reaching("memory: peak until then", max(peak_mb), "MB", "<=", 130),
        shown("memory: resident after a delta", after_delta["VmRSS"], "MB"),
        reaching("memory: peak with a delta", after_delta["VmHWM"], "MB", "<=", 130),
    )
    return Report(
        "start",
        figures,
        f"{badges} badges stored; the card lies on the reader when the process is spawned; decided = relay told",
    )


def _start(door: TwoDoors, hall: HttpClient, badge: int) -> tuple[float, float]:
    """(seconds to READY=1, seconds to the relay's command) from the spawn of one edge process."""
    card = {"card": f"b{badge}", "reader": READERS[0], "hold_s": DECISION_TIMEOUT_S, "wait_s": DECISION_TIMEOUT_S}
    with ThreadPoolExecutor(1) as other:
        presented = other.submit(hall.post, "/present", card)
        if not until(lambda: any(c["reader"] == READERS[0] for c in hall.get("/state")["cards"].values()), 5.0):
            raise BenchFailed("the card was not laid down")
        watch = Stopwatch()
        decided: list[float] = []
        presented.add_done_callback(lambda _: decided.append(watch.s))
        door.edge.launch()
        door.edge.wait_ready()
        ready_s = watch.s
        answer: dict[str, Any] = presented.result(DECISION_TIMEOUT_S)
    hall.post("/remove", {"reader": READERS[0]})
    if not answer["unlocked"]:
        raise BenchFailed(f"the first tap opened nothing: {answer}; edge:\n{door.edge.log_tail()}")
    return ready_s, decided[0]


def _after_delta(door: TwoDoors, broker_url: str) -> dict[str, float]:
    """The running edge's memory once it has taken up a delta."""
    topic, message = door.delta()
    needle = f"policy 1.2 in force, {door.badges} badges"
    with BenchClient(broker_url, "bench-server") as server:

        def taken() -> bool:
            server.publish(topic, message)  # until the edge has subscribed it goes nowhere; twice is harmless
            return until(lambda: needle in door.edge.log.read_text(errors="replace"), 1.0)

        if not until(taken, LOG_TIMEOUT_S):
            raise BenchFailed(f"the delta was not taken up; edge:\n{door.edge.log_tail()}")
    return _memory_mb(door.edge.pid)


def _memory_mb(pid: int) -> dict[str, float]:
    """What the kernel counts, in 10^6 bytes: ``VmRSS`` now, ``VmHWM`` at its highest."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    found = re.findall(r"^(VmRSS|VmHWM):\s+(\d+) kB$", status, re.MULTILINE)
    return {name: int(kilobytes) * 1024 / 1e6 for name, kilobytes in found}
