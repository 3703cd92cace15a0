"""The interface of a card reader or a barcode scanner, what it presents, and its one fault.

Drivers are listed in ``readers.drivers.DRIVERS`` and ``readers.scanners.SCANNERS``; each passes ``tests/readers/reader_contract.py``. A reader is used by one
thread only. ::

    Exception
    └── ReaderFault       the hardware, its line or its driver: reopen with backoff
    (a card that fails is not a fault: it is a Presentation with ``outcome`` "refused")
"""

from dataclasses import dataclass
from typing import Literal, Protocol

Technology = Literal["desfire", "ultralight-c", "felica-lite-s", "uid", "barcode", "unknown"]


class ReaderFault(Exception):
    """The reader cannot be used. One line for a technician: which port, what happened, what to check."""


@dataclass(frozen=True, slots=True)
class Presentation:
    """What one poll found.

    ``outcome``: ``read`` (``number`` is set), ``not_authenticated`` (a card that did not prove its key), ``two_cards``,
    ``removed`` (the card last presented has left the field), ``incomplete`` (taken away mid-transaction: no decision). Of a
    scanner: ``read``, or no code: ``noise`` (no printable text), ``too_long``, ``half`` (no end in time), each with its ``length`` in bytes.
    ``assurance`` is ``authenticated`` or ``identified`` (bare number, MEANINGS 30). ``exchange_us``: duration of the card's
    cryptographic exchange.
    """

    outcome: Literal["read", "not_authenticated", "two_cards", "removed", "incomplete", "noise", "too_long", "half"]
    technology: Technology
    number: str = ""
    assurance: Literal["authenticated", "identified"] = "identified"
    exchange_us: int = 0
    length: int = 0


class Reader(Protocol):
    """One reader on one serial line."""

    def open(self) -> None:
        """Open the port, wake and configure the chip, whatever state a killed predecessor left it in. Raises
        :class:`ReaderFault`."""
        ...

    def poll(self) -> Presentation | None:
        """One sense cycle, bounded by the driver's named timeout (under 1 s). None: nothing new. A card is presented once,
        then ``removed`` once it has left; a scan is presented once. Raises :class:`ReaderFault`; a chip that no longer answers is one."""
        ...

    def close(self) -> None:
        """Release the port. Never raises, never powers the chip down."""
        ...
