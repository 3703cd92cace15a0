"""The table of relay board drivers: the ``driver`` names that ``edge.toml`` may use."""

from dataclasses import dataclass
from typing import Protocol

from edge.boards.board import Board
from edge.boards.kmtronic import KmtronicBoard
from edge.boards.lcus import LcusBoard
from edge.boards.modbus_rtu import ModbusRtuBoard


class _MakesBoard(Protocol):
    def __call__(self, port: str, baud: int, unit: int) -> Board: ...


@dataclass(frozen=True, slots=True)
class Driver:
    """How to make a board and what every board of the kind has; see :class:`edge.boards.board.Board`."""

    make: _MakesBoard
    outputs: int
    input_count: int
    timed_pulse: bool
    reads_back: bool
    default_baud: int


def _driver(board: type[ModbusRtuBoard] | type[KmtronicBoard] | type[LcusBoard]) -> Driver:
    return Driver(board, board.outputs, board.input_count, board.timed_pulse, board.reads_back, board.default_baud)


DRIVERS: dict[str, Driver] = {
    "modbus-rtu": _driver(ModbusRtuBoard),
    "kmtronic": _driver(KmtronicBoard),
    "lcus": _driver(LcusBoard),
}
