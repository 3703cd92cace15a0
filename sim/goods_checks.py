"""What must always hold of equipment (DESIGN §5.7), looked at record by record.

===== ==================================================================================================================
7     a device leaves once, on a slip, and never under another customer than it came in under; what is on a document passes, and no more of it
4     what passes was reserved beside its grant, before the lock moved
E4    a goods door that opens outward without reserved devices leaves EQUIPMENT_UNCHECKED standing, until somebody attests what left
===== ==================================================================================================================
"""

from collections import Counter

from controller.commands import AcknowledgeAlarm
from controller.events import (
    AccessGranted,
    AccessTaken,
    AlarmCleared,
    AlarmRaised,
    CommandDone,
    DoorOpened,
    DoorUnlocked,
    Record,
)
from controller.goods_events import ItemsFreed, ItemsMoved, ItemsReserved
from controller.policy import ExitSlip, Line, Policy, WorkOrder
from controller.site import Site
from sim.node import BrokenPromise

UNCHECKED = "EQUIPMENT_UNCHECKED"


class GoodsChecks:
    """Follows the records of one edge from the first. Raises :class:`BrokenPromise` in one line."""

    def __init__(self, site: Site) -> None:
        self._doors = {door.id for door in site.doors if door.goods}
        self._ways_out = {point.id for point in site.access_points if point.out}
        self._reserved: list[ItemsReserved] = []
        self._owner: dict[str, int | None] = {}
        self._is_in: dict[str, bool] = {}
        self._left_on: set[tuple[int, str]] = set()
        self._unchecked: set[str] = set()

    def take(self, record: Record) -> None:
        """The next record, in order."""
        for at, event in enumerate(record.events):
            match event:
                case ItemsMoved():  # before ItemsReserved, which it is a kind of
                    self._moved(record.seq, event)
                case ItemsReserved():
                    _reserved_first(record, at, event)
                    self._reserved.append(event)
                case ItemsFreed():
                    self._reserved = [
                        one
                        for one in self._reserved
                        if (one.access_point, one.number, one.holder)
                        != (event.access_point, event.number, event.holder)
                    ]
                case AlarmRaised(alarm="EQUIPMENT_UNCHECKED"):
                    self._unchecked.add(event.subject)
                case AlarmCleared(alarm="EQUIPMENT_UNCHECKED"):
                    self._unchecked.discard(event.subject)
                    if not _attested(record, event.subject):
                        raise BrokenPromise(f"E4: record {record.seq} ends {UNCHECKED} of {event.subject} unattested")
                case _:
                    pass
        self._openings(record)

    def _moved(self, seq: int, move: ItemsMoved) -> None:
        reserved = next((one for one in self._reserved if _same(one, move)), None)
        if reserved is None:
            raise BrokenPromise(f"4: record {seq} moves devices under {move.number} that it did not reserve")
        self._reserved.remove(reserved)
        if move.direction == "out" and move.document != "slip":
            raise BrokenPromise(f"7: record {seq} lets devices out on {move.number}, which is no slip")
        for serial in [item.serial for item in move.items if item.serial]:
            self._one(seq, move, serial)

    def _one(self, seq: int, move: ItemsMoved, serial: str) -> None:
        leaves = move.direction == "out"
        if serial in self._owner and self._owner[serial] != move.customer:
            raise BrokenPromise(f"7: record {seq} moves {serial} under another customer than before")
        if self._is_in.get(serial) == (not leaves):
            raise BrokenPromise(f"7: record {seq} moves {serial} {move.direction}, where it is already")
        if leaves and (move.document_id, serial) in self._left_on:
            raise BrokenPromise(f"7: record {seq} lets {serial} out on {move.number} a second time")
        if leaves:
            self._left_on.add((move.document_id, serial))
        self._owner[serial], self._is_in[serial] = move.customer, not leaves

    def _openings(self, record: Record) -> None:
        for event in record.events:
            if not isinstance(event, DoorOpened) or event.door not in self._doors or event.door in self._unchecked:
                continue
            took = [
                one.access_point for one in record.events if isinstance(one, AccessTaken) and one.door == event.door
            ]
            only_entries = took and not self._ways_out & set(took)
            with_devices = any(
                isinstance(one, ItemsMoved) and one.door == event.door and one.direction == "out"
                for one in record.events
            )
            if not only_entries and not with_devices:
                raise BrokenPromise(
                    f"E4: record {record.seq} opens {event.door} outward, nothing is reserved and no {UNCHECKED} stands"
                )


class DocumentChecks:
    """What passes is on its document, as the policy has it: asked where the policy is known. Raises :class:`BrokenPromise`."""

    def __init__(self, edge: str) -> None:
        self._edge = edge
        self._passed: Counter[tuple[str, int, int, str, int]] = Counter()

    def take(self, record: Record, policy: Policy | None) -> None:
        """The next record; ``policy``: under which it was made, None where that is not known any more."""
        for event in record.events:
            if isinstance(event, ItemsMoved):
                for item in event.items:
                    self._passed[event.document, event.document_id, event.binding, event.direction, item.line] += 1
            elif isinstance(event, ItemsReserved) and policy is not None:
                self._reserved(record, event, policy)

    def _reserved(self, record: Record, event: ItemsReserved, policy: Policy) -> None:
        seq = record.seq
        documents: tuple[ExitSlip | WorkOrder, ...] = policy.slips if event.document == "slip" else policy.orders
        document = next((one for one in documents if (one.id, one.binding) == (event.document_id, event.binding)), None)
        if document is None or document.edge != self._edge:
            raise BrokenPromise(f"7: record {seq} uses {event.number}, which is not bound to this edge")
        if document.customer != event.customer:
            raise BrokenPromise(f"7: record {seq} uses {event.number} for another customer than its own")
        back = isinstance(document, ExitSlip) and event.direction == "in"
        if isinstance(document, ExitSlip):
            if document.cancelled and not back:
                raise BrokenPromise(f"E4: record {seq} uses {event.number}, which is cancelled")
            if document.door not in ("", event.door):
                raise BrokenPromise(f"E6: record {seq} uses {event.number} at {event.door}, not {document.door}")
            if document.carriers and not back and event.holder not in document.carriers:
                raise BrokenPromise(f"E5: record {seq}: {event.holder} is no carrier of {event.number}")
        owners = {item.serial: item.customer for item in policy.items}
        for item in event.items:
            if owners.get(item.serial, document.customer) != document.customer:
                raise BrokenPromise(f"7: record {seq} reserves {item.serial}, which is another customer's")
        if not back:
            self._quantities(seq, event, document.lines)

    def _quantities(self, seq: int, event: ItemsReserved, lines: tuple[Line, ...]) -> None:
        wanted = Counter(item.line for item in event.items)
        for number, devices in wanted.items():
            line = next((line for line in lines if line.id == number), None)
            passed = self._passed[event.document, event.document_id, event.binding, event.direction, number]
            if line is None or passed + devices > line.quantity:
                raise BrokenPromise(f"7: record {seq} reserves more of line {number} than {event.number} has left")
        for item in event.items:
            line = next(line for line in lines if line.id == item.line)
            if (item.serial not in line.serials) if line.serials else item.serial != "":
                raise BrokenPromise(f"7: record {seq} reserves {item.serial!r}, which is not on {event.number}")


def _same(reserved: ItemsReserved, move: ItemsMoved) -> bool:
    return all(getattr(reserved, name) == getattr(move, name) for name in ItemsReserved.__struct_fields__)


def _reserved_first(record: Record, at: int, event: ItemsReserved) -> None:
    """4: its grant stands beside it, and no lock moved before."""
    granted = any(
        isinstance(one, AccessGranted) and (one.access_point, one.holder) == (event.access_point, event.holder)
        for one in record.events
    )
    if not granted:
        raise BrokenPromise(f"4: record {record.seq} reserves devices for {event.holder}, who is not granted")
    if any(isinstance(one, DoorUnlocked) and one.door == event.door for one in record.events[:at]):
        raise BrokenPromise(f"4: record {record.seq} unlocks {event.door} before it reserves what passes")


def _attested(record: Record, door: str) -> bool:
    return any(
        isinstance(event, CommandDone)
        and isinstance(event.command, AcknowledgeAlarm)
        and (event.command.alarm, event.command.subject) == (UNCHECKED, door)
        and event.command.attested != ""
        for event in record.events
    )
