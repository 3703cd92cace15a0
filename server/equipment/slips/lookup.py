"""Finding slips by the names that requests use, with their lines and carriers."""

from collections.abc import Iterable
from typing import NamedTuple

from sqlmodel import Session, case, col, or_, select

from controller.codes import serial_key
from server.chinese import all_in_chinese, in_chinese
from server.equipment.models import Item, ItemStay
from server.equipment.slip_models import ExitSlip, ExitSlipCarrier, ExitSlipLine
from server.operators.actor import Actor
from server.problems import Problem, not_found
from server.registry.lookup import may_see
from server.registry.models import Customer

LINES_AT_ONCE = 500


def find_slip(
    session: Session, name: str, actor: Actor, *, to_change: bool = False, field: str | None = None
) -> ExitSlip:
    """By public id, number or external id, in this order; one of another department's customer is not there (C4). ``to_change`` locks the row and reads it
    anew: of two acts at once the second sees what the first made. Raises :class:`Problem`."""
    named = or_(ExitSlip.public_id == name, ExitSlip.number == name, ExitSlip.external_id == name)
    order = case((col(ExitSlip.public_id) == name, 0), (col(ExitSlip.number) == name, 1), else_=2)
    query = select(ExitSlip).where(named).order_by(order).limit(1)
    if to_change:
        query = query.with_for_update().execution_options(populate_existing=True)
    found = session.exec(query).first()
    if found is None or not _may_see(session, actor, found):
        raise not_found("exit slip", "出门条", name[:64], field)
    return found


def _may_see(session: Session, actor: Actor, slip: ExitSlip) -> bool:
    return slip.customer_id is None or may_see(actor, session.get_one(Customer, slip.customer_id))


def id_of(row: ExitSlip | ExitSlipLine) -> int:
    """The row's integer id, which it has once it was flushed."""
    assert row.id is not None
    return row.id


def lines_of(session: Session, slip_ids: Iterable[int]) -> dict[int, list[ExitSlipLine]]:
    """The lines of these slips in their order, by slip; every slip has an entry."""
    wanted = list(slip_ids)
    found: dict[int, list[ExitSlipLine]] = {slip_id: [] for slip_id in wanted}
    query = select(ExitSlipLine).where(col(ExitSlipLine.slip_id).in_(wanted)).order_by(col(ExitSlipLine.position))
    for line in session.exec(query).all() if wanted else ():
        found[line.slip_id].append(line)
    return found


def carriers_of(session: Session, slip_ids: Iterable[int]) -> dict[int, list[ExitSlipCarrier]]:
    """The named carriers of these slips, by slip; every slip has an entry."""
    wanted = list(slip_ids)
    found: dict[int, list[ExitSlipCarrier]] = {slip_id: [] for slip_id in wanted}
    query = select(ExitSlipCarrier).where(col(ExitSlipCarrier.slip_id).in_(wanted)).order_by(col(ExitSlipCarrier.id))
    for carrier in session.exec(query).all() if wanted else ():
        found[carrier.slip_id].append(carrier)
    return found


def find_line(lines: Iterable[ExitSlipLine], line_id: int, field: str = "line") -> ExitSlipLine:
    """The line of this id. Raises :class:`Problem` 422."""
    for line in lines:
        if line.id == line_id:
            return line
    raise not_found("line of this slip", "明细行", str(line_id), field)


class Passed(NamedTuple):
    """Serial keys of a line's devices that went out under it, and of those that came back under it."""

    gone: set[str]
    returned: set[str]


def passed_of(session: Session, lines: Iterable[ExitSlipLine]) -> dict[int, Passed]:
    """What passed, by line: from the stays that the inventory keeps. Every line has an entry. A device that a line brought back in another's place stands in the
    ``returned`` of its own line."""
    found = {id_of(line): Passed(set(), set()) for line in lines}
    wanted = list(found)
    for start in range(0, len(wanted), LINES_AT_ONCE):
        some = wanted[start : start + LINES_AT_ONCE]
        query = (
            select(ItemStay.slip_line_id, ItemStay.return_line_id, Item.serial_key)
            .join(Item, col(Item.id) == ItemStay.item_id)
            .where(or_(col(ItemStay.slip_line_id).in_(some), col(ItemStay.return_line_id).in_(some)))
            .where(col(Item.serial_key).is_not(None))
        )
        for out, back, key in session.exec(query).all():
            if out in found:
                found[out].gone.add(key or "")
            if back in found:
                found[back].returned.add(key or "")
    return found


def keys_of(line: ExitSlipLine) -> list[str]:
    """The line's serial numbers as they are compared."""
    return [serial_key(serial) for serial in line.serials]


def refuse_status(slip: ExitSlip, *possible: str) -> None:
    """Raise :class:`Problem` 409 unless the slip has one of these statuses."""
    if slip.status not in possible:
        name = slip.number or slip.public_id
        raise Problem(
            409,
            "status_conflict",
            f"Exit slip {name} is {slip.status}: this is possible while it is {' or '.join(possible)}.",
            f"出门条 {name} 的状态为“{in_chinese('slip_standing', slip.status)}”，此操作须在以下状态进行：{all_in_chinese('slip_standing', possible)}。",
            extra={"status_now": slip.status},
        )
