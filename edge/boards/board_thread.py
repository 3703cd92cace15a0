"""One thread for each relay board: commands first, then inputs at 20 Hz, and the outputs' true state (DESIGN 14).

What holds whatever the agent does:

- Commands return at once. They wait in bounded queues; one that waited too long is reported, never executed late (L4).
- A pulse that the board does not time itself ends here, also while the agent's loop is busy.
- A held output (fire release, the lock of a fail-safe door) is restored when a board comes back; a pulse never is (L2), but
  that of a way out, for what is left of its time (L1): somebody stands behind that door, and the record says unlocked.
- After a write, when a pulse is over, and every second, the relays are compared with what was asked. A relay that does not
  follow is a fault of the board, which goes on working with the others; of a lock's relay it is told besides what it does.
- A board that fails, or whose driver does, is closed and reopened with backoff for as long as the thread lives. What is held stays
  held throughout: a disturbed line or a machine under load moves no lock (L2).
- :meth:`BoardThread.stop` puts the outputs to rest.
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from edge.boards.board import NOTHING_ENERGISED, Board, BoardFault
from edge.boards.indicators import PULSE_MARGIN_S, TENTH_S, Indicators, Reminder, Step
from edge.boards.lock_commands import Hold, Pulse
from edge.boards.relay_watch import LASTS_S, RelayWatch

POLL_S = 0.05
"""Inputs are read at 20 Hz."""
VERIFY_S = 1.0
"""Relays are read back at least this often."""
MAX_LOCK_COMMANDS = 32
MAX_INDICATOR_STEPS = 256
MAX_COMMAND_AGE_S = 2.0
"""An unlock that the board could not take within this time of its decision is dropped and reported: whoever tapped has gone."""
REOPEN_FIRST_S = 0.25
REOPEN_LAST_S = 4.0
STOP_TIMEOUT_S = 1.0


@dataclass(frozen=True, slots=True)
class InputLevel:
    """An input's level: ``closed`` is True where current flows. All are told after each opening, then each change."""

    board: str
    input: int
    closed: bool


@dataclass(frozen=True, slots=True)
class BoardFailed:
    """The board, one of its relays or a command failed. ``cause`` is a technician's line."""

    board: str
    cause: str


@dataclass(frozen=True, slots=True)
class BoardRecovered:
    """The board works again and its relays are as asked."""

    board: str


@dataclass(frozen=True, slots=True)
class RelayRead:
    """A lock's relay as the board reads it back, and what was asked of it (:mod:`edge.boards.relay_watch`); True is energised."""

    board: str
    channel: int
    on: bool
    asked: bool


BoardFact = InputLevel | BoardFailed | BoardRecovered | RelayRead


class BoardThread:
    """Owns one :class:`Board`. ``deliver`` is called from this thread, must not raise and should not block.

    ``energised_at_rest``: channels that carry current while the edge runs (locks of fail-safe doors). ``locks``: channels of which
    :class:`RelayRead` is told, where the board reads back."""

    def __init__(
        self,
        name: str,
        board: Board,
        deliver: Callable[[BoardFact], object],
        energised_at_rest: frozenset[int] = frozenset(),
        locks: frozenset[int] = frozenset(),
    ) -> None:
        self.name = name
        self._board = board
        self._deliver = deliver
        self._wanted = [channel in energised_at_rest for channel in range(board.outputs)]
        self._wake = threading.Condition()
        self._locks: deque[Hold | Pulse] = deque()
        self._indications: dict[str, tuple[Step, ...]] = {}
        self._asked_reminders: dict[str, Reminder | None] = {}
        self._hurry = False
        self._dropped: Hold | Pulse | None = None
        self._stopping = False
        self._settled = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"board {name}", daemon=True)
        # Below: touched by the thread alone.
        self._levels: tuple[bool, ...] | None = None
        self._relock_at: dict[int, float] = {}
        self._unknown_until: dict[int, float] = {}
        self._pulsed: dict[int, tuple[bool, float]] = {}
        self._watch = RelayWatch(locks)
        self._indicators = Indicators(board, self._unknown_until)
        self._disobeyed: dict[int, bool] = {}
        self._fault = ""
        self._poll_at = 0.0
        self._verify_at = 0.0

    # Called from other threads; these return at once.

    def start(self) -> None:
        """Start the thread; its first act is to put the outputs to rest."""
        self._thread.start()

    def wait_settled(self, timeout_s: float) -> bool:
        """Wait until the board is open with its outputs at rest, or has failed once. False when neither in time."""
        return self._settled.wait(timeout_s)

    def hold(self, channel: int, on: bool) -> None:
        """Energise or release until told otherwise; ends a pulse on that channel."""
        self._command(Hold(channel, on))

    def pulse(
        self, channel: int, on: bool, tenths: int, board_timed: bool, age_s: float = 0.0, way_out: bool = False
    ) -> None:
        """``on`` for ``tenths`` × 0.1 s, then back to what is held. Ended by the board itself when ``board_timed``.
        ``age_s``: how long ago it was decided. ``way_out``: while its time lasts it is never too late (L1)."""
        self._command(Pulse(channel, on, tenths, board_timed, monotonic() - age_s, way_out))

    def indicate(self, key: str, steps: tuple[Step, ...]) -> None:
        """Show a pattern in place of the last one of ``key``; no steps: dark. Never delays a lock: of two that wait
        under one key only the newer is shown."""
        with self._wake:
            self._indications[key] = steps[:MAX_INDICATOR_STEPS]
            self._wake.notify()

    def remind(self, key: str, channel: int, tenths: int, every_s: float) -> None:
        """While nothing else is shown under ``key``: ``channel`` on for ``tenths`` × 0.1 s each ``every_s``, until :meth:`forget`."""
        with self._wake:
            self._asked_reminders[key] = Reminder(channel, tenths, every_s)
            self._wake.notify()

    def forget(self, key: str) -> None:
        """End what :meth:`remind` began."""
        with self._wake:
            self._asked_reminders[key] = None
            self._wake.notify()

    def ask_to_stop(self) -> None:
        """Begin what :meth:`stop` completes, so that several boards stop at the same time."""
        with self._wake:
            self._stopping = True
            self._wake.notify()

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> bool:
        """Outputs to rest, port closed, thread ended. False when the board did not let go in time."""
        self.ask_to_stop()
        if self._thread.ident is None:
            return True
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _command(self, command: Hold | Pulse) -> None:
        with self._wake:
            if isinstance(command, Hold):
                # A hold stands until the next one: whatever still waits for that channel is moot.
                self._locks = deque(waiting for waiting in self._locks if waiting.channel != command.channel)
            if isinstance(command, Hold) or len(self._locks) < MAX_LOCK_COMMANDS:
                self._locks.append(command)
            else:
                self._dropped = command
            self._hurry = self._hurry or (isinstance(command, Pulse) and command.way_out)
            self._wake.notify()

    # The thread.

    def _run(self) -> None:
        backoff_s = REOPEN_FIRST_S
        try:
            while not self._stopping:
                try:
                    self._open()
                    backoff_s = REOPEN_FIRST_S
                    while not self._stopping:
                        self._turn()
                except BoardFault as fault:
                    cause = str(fault)
                except Exception as bug:  # noqa: BLE001 - a driver's bug must not end the doors and ways out behind this board
                    cause = f"{self.name}: driver error {type(bug).__name__}: {bug}"
                else:
                    break
                self._fail(cause)
                # The board may well answer again by now: all off would open the doors that a lock's current keeps shut (L2).
                self._board.close(NOTHING_ENERGISED if self._stopping else self._held())
                self._sleep(backoff_s)
                backoff_s = min(2 * backoff_s, REOPEN_LAST_S)
        finally:
            self._board.close()
            self._settled.set()

    def _open(self) -> None:
        with self._wake:
            late = self._take_holds()
            self._hurry = False
        if late is not None:
            self._report_dropped(late, "came while the board was away")
        self._relock_at.clear()
        self._unknown_until.clear()
        self._pulsed.clear()
        self._watch.reopened()
        self._disobeyed.clear()
        self._indicators.reopened()
        self._levels = None
        self._board.open(self._held())
        self._poll()
        self._verify()
        self._settled.set()

    def _held(self) -> frozenset[int]:
        """What carries current while no pulse runs."""
        return frozenset(channel for channel, on in enumerate(self._wanted) if on)

    def _turn(self) -> None:
        """One round: a command if one waits, else indicators; then what is due."""
        with self._wake:
            pattern_at = self._indicators.next_at()
            due = [] if pattern_at is None else [pattern_at]
            wait_s = min([self._poll_at, *self._relock_at.values(), *due]) - monotonic()
            if wait_s > 0 and not (self._locks or self._indications or self._asked_reminders or self._stopping):
                self._wake.wait(wait_s)
            for name, reminder in self._asked_reminders.items():
                self._indicators.remind(name, reminder, monotonic())
            self._asked_reminders.clear()
            command = self._locks.popleft() if self._locks else None
            indications: dict[str, tuple[Step, ...]] = {}
            if command is None:
                indications, self._indications = self._indications, {}
            dropped, self._dropped = self._dropped, None
        if command is not None:
            self._try(command)
        if dropped is not None:
            self._report_dropped(dropped, f"came while {MAX_LOCK_COMMANDS} others waited")
        self._relock_due()
        for key, steps in indications.items():
            self._indicators.show(key, steps, monotonic())
        if command is None:
            self._indicators.run(monotonic())
        if monotonic() >= self._poll_at:
            self._poll()
            if monotonic() >= self._verify_at:
                self._verify()

    def _try(self, command: Hold | Pulse) -> None:
        """A way out whose board fails in this moment is tried again at once, on the board reopened."""
        try:
            self._execute(command)
        except BoardFault:
            if isinstance(command, Pulse) and command.way_out:
                with self._wake:
                    if not any(waiting.channel == command.channel for waiting in self._locks):
                        self._locks.appendleft(command)
                        self._hurry = True
            raise

    def _execute(self, command: Hold | Pulse) -> None:
        channel = command.channel
        if isinstance(command, Hold):
            self._wanted[channel] = command.on
            self._relock_at.pop(channel, None)
            self._unknown_until.pop(channel, None)
            self._watch.commanded(channel)
            self._board.set(channel, command.on)
            self._check_follows(channel, command.on)
            return
        tenths = command.tenths
        if monotonic() - command.asked_at > MAX_COMMAND_AGE_S:
            tenths = command.left_tenths(monotonic()) if command.way_out else 0
            if tenths < 1:
                self._report_dropped(command, "came too late")
                return
        if self._wanted[channel] == command.on:
            return  # held that way already: a pulse would end the hold
        self._watch.commanded(channel)
        if command.board_timed:
            self._relock_at.pop(channel, None)
            self._board.pulse(channel, tenths, command.on)
        else:
            self._relock_at[channel] = monotonic() + tenths * TENTH_S
            self._board.set(channel, command.on)
        lasts_s = tenths * TENTH_S
        self._pulsed[channel] = (command.on, monotonic() + lasts_s / 2)
        self._unknown_until[channel] = monotonic() + lasts_s + PULSE_MARGIN_S
        self._verify_at = min(self._verify_at, self._unknown_until[channel])
        self._check_follows(channel, command.on)

    def _relock_due(self) -> None:
        for channel in [channel for channel, at in self._relock_at.items() if at <= monotonic()]:
            self._board.set(channel, self._wanted[channel])
            del self._relock_at[channel]
            self._unknown_until.pop(channel, None)
            self._check_follows(channel, self._wanted[channel])

    def _poll(self) -> None:
        self._poll_at = monotonic() + POLL_S
        levels = self._board.inputs()
        for number, closed in enumerate(levels):
            if self._levels is None or self._levels[number] != closed:
                self._deliver(InputLevel(self.name, number, closed))
        self._levels = levels

    def _verify(self) -> None:
        """Compare every relay that is not in a pulse with what is held."""
        now = monotonic()  # before the read: an answer that comes late is of then
        wrong: list[int] = []
        if self._board.reads_back:
            relays = self._read_back()
            for channel in [channel for channel, at in self._unknown_until.items() if at <= now]:
                del self._unknown_until[channel]
            wrong = [c for c, on in enumerate(relays) if c not in self._unknown_until and on != self._wanted[c]]
        ends = [until for channel in self._watch.channels if (until := self._unknown_until.get(channel, 0.0)) > now]
        self._verify_at = min([now + (LASTS_S if self._watch.doubtful else VERIFY_S), *ends])
        for channel in wrong:  # once more: one disturbed write must not leave a door unlocked
            self._board.set(channel, self._wanted[channel])
        if wrong:
            self._fail(self._not_following(wrong[0], self._wanted[wrong[0]]))
        elif self._fault and not self._disobeyed:
            self._fault = ""
            self._deliver(BoardRecovered(self.name))

    def _check_follows(self, channel: int, on: bool) -> None:
        """A relay that did not follow stays suspect until it was seen doing what it did not."""
        if not self._board.reads_back:
            return
        relays = self._read_back()
        if self._watch.doubtful:
            self._verify_at = min(self._verify_at, monotonic() + LASTS_S)
        if relays[channel] != on:
            self._disobeyed[channel] = on
            self._fail(self._not_following(channel, on))
        elif self._disobeyed.get(channel) == on:
            del self._disobeyed[channel]

    def _read_back(self) -> tuple[bool, ...]:
        """The relays; what the locks among them do is told where it is news."""
        before = monotonic()
        relays = self._board.read_back()
        asked = [self._asked(channel, before) for channel in range(self._board.outputs)]
        for seen in self._watch.take(relays, asked, before):
            self._deliver(RelayRead(self.name, seen.channel, seen.on, seen.asked))
        return relays

    def _asked(self, channel: int, at: float) -> bool | None:
        """The position in which a relay should be then; None in a pulse's second half, which the board may end a little early or late."""
        if self._unknown_until.get(channel, 0.0) <= at:
            return self._wanted[channel]
        on, sure_until = self._pulsed.get(channel, (False, 0.0))
        return on if at < sure_until and monotonic() < sure_until else None

    def _not_following(self, channel: int, on: bool) -> str:
        asked, stays = ("energised", "released") if on else ("released", "energised")
        return f"{self.name}: relay {channel} was {asked} but stays {stays}; check the relay and the board's supply"

    def _report_dropped(self, command: Hold | Pulse, why: str) -> None:
        """Each time, whatever else is wrong: somebody stands before a door that did not open."""
        self._fault = self._fault or why
        cause = f"{self.name}: a command for relay {command.channel} {why} and was dropped; check the board"
        self._deliver(BoardFailed(self.name, cause))

    def _fail(self, cause: str) -> None:
        """Tell the first cause only: the board is out of order until :meth:`_verify` says otherwise."""
        if not self._fault:
            self._fault = cause
            self._deliver(BoardFailed(self.name, cause))
        self._settled.set()

    def _take_holds(self) -> Pulse | None:
        """Holds asked while the board was away become what it opens with; a pulse of that time is too late, unless it is of a
        way out and lasts."""
        late: Pulse | None = None
        waiting, self._locks = self._locks, deque()
        for command in waiting:
            if isinstance(command, Hold):
                self._wanted[command.channel] = command.on
            elif command.way_out and command.left_tenths(monotonic()) >= 1:
                self._locks.append(command)
            else:
                late = command
        return late

    def _sleep(self, seconds: float) -> None:
        with self._wake:
            if not self._stopping:
                self._wake.wait_for(lambda: self._stopping or self._hurry, seconds)
