"""The desk's reader: a :class:`~readers.reader.Reader` that presents nothing, and writes a card when it is asked to.

It runs in a :class:`~readers.thread.ReaderThread` like any other. A card that lies there while nothing is asked stays dark.
"""

from collections import deque
from collections.abc import Callable

from readers.encoder import CARRYING_STEPS, Encoder, EncodingOrder, EncodingResult
from readers.reader import ReaderFault

RETURN_US = 3_000_000
"""A card that was taken away half-written may come back within this time; then the order ends."""


class DeskReader:
    """``report(order, result)`` is called once per order, in the reader's thread, and must return at once. ``clock_us``: boot
    time."""

    def __init__(
        self, encoder: Encoder, report: Callable[[EncodingOrder, EncodingResult], None], clock_us: Callable[[], int]
    ) -> None:
        self._encoder = encoder
        self._report = report
        self._clock_us = clock_us
        self._asked: deque[EncodingOrder] = deque(maxlen=1)
        self._order: EncodingOrder | None = None
        self._left: EncodingResult | None = None
        self._back_by_us = 0

    def ask(self, order: EncodingOrder) -> None:
        """From any thread: write the next card. An order that still waits is forgotten without a report."""
        self._asked.append(order)

    def open(self) -> None:
        """As :meth:`readers.reader.Reader.open`."""
        try:
            self._encoder.open()
        except ReaderFault as fault:
            self._take()
            if self._order is not None and self._clock_us() >= self._order.until_us:
                self._end(EncodingResult("READER_FAILED", detail=str(fault)))
            raise

    def poll(self) -> None:
        """One look for a card if one is asked for, and the encoding of it: then longer than a reader's poll."""
        self._take()
        order = self._order
        if order is None:
            self._encoder.rest()
            return
        if self._clock_us() < max(order.until_us, self._back_by_us):
            seen = self._encoder.look(order.number, order.may_replace)
        else:
            seen = self._left or EncodingResult("NO_CARD")
            self._end(seen)
            return
        now_us = self._clock_us()
        if seen is not None and seen.outcome == "CARD_TAKEN_AWAY" and seen.step not in CARRYING_STEPS:
            if self._left is None:
                self._back_by_us = now_us + RETURN_US
            self._left = seen
        elif seen is not None:
            self._end(seen)
            return
        if self._left is not None and now_us >= self._back_by_us:
            self._end(self._left)

    def close(self) -> None:
        """As :meth:`readers.reader.Reader.close`."""
        self._encoder.close()

    def _take(self) -> None:
        if self._asked:
            self._order, self._left, self._back_by_us = self._asked.popleft(), None, 0

    def _end(self, result: EncodingResult) -> None:
        order, self._order = self._order, None
        assert order is not None
        self._left, self._back_by_us = None, 0
        self._report(order, result)
