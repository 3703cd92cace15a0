"""``menjin bench console``: a card is laid on the simulated reader; until the row is painted on the guards' screens, with twenty consoles open.

A few consoles are real pages in Chromium; the others read the same stream without painting. All processes are real: mosquitto, server on SQLite, edge, hall.
"""

import datetime as dt
import multiprocessing
import os
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from sim.at_the_door import doors_are_ready
from sim.bench.console_clients import serve, wall_s
from sim.bench.figures import BenchFailed, BenchMissing, Report, percentile, reaching, shown
from sim.demo import load_population
from sim.population import Population
from sim.stack import Stack
from sim.waiting import pause, until

CONSOLES = 20
PAGES = 3
TAPS = 100
WARM_UP = 5
READER = "lobby-in"
CARDS = ("b-li", "b-zhao", "b-guo", "b-chen")
HOLD_S = 1.5
"""A busy machine polls the reader late; the card is taken away as soon as it was answered."""
BETWEEN_S = 0.5
"""A card comes back to the reader after as many times this as there are cards: longer than one read lasts."""
GOLDEN = 0.618_034
POLL_PERIOD_S = 0.11
ROW_TIMEOUT_S = 10.0
READY_TIMEOUT_S = 60.0
PER_TOKEN = 10
"""A token holds twelve streams at most."""
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
PASSWORD = "Lantern-Quay-27-otter"  # noqa: S105 - of a server that lives for this bench
WATCH = """
() => {
  window.painted = {};
  new MutationObserver((changes) => {
    const rows = changes.flatMap((one) => [...one.addedNodes]).filter((one) => one.dataset?.seq);
    requestAnimationFrame(() => requestAnimationFrame(() => {
      const at = (performance.timeOrigin + performance.now()) / 1000;
      for (const row of rows) window.painted[row.dataset.seq] ??= at;
    }));
  }).observe(document.getElementById("events"), { childList: true });
}
"""
"""The frame after the one that laid the row out has begun: it is on the screen."""


def run(consoles: int = CONSOLES, pages: int = PAGES, taps: int = TAPS) -> Report:
    """``taps`` one after the other. Raises :class:`BenchMissing` without Chromium or playwright."""
    pages = min(pages, consoles)
    with (
        tempfile.TemporaryDirectory(prefix="menjin-bench-") as folder,
        Stack(Path(folder), "demo", "mosquitto") as stack,
    ):
        _fill(stack)
        with _clients(stack, consoles - pages) as clients, _browser(stack, pages) as browser:
            tapped_at = _tap(stack, browser, clients, taps)
            painted = [_numbers(page.evaluate("window.painted")) for page in browser]
            arrived = _ask(clients) if clients is not None else []
        tapped = _decisions(stack, len(tapped_at))
    waits: dict[str, list[float]] = {"tap": [], "commit": [], "client": []}
    for at, (event, received_s) in list(zip(tapped_at, tapped, strict=True))[WARM_UP:]:
        for seen in painted:
            if event not in seen:
                raise BenchFailed(f"the row of event {event} was never painted")
            waits["tap"].append((seen[event] - at) * 1000)
            waits["commit"].append((seen[event] - received_s) * 1000)
        waits["client"] += [(seen[event] - received_s) * 1000 for seen in arrived if event in seen]
    figures = [
        reaching(
            f"console: tap → painted, {consoles} consoles open, p95", percentile(waits["tap"], 95), "ms", "<=", 300
        ),
        shown("console: the same, p50", percentile(waits["tap"], 50), "ms"),
        shown("console: the slowest", max(waits["tap"]), "ms"),
        shown("console: record taken by the server → painted, p50", percentile(waits["commit"], 50), "ms"),
        shown("console: the same, p95", percentile(waits["commit"], 95), "ms"),
    ]
    if waits["client"]:
        figures += [
            shown(
                "console: record taken → row at a client without a browser, p50", percentile(waits["client"], 50), "ms"
            ),
            shown("console: the same, p95", percentile(waits["client"], 95), "ms"),
        ]
    return Report(
        "console",
        tuple(figures),
        f"{taps} taps at the simulated reader, {pages} pages in Chromium and {consoles - pages} streams read by a program; the tap begins when the hall is asked to lay the card "
        "down, a row is painted when the second frame after its arrival begins; mosquitto, one server on SQLite, hall and edge, all on this machine",
    )


def _fill(stack: Stack) -> None:
    given = load_population(stack.directory / "site")
    Population(stack.api, stack.hall, dt.datetime.now(dt.UTC)).load(given)
    if not until(lambda: doors_are_ready(stack.api), READY_TIMEOUT_S, 0.3):
        raise BenchFailed("the edge did not take the policy")


def _tap(stack: Stack, pages: Sequence[Any], clients: Connection | None, taps: int) -> list[float]:
    """When each card was laid down. The next comes when the first page, else a client, shows this one."""
    tapped = []
    for number in range(taps + WARM_UP):
        before = _rows(pages, clients)
        tapped.append(wall_s())
        stack.hall.post("/present", {"card": CARDS[number % len(CARDS)], "reader": READER, "hold_s": HOLD_S})
        stack.hall.post("/remove", {"reader": READER})
        if not until(lambda before=before: _rows(pages, clients) > before, ROW_TIMEOUT_S, 0.05):  # type: ignore[misc]
            raise BenchFailed(f"tap {number} did not reach the page")
        pause(BETWEEN_S + POLL_PERIOD_S * (number * GOLDEN % 1))
    pause(1.0)
    return tapped


def _rows(pages: Sequence[Any], clients: Connection | None) -> int:
    if pages:
        return int(pages[0].evaluate("Object.keys(window.painted).length"))
    return len(_ask(clients)[0]) if clients is not None else 0


def _decisions(stack: Stack, count: int) -> list[tuple[int, float]]:
    """The last ``count`` decisions of the ledger in order: event, and when the server took its record (before it was committed)."""
    query = """SELECT event.seq, record.received_us FROM ledger_event AS event JOIN ledger_record AS record ON record.seq = event.record_seq
        WHERE event.kind IN ('AccessGranted', 'AccessDenied', 'AccessPending') ORDER BY event.seq"""
    with closing(sqlite3.connect(stack.shared_database_url.removeprefix("sqlite:///"))) as database:
        rows = database.execute(query).fetchall()
    if len(rows) != count:
        raise BenchFailed(f"{count} taps made {len(rows)} decisions")
    return [(seq, received_us / 1e6) for seq, received_us in rows]


def _numbers(painted: dict[str, float]) -> dict[int, float]:
    return {int(seq): at for seq, at in painted.items()}


@contextmanager
def _clients(stack: Stack, count: int) -> Iterator[Connection | None]:
    if count == 0:
        yield None
        return
    tokens = [stack.token("guard") for _ in range(-(-count // PER_TOKEN))]
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    each = [tokens[index // PER_TOKEN] for index in range(count)]
    process = spawn.Process(target=serve, args=(theirs, stack.server_url, each), daemon=True)
    process.start()
    try:
        yield ours
    finally:
        ours.send("stop")
        process.join(ROW_TIMEOUT_S)
        if process.is_alive():
            process.kill()
            process.join()


def _ask(clients: Connection) -> list[dict[int, float]]:
    clients.send("rows")
    if not clients.poll(ROW_TIMEOUT_S):
        raise BenchFailed("the clients do not answer")
    found: list[dict[int, float]] = clients.recv()
    return found


@contextmanager
def _browser(stack: Stack, count: int) -> Iterator[list[Any]]:
    """So many live pages, each in a profile of its own, watched."""
    if count == 0:
        yield []
        return
    if not Path(CHROMIUM).exists():
        raise BenchMissing(f"{CHROMIUM} is not there: apt-get install chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise BenchMissing("playwright is not installed: pip install playwright") from error
    with sync_playwright() as playwright, ExitStack() as ends:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        ends.callback(browser.close)
        password = (stack.directory / "server" / "first-sign-in.txt").read_text(encoding="utf-8").split()[-1]
        pages = []
        for number in range(count):
            size: Any = {"width": 1280, "height": 800}
            page = browser.new_context(locale=("zh-CN", "en-GB")[number % 2], viewport=size).new_page()
            password = _sign_in(page, stack.server_url, password)
            page.evaluate(WATCH)
            pages.append(page)
        yield pages


def _sign_in(page: Any, url: str, password: str) -> str:
    """To the live page; the one-time password is changed on the way. Returns the password now."""
    page.goto(url + "/")
    page.fill("#username", "admin")
    page.fill("#password", password)
    page.click("main .act.main")
    if "/password" in page.url:
        page.fill("#current", password)
        page.fill("#new", PASSWORD)
        page.fill("#again", PASSWORD)
        page.click("main .act.main")
        password = PASSWORD
    page.wait_for_selector('body[data-link="up"]')
    return password
