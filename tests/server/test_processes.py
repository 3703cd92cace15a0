"""``menjin server`` and ``menjin broker`` as processes: readiness, one-line errors, a clean end."""

import json
import socket
import ssl
import stat
import urllib.request
from pathlib import Path

import pytest

from tests.server.conftest import SITE
from tests.server.process import run, running

pytestmark = pytest.mark.processes


@pytest.fixture
def server_toml(tmp_path: Path) -> Path:
    (tmp_path / "site.toml").write_text(SITE, "utf-8")
    path = tmp_path / "server.toml"
    path.write_text('dir = "state"\nsite_file = "site.toml"\nport = 0\n', "utf-8")
    return path


def test_the_server_says_when_it_is_ready_and_where_and_ends_cleanly(server_toml: Path) -> None:
    with running(server_toml.parent, "server", "--config", str(server_toml)) as server:
        assert server.told["READY"] == "1"
        url = server.told["X_URL"]
        with urllib.request.urlopen(f"{url}/api/v1/health", timeout=30) as answer:
            assert json.load(answer) == {"status": "ok", "site": "demo"}
        made = run("server", "token", "--config", str(server_toml), "--role", "auditor", "--name", "test")
        assert made.returncode == 0, made.stderr
        token = made.stdout.strip()
        asked = urllib.request.Request(f"{url}/api/v1/session", headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(asked, timeout=30) as answer:
            assert json.load(answer)["role"] == "auditor"
        assert server.stop() == 0
        log = server.log.read_text()
    secret = server_toml.parent / "state" / "first-sign-in.txt"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert secret.read_text().split("password:")[1].strip() not in log
    assert token not in log


def test_a_bad_configuration_ends_with_one_line_and_exit_code_2(server_toml: Path) -> None:
    server_toml.write_text(server_toml.read_text("utf-8") + 'colour = "red"\n', "utf-8")
    for command in (["server"], ["server", "token", "--role", "guard", "--name", "x"]):
        ended = run(*command, "--config", str(server_toml))
        assert ended.returncode == 2
        assert "colour: unknown key" in ended.stderr
        assert len(ended.stderr.strip().splitlines()) == 1


def test_the_server_speaks_tls_with_a_certificate_of_its_own(server_toml: Path) -> None:
    server_toml.write_text(server_toml.read_text("utf-8") + "tls = true\n", "utf-8")
    with running(server_toml.parent, "server", "--config", str(server_toml)) as server:
        url = server.told["X_URL"]
        assert url.startswith("https://127.0.0.1:")
        trust = ssl.create_default_context(cafile=server_toml.parent / "state" / "site-certificate.pem")
        with urllib.request.urlopen(f"{url}/api/v1/health", timeout=30, context=trust) as answer:
            assert json.load(answer)["status"] == "ok"


def test_a_port_in_use_ends_with_one_line_and_exit_code_2(server_toml: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server_toml.write_text(server_toml.read_text().replace("port = 0", f"port = {port}"))
        ended = run("server", "--config", str(server_toml))
    assert ended.returncode == 2
    assert ended.stderr.strip().splitlines() == [
        f"menjin server: port {port} on 127.0.0.1 is in use: stop what uses it, or set port"
    ]


def test_the_broker_says_when_it_is_ready_and_ends_cleanly(tmp_path: Path) -> None:
    with running(tmp_path, "broker", "--port", "0") as broker:
        port = int(broker.told["X_URL"].removeprefix("mqtt://127.0.0.1:"))
        with socket.create_connection(("127.0.0.1", port), timeout=30):
            assert broker.stop() == 0
