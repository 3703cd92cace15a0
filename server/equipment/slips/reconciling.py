"""The inventory is asked, line by line: is it here, is it theirs, is it what the list says, is it free (E4, E6)."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlmodel import Session, col, select

from controller.codes import serial_key
from server.equipment.models import Item, ItemStay
from server.equipment.slip_models import ExitSlip, ExitSlipClaim, ExitSlipLine
from server.equipment.slips import claims
from server.equipment.slips.drafting import refuse_past, touch
from server.equipment.slips.lookup import id_of, keys_of, lines_of, refuse_status
from server.operators.actor import Actor
from server.operators.audit import record
from server.problems import Problem

TEXTS = {
    "ITEM_UNKNOWN": ("{what} is in no inventory", "{what} 不在库存中"),
    "ITEM_NOT_HERE": ("{what} is not in the room", "{what} 不在机房内"),
    "ITEM_OF_ANOTHER_CUSTOMER": ("{what} is not this customer's", "{what} 不属于该客户"),
    "MODEL_DIFFERS": ("{what} is a {found}, not a {model}", "{what} 实际型号为 {found}，不是 {model}"),
    "ITEM_ON_ANOTHER_SLIP": ("{what} stands on slip {found}", "{what} 已在出门条 {found} 上"),
    "TOO_FEW_HERE": (
        "of {model} {found} counted devices are here and free, {quantity} are asked for; devices with a serial number are named by it",
        "{model} 按数量计且可用的仅 {found} 件，申请 {quantity} 件；有序列号的设备请填写序列号",
    ),
}
"""Reason → English, Chinese."""


class Finding(msgspec.Struct, frozen=True):
    """What was found of one device, or (``serial`` empty) of a counted line. ``reason`` empty: as the list says."""

    serial: str
    reason: str = ""
    found: str = ""
    rack: str = ""
    item: int = 0


class LineFinding(msgspec.Struct, frozen=True):
    """What was found of a line. ``items``: the devices that it would claim."""

    line: int
    position: int
    model: str
    quantity: int
    devices: tuple[Finding, ...]
    items: tuple[int, ...]

    @property
    def refused(self) -> list[Finding]:
        """What is not as the list says."""
        return [device for device in self.devices if device.reason]

    def shown(self) -> dict[str, Any]:
        """As the API shows it and the line keeps it."""
        return {
            "line": self.line,
            "position": self.position,
            "agrees": not self.refused,
            "devices": [
                {"serial": device.serial, "reason": device.reason or None, "found": device.found, "rack": device.rack}
                for device in self.devices
            ],
        }


class _Stock(msgspec.Struct):
    """The rows that the lines of some slips may mean. ``counted``: by whose they are, and model."""

    by_key: dict[str, Item]
    stays: dict[int, ItemStay]
    claims: dict[int, ExitSlipClaim]
    stale: list[ExitSlipClaim]
    slips: dict[int | None, ExitSlip]
    counted: dict[tuple[int | None, str], list[int]]

    def free(self, slip: ExitSlip, model: str) -> list[int]:
        """Counted devices of that model that this slip may have."""
        held = self.claims
        of_model = self.counted.get((slip.customer_id, model), [])
        return [item for item in of_model if item not in held or held[item].slip_id == slip.id]


def reconcile(session: Session, actor: Actor, now: datetime, slip: ExitSlip) -> list[LineFinding]:
    """Ask the inventory, and claim the devices when every line agrees. Raises :class:`Problem` 409 with the first reason as its code and the result of
    every line in ``lines``."""
    refuse_status(slip, "submitted")
    refuse_past(slip, now)
    lines = lines_of(session, [id_of(slip)])[id_of(slip)]
    stock = _stock_of(session, [(slip, lines)], now)
    found = _findings(slip, lines, stock)
    refuse_findings(found)
    claims.release(session, stock.stale, now)
    claims.claim(session, slip, {each.line: list(each.items) for each in found}, now)
    by_id = {line.id: line for line in lines}
    for each in found:
        by_id[each.line].result = each.shown()
        session.add(by_id[each.line])
    slip.status, slip.reconciled_by, slip.reconciled_at = "reconciled", actor.public_id, now
    touch(session, actor, now, slip)
    record(session, actor, now, "slip.reconcile", slip.public_id, after={"lines": len(found)})
    return found


def look(
    session: Session, slips: Sequence[ExitSlip], lines: Mapping[int, Sequence[ExitSlipLine]], now: datetime
) -> dict[int, list[LineFinding]]:
    """What :func:`reconcile` would find now, by slip; nothing changes. ``lines``: of each slip."""
    asked = [(slip, lines[id_of(slip)]) for slip in slips]
    stock = _stock_of(session, asked, now)
    return {id_of(slip): _findings(slip, of_slip, stock) for slip, of_slip in asked}


def refuse_findings(found: Sequence[LineFinding]) -> None:
    """Raise :class:`Problem` 409 when something is not as the list says."""
    for each in found:
        for device in each.refused:
            what = device.serial or each.model
            values = {"what": what, "found": device.found, "model": each.model, "quantity": each.quantity}
            english, chinese = TEXTS[device.reason]
            raise Problem(
                409,
                device.reason,
                f"Line {each.position}: {english.format(**values)}.",
                f"第 {each.position} 行：{chinese.format(**values)}。",
                field=f"lines.{each.position - 1}",
                extra={
                    "rule": "E6" if device.reason in ("ITEM_OF_ANOTHER_CUSTOMER", "ITEM_ON_ANOTHER_SLIP") else "E4",
                    "lines": [one.shown() for one in found],
                },
            )


def _findings(slip: ExitSlip, lines: Sequence[ExitSlipLine], stock: _Stock) -> list[LineFinding]:
    taken: Counter[str] = Counter()
    found = []
    for line in lines:
        if line.serials:
            devices = tuple(_judge(slip, line, key, stock) for key in keys_of(line))
            items = tuple(device.item for device in devices)
        else:
            model = serial_key(line.model)
            free = stock.free(slip, model)
            items = tuple(free[taken[model] : taken[model] + line.quantity])
            enough = len(items) == line.quantity
            count = str(max(len(free) - taken[model], 0))
            taken[model] += line.quantity
            devices = (Finding("", "" if enough else "TOO_FEW_HERE", count),)
        found.append(LineFinding(id_of(line), line.position, line.model, line.quantity, devices, items))
    return found


def _judge(slip: ExitSlip, line: ExitSlipLine, key: str, stock: _Stock) -> Finding:
    item = stock.by_key.get(key)
    if item is None or item.id is None:
        return Finding(key, "ITEM_UNKNOWN")
    stay = stock.stays.get(item.id)
    if stay is None:
        # whose it was is nobody else's business
        return Finding(key, "ITEM_NOT_HERE" if item.customer_id == slip.customer_id else "ITEM_UNKNOWN")
    if stay.customer_id != slip.customer_id:
        return Finding(key, "ITEM_OF_ANOTHER_CUSTOMER")
    if serial_key(item.model) != serial_key(line.model):
        return Finding(key, "MODEL_DIFFERS", item.model, stay.rack)
    claimed = stock.claims.get(item.id)
    if claimed is not None and claimed.slip_id != slip.id:
        other = stock.slips[claimed.slip_id]
        return Finding(key, "ITEM_ON_ANOTHER_SLIP", other.number or other.public_id, stay.rack)
    return Finding(key, "", item.model, stay.rack, item.id)


def _stock_of(session: Session, asked: Sequence[tuple[ExitSlip, Sequence[ExitSlipLine]]], now: datetime) -> _Stock:
    keys = sorted({key for _, lines in asked for line in lines for key in keys_of(line)})
    by_key: dict[str, Item] = {}
    for start in range(0, len(keys), claims.ITEMS_AT_ONCE):
        some = keys[start : start + claims.ITEMS_AT_ONCE]
        rows = session.exec(select(Item).where(col(Item.serial_key).in_(some))).all()
        by_key |= {row.serial_key or "": row for row in rows}
    wanted: dict[int | None, set[str]] = defaultdict(set)
    for slip, lines in asked:
        wanted[slip.customer_id] |= {serial_key(line.model) for line in lines if not line.serials}
    counted: dict[tuple[int | None, str], list[int]] = {}
    for customer, models in wanted.items():
        counted |= {(customer, model): items for model, items in _counted(session, customer, models).items()}
    ids = sorted({row.id for row in by_key.values() if row.id is not None})
    stays: dict[int, ItemStay] = {}
    for start in range(0, len(ids), claims.ITEMS_AT_ONCE):
        some_ids = ids[start : start + claims.ITEMS_AT_ONCE]
        here = select(ItemStay).where(col(ItemStay.item_id).in_(some_ids), col(ItemStay.out_at_us).is_(None))
        stays |= {stay.item_id: stay for stay in session.exec(here).all()}
    standing = claims.open_claims(session, [*ids, *(item for items in counted.values() for item in items)])
    stale = claims.stale_claims(session, list(standing.values()), now)
    gone = {each.id for each in stale}
    held = {item: each for item, each in standing.items() if each.id not in gone}
    slips = {
        row.id: row
        for row in session.exec(select(ExitSlip).where(col(ExitSlip.id).in_({each.slip_id for each in held.values()})))
    }
    return _Stock(by_key, stays, held, stale, slips, counted)


def _counted(session: Session, customer: int | None, models: set[str]) -> dict[str, list[int]]:
    """Counted devices of the customer (None: the site's own) that are here, by model, the first to come first."""
    found: dict[str, list[int]] = defaultdict(list)
    if not models:
        return found
    owner = col(ItemStay.customer_id)
    query = (
        select(Item.model_key, Item.id)
        .join(ItemStay, col(ItemStay.item_id) == Item.id)
        .where(col(Item.serial_key).is_(None), col(Item.model_key).in_(models), col(ItemStay.out_at_us).is_(None))
        .where(owner.is_(None) if customer is None else owner == customer)
        .order_by(col(ItemStay.in_at_us), col(ItemStay.id))
    )
    for model, item in session.exec(query).all():
        assert item is not None
        found[model].append(item)
    return found
