"""``menjin bench ingest``: records from MQTT to committed rows, on SQLite and on PostgreSQL, against the same rows inserted bare."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sim.bench.backlog import EDGE, Backlog, Batch, Feed
from sim.bench.figures import Figure, Report, median, reaching, shown
from sim.bench.ledger_rows import Ledger, PostgresqlLedger, SqliteLedger, count_rows
from sim.bench.postgresql import postgresql_cluster
from sim.bench.served import broker, place, servers

WARM_UP = 2_000
ROUNDS = 5
RECORDS_A_ROUND = 6_000
BACKLOG = 100_000
STORED_ROWS = 1_000_000


def run(
    rounds: int = ROUNDS, records: int = RECORDS_A_ROUND, backlog: int = BACKLOG, stored_rows: int = STORED_ROWS
) -> Report:
    """Both databases get the same messages, made beforehand."""
    edge = Backlog()
    warm_up = edge.take(WARM_UP)
    in_rounds = [edge.take(records) for _ in range(rounds)]
    late, last = edge.take(backlog), edge.take(records)
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="menjin-bench-") as folder, postgresql_cluster() as cluster:
        for ledger in (SqliteLedger(_sub(folder, "sqlite")), PostgresqlLedger(cluster)):
            with _served(ledger, _sub(folder, ledger.name), edge) as feed:
                feed.send(warm_up)
                figures += _against_bare(ledger, feed, in_rounds)
                figures += _drain(ledger, feed, late)
                ledger.multiply(stored_rows)
                seconds = feed.send(last)
                figures.append(
                    shown(f"{ledger.name}: with {ledger.rows()} rows stored", records / seconds, "records/s")
                )
    return Report(
        "ingest",
        tuple(figures),
        "one edge, mosquitto, batches of 100 in the window of its outbox; a record makes one row and one for each of its events; bare: "
        "executemany or COPY of the same rows, cut into the server's own transactions",
    )


def _against_bare(ledger: Ledger, feed: Feed, in_rounds: list[list[Batch]]) -> list[Figure]:
    """Each round is ingested and then inserted bare, into a database that holds the same."""
    ratios, rates, bare_rates, sizes = [], [], [], []
    ledger.insert_bare(ledger.transactions(0))
    for batches in in_rounds:
        before = ledger.last_seq()
        served_s = feed.send(batches)
        transactions = ledger.transactions(before)
        bare_s = ledger.insert_bare(transactions)
        rows = count_rows(transactions)
        ratios.append(bare_s / served_s)
        rates.append(rows / served_s)
        bare_rates.append(rows / bare_s)
        sizes.append(rows / len(transactions))
    return [
        shown(f"{ledger.name}: MQTT to committed rows", median(rates), "rows/s"),
        shown(f"{ledger.name}: the same rows bare", median(bare_rates), "rows/s"),
        shown(f"{ledger.name}: rows in a transaction", median(sizes), "rows"),
        reaching(f"{ledger.name}: rate over bare", median(ratios), "×", ">=", 0.5),
    ]


def _drain(ledger: Ledger, feed: Feed, batches: list[Batch]) -> list[Figure]:
    before = ledger.last_seq()
    seconds = feed.send(batches)
    stored = ledger.last_seq() - before
    name = f"{ledger.name}: backlog of {stored} records drained"
    return [
        reaching(name, seconds, "s", "<=", 20),
        shown(f"{ledger.name}: while draining", stored / seconds, "records/s"),
    ]


@contextmanager
def _served(ledger: Ledger, folder: Path, edge: Backlog) -> Iterator[Feed]:
    """mosquitto and a real server on this database, with the edge enrolled."""
    at = place(folder, ledger.url)
    ledger.copy_schema()
    with broker(at), servers(at) as served:
        one_time = served.api.post("/api/v1/edges", {"name": EDGE})["token"]
        served.api.post("/api/v1/edges/enrol", {"token": one_time, "public_key": edge.signer.public_key})
        feed = Feed(at.broker_url)
        try:
            yield feed
        finally:
            feed.close()


def _sub(folder: str, name: str) -> Path:
    path = Path(folder, name)
    path.mkdir(exist_ok=True)
    return path
