"""`bench tap`, in process: a tap's decision, its record, the chain and the commit, against one appended file with fdatasync."""

import tempfile
from pathlib import Path

from edge.journal import SqliteJournal
from sim.bench.append import AppendedFile
from sim.bench.figures import Figure, median, percentile, reaching, shown
from sim.bench.population import NOON_US, BenchTap, make_policy, make_taps
from sim.bench.recorded import RecordedTaps
from sim.waiting import Stopwatch

WARM_UP = 300
ROUNDS = 24
TAPS_A_ROUND = 40
TOGETHER = 16
GROUPS_A_ROUND = 3


class _Token:
    def token(self) -> str:
        return "bench"


def commit_figures(badges: int, rounds: int = ROUNDS) -> list[Figure]:
    """Every round measures all that is compared, one after the other: whatever else the disk does meets all of them."""
    policy, taps = make_policy(badges), make_taps(badges, TAPS_A_ROUND * rounds)
    edge = RecordedTaps(policy, "bench", NOON_US, [door.id for door in policy.site.doors])
    ours_us: list[float] = []
    appended_us: list[float] = []
    speedups = []
    with (
        tempfile.TemporaryDirectory(prefix="menjin-bench-") as folder,
        AppendedFile(Path(folder, "records")) as appended,
    ):
        journal = SqliteJournal(Path(folder, "journal.db"), _Token())
        try:
            for tap in make_taps(
                badges, WARM_UP
            ):  # until the log has its size, as it has on an edge that runs for an hour
                edge.tap(tap)
                _write(edge, journal)
            for turn in range(rounds):
                some = taps[turn * TAPS_A_ROUND : (turn + 1) * TAPS_A_ROUND]
                own, bare = _round(edge, journal, appended, some)
                speedups += [
                    _one_by_one(edge, journal, some) / _together(edge, journal, some) for _ in range(GROUPS_A_ROUND)
                ]
                ours_us += own
                appended_us += bare
        finally:
            journal.close()
    return [
        shown("commit: menjin p50", percentile(ours_us, 50), "µs"),
        shown("commit: menjin p99", percentile(ours_us, 99), "µs"),
        shown("commit: appended file p50", percentile(appended_us, 50), "µs"),
        shown("commit: appended file p99", percentile(appended_us, 99), "µs"),
        reaching("commit: p50 over appended file", median(ours_us) / median(appended_us), "×", "<=", 1.5),
        reaching(f"commit: {TOGETHER} taps at once over one each", median(speedups), "×", ">=", 2.0),
    ]


def _round(
    edge: RecordedTaps, journal: SqliteJournal, appended: AppendedFile, taps: list[BenchTap]
) -> tuple[list[float], list[float]]:
    """Each tap through engine and journal, and then the same bytes through the appended file."""
    own, bare = [], []
    for tap in taps:
        watch = Stopwatch()
        edge.tap(tap)
        records = edge.engine.pending
        journal.append(records, edge.now().wall_us)
        edge.engine.commit()
        own.append(watch.s * 1e6)
        journal.settle()
        watch = Stopwatch()
        appended.append(records[0])
        bare.append(watch.s * 1e6)
    return own, bare


def _one_by_one(edge: RecordedTaps, journal: SqliteJournal, taps: list[BenchTap]) -> float:
    watch = Stopwatch()
    for tap in taps[:TOGETHER]:
        edge.tap(tap)
        _write(edge, journal)
    return watch.s


def _together(edge: RecordedTaps, journal: SqliteJournal, taps: list[BenchTap]) -> float:
    watch = Stopwatch()
    for tap in taps[:TOGETHER]:
        edge.tap(tap)
    _write(edge, journal)
    return watch.s


def _write(edge: RecordedTaps, journal: SqliteJournal) -> None:
    journal.append(edge.engine.pending, edge.now().wall_us)
    edge.engine.commit()
    journal.settle()
