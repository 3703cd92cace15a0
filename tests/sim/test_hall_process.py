"""``menjin sim hall`` as a process: what it writes, how it ends, what it refuses to start with."""

import json
import os
import signal
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from sim.cli import app
from tests.sim.conftest import CARD_KEYS

pytestmark = pytest.mark.processes

END_S = 30.0


def write_keys(folder: Path) -> Path:
    path = folder / "card.keys"
    path.touch(mode=0o600)
    path.write_text("".join(f'{name} = "{value}"\n' for name, value in CARD_KEYS.items()))
    return path


def command(folder: Path, *more: str) -> list[str]:
    arguments = ["sim", "hall", "--dir", str(folder / "hall"), "--card-keys", str(folder / "card.keys"), *more]
    return [sys.executable, "-m", "menjin", *arguments]


class Running:
    """The process, once it has said that it is ready."""

    def __init__(self, folder: Path, *more: str) -> None:
        write_keys(folder)
        self.folder = folder
        self._supervisor = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._supervisor.bind(str(folder / "notify"))
        self._supervisor.settimeout(30)
        environment = {**os.environ, "NOTIFY_SOCKET": str(folder / "notify")}
        self.process = subprocess.Popen(command(folder, *more), env=environment, stderr=subprocess.PIPE, text=True)
        self.ready = self.hear()

    def hear(self) -> dict[str, str]:
        return dict(line.split("=", 1) for line in self._supervisor.recv(4096).decode().splitlines())

    def finish(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate(timeout=END_S)
        self._supervisor.close()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path, "--broker-upstream", "127.0.0.1:9", "--edge-state", "/state", "--bundle", "/b")
    yield running
    running.finish()


def test_it_says_where_it_is_and_leaves_nothing_when_it_ends(running: Running) -> None:
    folder = running.folder / "hall"
    written = json.loads((folder / "hall.json").read_text())
    assert running.ready == {"READY": "1", "X_URL": written["url"]}
    edge = tomllib.loads((folder / "edge.toml").read_text())
    assert (edge["state_dir"], edge["bundle"], edge["broker"]["url"]) == ("/state", "/b", written["broker_url"])
    desk = tomllib.loads((folder / "desk.toml").read_text())
    assert (desk["role"], desk["state_dir"], desk["broker"]["url"]) == ("desk", "desk-state", written["broker_url"])
    ports = [device["port"] for device in (*edge["boards"], *edge["readers"], *desk["readers"])]
    assert sorted(ports) == sorted([*written["readers"].values(), *written["boards"].values()])
    terminals = [Path(port).resolve() for port in ports]
    assert all(terminal.is_char_device() for terminal in terminals)
    with httpx2.Client(trust_env=False, timeout=10) as client:
        assert set(client.get(f"{written['url']}/state").json()["cards"]) >= {"b-li", "b-zhao"}
        with client.stream("GET", f"{written['url']}/events") as stream:
            assert next(stream.iter_lines()) == "event: state"
            running.process.send_signal(signal.SIGTERM)
            assert running.hear() == {"STOPPING": "1"}
            assert running.process.wait(END_S) == 0
    assert list((folder / "dev").iterdir()) == []
    assert not (folder / "hall.json").exists()


def test_after_a_kill_it_starts_again_in_the_same_folder(running: Running) -> None:
    devices = running.folder / "hall" / "dev"
    held = [os.open(path, os.O_RDWR | os.O_NOCTTY) for path in devices.iterdir()]  # no other pty gets their numbers
    running.process.kill()
    running.process.communicate(timeout=END_S)
    assert not any(path.exists() for path in devices.iterdir())  # the ptys are gone
    for terminal in held:
        os.close(terminal)
    (running.folder / "notify").unlink()
    again = Running(running.folder)
    assert all(path.exists() for path in devices.iterdir())
    again.process.send_signal(signal.SIGTERM)
    assert again.process.wait(END_S) == 0
    again.finish()


def run(folder: Path, *more: str) -> tuple[int, str]:
    done = subprocess.run(command(folder, *more), capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stderr


def test_bad_input_ends_with_one_line_and_code_2(tmp_path: Path) -> None:
    def refused(*more: str) -> str:
        code, line = run(tmp_path, *more)
        assert code == 2
        assert line.startswith("menjin sim hall: ")
        assert line.count("\n") == 1
        return line

    assert "cannot be read (No such file or directory); make it with: menjin keys cards" in refused()
    keys = write_keys(tmp_path)
    keys.chmod(0o644)
    assert "others can read it; chmod 600 it" in refused()
    keys.chmod(0o600)
    assert "no site 'nowhere'" in refused("--site", "nowhere")
    assert "--broker-upstream 'somewhere': write HOST:PORT" in refused("--broker-upstream", "somewhere")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"port {port} " in refused("--port", str(port))
    keys.write_text("desfire_read = [")
    assert "card.keys: " in refused()
    assert not (tmp_path / "hall" / "hall.json").exists()


def test_the_command_is_wired() -> None:
    assert "hall" in {
        command.name or command.callback.__name__ for command in app.registered_commands if command.callback
    }
