"""Starts ``menjin`` as its users do, and waits for its word to the supervisor."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

START_S = 60.0
STOP_S = 15.0
"""As deploy/systemd/menjin-server.service grants it."""


@dataclass
class Running:
    """A ready process: ``told`` holds the lines of its readiness, split at ``=``."""

    process: subprocess.Popen[str]
    told: dict[str, str]
    log: Path

    def stop(self) -> int:
        """SIGTERM; its exit code."""
        self.process.terminate()
        return self.process.wait(STOP_S)


@contextmanager
def running(folder: Path, *arguments: str) -> Iterator[Running]:
    """``menjin ARGUMENTS``, ready; killed at the end if it still runs."""
    address = folder / "notify"
    address.unlink(missing_ok=True)
    log = folder / "log"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel, log.open("w") as stderr:
        channel.bind(str(address))
        channel.settimeout(START_S)
        process = subprocess.Popen(
            [sys.executable, "-m", "menjin", *arguments],
            env=os.environ | {"NOTIFY_SOCKET": str(address)},
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            text=True,
        )
        try:
            try:
                message = channel.recv(4096).decode()
            except TimeoutError:
                raise AssertionError(f"not ready after {START_S} s: {log.read_text()}") from None
            yield Running(process, dict(line.split("=", 1) for line in message.splitlines()), log)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(STOP_S)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """``menjin ARGUMENTS`` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "menjin", *arguments], capture_output=True, text=True, timeout=START_S, check=False
    )
