"""The HTTP answer of a live stream: ready-made bytes, no reader waits for ever, no writer either."""

import asyncio
import contextlib

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from server.console.live import LiveHub, Subscription

SEND_S = 10.0
"""A browser that takes nothing for this long is dropped; it resumes where it was."""


class EventStream(Response):
    """Server-sent events of one :class:`Subscription`, until it ends or the browser goes."""

    media_type = "text/event-stream"

    def __init__(self, hub: LiveHub, subscription: Subscription) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._hub = hub
        self._subscription = subscription

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Send frames as they come."""
        watcher = asyncio.create_task(self._watch(receive))
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            while (frame := await self._subscription.next()) is not None:
                async with asyncio.timeout(SEND_S):
                    await send({"type": "http.response.body", "body": frame, "more_body": True})
            async with asyncio.timeout(SEND_S):
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        except (TimeoutError, OSError, ClientDisconnect):
            return
        finally:
            self._hub.unsubscribe(self._subscription)
            watcher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watcher

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._subscription.end()
