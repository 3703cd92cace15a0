"""The stream over a real socket, and a server that stops while browsers look on."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2 as httpx
import pytest

from server.operators.actor import SYSTEM
from server.operators.permissions import Role
from server.operators.service import create_token
from tests.server.console.conftest import EdgeRow, Served, denied, granted
from tests.server.waiting import until


@contextmanager
def looking_on(served: Served, role: Role = "guard", **headers: str) -> Iterator[Iterator[str]]:
    """The lines of a stream."""
    with served.context.database.write() as session:
        _, token = create_token(session, SYSTEM, served.context.clock.now(), role, role)
    sent = {"Authorization": f"Bearer {token}", "Accept-Language": "en"} | headers
    with (
        httpx.Client(timeout=15) as client,
        client.stream("GET", f"{served.url}/live/stream", headers=sent) as answer,
    ):
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield answer.iter_lines()


def next_ids(lines: Iterator[str], count: int) -> list[int]:
    """The ids of the next messages that carry one."""
    found: list[int] = []
    for line in lines:
        if line.startswith("id: "):
            found.append(int(line[4:]))
            if len(found) == count:
                break
    return found


def test_a_stream_resumes_by_the_last_event_id_across_a_restart(served: Served) -> None:
    edge = EdgeRow(served.context)
    with looking_on(served) as lines:
        assert "event: tick" in next(lines)
        edge.happen(granted(), denied())
        first, second = next_ids(lines, 2)
    served.stop()
    edge.happen(granted(), granted(), granted())
    served.start()
    with looking_on(served, **{"Last-Event-ID": str(first)}) as lines:
        assert next_ids(lines, 4) == [second, second + 1, second + 2, second + 3]


def test_a_server_stops_at_once_with_streams_open(served: Served) -> None:
    ended = threading.Event()

    def look_on() -> None:
        with looking_on(served) as lines:
            began.set()
            for _ in lines:
                pass
        ended.set()

    began = threading.Event()
    thread = threading.Thread(target=look_on)
    thread.start()
    assert began.wait(10)
    served.stop()
    assert until(ended.is_set), "the stream ended in order, not by a broken connection"
    thread.join(10)
    assert until(lambda: len(served.app.state.live) == 0)


def test_a_page_needs_the_right_to_look_on(served: Served) -> None:
    with httpx.Client() as client:
        assert client.get(f"{served.url}/live/stream").status_code == 401
        assert (
            client.get(f"{served.url}/live", headers={"Accept": "text/html"}).headers["location"].startswith("/sign-in")
        )
        assert client.get(f"{served.url}/live/stream?after=-1").status_code in (401, 422)


@pytest.mark.parametrize("role", ["guard", "customer_service", "auditor"])
def test_each_role_gets_its_panels(served: Served, role: Role) -> None:
    EdgeRow(served.context)
    with looking_on(served, role) as lines:
        panels = next(line for line in lines if line.startswith("data: {") and "alarms" in line)
    shown = json.loads(panels.removeprefix("data: "))
    assert {"edges", "revocations"} <= set(shown)
    assert re.search("No alarm stands", shown["alarms"])
