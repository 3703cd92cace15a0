"""What a supervisor says of the inventory, and a second operator confirms: single devices, or a file of what is here already (E6).

Nothing changes before the second one confirms. Every act is a movement like any other, with both names and the reason.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec
from sqlmodel import Session, col, select

from controller.codes import serial_key
from server.chinese import in_chinese
from server.context import Context
from server.db.clock import to_us
from server.equipment.inventory_files import ReadRow
from server.equipment.models import InventoryCorrection, Item, ItemStay
from server.equipment.stock import Stock
from server.equipment.stock_rows import Move
from server.ids import new_id
from server.operators.actor import Actor
from server.operators.audit import record
from server.problems import Problem, not_found
from server.registry.import_rows import Fault
from server.registry.lookup import may_see
from server.registry.models import Customer
from server.registry.validation import refused

MAX_ACTS = 50_000


class Act(msgspec.Struct, frozen=True, array_like=True):
    """One device. ``in``: it is here; ``out``: it is not; ``rack``: it stands in another rack; ``owner``: it is another customer's. ``item_id`` of a device that is known;
    else ``serial`` (None: counted) and ``model``. ``at_us`` 0: when it is confirmed."""

    act: Literal["in", "out", "rack", "owner"]
    item_id: int | None = None
    serial: str | None = None
    model: str = ""
    customer_id: int | None = None
    rack: str = ""
    at_us: int = 0


def propose(
    session: Session,
    context: Context,
    actor: Actor,
    kind: Literal["correction", "import"],
    acts: Sequence[Act],
    reason: str,
) -> InventoryCorrection:
    """It waits for the second operator. Raises :class:`Problem` where an act cannot be now."""
    if not 0 < len(acts) <= MAX_ACTS:
        raise refused("acts", f"acts: 1 to {MAX_ACTS} devices at once.", f"acts：每次 1 至 {MAX_ACTS} 台设备。")
    moves_of(session, acts, context.clock.now(), actor, actor, reason, kind)
    row = InventoryCorrection(
        public_id=new_id("icr", context.clock.now()),
        kind=kind,
        acts=msgspec.to_builtins(list(acts)),
        reason=reason,
        made_at=context.clock.now(),
        made_by=actor.public_id,
    )
    session.add(row)
    session.flush()
    after = {"kind": kind, "acts": len(acts), "reason": reason}
    record(session, actor, context.clock.now(), "inventory.correct", row.public_id, after=after)
    return row


def confirm(session: Session, context: Context, actor: Actor, row: InventoryCorrection) -> int:
    """Apply it; how many movements. The caller holds the stock's lock. Raises :class:`Problem` 409: ``own_correction``, or what changed meanwhile."""
    now = context.clock.now()
    _need_waiting(row)
    refuse_own(actor, row)
    acts = msgspec.convert(row.acts, list[Act])
    moves = moves_of(session, acts, now, actor, row.made_by, row.reason, row.kind)
    session.flush()
    stock = Stock(session.connection(), moves, now)
    for move in moves:
        stock.take(move)
    stock.save()
    session.expire_all()
    _decide(session, actor, now, row, "confirmed", "inventory.confirm")
    return len(moves)


def refuse_own(actor: Actor, row: InventoryCorrection) -> None:
    """Raise :class:`Problem` 409 ``own_correction`` for who wrote it: a second operator confirms."""
    if actor.is_who(row.made_by):
        raise Problem(409, "own_correction", "Another operator must confirm what you wrote.", "须由另一名操作员确认。")


def withdraw(session: Session, context: Context, actor: Actor, row: InventoryCorrection) -> None:
    """It is not applied."""
    _need_waiting(row)
    _decide(session, actor, context.clock.now(), row, "withdrawn", "inventory.withdraw")


def find_correction(session: Session, name: str, *, lock: bool = False) -> InventoryCorrection:
    """By public id. Raises :class:`Problem` 404."""
    query = select(InventoryCorrection).where(InventoryCorrection.public_id == name)
    row = session.exec(query.with_for_update() if lock else query).first()
    if row is None:
        raise not_found("correction", "更正", name[:64])
    return row


def act_of(
    session: Session,
    actor: Actor,
    act: str,
    name: str | None,
    model: str,
    customer_id: int | None,
    rack: str,
    at: datetime | None,
) -> Act:
    """An act on the device ``name`` (a serial or an item's id; None: a counted one that is new). Raises :class:`Problem`."""
    item = None
    if name is not None:
        found = select(Item).where((col(Item.public_id) == name) | (col(Item.serial_key) == serial_key(name)))
        item = session.exec(found).first()
        hidden = (
            item is not None
            and item.customer_id is not None
            and not may_see(actor, session.get_one(Customer, item.customer_id))
        )
        if hidden or (item is None and (act != "in" or not serial_key(name))):
            raise not_found("device", "设备", name[:64], "device")
    elif act != "in":
        raise refused("device", "device: name its serial number or id.", "device：请填写序列号或编号。")
    if item is None and not model:
        raise refused("model", "model: a new device needs its model.", "model：新设备须填写型号。")
    at_us = 0 if at is None else to_us(at)
    return Act(act, None if item is None else item.id, name if item is None else None, model, customer_id, rack, at_us)  # type: ignore[arg-type]


def import_acts(
    session: Session, actor: Actor, rows: Sequence[ReadRow], now: datetime
) -> tuple[list[Act], list[Fault]]:
    """Acts for a file of what is here, and what cannot be, by row."""
    codes = {row.given.customer for row in rows if row.given.customer}
    known: dict[str, Customer] = {}
    for some in _slices(sorted(codes)):
        query = select(Customer).where(col(Customer.code).in_(some), col(Customer.deleted_at).is_(None))
        known |= {customer.code: customer for customer in session.exec(query).all() if may_see(actor, customer)}
    here = _here(session, [serial_key(row.given.serial) for row in rows if row.given.serial])
    acts: list[Act] = []
    faults: list[Fault] = []
    seen: dict[str, int] = {}
    for row in rows:
        given = row.given
        key = serial_key(given.serial) if given.serial else ""
        if given.customer and given.customer not in known:
            faults.append(row.fault("customer", "there is no customer of this code; import the customers first"))
        elif key and given.quantity != 1:
            faults.append(row.fault("quantity", "must be 1 for a device with a serial number"))
        elif key and key in here:
            faults.append(row.fault("serial", "this device is in the inventory already; remove the row"))
        elif key and seen.setdefault(key, row.number) != row.number:
            faults.append(row.fault("serial", f"is the same as in row {seen[key]}; keep one of them"))
        elif given.since is not None and given.since > now:
            faults.append(row.fault("since", "is in the future; write when it came"))
        else:
            owner = known[given.customer].id if given.customer else None
            at_us = 0 if given.since is None else to_us(given.since)
            acts += [Act("in", None, given.serial, given.model, owner, given.rack, at_us)] * given.quantity
        if len(acts) > MAX_ACTS:
            faults.append(row.fault("quantity", f"makes more than {MAX_ACTS} devices; split the file"))
            break
    return acts, faults


def moves_of(
    session: Session, acts: Sequence[Act], now: datetime, second: Actor, by: Actor | str, reason: str, kind: str
) -> list[Move]:
    """What the acts come to as things stand. Raises :class:`Problem` 409 ``already_there``, ``not_there`` with the act's place."""
    ids = [act.item_id for act in acts if act.item_id is not None]
    keys = [serial_key(act.serial) for act in acts if act.serial]
    here = _here(session, keys)
    items: dict[int, tuple[Item, ItemStay | None]] = {}
    for some in _slices(ids):
        query = select(Item, ItemStay).join(
            ItemStay, (col(ItemStay.item_id) == Item.id) & col(ItemStay.out_at_us).is_(None), isouter=True
        )
        items |= {item.id or 0: (item, stay) for item, stay in session.exec(query.where(col(Item.id).in_(some))).all()}
    now_us = to_us(now)
    moves: list[Move] = []
    for place, act in enumerate(acts):
        item, stay = items[act.item_id] if act.item_id is not None else (None, None)
        is_here = stay is not None or bool(act.serial and serial_key(act.serial) in here)
        if is_here == (act.act == "in"):
            raise _cannot(place, is_here, item.serial_key if item is not None else act.serial)
        at_us = min(act.at_us or now_us, now_us)
        fields: dict[str, Any] = {
            "source": "import" if kind == "import" else "correction",
            "serial": (item.serial_key or "") if item is not None else serial_key(act.serial or ""),
            "written": act.serial or "",
            "model": item.model if item is not None else act.model,
            "item_id": None if item is None or item.serial_key is not None else item.id,
            "by": by if isinstance(by, str) else by.public_id,
            "second": second.public_id,
            "reason": reason,
            "at_us": at_us,
        }
        if act.act != "in":
            assert stay is not None
            moves.append(Move(direction="out", customer=stay.customer_id, rack=stay.rack, **fields))
        if act.act != "out":
            owner = stay.customer_id if act.act == "rack" and stay is not None else act.customer_id
            rack = act.rack or (stay.rack if act.act == "owner" and stay is not None else "")
            moves.append(Move(direction="in", customer=owner, rack=rack, **fields))
    return moves


def _here(session: Session, keys: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for some in _slices(keys):
        query = select(Item.serial_key).join(ItemStay, col(ItemStay.item_id) == Item.id)
        query = query.where(col(ItemStay.out_at_us).is_(None), col(Item.serial_key).in_(some))
        found |= {key for key in session.exec(query).all() if key is not None}
    return found


def _cannot(place: int, is_here: bool, serial: str | None) -> Problem:
    name = serial or ""
    if is_here:
        return Problem(
            409, "already_there", f"acts.{place}: device {name} is in the inventory already.", f"acts.{place}：设备 {name} 已在库存中。", field=f"acts.{place}"
        )  # fmt: skip
    return Problem(
        409, "not_there", f"acts.{place}: device {name} is not in the inventory.", f"acts.{place}：设备 {name} 不在库存中。", field=f"acts.{place}"
    )  # fmt: skip


def _need_waiting(row: InventoryCorrection) -> None:
    if row.status != "waiting":
        raise Problem(
            409, "status_conflict", f"This correction is {row.status}.", f"该更正{in_chinese('correction_status', row.status)}。", extra={"status_now": row.status}
        )  # fmt: skip


def _decide(session: Session, actor: Actor, now: datetime, row: InventoryCorrection, status: str, act: str) -> None:
    row.status, row.decided_at, row.decided_by = status, now, actor.public_id
    row.version += 1
    session.add(row)
    session.flush()
    record(session, actor, now, act, row.public_id, after={"status": status, "acts": len(row.acts)})


def _slices(values: Sequence[Any], at_once: int = 500) -> Any:
    for start in range(0, len(values), at_once):
        yield values[start : start + at_once]
