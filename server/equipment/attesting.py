"""A guard's word on what left through a goods door unchecked, which alone ends ``EQUIPMENT_UNCHECKED`` (MEANINGS 26)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import msgspec
from sqlmodel import Session, col, select

from controller.codes import serial_key
from controller.commands import AcknowledgeAlarm
from server.context import Context
from server.db.clock import to_us
from server.equipment.models import Item, ItemStay
from server.equipment.signing import AttestationContent, holds, sign_content
from server.equipment.slip_models import Attestation, ExitSlip
from server.equipment.slips.lookup import find_slip, id_of, keys_of, lines_of
from server.equipment.stock import Stock
from server.equipment.stock_rows import Move
from server.fleet.asking import ask_command
from server.ids import new_id
from server.keys import ServerKeys
from server.ledger.models import LedgerAlarm
from server.operators.actor import Actor
from server.operators.audit import record
from server.problems import Problem, not_found
from server.registry.validation import refused
from server.signatures import Signed

UNCHECKED = "EQUIPMENT_UNCHECKED"
Outcome = Literal["nothing_left", "returned", "left"]


@dataclass(frozen=True)
class Device:
    """What came back, or left. ``serial`` empty: one of ``model`` that are counted. ``slip``: the number of the slip that was shown for it; empty: none."""

    serial: str
    model: str
    slip: str


def attest(
    session: Session,
    context: Context,
    actor: Actor,
    alarm_id: int,
    outcome: Outcome,
    devices: Sequence[Device],
    note: str,
    openings: int | None,
) -> Attestation:
    """Note it for good, signed, and tell the edge. What left without a slip goes out of the inventory all the same, and is kept as a discrepancy. Raises
    :class:`Problem`."""
    alarm = _standing(session, alarm_id)
    counted = _openings(alarm)
    if openings is not None and openings != counted:
        raise Problem(
            409,
            "openings_changed",
            f"The door has opened {counted} times by now, not {openings}: look again.",
            f"该门现已开启 {counted} 次（而非 {openings} 次），请重新核对。",
            field="openings",
            extra={"openings": counted},
        )
    if (outcome == "nothing_left") == bool(devices):
        raise refused(
            "devices",
            "devices: name what came back or left; none where nothing left.",
            "devices：请列出带回或带出的设备；未带出设备时不填。",
        )
    if not all(serial_key(device.serial) or serial_key(device.model) for device in devices):
        raise refused("devices", "devices: each has a serial number or a model.", "devices：每项须填写序列号或型号。")
    now = context.clock.now()
    attested_id = new_id("eqa", now)
    if outcome == "left":
        _take_out(session, actor, now, alarm, devices, attested_id)
    command = AcknowledgeAlarm(alarm.alarm, alarm.subject, note, attested=attested_id, openings=counted)
    row = Attestation(
        public_id=attested_id,
        alarm_id=alarm_id,
        edge_id=alarm.edge_id,
        subject=alarm.subject,
        openings=counted,
        outcome=outcome,
        devices=[[device.serial, device.model, device.slip] for device in devices],
        note=note,
        at=now,
        at_us=to_us(now),
        by=actor.public_id,
        by_name=actor.name,
        command_id=ask_command(session, actor, now, alarm.edge_id, command),
        content="",
        kid="",
        certificate=b"",
        signature=b"",
    )
    signed = sign_content(context.keys, _content(context.site.id, row), now)
    row.content, row.kid, row.certificate, row.signature = (
        signed.content,
        signed.kid,
        signed.certificate,
        signed.signature,
    )
    session.add(row)
    session.flush()
    after = {"alarm": alarm_id, "door": alarm.subject, "outcome": outcome, "openings": counted, "devices": len(devices)}
    record(session, actor, now, "equipment.attest", row.public_id, after=after)
    return row


def attestation_holds(keys: ServerKeys, row: Attestation) -> bool:
    """Whether the row says what was signed, and the signature holds."""
    return holds(keys, Signed(row.content, row.kid, row.certificate, row.signature), _content(keys.site, row))


def attestation_required(alarm: LedgerAlarm) -> Problem:
    """409: an ordinary acknowledgement does not end this alarm."""
    openings = _openings(alarm)
    return Problem(
        409,
        "ATTESTATION_REQUIRED",
        f"This alarm ends only by a guard's attestation of what left ({openings} openings): POST /api/v1/equipment-attestations.",
        f"此报警须由值班人员现场核对设备并签字确认后才能解除（{openings} 次开门）。",
        extra={"rule": "E4", "openings": openings},
    )


def _standing(session: Session, alarm_id: int) -> LedgerAlarm:
    alarm = session.get(LedgerAlarm, alarm_id)
    if alarm is None or alarm.cleared_us is not None:
        raise not_found("standing alarm", "未解除的报警", str(alarm_id), "alarm")
    if alarm.alarm != UNCHECKED:
        raise refused("alarm", f"alarm: only {UNCHECKED} is attested.", f"alarm：只有 {UNCHECKED} 须核对签字。")
    return alarm


def _openings(alarm: LedgerAlarm) -> int:
    openings = msgspec.json.decode(alarm.inputs).get("openings")
    return openings if isinstance(openings, int) and openings >= 1 else 1


def _take_out(
    session: Session, actor: Actor, now: datetime, alarm: LedgerAlarm, devices: Sequence[Device], attested_id: str
) -> None:
    owners = _owners(session, devices)
    moves = []
    for device in devices:
        key = serial_key(device.serial)
        slip = find_slip(session, device.slip, actor, field="devices") if device.slip else None
        line = _line_on(session, slip, key, device.model) if slip is not None else 0
        moves.append(
            Move(
                direction="out",
                at_us=to_us(now),
                customer=slip.customer_id if slip is not None else owners.get(key),
                source="correction",
                serial=key,
                model=device.model,
                document="slip",  # without one: of no slip at all, which is a discrepancy
                document_id=id_of(slip) if slip is not None else 0,
                line=line,
                number=device.slip,
                door=alarm.subject,
                edge_id=alarm.edge_id,
                by=actor.public_id,
                reason=f"attested {attested_id}",
            )
        )
    session.flush()
    stock = Stock(session.connection(), moves, now)
    for move in moves:
        stock.take(move)
    stock.save()
    session.expire_all()


def _line_on(session: Session, slip: ExitSlip, key: str, model: str) -> int:
    """The slip's line that names this device; 0: none does."""
    for line in lines_of(session, [id_of(slip)])[id_of(slip)]:
        if line.replaces_line_id is None and (
            key in keys_of(line) if key else not line.serials and serial_key(line.model) == serial_key(model)
        ):
            return id_of(line)
    return 0


def _owners(session: Session, devices: Sequence[Device]) -> dict[str, int | None]:
    """Whose each device is, by serial key."""
    keys = {serial_key(device.serial) for device in devices if device.serial}
    query = (
        select(Item.serial_key, Item.customer_id, ItemStay.customer_id, ItemStay.id)
        .outerjoin(ItemStay, (col(ItemStay.item_id) == Item.id) & col(ItemStay.out_at_us).is_(None))
        .where(col(Item.serial_key).in_(keys))
    )
    return {key or "": there if stay is not None else owner for key, owner, there, stay in session.exec(query).all()}


def _content(site: str, row: Attestation) -> AttestationContent:
    devices: Any = tuple((device[0], device[1], device[2]) for device in row.devices)
    return AttestationContent(
        site=site,
        attestation=row.public_id,
        alarm=row.alarm_id,
        door=row.subject,
        openings=row.openings,
        outcome=row.outcome,
        devices=devices,
        note=row.note,
        at_us=row.at_us,
        by=row.by,
        by_name=row.by_name,
    )
