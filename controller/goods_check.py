"""The check that runs at an access point, and whether what it stands on still holds (E2, E4; docs/goods.md)."""

from controller.carrier import may_carry
from controller.equipment import Place, document_behind, left_of, refused_now, still_covered, total
from controller.goods_door import end_check
from controller.goods_events import ItemsReserved
from controller.goods_index import Document
from controller.index import Point, PolicyIndex
from controller.policy import ExitSlip
from controller.state import Check
from controller.turn import Turn


def place_of(turn: Turn, point: Point) -> Place:
    """Where and when documents are judged in this turn."""
    return Place(turn.edge, point, turn.wall_us, turn.state.wall_trusted)


def running(turn: Turn, index: PolicyIndex, point: Point) -> tuple[Check, Document] | None:
    """The check here whose devices may go now. One whose document may not be used any more ends; while the journal fails nothing goes."""
    check = turn.state.checks.get(point.id)
    if check is None or not turn.state.journal_available:
        return None
    document = document_behind(index.goods, check)
    if document is None or refused_now(place_of(turn, point), document) is not None:
        end_check(turn, check, "withdrawn")
        return None
    return check, document


def nothing_left(turn: Turn, check: Check, document: Document) -> bool:
    """Whether all that may pass has been scanned."""
    return total(left_of(turn.state, document, check.started.direction)) == 0


def allowed(turn: Turn, index: PolicyIndex, of: Check | ItemsReserved) -> bool:
    """Whether the policy in force lets these devices through this door, under this document, with this carrier."""
    told, items = (of.started, of.scanned) if isinstance(of, Check) else (of, of.items)
    point = index.points.get(told.access_point)
    if point is None or not point.goods or point.door != told.door:
        return False
    document = document_behind(index.goods, of)
    if document is None or refused_now(place_of(turn, point), document) is not None:
        return False
    if told.direction == "out" and isinstance(document, ExitSlip):
        badge = index.badge(told.badge)
        if badge is None or badge.holder != told.holder or not may_carry(document, badge):
            return False
    return still_covered(turn.state, index.goods, document, told.direction, items)
