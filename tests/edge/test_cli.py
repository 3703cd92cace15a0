"""``menjin edge``: bad input ends with one line and code 2; a real process starts, stops within its time, and survives kill -9."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from controller.events import EdgeStopped
from edge.cli import app
from edge.enrol import bundle_toml
from edge.journal import SqliteJournal
from edge.keys import BundleFile, make_private_key
from edge.private_file import write_private
from edge.randomness import SystemRandom
from edge.runner import STOP_S
from tests.edge.boards.rig import wait_until

WAIT_S = 30.0
FIRST_AT_REST, LAST_AT_REST = bytes.fromhex("a00100a1"), bytes.fromhex("a00800a8")
"""What an LCUS board hears of its first and its last relay, when it is opened and when it is closed."""
ROOT = Path(__file__).parents[2]


class Place:
    """A folder with an ``edge.toml`` for one door on one LCUS board at a pty, and a bundle."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.board_fd, self._line_fd = os.openpty()
        tty.setraw(self._line_fd)
        os.set_blocking(self.board_fd, False)
        self.port = os.ttyname(self._line_fd)
        self.config = folder / "edge.toml"
        self.write_config()
        seed, public = make_private_key()
        file = BundleFile("demo", "edge-1", 1, "edge:edge-1", seed, public, "00" * 32)
        write_private(folder / "edge.bundle", bundle_toml(file))

    def write_config(self, site: str = "demo", port: str | None = None) -> None:
        self.config.write_text(
            f"""
site = "{site}"
edge = "edge-1"
state_dir = "state"
bundle = "edge.bundle"
[broker]
url = "mqtt://127.0.0.1:9"
[[boards]]
id = "relay-1"
driver = "lcus"
port = "{port or self.port}"
[[doors]]
id = "hall-door"
lock = {{board = "relay-1", channel = 0}}
relock_by = "edge"
accept_stuck_unlock = true
egress = "mechanical"
""",
            encoding="utf-8",
        )

    def written_until(self, last: bytes) -> bytes:
        """What comes through to the board, up to this at least."""
        seen = bytearray()

        def came() -> bool:
            with contextlib.suppress(BlockingIOError):
                seen.extend(os.read(self.board_fd, 4096))
            return last in seen

        wait_until(came, f"{last.hex()} at the board")
        return bytes(seen)

    def close(self) -> None:
        os.close(self.board_fd)
        os.close(self._line_fd)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.close()


def refused(*arguments: str) -> str:
    """The one line that a refused command says."""
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == 2, result.output
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def test_without_a_configuration_it_says_how_to_give_one() -> None:
    assert "--config" in refused()
    assert "--config" in refused("rest")


def test_a_missing_configuration_is_named() -> None:
    assert "/nowhere/edge.toml" in refused("--config", "/nowhere/edge.toml")
    assert "/nowhere/edge.toml" in refused("rest", "--config", "/nowhere/edge.toml")


def test_a_configuration_with_an_unknown_key_is_refused_by_name(place: Place) -> None:
    place.config.write_text(place.config.read_text(encoding="utf-8") + "\ncolour = 'red'\n", encoding="utf-8")
    assert "colour" in refused("--config", str(place.config))


def test_a_bundle_that_others_can_read_is_refused(place: Place) -> None:
    (place.folder / "edge.bundle").chmod(0o644)
    assert "chmod 600" in refused("--config", str(place.config))


def test_a_bundle_of_another_site_is_refused(place: Place) -> None:
    place.write_config(site="elsewhere")
    assert "enrolled as edge-1 of demo" in refused("--config", str(place.config))


def test_an_unknown_log_level_is_refused(place: Place) -> None:
    assert "DEBUG" in refused("--config", str(place.config), "--log-level", "loud")


def test_a_journal_that_another_process_holds_is_refused(place: Place) -> None:
    held = SqliteJournal(place.folder / "state" / "journal.db", SystemRandom())
    try:
        assert "another edge process" in refused("--config", str(place.config))
    finally:
        held.close()


def test_enrolling_over_plain_http_elsewhere_is_refused() -> None:
    assert "https://" in refused("enrol", "--server", "http://example.org", "--token", "t", "--out", "x")


@pytest.mark.parametrize("order", [["rest", "--config"], ["--config"]])
def test_rest_puts_every_output_to_rest(place: Place, order: list[str]) -> None:
    arguments = [*order, str(place.config)] + (["rest"] if "rest" not in order else [])
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert FIRST_AT_REST in place.written_until(LAST_AT_REST)


def test_rest_does_what_it_can_and_says_what_it_cannot(place: Place) -> None:
    place.write_config(port="/nowhere/tty")
    result = CliRunner().invoke(app, ["rest", "--config", str(place.config)])
    assert result.exit_code == 1
    assert "board relay-1" in result.stderr


class Process:
    """A real ``python -m edge`` with a supervisor's socket."""

    def __init__(self, place: Place) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = place.folder / f"notify-{time.monotonic_ns()}"
        self._socket.bind(str(path))
        self._socket.settimeout(WAIT_S)
        environment = {**os.environ, "NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "400000"}
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "edge", "--config", str(place.config)],
            cwd=ROOT,
            env=environment,
            stderr=subprocess.PIPE,
        )

    def hear(self, line: bytes) -> None:
        while self._socket.recv(200) != line:
            pass

    def end(self, number: int) -> int:
        self.popen.send_signal(number)
        try:
            self.popen.communicate(timeout=WAIT_S)
        finally:
            if self.popen.poll() is None:
                self.popen.kill()
            self._socket.close()
        return self.popen.returncode


@pytest.mark.processes
def test_a_process_becomes_ready_feeds_its_watchdog_and_stops_in_time_with_its_outputs_at_rest(place: Place) -> None:
    process = Process(place)
    process.hear(b"READY=1")
    process.hear(b"WATCHDOG=1")
    place.written_until(LAST_AT_REST)  # of the opening
    asked_at = time.monotonic()
    assert process.end(signal.SIGTERM) == 0
    assert time.monotonic() - asked_at < STOP_S + 1  # the promise, and the interpreter's own end
    assert FIRST_AT_REST in place.written_until(LAST_AT_REST)
    journal = SqliteJournal(place.folder / "state" / "journal.db", SystemRandom())
    try:
        assert journal.after(journal.last_seq - 1, 1)[0].record.count(EdgeStopped.__name__.encode()) == 1
    finally:
        journal.close()


@pytest.mark.processes
def test_with_a_damaged_journal_the_edge_still_starts_for_the_ways_out(place: Place) -> None:
    state = place.folder / "state"
    state.mkdir()
    (state / "journal.db").write_bytes(b"not a journal" * 1_000)
    process = Process(place)
    process.hear(b"READY=1")
    assert process.end(signal.SIGTERM) == 0
    assert (state / "journal.db").read_bytes() == b"not a journal" * 1_000


def spoil(state: Path, what: str) -> None:
    """Make a part of the state unusable, although each file is sound for SQLite."""
    if what == "policy store":
        (state / "policy.db").mkdir(parents=True)
        return
    journal = SqliteJournal(state / "journal.db", SystemRandom())
    journal.append([b'{"written":"by a newer menjin"}'], 1)
    if what == "checkpoint":
        journal.save_checkpoint(1, b"bits that fell over")
    journal.close()


@pytest.mark.processes
@pytest.mark.parametrize("what", ["policy store", "checkpoint", "record"])
def test_with_a_state_that_cannot_be_used_the_edge_still_starts_for_the_ways_out(place: Place, what: str) -> None:
    spoil(place.folder / "state", what)
    process = Process(place)
    process.hear(b"READY=1")
    assert process.end(signal.SIGTERM) == 0


@pytest.mark.processes
def test_after_kill_9_the_next_process_goes_on_with_the_same_journal(place: Place) -> None:
    process = Process(place)
    process.hear(b"READY=1")
    assert process.end(signal.SIGKILL) == -signal.SIGKILL
    process = Process(place)
    process.hear(b"READY=1")
    assert process.end(signal.SIGINT) == 0
    journal = SqliteJournal(place.folder / "state" / "journal.db", SystemRandom())
    try:
        journal.verify()
        assert journal.last_seq >= 3  # two starts and a stop
    finally:
        journal.close()
