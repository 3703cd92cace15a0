"""What a process cannot start with is one line on stderr (what, where, what to do) and exit code 2; never a traceback."""

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sim.stack import SITES, menjin
from tests.server.conftest import SITE

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]

COMMAND_S = 60.0

EDGE_TOML = """
site = "demo"
edge = "edge-1"
state_dir = "state"
bundle = "edge.bundle"
[broker]
url = "mqtt://127.0.0.1:9"
[[boards]]
id = "relay-1"
driver = "modbus-rtu"
port = "/dev/nowhere"
"""


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield int(taken.getsockname()[1])


@pytest.fixture
def server_toml(tmp_path: Path) -> Path:
    (tmp_path / "site.toml").write_text(SITE, "utf-8")
    path = tmp_path / "server.toml"
    path.write_text('dir = "state"\nsite_file = "site.toml"\nport = 0\n', "utf-8")
    return path


@pytest.fixture
def edge_toml(tmp_path: Path) -> Path:
    path = tmp_path / "edge.toml"
    path.write_text(EDGE_TOML, "utf-8")
    return path


def refused(*arguments: str) -> str:
    """The one line with which the command ended."""
    done = subprocess.run(
        menjin(*arguments),
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=COMMAND_S, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_a_servers_port_in_use_is_one_line(server_toml: Path, taken_port: int) -> None:
    server_toml.write_text(server_toml.read_text().replace("port = 0", f"port = {taken_port}"))
    line = refused("server", "--config", str(server_toml))
    assert f"port {taken_port} on 127.0.0.1 is in use: stop what uses it, or set port" in line


def test_a_brokers_port_in_use_is_one_line(taken_port: int) -> None:
    line = refused("broker", "--port", str(taken_port))
    assert f"port {taken_port} on 127.0.0.1 is in use: stop what uses it, or give another --port" in line


def test_the_halls_port_in_use_is_one_line_and_leaves_nothing(tmp_path: Path, taken_port: int) -> None:
    keys = tmp_path / "card.keys"
    subprocess.run(menjin("keys", "cards", "--out", str(keys)), check=True, capture_output=True, timeout=COMMAND_S)
    hall = tmp_path / "hall"
    line = refused(
        *("sim", "hall", "--site", str(SITES / "demo"), "--dir", str(hall)),
        *("--card-keys", str(keys), "--port", str(taken_port)),
    )
    assert str(taken_port) in line
    assert "in use" in line.lower()
    assert "choose another" in line
    assert not hall.exists()


@pytest.mark.parametrize(
    ("old", "new", "key", "what"),
    [
        ("port = 0", "prot = 0", "prot", "unknown key"),
        ("port = 0", 'port = "eight"', "port", "should be a valid integer"),
        ("port = 0", "port = 70000", "port", "65535"),
        ("port = 0", "port = ", "", "TOML"),
        ('"site.toml"', '"no-such-site.toml"', "site_file", "correct the path"),
    ],
    ids=["unknown-key", "wrong-type", "out-of-range", "no-toml", "missing-site-file"],
)
def test_a_servers_configuration_error_is_one_line(server_toml: Path, old: str, new: str, key: str, what: str) -> None:
    server_toml.write_text(server_toml.read_text().replace(old, new))
    line = refused("server", "--config", str(server_toml))
    assert key in line
    assert what in line
    assert str(server_toml) in line


def test_a_servers_missing_file_is_one_line(tmp_path: Path) -> None:
    line = refused("server", "--config", str(tmp_path / "none.toml"))
    assert str(tmp_path / "none.toml") in line
    assert "--config" in line


@pytest.mark.parametrize(
    ("old", "new", "key", "what"),
    [
        ("driver =", "drvier =", "boards", "unknown key 'drvier'; remove it or correct its spelling"),
        ('id = "relay-1"', "id = 1", "boards[0].id", "expected `str`, got `int`; correct the value"),
        ('"modbus-rtu"', '"modbus"', "boards 'relay-1'", "unknown driver 'modbus'; use one of"),
        ('site = "demo"', "site = ", "", "not valid TOML"),
        ('site = "demo"', "", "", "key 'site' is missing; add it"),
    ],
    ids=["unknown-key", "wrong-type", "unknown-driver", "no-toml", "missing-key"],
)
def test_an_edges_configuration_error_is_one_line(edge_toml: Path, old: str, new: str, key: str, what: str) -> None:
    edge_toml.write_text(edge_toml.read_text().replace(old, new))
    line = refused("edge", "--config", str(edge_toml))
    assert line.startswith(f"{edge_toml}: {key}")
    assert what in line


def test_an_edges_missing_files_are_one_line(edge_toml: Path) -> None:
    none = edge_toml.with_name("none.toml")
    line = refused("edge", "--config", str(none))
    assert str(none) in line
    assert "--config" in line
    line = refused("edge", "--config", str(edge_toml))
    assert line.startswith(f"{edge_toml}: bundle: no file")
    assert "menjin edge enrol" in line
