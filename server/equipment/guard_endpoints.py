"""``/api/v1``: attestations, checks for doors without a scanner, the guard's word on a holder (docs/interfaces.md, Exit slips)."""

import json
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlmodel import Session, col, select

from controller.goods_scan import MAX_CONSOLE_ITEMS
from server.context import Context
from server.equipment.attesting import Device, attest, attestation_holds
from server.equipment.guarding import check_equipment, confirm_holder, now_us_of, waiting_checks
from server.equipment.slip_models import Attestation
from server.fleet.models import Edge, EdgeCommand
from server.operators.actor import Actor
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.pages import Cursor, Limit, Page, rows_after
from server.problems import not_found
from server.routes import AppContext, DbSession, api_router

attestation_router = api_router("/equipment-attestations", "exit slips")
check_router = api_router("/equipment-checks", "exit slips")
confirmation_router = api_router("/holder-confirmations", "exit slips")
waiting_router = api_router("/waiting-checks", "exit slips")
ROUTERS = [attestation_router, check_router, confirmation_router, waiting_router]

Said = Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True)]
Text = Annotated[str, StringConstraints(max_length=500, strip_whitespace=True)]
Code = Annotated[str, StringConstraints(min_length=1, max_length=128, strip_whitespace=True)]
Word = Annotated[str, StringConstraints(max_length=100, strip_whitespace=True)]
PointId = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Number = Annotated[str, StringConstraints(min_length=1, max_length=24)]
MAX_DEVICES = 200


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid")


class DeviceGiven(_Input):
    """A device: its serial number, or the model where it has none; ``slip``: the number of the slip that was shown for it."""

    serial: Word = ""
    model: Word = ""
    slip: Annotated[str, StringConstraints(max_length=64)] = ""


class NewAttestation(_Input):
    """``alarm``: its id. ``outcome``: nothing left; what left came back; it left. ``openings``: how many the guard saw, where the caller wants it compared."""

    alarm: Annotated[int, Field(ge=1, le=2**31 - 1)]
    outcome: Literal["nothing_left", "returned", "left"]
    devices: Annotated[list[DeviceGiven], Field(max_length=MAX_DEVICES)] = []
    note: Said
    openings: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None


class NewCheck(_Input):
    """``code``: of an order or slip, as scanned or typed. ``items``: serial numbers (models, where they are counted) in the order of scanning."""

    access_point: PointId
    code: Code
    items: Annotated[list[Code], Field(max_length=MAX_CONSOLE_ITEMS)] = []
    reason: Said = "no scanner there"


class NewConfirmation(_Input):
    """``number``: printed on the badge. ``reason``: required where it is not ``accepted``."""

    access_point: PointId
    number: Number
    accepted: bool
    reason: Text = ""


class AttestationShown(BaseModel):
    """An attestation. ``result``: what the edge answered (waiting, done, refused, expired, no_session); ``because``: why it refused. ``holds``: the signature was checked just now."""

    id: str
    alarm: int
    edge: str | None
    door: str
    openings: int
    outcome: str
    devices: list[dict[str, str]]
    note: str
    at: datetime
    by: str
    by_name: str
    command_id: str
    result: str | None
    because: dict[str, Any] | None
    content: str
    kid: str
    signature: str
    holds: bool


class Asked(BaseModel):
    """The command that was sent; its result comes with ``GET /commands/{id}``."""

    command_id: str


class Confirmed(Asked):
    """``suspended``: the badge that opens nothing any more."""

    suspended: str | None


@attestation_router.post("", status_code=201)
def create_attestation(
    session: DbSession,
    context: AppContext,
    actor: Annotated[Actor, requires(Permission.EQUIPMENT_ATTEST)],
    given: NewAttestation,
) -> AttestationShown:
    """Attest what left through a goods door that opened unchecked; the edge is told, and ends the alarm if this covers all openings."""
    devices = [Device(one.serial, one.model, one.slip) for one in given.devices]
    row = attest(session, context, actor, given.alarm, given.outcome, devices, given.note, given.openings)
    return _show(session, context, [row])[0]


@attestation_router.get("")
def list_attestations(
    session: DbSession,
    context: AppContext,
    _actor: Annotated[Actor, requires(Permission.SLIP_READ)],
    alarm: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    after: Cursor = 0,
    limit: Limit = 100,
) -> Page[AttestationShown]:
    """Attestations in their order; their signatures are checked."""
    query = select(Attestation)
    if alarm is not None:
        query = query.where(Attestation.alarm_id == alarm)
    rows, following = rows_after(session, query, col(Attestation.id), after, limit)
    return Page(items=_show(session, context, rows), next=following)


@attestation_router.get("/{name}")
def get_attestation(
    session: DbSession,
    context: AppContext,
    _actor: Annotated[Actor, requires(Permission.SLIP_READ)],
    name: Annotated[str, Path(max_length=64)],
) -> AttestationShown:
    """One attestation."""
    row = session.exec(select(Attestation).where(Attestation.public_id == name)).first()
    if row is None:
        raise not_found("attestation", "核对记录", name)
    return _show(session, context, [row])[0]


@check_router.post("", status_code=202)
def create_check(
    session: DbSession,
    context: AppContext,
    actor: Annotated[Actor, requires(Permission.EQUIPMENT_CHECK)],
    given: NewCheck,
) -> Asked:
    """The console stands for a scanner: document and devices are judged at the access point as if they were scanned there."""
    command_id = check_equipment(session, context, actor, given.access_point, given.code, given.items, given.reason)
    return Asked(command_id=command_id)


@confirmation_router.post("", status_code=202)
def create_confirmation(
    session: DbSession,
    context: AppContext,
    actor: Annotated[Actor, requires(Permission.HOLDER_CONFIRM)],
    given: NewConfirmation,
) -> Confirmed:
    """The guard compared photo and person. Not accepted: the badge is suspended at once."""
    command_id, badge = confirm_holder(
        session, context, actor, given.access_point, given.number, given.accepted, given.reason
    )
    return Confirmed(command_id=command_id, suspended=badge.public_id if badge is not None else None)


@waiting_router.get("")
def list_waiting(
    session: DbSession, context: AppContext, _actor: Annotated[Actor, requires(Permission.LIVE_READ)]
) -> dict[str, Any]:
    """Who waits for the guard now: for a word on their person, or for a check of equipment."""
    return {"items": waiting_checks(session, context, now_us_of(context))}


def _show(session: Session, context: Context, rows: list[Attestation]) -> list[AttestationShown]:
    edges = dict(session.exec(select(Edge.id, Edge.name)).all())
    asked = select(EdgeCommand).where(col(EdgeCommand.public_id).in_([row.command_id for row in rows]))
    commands = {row.public_id: row for row in session.exec(asked).all()}
    shown = []
    for row in rows:
        command = commands.get(row.command_id)
        state = command.state if command is not None else None
        shown.append(
            AttestationShown(
                id=row.public_id,
                alarm=row.alarm_id,
                edge=edges.get(row.edge_id),
                door=row.subject,
                devices=[{"serial": one[0], "model": one[1], "slip": one[2]} for one in row.devices],
                result="waiting" if state == "sent" else state,
                because=json.loads(command.because) if command is not None and command.because is not None else None,
                signature=row.signature.hex(),
                holds=attestation_holds(context.keys, row),
                **row.model_dump(
                    include={"openings", "outcome", "note", "at", "by", "by_name", "command_id", "content", "kid"}
                ),
            )
        )
    return shown
