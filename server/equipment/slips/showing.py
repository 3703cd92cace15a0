"""Slips as the API shows them: persons masked, the code never."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel
from sqlmodel import Session, col, select

from server.context import Context
from server.equipment.slip_models import ExitSlip, ExitSlipLine
from server.equipment.slips.drafting import missing_parts
from server.equipment.slips.inspecting import inspection_holds, inspections_of, uninspected
from server.equipment.slips.lookup import Passed, carriers_of, id_of, lines_of, passed_of
from server.equipment.slips.release import is_released
from server.equipment.slips.returning import away
from server.equipment.slips.standing import left_of, out_of, return_overdue, standing
from server.fleet.models import Edge
from server.ledger import alarm_reading
from server.ledger.alarm_reading import Sought
from server.personal.attachments import attached_to
from server.personal.fields import masked_field
from server.registry.lookup import codes_of
from server.registry.models import Holder

REUSED = "SLIP_REUSED"


class LineShown(BaseModel):
    """A line. ``gone``, ``returned``: how many; ``gone_serials``, ``returned_serials``: which. ``result``: of the reconciliation. ``replaces``: the serial number in whose
    place this device comes back."""

    id: int
    position: int
    model: str
    quantity: int
    serials: list[str]
    storage: bool
    gone: int
    returned: int
    gone_serials: list[str]
    returned_serials: list[str]
    out: int
    replaces_line: int | None
    replaces: str | None
    result: dict[str, Any] | None


class CarrierShown(BaseModel):
    """A named carrier; ``id_copy``: the attachment's id."""

    holder: str
    name: str | None
    id_number: str | None
    id_copy: str | None


class InspectionShown(BaseModel):
    """What somebody attested; ``holds``: its signature was checked just now."""

    id: str
    act: str
    result: str
    line: int | None
    serials: list[str]
    method: str
    done_by: str
    note: str
    at: datetime
    by: str
    by_name: str
    content: str
    kid: str
    signature: str
    holds: bool


class BindingShown(BaseModel):
    """Where it is bound. ``next_edge``: where it goes as soon as ``edge`` has confirmed. ``awaits``: the edge whose word is awaited, with what that means in both
    languages; null when nothing is."""

    edge: str | None
    door: str
    binding: int
    bound_at: datetime | None
    next_edge: str | None
    next_door: str
    awaits: str | None
    awaits_en: str | None
    awaits_zh: str | None


class SlipShown(BaseModel):
    """A slip. ``standing``: how it stands now, by its lines, its window and its edge; ``status``: what people decided. ``missing``: what the application lacks.
    ``left``: devices that may still go out; ``out``: those that are out and have not come back; ``to_inspect``: came back, and nobody has looked."""

    id: str
    external_id: str | None
    number: str | None
    kind: str
    status: str
    standing: str
    customer: str | None
    purpose: str
    organisation: str
    from_at: datetime
    until_at: datetime
    return_until_at: datetime | None
    return_overdue: bool
    left: int
    out: int
    to_inspect: int
    lines: list[LineShown]
    carriers: list[CarrierShown]
    letter: str | None
    missing: list[str]
    binding: BindingShown
    inspections: list[InspectionShown]
    alarms: list[dict[str, Any]]
    created_by: str
    created_by_name: str
    created_at: datetime
    submitted_at: datetime | None
    reconciled_at: datetime | None
    inspected_by_name: str | None
    inspected_at: datetime | None
    approved_by_name: str | None
    approved_at: datetime | None
    issued_at: datetime | None
    cancelled_at: datetime | None
    reason: str
    prints: int
    version: int


def show_slips(session: Session, context: Context, slips: Sequence[ExitSlip]) -> list[SlipShown]:
    """These slips, read together."""
    now = context.clock.now()
    ids = [id_of(slip) for slip in slips]
    lines, carriers = lines_of(session, ids), carriers_of(session, ids)
    attested, missing = inspections_of(session, ids), missing_parts(session, slips)
    every = [carrier for each in carriers.values() for carrier in each]
    holders = {
        row.id: row
        for row in session.exec(select(Holder).where(col(Holder.id).in_({each.holder_id for each in every})))
    }
    files = attached_to(session, [slip.public_id for slip in slips] + [carrier.public_id for carrier in every])
    codes = codes_of(session, {slip.customer_id for slip in slips})
    edges = dict(session.exec(select(Edge.id, Edge.name)).all())
    reused = _alarms(session, slips)
    of_all = [line for each in lines.values() for line in each]
    passed, out = passed_of(session, of_all), away(session, of_all)
    shown = []
    for slip in slips:
        of_slip, slip_id = lines[id_of(slip)], id_of(slip)
        asked_back = slip.status == "cancelled" or slip.next_edge_id is not None  # else nobody asks, and it costs
        released = asked_back and is_released(session, slip, now)
        shown.append(
            SlipShown(
                id=slip.public_id,
                standing=standing(slip, of_slip, now, released=released),
                customer=codes.get(slip.customer_id),
                return_overdue=return_overdue(slip, of_slip, now),
                left=left_of(of_slip),
                out=out_of(of_slip),
                to_inspect=uninspected(session, of_slip, attested[slip_id]),
                lines=[_line(line, passed[id_of(line)], out.get(id_of(line), (0, []))[0]) for line in of_slip],
                carriers=[
                    CarrierShown(
                        holder=holders[carrier.holder_id].public_id,
                        name=masked_field(context.personal, holders[carrier.holder_id], "name"),
                        id_number=masked_field(context.personal, holders[carrier.holder_id], "id_number"),
                        id_copy=files.get(carrier.public_id, {}).get("id_copy"),
                    )
                    for carrier in carriers[slip_id]
                ],
                letter=files.get(slip.public_id, {}).get("letter"),
                missing=missing[slip_id] if slip.status == "draft" else [],
                binding=_binding(slip, edges, released=released),
                inspections=[
                    InspectionShown(
                        id=row.public_id,
                        line=row.line_id,
                        signature=row.signature.hex(),
                        holds=inspection_holds(context.keys, row, slip),
                        **row.model_dump(include=_ATTESTED),
                    )
                    for row in attested[slip_id]
                ],
                alarms=reused.get(slip.number or "", []),
                **slip.model_dump(include=_PLAIN),
            )
        )
    return shown


_ATTESTED = {"act", "result", "serials", "method", "done_by", "note", "at", "by", "by_name", "content", "kid"}
_PLAIN = {
    "external_id", "number", "kind", "status", "purpose", "organisation", "from_at", "until_at", "return_until_at", "created_by",
    "created_by_name", "created_at", "submitted_at", "reconciled_at", "inspected_by_name", "inspected_at", "approved_by_name",
    "approved_at", "issued_at", "cancelled_at", "reason", "prints", "version",
}  # fmt: skip


def _line(line: ExitSlipLine, passed: Passed, out: int) -> LineShown:
    return LineShown(
        id=id_of(line),
        gone_serials=sorted(passed.gone),
        returned_serials=sorted(passed.returned),
        out=out if line.replaces_line_id is None else 0,
        replaces_line=line.replaces_line_id,
        replaces=line.replaces_serial,
        **line.model_dump(
            include={"position", "model", "quantity", "serials", "storage", "gone", "returned", "result"}
        ),
    )


def _binding(slip: ExitSlip, edges: dict[int | None, str], *, released: bool) -> BindingShown:
    edge = edges.get(slip.edge_id) if slip.edge_id is not None else None
    waits = edge is not None and not released and (slip.status == "cancelled" or slip.next_edge_id is not None)
    doing, doing_zh = ("cancelling", "正在作废") if slip.status == "cancelled" else ("rebinding", "正在改绑")
    return BindingShown(
        edge=edge,
        door=slip.door,
        binding=slip.binding,
        bound_at=slip.bound_at,
        next_edge=edges.get(slip.next_edge_id) if slip.next_edge_id is not None else None,
        next_door=slip.next_door,
        awaits=edge if waits else None,
        awaits_en=f"{doing}: {edge} has not confirmed" if waits else None,
        awaits_zh=f"{doing_zh}：{edge} 尚未确认" if waits else None,
    )


def _alarms(session: Session, slips: Sequence[ExitSlip]) -> dict[str, list[dict[str, Any]]]:
    """``SLIP_REUSED`` of each number, the newest first."""
    found: dict[str, list[dict[str, Any]]] = {}
    for slip in slips:
        if slip.number is not None:
            sought = Sought(REUSED, slip.number)
            rows = alarm_reading.alarms(session, sought=sought, cleared_before=0, limit=10)
            found[slip.number] = [
                {key: row[key] for key in ("id", "edge", "alarm", "state", "raised_at", "acknowledged_at", "repeats")}
                for row in rows
            ]
    return found
