"""Seals and hands over what the edge says (DESIGN 7). One counter for all types, so that none ever repeats."""

import logging
from typing import Any, Protocol

from controller.now import Now
from controller.wire import WIRE_VERSION, Body, WireError, seal
from edge.ports import Link

_log = logging.getLogger(__name__)


class Signer(Protocol):
    """The edge's identity: its place, its key id, its signature, and whose signatures it accepts."""

    site: str
    edge: str
    epoch: int
    kid: str

    def sign(self, message: bytes) -> bytes:
        """64 bytes by the edge's Ed25519 key."""
        ...


class Sender:
    """``send`` returns whether the link took it. ``seq`` follows the wall clock in microseconds and always rises: a
    restarted edge goes on above what it said before, without storing anything. ``above``: the journal's high-water mark,
    for a clock that fell back meanwhile."""

    def __init__(self, signer: Signer, link: Link, above: int = 0) -> None:
        self._signer = signer
        self._link = link
        self._seq = above
        self._too_large: set[str] = set()

    def send(self, body_type: type[Body], leaf: str, now: Now, retain: bool = False, **fields: Any) -> bool:
        """Seal one body and publish it. One that is too large is a bug, logged once: it must not stop the doors."""
        self._seq = max(self._seq + 1, now.wall_us)
        body = body_type(
            v=WIRE_VERSION,
            site=self._signer.site,
            edge=self._signer.edge,
            epoch=self._signer.epoch,
            seq=self._seq,
            issued_at_us=now.wall_us,
            **fields,
        )
        try:
            payload = seal(body, self._signer.kid, self._signer.sign)
        except WireError as error:
            if leaf not in self._too_large:
                self._too_large.add(leaf)
                _log.error("cannot be sent: %s", error)
            return False
        return self._link.publish(leaf, payload, retain)
