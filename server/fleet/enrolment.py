"""An edge joins: a token from the console, once, against its public key (DESIGN 7)."""

import secrets
from datetime import datetime
from typing import Literal

from sqlmodel import Session, col, delete, select

from controller.wire import WIRE_VERSION, EdgeCertificate, seal
from server.db.clock import to_us
from server.fleet.models import Edge, OutboxMessage
from server.keys import ServerKeys, is_public_key
from server.operators.actor import SYSTEM, Actor
from server.operators.audit import record
from server.operators.guard import hash_token
from server.problems import Problem

TOKEN_LIFE_US = 3_600_000_000
TOKEN_BYTES = 32


Role = Literal["door", "desk"]


def new_token(session: Session, actor: Actor, now: datetime, name: str, role: Role | None = None) -> str:
    """A one-time token for the edge ``name``, made when it is new. An enrolled edge keeps its key until the token is used; another ``role``
    is taken up at once, None leaves it."""
    edge = session.exec(select(Edge).where(Edge.name == name)).first()
    act = "edge.token" if edge is not None else "edge.create"
    if edge is None:
        edge = Edge(name=name, created_at=now)
    before = {"role": edge.role}
    edge.role = role or edge.role
    token = secrets.token_urlsafe(TOKEN_BYTES)
    edge.token_hash = hash_token(token)
    edge.token_until_us = to_us(now) + TOKEN_LIFE_US
    session.add(edge)
    record(session, actor, now, act, name, before=before if act == "edge.token" else None, after={"role": edge.role})
    return token


def revoke(session: Session, actor: Actor, now: datetime, edge: Edge, reason: str = "") -> None:
    """Believe this edge's key no more and send it nothing, from now on. Enrolling it again ends that. Who is revoked stays so. ``reason``: for
    the audit log."""
    if edge.revoked_at is not None:
        return
    edge.revoked_at = now
    edge.token_hash = edge.token_until_us = None
    edge.session = None
    edge.online, edge.online_changed_us = False, to_us(now)
    session.add(edge)
    session.exec(delete(OutboxMessage).where(col(OutboxMessage.edge) == edge.name))
    record(
        session,
        actor,
        now,
        "edge.revoke",
        edge.name,
        after={"epoch": edge.epoch} | ({"reason": reason} if reason else {}),
    )


def enrol(session: Session, keys: ServerKeys, now: datetime, token: str, public_key_hex: str) -> Edge:
    """Bind an edge to its key; the key before it, if any, is void from now on. Raises :class:`Problem`."""
    try:
        public_key = bytes.fromhex(public_key_hex)
    except ValueError:
        public_key = b""
    if not is_public_key(public_key):
        raise Problem(
            422,
            "invalid_key",
            "public_key: 64 hexadecimal digits of an Ed25519 public key are needed.",
            "public_key 必须是 Ed25519 公钥的 64 位十六进制数字。",
            field="public_key",
        )
    now_us = to_us(now)
    edge = session.exec(select(Edge).where(Edge.token_hash == hash_token(token)).with_for_update()).first()
    if edge is None or edge.token_until_us is None or edge.token_until_us <= now_us:
        raise Problem(
            403,
            "enrolment_refused",
            "This token is unknown, used or over its hour: make a new one with POST /api/v1/edges.",
            "令牌无效、已使用或已过期，请重新生成。",
        )
    edge.token_hash = edge.token_until_us = None
    edge.epoch += 1
    edge.revoked_at = None
    edge.public_key = public_key
    edge.certificate = _certificate(keys, edge, now_us)
    edge.enrolled_at = now
    edge.session = None
    edge.status_seq = 0
    edge.past_sessions = "[]"
    session.add(edge)
    record(session, SYSTEM, now, "edge.enrol", edge.name, after={"epoch": edge.epoch, "public_key": public_key.hex()})
    return edge


def _certificate(keys: ServerKeys, edge: Edge, now_us: int) -> bytes:
    assert edge.public_key is not None
    key = keys.signing(now_us)
    body = EdgeCertificate(
        v=WIRE_VERSION,
        site=keys.site,
        edge=edge.name,
        epoch=edge.epoch,
        seq=now_us,
        issued_at_us=now_us,
        kid=f"edge:{edge.name}",
        public_key=edge.public_key,
    )
    return seal(body, key.kid, key.sign)
