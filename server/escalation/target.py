"""What can be told: one URL of a channel."""

import hashlib
from typing import Protocol

from server.escalation.message import Message


class NotSent(Exception):
    """The receiver did not take it: the same may succeed later. One line, without the URL, which is a secret."""


class Target(Protocol):
    """One receiver. Used by one thread at a time."""

    fingerprint: str
    """By which the outbox remembers it: a hash, for the URL is a secret."""
    kind: str
    """What it is, for people: ``webhook ops.example``, ``WeCom Bot``."""

    def send(self, message: Message, now_s: int) -> None:
        """Deliver within a bounded time. Raises :class:`NotSent`."""
        ...


def fingerprint_of(line: str) -> str:
    """The name of a receiver in the outbox."""
    return hashlib.sha256(line.encode()).hexdigest()[:12]
