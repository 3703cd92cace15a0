"""The fold of facts about equipment (docs/goods.md): applied by :func:`controller.fold.apply`, and nowhere else."""

from controller.goods_events import (
    Direction,
    DocumentKind,
    EquipmentCheckEnded,
    EquipmentCheckStarted,
    ItemAccepted,
    ItemsFreed,
    ItemsMoved,
    ItemsReserved,
)
from controller.state import MAX_MOVED_KEPT, MOVED_KEPT_US, Check, Moved, Passed, State

_Fact = EquipmentCheckStarted | ItemAccepted | EquipmentCheckEnded | ItemsReserved | ItemsMoved | ItemsFreed


def passed_key(document: DocumentKind, document_id: int, binding: int, direction: Direction) -> str:
    """The key of ``State.passed``: a document that is bound anew starts with the lines that it then has."""
    return f"{document}/{document_id}/{binding}/{direction}"


def apply_goods(state: State, event: _Fact, at_us: int) -> None:
    """Apply one fact about equipment, in place."""
    match event:
        case EquipmentCheckStarted():
            state.checks[event.access_point] = Check(event, event.until_mono_us)
        case ItemAccepted():
            check = state.checks[event.access_point]
            state.checks[event.access_point] = Check(check.started, event.until_mono_us, (*check.scanned, event.item))
        case EquipmentCheckEnded():
            state.checks.pop(event.access_point, None)
        case ItemsMoved():  # before ItemsReserved, which it is a kind of
            _end_reserved(state, event)
            _pass(state, event, at_us)
        case ItemsReserved():
            state.reserved[event.access_point] = (*state.reserved.get(event.access_point, ()), event)
        case ItemsFreed():
            _end_reserved(state, event)


def _end_reserved(state: State, ended: ItemsMoved | ItemsFreed) -> None:
    """Of one holder under one document at one point: several partial exits are taken, or freed, by one opening."""
    left = tuple(
        one
        for one in state.reserved.get(ended.access_point, ())
        if (one.number, one.holder) != (ended.number, ended.holder)
        or (isinstance(ended, ItemsMoved) and one.items != ended.items)
    )
    if left:
        state.reserved[ended.access_point] = left
    else:
        state.reserved.pop(ended.access_point, None)


def _pass(state: State, event: ItemsMoved, at_us: int) -> None:
    key = passed_key(event.document, event.document_id, event.binding, event.direction)
    known = state.passed.get(key)
    by_line = dict(known.by_line) if known is not None else {}
    serials = known.serials if known is not None else ()
    for item in event.items:
        by_line[item.line] = by_line.get(item.line, 0) + 1
    for old in [name for name, passed in state.passed.items() if passed.until_us + MOVED_KEPT_US < at_us]:
        del state.passed[old]
    state.passed[key] = Passed(
        event.until_us, by_line, (*serials, *(item.serial for item in event.items if item.serial))
    )
    for item in event.items:
        if item.serial:
            state.moved.pop(item.serial, None)  # to the end: the newest
            state.moved[item.serial] = Moved(event.direction == "in", event.customer, at_us)
    for serial in list(state.moved):
        if len(state.moved) <= MAX_MOVED_KEPT and state.moved[serial].at_us + MOVED_KEPT_US >= at_us:
            break
        del state.moved[serial]
