"""sd_notify: what the supervisor hears, and that its absence disturbs nothing."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.notify import Supervisor


@pytest.fixture
def supervisor_socket(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(str(tmp_path / "notify"))
        bound.settimeout(5)
        yield bound


def test_the_supervisor_hears_ready_alive_and_stopping(supervisor_socket: socket.socket) -> None:
    supervisor = Supervisor({"NOTIFY_SOCKET": supervisor_socket.getsockname()})
    supervisor.ready()
    supervisor.alive()
    supervisor.stopping()
    assert [supervisor_socket.recv(100) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"STOPPING=1"]


def test_an_abstract_address_is_understood() -> None:
    name = f"menjin-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind("\0" + name)
        bound.settimeout(5)
        Supervisor({"NOTIFY_SOCKET": "@" + name}).ready()
        assert bound.recv(100) == b"READY=1"


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": "/nowhere/at/all"}, {"NOTIFY_SOCKET": ""}])
def test_without_a_supervisor_nothing_happens(environment: dict[str, str]) -> None:
    Supervisor(environment).ready()


@pytest.mark.parametrize(
    ("environment", "watchdog_us"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "10000000"}, 5_000_000),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": str(os.getpid())}, 5_000_000),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "0"}, 10_000),
    ],
)
def test_the_watchdog_is_fed_at_half_its_interval(environment: dict[str, str], watchdog_us: int | None) -> None:
    assert Supervisor(environment).watchdog_us == watchdog_us
