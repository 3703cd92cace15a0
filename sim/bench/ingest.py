"""``menjin bench ingest``: records from MQTT to committed rows, on SQLite and on PostgreSQL, against the same rows inserted bare."""

import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sim.bench.backlog import EDGE, Backlog, Batch, Feed
from sim.bench.figures import BenchFailed, Figure, Report, median, reaching, shown
from sim.bench.ledger_rows import Ledger, PostgresqlLedger, SqliteLedger, count_rows
from sim.bench.postgresql import postgresql_cluster
from sim.child import Child
from sim.clients import HttpClient
from sim.stack import free_port, menjin, mosquitto_command

SITE_FILE = Path(__file__).parent / "doors" / "site.toml"
WARM_UP = 2_000
ROUNDS = 5
RECORDS_A_ROUND = 6_000
BACKLOG = 100_000
STORED_ROWS = 1_000_000
COMMAND_TIMEOUT_S = 60.0


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
    port = free_port()
    config = folder / "server.toml"
    keys = {
        "dir": str(folder / "server"),
        "database_url": ledger.url,
        "broker_url": f"mqtt://127.0.0.1:{port}",
        "site_file": str(SITE_FILE),
        "host": "127.0.0.1",
        "port": 0,
    }
    config.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items()), encoding="utf-8")
    token = _token(config)  # makes the schema as well
    ledger.copy_schema()
    with ExitStack() as ends:
        broker = Child("broker", mosquitto_command(folder, port), folder / "broker.log")
        ends.callback(broker.stop)
        broker.start()
        server = Child("server", menjin("server", "--config", str(config)), folder / "server.log")
        ends.callback(server.stop)
        server.start()
        api = HttpClient(server.ready["X_URL"], token)
        ends.callback(api.close)
        one_time = api.post("/api/v1/edges", {"name": EDGE})["token"]
        api.post("/api/v1/edges/enrol", {"token": one_time, "public_key": edge.signer.public_key})
        feed = Feed(f"mqtt://127.0.0.1:{port}")
        ends.callback(feed.close)
        yield feed


def _token(config: Path) -> str:
    command = menjin("server", "token", "--config", str(config), "--role", "administrator", "--name", "bench")
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S, stdin=subprocess.DEVNULL, check=False
    )
    if done.returncode != 0:
        raise BenchFailed(done.stderr.strip())
    return done.stdout.strip().splitlines()[-1]


def _sub(folder: str, name: str) -> Path:
    path = Path(folder, name)
    path.mkdir(exist_ok=True)
    return path
