"""A pattern shows on the lamps of an access point's reader and of its scanners, on whatever boards they hang."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.config import parse_config
from edge.hardware import Hardware
from sim.boards.board import SimulatedBoard
from sim.indicators import Lamp, LampChange, read_indicator
from tests.edge.boards.rig import energised, simulated, wait_until
from tests.edge.test_hardware import INPUTS, TOML

SCANNER = """
[[scanners]]
id = "scanner"
access_point = "{point}"
driver = "serial-scanner"
port = "/dev/scanner"
green = {{board = "relay-1", channel = 2}}
red = {{board = "relay-1", channel = 3}}
buzzer = {{board = "relay-1", channel = 7}}
"""
LAMPS: dict[int, tuple[str, Lamp]] = {
    2: ("scanner", "green"), 3: ("scanner", "red"), 7: ("scanner", "buzzer"),
    4: ("reader", "green"), 5: ("reader", "red"), 6: ("reader", "buzzer"),
}  # fmt: skip


class Wall:
    """What is lit, as somebody sees it who stands before it."""

    def __init__(self, board: SimulatedBoard, point: str) -> None:
        self.board = board
        self.seen: dict[str, list[LampChange]] = {"reader": [], "scanner": []}
        text = TOML.format(driver="modbus-rtu", port=board.line.link_path, relock_by="board", inputs=INPUTS)
        self.hardware = Hardware(parse_config(text + SCANNER.format(point=point)), lambda _fact: None)
        self.hardware.start()
        board.relays.on_output = self._lit

    def shown(self, unit: str) -> str | None:
        return read_indicator(list(self.seen[unit]), 0.0, self.board.line.now())

    def buzzed(self, unit: str) -> bool:
        return any(change.lamp == "buzzer" and change.on for change in list(self.seen[unit]))

    def _lit(self, channel: int, on: bool, at_s: float) -> None:
        if channel in LAMPS:
            unit, lamp = LAMPS[channel]
            self.seen[unit].append(LampChange(lamp, on, at_s))


@pytest.fixture(params=["in", "out"])
def wall(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Wall]:
    """The scanner beside the reader, and one at a point that has no reader."""
    with simulated("modbus-rtu", tmp_path) as board:
        wall = Wall(board, request.param)
        yield wall
        assert wall.hardware.stop(5.0) == []


@pytest.mark.parametrize("pattern", ["accepted", "denied", "pending", "granted", "alarm"])
def test_a_pattern_shows_at_the_scanner_as_it_does_at_the_reader(
    wall: Wall, pattern: str, request: pytest.FixtureRequest
) -> None:
    point = request.node.callspec.params["wall"]
    wall.hardware.indicate(point, pattern)  # type: ignore[arg-type]
    wait_until(lambda: wall.shown("scanner") == pattern)
    if point == "in":
        wait_until(lambda: wall.shown("reader") == pattern)
    else:
        assert not any(change.on for change in wall.seen["reader"])
    if pattern in ("accepted", "denied"):
        wait_until(lambda: wall.buzzed("scanner"), "the buzzer")
    else:
        assert not wall.buzzed("scanner")
    wall.hardware.indicate(point, "off")
    wait_until(lambda: energised(wall.board) == [1])


@pytest.mark.parametrize("wall", ["in"], indirect=True)
def test_what_is_accepted_shows_at_the_scanner_first(wall: Wall) -> None:
    def lit_at_s(unit: str) -> list[float]:
        return [change.at_s for change in list(wall.seen[unit]) if change.lamp == "green" and change.on]

    wall.hardware.indicate("in", "accepted")
    wait_until(lambda: bool(lit_at_s("scanner")) and bool(lit_at_s("reader")))
    assert lit_at_s("scanner")[0] < lit_at_s("reader")[0]


def test_degraded_is_about_badges_and_stays_off_the_scanner(wall: Wall, request: pytest.FixtureRequest) -> None:
    point = request.node.callspec.params["wall"]
    wall.hardware.indicate(point, "degraded")
    wall.hardware.indicate(point, "accepted")
    wait_until(lambda: wall.shown("scanner") == "accepted")
    assert not [change for change in wall.seen["scanner"] if change.lamp == "red" and change.on]
