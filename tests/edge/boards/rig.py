"""A driver under test on one end of a pty, a simulated board on the other."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from time import monotonic

from edge.boards.board import Board
from edge.boards.drivers import DRIVERS
from sim.boards.board import DEFAULT_BAUD, SimulatedBoard

WAIT_S = 60.0


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


def wait_until(condition: Callable[[], bool], what: str = "the condition") -> None:
    """Bounded wait; fails the test by name."""
    give_up = monotonic() + WAIT_S
    pause = Event()
    while not condition():
        assert monotonic() < give_up, f"{what} did not come within {WAIT_S} s"
        pause.wait(0.005)
