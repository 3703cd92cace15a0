"""The interface of a relay board and its fault (MEANINGS 28).

Drivers are listed in ``edge.boards.drivers.DRIVERS``; each passes ``tests/edge/boards/board_contract.py``.
"""

from typing import Protocol

NOTHING_ENERGISED: frozenset[int] = frozenset()


class BoardFault(Exception):
    """The board cannot be reached or answers nonsense. One line for a technician: which port, what, what to check."""


class Board(Protocol):
    """One relay board on one serial line. Used by one thread only; every call is bounded by a named timeout."""

    outputs: int
    """Number of relays; channels count from 0."""
    input_count: int
    """Number of digital inputs; 0 when the board has none."""
    timed_pulse: bool
    """The board itself ends a pulse (MEANINGS 28 ``relock_by = "board"``)."""
    reads_back: bool
    """``read_back`` tells the relays' true state."""

    def open(self, energised: frozenset[int] = NOTHING_ENERGISED) -> None:
        """Open the port and put every output to rest before anything else is read. Raises :class:`BoardFault`.

        ``energised``: channels that carry current at rest while the edge runs, the locks of fail-safe doors. They are
        never dropped on the way: a restart unlocks nothing (L2)."""
        ...

    def pulse(self, channel: int, tenths: int, on: bool = True) -> None:
        """Energise (``on`` False: release) for ``tenths`` × 0.1 s; the board ends it by itself. Only where
        ``timed_pulse``."""
        ...

    def set(self, channel: int, on: bool) -> None:
        """Energise or release one relay."""
        ...

    def inputs(self) -> tuple[bool, ...]:
        """All digital inputs, True where current flows."""
        ...

    def read_back(self) -> tuple[bool, ...]:
        """All relays as the board reports them. Only where ``reads_back``."""
        ...

    def close(self, energised: frozenset[int] = NOTHING_ENERGISED) -> None:
        """All outputs de-energised but ``energised``, then close. Never raises. With none a fail-safe door opens: it is what such a
        door does without its edge. A board that is only reopened keeps its locks energised (L2)."""
        ...
