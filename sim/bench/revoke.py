"""``menjin bench revoke``: a contract ends in the registry; until the last of 100 connected edges refuses the customer's badge."""

import contextlib
import datetime as dt
import multiprocessing
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from edge.clock import mono_us
from edge.keys import BundleFile, edge_kid, make_private_key
from sim.bench.figures import BenchFailed, Report, median, percentile, reaching, shown
from sim.bench.many_edges import EdgeState, Shown, serve
from sim.bench.registry_rows import TIME, Place, Rows, code_of, number_of, site_file
from sim.bench.served import broker, place, servers
from sim.clients import HttpClient
from sim.waiting import pause, until

EDGES = 100
BADGES_OF_THE_FIRST = 100_000
BADGES_OF_OTHERS = 1_000
REVOCATIONS = 60
PROCESSES = 3
"""Of which the first runs the edge with the most badges alone."""
COMMAND_TIMEOUT_S = 60.0
POLICIES_TIMEOUT_S = 300.0
TAP_TIMEOUT_S = 20.0
REFUSED_TIMEOUT_S = 30.0
QUIET_TIMEOUT_S = 60.0
REST_S = 1.5
"""Between the granted tap and the refused one: within a second they would be one read."""


def run(
    edges: int = EDGES,
    badges_of_the_first: int = BADGES_OF_THE_FIRST,
    badges_of_others: int = BADGES_OF_OTHERS,
    revocations: int = REVOCATIONS,
    processes: int = PROCESSES,
) -> Report:
    """Each revocation ends the only contract of a customer whose badge opened every door until then."""
    places = [Place(f"edge-{n:03}", badges_of_others if n else badges_of_the_first) for n in range(edges)]
    last_s, told_s, each_s, answered_s = [], [], [], []
    with (
        tempfile.TemporaryDirectory(prefix="menjin-bench-") as folder,
        _site(Path(folder), places, revocations) as site,
    ):
        api, bundles, broker_url = site
        with _running(Path(folder), broker_url, bundles, processes) as crowd:
            crowd.wait_for_policies(places)
            for customer in range(1, revocations + 1):
                crowd.opens_everywhere(number_of(customer))
                crowd.ask("watch", number_of(customer))
                began_us = mono_us()
                api.post(f"/api/v1/contracts/{code_of(customer)}/end", {})
                answered_s.append((mono_us() - began_us) / 1e6)
                refused = crowd.refused_everywhere()
                delays = [(one.at_mono_us - began_us) / 1e6 for one in refused]
                each_s += delays
                last_s.append(max(delays))
                told_s.append((max(one.told_mono_us for one in refused) - began_us) / 1e6)
    figures = (
        reaching(
            f"revoke: contract ended → last of {edges} edges refuses, p99", percentile(last_s, 99), "s", "<=", 1.0
        ),
        shown("revoke: the same, median", median(last_s), "s"),
        shown("revoke: the slowest", max(last_s), "s"),
        shown("revoke: contract ended → an edge refuses, median", median(each_s), "s"),
        shown("revoke: contract ended → the last edge has its delta, median", median(told_s), "s"),
        shown("revoke: answer of the API, median", median(answered_s), "s"),
    )
    return Report(
        "revoke",
        figures,
        f"{revocations} revocations from the request to a refused tap at each of {edges} edges; {badges_of_the_first} badges at the first edge, "
        f"{badges_of_others} at the others; mosquitto, one server on SQLite, the edges in {processes} processes; all on this machine",
    )


class _Crowd:
    """The processes with the edges."""

    def __init__(self, pipes: Sequence[Connection], edges: int) -> None:
        self._pipes = pipes
        self._edges = edges

    def ask(self, verb: str, argument: object = None) -> list[Any]:
        """The answers of all processes as one list."""
        for pipe in self._pipes:
            pipe.send((verb, argument))
        answers: list[Any] = []
        for pipe in self._pipes:
            if not pipe.poll(COMMAND_TIMEOUT_S):
                raise BenchFailed(f"a process with edges does not answer {verb!r}")
            answers += pipe.recv()
        return answers

    def wait_for_policies(self, places: Sequence[Place]) -> None:
        """Until each edge runs all its badges, under a lease."""
        wanted = {place.edge: place.badges for place in places}

        def missing() -> list[EdgeState]:
            return [state for state in self.ask("state") if state.badges != wanted[state.edge] or not state.leased]

        if not until(lambda: not missing(), POLICIES_TIMEOUT_S, poll_s=0.5):
            raise BenchFailed(f"policies or leases did not arrive: {missing()[:3]}; wanted {places[0]}, {places[-1]}")

    def opens_everywhere(self, number: str) -> None:
        """A badge opens each door; then all is quiet again."""
        self.ask("tap", number)
        self._wait_until_all_show("granted", TAP_TIMEOUT_S)
        pause(REST_S)
        if not until(lambda: all(state.outbox == 0 for state in self.ask("state")), QUIET_TIMEOUT_S, poll_s=0.1):
            raise BenchFailed("the server does not acknowledge the records of the taps")

    def refused_everywhere(self) -> list[Shown]:
        """What the readers showed once all have refused, because the contract has ended."""
        refused = self._wait_until_all_show("denied", REFUSED_TIMEOUT_S)
        others = {one.reason for one in refused} - {"CONTRACT_ENDED"}
        if others:
            raise BenchFailed(f"refused for another reason: {', '.join(sorted(others))}")
        return refused

    def _wait_until_all_show(self, pattern: str, timeout_s: float) -> list[Shown]:
        found: list[Shown] = []
        seen: list[Shown] = []

        def all_do() -> bool:
            seen[:] = self.ask("shown")
            found[:] = [one for one in seen if one.pattern == pattern and (one.reason or pattern != "denied")]
            return len(found) == self._edges

        if not until(all_do, timeout_s, poll_s=0.1):
            raise BenchFailed(f"{len(found)} of {self._edges} edges show {pattern!r} after {timeout_s:g} s; {seen[:3]}")
        return list(found)


@contextmanager
def _running(folder: Path, broker_url: str, bundles: Sequence[BundleFile], processes: int) -> Iterator[_Crowd]:
    spawn = multiprocessing.get_context("spawn")
    others = max(1, processes - 1)
    groups = [list(bundles[:1]), *(list(bundles[1 + n :: others]) for n in range(others))]
    with ExitStack() as ends:
        pipes = []
        for number, group in enumerate(groups):
            ours, theirs = spawn.Pipe()
            ends.callback(ours.close)
            place = folder / f"edges-{number}"
            place.mkdir()
            process = spawn.Process(target=serve, args=(theirs, str(place), broker_url, group), daemon=True)
            process.start()
            theirs.close()
            ends.callback(_end, process, ours)
            pipes.append(ours)
        yield _Crowd(pipes, len(bundles))


def _end(process: Any, pipe: Connection) -> None:
    with contextlib.suppress(OSError):  # it may have ended
        pipe.send(("stop", None))
    process.join(COMMAND_TIMEOUT_S)
    if process.is_alive():
        process.kill()
        process.join()


@contextmanager
def _site(folder: Path, places: Sequence[Place], everywhere: int) -> Iterator[tuple[HttpClient, list[BundleFile], str]]:
    """mosquitto and a server whose registry is filled and whose edges are enrolled."""
    database = folder / "menjin.db"
    site = folder / "site.toml"
    site.write_text(site_file(places, "before"), encoding="utf-8")
    at = place(folder, f"sqlite:///{database}", site)
    with broker(at):
        with servers(at) as served:
            bundles = [_enrol(served.api, one.edge) for one in places]
        from_at = (dt.datetime.now(dt.UTC) - dt.timedelta(days=30)).strftime(TIME)
        Rows(places, everywhere, bytes.fromhex(bundles[0].hash_key), from_at).load(database)
        site.write_text(site_file(places, "after"), encoding="utf-8")  # so that all policies are compiled anew
        with servers(at) as served:
            yield served.api, bundles, at.broker_url


def _enrol(api: HttpClient, edge: str) -> BundleFile:
    private_key, public_key = make_private_key()
    one_time = api.post("/api/v1/edges", {"name": edge})["token"]
    told = api.post("/api/v1/edges/enrol", {"token": one_time, "public_key": public_key})
    return BundleFile(
        site=told["site"], edge=told["edge"], epoch=told["epoch"], kid=edge_kid(told["edge"]), private_key=private_key,
        root_public_key=told["root_public_key"], hash_key=told["hash_key"], certificates=tuple(told["certificates"]),
    )  # fmt: skip
