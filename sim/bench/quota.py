"""``menjin bench quota``: 200 approvals at once for one organisation, on SQLite and on PostgreSQL. Two get a badge, whoever races (B2)."""

import datetime as dt
import ssl
import tempfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sim.bench.figures import BenchFailed, Figure, Report, median, percentile, shown
from sim.bench.postgresql import postgresql_cluster
from sim.bench.served import Served, broker, place, servers
from sim.clients import HttpClient, Refused
from sim.documents import document
from sim.waiting import Stopwatch

APPROVALS = 200
QUOTA = 2
"""Badges of an organisation (B2)."""
CUSTOMER = "C001"
AREA = "room-0"
PARTS = ("photo", "id_copy", "letter")
CONTRACT_DAYS = 365
APPLYING_AT_ONCE = 2
"""The server takes no more than three files at a time."""
SERVERS = {"SQLite": 1, "PostgreSQL": 2}
"""Processes that the approvals are dealt out to: on PostgreSQL they race between processes as well (DESIGN 15)."""
GRANTED = "granted"
EXCEEDED = "QUOTA_EXCEEDED"


@dataclass(frozen=True)
class Answers:
    """What came of all approvals. ``outcomes``: how many of each answer, ``GRANTED`` or the code of the problem; ``each_s``: how long
    each answer took, from its own request; ``all_s``: first request to last answer; ``standing``: badges that the customer has
    afterwards; ``open``: applications that are still undecided."""

    outcomes: Counter[str]
    each_s: Sequence[float]
    all_s: float
    standing: int
    open: int


def run(approvals: int = APPROVALS) -> Report:
    """``approvals``: more than the quota, so that some must be refused."""
    figures: list[Figure] = []
    others: list[str] = []
    with tempfile.TemporaryDirectory(prefix="menjin-bench-") as folder, postgresql_cluster() as cluster:
        for database, url in (("SQLite", f"sqlite:///{folder}/menjin.db"), ("PostgreSQL", cluster)):
            sub = Path(folder, database)
            sub.mkdir()
            at = place(sub, url)
            try:
                with broker(at), servers(at, SERVERS[database]) as served:
                    answers = _race(served, _apply(served.api, approvals))
            except Refused as refused:
                raise BenchFailed(f"{database}: {refused}") from refused
            figures += judged(database, answers)
            others += [
                f"; {database} also answered {code} {count} times"
                for code, count in sorted(answers.outcomes.items())
                if code not in (GRANTED, EXCEEDED)
            ]
    return Report(
        "quota",
        tuple(figures),
        f"{approvals} complete applications of as many holders of one organisation, approved at once, each over a connection of its own that is "
        f"open already; SQLite: one server process, PostgreSQL: {SERVERS['PostgreSQL']}; all on this machine"
        + "".join(others),
    )


def judged(database: str, answers: Answers) -> list[Figure]:
    """Exactly the quota is granted, all others are refused for the quota, and the registry says the same."""
    asked = answers.outcomes.total()
    return [
        _exactly(f"{database}: of {asked} approvals, granted", answers.outcomes[GRANTED], QUOTA),
        _exactly(f"{database}: refused, {EXCEEDED}", answers.outcomes[EXCEEDED], asked - QUOTA),
        _exactly(f"{database}: badges of the customer afterwards", answers.standing, QUOTA),
        _exactly(f"{database}: applications still open", answers.open, asked - QUOTA),
        shown(f"{database}: an answer, median", median(answers.each_s), "s"),
        shown(f"{database}: an answer, p99", percentile(answers.each_s, 99), "s"),
        shown(f"{database}: all answered", answers.all_s, "s"),
    ]


def _exactly(name: str, value: int, wanted: int) -> Figure:
    return Figure(name, value, "", f"= {wanted}", value == wanted)


def _apply(api: HttpClient, count: int) -> list[str]:
    """One organisation under contract, and a complete application for each of its ``count`` holders. Returns their ids."""
    today = dt.datetime.now(dt.UTC)
    terms = {
        "from": (today - dt.timedelta(days=1)).isoformat(),
        "until": (today + dt.timedelta(days=CONTRACT_DAYS)).isoformat(),
        "areas": [AREA],
    }
    customer = {"code": CUSTOMER, "kind": "organisation", "name": "华云数据", "contract": terms}
    api.post("/api/v1/customers", customer)
    papers = {part: document(part, CUSTOMER) for part in PARTS}

    def applied(number: int) -> str:
        holder = api.post("/api/v1/holders", {"name": f"持证人 {number}", "customer": CUSTOMER})["id"]
        asked = {"holder": holder, "purpose": "routine maintenance of our own equipment", "consent": True}
        application = api.post("/api/v1/applications", asked)
        for part, (content, media_type) in papers.items():
            application = api.put(f"/api/v1/applications/{application['id']}/attachments/{part}", content, media_type)
        if application["status"] != "complete":
            raise BenchFailed(f"an application is {application['status']}; it lacks {application['missing']}")
        return str(application["id"])

    with ThreadPoolExecutor(APPLYING_AT_ONCE) as pool:
        return list(pool.map(applied, range(count)))


def _race(served: Served, applications: Sequence[str]) -> Answers:
    """Approve them all at once, each from a thread and over a connection of its own, dealt out to the servers in turn."""
    with ExitStack() as ends:
        context = ssl.create_default_context()  # once: each client would read the certificates anew
        clients = []
        for number in range(len(applications)):
            client = HttpClient(served.urls[number % len(served.urls)], served.token, verify=context)
            ends.callback(client.close)
            clients.append(client)
        pool = ends.enter_context(ThreadPoolExecutor(len(clients)))
        list(pool.map(lambda client: client.get("/api/v1/health"), clients))  # opens the connections
        watch = Stopwatch()
        answers = [pool.submit(_approve, *each) for each in zip(clients, applications, strict=True)]
        outcomes = Counter(_outcome(answer) for answer in answers)
        all_s = watch.s
    each_s = [answer.result()[1] for answer in answers if answer.exception() is None]
    if not each_s:
        raise BenchFailed(f"no approval was answered: {dict(outcomes)}")
    return Answers(
        outcomes,
        each_s,
        all_s,
        standing=_count(served.api, "badges"),
        open=_count(served.api, "applications", status="complete"),
    )


def _approve(client: HttpClient, application: str) -> tuple[str, float]:
    """The answer, and how long it took."""
    watch = Stopwatch()
    try:
        client.post(f"/api/v1/applications/{application}/approve")
    except Refused as refused:
        return refused.code, watch.s
    return GRANTED, watch.s


def _outcome(answer: Future[tuple[str, float]]) -> str:
    """What broke on the way (a timeout, a lost connection) is an outcome too: no approval goes uncounted."""
    error = answer.exception()
    return type(error).__name__ if error is not None else answer.result()[0]


def _count(api: HttpClient, table: str, **asked: Any) -> int:
    found, after = 0, 0
    while True:
        page = api.get(f"/api/v1/{table}", customer=CUSTOMER, after=after, **asked)
        found += len(page["items"])
        if page["next"] is None:
            return found
        after = page["next"]
