"""One operator who asks for many large files at once does not fill the server's memory."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from starlette.responses import Response

from server.context import EXPORTS_AT_ONCE
from server.operators import audit_endpoints
from server.rooms import export_endpoints
from tests.server.conftest import ON_SQLITE
from tests.server.rooms.conftest import House
from tests.server.waiting import until

pytestmark = ON_SQLITE
WAIT_S = 60


class Counted:
    """Makers of files that wait until they may go on, and how many are at work."""

    def __init__(self) -> None:
        self.now = 0
        self.go_on = threading.Event()
        self._lock = threading.Lock()

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with self._lock:
            self.now += 1
        assert self.go_on.wait(WAIT_S)
        yield


@pytest.mark.parametrize("path", ["register/export.xlsx", "register/export.pdf", "audit/export"])
def test_so_many_files_are_made_at_a_time(house: House, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    counted = Counted()

    def made(*_given: Any) -> bytes:
        with counted():
            return b"file"

    def answered(*given: Any) -> Response:
        return Response(made(*given))

    monkeypatch.setattr(export_endpoints, "register_xlsx", made)
    monkeypatch.setattr(export_endpoints, "register_pdf", made)
    monkeypatch.setattr(audit_endpoints, "_file", answered)
    answers: list[int] = []
    with house.client("supervisor") as client:
        threads = [
            threading.Thread(target=lambda: answers.append(client.get(f"/api/v1/{path}").status_code))
            for _ in range(EXPORTS_AT_ONCE * 3)
        ]
        for thread in threads:
            thread.start()
        assert until(lambda: counted.now >= EXPORTS_AT_ONCE, WAIT_S)
        time.sleep(0.3)  # time for one too many to begin
        at_once = counted.now
        counted.go_on.set()
        for thread in threads:
            thread.join(WAIT_S)
    assert answers == [200] * EXPORTS_AT_ONCE * 3
    assert at_once == EXPORTS_AT_ONCE
