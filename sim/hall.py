"""The simulated hall: lines, chips, boards and doors of one site, and what hands and wires can do to them.

One lock guards the state. It is never held while another thread's answer is awaited (``line.call``), because the lines' threads
take it when a relay moves. Verbs that take time, as people do, are in :mod:`sim.people`.
"""

import re
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from controller.site import AccessPoint, Site
from sim.boards.board import DEFAULT_BAUD, BoardAct, SimulatedBoard
from sim.cable import Cable, CableAct
from sim.cards.card import Card
from sim.cards.desfire import DesfireCard, Interruption
from sim.cards.maker import CardError, make_card
from sim.doors import DoorState
from sim.hall_state import state_of
from sim.indicators import Lamp, LampChange
from sim.reader_unit import ReaderAct, SimulatedReader
from sim.scanner_unit import ScannerAct, SimulatedScanner
from sim.serial_line import SerialLine
from sim.tap_times import Release
from sim.wiring import LockdownWiring, ReaderWiring, ScannerWiring, Wiring, WiringError, ZoneWiring

OnChange = Callable[[str, str, dict[str, Any]], None]
"""(kind, id, its state): called under the hall's lock, must return at once."""

LampUnit = SimulatedReader | SimulatedScanner
"""What lamps hang on."""

CARDS_MAX = 2000
RELEASES_KEPT = 64
NETWORK = "network"
_UID = re.compile(r"[0-9A-Fa-f]{8}|[0-9A-Fa-f]{14}")

_Named = TypeVar("_Named")


class HallError(ValueError):
    """A request that the hall cannot follow: what, and what there is."""


class CardHeld:
    """A card and where it lies. ``visit`` counts its visits to readers."""

    def __init__(self, technology: str, number: str, wrong_key: bool, chip: Card) -> None:
        self.technology = technology
        self.number = number
        self.wrong_key = wrong_key
        self.chip = chip
        self.reader: str | None = None
        self.visit = 0


class Hall:
    """Everything that stands in the building. ``cable`` is the network between edge and broker, where it runs through here."""

    def __init__(
        self, site: Site, wiring: Wiring, device_dir: Path, card_keys: Mapping[str, str], cable: Cable | None = None
    ) -> None:
        self.site = site
        self.wiring = wiring
        self.cable = cable
        self.on_change: OnChange = lambda _kind, _id, _state: None
        self.changed = threading.Condition(threading.RLock())
        self.cards: dict[str, CardHeld] = {}
        self.doors = {door.id: DoorState(door) for door in wiring.doors}
        self.zones = {
            "fire": {each.zone: False for each in wiring.fire},
            "gas": {each.zone: False for each in wiring.gas},
            "lockdown": {each.area: False for each in wiring.lockdown},
        }
        self.people = {area.id: 0 for area in site.areas if area.id != "outside"}
        self._card_keys = card_keys
        self._releases: dict[str, deque[Release]] = {door: deque(maxlen=RELEASES_KEPT) for door in self.doors}
        self._points: dict[str, AccessPoint] = {point.id: point for point in site.access_points}
        placed: tuple[ReaderWiring | ScannerWiring, ...] = (*wiring.readers, *wiring.scanners)
        for each in placed:
            if each.access_point and each.access_point not in self._points:
                raise WiringError(f"{each.id}: the site has no access point {each.access_point!r}")
        self.readers = {
            reader.id: SimulatedReader(reader, device_dir / reader.id)
            for reader in wiring.readers
            if reader.driver == "pn532"
        }
        self.scanners = {scanner.id: SimulatedScanner(scanner, device_dir / scanner.id) for scanner in wiring.scanners}
        self.boards = {
            board.id: SimulatedBoard(
                board.id, board.driver, device_dir / board.id, board.baud or DEFAULT_BAUD[board.driver], board.unit
            )
            for board in wiring.boards
        }
        self._wires: dict[tuple[str, int], tuple[Lamp, LampUnit] | DoorState] = {
            (door.wiring.lock.board, door.wiring.lock.channel): door for door in self.doors.values()
        }
        units: tuple[LampUnit, ...] = (*self.readers.values(), *self.scanners.values())
        for unit in units:
            for lamp in unit.lamps:
                output = getattr(unit.wiring, lamp)
                self._wires[output.board, output.channel] = (lamp, unit)
        for board in self.boards.values():
            board.relays.on_output = lambda channel, on, at_s, board=board: self._output(board, channel, on, at_s)  # type: ignore[misc]
        for door in self.doors.values():
            self._set_levels(door)
        self._loops: dict[str, Sequence[ZoneWiring | LockdownWiring]] = {
            "fire": wiring.fire,
            "gas": wiring.gas,
            "lockdown": wiring.lockdown,
        }
        for kind, loops in self._loops.items():
            for loop in loops:
                self._set_zone_level(kind, loop)

    # life

    def start(self) -> None:
        """Make every device's path and begin to serve. Raises OSError when a path cannot be made; then nothing is left."""
        try:
            for line in self._lines():
                line.start()
            if self.cable is not None:
                self.cable.start()
        except OSError:
            self.stop()
            raise

    def stop(self) -> None:
        """End every thread and remove every path."""
        if self.cable is not None:
            self.cable.stop()
        for line in self._lines():
            line.stop()

    def _lines(self) -> list[SerialLine]:
        return [each.line for kind in (self.boards, self.readers, self.scanners) for each in kind.values()]

    def now_s(self) -> float:
        """The lines' clock."""
        return next(iter(self.boards.values())).line.now()

    # cards

    def add_card(
        self, card_id: str, technology: str, number: str, uid: bytes | None = None, wrong_key: bool = False
    ) -> str:
        """Make a card, in place of one of the same id. Returns its UID in upper-case hexadecimal. A ``uid`` card's number may be
        its UID; any other number is printed on it and the UID made up."""
        try:
            if technology == "uid" and uid is None and _UID.fullmatch(number):
                uid = bytes.fromhex(number)
            written = "" if technology == "uid" else number  # on a bare UID the number is only printed
            chip = make_card(technology, written, self._card_keys, uid, wrong_key)
        except CardError as error:
            raise HallError(f"card {card_id}: {error}") from error
        if card_id not in self.cards and len(self.cards) >= CARDS_MAX:
            raise HallError(f"card {card_id}: the hall has {CARDS_MAX} cards already")
        if card_id in self.cards:
            self.lift(card_id)
        with self.changed:
            self.cards[card_id] = CardHeld(technology, number, wrong_key, chip)
            self._publish("card", card_id)
        return chip.uid.hex().upper()

    def lay(self, card_id: str, reader_id: str, hold_s: float | None = None) -> float:
        """Lay a card on a reader, for ``hold_s`` seconds or until it is lifted. Returns when it entered the field."""
        card, unit = self.card(card_id), self.reader(reader_id)
        self.lift(card_id)
        with self.changed:
            card.reader = reader_id
            card.visit += 1
            visit = card.visit
            self._publish("card", card_id)
        try:
            entered_s = unit.put(card.chip)
        except ValueError as error:
            self._lift_visit(card_id, card, unit, visit)
            raise HallError(f"reader {reader_id}: {error}") from error
        if hold_s is not None:
            unit.line.after(hold_s, lambda: self._lift_visit(card_id, card, unit, visit))
        return entered_s

    def lift(self, card_id: str) -> None:
        """Take a card off the reader it lies on, if it does."""
        card = self.card(card_id)
        if card.reader is not None:
            self._lift_visit(card_id, card, self.readers[card.reader], card.visit)

    def interrupt(self, card_id: str, command: int, effect: Literal["before", "after"], away: bool) -> None:
        """Let power fail in this card's ``command``-th command from now, before or after it takes effect; ``away``: because a hand
        takes it off the reader."""
        card = self.card(card_id)
        if not isinstance(card.chip, DesfireCard):
            raise HallError(f"card {card_id}: only DESFire cards can be interrupted, this is {card.technology}")

        def taken() -> None:
            # Later, in the line's thread: the field, whose lock is held now, comes after the hall's.
            reader, visit = card.reader, card.visit
            if reader is not None:
                unit = self.readers[reader]
                unit.line.after(0.0, lambda: self._lift_visit(card_id, card, unit, visit))

        card.chip.interruption = Interruption(command, effect, taken if away else lambda: None)

    def clear_reader(self, reader_id: str) -> None:
        """Take away every card that lies on a reader."""
        self.reader(reader_id)
        for card_id, card in list(self.cards.items()):
            if card.reader == reader_id:
                self.lift(card_id)

    def _lift_visit(self, card_id: str, card: CardHeld, unit: SimulatedReader, visit: int) -> None:
        with self.changed:
            if card.visit != visit or card.reader is None:
                return
            card.reader = None
            self._publish("card", card_id)
        unit.take(card.chip)

    # doors, zones, devices

    @contextmanager
    def hands_on(self, door_id: str) -> Iterator[DoorState]:
        """Do something to a door's hardware; its wires and the watchers follow."""
        door = self.door(door_id)
        with self.changed:
            yield door
            self._set_levels(door)
            self._publish("door", door_id)

    def set_zone(self, kind: str, zone: str, active: bool) -> None:
        """Raise or clear a fire or gas loop, or an area's lockdown button."""
        zones = self.zones[kind]
        if zone not in zones:
            raise HallError(f"no {kind} zone {zone!r}; there are {_listed(zones)}")
        with self.changed:
            zones[zone] = active
            for loop in self._loops[kind]:
                if loop.zone == zone:
                    self._set_zone_level(kind, loop)
            self._publish("inputs", kind)

    def act(self, device: str, act: str) -> None:
        """Do to a board, a reader, a scanner or the network what ``act`` says."""
        if device in self.boards:
            self.boards[device].act(_known_act(act, device, BoardAct))
            kind = "board"
        elif device in self.readers:
            self.readers[device].act(_known_act(act, device, ReaderAct))
            kind = "reader"
        elif device in self.scanners:
            self.scanners[device].act(_known_act(act, device, ScannerAct))
            kind = "scanner"
        elif device == NETWORK:
            if self.cable is None:
                raise HallError("the network does not run through this hall; start it with --broker-upstream HOST:PORT")
            self.cable.act(_known_act(act, device, CableAct))
            kind = "inputs"
        else:
            raise HallError(
                f"no device {device!r}; there are {_listed([*self.boards, *self.readers, *self.scanners, NETWORK])}"
            )
        with self.changed:
            self._publish(kind, device)

    def moved_through(self, point: AccessPoint, people: int) -> None:
        """``people`` really went this way, whatever the doors know of it."""
        with self.changed:
            for area, change in ((point.from_area, -people), (point.to_area, people)):
                if area in self.people:
                    self.people[area] = max(0, self.people[area] + change)
            self._publish("inputs", "people")

    # looking

    def card(self, card_id: str) -> CardHeld:
        return _named(self.cards, card_id, "card")

    def reader(self, reader_id: str) -> SimulatedReader:
        return _named(self.readers, reader_id, "reader")

    def door(self, door_id: str) -> DoorState:
        return _named(self.doors, door_id, "door")

    def door_of(self, reader_id: str) -> str:
        """The door that a reader is for. Raises :class:`HallError` for the desk's."""
        access_point = self.reader(reader_id).wiring.access_point
        if not access_point:
            raise HallError(
                f"reader {reader_id}: it stands on a desk and opens no door; lay the card on it (POST /lay)"
            )
        return self._points[access_point].door

    def scanner(self, scanner_id: str = "", access_point: str = "") -> SimulatedScanner:
        """By its name, or the first at an access point that is plugged in, or the first there."""
        if scanner_id:
            return _named(self.scanners, scanner_id, "scanner")
        there = [unit for unit in self.scanners.values() if unit.wiring.access_point == access_point]
        if not there:
            at = {unit.wiring.access_point for unit in self.scanners.values()}
            raise HallError(f"no scanner at {access_point!r}; there is one at {_listed(at)}")
        return next((unit for unit in there if unit.line.plugged), there[0])

    def door_of_scanner(self, unit: SimulatedScanner) -> str:
        return self._points[unit.wiring.access_point].door

    def lamps_of_scanner(self, unit: SimulatedScanner) -> LampUnit:
        """Whose lamps answer a scan: its own, or those of the reader beside it."""
        beside = [one for one in self.readers.values() if one.wiring.access_point == unit.wiring.access_point]
        return unit if unit.lamps or not beside else beside[0]

    def point(self, door_id: str, out: bool) -> AccessPoint:
        """The way through a door. Raises :class:`HallError` when it has none in that direction."""
        for point in self._points.values():
            if point.door == door_id and point.out == out:
                return point
        raise HallError(f"door {door_id}: no access point leads {'out' if out else 'in'}")

    def release_since(self, door_id: str, since_s: float) -> Release | None:
        """The first command after ``since_s`` that told the lock's relay to release the door."""
        return next((release for release in self._releases[door_id] if release.at_s >= since_s), None)

    def lamp_changes(self, reader_id: str) -> list[LampChange]:
        return list(self.reader(reader_id).lamp_changes)

    def state(self) -> dict[str, Any]:
        """Everything, as `GET /state` shows it."""
        with self.changed:
            return {
                "cards": {each: state_of(self, "card", each) for each in self.cards},
                "readers": {each: state_of(self, "reader", each) for each in self.readers},
                "scanners": {each: state_of(self, "scanner", each) for each in self.scanners},
                "doors": {each: state_of(self, "door", each) for each in self.doors},
                "boards": {each: state_of(self, "board", each) for each in self.boards},
                "inputs": state_of(self, "inputs", ""),
            }

    # wires

    def _output(self, board: SimulatedBoard, channel: int, on: bool, at_s: float) -> None:
        wired = self._wires.get((board.device, channel))
        with self.changed:
            if isinstance(wired, DoorState):
                wired.relay(on)
                if not wired.locked:
                    self._releases[wired.wiring.id].append(Release(board.line.heard_at_s, at_s, board.line.heard_s))
                self._publish("door", wired.wiring.id)
            elif wired is not None:
                lamp, unit = wired
                unit.lamps[lamp] = on
                unit.lamp_changes.append(LampChange(lamp, on, at_s))
                if on:
                    unit.answers.append(Release(board.line.heard_at_s, at_s, board.line.heard_s))
                self._publish("reader" if isinstance(unit, SimulatedReader) else "scanner", unit.wiring.id)
            self._publish("board", board.device)

    def _set_levels(self, door: DoorState) -> None:
        for (board, number), flows in door.levels().items():
            self._set_level(board, number, flows)

    def _set_zone_level(self, kind: str, loop: ZoneWiring | LockdownWiring) -> None:
        self._set_level(loop.input.board, loop.input.input, loop.input.current_flows(self.zones[kind][loop.zone]))

    def _set_level(self, board: str, number: int, flows: bool) -> None:
        with self.changed:
            # One assignment: the board's thread sees the old level or the new one.
            self.boards[board].relays.inputs[number] = flows
            self._publish("board", board)

    def _publish(self, kind: str, name: str) -> None:
        self.on_change(kind, name, state_of(self, kind, name))
        self.changed.notify_all()


def _listed(names: Any) -> str:
    return ", ".join(sorted(names)) or "none"


def _named(known: dict[str, _Named], name: str, what: str) -> _Named:
    try:
        return known[name]
    except KeyError:
        raise HallError(f"no {what} {name!r}; there are {_listed(known)}") from None


def _known_act(act: str, device: str, acts: Any) -> Any:
    if act not in get_args(acts):
        raise HallError(f"{device} has no act {act!r}; there are {', '.join(get_args(acts))}")
    return act
