"""What every card credential shares: the way to the card, what reading it can end in, and the badge block on it.

A credential is a function of a ``transceive`` and the card's UID; it imports no driver. A card's answer, however malformed,
ends in one of the outcomes; only the way to the card itself raises. ::

    Exception
    └── CardGone      the card no longer answers: taken away, or out of the field for a moment
"""

from collections.abc import Callable
from dataclasses import dataclass

Transceive = Callable[[bytes], bytes]
"""Sends one command to the card and returns its answer. Raises :class:`CardGone`."""

BLOCK_BYTES = 32
_BLOCK_VERSION = 1
_NUMBER_MOST = 24


class CardGone(Exception):
    """No answer from the card."""


@dataclass(frozen=True, slots=True)
class Verified:
    """The card proved its key, and this is the number it carries."""

    number: str


@dataclass(frozen=True, slots=True)
class NotAuthenticated:
    """The card is one of ours, or claims to be, and did not prove its key or gave a broken answer. ``cause`` is for logs."""

    cause: str


@dataclass(frozen=True, slots=True)
class NotOurs:
    """The card does not carry this credential at all: the next technology may be tried."""

    cause: str


Outcome = Verified | NotAuthenticated | NotOurs


def badge_block(number: str) -> bytes:
    """The block that carries a number. Raises ValueError for one that :func:`parse_badge_block` would not give back."""
    written = number.encode("ascii", "replace")
    block = (bytes([_BLOCK_VERSION, len(written) & 0xFF]) + written).ljust(BLOCK_BYTES, b"\0")
    if parse_badge_block(block) != Verified(number):
        raise ValueError(f"a card carries 1 to {_NUMBER_MOST} printable ASCII characters without spaces")
    return block


def parse_badge_block(block: bytes) -> Outcome:
    """The number in a badge block (docs/interfaces.md): ``01``, length, 1-24 printable ASCII characters, zero padding."""
    if len(block) != BLOCK_BYTES or block[0] != _BLOCK_VERSION:
        return NotAuthenticated("the badge block is not of version 1")
    length = block[1]
    number = block[2 : 2 + length]
    if not 1 <= length <= _NUMBER_MOST or not all(0x21 <= byte <= 0x7E for byte in number):
        return NotAuthenticated("the badge block holds no number")
    if any(block[2 + length :]):
        return NotAuthenticated("the badge block is not padded with zeros")
    return Verified(number.decode("ascii"))
