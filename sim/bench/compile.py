"""``menjin bench compile``: one badge changes among 1 000, 10 000 and 100 000; what the server takes from the open change to the committed
delta, and a full compile. The server measures itself, in a process of its own: it is not imported here."""

import json
import subprocess
from pathlib import Path
from typing import Any

from sim.bench.figures import BenchFailed, Figure, Report, median, percentile, reaching, shown
from sim.stack import menjin

SITE_FILE = Path(__file__).parent / "doors" / "site.toml"
SIZES = (1_000, 10_000, 100_000)
ROUNDS = 50
CHANGE_MS = 50.0
FULL_S = 5.0
GROWTH = 2.0
"""So much more may a change among the most badges take than among the fewest and still count as independent of their number: what else
runs on the machine makes as much."""
COMMAND_TIMEOUT_S = 600.0


def run(sizes: tuple[int, ...] = SIZES, rounds: int = ROUNDS) -> Report:
    """The smallest size first."""
    figures: list[Figure] = []
    medians = []
    for badges in sizes:
        measured = _measured(badges, rounds)
        changes_ms = [float(value) for value in measured["changes_ms"]]
        medians.append(median(changes_ms))
        name = f"one change among {badges:,} badges".replace(",", " ")
        figures.append(reaching(name, medians[-1], "ms", "<=", CHANGE_MS))
        figures.append(shown(f"{name}: 90th percentile", percentile(changes_ms, 90), "ms"))
        if badges == sizes[-1]:
            full = f"full compile of {badges:,} badges".replace(",", " ")
            figures.append(reaching(full, float(measured["full_s"]), "s", "<=", FULL_S))
            figures.append(shown("its delta", float(measured["delta_bytes"]), "bytes"))
    figures.append(reaching("the most badges over the fewest", medians[-1] / medians[0], "×", "<=", GROWTH))
    return Report(
        "compile",
        tuple(figures),
        "one edge that all badges concern, SQLite; from the look at the open changes to the commit of version, delta and outbox; the full"
        " compile reads the whole registry and makes the first version, whose snapshot is packed afterwards",
    )


def _measured(badges: int, rounds: int) -> dict[str, Any]:
    command = menjin(
        "server", "bench-compile", "--site", str(SITE_FILE), "--badges", str(badges), "--rounds", str(rounds)
    )
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S, stdin=subprocess.DEVNULL, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise BenchFailed(f"{badges} badges: not done after {COMMAND_TIMEOUT_S:g} s") from error
    if done.returncode != 0:
        raise BenchFailed(f"{badges} badges: {done.stderr.strip()}")
    measured: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return measured
