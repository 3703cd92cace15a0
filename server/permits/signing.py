"""Signatures under visits and under the closing of an emergency (R6, B7; :mod:`server.signatures`)."""

from datetime import datetime
from typing import Literal

import msgspec
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from server.context import Context
from server.db.clock import to_us
from server.keys import ServerKeys
from server.operators.actor import Actor
from server.operators.audit import record
from server.permits.models import PermitSignature
from server.problems import Problem
from server.signatures import Signed, is_signed
from server.signatures import sign as sign_content

DOMAIN = "PermitSignature"
Role = Literal["operator", "witness", "closing"]


class Content(msgspec.Struct, frozen=True, tag="permit_signature"):
    """What is signed: these fields as JSON, in this order. ``said``: the record of the visit, or the closing words, as they stand."""

    site: str
    subject: str
    role: str
    said: str
    by: str
    by_name: str
    at_us: int


def sign(
    session: Session, context: Context, actor: Actor, now: datetime, subject: str, role: Role, said: str
) -> PermitSignature:
    """Sign for ``actor``. Raises :class:`Problem` 409 for somebody who signed already, or a signature that is there."""
    for one in signatures_of(session, [subject]).get(subject, []):
        if actor.is_who(one.by):
            raise four_eyes("Somebody else must sign than who signed before.", "签字人必须是另一名人员。")
        if one.role == role:
            raise _signed(role)
    content = Content(context.site.id, subject, role, said, actor.public_id, actor.name, to_us(now))
    signed = sign_content(context.keys, DOMAIN, msgspec.json.encode(content).decode(), content.at_us)
    made = PermitSignature(
        subject=subject,
        role=role,
        by=actor.public_id,
        by_name=actor.name,
        at=now,
        content=signed.content,
        kid=signed.kid,
        certificate=signed.certificate,
        signature=signed.signature,
    )
    try:
        with session.begin_nested():
            session.add(made)
    except IntegrityError as error:  # who raced for it has signed now
        raise _signed(role) from error
    record(session, actor, now, "permit.sign", subject, after={"role": role})
    return made


def signatures_of(session: Session, subjects: list[str]) -> dict[str, list[PermitSignature]]:
    """The signatures under these, by subject."""
    query = select(PermitSignature).where(col(PermitSignature.subject).in_(subjects)).order_by(col(PermitSignature.id))
    found: dict[str, list[PermitSignature]] = {}
    for row in session.exec(query).all() if subjects else ():
        found.setdefault(row.subject, []).append(row)
    return found


def signature_holds(keys: ServerKeys, row: PermitSignature, said: str) -> bool:
    """Whether the row is what a key of this server signed, and what stands in the subject now is what was signed."""
    try:
        content = msgspec.json.decode(row.content, type=Content)
    except msgspec.DecodeError:
        return False
    expected = Content(keys.site, row.subject, row.role, said, row.by, row.by_name, to_us(row.at))
    signed = Signed(row.content, row.kid, row.certificate, row.signature)
    return content == expected and is_signed(keys, DOMAIN, signed, content.at_us)


def four_eyes(text: str, text_zh: str) -> Problem:
    """409: it takes two different operators."""
    return Problem(409, "FOUR_EYES", text, text_zh)


def _signed(role: str) -> Problem:
    return Problem(409, "signed", f"The signature of the {role} is there already.", "该签字已存在。")
