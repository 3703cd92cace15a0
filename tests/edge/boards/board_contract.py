"""What every driver of ``edge.boards.drivers.DRIVERS`` must do, played against the simulated board of its kind.

A driver's test module subclasses :class:`BoardContract` and names the driver.
"""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from edge.boards.board import Board, BoardFault
from edge.boards.drivers import DRIVERS
from sim.boards.board import SimulatedBoard
from sim.faults import Drop, Duplicate, Garbage, Truncate
from tests.edge.boards.rig import board_for, energise_all, energised, set_input, simulated, wait_until


def settle(sim: SimulatedBoard, expected: list[int]) -> None:
    """Unacknowledged writes need their time on the wire."""
    wait_until(lambda: energised(sim) == expected, f"relays {expected}")


class BoardContract:
    driver: str

    @pytest.fixture
    def sim(self, tmp_path: Path) -> Iterator[SimulatedBoard]:
        with simulated(self.driver, tmp_path) as sim:
            yield sim

    @pytest.fixture
    def board(self, sim: SimulatedBoard) -> Iterator[Board]:
        board = board_for(sim)
        yield board
        board.close()

    def test_it_states_what_the_table_states(self, board: Board) -> None:
        facts = DRIVERS[self.driver]
        assert (board.outputs, board.input_count) == (facts.outputs, facts.input_count)
        assert (board.timed_pulse, board.reads_back) == (facts.timed_pulse, facts.reads_back)

    def test_opening_puts_every_output_to_rest(self, board: Board, sim: SimulatedBoard) -> None:
        energise_all(sim)
        board.open()
        settle(sim, [])

    def test_opening_never_drops_the_lock_of_a_fail_safe_door(self, board: Board, sim: SimulatedBoard) -> None:
        dropped: list[int] = []
        energise_all(sim)
        sim.relays.on_output = lambda channel, on, _at: None if on else dropped.append(channel)
        board.open(frozenset({2, 5}))
        settle(sim, [2, 5])
        assert sorted(set(dropped)) == [0, 1, 3, 4, 6, 7]

    def test_each_relay_can_be_energised_and_released_alone(self, board: Board, sim: SimulatedBoard) -> None:
        board.open()
        for channel in range(board.outputs):
            board.set(channel, True)
            settle(sim, [channel])
            board.set(channel, False)
            settle(sim, [])

    def test_what_is_read_back_is_where_the_relays_are(self, board: Board, sim: SimulatedBoard) -> None:
        board.open()
        board.set(3, True)
        if not board.reads_back:
            with pytest.raises(ValueError, match="cannot be read back"):
                board.read_back()
            return
        assert board.read_back() == tuple(channel == 3 for channel in range(board.outputs))
        sim.act("stuck")
        board.set(3, False)
        assert board.read_back()[3]

    def test_inputs_are_true_where_current_flows(self, board: Board, sim: SimulatedBoard) -> None:
        board.open()
        for number in range(board.input_count):
            set_input(sim, number, True)
            assert board.inputs() == tuple(other == number for other in range(board.input_count))
            set_input(sim, number, False)
        assert len(board.inputs()) == board.input_count

    def test_a_timed_pulse_is_ended_by_the_board_itself(self, board: Board, sim: SimulatedBoard) -> None:
        board.open(frozenset({6}))
        if not board.timed_pulse:
            with pytest.raises(ValueError, match="no timed pulse"):
                board.pulse(0, 1)
            return
        moves: list[tuple[int, bool]] = []
        sim.relays.on_output = lambda channel, on, _at: moves.append((channel, on))
        board.pulse(1, 2)
        assert moves[:1] == [(1, True)]
        wait_until(lambda: energised(sim) == [6], "the end of the pulse")
        board.pulse(6, 2, on=False)
        assert moves[2:3] == [(6, False)]
        wait_until(lambda: energised(sim) == [6], "the end of the release")
        assert moves == [(1, True), (1, False), (6, False), (6, True)]

    @pytest.mark.parametrize("channel", [-1, 8])
    def test_a_channel_that_is_not_there_is_the_callers_mistake(self, board: Board, channel: int) -> None:
        board.open()
        with pytest.raises(ValueError, match=r"channel|timed pulse"):
            board.pulse(channel, 1)
        with pytest.raises(ValueError, match="channel"):
            board.set(channel, True)

    def test_closing_puts_every_output_to_rest_and_can_be_repeated(self, board: Board, sim: SimulatedBoard) -> None:
        board.open(frozenset({0}))
        board.set(7, True)
        board.close()
        board.close()
        settle(sim, [])

    def test_closing_to_reopen_never_drops_what_is_held(self, board: Board, sim: SimulatedBoard) -> None:
        board.open(frozenset({0, 5}))
        board.set(7, True)
        settle(sim, [0, 5, 7])
        dropped: list[int] = []
        sim.relays.on_output = lambda channel, on, _at: None if on else dropped.append(channel)
        board.close(frozenset({0, 5}))
        settle(sim, [0, 5])
        assert not {0, 5} & set(dropped)

    def test_it_opens_again_after_closing(self, board: Board, sim: SimulatedBoard) -> None:
        for _ in range(2):
            board.open()
            board.set(1, True)
            settle(sim, [1])
            board.close()

    def test_a_second_opener_of_the_port_gets_one_clear_line(self, board: Board, sim: SimulatedBoard) -> None:
        board.open()
        second = board_for(sim)
        with pytest.raises(BoardFault, match=r"cannot be opened .*; check") as fault:
            second.open()
        assert str(sim.line.link_path) in str(fault.value)
        assert "\n" not in str(fault.value)
        second.close()

    def test_a_port_that_is_not_there_gets_one_clear_line(self, tmp_path: Path) -> None:
        board = DRIVERS[self.driver].make(str(tmp_path / "nothing"), 9600, 1)
        with pytest.raises(BoardFault, match=r"nothing: cannot be opened \(.*\); check cable, path and access"):
            board.open()
        board.close()

    def test_before_opening_nothing_works_and_it_says_so(self, board: Board) -> None:
        with pytest.raises(BoardFault, match="not open"):
            board.set(0, True)
        with pytest.raises(BoardFault, match="not open"):
            board.inputs()

    def test_an_unplugged_board_is_a_fault_and_works_again_when_plugged(
        self, board: Board, sim: SimulatedBoard
    ) -> None:
        board.open()
        sim.act("unplug")

        def gone() -> bool:
            try:
                board.inputs()
                board.set(0, False)
            except BoardFault:
                return True
            return False

        wait_until(gone, "the fault")
        board.close()
        sim.act("plug")
        board.open()
        board.set(4, True)
        settle(sim, [4])

    def test_a_silent_board_is_a_fault_where_it_should_answer(self, board: Board, sim: SimulatedBoard) -> None:
        board.open()
        sim.act("silent")
        self._expect_fault(board)
        board.close()
        sim.act("normal")
        board.open()
        settle(sim, [])

    @pytest.mark.parametrize("seed", range(2))
    def test_noise_for_an_answer_is_a_fault_or_no_answer_but_never_a_level(
        self, board: Board, sim: SimulatedBoard, seed: int
    ) -> None:
        board.open()
        sim.line.to_host.set(Garbage(Random(seed)))
        self._expect_fault(board)

    def test_a_truncated_answer_is_a_fault(self, board: Board, sim: SimulatedBoard) -> None:
        board.open()
        sim.line.to_host.set(Truncate(Random(1)))
        self._expect_fault(board)

    def test_bytes_lost_on_the_way_to_the_board_never_move_another_relay(
        self, board: Board, sim: SimulatedBoard
    ) -> None:
        board.open()
        sim.line.to_device.set(Drop(Random(2)))
        try:
            board.set(3, True)
        except BoardFault:
            assert board.reads_back
        assert energised(sim) == []

    def test_an_answer_that_comes_twice_does_no_harm(self, board: Board, sim: SimulatedBoard) -> None:
        board.open()
        sim.line.to_host.set(Duplicate(Random(3)))
        for _ in range(3):
            board.set(2, True)
            board.inputs()
            if board.reads_back:
                wait_until(
                    lambda: _reads(board) == tuple(c == 2 for c in range(8)), "a good answer between the doubled"
                )

    def _expect_fault(self, board: Board) -> None:
        if not board.reads_back:
            board.set(0, False)  # a board that never answers is never missed
            return
        with pytest.raises(BoardFault) as fault:
            board.read_back()
        assert "check" in str(fault.value)
        assert "\n" not in str(fault.value)


def _reads(board: Board) -> tuple[bool, ...]:
    try:
        return board.read_back()
    except BoardFault:
        return ()
