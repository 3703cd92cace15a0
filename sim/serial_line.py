"""A serial line: a pty pair that keeps the time of a real UART, with a device on its far end.

The host (the product) opens ``link_path``, a symlink to the pty's slave. Bytes take 10 bit times each at the line's baud rate in
both directions; what one ``write`` hands over reaches the device when its last bit has come. A host whose termios rate
differs from the device's gets and sends garbage, as on a real wire. ::

    line = SerialLine(folder / "reader-1", baud=115200)
    line.attach(device)         # device.receive(data), device.powered(on): always in the line's own thread
    line.start()                # pty and symlink exist when this returns
    line.send(b"...")           # device → host, paced; from any thread
    line.after(0.1, callback)   # a timer in the line's thread; returns a Timer with cancel()
    line.unplug(); line.plug()  # hang up / a new pty under the same path
    line.to_host.set(Silence()) # faults, one chain a direction (sim.faults)
    line.stop()                 # ends the thread, closes the pty, removes the symlink

One thread serves one line: it sleeps in ``select`` until bytes, a timer or another thread's request come. A device therefore
needs no lock of its own as long as others reach it through ``line.call``.
"""

import heapq
import itertools
import os
import select
import termios
import threading
import time
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from sim.faults import Burst, Faults

BITS_PER_BYTE = 10
"""Start, eight data, stop."""
READ_MAX_BYTES = 4096
FIFO_BYTES = 64
"""Granularity in which bytes usually appear at the host, like the packets of a USB adapter."""
CALL_TIMEOUT_S = 5.0
"""How long a request from another thread waits for the line's thread."""

_RATES = {
    getattr(termios, f"B{rate}"): rate
    for rate in (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600)
}


class Device(Protocol):
    """What hangs on the far end of the line. Called in the line's thread only."""

    def receive(self, data: bytes) -> None:
        """Bytes from the host have arrived, complete to their last bit."""
        ...

    def powered(self, on: bool) -> None:
        """The plug has gone in (also at start) or come out. A device with a supply of its own ignores it."""
        ...


class Timer:
    """A callback that will run in the line's thread."""

    __slots__ = ("_callback",)

    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """Never run it. Harmless when it has run already."""
        self._callback = None

    def fire(self) -> None:
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()


class SerialLine:
    """See the module's docstring. ``baud`` is the device's own rate and may be set by the device at any time. ``fifo_bytes``: how many bytes
    appear at the host at once; 1 for a bare UART.

    ``announced_baud``: a rate to which host and device have agreed to change. A pty cannot tell whether bytes were written before
    or after the host changed its rate; while a change is announced both rates are understood.
    """

    def __init__(self, link_path: Path, baud: int, fifo_bytes: int = FIFO_BYTES) -> None:
        self._fifo_bytes = fifo_bytes
        self.link_path = link_path
        self.baud = baud
        self.announced_baud: int | None = None
        self.carried_s = 0.0
        """Seconds of wire time so far, both directions: what a measurement takes off to see the rest."""
        self.heard_at_s = 0.0
        """When the host's last bytes began to arrive; :attr:`heard_s` is their time on the wire."""
        self.heard_s = 0.0
        self.said_at_s = 0.0
        """When the last byte so far reached the host."""
        self.to_host = Faults()
        self.to_device = Faults()
        self._device: Device | None = None
        self._lock = threading.Lock()
        self._queue: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._wake_fd = -1
        self._master = -1
        self._slave = -1
        self._plugs = 0
        self._host_free_at = 0.0
        self._device_free_at = 0.0
        self._stopping = False
        self._thread: threading.Thread | None = None

    # verbs -----------------------------------------------------------------

    def attach(self, device: Device) -> None:
        """Put the device on the far end, before :meth:`start`."""
        self._device = device

    def start(self) -> None:
        """Make the pty and its symlink and begin to serve. Raises OSError when the path cannot be made."""
        if self._thread is not None:
            raise RuntimeError(f"{self.link_path}: the line runs already")
        self._stopping = False
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._open()
        self._thread = threading.Thread(target=self._run, name=f"line {self.link_path.name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread, close the pty, remove the symlink. Harmless when not running."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._stopping = True
        os.eventfd_write(self._wake_fd, 1)
        thread.join(CALL_TIMEOUT_S)
        self._close()
        with self._lock:
            self._queue.clear()
            os.close(self._wake_fd)
            self._wake_fd = -1

    def unplug(self) -> None:
        """Pull the cable: the host's descriptor hangs up, the path is gone, bytes under way are lost."""
        self.call(self._unplug)

    def plug(self) -> None:
        """Put the cable back: a new pty under the same path."""
        self.call(self._plug)

    @property
    def plugged(self) -> bool:
        return self._master >= 0

    # service ---------------------------------------------------------------

    def now(self) -> float:
        """The line's clock in seconds, monotonic."""
        return time.monotonic()

    def send(self, data: bytes) -> None:
        """Device → host, behind what is still being sent, at the line's rate. Lost when unplugged."""
        for burst in self.to_host(Burst(data)):
            self.after(burst.late_s, lambda sent=burst.data, plug=self._plugs: self._transmit(sent, plug))  # type: ignore[misc]

    def after(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        """Run ``callback`` in the line's thread, ``delay_s`` seconds from now."""
        return self._at(self.now() + delay_s, callback)

    def call(self, callback: Callable[[], None]) -> None:
        """Run ``callback`` in the line's thread and wait for it; what it raises is raised here. At once while the line does
        not run."""
        thread = self._thread
        if thread is None or thread is threading.current_thread():
            callback()
            return
        if not thread.is_alive():
            raise RuntimeError(f"{self.link_path}: the line's thread has died")
        done = threading.Event()
        raised: list[BaseException] = []

        def run() -> None:
            try:
                callback()
            except BaseException as error:  # noqa: BLE001 - handed to the caller's thread
                raised.append(error)
            finally:
                done.set()

        self.after(0.0, run)
        if not done.wait(CALL_TIMEOUT_S):
            raise TimeoutError(f"{self.link_path}: the line's thread did not answer in {CALL_TIMEOUT_S:g} s")
        if raised:
            raise raised[0]

    def byte_s(self, count: int = 1) -> float:
        """How long ``count`` bytes take on the wire, in seconds."""
        return count * BITS_PER_BYTE / self.baud

    # the thread ------------------------------------------------------------

    def _at(self, due: float, callback: Callable[[], None]) -> Timer:
        timer = Timer(callback)
        with self._lock:
            heapq.heappush(self._queue, (due, next(self._order), timer))
            if self._wake_fd >= 0 and threading.current_thread() is not self._thread:
                os.eventfd_write(self._wake_fd, 1)
        return timer

    def _run(self) -> None:
        if self._device is not None:
            self._device.powered(True)
        while not self._stopping:
            timeout = self._run_due()
            watched = [self._wake_fd] if self._master < 0 else [self._wake_fd, self._master]
            readable, _, _ = select.select(watched, [], [], timeout)
            if self._wake_fd in readable:
                os.eventfd_read(self._wake_fd)
            if self._master in readable:
                self._from_host()

    def _run_due(self) -> float | None:
        """Fire what is due; seconds until the next, None when nothing waits."""
        while True:
            with self._lock:
                if not self._queue:
                    return None
                wait = self._queue[0][0] - self.now()
                if wait > 0:
                    return wait
                _, _, timer = heapq.heappop(self._queue)
            timer.fire()

    def _from_host(self) -> None:
        try:
            data = os.read(self._master, READ_MAX_BYTES)
        except (BlockingIOError, OSError):  # EIO while nobody holds the slave: ours does, so only while closing
            return
        self.heard_at_s, self.heard_s = self.now(), self.byte_s(len(data))
        data = self._as_seen_across(data)
        for burst in self.to_device(Burst(data)):
            start = max(self.now() + burst.late_s, self._device_free_at)
            self._device_free_at = start + self.byte_s(len(burst.data))
            self.carried_s += self.byte_s(len(burst.data))
            self._at(
                self._device_free_at,
                lambda received=burst.data, plug=self._plugs: self._deliver(received, plug),  # type: ignore[misc]
            )

    def _deliver(self, data: bytes, plug: int) -> None:
        if plug == self._plugs and self.plugged and self._device is not None:
            self._device.receive(data)

    def _transmit(self, data: bytes, plug: int) -> None:
        """Lay out when each packet of ``data`` will have reached the host."""
        if plug != self._plugs or not self.plugged:
            return
        start = max(self.now(), self._host_free_at)
        self.carried_s += self.byte_s(len(data))
        for at in range(0, len(data), self._fifo_bytes):
            packet = data[at : at + self._fifo_bytes]
            start += self.byte_s(len(packet))
            self._at(start, lambda sent=packet, plug=plug: self._to_host(sent, plug))  # type: ignore[misc]
        self._host_free_at = start

    def _to_host(self, packet: bytes, plug: int) -> None:
        if plug != self._plugs or not self.plugged:
            return
        try:
            os.write(self._master, self._as_seen_across(packet))
            self.said_at_s = self.now()
        except BlockingIOError:
            return  # the host reads nothing and its buffer is full: an overrun, bytes are lost
        except OSError:
            return

    def _as_seen_across(self, data: bytes) -> bytes:
        """The same bytes when both ends run at one rate; else what a UART makes of them."""
        host_rate = _RATES.get(termios.tcgetattr(self._slave)[5])
        if host_rate in (None, self.baud, self.announced_baud):
            return data
        # A faster receiver sees every bit several times, a slower one a blur: no byte survives.
        assert host_rate is not None
        return bytes((byte * 5 + 0x80) & 0xE0 for byte in data[: max(1, len(data) * self.baud // host_rate)])

    # the pty ---------------------------------------------------------------

    def _open(self) -> None:
        master, slave = os.openpty()
        tty.setraw(slave)
        attributes = termios.tcgetattr(slave)
        rate = getattr(termios, f"B{self.baud}", termios.B115200)
        attributes[4] = attributes[5] = rate
        termios.tcsetattr(slave, termios.TCSANOW, attributes)
        os.set_blocking(master, False)
        beside = self.link_path.with_name(f".{self.link_path.name}.new")
        beside.unlink(missing_ok=True)
        beside.symlink_to(os.ttyname(slave))
        beside.replace(self.link_path)
        # The slave stays open here as well: without any holder the master would hang up.
        self._master, self._slave = master, slave
        self._plugs += 1
        self._host_free_at = self._device_free_at = 0.0

    def _close(self) -> None:
        if self._master < 0:
            return
        self.link_path.unlink(missing_ok=True)
        os.close(self._master)
        os.close(self._slave)
        self._master = self._slave = -1

    def _unplug(self) -> None:
        if self.plugged:
            self._close()
            if self._device is not None:
                self._device.powered(False)

    def _plug(self) -> None:
        if self._thread is None:
            raise RuntimeError(f"{self.link_path}: the line does not run; start it")
        if not self.plugged:
            self._open()
            if self._device is not None:
                self._device.powered(True)
