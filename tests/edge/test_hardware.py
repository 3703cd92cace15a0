"""The wiring: doors, indicators and inputs over a simulated Modbus board, and what a latching board changes."""

from collections.abc import Iterator
from pathlib import Path
from threading import Lock

import pytest

from controller.now import SECOND_US
from edge.clock import mono_us
from edge.config import EdgeConfig, parse_config
from edge.hardware import Hardware, HardwareStimulus
from edge.ports import DeviceChanged, InputChanged, LockRead, Locks
from sim.boards.board import SimulatedBoard
from tests.edge.boards.rig import energise_all, energised, set_input, simulated, wait_until, watch

TOML = """
site = "demo"
edge = "edge-1"
state_dir = "state"
bundle = "b"
[broker]
url = "mqtt://127.0.0.1"
[[boards]]
id = "relay-1"
driver = "{driver}"
port = "{port}"
[[doors]]
id = "strike"
lock = {{board = "relay-1", channel = 0}}
relock_by = "{relock_by}"
accept_stuck_unlock = true
egress = "mechanical"
{inputs}
[[doors]]
id = "magnet"
lock = {{board = "relay-1", channel = 1}}
fail = "safe"
relock_by = "{relock_by}"
egress = "hardwired"
[[readers]]
id = "reader"
access_point = "in"
driver = "pn532"
port = "/dev/reader"
green = {{board = "relay-1", channel = 4}}
red = {{board = "relay-1", channel = 5}}
buzzer = {{board = "relay-1", channel = 6}}
"""
INPUTS = """
contact = {board = "relay-1", input = 0, active = "open"}
rex = {board = "relay-1", input = 1, active = "closed"}
[[fire]]
zone = "z1"
input = {board = "relay-1", input = 7, active = "open"}
"""


def config_for(sim: SimulatedBoard) -> EdgeConfig:
    timed = sim.driver == "modbus-rtu"
    return parse_config(
        TOML.format(
            driver=sim.driver,
            port=sim.line.link_path,
            relock_by="board" if timed else "edge",
            inputs=INPUTS if timed else "",
        )
    )


class Heard:
    def __init__(self) -> None:
        self._lock = Lock()
        self._stimuli: list[HardwareStimulus] = []

    def __call__(self, stimulus: HardwareStimulus) -> None:
        with self._lock:
            self._stimuli.append(stimulus)

    def all(self) -> list[HardwareStimulus]:
        with self._lock:
            return list(self._stimuli)

    def inputs(self, kind: str) -> list[bool]:
        return [each.active for each in self.all() if isinstance(each, InputChanged) and each.kind == kind]

    def locks(self, door: str) -> list[tuple[bool, bool]]:
        """(unlocked, asked) as told."""
        return [(each.unlocked, each.asked) for each in self.all() if isinstance(each, LockRead) and each.door == door]

    def wait_lock(self, door: str, unlocked: bool) -> None:
        """Until the last word is this, where locked was asked."""
        wait_until(lambda: self.locks(door)[-1] == (unlocked, False), f"{door} told as {'un' * unlocked}locked")

    def devices(self) -> list[bool]:
        return [each.working for each in self.all() if isinstance(each, DeviceChanged)]


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture(params=["modbus-rtu", "kmtronic", "lcus"])
def sim(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SimulatedBoard]:
    with simulated(request.param, tmp_path) as sim:
        yield sim


@pytest.fixture
def hardware(sim: SimulatedBoard, heard: Heard) -> Iterator[Hardware]:
    hardware = Hardware(config_for(sim), heard)
    energise_all(sim)
    hardware.start()
    wait_until(lambda: energised(sim) == [1], "outputs at rest, the magnet's lock energised")
    yield hardware
    assert hardware.stop(5.0) == []


@pytest.fixture
def modbus(tmp_path: Path) -> Iterator[SimulatedBoard]:
    with simulated("modbus-rtu", tmp_path) as sim:
        set_input(sim, 0, True)  # the door is closed
        set_input(sim, 7, True)  # the fire loop is whole
        yield sim


def test_it_is_what_the_agent_calls_locks(hardware: Hardware) -> None:
    locks: Locks = hardware
    assert locks is hardware


def test_a_strike_is_energised_and_a_magnet_released_to_unlock(hardware: Hardware, sim: SimulatedBoard) -> None:
    moves = watch(sim)
    hardware.unlock("strike", 300_000)
    wait_until(lambda: (0, True) in moves, "the strike's unlock")
    wait_until(lambda: energised(sim) == [1], "the strike's lock")
    hardware.unlock("magnet", 300_000)
    wait_until(lambda: (1, False) in moves, "the magnet's unlock")
    wait_until(lambda: energised(sim) == [1], "the magnet's lock")


def test_an_unlock_that_waited_as_long_as_a_late_read_opens_nothing_and_is_told(
    hardware: Hardware, sim: SimulatedBoard, heard: Heard
) -> None:
    hardware.unlock("strike", 60 * SECOND_US, mono_us() - 3 * SECOND_US)
    wait_until(lambda: any("came too late" in s.cause for s in heard.all() if isinstance(s, DeviceChanged)))
    assert energised(sim) == [1]
    hardware.unlock("strike", 60 * SECOND_US, mono_us())
    wait_until(lambda: energised(sim) == [0, 1])


def test_a_lock_that_stays_unlocked_is_told_as_such_for_a_strike_and_for_a_magnet(
    hardware: Hardware, sim: SimulatedBoard, heard: Heard
) -> None:
    at_rest = [(False, False)] if sim.driver != "lcus" else []
    wait_until(lambda: (heard.locks("strike"), heard.locks("magnet")) == (at_rest, at_rest), "one word at the start")
    hardware.unlock("strike", 2 * SECOND_US)
    hardware.unlock("magnet", 2 * SECOND_US)
    wait_until(lambda: energised(sim) == [0], "both unlocked")
    sim.act("stuck")
    if sim.driver == "lcus":
        return  # it cannot be asked
    for door in ("strike", "magnet"):
        heard.wait_lock(door, unlocked=True)
    sim.act("normal")
    for door in ("strike", "magnet"):
        heard.wait_lock(door, unlocked=False)


def test_fire_holds_both_kinds_of_door_unlocked_until_they_are_locked(hardware: Hardware, sim: SimulatedBoard) -> None:
    hardware.hold_unlocked("strike")
    hardware.hold_unlocked("magnet")
    wait_until(lambda: energised(sim) == [0])
    hardware.unlock("strike", 100_000)
    hardware.indicate("in", "granted")
    wait_until(lambda: energised(sim) == [0, 4])
    wait_until(lambda: energised(sim) == [0])
    hardware.lock("strike")
    hardware.lock("magnet")
    wait_until(lambda: energised(sim) == [1])


@pytest.mark.parametrize(
    ("pattern", "channels"), [("granted", {4}), ("denied", {5, 6}), ("pending", {4}), ("alarm", {5})]
)
def test_each_pattern_lights_its_channels_and_off_darkens_them(
    modbus: SimulatedBoard, heard: Heard, pattern: str, channels: set[int]
) -> None:
    hardware = Hardware(config_for(modbus), heard)
    hardware.start()
    wait_until(lambda: energised(modbus) == [1], "the outputs at rest")
    lit: set[int] = set()
    modbus.relays.on_output = lambda channel, on, _at_s: lit.add(channel) if on else None
    hardware.indicate("in", pattern)  # type: ignore[arg-type]
    wait_until(lambda: lit >= channels, "the pattern")
    hardware.indicate("in", "off")
    wait_until(lambda: energised(modbus) == [1])
    assert lit == channels
    hardware.indicate("where no reader is", "granted")
    assert hardware.stop(5.0) == []


def test_inputs_are_told_by_meaning_with_all_levels_at_the_start(modbus: SimulatedBoard, heard: Heard) -> None:
    hardware = Hardware(config_for(modbus), heard)
    hardware.start()
    assert {(each.kind, each.subject, each.active) for each in heard.all() if isinstance(each, InputChanged)} == {
        ("contact", "strike", False),
        ("rex", "strike", False),
        ("fire", "z1", False),
    }
    set_input(modbus, 0, False)
    set_input(modbus, 1, True)
    set_input(modbus, 7, False)
    wait_until(lambda: all(heard.inputs(kind) == [False, True] for kind in ("contact", "rex", "fire")))
    assert hardware.stop(5.0) == []


def test_a_board_that_fell_out_is_told_with_a_technicians_line(modbus: SimulatedBoard, heard: Heard) -> None:
    hardware = Hardware(config_for(modbus), heard)
    hardware.start()
    modbus.act("unplug")
    wait_until(lambda: heard.devices() == [False])
    told = next(each for each in heard.all() if isinstance(each, DeviceChanged))
    assert (told.device, told.kind) == ("relay-1", "board")
    assert "check" in told.cause
    modbus.act("plug")
    wait_until(lambda: heard.devices() == [False, True])
    assert hardware.stop(5.0) == []


def test_stopping_puts_everything_to_rest_the_magnet_included(sim: SimulatedBoard, heard: Heard) -> None:
    hardware = Hardware(config_for(sim), heard)
    hardware.start()
    hardware.hold_unlocked("strike")
    wait_until(lambda: energised(sim) == [0, 1])
    assert hardware.stop(5.0) == []
    wait_until(lambda: energised(sim) == [])


LOCKDOWN = """
[[lockdown]]
input = {{board = "relay-1", input = 5, active = "closed"}}
[[lockdown]]
area = "hall"
input = {{board = "relay-1", input = 6, active = "open"}}
"""


@pytest.fixture
def wired(modbus: SimulatedBoard, heard: Heard) -> Iterator[Hardware]:
    text = (TOML + LOCKDOWN).format(driver="modbus-rtu", port=modbus.line.link_path, relock_by="board", inputs=INPUTS)
    hardware = Hardware(parse_config(text), heard)
    hardware.start()
    yield hardware
    assert hardware.stop(5.0) == []


@pytest.mark.usefixtures("wired")
def test_a_button_that_is_held_when_the_board_comes_back_counts_as_pressed(
    modbus: SimulatedBoard, heard: Heard
) -> None:
    modbus.act("unplug")
    wait_until(lambda: heard.devices() == [False], "the fault")
    set_input(modbus, 1, True)
    modbus.act("plug")
    wait_until(lambda: heard.inputs("rex")[-1], "the button")


@pytest.mark.usefixtures("wired")
def test_a_lockdown_button_tells_its_area(modbus: SimulatedBoard, heard: Heard) -> None:
    wait_until(lambda: InputChanged("lockdown", "hall", True) in heard.all())
    assert InputChanged("lockdown", "", False) in heard.all()
    set_input(modbus, 5, True)
    wait_until(lambda: InputChanged("lockdown", "", True) in heard.all())


@pytest.mark.usefixtures("wired")
def test_a_lockdown_button_pressed_while_its_board_is_dead_is_heard_when_it_is_back(
    modbus: SimulatedBoard, heard: Heard
) -> None:
    modbus.act("unplug")
    wait_until(lambda: heard.devices() == [False], "the fault")
    set_input(modbus, 5, True)
    assert InputChanged("lockdown", "", True) not in heard.all()
    modbus.act("plug")
    wait_until(lambda: InputChanged("lockdown", "", True) in heard.all(), "the button")


def test_a_degraded_reader_blips_red_beneath_all_else_until_off(
    wired: Hardware, modbus: SimulatedBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.hardware.BLIP_EVERY_S", 0.8)
    lit: list[int] = []
    modbus.relays.on_output = lambda channel, on, _at_s: lit.append(channel) if on else None
    wired.indicate("in", "degraded")
    wait_until(lambda: lit.count(5) >= 2, "the blip, twice")
    wired.indicate("in", "granted")
    wait_until(lambda: 4 in lit, "granted")
    before = lit.count(5)
    wait_until(lambda: lit.count(5) > before, "the blip again")
    wired.indicate("in", "off")
    wait_until(lambda: energised(modbus) == [1])
