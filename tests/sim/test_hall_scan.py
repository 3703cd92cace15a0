"""Scanners in the hall, through its HTTP interface; an imaginary edge moves the lamps."""

import os
import select
import threading
from collections.abc import Iterator

import pytest

from sim.boards.relays import Relays
from tests.sim.hall_bench import HallBench, running_hall


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HallBench]:
    with running_hall(tmp_path_factory.mktemp("hall") / "dev") as bench:
        yield bench


class Host:
    """The far end of a scanner's line: waits for a scan, then lights a lamp as an edge would."""

    def __init__(self, bench: HallBench, answer: str) -> None:
        self._bench = bench
        self._answer = answer
        self.heard = b""
        unit = bench.hall.scanners["scanner-out"]
        self._fd = os.open(unit.line.link_path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Host":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(15)
        os.close(self._fd)

    def _run(self) -> None:
        while not self.heard.endswith(b"\r") and select.select([self._fd], [], [], 5.0)[0]:
            self.heard += os.read(self._fd, 4096)
        wiring = self._bench.hall.readers["goods-out"].wiring
        if self._answer == "accepted":
            assert wiring.green is not None
            green = wiring.green

            def flash(relays: Relays, at_s: float) -> None:
                relays.flash(green.channel, True, 3, at_s)
                relays.advance(at_s + 0.3)

            self._bench.relays(green.board, flash)
        elif self._answer == "denied":
            self._bench.lamp("goods-out", "red", True)
        else:
            self._bench.grant("goods-door", "goods-out")


def test_the_state_and_the_site_show_the_scanners(bench: HallBench) -> None:
    assert bench.state()["scanners"]["scanner-out"] == {
        "access_point": "goods-out", "door": "goods-door", "plugged": True, "act": "normal", "lamps": {},
    }  # fmt: skip
    assert bench.request("GET", "/site").json()["scanners"] == {"scanner-in": "goods-in", "scanner-out": "goods-out"}


@pytest.mark.parametrize(("answer", "unlocked"), [("accepted", False), ("denied", False), ("granted", True)])
def test_a_scan_waits_for_the_lamps_beside_it_and_for_the_lock(bench: HallBench, answer: str, unlocked: bool) -> None:
    bench.lock("goods-door")
    for lamp in ("green", "red"):
        bench.lamp("goods-out", lamp, False)
    with Host(bench, answer) as host:
        told = bench.post("/scan", {"access_point": "goods-out", "text": "SN-00017", "wait_s": 5})
    assert host.heard == b"SN-00017\r"
    assert (told["indicator"], told["unlocked"]) == (answer, unlocked)


def test_bytes_go_over_as_they_are_given(bench: HallBench) -> None:
    with Host(bench, "denied") as host:
        bench.post("/scan", {"scanner": "scanner-out", "raw_hex": "02533103" + "0d", "wait_s": 0})
    assert host.heard == b"\x02S1\x03\r"


def test_a_scan_that_nobody_answers_says_so(bench: HallBench) -> None:
    for lamp in ("green", "red"):
        bench.lamp("goods-in", lamp, False)
    told = bench.post("/scan", {"scanner": "scanner-in", "text": "SN-1", "wait_s": 0.05, "timed": True})
    assert told == {"unlocked": False, "indicator": "none"}


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"scanner": "x", "text": "a"}, 404, "no scanner 'x'; there are scanner-in, scanner-out"),
        ({"access_point": "hall-in", "text": "a"}, 404, "no scanner at 'hall-in'; there is one at goods-in, goods-out"),
        ({"text": "a"}, 422, "name either the scanner or the access point"),
        ({"scanner": "scanner-in"}, 422, "give either text or raw_hex"),
        ({"scanner": "scanner-in", "text": "a", "raw_hex": "00"}, 422, "give either text or raw_hex"),
        ({"scanner": "scanner-in", "text": "a", "terminator": "enter"}, 400, "enter"),
    ],
)
def test_a_scan_that_cannot_be_is_one_line(bench: HallBench, body: dict[str, str], status: int, says: str) -> None:
    assert says in bench.post("/scan", body, status)["error"]


def test_a_scanner_can_be_unplugged_and_is_told_of(bench: HallBench) -> None:
    bench.post("/device", {"device": "scanner-in", "act": "unplug"})
    assert bench.state()["scanners"]["scanner-in"]["plugged"] is False
    bench.post("/device", {"device": "scanner-in", "act": "plug"})
    assert "has no act" in bench.post("/device", {"device": "scanner-in", "act": "fly"}, 422)["error"]


def test_the_table_shows_what_was_put_there_and_what_people_bring(bench: HallBench) -> None:
    table = {
        "papers": [{"kind": "slip", "number": "S-1", "code": "S-AAAAAAA-AAAAAAA", "customer": "C001"}],
        "devices": [{"serial": "SN-1", "model": "R750", "customer": None, "paper": "S-1"}],
        "cards": ["T1"],
        "visitors": [{"name": "邓超", "id_number": "110101199003070417"}],
        "applicants": [{"name": "林晓", "id_number": "E12345678", "customer": "C006"}],
    }
    bench.post("/papers", table)
    assert bench.request("GET", "/papers").json() == table
    photo = bench.request("GET", "/visitors/0.png")
    assert (photo.headers["content-type"], photo.content[:4]) == ("image/png", b"\x89PNG")
    assert bench.request("GET", "/visitors/1.png").status_code == 404
    brought = {part: bench.request("GET", f"/applicants/0/{part}") for part in ("photo", "id_copy", "letter", "purse")}
    kinds = {part: paper.headers["content-type"] for part, paper in brought.items() if paper.status_code == 200}
    assert kinds == {"photo": "image/png", "id_copy": "image/png", "letter": "application/pdf"}
    bench.post("/papers", {"papers": [{"kind": "note", "number": "1", "code": "1"}]}, status=400)
    bench.post("/papers", {})
    assert bench.request("GET", "/papers").json() == {
        "papers": [],
        "devices": [],
        "cards": [],
        "visitors": [],
        "applicants": [],
    }
