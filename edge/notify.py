"""sd_notify(3): readiness, watchdog and stopping, told to the service manager or to ``sim/stack.py``.

Nothing here raises: a supervisor that has gone away stops no door.
"""

import os
import socket
from collections.abc import Mapping

from controller.now import SECOND_US


class Supervisor:
    """Speaks to ``NOTIFY_SOCKET``; silent when there is none. ``watchdog_us`` is half of ``WATCHDOG_USEC``, or None."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        given = os.environ if environment is None else environment
        address = given.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self.watchdog_us = _watchdog_us(given)

    def ready(self) -> None:
        """Hardware is open or marked faulty, the stored policy is loaded."""
        self._send("READY=1")

    def alive(self) -> None:
        """The loop turned: sent by the loop itself, or the watchdog proves nothing."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """An orderly stop has begun."""
        self._send("STOPPING=1")

    def _send(self, line: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as channel:
                channel.sendto(line.encode(), self._address)
        except OSError:
            return


def _watchdog_us(environment: Mapping[str, str]) -> int | None:
    """Half the interval that the service manager asks for: WATCHDOG_PID, where given, must be ours."""
    text = environment.get("WATCHDOG_USEC", "")
    pid = environment.get("WATCHDOG_PID", "")
    if not text.isdecimal() or (pid and pid != str(os.getpid())):
        return None
    return max(int(text) // 2, SECOND_US // 100)
