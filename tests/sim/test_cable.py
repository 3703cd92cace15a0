"""The network cable: what both ends see when it is pulled."""

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from sim.cable import Cable
from sim.waiting import until


@pytest.fixture
def echo() -> Iterator[int]:
    """A server that sends back what it gets."""
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def serve(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            while data := connection.recv(4096):
                connection.sendall(data)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threads.append(threading.Thread(target=serve, args=(connection,)))
                threads[-1].start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    for thread in [accepting, *threads]:
        thread.join(5)


@pytest.fixture
def cable(echo: int) -> Iterator[Cable]:
    cable = Cable("127.0.0.1", echo)
    cable.start()
    yield cable
    cable.stop()


def connect(cable: Cable) -> socket.socket:
    return socket.create_connection(("127.0.0.1", cable.port), timeout=10)


def receive(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size and (more := connection.recv(size - len(data))):
        data += more
    return data


def answers(connection: socket.socket, data: bytes = b"hello") -> bool:
    try:
        connection.sendall(data)
        return receive(connection, len(data)) == data
    except OSError:
        return False


def test_everything_comes_through(cable: Cable) -> None:
    with connect(cable) as connection:
        big = bytes(range(256)) * 2000
        sender = threading.Thread(target=connection.sendall, args=(big,))
        sender.start()
        assert receive(connection, len(big)) == big
        sender.join(5)


def test_pulled_out_it_breaks_what_stands_and_refuses_what_comes(cable: Cable) -> None:
    with connect(cable) as connection:
        assert answers(connection)
        cable.act("unplug")
        assert not cable.plugged
        assert not answers(connection)
    with connect(cable) as connection:
        assert not answers(connection)
    cable.act("plug")
    with connect(cable) as connection:
        assert answers(connection)


def test_silent_it_swallows_and_lets_go_later(cable: Cable) -> None:
    with connect(cable) as connection:
        assert answers(connection)
        cable.act("silent")
        connection.settimeout(0.3)
        connection.sendall(b"later")
        with pytest.raises(TimeoutError):
            connection.recv(5)
        cable.act("normal")
        connection.settimeout(10)
        assert receive(connection, 5) == b"later"


def test_an_upstream_that_is_not_there_ends_the_connection() -> None:
    with socket.socket() as held:  # bound and not listening: it refuses, and nobody else can have it
        held.bind(("127.0.0.1", 0))
        cable = Cable("127.0.0.1", held.getsockname()[1])
        cable.start()
        try:
            with connect(cable) as connection:
                assert not answers(connection)
        finally:
            cable.stop()


def test_the_upstreams_end_is_passed_on(cable: Cable) -> None:
    with connect(cable) as connection:
        assert answers(connection)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""


def test_stopping_leaves_no_thread_and_no_port(echo: int) -> None:
    cable = Cable("127.0.0.1", echo)
    cable.start()
    port = cable.port
    with connect(cable) as connection:
        assert answers(connection)
        cable.stop()
        cable.stop()
    assert until(lambda: not any(thread.name == "network cable" for thread in threading.enumerate()), 5.0)
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=1)
