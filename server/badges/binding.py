"""A desk writes a badge's card (DESIGN 21): the command, and the binding when its record arrives."""

from datetime import datetime, timedelta

import msgspec
import structlog
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select

from controller.commands import Command, EncodeCard
from controller.events import CardEncoded
from controller.policy import credential_key
from server.badges.issuing import BoundCard, Technology, issue_badge, refuse_unissuable, refuse_used
from server.badges.models import GONE, Badge
from server.badges.orders import orders_for_badge, orders_for_number
from server.fleet.asking import ask_command
from server.fleet.models import Edge, EdgeCommand
from server.operators.actor import Actor
from server.operators.audit import record
from server.operators.models import ApiToken, Operator
from server.permits.models import TemporaryCard
from server.problems import Problem

log = structlog.get_logger()

TECHNOLOGY: Technology = "desfire"


def ask_encoding(
    session: Session, actor: Actor, now: datetime, badge: Badge, desk: Edge, number: str, hash_key: bytes
) -> str:
    """Ask the desk to write ``number`` onto a card for this approved badge; the command's id. Raises :class:`Problem`: 422 for an
    edge that is no desk, 409 for a badge or number that cannot be bound now."""
    if desk.role != "desk":
        raise Problem(
            422,
            "NOT_A_DESK",
            f"edge: {desk.name} is not a desk; cards are written at an edge with the role desk.",
            f"edge：{desk.name} 不是发卡台。",
            field="edge",
        )
    refuse_unissuable(session, now, badge)
    card = BoundCard.of_number(number, TECHNOLOGY, number, hash_key)
    refuse_used(session, badge, number, card.credential)
    assert desk.id is not None
    _refuse_spent(session, badge, desk.id, number, card.credential)
    command = EncodeCard(badge.public_id, number, _may_be_written_over(session, badge, hash_key))
    return ask_command(session, actor, now, desk.id, command)


def _refuse_spent(session: Session, badge: Badge, desk_id: int, number: str, credential: bytes) -> None:
    """A number is written once: a lost card that carries it, deregistered or not, would open again what the new card opens (B4). So would
    one that was written for another badge, or at another desk, and has not been bound, or could not be; and one of this very badge whose
    desk was cut off after it may have been written: a second blank would make two of it."""
    other = session.exec(select(Badge.public_id).where(Badge.credential == credential, Badge.id != badge.id)).first()
    if other is None:  # a card of the pool that was never lent, or is retired
        other = session.exec(select(TemporaryCard.number).where(TemporaryCard.credential == credential)).first()
    for order in orders_for_number(session, number) if other is None else ():
        if order.outcome == "nothing":
            continue
        if (order.badge, order.edge_id) == (badge.public_id, desk_id):
            raise Problem(
                409,
                "number_written",
                f"number: a card may carry {number} already, though the desk did not say so to the end: take the next number. A card"
                " whose writing broke off may be laid down again.",
                f"number：可能已有一张卡写入了 {number}（发卡台未能报告结果），请改用下一个号码；写到一半的卡可以再次放上。",
                field="number",
                extra={"rule": "B4"},
            )
        other = order.badge
    if other is not None:
        raise Problem(
            409,
            "number_spent",
            f"number: a card with the number {number} was made before, or ordered elsewhere, for badge {other}: choose a number"
            " never used.",
            f"number：号码 {number} 已写入（或已在其他发卡台申请写入）另一张卡（出入证 {other}），请选用从未使用的号码。",
            field="number",
            extra={"rule": "B4"},
        )


def bind_encoded(
    connection: Connection, now: datetime, edge_id: int, event: CardEncoded, hash_key: bytes, erase_after: timedelta
) -> None:
    """Bind the card that the desk ``edge_id`` has written, in the transaction of its record. The same event again changes nothing.

    What cannot be bound (nobody asked this desk for it; the badge was deregistered, its contract ended meanwhile) is noted in
    the audit log as ``badge.not_bound`` and logged: the card is written then, and opens nothing.
    """
    with Session(connection, join_transaction_mode="create_savepoint", expire_on_commit=False) as session:
        try:
            _bind(session, now, edge_id, event, hash_key, erase_after)
            session.commit()
        except (Problem, IntegrityError) as refusal:  # the database's own refusal would meet the record again for ever
            session.rollback()
            code = refusal.code if isinstance(refusal, Problem) else "conflict"
            log.warning("an encoded card is not bound", badge=event.badge, edge_id=edge_id, code=code)
            after = {"code": code, "command": event.command_id}
            record(session, _actor(session, event.operator), now, "badge.not_bound", event.badge, after=after)
            session.commit()


def _bind(
    session: Session, now: datetime, edge_id: int, event: CardEncoded, hash_key: bytes, erase_after: timedelta
) -> None:
    card = BoundCard.of_number(event.number, TECHNOLOGY, event.number, hash_key)
    asked = session.exec(
        select(EdgeCommand).where(EdgeCommand.public_id == event.command_id, EdgeCommand.edge_id == edge_id)
    ).first()
    command = msgspec.json.decode(asked.command, type=Command) if asked is not None else None
    if (
        not isinstance(command, EncodeCard)
        or (command.badge, command.number) != (event.badge, event.number)
        or (event.technology, event.credential) != (card.technology, card.credential)
    ):
        raise Problem(409, "not_asked", "Nobody asked this desk for this card.", "没有人请求该发卡台写此卡。")
    badge = session.exec(select(Badge).where(Badge.public_id == event.badge).with_for_update()).first()
    if badge is None:
        raise Problem(409, "not_found", "There is no such badge.", "没有该出入证。")
    if badge.status != "approved" and badge.credential == card.credential:
        return
    assert asked is not None
    issue_badge(session, _actor(session, asked.operator), now, badge, card, erase_after)


def _may_be_written_over(session: Session, badge: Badge, hash_key: bytes) -> bytes | None:
    """The credential that the card may carry already: the number of the last try, if its writing broke off and its desk has said so (that
    number is never bound now); else that of the badge that this one replaces, once it is gone."""
    broken = [order.number for order in orders_for_badge(session, badge.public_id) if order.outcome == "maybe"]
    if broken:
        return credential_key(hash_key, TECHNOLOGY, broken[-1])
    if badge.replaces_id is None:
        return None
    old = session.get_one(Badge, badge.replaces_id)
    return old.credential if old.status in GONE else None


def _actor(session: Session, public_id: str) -> Actor:
    """Who asked for the encoding, for the audit log: what may be done was judged when it was asked."""
    operator = session.exec(select(Operator).where(Operator.public_id == public_id)).first()
    if operator is not None:
        return Actor("operator", public_id, operator.name, "guard")
    token = session.exec(select(ApiToken).where(ApiToken.public_id == public_id)).first()
    return Actor("token" if token is not None else "system", public_id, token.name if token else "", "guard")
