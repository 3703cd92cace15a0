"""Requests wait in line for a database session, in the order of their coming.

Without a line, two hundred requests at once hold all threads waiting for SQLite's one writer or for a pooled connection, and the
one that could go on finds no thread to commit in. So only as many hold a session as can all go on, and the others wait without a thread.
"""

import asyncio
from weakref import WeakKeyDictionary

from server.problems import Problem

SESSIONS_AT_ONCE = 16
"""Readers, and likewise writers on PostgreSQL: together fewer than threads (40) and pooled connections (40)."""
SQLITE_WRITERS = 1
TURN_WAIT_S = 30.0


class Turns:
    """The line of the readers, or that of the writers."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._lines: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()

    async def take(self) -> asyncio.Semaphore:
        """Wait for a turn; the caller releases what it gets. Raises :class:`Problem` 503 when it takes too long."""
        line = self._lines.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(self._at_once))
        try:
            async with asyncio.timeout(TURN_WAIT_S):
                await line.acquire()
        except TimeoutError as error:
            raise Problem(
                503,
                "database_unavailable",
                "Too many requests wait for the database: try again.",
                "等待数据库的请求过多，请稍后重试。",
                headers={"Retry-After": "2"},
            ) from error
        return line
