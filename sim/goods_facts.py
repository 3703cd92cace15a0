"""What an edge's records say about equipment: where each device is, what a document still lets pass, which checks run.

The simulator's own reading of docs/goods.md, from :class:`ItemsMoved` alone; not the product's fold.
"""

from collections.abc import Iterable, Mapping

import msgspec

from controller.events import AnyEvent, EdgeStarted
from controller.goods_events import (
    Direction,
    DocumentKind,
    EquipmentCheckEnded,
    EquipmentCheckStarted,
    ItemAccepted,
    ItemsMoved,
)
from controller.policy import ExitSlip, Item, Line, WorkOrder


class Running(msgspec.Struct):
    """A check that runs: ``scanned`` holds serials, or the model of what is counted."""

    number: str
    scanned: list[str]


class GoodsFacts:
    """Of all events of one edge, from the first."""

    def __init__(self, events: Iterable[AnyEvent]) -> None:
        self.moves: list[ItemsMoved] = []
        self.checks: dict[str, Running] = {}
        for event in events:
            self._take(event)

    def inventory(self, items: Iterable[Item]) -> dict[int | None, list[str]]:
        """Owner → serials in the rooms, where these were there at first. What has no serial is not listed."""
        owners = {item.serial: item.customer for item in items}
        for move in self.moves:
            for item in move.items:
                if item.serial and move.direction == "in":
                    owners[item.serial] = move.customer
                elif item.serial:
                    owners.pop(item.serial, None)
        found: dict[int | None, list[str]] = {}
        for serial, owner in owners.items():
            found.setdefault(owner, []).append(serial)
        return {owner: sorted(serials) for owner, serials in found.items()}

    def left(self, document: ExitSlip | WorkOrder) -> int:
        """Devices that it lets pass yet: out for a slip, in for an order."""
        kind: DocumentKind = "slip" if isinstance(document, ExitSlip) else "order"
        direction: Direction = "out" if kind == "slip" else "in"
        passed = self.passed(kind, document.id, document.binding, direction)
        return sum(max(0, line.quantity - passed.get(line.id, 0)) for line in document.lines)

    def passed(self, kind: DocumentKind, document: int, binding: int, direction: Direction) -> Mapping[int, int]:
        """Line → devices that passed under one binding of a document."""
        found: dict[int, int] = {}
        for move in self.moves:
            if (move.document, move.document_id, move.binding, move.direction) == (kind, document, binding, direction):
                for item in move.items:
                    found[item.line] = found.get(item.line, 0) + 1
        return found

    def _take(self, event: AnyEvent) -> None:
        match event:
            case ItemsMoved():
                self.moves.append(event)
            case EquipmentCheckStarted():
                self.checks[event.access_point] = Running(event.number, [])
            case ItemAccepted():
                self.checks[event.access_point].scanned.append(event.item.serial or event.model)
            case EquipmentCheckEnded():
                self.checks.pop(event.access_point, None)
            case EdgeStarted():
                self.checks.clear()
            case _:
                pass


def line_of(lines: Iterable[Line], number: int) -> Line | None:
    """A document's line by its id."""
    return next((line for line in lines if line.id == number), None)
