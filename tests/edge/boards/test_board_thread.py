"""The thread of a board, over the simulated boards: what it promises in its module's docstring."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random
from threading import Lock

import pytest

from edge.boards.board_thread import (
    MAX_LOCK_COMMANDS,
    BoardFact,
    BoardFailed,
    BoardRecovered,
    BoardThread,
    InputLevel,
    RelayRead,
)
from edge.boards.indicators import Step
from sim.boards.board import SimulatedBoard
from sim.faults import Drop, Duplicate, Garbage, Late
from tests.edge.boards.rig import (
    board_for,
    energise_all,
    energised,
    set_input,
    simulated,
    stick_when_on,
    wait_until,
    watch,
)

DRIVERS = ("modbus-rtu", "kmtronic", "lcus")
TRIES = 5


class Heard:
    """What the thread delivered."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._facts: list[BoardFact] = []

    def __call__(self, fact: BoardFact) -> None:
        with self._lock:
            self._facts.append(fact)

    def all(self) -> list[BoardFact]:
        with self._lock:
            return list(self._facts)

    def failures(self) -> list[str]:
        return [fact.cause for fact in self.all() if isinstance(fact, BoardFailed)]

    def levels(self, number: int) -> list[bool]:
        return [fact.closed for fact in self.all() if isinstance(fact, InputLevel) and fact.input == number]

    def relays(self, channel: int) -> list[tuple[bool, bool]]:
        """(on, asked) as told of a lock's relay."""
        return [(fact.on, fact.asked) for fact in self.all() if isinstance(fact, RelayRead) and fact.channel == channel]

    def wait_failed(self) -> str:
        wait_until(lambda: bool(self.failures()), "a fault")
        return self.failures()[0]

    def wait_recovered(self) -> None:
        wait_until(lambda: isinstance(self.conditions()[-1:][0], BoardRecovered), "the recovery")

    def conditions(self) -> list[BoardFact]:
        return [fact for fact in self.all() if not isinstance(fact, InputLevel | RelayRead)]


def has_moved(moves: list[tuple[int, bool]], often: dict[tuple[int, bool], int]) -> bool:
    return all(moves.count(move) == times for move, times in often.items())


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture(params=DRIVERS)
def sim(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SimulatedBoard]:
    with simulated(request.param, tmp_path) as sim:
        yield sim


@pytest.fixture
def modbus(tmp_path: Path) -> Iterator[SimulatedBoard]:
    with simulated("modbus-rtu", tmp_path) as sim:
        yield sim


@pytest.fixture
def start(heard: Heard) -> Iterator["Starter"]:
    starter = Starter(heard)
    yield starter
    for thread in starter.threads:
        assert thread.stop(5.0)


class Starter:
    def __init__(self, heard: Heard) -> None:
        self.heard = heard
        self.threads: list[BoardThread] = []

    def __call__(
        self, sim: SimulatedBoard, energised_at_rest: frozenset[int] = frozenset(), locks: frozenset[int] = frozenset()
    ) -> BoardThread:
        thread = BoardThread("relay-1", board_for(sim), self.heard, energised_at_rest, locks)
        self.threads.append(thread)
        thread.start()
        assert thread.wait_settled(5.0)
        return thread


def pulsed(heard: Heard, pulse: Callable[[], None], done: Callable[[], bool], what: str) -> None:
    """A pulse until what it does is ``done``. A board that a loaded machine keeps from answering within 0.3 s drops it, as it should: then once more."""
    for _ in range(TRIES):
        before = len(heard.failures())
        pulse()
        wait_until(lambda: done() or len(heard.failures()) > before, what)  # noqa: B023 - called here
        if done():
            return
        heard.wait_recovered()
    raise AssertionError(f"{what}: {heard.failures()}")


def test_when_it_has_settled_every_output_is_at_rest(sim: SimulatedBoard, start: Starter) -> None:
    energise_all(sim)
    start(sim, frozenset({5}))
    wait_until(lambda: energised(sim) == [5])


def test_a_pulse_unlocks_and_relocks_on_every_board(sim: SimulatedBoard, start: Starter, heard: Heard) -> None:
    thread = start(sim)
    moves = watch(sim)

    def pulse() -> None:
        moves.clear()
        thread.pulse(0, True, 3, board_timed=sim.driver == "modbus-rtu")

    pulsed(heard, pulse, lambda: moves == [(0, True), (0, False)], "unlock and relock")


def test_a_fail_safe_lock_is_released_for_the_pulse_and_energised_again(
    sim: SimulatedBoard, start: Starter, heard: Heard
) -> None:
    thread = start(sim, frozenset({2}))
    wait_until(lambda: energised(sim) == [2])
    moves = watch(sim)

    def pulse() -> None:
        wait_until(lambda: energised(sim) == [2])
        moves.clear()
        thread.pulse(2, False, 3, board_timed=sim.driver == "modbus-rtu")

    pulsed(heard, pulse, lambda: moves == [(2, False), (2, True)], "release and relock")


def test_a_pulse_does_not_end_a_hold(sim: SimulatedBoard, start: Starter, heard: Heard) -> None:
    thread = start(sim)
    thread.hold(0, True)
    moves = watch(sim)

    def pulses() -> None:
        wait_until(lambda: energised(sim) == [0])
        moves.clear()
        thread.pulse(0, True, 1, board_timed=sim.driver == "modbus-rtu")
        thread.pulse(1, True, 3, board_timed=sim.driver == "modbus-rtu")

    pulsed(heard, pulses, lambda: moves == [(1, True), (1, False)], "the other's pulse alone")


def test_locking_ends_a_pulse_at_once(sim: SimulatedBoard, start: Starter, heard: Heard) -> None:
    thread = start(sim)
    timed = sim.driver == "modbus-rtu"
    pulsed(heard, lambda: thread.pulse(0, True, 600, board_timed=timed), lambda: energised(sim) == [0], "the pulse")
    thread.hold(0, False)
    wait_until(lambda: energised(sim) == [])


def test_stopping_puts_every_output_to_rest(sim: SimulatedBoard, start: Starter) -> None:
    thread = start(sim, frozenset({3}))
    thread.hold(0, True)
    wait_until(lambda: energised(sim) == [0, 3])
    assert thread.stop(5.0)
    wait_until(lambda: energised(sim) == [])


def test_an_unplugged_board_is_told_once_and_comes_back_with_what_is_held(
    sim: SimulatedBoard, start: Starter, heard: Heard
) -> None:
    thread = start(sim, frozenset({1}))
    thread.hold(0, True)
    wait_until(lambda: energised(sim) == [0, 1])
    sim.act("unplug")
    assert "relay-1" in heard.wait_failed()
    thread.hold(4, True)
    sim.act("plug")
    heard.wait_recovered()
    wait_until(lambda: energised(sim) == [0, 1, 4])
    assert len(heard.failures()) == 1


def test_an_unlock_asked_for_while_the_board_is_away_is_dropped_and_told(
    modbus: SimulatedBoard, start: Starter, heard: Heard
) -> None:
    thread = start(modbus)
    modbus.act("unplug")
    heard.wait_failed()
    moves: list[int] = []
    modbus.relays.on_output = lambda channel, on, _at: moves.append(channel) if on else None
    thread.pulse(0, True, 50, board_timed=True)
    wait_until(lambda: any("relay 0 came while the board was away" in cause for cause in heard.failures()))
    modbus.act("plug")
    heard.wait_recovered()
    assert moves == []


def test_a_silent_board_is_a_fault_until_it_answers(modbus: SimulatedBoard, start: Starter, heard: Heard) -> None:
    start(modbus)
    modbus.act("silent")
    assert "check power" in heard.wait_failed()
    modbus.act("normal")
    heard.wait_recovered()


def test_a_board_that_answers_garbage_is_a_fault_until_it_stops(
    modbus: SimulatedBoard, start: Starter, heard: Heard
) -> None:
    start(modbus)
    modbus.act("garbage")
    heard.wait_failed()
    modbus.act("normal")
    heard.wait_recovered()


def test_a_board_that_is_not_there_at_the_start_is_a_fault_and_found_when_plugged(
    modbus: SimulatedBoard, start: Starter, heard: Heard
) -> None:
    modbus.act("unplug")
    thread = start(modbus)
    assert "cannot be opened" in heard.wait_failed()
    modbus.act("plug")
    heard.wait_recovered()
    pulsed(heard, lambda: thread.pulse(0, True, 600, board_timed=True), lambda: energised(modbus) == [0], "the pulse")


@pytest.mark.parametrize("driver", ["modbus-rtu", "kmtronic"])
def test_a_relay_that_does_not_follow_is_a_fault_and_the_others_go_on(
    driver: str, tmp_path: Path, start: Starter, heard: Heard
) -> None:
    with simulated(driver, tmp_path) as sim:
        thread = start(sim)
        sim.act("stuck")
        thread.pulse(0, True, 3, board_timed=driver == "modbus-rtu")
        assert "relay 0 was energised but stays released" in heard.wait_failed()
        if driver == "modbus-rtu":
            set_input(sim, 3, True)
            wait_until(lambda: heard.levels(3) == [False, True], "an input of a board with a stuck relay")
        sim.act("normal")
        wait_until(lambda: energised(sim) == [])
        thread.pulse(0, True, 3, board_timed=driver == "modbus-rtu")
        heard.wait_recovered()
        assert thread.stop(5.0)


def test_a_relay_that_stays_on_after_its_pulse_is_a_fault(modbus: SimulatedBoard, start: Starter, heard: Heard) -> None:
    thread = start(modbus)
    stick_when_on(modbus, 0)
    thread.pulse(0, True, 3, board_timed=True)
    assert "relay 0 was released but stays energised" in heard.wait_failed()
    modbus.act("normal")
    heard.wait_recovered()
    assert energised(modbus) == []


@pytest.mark.parametrize("driver", ["modbus-rtu", "kmtronic"])
def test_a_locks_relay_that_stays_on_is_told_until_it_lets_go(
    driver: str, tmp_path: Path, start: Starter, heard: Heard
) -> None:
    with simulated(driver, tmp_path) as sim:
        thread = start(sim, locks=frozenset({0}))
        assert heard.relays(0) == [(False, False)]
        stick_when_on(sim, 0)
        thread.pulse(0, True, 12, board_timed=driver == "modbus-rtu")
        wait_until(lambda: heard.relays(0)[1:2] == [(True, True)], "the word that it follows")
        wait_until(lambda: heard.relays(0)[2:] == [(True, False)], "the word that it stays on")
        sim.act("normal")
        wait_until(lambda: heard.relays(0)[3:] == [(False, False)], "the word that it let go")
        assert thread.stop(5.0)


@pytest.mark.parametrize("driver", ["modbus-rtu", "kmtronic"])
def test_a_locks_relay_that_does_not_move_is_told_and_is_well_when_it_moved(
    driver: str, tmp_path: Path, start: Starter, heard: Heard
) -> None:
    with simulated(driver, tmp_path) as sim:
        thread = start(sim, frozenset({1}), locks=frozenset({0, 1}))
        sim.act("stuck")
        thread.pulse(1, False, 100, board_timed=driver == "modbus-rtu")
        wait_until(lambda: heard.relays(1) == [(True, True), (True, False)], "the word that it stays on")
        thread.hold(1, True)
        sim.act("normal")
        thread.pulse(1, False, 100, board_timed=driver == "modbus-rtu")
        wait_until(lambda: heard.relays(1)[2:] == [(False, False)], "the word that it moved")
        assert heard.relays(0) == [(False, False)]
        assert thread.stop(5.0)


@pytest.mark.parametrize("driver", ["modbus-rtu", "kmtronic"])
def test_pulses_holds_and_lights_that_work_are_never_told_as_different(
    driver: str, tmp_path: Path, start: Starter, heard: Heard
) -> None:
    with simulated(driver, tmp_path) as sim:
        thread = start(sim, frozenset({1}), locks=frozenset({0, 1, 2}))
        timed = driver == "modbus-rtu"
        thread.hold(2, True)
        thread.indicate("in", (Step(0.0, 4, 2), Step(0.3, 5, 2)))
        moves = watch(sim)
        for count, tenths in enumerate((1, 2, 3, 4), start=1):
            thread.pulse(0, True, tenths, board_timed=timed)
            thread.pulse(1, False, tenths, board_timed=timed)
            thread.pulse(2, True, tenths, board_timed=timed)
            ended = {(0, False): count, (1, True): count}
            wait_until(partial(has_moved, moves, ended), "the end of the pulses")
        thread.hold(2, False)
        wait_until(lambda: heard.relays(2)[-1:] == [(False, False)])
        assert [fact for fact in heard.all() if isinstance(fact, RelayRead) and fact.on != fact.asked] == []
        assert heard.failures() == []
        assert thread.stop(5.0)


def test_a_board_that_cannot_read_back_tells_nothing_of_its_relays(
    tmp_path: Path, start: Starter, heard: Heard
) -> None:
    with simulated("lcus", tmp_path) as sim:
        thread = start(sim, locks=frozenset({0}))
        sim.act("stuck")
        thread.pulse(0, True, 1, board_timed=False)
        thread.pulse(1, True, 1, board_timed=False)
        assert thread.stop(5.0)
        assert heard.relays(0) == []


def test_a_locks_relay_is_told_again_when_the_board_is_back(
    modbus: SimulatedBoard, start: Starter, heard: Heard
) -> None:
    start(modbus, frozenset({3}), locks=frozenset({3}))
    modbus.act("unplug")
    heard.wait_failed()
    modbus.act("plug")
    wait_until(lambda: heard.relays(3) == [(True, True)] * 2)


def test_a_relay_somebody_else_moved_is_put_back_and_told(modbus: SimulatedBoard, start: Starter, heard: Heard) -> None:
    start(modbus)
    modbus.line.call(lambda: modbus.relays.set(6, True, modbus.line.now()))
    assert "relay 6" in heard.wait_failed()
    wait_until(lambda: energised(modbus) == [])
    heard.wait_recovered()


def test_all_inputs_are_told_at_the_start_and_then_each_change(
    modbus: SimulatedBoard, start: Starter, heard: Heard
) -> None:
    set_input(modbus, 7, True)
    start(modbus)
    assert [heard.levels(number) for number in range(8)] == [[False]] * 7 + [[True]]
    set_input(modbus, 1, True)
    wait_until(lambda: heard.levels(1) == [False, True])
    set_input(modbus, 1, False)
    wait_until(lambda: heard.levels(1) == [False, True, False])
    assert heard.levels(7) == [True]


def test_inputs_are_told_again_after_a_reopening(modbus: SimulatedBoard, start: Starter, heard: Heard) -> None:
    start(modbus)
    modbus.act("unplug")
    heard.wait_failed()
    set_input(modbus, 2, True)
    modbus.act("plug")
    wait_until(lambda: heard.levels(2) == [False, True])


def test_a_way_out_asked_for_while_the_board_is_away_opens_it_for_what_is_left(
    modbus: SimulatedBoard, start: Starter, heard: Heard
) -> None:
    thread = start(modbus)
    modbus.act("unplug")
    heard.wait_failed()
    thread.pulse(0, True, 150, board_timed=True, way_out=True)
    thread.pulse(1, True, 150, board_timed=True)
    modbus.act("plug")
    wait_until(lambda: energised(modbus) == [0], "the way out, and nothing else")
    assert [cause for cause in heard.failures() if "relay 1" in cause], "the other unlock is told as dropped"
    assert not [cause for cause in heard.failures() if "relay 0" in cause]


def test_a_way_out_whose_time_is_over_stays_shut_and_is_told(
    modbus: SimulatedBoard, start: Starter, heard: Heard
) -> None:
    thread = start(modbus)
    modbus.act("unplug")
    heard.wait_failed()
    moves = watch(modbus)
    thread.pulse(0, True, 50, board_timed=True, age_s=5.0, way_out=True)
    modbus.act("plug")
    heard.wait_recovered()
    wait_until(lambda: any("relay 0" in cause and "dropped" in cause for cause in heard.failures()))
    assert moves == []


def test_a_way_out_that_finds_the_board_gone_is_done_when_it_is_back(
    modbus: SimulatedBoard, start: Starter, heard: Heard
) -> None:
    thread = start(modbus)
    modbus.act("silent")
    thread.pulse(0, True, 150, board_timed=True, way_out=True)
    heard.wait_failed()
    modbus.act("normal")
    wait_until(lambda: energised(modbus) == [0], "the way out")


def test_a_lock_asked_for_after_the_way_out_takes_its_place(
    modbus: SimulatedBoard, start: Starter, heard: Heard
) -> None:
    thread = start(modbus)
    modbus.act("unplug")
    heard.wait_failed()
    moves = watch(modbus)
    thread.pulse(0, True, 150, board_timed=True, way_out=True)
    thread.hold(0, False)
    modbus.act("plug")
    heard.wait_recovered()
    assert moves == []


def test_commands_return_at_once_and_too_many_are_told(modbus: SimulatedBoard, start: Starter, heard: Heard) -> None:
    thread = start(modbus)
    modbus.act("silent")
    for _ in range(MAX_LOCK_COMMANDS + 1):
        thread.pulse(0, True, 1, board_timed=True)
    wait_until(lambda: any("dropped" in cause for cause in heard.failures()))
    modbus.act("normal")
    heard.wait_recovered()


def test_a_newer_hold_takes_the_place_of_one_that_waits(modbus: SimulatedBoard, start: Starter, heard: Heard) -> None:
    thread = start(modbus)
    modbus.act("unplug")
    heard.wait_failed()
    for count in range(4 * MAX_LOCK_COMMANDS):
        thread.hold(0, count % 2 == 0)
    modbus.act("plug")
    heard.wait_recovered()
    assert energised(modbus) == []


def test_a_pattern_lights_its_channels_and_leaves_them_dark(sim: SimulatedBoard, start: Starter, heard: Heard) -> None:
    thread = start(sim)
    moves = watch(sim)
    thread.indicate("hall-in", (Step(0.0, 5, 2), Step(0.0, 6, 1), Step(0.5, 5, 2)))
    wait_until(lambda: len(moves) == 6, "the pattern")
    assert [move for move in moves if move[0] == 5] == [(5, True), (5, False)] * 2
    assert [move for move in moves if move[0] == 6] == [(6, True), (6, False)]
    assert heard.failures() == []


def test_a_new_pattern_ends_the_one_before(sim: SimulatedBoard, start: Starter, heard: Heard) -> None:
    thread = start(sim)
    thread.indicate("hall-in", (Step(0.0, 5, 100), Step(1.0, 6, 100)))
    wait_until(lambda: energised(sim) == [5])
    thread.indicate("hall-in", (Step(0.0, 4, 100),))
    wait_until(lambda: energised(sim) == [4])
    thread.indicate("hall-in", ())
    wait_until(lambda: energised(sim) == [])
    assert heard.failures() == []


def test_a_lit_indicator_is_not_taken_for_a_stuck_relay(modbus: SimulatedBoard, start: Starter, heard: Heard) -> None:
    thread = start(modbus)
    thread.indicate("hall-in", (Step(0.0, 5, 15),))
    wait_until(lambda: energised(modbus) == [5])
    wait_until(lambda: energised(modbus) == [])  # over more than one verification
    assert heard.failures() == []


def test_stopping_while_the_board_is_away_does_not_wait_for_it(modbus: SimulatedBoard, start: Starter) -> None:
    thread = start(modbus)
    modbus.act("silent")
    assert thread.stop(5.0)


def test_what_is_held_before_the_start_is_never_dropped_by_the_opening(modbus: SimulatedBoard, heard: Heard) -> None:
    modbus.relays.set(0, True, 0.0)  # as the process before left it: released by fire
    moves = watch(modbus)
    thread = BoardThread("relay-1", board_for(modbus), heard)
    thread.hold(0, True)
    thread.start()
    try:
        assert thread.wait_settled(5.0)
        assert energised(modbus) == [0]
        assert moves == []
    finally:
        assert thread.stop(5.0)


def test_an_error_of_the_driver_puts_the_outputs_to_rest_is_told_and_the_board_works_on(
    modbus: SimulatedBoard, start: Starter, heard: Heard
) -> None:
    thread = start(modbus)
    thread.pulse(1, True, 100, True)
    wait_until(lambda: energised(modbus) == [1])
    thread.hold(99, True)
    assert "driver error IndexError" in heard.wait_failed()
    heard.wait_recovered()
    assert energised(modbus) == []
    thread.hold(0, True)
    wait_until(lambda: energised(modbus) == [0])


def test_a_transient_fault_never_drops_the_lock_of_a_fail_safe_door_nor_what_fire_holds(
    sim: SimulatedBoard, start: Starter, heard: Heard
) -> None:
    thread = start(sim, frozenset({0, 2}))
    thread.hold(1, True)  # fire: a fail-secure door released
    thread.hold(2, False)  # and a fail-safe one
    wait_until(lambda: energised(sim) == [0, 1])
    moves = watch(sim)
    for times in (1, 2):
        thread.hold(99, True)  # the quickest fault of all: the board itself answers on
        wait_until(lambda: len(heard.failures()) == times, "the fault")  # noqa: B023 - waited for within the round
        heard.wait_recovered()
    assert energised(sim) == [0, 1]
    assert moves == []


@pytest.mark.parametrize("late_s", [0.35, 0.7])
def test_answers_that_come_too_late_never_move_a_lock(
    late_s: float, modbus: SimulatedBoard, start: Starter, heard: Heard
) -> None:
    """A machine under load: the board obeys, its answers come after the time-out and among those to later questions."""
    start(modbus, frozenset({0, 2}), locks=frozenset({0, 2}))
    moves = watch(modbus)
    late = Late(late_s, Random(1), times=4)
    modbus.line.to_host.set(late)
    wait_until(lambda: late.struck == 4, "the late answers")
    set_input(modbus, 3, True)
    wait_until(lambda: heard.levels(3)[-1:] == [True], "an input after it")
    assert energised(modbus) == [0, 2]
    assert moves == []


def test_questions_and_answers_mixed_up_never_move_a_lock(modbus: SimulatedBoard, start: Starter, heard: Heard) -> None:
    start(modbus, frozenset({0, 2}), locks=frozenset({0, 2}))
    moves = watch(modbus)
    random = Random(2)
    modbus.line.to_device.set(Late(0.4, random, 0.5, times=3), Duplicate(random, 0.5, times=3))
    modbus.line.to_host.set(Garbage(random, 0.5, times=3), Late(0.4, random, 0.5, times=3), Drop(random, 0.3, times=3))
    heard.wait_failed()
    heard.wait_recovered()
    assert energised(modbus) == [0, 2]
    assert moves == []
