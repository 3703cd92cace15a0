"""The readiness datagram."""

import socket
from pathlib import Path

import pytest

from sim.notify import notify


@pytest.mark.parametrize("abstract", [False, True])
def test_the_supervisor_gets_one_datagram(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, abstract: bool) -> None:
    address = f"@menjin-test-{tmp_path.name}-{id(tmp_path)}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind("\0" + address[1:] if abstract else address)
        supervisor.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        assert notify("READY=1", "X_URL=http://127.0.0.1:1")
        assert supervisor.recv(4096) == b"READY=1\nX_URL=http://127.0.0.1:1"


def test_without_a_supervisor_nothing_is_sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    assert not notify("READY=1")
