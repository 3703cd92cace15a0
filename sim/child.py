"""A supervised process: own process group, dies with its starter, says by sd_notify when it is ready (DESIGN 19)."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from sim.waiting import until

READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 10.0
_POLL_S = 0.05
_LOG_TAIL_LINES = 15


class ChildError(RuntimeError):
    """A process did not get ready or ended by itself; the text holds the last lines of its log."""


class Child:
    """One process by command line.

    ``command`` is an argument list. Output goes to ``log``. The kernel kills the process when the starter dies
    (``setpriv --pdeathsig``; util-linux is part of every Debian). ``ready`` holds what it told as ``X_…`` lines.
    """

    def __init__(self, name: str, command: Sequence[str], log: Path, notifies: bool = True) -> None:
        self.name = name
        self.command = list(command)
        self.log = log
        self.notifies = notifies
        self.ready: dict[str, str] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._notify_dir: str | None = None
        self._notify: socket.socket | None = None

    @property
    def pid(self) -> int:
        """The process id. Raises :class:`ChildError` when it was never started."""
        if self._process is None:
            raise ChildError(f"{self.name} was not started")
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def launch(self) -> None:
        """Start it, without waiting; :meth:`wait_ready` does."""
        self._release()
        environment = dict(os.environ)
        environment.pop("WATCHDOG_USEC", None)
        if self.notifies:
            # A short path: a socket's name holds 107 bytes at most.
            self._notify_dir = tempfile.mkdtemp(prefix="menjin-")
            path = str(Path(self._notify_dir, "notify"))
            self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._notify.bind(path)
            self._notify.settimeout(_POLL_S)
            environment["NOTIFY_SOCKET"] = path
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            raise ChildError("setpriv is missing; it belongs to util-linux")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [setpriv, "--pdeathsig", "KILL", "--", *self.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )

    def wait_ready(self, timeout_s: float = READY_TIMEOUT_S) -> None:
        """Return once it says READY=1. Raises :class:`ChildError` when it ends or the time is over."""
        if self._notify is None:
            return
        if not until(self._said_ready, timeout_s, poll_s=0):
            raise ChildError(f"{self.name} was not ready after {timeout_s:.0f} s:\n{self.log_tail()}")
        self._release()

    def start(self, timeout_s: float = READY_TIMEOUT_S) -> None:
        """Launch and wait until it is ready."""
        self.launch()
        self.wait_ready(timeout_s)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self._signal(signal.SIGKILL)
        self._wait(STOP_TIMEOUT_S)
        self._release()

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> int | None:
        """SIGTERM, wait, SIGKILL if it stays. Returns the exit code (negative: the signal)."""
        self._signal(signal.SIGTERM)
        if not self._wait(timeout_s):
            self.kill()
        self._release()
        return None if self._process is None else self._process.returncode

    def log_tail(self) -> str:
        """The last lines it wrote."""
        try:
            lines = self.log.read_text(errors="replace").splitlines()
        except OSError:
            return "(no log)"
        return "\n".join(lines[-_LOG_TAIL_LINES:])

    def _said_ready(self) -> bool:
        assert self._notify is not None
        try:
            datagram = self._notify.recv(4096).decode()
        except TimeoutError:
            if not self.running:
                raise ChildError(f"{self.name} ended before it was ready:\n{self.log_tail()}") from None
            return False
        told = dict(line.partition("=")[::2] for line in datagram.splitlines() if "=" in line)
        self.ready.update({key: value for key, value in told.items() if key.startswith("X_")})
        return told.get("READY") == "1"

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            try:
                os.killpg(self._process.pid, number)
            except ProcessLookupError:
                return

    def _wait(self, timeout_s: float) -> bool:
        if self._process is None:
            return True
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _release(self) -> None:
        if self._notify is not None:
            self._notify.close()
            self._notify = None
        if self._notify_dir is not None:
            shutil.rmtree(self._notify_dir, ignore_errors=True)
            self._notify_dir = None
