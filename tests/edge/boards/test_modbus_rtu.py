from pathlib import Path
from random import Random
from threading import Event

import pytest
from pymodbus.client import ModbusSerialClient

from edge.boards.board import Board, BoardFault
from edge.boards.modbus_rtu import MAX_PULSE_TENTHS, REPLY_TIMEOUT_S, ModbusRtuBoard
from sim.boards.board import SimulatedBoard
from sim.boards.modbus_rtu import seal
from sim.faults import Burst, Corrupt, Late, Silence
from tests.edge.boards.board_contract import BoardContract
from tests.edge.boards.rig import board_for, energised, set_input, simulated, wait_until


class TestModbusRtu(BoardContract):
    driver = "modbus-rtu"

    def test_the_bytes_of_a_pulse_are_those_of_the_makers_page(self, board: Board, sim: SimulatedBoard) -> None:
        board.open()
        sent: list[bytes] = []

        def tap(burst: Burst) -> list[Burst]:
            sent.append(burst.data)
            return [burst]

        sim.line.to_device.set(tap)
        board.pulse(0, 7)
        assert b"".join(sent) == bytes.fromhex("01 05 02 00 00 07 8D B0")
        sent.clear()
        board.pulse(0, 7, on=False)
        assert b"".join(sent)[:6] == bytes.fromhex("01 05 04 00 00 07")

    @pytest.mark.parametrize("tenths", [0, -1, MAX_PULSE_TENTHS + 1])
    def test_a_pulse_that_does_not_fit_is_the_callers_mistake(self, board: Board, tenths: int) -> None:
        board.open()
        with pytest.raises(ValueError, match="tenths"):
            board.pulse(0, tenths)

    def test_an_answer_that_was_disturbed_once_is_asked_for_again(self, board: Board, sim: SimulatedBoard) -> None:
        board.open()
        for seed in range(8):
            set_input(sim, 5, seed % 2 == 0)
            sim.line.to_host.set(Corrupt(Random(seed), times=1))
            assert board.inputs()[5] == (seed % 2 == 0)

    def test_a_late_answer_is_not_taken_for_the_answer_to_the_next_question(
        self, board: Board, sim: SimulatedBoard
    ) -> None:
        board.open()
        sim.line.to_host.set(Late(0.2, Random(0), times=1))
        set_input(sim, 0, True)
        assert board.inputs()[0]
        board.set(1, True)
        assert energised(sim) == [1]
        assert board.read_back()[:2] == (False, True)

    def test_an_answer_that_this_process_slept_through_is_no_fault(
        self, board: Board, sim: SimulatedBoard, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        board.open()
        set_input(sim, 4, True)

        def not_scheduled(_client: ModbusSerialClient) -> int:
            Event().wait(REPLY_TIMEOUT_S + 0.05)  # the answer comes meanwhile; its time is over when this returns
            return 0

        monkeypatch.setattr(ModbusSerialClient, "_wait_for_data", not_scheduled)
        assert board.inputs()[4]
        monkeypatch.undo()

    def test_a_board_that_babbles_without_end_does_not_hold_the_caller(self, board: Board, sim: SimulatedBoard) -> None:
        board.open()
        sim.line.to_device.set(Silence())
        babbling = True

        def babble() -> None:
            if babbling:
                sim.line.send(b"\x55" * 64)
                sim.line.after(0.005, babble)

        sim.line.call(babble)
        try:
            with pytest.raises(BoardFault):
                board.inputs()
        finally:
            babbling = False

    def test_a_board_without_timed_outputs_is_told_from_its_refusal(self, board: Board, sim: SimulatedBoard) -> None:
        board.open()
        sim.line.to_device.set(lambda burst: [Burst(_as_function(burst.data, 0x06))])
        with pytest.raises(BoardFault, match=r"refused function 5 .*kind of board"):
            board.pulse(0, 10)

    def test_another_unit_number_finds_nobody(self, sim: SimulatedBoard) -> None:
        board = ModbusRtuBoard(str(sim.line.link_path), 115200, 2)
        with pytest.raises(BoardFault, match=r"no valid answer from unit 2 .*check power, A/B wires, baud, unit"):
            board.open()
        board.close()

    def test_the_wrong_baud_rate_finds_nobody(self, sim: SimulatedBoard) -> None:
        board = ModbusRtuBoard(str(sim.line.link_path), 9600, 1)
        with pytest.raises(BoardFault, match="no valid answer"):
            board.open()
        board.close()


def test_it_works_at_9600_baud_too(tmp_path: Path) -> None:
    with simulated("modbus-rtu", tmp_path, baud=9600) as sim:
        board = board_for(sim)
        board.open()
        board.set(7, True)
        assert energised(sim) == [7]
        board.pulse(0, 1)
        wait_until(lambda: energised(sim) == [7])
        board.close()


def _as_function(frame: bytes, function: int) -> bytes:
    """The same request under a function code that the board does not know, with a good CRC, read as our own."""
    return seal(bytes((frame[0], function)) + frame[2:-2])
