"""sd_notify: one datagram to the supervisor that started this process (docs/interfaces.md, Processes)."""

import os
import socket


def notify(*lines: str) -> None:
    """Send ``lines`` (``READY=1``, ``X_URL=…``, ``STOPPING=1``) to ``$NOTIFY_SOCKET``; nothing when there is none.

    A supervisor that has gone is no reason to stop: its absence is ignored.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            channel.settimeout(1.0)
            channel.sendto("\n".join(lines).encode(), address)
    except OSError:
        return
