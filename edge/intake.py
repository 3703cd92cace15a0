"""Opens what comes down: signature, place, type, replay. What is refused is counted by code and shown in the status.

Content decides, never MQTT's retain flag. The policy's own version rules are in ``edge.policy_intake``, a command's session
and id in ``edge.command_intake``.
"""

import logging
from typing import Protocol

import msgspec

from controller.wire import (
    Ack,
    Body,
    CommandOrder,
    PolicyChunk,
    PolicyDelta,
    PolicyHead,
    PolicyLease,
    Verify,
    WireError,
    unseal,
)

EXPECTED: dict[str, type[Body]] = {
    "ack": Ack,
    "policy": PolicyHead,
    "chunk": PolicyChunk,
    "delta": PolicyDelta,
    "lease": PolicyLease,
    "command": CommandOrder,
}
ORDERED = (Ack, PolicyHead, PolicyLease, CommandOrder)
"""Types of which an older one must not follow a newer one. Chunks and deltas are held by their digests."""
LOG_EACH_REFUSAL_UPTO = 10
"""Beyond this many of one code, only powers of ten are logged: a flood must not fill the disk."""

_log = logging.getLogger(__name__)


class KeyRing(Protocol):
    """Whose signatures are believed: ``edge.keys.KeyRing``."""

    def add(self, certificate: bytes, now_us: int) -> str: ...
    def verifier(self, now_us: int) -> Verify: ...


class _Certified(msgspec.Struct, frozen=True):
    certificates: tuple[msgspec.Raw, ...] = ()


class _Unverified(msgspec.Struct, frozen=True):
    body: _Certified


class Intake:
    """``open`` gives a verified body or None; ``refused`` counts the others."""

    def __init__(self, site: str, edge: str, keys: KeyRing) -> None:
        self._site = site
        self._edge = edge
        self._keys = keys
        self._latest: dict[type[Body], tuple[int, int]] = {}
        self.refused: dict[str, int] = {}

    def open(self, leaf: str, payload: bytes, wall_us: int) -> Body | None:
        """Verify one message for a topic's leaf. ``wall_us``: which server keys are in force; never below the journal's high
        water, so that a clock that fell back to 1970 does not make the edge deaf."""
        expected = EXPECTED.get(leaf)
        if expected is None:
            self.refuse("wrong_type", f"message on {leaf!r}")
            return None
        if expected is PolicyHead:
            self._learn_keys(payload, wall_us)
        try:
            body = unseal(payload, self._keys.verifier(wall_us), (expected,), self._site, self._edge)
        except WireError as error:
            self.refuse(error.code, f"{leaf}: {error}")
            return None
        if isinstance(body, ORDERED) and not self._follows(body):
            self.refuse("replayed", f"{leaf}: sequence {body.epoch}.{body.seq} came after a later one")
            return None
        return body

    def refuse(self, code: str, text: str) -> None:
        """Count a refusal and log it without its content."""
        count = self.refused[code] = self.refused.get(code, 0) + 1
        if count <= LOG_EACH_REFUSAL_UPTO or set(str(count)[1:]) == {"0"}:
            _log.warning("refused message %s (%d): %s", code, count, text)

    def _follows(self, body: Body) -> bool:
        """The same sequence again is the broker's duplicate (QoS 1, or retained): what it says is judged by content."""
        latest = self._latest.get(type(body))
        this = (body.epoch, body.seq)
        if latest is not None and this < latest:
            return False
        self._latest[type(body)] = this
        return True

    def _learn_keys(self, payload: bytes, wall_us: int) -> None:
        """A head carries its signer's certificates: each proves itself by the pinned root, so they are read first."""
        try:
            certificates = msgspec.json.decode(payload, type=_Unverified).body.certificates
        except (msgspec.DecodeError, RecursionError, ValueError):
            return  # unseal says what is wrong with it
        for certificate in certificates[:MAX_CERTIFICATES_READ]:
            try:
                self._keys.add(bytes(certificate), wall_us)
            except WireError as error:
                self.refuse(error.code, f"certificate: {error}")


MAX_CERTIFICATES_READ = 8
