"""What is out under a slip, and what comes back in its place (E5, docs/goods.md, In)."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from controller.codes import serial_key
from server.equipment.models import Item, ItemStay, WorkOrderSerial
from server.equipment.slip_models import ExitSlip, ExitSlipLine
from server.equipment.slips.binding import bound_to, rebind
from server.equipment.slips.lookup import find_line, id_of, keys_of, lines_of, refuse_status
from server.fleet.models import Edge
from server.operators.actor import Actor
from server.operators.audit import record
from server.problems import Problem
from server.registry.validation import refused


def away(session: Session, lines: Sequence[ExitSlipLine]) -> dict[int, tuple[int, list[str]]]:
    """How many devices of each line are out, and their serial numbers where they have some; lines of which nothing is out are left out."""
    _, out = bound_to(session, lines)
    return {line_id: (count, keys) for line_id, _, count, keys in out}


def expect_replacement(
    session: Session, actor: Actor, now: datetime, slip: ExitSlip, line_id: int, serial: str, new: str, model: str
) -> ExitSlipLine:
    """Another device comes back in the place of one that is out: a line of its own, and the slip is bound anew with it. Raises :class:`Problem`."""
    refuse_status(slip, "issued")
    if slip.return_until_at is None or now >= slip.return_until_at or slip.edge_id is None:
        raise Problem(
            409,
            "SLIP_WRONG_DATE",
            "Nothing comes back under this slip any more: use a work order.",
            "该出门条已不能用于归还，请使用开工单。",
            extra={"rule": "E5"},
        )
    lines = lines_of(session, [id_of(slip)])[id_of(slip)]
    line = find_line(lines, line_id)
    key, new_key = serial_key(serial), serial_key(new)
    if key not in away(session, lines).get(line_id, (0, []))[1]:
        raise refused("serial", f"serial: {key} is not out on this line.", f"serial：{key} 未凭该行带出。")
    _refuse_known(session, lines, new_key)
    made = ExitSlipLine(
        slip_id=id_of(slip),
        position=max(each.position for each in lines) + 1,
        model=model or line.model,
        quantity=1,
        serials=[new.strip()],
        replaces_line_id=line.id,
        replaces_serial=key,
    )
    session.add(made)
    session.flush()
    after = {"line": line.id, "serial": key, "replacement": new_key}
    record(session, actor, now, "slip.replace", slip.public_id, after=after)
    rebind(session, actor, now, slip, session.get_one(Edge, slip.edge_id), slip.door)
    return made


def _refuse_known(session: Session, lines: Sequence[ExitSlipLine], key: str) -> None:
    """The replacement must be new here: neither in the room, nor expected on an order, nor out under this very slip."""
    if not key:
        raise refused("replacement", "replacement: is missing.", "replacement：不能为空。")
    here = (
        select(ItemStay.id)
        .join(Item, col(Item.id) == ItemStay.item_id)
        .where(Item.serial_key == key, col(ItemStay.out_at_us).is_(None))
    )
    if session.exec(here).first() is not None:
        raise Problem(
            409,
            "ITEM_ALREADY_IN",
            f"Device {key} is in the room already: check the serial number.",
            f"设备 {key} 已在机房内，请核对序列号。",
            field="replacement",
            extra={"rule": "E2"},
        )
    ordered = select(WorkOrderSerial.line_id).where(
        WorkOrderSerial.serial_key == key, col(WorkOrderSerial.open).is_(True)
    )
    if session.exec(ordered).first() is not None:
        raise Problem(
            409,
            "serial_on_order",
            f"Device {key} is expected on a work order already: it comes in on that.",
            f"设备 {key} 已列在开工单上，请按开工单带入。",
            field="replacement",
        )
    if any(key in keys_of(line) for line in lines):
        raise refused("replacement", f"replacement: {key} stands on this slip.", f"replacement：{key} 已在本出门条上。")
