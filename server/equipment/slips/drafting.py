"""Applying for a slip: what, by whom, when; and what is missing before it can be submitted (E4, E5, E8)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlmodel import Session, col, delete, select

from controller.codes import serial_key
from server.badges.lookup import has_left
from server.chinese import all_in_chinese
from server.equipment.slip_models import ExitSlip, ExitSlipCarrier, ExitSlipLine, Inspection
from server.equipment.slips.claims import release_all
from server.equipment.slips.lookup import carriers_of, id_of, lines_of, refuse_status
from server.ids import new_id
from server.operators.actor import Actor
from server.operators.audit import record
from server.personal.attachments import attached_to
from server.problems import Problem
from server.registry.lookup import taken
from server.registry.models import Customer, Holder
from server.registry.validation import refused

Kind = Literal["withdrawal", "repair", "site"]
MAX_LINES = 500
MAX_DEVICES = 10_000
RETURN_DAYS = 90
"""How long what went out for repair may take to come back, unless the application says otherwise."""
EDITABLE = ("draft", "submitted", "reconciled", "inspected")


@dataclass(frozen=True)
class Line:
    """One line as it was asked for. ``serials``: one for each of ``quantity``, or none: counted."""

    model: str
    quantity: int
    serials: tuple[str, ...] = ()
    storage: bool = False


@dataclass(frozen=True)
class Content:
    """What a slip is about. ``customer`` None: the site's own. ``carriers`` empty: any holder of the customer (``site``: own staff)."""

    kind: Kind
    customer: Customer | None
    purpose: str
    organisation: str
    from_at: datetime
    until_at: datetime
    return_until_at: datetime | None
    lines: tuple[Line, ...]
    carriers: tuple[Holder, ...]


def create_slip(
    session: Session, actor: Actor, now: datetime, content: Content, external_id: str | None = None
) -> ExitSlip:
    """A draft. Raises :class:`Problem`."""
    if external_id is not None:
        same = select(ExitSlip.id).where(ExitSlip.external_id == external_id)
        if session.exec(same).first() is not None:
            raise taken("external_id", external_id)
    _check(content, now)
    slip = ExitSlip(
        public_id=new_id("slp", now),
        external_id=external_id,
        kind=content.kind,
        customer_id=content.customer.id if content.customer is not None else None,
        created_by=actor.public_id,
        created_by_name=actor.name,
        created_at=now,
        changed_by=actor.public_id,
        changed_at=now,
        **_columns(content),
    )
    session.add(slip)
    session.flush()
    _write_lines(session, slip, content.lines)
    _write_carriers(session, slip, content.carriers, now)
    record(session, actor, now, "slip.create", slip.public_id, after=summary(session, slip))
    return slip


def change_slip(session: Session, actor: Actor, now: datetime, slip: ExitSlip, content: Content) -> None:
    """Write it anew: it is a draft again, and what was found and seen no longer counts. Raises :class:`Problem`."""
    refuse_status(slip, *EDITABLE)
    attested = select(Inspection.id).where(Inspection.slip_id == slip.id, col(Inspection.line_id).is_not(None))
    if session.exec(attested.limit(1)).first() is not None:
        raise Problem(
            409,
            "attested",
            "Something was attested about its lines: cancel it, and apply anew.",
            "其明细已有签字记录，不能修改：请作废后重新申请。",
        )
    _check(content, now)
    before = summary(session, slip)
    release_all(session, slip, now)
    slip.sqlmodel_update(_columns(content))
    slip.status = "draft"
    for name in ("submitted_at", "reconciled_by", "reconciled_at", "inspected_by", "inspected_by_name", "inspected_at"):
        setattr(slip, name, None)
    _write_lines(session, slip, content.lines)
    _write_carriers(session, slip, content.carriers, now)
    touch(session, actor, now, slip)
    record(session, actor, now, "slip.change", slip.public_id, before=before, after=summary(session, slip))


def submit(session: Session, actor: Actor, now: datetime, slip: ExitSlip) -> None:
    """It is complete and goes to those who check it. Raises :class:`Problem` 409 ``SLIP_INCOMPLETE``, which names what is missing."""
    refuse_status(slip, "draft")
    missing = missing_parts(session, [slip])[id_of(slip)]
    if missing:
        raise Problem(
            409,
            "SLIP_INCOMPLETE",
            f"The application is not complete: {', '.join(missing)} missing.",
            f"申请材料不全，缺少：{all_in_chinese('slip_missing', missing)}。",
            extra={"missing": missing, "rule": "E5" if slip.kind == "repair" else "E4"},
        )
    refuse_past(slip, now)
    slip.status, slip.submitted_at = "submitted", now
    touch(session, actor, now, slip)
    record(session, actor, now, "slip.submit", slip.public_id)


def missing_parts(session: Session, slips: Sequence[ExitSlip]) -> dict[int, list[str]]:
    """What an application still lacks, by slip: ``lines``; for a repair also ``letter`` (the sealed application), ``organisation``, ``carriers``, and of
    each carrier ``id_number:<holder>`` and ``id_copy:<holder>`` (E5)."""
    ids = [id_of(slip) for slip in slips]
    lines, carriers = lines_of(session, ids), carriers_of(session, ids)
    every = [carrier for each in carriers.values() for carrier in each]
    files = attached_to(session, [slip.public_id for slip in slips] + [carrier.public_id for carrier in every])
    holders = {
        row.id: row
        for row in session.exec(select(Holder).where(col(Holder.id).in_({each.holder_id for each in every}))).all()
    }
    found: dict[int, list[str]] = {}
    for slip in slips:
        slip_id = id_of(slip)
        missing = [] if lines[slip_id] else ["lines"]
        if slip.kind == "repair":
            missing += [] if "letter" in files.get(slip.public_id, {}) else ["letter"]
            missing += [] if slip.organisation else ["organisation"]
            missing += [] if carriers[slip_id] else ["carriers"]
            for carrier in carriers[slip_id]:
                holder = holders[carrier.holder_id]
                missing += (
                    [] if holder.id_number_cipher or holder.id_number_clear else [f"id_number:{holder.public_id}"]
                )
                missing += [] if "id_copy" in files.get(carrier.public_id, {}) else [f"id_copy:{holder.public_id}"]
        found[slip_id] = missing
    return found


def touch(session: Session, actor: Actor, now: datetime, slip: ExitSlip) -> None:
    """Count the slip's version up."""
    slip.version += 1
    slip.changed_by, slip.changed_at = actor.public_id, now
    session.add(slip)
    session.flush()


def refuse_past(slip: ExitSlip, now: datetime) -> None:
    """Raise :class:`Problem` 409 when the slip's window is over."""
    if now >= slip.until_at:
        raise Problem(
            409,
            "SLIP_WRONG_DATE",
            "The date of this slip is over: change it first.",
            "该出门条的日期已过，请先修改日期。",
            extra={"rule": "E5"},
        )


def summary(session: Session, slip: ExitSlip) -> dict[str, Any]:
    """A slip as the audit log keeps it: without code and names."""
    slip_id = id_of(slip)
    return {
        "kind": slip.kind,
        "status": slip.status,
        "number": slip.number,
        "customer_id": slip.customer_id,
        "from": slip.from_at.isoformat(),
        "until": slip.until_at.isoformat(),
        "lines": [
            {"model": line.model, "quantity": line.quantity, "serials": line.serials}
            for line in lines_of(session, [slip_id])[slip_id]
        ],
        "carriers": [carrier.holder_id for carrier in carriers_of(session, [slip_id])[slip_id]],
    }


def default_return(kind: Kind, until_at: datetime) -> datetime | None:
    """Until when what goes out may come back, where the application does not say."""
    return until_at + timedelta(days=RETURN_DAYS) if kind == "repair" else None


def _columns(content: Content) -> dict[str, Any]:
    return {
        "purpose": content.purpose,
        "organisation": content.organisation,
        "from_at": content.from_at,
        "until_at": content.until_at,
        "return_until_at": content.return_until_at,
    }


def _check(content: Content, now: datetime) -> None:
    if content.from_at >= content.until_at:
        raise refused("until", "until: lies before from.", "until：早于开始时间。")
    if content.until_at <= now:
        raise refused("until", "until: lies in the past.", "until：已过去。")
    if content.return_until_at is not None and content.return_until_at < content.until_at:
        raise refused("return_until", "return_until: lies before until.", "return_until：早于出门期限。")
    if sum(line.quantity for line in content.lines) > MAX_DEVICES:
        raise refused("lines", f"lines: at most {MAX_DEVICES} devices.", f"lines：最多 {MAX_DEVICES} 件设备。")
    seen: set[str] = set()
    for index, line in enumerate(content.lines):
        _check_line(index, line, seen)
    for index, holder in enumerate(content.carriers):
        _check_carrier(index, content, holder, now)
    if len({holder.id for holder in content.carriers}) < len(content.carriers):
        raise refused("carriers", "carriers: somebody stands there twice.", "carriers：有重复人员。")


def _check_line(index: int, line: Line, seen: set[str]) -> None:
    where = f"lines.{index}.serials"
    keys = [serial_key(serial) for serial in line.serials]
    if not serial_key(line.model):
        raise refused(f"lines.{index}.model", f"lines.{index}.model: is missing.", f"lines.{index}.model：不能为空。")
    if not all(keys):
        raise refused(where, f"{where}: a serial number is empty.", f"{where}：序列号为空。")
    if keys and len(keys) != line.quantity:
        raise refused(
            where,
            f"{where}: {len(keys)} serial numbers for {line.quantity} devices; give one for each, or none to count them.",
            f"{where}：{line.quantity} 件设备给了 {len(keys)} 个序列号；请逐件填写，或不填按数量计。",
        )
    for key in keys:
        if key in seen:
            raise refused(where, f"{where}: {key} stands there twice.", f"{where}：序列号 {key} 重复。")
        seen.add(key)


def _check_carrier(index: int, content: Content, holder: Holder, now: datetime) -> None:
    where = f"carriers.{index}"
    if has_left(holder, now):
        raise refused(where, f"{where}: has left.", f"{where}：该人员已离职。")
    own = holder.kind == "staff" if content.customer is None else holder.customer_id == content.customer.id
    if not own and holder.kind != "visitor":
        raise refused(
            where,
            f"{where}: neither of the customer (of the own staff, for the site's equipment) nor a visitor.",
            f"{where}：既不是该客户的人员（场地自有设备则为本场员工），也不是访客。",
        )


def _write_lines(session: Session, slip: ExitSlip, lines: Sequence[Line]) -> None:
    session.exec(delete(ExitSlipLine).where(col(ExitSlipLine.slip_id) == slip.id))
    for position, line in enumerate(lines, 1):
        session.add(
            ExitSlipLine(
                slip_id=id_of(slip),
                position=position,
                model=line.model.strip(),
                quantity=line.quantity,
                serials=[serial.strip() for serial in line.serials],
                storage=line.storage,
            )
        )
    session.flush()


def _write_carriers(session: Session, slip: ExitSlip, holders: Sequence[Holder], now: datetime) -> None:
    """Those who stay keep their row, and with it their ID copy."""
    wanted = {holder.id: holder for holder in holders}
    for carrier in carriers_of(session, [id_of(slip)])[id_of(slip)]:
        if wanted.pop(carrier.holder_id, None) is None:
            session.delete(carrier)
    for holder_id in wanted:
        assert holder_id is not None
        session.add(ExitSlipCarrier(public_id=new_id("slc", now), slip_id=id_of(slip), holder_id=holder_id))
    session.flush()
