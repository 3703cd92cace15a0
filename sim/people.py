"""People in the simulated hall: what they do takes the time that it takes people."""

from typing import Any

import msgspec

from sim.doors import DoorState, LeafHeld
from sim.hall import Hall, LampUnit
from sim.indicators import Shown, read_indicator
from sim.scanner_unit import Ending, ScanFault, SimulatedScanner
from sim.tap_times import Release, scan_times, tap_times
from sim.waiting import pause

HOLD_S = 0.5
"""How long a card is held to a reader when nothing else is said."""
WAIT_S = 1.5
"""How long somebody waits for an answer to a tap."""
GREEN_AFTER_UNLOCK_S = 0.3
"""The green light follows the lock at most this long after."""
NEXT_LOOK_S = 0.5
"""By then the reader has looked again."""
REX_PRESS_S = 0.4
"""A hand on the exit button; eight times the edge's polling period."""
LEVER_TO_LEAF_S = 0.2
LEAF_TO_RELEASE_S = 0.1
REX_ANSWER_S = 1.5
PASSAGE_S = 0.4
"""One person through an open leaf; each further one takes half as long."""
LOOK_S = 0.02


class People:
    """The verbs. Each blocks its caller for as long as the person needs; several may go on at once."""

    def __init__(self, hall: Hall) -> None:
        self._hall = hall

    def present(
        self, card: str, reader: str, hold_s: float = HOLD_S, wait_s: float = WAIT_S, timed: bool = False
    ) -> dict[str, Any]:
        """Hold a card to a reader and look what happens, for at most ``wait_s`` seconds.

        ``tap_to_unlock_ms`` runs from the card's entry into the field to the last byte of the command that released the lock.
        ``timed``: its parts as well (:class:`sim.tap_times.TapTimes`), which are known at the reader's next look.
        """
        hall = self._hall
        door = hall.door_of(reader)
        tapped_at_s = hall.lay(card, reader, hold_s)
        release, shown = self._answered(door, hall.reader(reader), tapped_at_s, wait_s)
        told: dict[str, Any] = {"unlocked": release is not None, "tap_to_unlock_ms": None, "indicator": shown or "none"}
        if release is None:
            return told
        told["tap_to_unlock_ms"] = round((release.at_s - tapped_at_s) * 1000, 3)
        times = None

        def read_is_over() -> bool:
            nonlocal times
            times = tap_times(hall.reader(reader).exchanges, tapped_at_s, release)
            return times is not None

        if timed:
            _wait(hall, read_is_over, NEXT_LOOK_S)
        return told if times is None else told | msgspec.to_builtins(times)

    def scan(
        self,
        unit: SimulatedScanner,
        content: bytes,
        ending: Ending | None = None,
        fault: ScanFault | None = None,
        wait_s: float = WAIT_S,
        timed: bool = False,
    ) -> dict[str, Any]:
        """Hold a code before a scanner and look what happens, for at most ``wait_s`` seconds after its last byte. ``timed``: where the time went
        (:class:`sim.tap_times.ScanTimes`), if a lamp was lit."""
        hall = self._hall
        lamps = hall.lamps_of_scanner(unit)
        due_s, said_s = unit.scan(content, ending, fault)
        pause(max(0.0, due_s - hall.now_s()))
        release, shown = self._answered(hall.door_of_scanner(unit), lamps, due_s, wait_s)
        told: dict[str, Any] = {"unlocked": release is not None, "indicator": shown or "none"}
        if timed:
            lit = next((answer for answer in list(lamps.answers) if answer.at_s >= due_s), None)
            times = None if lit is None else scan_times(unit.line.said_at_s, said_s, lit)
            told |= {} if times is None else msgspec.to_builtins(times)
        return told

    def press_rex(self, door: str) -> bool:
        """Press the exit button and wait for the lock. True when it lets go."""
        hall = self._hall
        with hall.hands_on(door) as state:
            state.press_rex()
        released = _wait(hall, lambda: not state.locked, REX_PRESS_S)
        if released:
            pause(REX_PRESS_S)
        with hall.hands_on(door) as state:
            state.release_rex()
        return released or _wait(hall, lambda: not state.locked, REX_ANSWER_S)

    def walk_through(self, door: str, people: int = 1, out: bool = False, tailgate: int = 0) -> dict[str, Any]:
        """Open if it can be opened, let ``people`` and ``tailgate`` more through in the one opening, close.

        Going in needs a released lock. Going out always works: by lever, whose switch is the REX contact, or by the button.
        """
        hall = self._hall
        point = hall.point(door, out)
        state = hall.door(door)
        if state.locked and not state.leaf_open:
            if not out:
                return {"open": False, "locked": True, "passed": 0}
            self._leave(door)
        else:
            with hall.hands_on(door):
                state.open()
        opened = state.leaf_open
        passed = people + tailgate if opened else 0
        if opened:
            pause(PASSAGE_S * (1 + (passed - 1) / 2))
            hall.moved_through(point, passed)
            self._shut(door)
        return {"open": opened, "locked": state.locked, "passed": passed}

    def leave_by_rex(self, door: str) -> dict[str, Any]:
        """Leave without a card."""
        return self.walk_through(door, out=True)

    def tailgate(self, door: str, followers: int = 1) -> dict[str, Any]:
        """Go in with somebody close behind."""
        return self.walk_through(door, tailgate=followers)

    def prop_open(self, door: str) -> None:
        """Put a wedge under the leaf. Raises :class:`LeafHeld` when it is locked and shut."""
        with self._hall.hands_on(door) as state:
            state.prop()

    def _answered(
        self, door: str, unit: LampUnit, since_s: float, wait_s: float
    ) -> tuple[Release | None, Shown | None]:
        """What answers at a door after ``since_s``: the lock, and the lamps of ``unit``."""
        hall = self._hall
        answer: dict[str, Any] = {}

        def answered() -> bool:
            now_s = hall.now_s()
            release = hall.release_since(door, since_s)
            shown = read_indicator(list(unit.lamp_changes), since_s, now_s)
            if release is not None and shown is None:
                shown = _green_is_on(unit, since_s)
            answer["release"], answer["shown"] = release, shown
            if release is not None:
                return shown is not None or now_s >= release.at_s + GREEN_AFTER_UNLOCK_S
            return shown is not None

        _wait(hall, answered, wait_s)
        return answer["release"], answer["shown"]

    def _leave(self, door: str) -> None:
        hall = self._hall
        with hall.hands_on(door) as state:
            state.press_rex()
        if state.wiring.egress == "mechanical":
            pause(LEVER_TO_LEAF_S)
            with hall.hands_on(door):
                state.open_from_inside()
        else:
            _wait(hall, lambda: not state.locked, REX_ANSWER_S)
            pause(LEVER_TO_LEAF_S)
            with hall.hands_on(door):
                _try_to_open(state)
        pause(LEAF_TO_RELEASE_S)
        with hall.hands_on(door):
            state.release_rex()

    def _shut(self, door: str) -> None:
        with self._hall.hands_on(door) as state:
            if not state.propped:
                state.close()


def _try_to_open(state: DoorState) -> None:
    try:
        state.open()
    except LeafHeld:
        return  # the answer says so: the leaf is not open


def _green_is_on(unit: LampUnit, since_s: float) -> Shown | None:
    """The lock let go: a green light then means granted at once, however short it has been on yet."""
    green = [change for change in unit.lamp_changes if change.lamp == "green" and change.at_s >= since_s]
    return "granted" if green and green[-1].on else None


def _wait(hall: Hall, holds: Any, timeout_s: float) -> bool:
    """Wait under the hall's lock until ``holds()``, looking again at every change and at least every ``LOOK_S``."""
    until_s = hall.now_s() + timeout_s
    with hall.changed:
        while not holds():
            left_s = until_s - hall.now_s()
            if left_s <= 0:
                return False
            hall.changed.wait(min(left_s, LOOK_S))
    return True
