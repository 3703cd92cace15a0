"""A driver under test on one end of a pty, a simulated board on the other."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from time import monotonic

from edge.boards.board import Board
from edge.boards.drivers import DRIVERS
from sim.boards.board import DEFAULT_BAUD, SimulatedBoard

WAIT_S = 25.0
"""Four tries of a test that waits in vain (tests/standstill.py) fit into the time that one test has."""


@contextmanager
def simulated(driver: str, folder: Path, baud: int = 0) -> Iterator[SimulatedBoard]:
    sim = SimulatedBoard("relay-1", driver, folder / "relay-1", baud or DEFAULT_BAUD[driver])
    sim.line.start()
    try:
        yield sim
    finally:
        sim.line.stop()


def board_for(sim: SimulatedBoard) -> Board:
    return DRIVERS[sim.driver].make(str(sim.line.link_path), sim.line.baud, 1)


def outputs(sim: SimulatedBoard) -> list[bool]:
    """Where the relays are, in the line's own thread: after all bytes that have arrived."""
    seen: list[list[bool]] = []

    def look() -> None:
        sim.relays.advance(sim.line.now())
        seen.append(list(sim.relays.outputs))

    sim.line.call(look)
    return seen[0]


def energised(sim: SimulatedBoard) -> list[int]:
    return [channel for channel, on in enumerate(outputs(sim)) if on]


def energise_all(sim: SimulatedBoard) -> None:
    """As a killed predecessor may have left them."""

    def energise() -> None:
        for channel in range(8):
            sim.relays.set(channel, True, sim.line.now())

    sim.line.call(energise)


def set_input(sim: SimulatedBoard, number: int, closed: bool) -> None:
    sim.line.call(lambda: sim.relays.inputs.__setitem__(number, closed))


def watch(sim: SimulatedBoard) -> list[tuple[int, bool]]:
    """Relay movements from here on; what the board was asked before may still be on the wire."""
    moves: list[tuple[int, bool]] = []
    levels = list(sim.relays.outputs)

    def moved(channel: int, on: bool, _at_s: float) -> None:
        if levels[channel] != on:
            levels[channel] = on
            moves.append((channel, on))

    sim.relays.on_output = moved
    return moves


def stick_when_on(sim: SimulatedBoard, channel: int) -> None:
    """From the moment on in which this relay is energised, the relays no longer move: no pulse is over before."""

    def moved(moved_channel: int, on: bool, at_s: float) -> None:
        if (moved_channel, on) == (channel, True):
            sim.relays.on_output = lambda _channel, _on, _at_s: None
            sim.relays.stick(True, at_s)

    sim.relays.on_output = moved


def wait_until(condition: Callable[[], bool], what: str = "the condition") -> None:
    """Bounded wait; fails the test by name."""
    give_up = monotonic() + WAIT_S
    pause = Event()
    while not condition():
        assert monotonic() < give_up, f"{what} did not come within {WAIT_S} s"
        pause.wait(0.005)
