"""sd_notify: one datagram to the supervisor that started this process (docs/interfaces.md, Processes)."""

import os
import socket


def notify(*lines: str) -> bool:
    """Send ``lines`` to ``$NOTIFY_SOCKET``, abstract addresses included. False when there is no supervisor, or it is gone."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as datagram:
        try:
            datagram.sendto("\n".join(lines).encode(), address)
        except OSError:
            return False
    return True
