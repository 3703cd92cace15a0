"""One operator who asks for many large files at once does not fill the server's memory."""

import threading
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

pytestmark = ON_SQLITE
WAIT_S = 60


class Counted:
    """Makers of files that wait for each other, and how many were at work at a time."""

    def __init__(self) -> None:
        self.most = self._now = 0
        self._lock, self._full = threading.Lock(), threading.Event()

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
            if self._now >= EXPORTS_AT_ONCE:
                self._full.set()
        assert self._full.wait(WAIT_S)
        try:
            yield
        finally:
            with self._lock:
                self._now -= 1


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
        for thread in threads:
            thread.join(WAIT_S)
    assert answers == [200] * EXPORTS_AT_ONCE * 3
    assert counted.most == EXPORTS_AT_ONCE
