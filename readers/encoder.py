"""The interface of a reader that writes cards, and what writing one can end in.

Drivers are listed in ``readers.drivers.ENCODERS``. An encoder is used by one thread only; its faults are a reader's
(:class:`~readers.reader.ReaderFault`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

Outcome = Literal[
    "encoded",
    "NO_CARD",
    "TWO_CARDS",
    "CARD_TAKEN_AWAY",
    "NOT_DESFIRE",
    "RANDOM_UID",
    "UID_LENGTH",
    "CARD_BOUND",
    "CARD_FOREIGN",
    "CARD_REFUSED",
    "READER_FAILED",
]


CARRYING_STEPS = frozenset({"block", "verify"})
"""Steps in which the card begins to carry the number. An encoding that breaks off there is over at once, whatever broke it: a second card laid down
under the same order would carry the number as well."""


@dataclass(frozen=True, slots=True)
class EncodingOrder:
    """Write ``number`` onto the next card that is laid down before ``until_us`` (boot time). ``may_replace(number)``: whether a card
    that carries this other number may be written over."""

    id: str
    number: str
    may_replace: Callable[[str], bool]
    until_us: int


@dataclass(frozen=True, slots=True)
class EncodingResult:
    """How an order ended, or with an encoder's single look what came of that card. ``number``: what the card carries (``encoded``,
    ``CARD_BOUND``). ``step``: where it stopped; ``detail``: one line for a technician; ``card``: the identifier of the one card that lay
    there, in upper-case hexadecimal."""

    outcome: Outcome
    number: str = ""
    step: str = ""
    detail: str = ""
    card: str = ""


class Encoder(Protocol):
    """One reader on one serial line that writes cards."""

    def open(self) -> None:
        """As :meth:`readers.reader.Reader.open`."""
        ...

    def rest(self) -> None:
        """Nothing to write: keep the field off and see that the chip answers. Raises ReaderFault."""
        ...

    def look(self, number: str, may_replace: Callable[[str], bool]) -> EncodingResult | None:
        """One look into the field, and the whole encoding if a card lies there; bounded by the driver's named timeout. None: no card.
        ``CARD_TAKEN_AWAY``: it no longer answered; laid down again it is finished, but for :data:`CARRYING_STEPS`. Raises ReaderFault where
        no card can carry the number yet; ``READER_FAILED`` says that one may."""
        ...

    def close(self) -> None:
        """As :meth:`readers.reader.Reader.close`."""
        ...
