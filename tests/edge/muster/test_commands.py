"""``menjin edge muster`` and ``muster-password``, and the page of a running edge."""

import json
import signal
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import pytest
from typer.testing import CliRunner

from edge.cli import app
from edge.muster.password import write_password
from sim.stack import free_port
from tests.edge.boards.rig import wait_until
from tests.edge.muster.people import write_state
from tests.edge.test_cli import Place, Process, refused


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.close()


def muster(place: Place, *more: str) -> str:
    """What ``menjin edge muster`` prints."""
    result = CliRunner().invoke(app, ["muster", "--config", str(place.config), *more])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_muster_prints_who_is_inside_by_the_files_alone(place: Place) -> None:
    (place.folder / "edge.bundle").unlink()
    write_state(place.folder / "state")
    assert "000017  C001" in muster(place)
    assert "主机房" in muster(place, "--language", "zh-CN")
    assert "[ ]" in muster(place, "--print")
    assert json.loads(muster(place, "--json"))["people"][0]["number"] == "000017"
    result = CliRunner().invoke(app, ["--config", str(place.config), "muster"])
    assert "000017" in result.stdout


def test_muster_refuses_in_one_line(place: Place) -> None:
    config = ("--config", str(place.config))
    assert "journal.db" in refused("muster", *config)
    assert "zh-CN" in refused("muster", *config, "--language", "fr")
    assert "--json" in refused("muster", *config, "--json", "--print")
    assert "[muster]" in refused("muster-password", *config)


def test_muster_password_is_asked_for_twice_and_kept_as_a_hash(place: Place) -> None:
    text = place.config.read_text(encoding="utf-8")
    place.config.write_text(
        text + '[muster]\nlisten = "127.0.0.1:8480"\npassword_file = "muster.password"\n', encoding="utf-8"
    )
    command = ["muster-password", "--config", str(place.config)]
    weak = CliRunner().invoke(app, command, input="short\nshort\n")
    assert (weak.exit_code, (place.folder / "muster.password").exists()) == (2, False)
    done = CliRunner().invoke(app, command, input="correct horse battery\ncorrect horse battery\n")
    assert done.exit_code == 0, done.output
    stored = (place.folder / "muster.password").read_text(encoding="utf-8")
    assert stored.startswith("$argon2")
    assert "horse" not in done.output + stored


@pytest.mark.processes
def test_the_running_edge_shows_its_page_with_server_and_broker_dead(place: Place) -> None:
    port = free_port()
    text = place.config.read_text(encoding="utf-8")
    place.config.write_text(
        text + f'[muster]\nlisten = "127.0.0.1:{port}"\npassword_file = "muster.password"\n', encoding="utf-8"
    )
    write_password(place.folder / "muster.password", "correct horse battery")
    running = Process(place)
    try:
        running.hear(b"READY=1")
        wait_until(lambda: 'name="password"' in page_of(port, "/sign-in"), "the page")
        cookie = sign_in(port, "correct horse battery")
        wait_until(lambda: "These guarantees hold now" in page_of(port, "/", cookie), "the first list")
        assert "no connection to the broker" in page_of(port, "/", cookie)
        assert "Nobody is on the list." in muster(place)
    finally:
        assert running.end(signal.SIGTERM) == 0


def page_of(port: int, path: str, cookie: str = "") -> str:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers={"Accept-Language": "en", "Cookie": cookie})
        return connection.getresponse().read().decode()
    except ConnectionError:
        return ""
    finally:
        connection.close()


def sign_in(port: int, password: str) -> str:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", "/sign-in", urlencode({"password": password}))
        answer = connection.getresponse()
        assert answer.status == 303
        return (answer.getheader("Set-Cookie") or "").partition(";")[0]
    finally:
        connection.close()
