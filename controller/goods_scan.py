"""Scans: documents, devices, the control code that ends a check; and the guard's console in the scanner's place (E1, E2, E4-E6; docs/goods.md, Scans)."""

from controller.actions import Indicate
from controller.carrier import carrier_among_waiting
from controller.codes import MAX_SCAN_BYTES, serial_key
from controller.commands import CheckEquipment
from controller.equipment import (
    document_behind,
    judge_item,
    left_of,
    refused_document,
    refused_now,
    total,
    until_us_of,
)
from controller.event_base import Explanation
from controller.goods_check import place_of
from controller.goods_door import end_check
from controller.goods_events import DocumentKind, EquipmentCheckStarted, EquipmentRefused, ItemAccepted
from controller.goods_exit import all_scanned
from controller.goods_index import Document, kind_of
from controller.group import Member
from controller.index import Point, PolicyIndex
from controller.inputs import DocumentScanned, ItemScanned, ScanCancelled, ScanRefused
from controller.now import SECOND_US
from controller.policy import ExitSlip
from controller.reasons import Reason, because
from controller.turn import Turn

MAX_CONSOLE_ITEMS = 500
"""Devices that one command of the console may name."""

Scan = DocumentScanned | ItemScanned | ScanRefused | ScanCancelled
_SLIP_AGAIN = frozenset((Reason.SLIP_SPENT.name, Reason.SLIP_CANCELLED.name))


def scan(turn: Turn, read: Scan) -> None:
    """Decide what a scanner read and act on it."""
    point = _point(turn, read.access_point)
    refusal = _late(turn, read.read_at_mono_us) or _no_goods_door(read.access_point, point)
    if point is not None and refusal is None:
        if turn.door(point.door).mode == "released":
            return  # nothing is asked there
        if isinstance(read, ScanRefused):
            refusal = because(Reason.SCAN_UNREADABLE, cause=read.cause)
        else:
            refusal = _unavailable(turn, point)
    if refusal is not None or point is None or turn.index is None:
        _refuse(
            turn, read.access_point, point, refusal or because(Reason.NO_SUCH_POINT, access_point=read.access_point)
        )
        return
    match read:
        case ScanCancelled():
            check = turn.state.checks.get(point.id)
            if check is not None:
                end_check(turn, check, "cancelled")
        case DocumentScanned():
            document = turn.index.goods.document_of(read.document, read.code)
            refusal = _begin(turn, turn.index, point, read.document, document)
            if refusal is not None:
                _refuse(turn, point.id, point, refusal, number="" if document is None else document.number)
        case ItemScanned():
            _device(turn, turn.index, point, read.serial)


def check_by_console(turn: Turn, asked: CheckEquipment) -> Explanation | None:
    """The guard's console names the document and the devices. Returns why the document is refused; devices are refused each by itself."""
    point = _point(turn, asked.access_point)
    if not asked.reason.strip():
        return because(Reason.REASON_REQUIRED)
    refusal = _no_goods_door(asked.access_point, point)
    if refusal is None and len(asked.items) > MAX_CONSOLE_ITEMS:
        refusal = because(Reason.COUNT_INVALID, cause="devices", number=str(len(asked.items)))
    if refusal is not None or point is None or turn.index is None:
        return refusal
    if turn.door(point.door).mode == "released":
        zones = turn.hardware[point.door].fire_zones
        zone = next((name for name in zones if name in turn.state.fire_latched), "")
        return because(Reason.AREA_UNSAFE, zone=zone)
    refusal = _unavailable(turn, point)
    if refusal is None:
        document = turn.index.goods.document_of(asked.document, asked.code)
        refusal = _begin(turn, turn.index, point, asked.document, document, console=True)
    if refusal is None:
        for item in asked.items:
            _device(turn, turn.index, point, item)
    return refusal


def _point(turn: Turn, access_point: str) -> Point | None:
    point = None if turn.index is None else turn.index.points.get(access_point)
    return point if point is not None and point.door in turn.hardware else None


def _late(turn: Turn, read_at_mono_us: int) -> Explanation | None:
    age_us = turn.mono_us - read_at_mono_us
    limit_us = round(turn.limits.late_read_s * SECOND_US)
    return None if -limit_us <= age_us <= limit_us else because(Reason.LATE_READ, late_ms=age_us // 1_000)


def _no_goods_door(access_point: str, point: Point | None) -> Explanation | None:
    if point is None:
        return because(Reason.NO_SUCH_POINT, access_point=access_point)
    return None if point.goods else because(Reason.NOT_A_GOODS_DOOR, access_point=access_point)


def _unavailable(turn: Turn, point: Point) -> Explanation | None:
    if not turn.state.journal_available:
        return because(Reason.JOURNAL_UNAVAILABLE)
    zone = turn.gas_zone(point.door)
    return because(Reason.AREA_UNSAFE, zone=zone) if zone else None


def _refuse(
    turn: Turn, access_point: str, point: Point | None, explanation: Explanation, number: str = "", serial: str = ""
) -> None:
    check = turn.state.checks.get(access_point)
    begun = None if check is None else check.started
    turn.emit(
        EquipmentRefused(
            access_point=access_point,
            door="" if point is None else point.door,
            because=explanation,
            number=number or ("" if begun is None else begun.number),
            serial=serial,
            holder=0 if begun is None else begun.holder,
        )
    )
    turn.act(Indicate(access_point, "denied"))


def _begin(
    turn: Turn,
    index: PolicyIndex,
    point: Point,
    kind: DocumentKind,
    document: Document | None,
    *,
    console: bool = False,
) -> Explanation | None:
    """A check of this document begins here, or why not."""
    if document is None:
        return because(Reason.UNKNOWN_DOCUMENT, document=kind)
    place = place_of(turn, point)
    refusal = refused_document(turn.state, place, document)
    if refusal is not None:
        if refusal.reason in _SLIP_AGAIN and not _goes_now(turn, point, document):
            _slip_again(turn, point, document, refusal)
        return refusal
    carrier: Member | None = None
    if point.out and isinstance(document, ExitSlip):
        found = carrier_among_waiting(turn, index, point, document)
        if isinstance(found, Explanation):
            return found
        carrier = found
    for check in list(turn.state.checks.values()):
        begun = check.started
        same = (begun.document, begun.document_id) == (kind, document.id)
        if begun.access_point == point.id and same and begun.binding == document.binding and not check.scanned:
            continue  # the time anew
        if begun.access_point == point.id or same:
            end_check(turn, check, "replaced")
    turn.emit(
        EquipmentCheckStarted(
            access_point=point.id,
            door=point.door,
            document=kind,
            document_id=document.id,
            binding=document.binding,
            number=document.number,
            direction=place.direction,
            customer=document.customer,
            expected=total(left_of(turn.state, document, place.direction)),
            until_mono_us=_until_us(turn),
            until_us=until_us_of(document),
            holder=0 if carrier is None else carrier.holder,
            badge=0 if carrier is None else carrier.badge,
            console=console,
        )
    )
    turn.act(Indicate(point.id, "accepted"))
    return None


def _until_us(turn: Turn) -> int:
    return turn.mono_us + round(turn.limits.equipment_window_s * SECOND_US)


def _goes_now(turn: Turn, point: Point, document: Document) -> bool:
    """The last devices of this document are reserved at this very point: who scans it again is the one who is about to go."""
    told = (kind_of(document), document.id)
    return any((one.document, one.document_id) == told for one in turn.state.reserved.get(point.id, ()))


def _slip_again(turn: Turn, point: Point, document: Document, refusal: Explanation) -> None:
    """A spent or cancelled slip is shown: a copy may be about."""
    turn.raise_alarm(
        "SLIP_REUSED", document.number, again=True, access_point=point.id, door=point.door, reason=refusal.reason
    )


def _device(turn: Turn, index: PolicyIndex, point: Point, text: str) -> None:
    """A device is scanned in the check that runs here."""
    serial = serial_key(text)
    if not serial or len(serial) > MAX_SCAN_BYTES:
        cause = "too_long" if serial else "noise"
        _refuse(turn, point.id, point, because(Reason.SCAN_UNREADABLE, cause=cause))
        return
    check = turn.state.checks.get(point.id)
    if check is None:
        _refuse(turn, point.id, point, because(Reason.NO_CHECK_RUNS, serial=serial), serial=serial)
        return
    document = document_behind(index.goods, check)
    refusal: Explanation | None
    if document is None:
        refusal = because(Reason.UNKNOWN_DOCUMENT, document=check.started.document)
    else:
        refusal = refused_now(place_of(turn, point), document)
    if document is None or refusal is not None:
        _refuse(turn, point.id, point, refusal or because(Reason.NO_CHECK_RUNS, serial=serial), serial=serial)
        end_check(turn, check, "withdrawn")
        return
    judged = judge_item(turn.state, index.goods, document, check, serial)
    if isinstance(judged, Explanation):
        _refuse(turn, point.id, point, judged, serial=serial)
        if judged.reason == Reason.SLIP_SPENT.name:
            _slip_again(turn, point, document, judged)
        return
    item, line = judged
    left = total(left_of(turn.state, document, check.started.direction)) - 1
    turn.emit(ItemAccepted(point.id, point.door, document.number, item, line.model, left, _until_us(turn)))
    if left or not point.out or not all_scanned(turn, index, point):
        turn.act(Indicate(point.id, "accepted"))
