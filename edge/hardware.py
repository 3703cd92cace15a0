"""The wiring: doors and indicators to board channels, board inputs to what they mean (``edge.toml``; MEANINGS 27-29).

========== ================== =================== ====================================
door       locked             unlocked            without edge or power (its ``fail``)
========== ================== =================== ====================================
secure     released (rest)    energised           locked
safe       energised          released            unlocked
========== ================== =================== ====================================

While the edge runs, the lock of a fail-safe door is energised from the first moment that the board is open, and stays so
through a restart (the board holds it) or a crash. An orderly stop puts every output to rest: a fail-safe door then opens.
"""

from collections.abc import Callable, Iterable, Mapping
from time import monotonic

from controller.actions import Pattern
from controller.now import SECOND_US
from edge.boards.board import Board
from edge.boards.board_thread import BoardFact, BoardFailed, BoardRecovered, BoardThread, InputLevel, RelayRead
from edge.boards.drivers import DRIVERS
from edge.boards.indicators import Step
from edge.boards.modbus_rtu import MAX_PULSE_TENTHS
from edge.clock import mono_us
from edge.config import BoardLine, DoorLine, EdgeConfig, InputLine, Output, ReaderLine, ScannerLine
from edge.ports import DeviceChanged, InputChanged, LockRead

START_TIMEOUT_S = 2.0
STOP_TIMEOUT_S = 1.0
TENTH_US = 100_000
GRANTED_TENTHS = 10
DENIED_TENTHS = 10
BUZZER_TENTHS = 3
ACCEPTED_TENTHS = 3
ACCEPTED_BUZZER_TENTHS = 1
BLINK_ON_TENTHS = 2
BLINK_PERIOD_S = 0.5
ALARM_S = 3.0
BLIP_TENTHS = 1
BLIP_EVERY_S = 10.0
"""``degraded`` lasts: a short blip now and then, beneath all other patterns, until ``off``."""
PENDING_S = 30.0
"""How long ``pending`` blinks when nothing follows; the agent ends it with the window."""
_STEADY_TENTHS: dict[tuple[str, Pattern], int] = {
    ("green", "granted"): GRANTED_TENTHS,
    ("red", "denied"): DENIED_TENTHS,
    ("buzzer", "denied"): BUZZER_TENTHS,
    ("green", "accepted"): ACCEPTED_TENTHS,
    ("buzzer", "accepted"): ACCEPTED_BUZZER_TENTHS,
}

HardwareStimulus = InputChanged | DeviceChanged | LockRead


def make_board(line: BoardLine) -> Board:
    """The driver's board for a checked line of ``edge.toml``; not opened yet."""
    driver = DRIVERS[line.driver]
    return driver.make(line.port, line.baud or driver.default_baud, line.unit)


class Hardware:
    """Implements :class:`edge.ports.Locks` over the boards of a configuration.

    ``deliver`` gets :class:`InputChanged`, :class:`DeviceChanged` and :class:`LockRead` from the boards' threads: it must not raise. At
    the start, and after each reopening, every input and lock is told once, so that the agent knows all levels. ``clock_us``: boot time.
    """

    def __init__(
        self,
        config: EdgeConfig,
        deliver: Callable[[HardwareStimulus], object],
        make: Callable[[BoardLine], Board] = make_board,
        clock_us: Callable[[], int] = mono_us,
    ) -> None:
        self._deliver = deliver
        self._clock_us = clock_us
        self._doors = {door.id: door for door in config.doors}
        self._readers = {reader.access_point or reader.id: reader for reader in config.readers}
        self._shown_at: dict[str, tuple[ReaderLine | ScannerLine, ...]] = {
            point: (reader,) for point, reader in self._readers.items()
        }
        for scanner in config.scanners:
            self._shown_at[scanner.access_point] = (*self._shown_at.get(scanner.access_point, ()), scanner)
        self._meanings = _input_meanings(config)
        self._by_lock = {(door.lock.board, door.lock.channel): door for door in config.doors}
        self._boards: dict[str, BoardThread] = {}
        for line in config.boards:
            held = frozenset(d.lock.channel for d in config.doors if d.lock.board == line.id and d.fail == "safe")
            locks = frozenset(channel for board, channel in self._by_lock if board == line.id)
            self._boards[line.id] = BoardThread(line.id, make(line), self._hear, held, locks)

    def start(self, timeout_s: float = START_TIMEOUT_S) -> None:
        """Start the boards and wait, boundedly, until each has its outputs at rest or has failed."""
        for board in self._boards.values():
            board.start()
        deadline = monotonic() + timeout_s
        for board in self._boards.values():
            board.wait_settled(max(0.0, deadline - monotonic()))

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> list[str]:
        """All outputs to rest, all threads ended. Returns the boards that did not let go in time."""
        deadline = monotonic() + timeout_s
        for board in self._boards.values():
            board.ask_to_stop()
        return [name for name, board in self._boards.items() if not board.stop(max(0.0, deadline - monotonic()))]

    def unlock(self, door: str, unlock_us: int, decided_mono_us: int | None = None) -> None:
        line = self._doors[door]
        tenths = max(1, min(-(-unlock_us // TENTH_US), MAX_PULSE_TENTHS))
        age_s = 0.0 if decided_mono_us is None else max(0.0, (self._clock_us() - decided_mono_us) / SECOND_US)
        level, by_board = _unlocked_level(line), line.relock_by == "board"
        self._board_of(line).pulse(line.lock.channel, level, tenths, by_board, age_s, way_out=decided_mono_us is None)

    def hold_unlocked(self, door: str) -> None:
        line = self._doors[door]
        self._board_of(line).hold(line.lock.channel, _unlocked_level(line))

    def lock(self, door: str) -> None:
        line = self._doors[door]
        self._board_of(line).hold(line.lock.channel, not _unlocked_level(line))

    def indicate(self, access_point: str, pattern: Pattern) -> None:
        """Show a pattern on the LEDs and buzzers of the reader and the scanners there, as docs/interfaces.md says; ``degraded``, which
        is about badges, on the reader's alone. Neither there: nothing. A desk's reader goes by its own id."""
        reader = self._readers.get(access_point)
        red = reader.red if reader is not None else None
        if pattern == "degraded":
            if red is not None:
                self._boards[red.board].remind(access_point, red.channel, BLIP_TENTHS, BLIP_EVERY_S)
            return
        if pattern == "off" and red is not None:
            self._boards[red.board].forget(access_point)
        units = self._shown_at.get(access_point, ())
        if pattern == "accepted":
            units = units[
                ::-1
            ]  # that was scanned: who waits looks at the scanner, and each lamp takes an exchange of 3 ms
        for board, steps in _steps(units, pattern).items():
            self._boards[board].indicate(access_point, steps)

    def _board_of(self, door: DoorLine) -> BoardThread:
        return self._boards[door.lock.board]

    def _hear(self, fact: BoardFact) -> None:
        match fact:
            case InputLevel(board, number, closed):
                meaning = self._meanings.get((board, number))
                if meaning is not None:
                    kind, subject, active_when_closed = meaning
                    self._deliver(InputChanged(kind, subject, closed == active_when_closed))
            case RelayRead(board, channel, on, asked):
                door = self._by_lock[board, channel]
                level = _unlocked_level(door)
                self._deliver(LockRead(door.id, on == level, asked == level))
            case BoardFailed(board, cause):
                self._deliver(DeviceChanged(board, "board", False, cause))
            case BoardRecovered(board):
                self._deliver(DeviceChanged(board, "board", True))


def _unlocked_level(door: DoorLine) -> bool:
    """Whether current means unlocked."""
    return door.fail == "secure"


def _input_meanings(config: EdgeConfig) -> Mapping[tuple[str, int], tuple[str, str, bool]]:
    """(board, input) → (kind, subject, whether a closed circuit is the active one)."""
    lines: list[tuple[str, str, InputLine | None]] = []
    for door in config.doors:
        lines += [("contact", door.id, door.contact), ("rex", door.id, door.rex), ("tamper", door.id, door.tamper)]
    lines += [("fire", zone.zone, zone.input) for zone in config.fire]
    lines += [("gas", zone.zone, zone.input) for zone in config.gas]
    lines += [("lockdown", line.area, line.input) for line in config.lockdown]
    for box in config.enclosures:
        lines += [("tamper", box.id, box.tamper), ("mains", box.id, box.mains), ("battery", box.id, box.battery)]
    return {(line.board, line.input): (kind, subject, line.active == "closed") for kind, subject, line in lines if line}


def _steps(units: Iterable[ReaderLine | ScannerLine], pattern: Pattern) -> dict[str, tuple[Step, ...]]:
    """The pattern for each board that has a channel of these; an empty tuple darkens what is there."""
    steps: dict[str, list[Step]] = {}
    for unit in units:
        for lamp in ("green", "red", "buzzer"):
            output: Output | None = getattr(unit, lamp)
            if output is not None:
                steps.setdefault(output.board, []).extend(_lamp_steps(lamp, pattern, output.channel))
    return {board: tuple(of_board) for board, of_board in steps.items()}


def _lamp_steps(lamp: str, pattern: Pattern, channel: int) -> list[Step]:
    match lamp, pattern:
        case ("green", "pending"):
            return _blinking(channel, PENDING_S)
        case ("red", "alarm"):
            return _blinking(channel, ALARM_S)
        case _:
            tenths = _STEADY_TENTHS.get((lamp, pattern))
            return [] if tenths is None else [Step(0.0, channel, tenths)]


def _blinking(channel: int, duration_s: float) -> list[Step]:
    return [Step(count * BLINK_PERIOD_S, channel, BLINK_ON_TENTHS) for count in range(int(duration_s / BLINK_PERIOD_S))]
