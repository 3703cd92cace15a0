"""Lines of a work order: checked, split where only some devices have a serial number, stored with their addresses and ports (E2, E3, E7)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy import delete, update
from sqlmodel import Session, col, func, select

from controller.codes import MAX_SCAN_BYTES, document_of, serial_key
from server.equipment.models import Allocation, Item, ItemStay, WorkOrder, WorkOrderLine, WorkOrderSerial
from server.ids import new_id
from server.operators.actor import Actor
from server.problems import Problem
from server.registry.lookup import may_see
from server.registry.models import Contract, Customer
from server.registry.validation import refused

MAX_LINES = 500
MAX_DEVICES = 5_000
"""Of one order."""
Word = Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True)]
Rack = Annotated[str, StringConstraints(max_length=100, strip_whitespace=True)]
Serial = Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True)]


class LineGiven(BaseModel):
    """One line. ``quantity`` left out: as many as there are ``serials``, else 1. With fewer serials than ``quantity`` it becomes two lines: those with, and those
    without, which are counted. ``ips``, ``ports``: what its devices get (E3)."""

    model_config = ConfigDict(extra="forbid")

    model: Word
    quantity: Annotated[int, Field(ge=1, le=MAX_DEVICES)] | None = None
    serials: Annotated[list[Serial], Field(max_length=MAX_DEVICES)] = []
    rack: Rack = ""
    ips: Annotated[list[Word], Field(max_length=MAX_DEVICES)] = []
    ports: Annotated[list[Word], Field(max_length=MAX_DEVICES)] = []


@dataclass
class _Wanted:
    """A line as it is stored."""

    model: str
    quantity: int
    serials: list[str]
    rack: str
    where: str
    ips: list[str] = field(default_factory=list)
    ports: list[str] = field(default_factory=list)


def replace_lines(
    session: Session, actor: Actor, now: datetime, order: WorkOrder, contract: Contract, given: Sequence[LineGiven]
) -> None:
    """The order's lines are these, and no others. Raises :class:`Problem`: ``serial_on_order`` (409; the other order is named to who may see it),
    ``ITEM_ALREADY_IN``, ``rack_not_in_contract`` (E7), ``ALLOCATION_EXCEEDS_CONTRACT``, ``address_taken``, ``port_taken``."""
    wanted = _checked(given, contract)
    drop_lines(session, order)
    serials = {serial_key(serial): line.where for line in wanted for serial in line.serials}
    refuse_serials_elsewhere(actor, order, serials, look_elsewhere(session, serials))
    for place, line in enumerate(wanted, start=1):
        row = WorkOrderLine(
            order_id=_id(order),
            place=place,
            model=line.model,
            model_key=serial_key(line.model),
            quantity=line.quantity,
            serials=line.serials,
            rack=line.rack,
        )
        session.add(row)
        session.flush()
        assert row.id is not None
        session.add_all(WorkOrderSerial(line_id=row.id, serial_key=serial_key(serial)) for serial in line.serials)
        for kind, values in (("ip", line.ips), ("port", line.ports)):
            _refuse_taken(session, kind, values, line.where)
            session.add_all(
                Allocation(
                    public_id=new_id("alc", now), contract_id=order.contract_id, line_id=row.id, kind=kind, value=value, made_at=now
                )
                for value in values
            )  # fmt: skip
    session.flush()
    refuse_beyond_contract(order, contract, allocated(session, [order]))


def drop_lines(session: Session, order: WorkOrder) -> None:
    """Forget the lines of a draft."""
    lines = select(WorkOrderLine.id).where(WorkOrderLine.order_id == order.id)
    session.flush()
    for table, column in ((Allocation, Allocation.line_id), (WorkOrderSerial, WorkOrderSerial.line_id)):
        session.connection().execute(delete(table).where(col(column).in_(lines)))
    session.connection().execute(delete(WorkOrderLine).where(col(WorkOrderLine.order_id) == order.id))
    session.expire_all()


def release_claims(session: Session, order: WorkOrder, now: datetime, by: str) -> None:
    """What did not come may stand on another order; addresses and ports of lines of which nothing came are free again."""
    lines = select(WorkOrderLine.id).where(WorkOrderLine.order_id == order.id)
    empty = lines.where(WorkOrderLine.received == 0)
    session.flush()
    run = session.connection().execute
    run(update(WorkOrderSerial).where(col(WorkOrderSerial.line_id).in_(lines)).values(open=False))
    live = col(Allocation.line_id).in_(empty), col(Allocation.released_at).is_(None)
    run(update(Allocation).where(*live).values(released_at=now, released_by=by))


def lines_of(session: Session, orders: Iterable[WorkOrder]) -> dict[int, list[WorkOrderLine]]:
    """The lines of these orders, in their places."""
    found: dict[int, list[WorkOrderLine]] = {_id(order): [] for order in orders}
    query = select(WorkOrderLine).where(col(WorkOrderLine.order_id).in_(found))
    for line in session.exec(query.order_by(col(WorkOrderLine.order_id), col(WorkOrderLine.place))).all():
        found[line.order_id].append(line)
    return found


class Elsewhere(NamedTuple):
    """Where devices are already: in the rooms, by key, or on an open order, with whose it is."""

    here: set[str]
    on_orders: list[tuple[str, WorkOrder, Customer]]


def look_elsewhere(session: Session, keys: Iterable[str]) -> Elsewhere:
    """What is known of these serial numbers, by the same two queries for any few hundred."""
    found = Elsewhere(set(), [])
    for some in _slices(sorted(keys)):
        here = (
            select(Item.serial_key)
            .join(ItemStay, col(ItemStay.item_id) == Item.id)
            .where(col(ItemStay.out_at_us).is_(None), col(Item.serial_key).in_(some))
        )
        found.here.update(key for key in session.exec(here).all() if key is not None)
        claimed = (
            select(WorkOrderSerial.serial_key, WorkOrder, Customer)
            .join(WorkOrderLine, col(WorkOrderLine.id) == WorkOrderSerial.line_id)
            .join(WorkOrder, col(WorkOrder.id) == WorkOrderLine.order_id)
            .join(Customer, col(Customer.id) == WorkOrder.customer_id)
            .where(col(WorkOrderSerial.open), col(WorkOrderSerial.serial_key).in_(some))
        )
        found.on_orders.extend(session.exec(claimed.order_by(col(WorkOrderSerial.serial_key))).all())
    return found


def refuse_serials_elsewhere(actor: Actor, order: WorkOrder, serials: dict[str, str], found: Elsewhere) -> None:
    """Raise :class:`Problem` 409 for a device that is here already, or that another open order brings. ``serials``: key → input field."""
    for key in sorted(serials):
        if key in found.here:
            raise Problem(
                409,
                "ITEM_ALREADY_IN",
                f"Device {key} is in the room already. Check the serial number.",
                f"设备 {key} 已在机房内，请核对序列号。",
                field=serials[key],
                extra={"rule": "E2", "serial": key},
            )
    for key, other, customer in found.on_orders:
        if key in serials and other.id != order.id:
            raise _on_order(actor, key, other, customer, field=serials[key])


class Allocated(NamedTuple):
    """Live allocations: ``lines``: order → (kind, place and quantity of the line, how many); ``contracts``: contract and kind → how many."""

    lines: dict[int, list[tuple[str, int, int, int]]]
    contracts: dict[tuple[int, str], int]


def allocated(session: Session, orders: Iterable[WorkOrder]) -> Allocated:
    """Those of these orders and of their contracts, by two queries."""
    of = {_id(order): order.contract_id for order in orders}
    live = col(Allocation.released_at).is_(None)
    by_line = (
        select(WorkOrderLine.order_id, Allocation.kind, WorkOrderLine.place, WorkOrderLine.quantity, func.count())  # type: ignore[call-overload]
        .join(Allocation, col(Allocation.line_id) == WorkOrderLine.id)
        .where(col(WorkOrderLine.order_id).in_(of), live)
        .group_by(col(WorkOrderLine.order_id), col(Allocation.kind), col(WorkOrderLine.place), col(WorkOrderLine.quantity))
    )  # fmt: skip
    lines: dict[int, list[tuple[str, int, int, int]]] = {one: [] for one in of}
    for order_id, *line in session.execute(by_line).all():
        lines[order_id].append(tuple(line))
    totals = select(Allocation.contract_id, Allocation.kind, func.count()).where(
        col(Allocation.contract_id).in_(set(of.values())), live
    )
    counted = session.exec(totals.group_by(col(Allocation.contract_id), col(Allocation.kind))).all()
    return Allocated(lines, {(contract, kind): count for contract, kind, count in counted})


def refuse_beyond_contract(order: WorkOrder, contract: Contract, found: Allocated) -> None:
    """E3. Where the contract says nothing: one address and one port for each device of a line. Where it does: so many in all of the contract's live
    allocations. Raises :class:`Problem` 409 ``ALLOCATION_EXCEEDS_CONTRACT``."""
    for kind, allowance in (("ip", contract.ip_allowance), ("port", contract.port_allowance)):
        if allowance is None:
            for of, place, quantity, count in found.lines[_id(order)]:
                if of == kind and count > quantity:
                    raise _beyond(kind, count, quantity, f"lines.{place - 1}.{kind}s")
        elif (count := found.contracts.get((contract.id or 0, kind), 0)) > allowance:
            raise _beyond(kind, count, allowance, "lines")


def _checked(given: Sequence[LineGiven], contract: Contract) -> list[_Wanted]:
    if not given or len(given) > MAX_LINES:
        raise refused("lines", f"lines: give 1 to {MAX_LINES}.", f"lines：请给出 1 至 {MAX_LINES} 行。")
    wanted: list[_Wanted] = []
    seen: dict[str, str] = {}
    for index, line in enumerate(given):
        where = f"lines.{index}"
        _refuse_code(line.model, f"{where}.model")
        keys = [serial_key(serial) for serial in line.serials]
        for position, key in enumerate(keys):
            _refuse_code(key, f"{where}.serials.{position}")
            if seen.setdefault(key, where) != where or keys.count(key) > 1:
                raise refused(
                    f"{where}.serials", f"{where}: serial {key} stands twice.", f"{where}：序列号 {key} 重复。"
                )
        quantity = line.quantity if line.quantity is not None else max(1, len(keys))
        if len(keys) > quantity:
            raise refused(
                f"{where}.quantity",
                f"{where}: {len(keys)} serials, but quantity is {quantity}.",
                f"{where}：序列号有 {len(keys)} 个，数量却为 {quantity}。",
            )
        rack = _rack(line.rack, contract, where)
        parts = [_Wanted(line.model, len(keys), line.serials, rack, where)] if keys else []
        if quantity > len(keys):
            parts.append(_Wanted(line.model, quantity - len(keys), [], rack, where))
        _share(parts, line)
        wanted += parts
    total = sum(line.quantity for line in wanted)
    if total > MAX_DEVICES:
        raise refused(
            "lines",
            f"lines: {total} devices; an order brings at most {MAX_DEVICES}: split it.",
            f"lines：共 {total} 台设备，每单最多 {MAX_DEVICES} 台，请拆分。",
        )
    models = {serial_key(line.model): line.where for line in wanted if not line.serials}
    for key, where in seen.items():
        if key in models:
            raise refused(
                f"{where}.serials",
                f"{where}: serial {key} is the model of a counted line: a scan could not tell them apart.",
                f"{where}：序列号 {key} 与按数量计的型号相同，扫描时无法区分。",
            )
    return wanted


def _share(parts: list[_Wanted], line: LineGiven) -> None:
    """Addresses and ports go with the devices, those with serials first; what is too much goes with the last, where E3 finds it."""
    for name in ("ips", "ports"):
        left = list(getattr(line, name))
        if len(set(left)) != len(left):
            field = f"{parts[0].where}.{name}"
            raise refused(field, f"{field}: one stands twice.", f"{field}：有重复。")
        for part in parts:
            count = len(left) if part is parts[-1] else part.quantity
            setattr(part, name, left[:count])
            left = left[count:]


def _rack(rack: str, contract: Contract, where: str) -> str:
    if not contract.racks:
        return rack
    if not rack and len(contract.racks) == 1:
        return contract.racks[0]
    if rack not in contract.racks:
        raise Problem(
            422,
            "rack_not_in_contract",
            f"{where}.rack: equipment stands in the customer's own racks: {', '.join(contract.racks[:20])}.",
            f"{where}.rack：设备只能放在客户自己的机柜：{'、'.join(contract.racks[:20])}。",
            field=f"{where}.rack",
            extra={"rule": "E7", "racks": contract.racks[:100]},
        )
    return rack


def _refuse_code(text: str, field: str) -> None:
    if not serial_key(text) or len(text.encode()) > MAX_SCAN_BYTES:
        raise refused(
            field,
            f"{field}: must have something to scan, of at most {MAX_SCAN_BYTES} bytes.",
            f"{field}：须有可扫描的内容，最多 {MAX_SCAN_BYTES} 字节。",
        )
    if document_of(text, scanned=True) is not None:
        raise refused(
            field, f"{field}: this is an order's or slip's code.", f"{field}：这是单据编码，不是设备序列号或型号。"
        )


def _refuse_taken(session: Session, kind: str, values: list[str], where: str) -> None:
    if not values:
        return
    live = select(Allocation.value).where(
        Allocation.kind == kind, col(Allocation.value).in_(values), col(Allocation.released_at).is_(None)
    )
    taken = session.exec(live.limit(1)).first()
    if taken is not None:
        word, zh = ("address", "IP 地址") if kind == "ip" else ("port", "端口")
        raise Problem(
            409, f"{word}_taken", f"{where}: {word} {taken} is in use.", f"{where}：{zh} {taken} 已被占用。", field=f"{where}.{kind}s"
        )  # fmt: skip


def _beyond(kind: str, count: int, allowed: int, field: str) -> Problem:
    return Problem(
        409,
        "ALLOCATION_EXCEEDS_CONTRACT",
        f"{field}: {count} {'addresses' if kind == 'ip' else 'ports'}, and the contract allows {allowed}: one server, one address, one port.",
        f"{field}：申请 {count} 个{'IP 地址' if kind == 'ip' else '端口'}，合同允许 {allowed} 个（一台服务器一个 IP、一个端口）。",
        field=field,
        extra={"rule": "E3", "kind": kind, "allowed": allowed, "asked": count},
    )


def _on_order(actor: Actor, serial: str, order: WorkOrder, customer: Customer, *, field: str) -> Problem:
    seen = may_see(actor, customer)
    name = f" {order.number or order.public_id}" if seen else ""
    return Problem(
        409,
        "serial_on_order",
        f"{field}: device {serial} stands on another open work order{name}.",
        f"{field}：设备 {serial} 已在另一张未完成的开工单{name}上。",
        field=field,
        extra={"serial": serial} | ({"order": order.public_id} if seen else {}),
    )


def _slices(values: Sequence[str], at_once: int = 500) -> Iterable[Sequence[str]]:
    for start in range(0, len(values), at_once):
        yield values[start : start + at_once]


def _id(order: WorkOrder) -> int:
    assert order.id is not None, "flush before use"
    return order.id
