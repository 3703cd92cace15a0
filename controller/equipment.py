"""What a document lets pass and which device is on it (E1, E2, E4-E6, E8, MEANINGS 24-26; docs/goods.md, Scans).

Pure functions of what is known. Where somebody stands and what the door then does is told in :mod:`controller.goods_scan`,
:mod:`controller.goods_exit` and :mod:`controller.goods_entry`.
"""

from collections.abc import Iterator, Sequence

import msgspec

from controller.codes import serial_key
from controller.event_base import Explanation
from controller.goods_events import Direction, ItemsReserved, ScannedItem
from controller.goods_fold import passed_key
from controller.goods_index import Document, GoodsIndex, kind_of
from controller.index import Point
from controller.policy import ExitSlip, Line, WorkOrder
from controller.reasons import Reason, because
from controller.state import Check, Passed, State


class Place(msgspec.Struct, frozen=True, gc=False):
    """Where and when a document is judged. ``wall_us`` is not below the journal's high-water mark."""

    edge: str
    point: Point
    wall_us: int
    wall_trusted: bool

    @property
    def direction(self) -> Direction:
        return "out" if self.point.out else "in"


_NOTHING = Passed(0, {})


def passed(state: State, document: Document, direction: Direction) -> Passed:
    """What has passed in this direction under the document's present binding."""
    return state.passed.get(passed_key(kind_of(document), document.id, document.binding, direction), _NOTHING)


def lines_of(state: State, document: Document, direction: Direction) -> tuple[Line, ...]:
    """What may pass in this direction under this binding, all of it. A slip brings back what is out under it: before this binding, and since."""
    if isinstance(document, WorkOrder) or direction == "out":
        return document.lines
    gone = passed(state, document, "out")
    back = {line.id: line for line in document.returns}
    for line in document.lines:
        since = gone.by_line.get(line.id, 0)
        if since:
            before = back.get(line.id)
            back[line.id] = Line(
                line.id,
                line.model,
                since + (before.quantity if before is not None else 0),
                (
                    *(before.serials if before is not None else ()),
                    *(one for one in line.serials if one in gone.serials),
                ),
            )
    return tuple(back.values())


def left_of(state: State, document: Document, direction: Direction, *, checks: bool = True) -> dict[int, int]:
    """By line, how many devices may still pass: not those that have, that are reserved, nor (``checks``) that are scanned in a check that runs."""
    left: dict[int, int] = {}
    for line in lines_of(state, document, direction):
        left[line.id] = left.get(line.id, 0) + line.quantity
    for line_id, number in passed(state, document, direction).by_line.items():
        left[line_id] = left.get(line_id, 0) - number
    kind = kind_of(document)
    of_document = (kind, document.id, document.binding, direction)
    for one in reservations(state):
        if (one.document, one.document_id, one.binding, one.direction) == of_document:
            for item in one.items:
                left[item.line] = left.get(item.line, 0) - 1
    for check in state.checks.values() if checks else ():
        begun = check.started
        if (begun.document, begun.document_id, begun.binding, begun.direction) == of_document:
            for item in check.scanned:
                left[item.line] = left.get(item.line, 0) - 1
    return left


def total(left: dict[int, int]) -> int:
    """How many devices that is."""
    return sum(number for number in left.values() if number > 0)


def reservations(state: State) -> Iterator[ItemsReserved]:
    """All that are outstanding, at whatever door."""
    for at_point in state.reserved.values():
        yield from at_point


def document_behind(goods: GoodsIndex, check: Check | ItemsReserved) -> Document | None:
    """The document of a check or reservation, if the policy still has it under the same binding and for the same customer."""
    told = check.started if isinstance(check, Check) else check
    document = goods.document(told.document, told.document_id)
    if document is None or (document.binding, document.customer) != (told.binding, told.customer):
        return None
    return document


def refused_document(state: State, place: Place, document: Document) -> Explanation | None:
    """Why a document that is in the policy may not be used here and now, whoever carries it: the first of the rules that refuses."""
    return (
        untrusted(place, document)
        or _wrong_way(state, place, document)
        or _bound_elsewhere(place, document)
        or _used_up(state, place, document)
        or _wrong_time(place, document)
        or packed(document)
    )


def refused_now(place: Place, document: Document) -> Explanation | None:
    """The same for one that was accepted: what time or another policy may have changed since."""
    return (
        untrusted(place, document)
        or _bound_elsewhere(place, document)
        or _cancelled(place, document)
        or _wrong_time(place, document)
        or packed(document)
    )


def untrusted(place: Place, document: Document) -> Explanation | None:
    """No time source has vouched for the clock: whether the document's window has come, or is over, nobody knows."""
    return None if place.wall_trusted else because(Reason.TIME_UNTRUSTED, kind=kind_of(document))


def _wrong_way(state: State, place: Place, document: Document) -> Explanation | None:
    if isinstance(document, WorkOrder):
        wrong = place.point.out
    elif place.point.out:
        wrong = False
    else:
        lines = lines_of(state, document, "in")
        out = sum(line.quantity for line in lines) - sum(passed(state, document, "in").by_line.values())
        wrong = not document.return_until_us or out <= 0
    return because(Reason.WRONG_DIRECTION, number=document.number) if wrong else None


def _bound_elsewhere(place: Place, document: Document) -> Explanation | None:
    if isinstance(document, WorkOrder):
        if document.edge != place.edge:
            return because(Reason.ORDER_BOUND_ELSEWHERE, order=document.number, edge=document.edge)
    elif document.edge != place.edge:
        return because(Reason.SLIP_BOUND_ELSEWHERE, slip=document.number, edge=document.edge)
    elif document.door not in ("", place.point.door):
        return because(Reason.SLIP_BOUND_ELSEWHERE, slip=document.number, edge=document.door)
    return None


def _used_up(state: State, place: Place, document: Document) -> Explanation | None:
    """What is scanned in a check of this document is not counted: that check is replaced by the one that would begin."""
    cancelled = _cancelled(place, document)
    if cancelled is not None:
        return cancelled
    if total(left_of(state, document, place.direction, checks=False)):
        return None
    if isinstance(document, WorkOrder):
        return because(Reason.ORDER_DONE, order=document.number)
    return because(Reason.SLIP_SPENT, slip=document.number, serial="")


def _cancelled(place: Place, document: Document) -> Explanation | None:
    """A cancelled slip takes nothing out; what is out already may come back under it."""
    if isinstance(document, ExitSlip) and document.cancelled and place.point.out:
        return because(Reason.SLIP_CANCELLED, slip=document.number)
    return None


def _wrong_time(place: Place, document: Document) -> Explanation | None:
    if isinstance(document, WorkOrder):
        if not document.from_us <= place.wall_us < document.until_us:
            return because(Reason.ORDER_WRONG_DATE, order=document.number)
        if place.wall_us < document.ready_us:
            return because(Reason.WORK_ORDER_LATE, order=document.number, ready_us=document.ready_us)
        return None
    until_us = document.until_us if place.point.out else document.return_until_us
    if document.from_us <= place.wall_us < until_us:
        return None
    return because(Reason.SLIP_WRONG_DATE, slip=document.number)


def packed(document: Document) -> Explanation | None:
    """Cartons have not been attested to be gone (E2)."""
    if isinstance(document, WorkOrder) and not document.unpacked:
        return because(Reason.PACKAGING_NOT_REMOVED, order=document.number)
    return None


def until_us_of(document: Document) -> int:
    """When nothing more can pass under the document, whichever way."""
    return document.until_us if isinstance(document, WorkOrder) else max(document.until_us, document.return_until_us)


def judge_item(
    state: State, goods: GoodsIndex, document: Document, check: Check, text: str
) -> tuple[ScannedItem, Line] | Explanation:
    """Which line of the document a scanned device is on, or why it may not pass. ``text``: its serial number, or its model where devices are
    counted, as :func:`controller.codes.serial_key`."""
    direction = check.started.direction
    if any(item.serial == text for item in check.scanned):
        return because(Reason.ITEM_SCANNED_TWICE, serial=text)
    if of_another(state, goods, document, text):
        return because(Reason.ITEM_OF_ANOTHER_CUSTOMER, serial=text)
    lines = lines_of(state, document, direction)
    left = left_of(state, document, direction)
    line = next((line for line in lines if text in line.serials), None)
    if line is not None:
        refusal = _used_before(state, goods, document, direction, text)
        if refusal is None and left[line.id] <= 0:
            refusal = because(Reason.QUANTITY_EXCEEDED, serial=text, number=document.number, quantity=line.quantity)
        return refusal or (ScannedItem(line.id, text), line)
    counted = [line for line in lines if not line.serials and serial_key(line.model) == text]
    for line in counted:
        if left[line.id] > 0:
            return ScannedItem(line.id), line
    if counted:
        quantity = sum(line.quantity for line in counted)
        return because(Reason.QUANTITY_EXCEEDED, serial=text, number=document.number, quantity=quantity)
    if isinstance(document, WorkOrder):
        return because(Reason.ITEM_NOT_ON_ORDER, serial=text, order=document.number)
    return because(Reason.ITEM_NOT_ON_SLIP, serial=text, slip=document.number)


class Whereabouts(msgspec.Struct, frozen=True, gc=False):
    """What is known last of a device: whether it is in the rooms, and whose it is (several: of two with one serial number)."""

    inside: bool
    owners: tuple[int | None, ...]


def whereabouts(state: State, goods: GoodsIndex, serial: str) -> Whereabouts | None:
    """The later word counts: the edge's own last passage, or the server's inventory, which has squared that passage, or knows of a correction. None: nothing
    is known of it."""
    last, items = state.moved.get(serial), goods.items(serial)
    if last is not None and all(item.as_of_us < last.at_us for item in items):
        return Whereabouts(last.inside, (last.customer,))
    here = [item for item in items if item.inside]
    return Whereabouts(bool(here), tuple(item.customer for item in here or items)) if items else None


def of_another(state: State, goods: GoodsIndex, document: Document, serial: str) -> bool:
    """Whether the device is in the rooms and another's than the document's customer (E6). One that is outside may come back as somebody else's."""
    known = whereabouts(state, goods, serial)
    return known is not None and known.inside and any(owner != document.customer for owner in known.owners)


def _used_before(
    state: State, goods: GoodsIndex, document: Document, direction: Direction, serial: str
) -> Explanation | None:
    """Why a device on a line by its serial number may not pass (again): it is there already, has passed under this binding, or is about to."""
    known = whereabouts(state, goods, serial)
    if direction == "out":
        if (known is not None and not known.inside) or serial in passed(state, document, "out").serials:
            return because(Reason.SLIP_SPENT, slip=document.number, serial=serial)
    elif (known is not None and known.inside) or serial in passed(state, document, "in").serials:
        return because(Reason.ITEM_ALREADY_IN, serial=serial)
    about_to = any(item.serial == serial for one in reservations(state) for item in one.items)
    if about_to or any(item.serial == serial for check in state.checks.values() for item in check.scanned):
        return because(Reason.ITEM_SCANNED_TWICE, serial=serial)
    return None


def still_covered(
    state: State, goods: GoodsIndex, document: Document, direction: Direction, items: Sequence[ScannedItem]
) -> bool:
    """Whether another policy's document still has these devices, scanned or reserved under it, on its lines."""
    lines = {line.id: line for line in lines_of(state, document, direction)}
    left = left_of(state, document, direction)
    for item in items:
        line = lines.get(item.line)
        if line is None or left[item.line] < 0 or bool(item.serial) != bool(line.serials):
            return False
        if item.serial and (item.serial not in line.serials or of_another(state, goods, document, item.serial)):
            return False
    return True
