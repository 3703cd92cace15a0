"""Receiving at the desk, device by device, where no edge with a goods door has the order (E2)."""

from sqlmodel import Session, col, select

from controller.codes import MAX_SCAN_BYTES, serial_key
from server.context import Context
from server.db.clock import to_us
from server.equipment.models import Item, ItemStay, WorkOrder, WorkOrderLine, WorkOrderSerial
from server.equipment.order_lines import lines_of
from server.equipment.orders import late, need, ready_at
from server.equipment.stock import Stock
from server.equipment.stock_rows import Device, Move
from server.operators.actor import Actor
from server.operators.audit import record
from server.problems import Problem
from server.registry.validation import refused


def receive(
    session: Session, context: Context, actor: Actor, order: WorkOrder, scanned: str, rack: str
) -> tuple[Device, int]:
    """One device, by its serial or (counted lines) its model; the device and the place of its line. The caller holds the stock's lock, then the order's.

    Raises :class:`Problem` 409: ``bound_to_edge``, ``ORDER_DONE``, ``ORDER_WRONG_DATE``, ``WORK_ORDER_LATE``, ``PACKAGING_NOT_REMOVED``, ``ITEM_OF_ANOTHER_CUSTOMER``,
    ``ITEM_ALREADY_IN``, ``QUANTITY_EXCEEDED``, ``ITEM_NOT_ON_ORDER``."""
    now = context.clock.now()
    if order.status == "done":
        raise _refusal("ORDER_DONE", "All devices of this order are in.", "该开工单的设备已全部进入。")
    need(order, "approved", "receiving")
    if order.edge_id is not None:
        raise Problem(
            409,
            "bound_to_edge",
            "This order is bound to an edge: its goods door decides what comes in. Bind it to none first.",
            "该开工单绑定在货物门控制器上，由其货物门核验；如需在前台收货，请先解除绑定。",
        )
    ready = ready_at(order)
    if ready is not None and now < ready:
        raise late(order, context.site.time_zone)
    if not order.planned_from <= now < order.planned_until:
        raise _refusal("ORDER_WRONG_DATE", "This order is not for this time.", "不在该开工单的计划时间内。", "E1")
    if order.unpacked_at is None:
        raise _refusal(
            "PACKAGING_NOT_REMOVED",
            "Unpack what this order brings first; the guard confirms it.",
            "请先拆除包装，并由值班人员确认。",
        )
    key = serial_key(scanned)
    if not key or len(scanned.encode()) > MAX_SCAN_BYTES:
        raise refused("scanned", "scanned: nothing that can be a device.", "scanned：无法识别为设备。")
    line, serial = _line(session, order, key)
    session.flush()
    move = Move(
        direction="in",
        at_us=to_us(now),
        customer=order.customer_id,
        source="desk",
        serial=serial,
        written=scanned.strip() if serial else "",
        document="order",
        document_id=order.id or 0,
        line=line.id or 0,
        number=order.number or "",
        rack=rack,
        by=actor.public_id,
    )
    stock = Stock(session.connection(), [move], now)
    device = stock.take(move).device
    stock.save()
    session.expire_all()
    assert device is not None, "a line names its model"
    after = {"item": device.public_id, "serial": device.serial_key, "model": device.model, "line": line.place}
    record(session, actor, now, "order.receive", order.public_id, after=after)
    return device, line.place


def _line(session: Session, order: WorkOrder, key: str) -> tuple[WorkOrderLine, str]:
    """As the door judges it (docs/goods.md, A device): by serial, else by the model of counted lines."""
    lines = lines_of(session, [order])[order.id or 0]
    query = select(Item, ItemStay).join(ItemStay, col(ItemStay.item_id) == Item.id)
    here = session.exec(query.where(Item.serial_key == key, col(ItemStay.out_at_us).is_(None))).first()
    if here is not None and here[1].customer_id != order.customer_id:
        raise _refusal(
            "ITEM_OF_ANOTHER_CUSTOMER", f"Device {key} belongs to another customer.", f"设备 {key} 属于其他客户。", "E6"
        )
    for line in lines:
        if key not in map(serial_key, line.serials):
            continue
        claim = session.get_one(WorkOrderSerial, (line.id, key))
        if here is not None or not claim.open:
            raise _refusal("ITEM_ALREADY_IN", f"Device {key} is in the room already.", f"设备 {key} 已在机房内。")
        return line, key
    counted = [line for line in lines if not line.serials and line.model_key == key]
    for line in counted:
        if line.received < line.quantity:
            return line, ""
    if counted:
        raise _refusal("QUANTITY_EXCEEDED", f"{key} is beyond the quantity on this order.", f"{key} 超出开工单数量。")
    raise _refusal(
        "ITEM_NOT_ON_ORDER",
        f"Device {key} is not on work order {order.number}: it stays outside.",
        f"设备 {key} 不在开工单 {order.number} 上，不得带入。",
    )


def _refusal(code: str, detail: str, detail_zh: str, rule: str = "E2") -> Problem:
    return Problem(409, code, detail, detail_zh, extra={"rule": rule})
