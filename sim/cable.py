"""The network cable between edge and broker: a TCP relay that can be pulled out. ::

    cable = Cable("127.0.0.1", 1883); cable.start()
    cable.port                                  # the edge connects here
    cable.act("unplug"); cable.act("plug")      # connections break, new ones are refused
    cable.act("silent"); cable.act("normal")    # connections stand, and nothing comes through any more
    cable.stop()

One thread with one event loop. What waits in either direction is bounded by the stream's buffer: a slow side slows the other.
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Literal

CableAct = Literal["unplug", "plug", "silent", "normal"]
CHUNK_BYTES = 65_536
CONNECT_TIMEOUT_S = 3.0
CALL_TIMEOUT_S = 5.0
CONNECTIONS_MAX = 64


class Cable:
    """Relays loopback connections to ``host:port``; an upstream that is not there refuses, as it would without the cable."""

    def __init__(self, host: str, port: int) -> None:
        self.upstream = (host, port)
        self.plugged = True
        self.act_in_force: CableAct = "normal"
        self._socket: socket.socket | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stop: asyncio.Event | None = None
        self._flowing: asyncio.Event | None = None
        self._connections: dict[asyncio.Task[None], list[asyncio.StreamWriter]] = {}

    @property
    def port(self) -> int:
        """Where the edge connects, once started."""
        assert self._socket is not None, "the cable is not started"
        port: int = self._socket.getsockname()[1]
        return port

    def start(self) -> None:
        """Listen on a free loopback port. Raises OSError when there is none."""
        self._socket = socket.create_server(("127.0.0.1", 0))
        ready = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(ready)), name="network cable", daemon=True
        )
        self._thread.start()
        ready.wait(CALL_TIMEOUT_S)

    def stop(self) -> None:
        """Break every connection and end the thread. Harmless when not running."""
        thread, self._thread = self._thread, None
        if thread is None or self._loop is None or self._stop is None:
            return
        self._loop.call_soon_threadsafe(self._stop.set)
        thread.join(CALL_TIMEOUT_S)

    def act(self, act: CableAct) -> None:
        """Returns when it is so."""
        self._call(lambda: self._act(act))

    # in the loop

    def _act(self, act: CableAct) -> None:
        assert self._flowing is not None
        if act in ("unplug", "plug"):
            self.plugged = act == "plug"
        else:
            self.act_in_force = act
        if act == "unplug":
            self._break_all()
        if self.act_in_force == "silent":
            self._flowing.clear()
        else:
            self._flowing.set()

    async def _serve(self, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop, self._flowing = asyncio.Event(), asyncio.Event()
        self._flowing.set()
        server = await asyncio.start_server(self._accepted, sock=self._socket)
        ready.set()
        await self._stop.wait()
        server.close()
        tasks = list(self._connections)
        self._break_all()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if not self.plugged or len(self._connections) >= CONNECTIONS_MAX:
            writer.transport.abort()
            return
        writers = self._connections[task] = [writer]
        try:
            up_reader, up_writer = await asyncio.wait_for(asyncio.open_connection(*self.upstream), CONNECT_TIMEOUT_S)
            writers.append(up_writer)
            if not self.plugged:
                return
            await asyncio.gather(self._pump(reader, up_writer), self._pump(up_reader, writer))
        except (OSError, TimeoutError, asyncio.CancelledError):
            pass  # either side went away, or the cable was pulled: both ends see it below
        finally:
            del self._connections[task]
            for each in writers:
                each.transport.abort()

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        assert self._flowing is not None
        while data := await source.read(CHUNK_BYTES):
            await self._flowing.wait()
            target.write(data)
            await target.drain()
        with contextlib.suppress(OSError, NotImplementedError):
            target.write_eof()

    def _break_all(self) -> None:
        for writers in self._connections.values():
            for writer in writers:
                writer.transport.abort()

    def _call(self, callback: Callable[[], None]) -> None:
        if self._loop is None or self._thread is None:
            raise RuntimeError("the cable is not started")
        done = threading.Event()

        def run() -> None:
            callback()
            done.set()

        self._loop.call_soon_threadsafe(run)
        if not done.wait(CALL_TIMEOUT_S):
            raise TimeoutError("the cable's thread did not answer")
