"""``menjin bench muster``: who is inside, by an edge's own files alone: 100 000 badges stored, 500 people inside (L3)."""

import json
import subprocess
import tempfile
from itertools import count
from pathlib import Path

from controller.policy import encode_policy
from controller.state import encode_state
from edge.journal import SqliteJournal
from edge.policy_store import SqlitePolicyStore
from sim.bench.figures import BenchFailed, Report, median, reaching, shown
from sim.bench.population import NOON_US, make_policy, make_taps
from sim.bench.recorded import RecordedTaps
from sim.stack import menjin
from sim.waiting import Stopwatch

BADGES = 100_000
PEOPLE = 500
RECORDS = 999
"""After the last checkpoint: an edge makes one after a thousand."""
RUNS = 10
COMMAND_TIMEOUT_S = 30.0
CONFIG = """
site = "bench"
edge = "edge-1"
state_dir = "state"
bundle = "edge.bundle"
[broker]
url = "mqtt://127.0.0.1:9"
"""


class _Token:
    def token(self) -> str:
        return "bench"


def run(badges: int = BADGES, people: int = PEOPLE, records: int = RECORDS, runs: int = RUNS) -> Report:
    """Each run is a process of its own, from its start to its end; the edge does not run, and nothing else answers."""
    with tempfile.TemporaryDirectory(prefix="menjin-bench-") as name:
        folder = Path(name)
        _prepare(folder, badges, people, records)
        listed_s = {how: [_listed(folder, people, how) for _ in range(runs)] for how in ("--json", "--print")}
    figures = (
        reaching("muster: the list, median", median(listed_s["--json"]), "s", "<=", 1.0),
        shown("muster: the list, slowest", max(listed_s["--json"]), "s"),
        reaching("muster: pages for a printer, median", median(listed_s["--print"]), "s", "<=", 1.0),
        shown("muster: pages, slowest", max(listed_s["--print"]), "s"),
    )
    return Report(
        "muster",
        figures,
        f"`menjin edge muster` from its start to its end, {runs} times each; {badges} badges in the policy store, {people} people inside, "
        f"{records} records since the last checkpoint",
    )


def _listed(folder: Path, people: int, how: str) -> float:
    watch = Stopwatch()
    done = subprocess.run(
        menjin("edge", "muster", "--config", str(folder / "edge.toml"), how),
        capture_output=True,
        text=True,
        timeout=COMMAND_TIMEOUT_S,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    took_s = watch.s
    if done.returncode != 0:
        raise BenchFailed(done.stderr.strip())
    if how == "--json" and len(json.loads(done.stdout)["people"]) != people:
        raise BenchFailed(f"{len(json.loads(done.stdout)['people'])} of {people} people are on the list")
    return took_s


def _prepare(folder: Path, badges: int, people: int, records: int) -> None:
    """An edge's state directory after a working day: everybody has come in, then some more records without anybody leaving."""
    (folder / "edge.toml").write_text(CONFIG, encoding="utf-8")
    (folder / "state").mkdir()
    policy = make_policy(badges)
    store = SqlitePolicyStore(folder / "state" / "policy.db")
    store.save_snapshot(policy.version.epoch, policy.version.n, encode_policy(policy))
    store.close()
    journal = SqliteJournal(folder / "state" / "journal.db", _Token())
    edge = RecordedTaps(policy, journal.journal_id, NOON_US - 86_400_000_000, [door.id for door in policy.site.doors])

    def keep() -> None:
        journal.append(edge.take()[0], edge.now().wall_us)

    try:
        taps = make_taps(badges, 4 * people + 100)
        for tap in taps:
            if len(edge.engine.state.presence) >= people:
                break
            edge.visit(tap)
            keep()
        journal.save_checkpoint(journal.last_seq, encode_state(edge.engine.state))
        inside = [tap for tap in taps if any(one.badge == tap.badge for one in edge.engine.state.presence.values())]
        until = journal.last_seq + records
        for turn in count():
            if journal.last_seq >= until:
                break
            edge.tap(inside[turn % len(inside)])
            keep()
        if len(edge.engine.state.presence) != people:
            raise BenchFailed(f"{len(edge.engine.state.presence)} people came in, not {people}")
    finally:
        journal.close()
