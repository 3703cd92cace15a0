"""Boards behind their ptys: what a host sees of them, their faults included."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import serial

from sim.boards.board import SimulatedBoard, make_firmware
from sim.boards.modbus_rtu import seal
from sim.boards.relays import Relays
from sim.waiting import until

READ_INPUTS = seal(bytes.fromhex("01 02 00 00 00 08"))
READ_COILS = seal(bytes.fromhex("01 01 00 00 00 08"))
LOCK_ON = seal(bytes.fromhex("01 05 00 00 FF 00"))


@pytest.fixture
def board(tmp_path: Path) -> Iterator[SimulatedBoard]:
    board = SimulatedBoard("relay-1", "modbus-rtu", tmp_path / "relay-1", 115200)
    board.line.start()
    yield board
    board.line.stop()


WAIT_S = 10.0


def ask(board: SimulatedBoard, request: bytes, size: int, timeout_s: float = WAIT_S) -> bytes:
    with serial.Serial(str(board.line.link_path), 115200, timeout=timeout_s) as port:
        port.write(request)
        return port.read(size)


def test_it_is_read_and_written_over_its_line(board: SimulatedBoard) -> None:
    board.relays.inputs[0] = True
    assert ask(board, READ_INPUTS, 6) == seal(bytes.fromhex("01 02 01 01"))
    assert ask(board, LOCK_ON, 8) == LOCK_ON
    assert ask(board, READ_COILS, 6) == seal(bytes.fromhex("01 01 01 01"))


def test_the_pulse_ends_with_the_host_gone(board: SimulatedBoard) -> None:
    moves: list[bool] = []
    board.relays.on_output = lambda _channel, on, _at_s: moves.append(on)
    with serial.Serial(str(board.line.link_path), 115200) as port:
        port.write(seal(bytes.fromhex("01 05 02 00 00 03")))
        assert until(lambda: moves[:1] == [True], WAIT_S)
    assert until(lambda: moves == [True, False], WAIT_S)


def test_pulling_the_cable_neither_moves_a_relay_nor_stops_a_timer(board: SimulatedBoard) -> None:
    ask(board, LOCK_ON, 8)
    ask(board, seal(bytes.fromhex("01 05 02 01 00 03")), 8)
    board.act("unplug")
    assert not board.line.link_path.exists()
    assert board.relays.outputs[0]
    assert until(lambda: not board.relays.outputs[1], WAIT_S)
    board.act("plug")
    assert ask(board, READ_COILS, 6) == seal(bytes.fromhex("01 01 01 01"))


def test_a_silent_board_neither_obeys_nor_answers(board: SimulatedBoard) -> None:
    board.act("silent")
    assert ask(board, LOCK_ON, 8, timeout_s=0.2) == b""
    assert not board.relays.outputs[0]
    board.act("normal")
    assert ask(board, LOCK_ON, 8) == LOCK_ON


def test_a_garbling_board_obeys_and_answers_noise(board: SimulatedBoard) -> None:
    board.act("garbage")
    with serial.Serial(str(board.line.link_path), 115200, timeout=WAIT_S) as port:
        port.write(LOCK_ON)
        answer = port.read(1)
        port.timeout = 0.3
        answer += port.read(7)
    assert answer != LOCK_ON
    assert answer
    assert board.relays.outputs[0]


def test_a_stuck_board_confirms_and_reads_back_the_truth(board: SimulatedBoard) -> None:
    board.act("stuck")
    assert ask(board, LOCK_ON, 8) == LOCK_ON
    assert ask(board, READ_COILS, 6) == seal(bytes.fromhex("01 01 01 00"))


def test_an_unknown_driver_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'numato'; there are modbus-rtu, kmtronic, lcus"):
        make_firmware("numato", Relays(), 1, 9600)
