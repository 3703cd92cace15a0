"""How the simulated hardware is wired: the part of ``edge.toml`` (docs/interfaces.md) that copper would know.

The simulator reads the same file as the edge, with its own eyes; keys that concern the edge alone are passed over.
"""

import tomllib
from collections import Counter
from typing import Literal

import msgspec

Level = Literal["open", "closed"]
RELAYS = 8
INPUTS = {"modbus-rtu": 8, "kmtronic": 0, "lcus": 0}
"""Digital inputs of each board, by its driver."""


class WiringError(ValueError):
    """The file cannot be wired. One line: what and where."""


class Output(msgspec.Struct, frozen=True):
    """A relay of a board."""

    board: str
    channel: int


class Input(msgspec.Struct, frozen=True):
    """A digital input of a board. ``active``: which state of the circuit means open, pressed or alarm."""

    board: str
    input: int
    active: Level

    def current_flows(self, active: bool) -> bool:
        """The level on the board's terminal while the fact holds or not."""
        return active == (self.active == "closed")


class BoardWiring(msgspec.Struct, frozen=True):
    """One relay board."""

    id: str
    driver: str
    baud: int | None = None
    unit: int = 1


class DoorWiring(msgspec.Struct, frozen=True):
    """One door. ``fail`` secure is a strike (energise to unlock), safe a magnet (energise to lock)."""

    id: str
    lock: Output
    fail: Literal["secure", "safe"] = "secure"
    relock_by: Literal["board", "edge"] = "board"
    egress: Literal["mechanical", "hardwired"] = "mechanical"
    contact: Input | None = None
    rex: Input | None = None
    tamper: Input | None = None
    fire_zones: tuple[str, ...] = ()


class ReaderWiring(msgspec.Struct, frozen=True):
    """One reader and the channels that stand for its LEDs and buzzer. A desk's reader serves no access point."""

    id: str
    access_point: str = ""
    driver: str = "pn532"
    green: Output | None = None
    red: Output | None = None
    buzzer: Output | None = None


class ScannerWiring(msgspec.Struct, frozen=True):
    """One barcode scanner at an access point, with the ending that it is set to."""

    id: str
    access_point: str
    driver: str = "serial-scanner"
    baud: int = 9600
    terminator: Literal["auto", "cr", "lf", "crlf", "tab", "stx-etx"] = "auto"
    green: Output | None = None
    red: Output | None = None
    buzzer: Output | None = None


class ZoneWiring(msgspec.Struct, frozen=True):
    """A fire or gas zone's loop."""

    zone: str
    input: Input


class LockdownWiring(msgspec.Struct, frozen=True):
    """A lockdown button of an area, or, empty, of the site."""

    input: Input
    area: str = ""

    @property
    def zone(self) -> str:
        return self.area


class Wiring(msgspec.Struct, frozen=True):
    """The whole hall."""

    boards: tuple[BoardWiring, ...] = ()
    doors: tuple[DoorWiring, ...] = ()
    readers: tuple[ReaderWiring, ...] = ()
    scanners: tuple[ScannerWiring, ...] = ()
    fire: tuple[ZoneWiring, ...] = ()
    gas: tuple[ZoneWiring, ...] = ()
    lockdown: tuple[LockdownWiring, ...] = ()

    def outputs(self) -> list[tuple[str, Output]]:
        """Every relay in use, with what hangs on it."""
        used = [(f"lock of {door.id}", door.lock) for door in self.doors]
        units: tuple[ReaderWiring | ScannerWiring, ...] = (*self.readers, *self.scanners)
        for unit in units:
            for name in ("green", "red", "buzzer"):
                output: Output | None = getattr(unit, name)
                if output is not None:
                    used.append((f"{name} of {unit.id}", output))
        return used

    def inputs(self) -> list[tuple[str, Input]]:
        """Every digital input in use, with what hangs on it."""
        used = []
        for door in self.doors:
            for name in ("contact", "rex", "tamper"):
                wired: Input | None = getattr(door, name)
                if wired is not None:
                    used.append((f"{name} of {door.id}", wired))
        used += [(f"fire zone {each.zone}", each.input) for each in self.fire]
        used += [(f"gas zone {each.zone}", each.input) for each in self.gas]
        used += [(f"lockdown of {each.area or 'the site'}", each.input) for each in self.lockdown]
        return used


def parse_wiring(text: str, where: str = "edge.toml") -> Wiring:
    """Read the wiring out of an edge.toml. Raises :class:`WiringError` for what cannot be: an unknown board, a terminal that
    the board does not have, two things on one terminal, a name used twice."""
    try:
        wiring = msgspec.convert(tomllib.loads(text), Wiring)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise WiringError(f"{where}: {error}") from error
    used = [each.id for group in (wiring.boards, wiring.doors, wiring.readers) for each in group]
    names = Counter([*used, *(scanner.id for scanner in wiring.scanners)])
    for name, times in names.items():
        if times > 1:
            raise WiringError(
                f"{where}: the name {name!r} is used {times} times; devices and doors need different names"
            )
    boards = {board.id: board.driver for board in wiring.boards}
    for board in wiring.boards:
        if board.driver not in INPUTS:
            raise WiringError(
                f"{where}: board {board.id}: no simulated board speaks {board.driver!r}; {', '.join(INPUTS)} do"
            )
    taken: dict[tuple[str, str, int], str] = {}
    terminals = [(what, "relay", output.board, output.channel) for what, output in wiring.outputs()]
    terminals += [(what, "input", wired.board, wired.input) for what, wired in wiring.inputs()]
    for what, kind, board_id, number in terminals:
        if board_id not in boards:
            raise WiringError(f"{where}: {what}: there is no board {board_id!r}; there are {', '.join(sorted(boards))}")
        count = INPUTS[boards[board_id]] if kind == "input" else RELAYS
        if not 0 <= number < count:
            raise WiringError(f"{where}: {what}: {board_id} has no {kind} {number}; it has {count}, counted from 0")
        if (other := taken.setdefault((kind, board_id, number), what)) != what:
            raise WiringError(f"{where}: {kind} {number} of {board_id} is wired to both {other} and {what}")
    return wiring


def together(wiring: Wiring, readers: tuple[ReaderWiring, ...], where: str) -> Wiring:
    """The hall with the readers of another file beside its own. Raises :class:`WiringError` for a name used twice, or a reader there
    that serves an access point."""
    taken = {each.id for group in (wiring.boards, wiring.doors, wiring.readers, wiring.scanners) for each in group}
    for reader in readers:
        if reader.id in taken:
            raise WiringError(f"{where}: the name {reader.id!r} is used in edge.toml already")
        if reader.access_point:
            raise WiringError(
                f"{where}: reader {reader.id}: a desk's reader serves no access point; remove access_point"
            )
    return msgspec.structs.replace(wiring, readers=(*wiring.readers, *readers))
