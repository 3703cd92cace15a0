"""``menjin bench inventory``: what was in the room on a day, among a million movements, on PostgreSQL, through the API."""

import datetime as dt
import tempfile
from pathlib import Path
from typing import Any

from sim.bench.figures import BenchFailed, Figure, Report, percentile, reaching, shown
from sim.bench.inventory_rows import CUSTOMERS, NOW_US, SPAN_US, load
from sim.bench.postgresql import postgresql_cluster
from sim.bench.served import broker, place, servers
from sim.clients import HttpClient
from sim.waiting import Stopwatch

MOVEMENTS = 1_000_000
ROUNDS = 20
PAGE = 100
AT_MOST_MS = 200.0
GREAT, SMALL = "C0001", f"C{CUSTOMERS:04}"
"""A customer with every fifth device, and one with its share of the rest."""
Question = tuple[str, dict[str, Any]]
QUESTIONS: tuple[Question, ...] = (
    ("a page of the site", {}),
    ("a page of the site, from the middle on", {"after": "middle"}),
    ("a page of a great customer", {"customer": GREAT}),
    ("all of a small customer", {"customer": SMALL, "limit": 1_000}),
    ("a rack", {"rack": "A-17"}),
)


def run(movements: int = MOVEMENTS, rounds: int = ROUNDS) -> Report:
    """Each question on days spread over the three years: soon after the beginning, and shortly before the end as well."""
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="menjin-bench-") as folder, postgresql_cluster() as url:
        at = place(Path(folder), url)
        here = load(url, movements)
        with broker(at), servers(at) as served:
            _ask(served.api, {}, 1.0, movements)  # a server's first answer of a kind composes its statement
            for name, query in QUESTIONS:
                asked = query | ({"after": movements // 8} if query.get("after") else {})
                times = [_ask(served.api, asked, number / (rounds - 1), movements) for number in range(rounds)]
                figures.append(reaching(f"{name}, at a past date, p90", percentile(times, 90), "ms", "<=", AT_MOST_MS))
                figures.append(shown(f"{name}: median; slowest {max(times):.0f}", percentile(times, 50), "ms"))
            watch = Stopwatch()
            served.api.get("/api/v1/inventory", customer=GREAT, limit=PAGE)
            figures.append(shown("a page of a great customer, now", watch.s * 1e3, "ms"))
    return Report(
        "inventory",
        tuple(figures),
        f"{movements} movements of {movements // 4} devices, {here} of them here now; GET /inventory over HTTP, one request at a time, {rounds} dates",
    )


def _ask(api: HttpClient, query: dict[str, Any], share: float, movements: int) -> float:
    """Milliseconds of one answer, which must not be empty once devices are here."""
    at_us = NOW_US - SPAN_US + int((0.02 + 0.96 * share) * SPAN_US)
    at = dt.datetime.fromtimestamp(at_us / 1e6, dt.UTC).isoformat()
    watch = Stopwatch()
    answer = api.get("/api/v1/inventory", **({"limit": PAGE, "at": at} | query))
    taken_ms = watch.s * 1e3
    if not answer["items"] and share > 0.5 and movements >= MOVEMENTS:
        raise BenchFailed(f"nothing was here at {at}, asked {query}")
    return taken_ms
