"""``/api/v1``: edges, enrolment, the policy's receipt, commands (docs/interfaces.md)."""

import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlmodel import Session, col, select

from controller.commands import Admit
from server.db.clock import to_us
from server.fleet import policy_endpoints, reach_endpoints
from server.fleet.asking import ask_command
from server.fleet.command_checks import check_command
from server.fleet.commands import COMMAND_PERMISSIONS, CommandInvalid, parse_command
from server.fleet.enrolment import TOKEN_LIFE_US, Role, enrol, new_token, revoke
from server.fleet.guarantees import guarantees
from server.fleet.lookup import find_edge
from server.fleet.models import Edge, EdgeCommand, EdgeReceipt, RefusedMessage
from server.fleet.policy_endpoints import current_version
from server.ledger import reading
from server.operators.actor import Actor
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.permits.admission import permitted
from server.problems import Problem, not_found, not_permitted
from server.rfc3339 import rfc3339
from server.routes import AppContext, DbSession, api_router

edges_router = api_router("/edges", "fleet")
commands_router = api_router("/commands", "fleet")
messages_router = api_router("/refused-messages", "fleet")
ROUTERS = [edges_router, *policy_endpoints.ROUTERS, *reach_endpoints.ROUTERS, commands_router, messages_router]

RECEIPTS_SHOWN = 20
EdgeName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$")]
ReadsFleet = Annotated[Actor, requires(Permission.FLEET_READ)]


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewEdge(_Input):
    """An edge to be enrolled, or enrolled anew. ``role``: ``door``, or ``desk``; left out: door, or what it was."""

    name: EdgeName
    role: Role | None = None


class Enrolment(_Input):
    """What ``menjin edge enrol`` sends."""

    token: str = Field(min_length=1, max_length=200)
    public_key: str = Field(min_length=1, max_length=200)


class Revocation(_Input):
    """Why, for the audit log."""

    reason: Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True)]


class NewCommand(_Input):
    """A command for an edge: ``{"name": "UnlockDoor", …}``."""

    edge: str = Field(max_length=64)
    command: dict[str, Any]


@edges_router.post("", status_code=201)
def create_edge(
    session: DbSession,
    context: AppContext,
    actor: Annotated[Actor, requires(Permission.FLEET_MANAGE, secret_answer=True)],
    given: NewEdge,
) -> dict[str, str]:
    """A one-time token, good for an hour, with which ``menjin edge enrol`` binds the edge's key to this name."""
    now = context.clock.now()
    token = new_token(session, actor, now, given.name, given.role)
    role = find_edge(session, given.name).role
    return {"edge": given.name, "role": role, "token": token, "expires_at": rfc3339(to_us(now) + TOKEN_LIFE_US)}


@edges_router.post("/enrol")
def enrol_edge(session: DbSession, context: AppContext, given: Enrolment) -> dict[str, Any]:
    """Enrol with a token instead of a permission; it is good once."""
    now = context.clock.now()
    edge = enrol(session, context.keys, now, given.token, given.public_key)
    return {
        "site": context.site.id,
        "edge": edge.name,
        "epoch": edge.epoch,
        "root_public_key": context.keys.root_public_key.hex(),
        "hash_key": context.keys.hash_key.hex(),
        "certificates": [raw.decode() for raw in context.keys.certificates(to_us(now))],
    }


@edges_router.post("/{name}/revoke")
def revoke_edge(
    session: DbSession,
    context: AppContext,
    actor: Annotated[Actor, requires(Permission.FLEET_MANAGE)],
    name: str,
    given: Revocation | None = None,
) -> dict[str, Any]:
    """Its key is believed no more and nothing is sent to it, from now on: for one that was stolen or taken down. Its doors go on by its
    last policy until the leases end. Enrolling it again ends this."""
    edge = find_edge(session, name)
    now = context.clock.now()
    revoke(session, actor, now, edge, given.reason if given is not None else "")
    session.flush()
    return show_edge(session, edge, to_us(now))


@edges_router.get("")
def list_edges(session: DbSession, context: AppContext, _actor: ReadsFleet) -> dict[str, Any]:
    """Every edge with its health."""
    now_us = to_us(context.clock.now())
    edges = session.exec(select(Edge).order_by(col(Edge.name))).all()
    return {"items": [show_edge(session, edge, now_us) for edge in edges]}


@edges_router.get("/{name}")
def one_edge(session: DbSession, context: AppContext, _actor: ReadsFleet, name: str) -> dict[str, Any]:
    """One edge: status, its key and our certificate for it, receipts, devices, messages refused on both sides, and the guarantees that hold now."""
    edge = find_edge(session, name)
    assert edge.id is not None
    details = json.loads(edge.status)
    receipts = session.exec(
        select(EdgeReceipt)
        .where(EdgeReceipt.edge_id == edge.id)
        .order_by(col(EdgeReceipt.epoch).desc(), col(EdgeReceipt.n).desc())
        .limit(RECEIPTS_SHOWN)
    ).all()
    return show_edge(session, edge, to_us(context.clock.now())) | {
        "public_key": edge.public_key.hex() if edge.public_key is not None else None,
        "certificate": edge.certificate.decode() if edge.certificate is not None else None,
        "reported": details,
        "devices": reading.devices(session, edge.id),
        "receipts": [_show_receipt(receipt) for receipt in receipts],
        "refused_here": _refused(session, edge.name),
        "refused_there": details.get("refused_messages", {}),
    }


@commands_router.post("", status_code=202)
def ask(
    session: DbSession,
    context: AppContext,
    actor: Annotated[Actor, requires(Permission.COMMAND_READ)],
    given: NewCommand,
) -> dict[str, str]:
    """Ask an edge for something. Each command has its own permission; the result comes with ``GET /commands/{id}``."""
    try:
        command = parse_command(given.command)
    except CommandInvalid as error:
        raise Problem(422, "invalid_command", f"{error}.", f"{error.zh}。", field="command") from error
    needed = COMMAND_PERMISSIONS[type(command)]
    if not actor.may(needed):
        raise not_permitted(actor.role, needed.value)
    edge = find_edge(session, given.edge, "edge")
    check_command(session, context.site, edge, command)
    if isinstance(command, Admit):
        command = permitted(session, context, actor, command)
    assert edge.id is not None
    return {"command_id": ask_command(session, actor, context.clock.now(), edge.id, command)}


@commands_router.get("/{command_id}")
def command_result(
    session: DbSession, _actor: Annotated[Actor, requires(Permission.COMMAND_READ)], command_id: str
) -> dict[str, Any]:
    """``result``: waiting, done, refused (then ``because``), expired (no answer in time), no_session (not connected)."""
    row = session.exec(select(EdgeCommand).where(EdgeCommand.public_id == command_id)).first()
    if row is None:
        raise not_found("command", "指令", command_id[:64])
    edge = session.get(Edge, row.edge_id)
    return {
        "command_id": row.public_id,
        "edge": edge.name if edge is not None else None,
        "command": json.loads(row.command),
        "operator": row.operator,
        "result": "waiting" if row.state == "sent" else row.state,
        "because": json.loads(row.because) if row.because is not None else None,
        "asked_at": rfc3339(row.asked_us),
        "answered_at": rfc3339(row.answered_us),
    }


@messages_router.get("")
def refused_messages(session: DbSession, _actor: ReadsFleet) -> dict[str, Any]:
    """Messages that were refused, by edge, topic and reason; ``edge`` empty: from no edge of ours."""
    return {"items": _refused(session, None)}


def show_edge(session: Session, edge: Edge, now_us: int) -> dict[str, Any]:
    """An edge's health, as the list and the live page show it."""
    assert edge.id is not None
    head_seq = reading.head_seq(session, edge.id, edge.journal_id)
    return {
        "name": edge.name,
        "role": edge.role,
        "enrolled": edge.public_key is not None,
        "revoked_at": rfc3339(to_us(edge.revoked_at)) if edge.revoked_at is not None else None,
        "epoch": edge.epoch,
        "enrolled_at": rfc3339(to_us(edge.enrolled_at)) if edge.enrolled_at is not None else None,
        "online": edge.online,
        "online_changed_at": rfc3339(edge.online_changed_us),
        "last_seen_at": rfc3339(edge.last_seen_us),
        "software": edge.software,
        "boot_id": edge.boot_id,
        "clock_offset_us": edge.clock_offset_us,
        "wall_trusted": edge.wall_trusted,
        "hardware_digest": edge.hardware_digest,
        "journal": {
            "journal_id": edge.journal_id,
            "last_seq": edge.last_seq,
            "ledger_seq": head_seq,
            "lag": max(edge.last_seq - head_seq, 0),
            "outbox": edge.outbox,
        },
        "policy": {
            "version": [edge.received_policy_epoch, edge.received_policy_n] if edge.received_policy_n else None,
            "digest": edge.received_policy_digest or None,
            "received_at": rfc3339(edge.received_policy_at_us),
            "lease_sent_at": rfc3339(edge.lease_sent_us),
        },
        "guarantees": guarantees(edge, current_version(session, edge.id), head_seq, now_us),
    }


def _show_receipt(receipt: EdgeReceipt) -> dict[str, Any]:
    return {"version": [receipt.epoch, receipt.n], "digest": receipt.digest, "at": rfc3339(receipt.at_us)}


def _refused(session: Session, edge: str | None) -> list[dict[str, Any]]:
    query = select(RefusedMessage)
    if edge is not None:
        query = query.where(RefusedMessage.edge == edge)
    order = (col(RefusedMessage.edge), col(RefusedMessage.leaf), col(RefusedMessage.reason))
    return [
        {
            "edge": row.edge,
            "leaf": row.leaf,
            "reason": row.reason,
            "count": row.count,
            "last_at": rfc3339(row.last_us),
            "last_text": row.last_text,
        }
        for row in session.exec(query.order_by(*order)).all()
    ]
