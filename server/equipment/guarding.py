"""What the guard's console does in a scanner's place, and the guard's word on who stands at a door (R8, docs/goods.md)."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select as rows_of
from sqlmodel import Session, col, select

from controller.codes import document_of, serial_key
from controller.commands import CheckEquipment, ConfirmHolder
from controller.site import AccessPoint, Door
from server.badges.acts import perform
from server.badges.lifecycle import Act
from server.badges.models import GONE, Badge
from server.console.people import people_of
from server.context import Context
from server.db.clock import to_us
from server.equipment.codes import code_hash
from server.fleet.asking import ask_command
from server.fleet.edge_doors import doors_by_edge
from server.fleet.models import Edge
from server.ledger.keyed_rows import table_of
from server.ledger.models import LedgerWaiting
from server.operators.actor import Actor
from server.operators.audit import record
from server.problems import Problem
from server.registry.models import Holder
from server.registry.validation import refused
from server.rfc3339 import rfc3339
from server.shift.suspending import suspend_badges
from server.shift.violations import NewViolation, record_violation

CONFIRMED = "GUARD_CONFIRMATION_REQUIRED"
CHECKED = ("GUARD_CHECK_REQUIRED", "NO_EXIT_SLIP", "ITEMS_MISSING")
"""What people wait for whom the guard can help with a check, beside those who wait for the guard's word on their person."""


def check_equipment(
    session: Session, context: Context, actor: Actor, access_point: str, code: str, items: Sequence[str], reason: str
) -> str:
    """Have the edge judge a document and devices as if they were scanned there; the command's id. Raises :class:`Problem` 422."""
    point, door = _place(context, access_point)
    if not door.goods:
        raise Problem(
            422,
            "NOT_A_GOODS_DOOR",
            f"access_point: {access_point} is at no goods door.",
            f"access_point：{access_point} 不是货物门。",
            field="access_point",
            extra={"rule": "E4"},
        )
    document = document_of(code)
    if document is None or document == "check":
        raise Problem(
            422,
            "SCAN_UNREADABLE",
            "code: this is no code of an order or slip; scan or type it again.",
            "code：不是有效的开工单或出门条编码，请重新扫描或输入。",
            field="code",
            extra={"rule": "E4"},
        )
    kind, clear = document
    keys = tuple(serial_key(item) for item in items)
    if not all(keys):
        raise refused("items", "items: one of them is empty.", "items：有空项。")
    command = CheckEquipment(
        access_point=point.id,
        document=kind,
        code=code_hash(context.keys.hash_key, kind, clear),
        items=keys,
        reason=reason,
    )
    return ask_command(session, actor, context.clock.now(), _edge_of(session, context, door), command)


def confirm_holder(
    session: Session, context: Context, actor: Actor, access_point: str, number: str, accepted: bool, reason: str
) -> tuple[str, Badge | None]:
    """Tell the edge the guard's word on who waits there; the command's id. Not accepted: the badge is suspended at once, whatever the edge answers; the badge, if
    there is one of this number that can be. Raises :class:`Problem` 422."""
    point, door = _place(context, access_point)
    if not accepted and not reason:
        raise refused("reason", "reason: say what does not match.", "reason：请说明哪里不符。")
    now = context.clock.now()
    command = ConfirmHolder(access_point=point.id, number=number, accepted=accepted, reason=reason)
    command_id = ask_command(session, actor, now, _edge_of(session, context, door), command)
    badge = None
    if not accepted:
        live = select(Badge).where(Badge.number == number, col(Badge.status).not_in(GONE)).with_for_update()
        badge = session.exec(live).first()
        if badge is not None and badge.status in ("issued", "active"):
            _suspend(session, context, actor, badge, door.id, reason)
    after = {"access_point": point.id, "accepted": accepted, "reason": reason, "command": command_id}
    record(session, actor, now, "holder.confirm", badge.public_id if badge is not None else number, after=after)
    return command_id, badge


def _suspend(session: Session, context: Context, actor: Actor, badge: Badge, door: str, reason: str) -> None:
    """The badge is suspended for a violation, which the next shift finds open (R8, R9); without one where the guard may not see that customer's file."""
    said = f"HOLDER_MISMATCH: {reason}"
    holder = session.get_one(Holder, badge.holder_id)
    try:
        with session.begin_nested():
            given = NewViolation(kind="lent_badge", description=said, holder=holder.public_id, door=door)
            violation = record_violation(session, context, actor, given)
            suspend_badges(session, actor, context.clock.now(), violation, [badge.public_id])
    except Problem:
        perform(session, actor, context.clock.now(), badge, Act.SUSPEND, said)


def waiting_checks(session: Session, context: Context, now_us: int) -> list[dict[str, Any]]:
    """Who waits for the guard now, as the ledger knows it, the longest first. ``for``: ``confirmation`` (of the person) or ``check`` (of equipment)."""
    waiting, edges, badges = table_of(LedgerWaiting), table_of(Edge), table_of(Badge)
    query = (
        rows_of(waiting, edges.c.name.label("edge"), badges.c.public_id.label("badge_id"))
        .join(edges, edges.c.id == waiting.c.edge_id)
        .outerjoin(badges, badges.c.id == waiting.c.badge)
        .where(waiting.c.until_us > now_us)
        .order_by(waiting.c.since_us)
    )
    rows = [row for row in session.connection().execute(query).mappings() if _for(row["because"])]
    people = people_of(session, context.personal, (row["holder"] for row in rows), (row["customer"] for row in rows))
    shown = []
    for row in rows:
        customer = people.customers.get(row["customer"]) if row["customer"] is not None else None
        shown.append(
            {
                "edge": row["edge"],
                "door": row["door"],
                "access_point": row["access_point"],
                "for": _for(row["because"]),
                "number": row["number"],
                "badge": row["badge_id"],
                "holder": row["holder"],
                "name": people.holders.get(row["holder"]),
                "customer_code": customer[0] if customer is not None else None,
                "out": bool(row["out"]),
                "because": json.loads(row["because"]),
                "since": rfc3339(row["since_us"]),
                "until": rfc3339(row["until_us"]),
                "left_s": -(-(row["until_us"] - now_us) // 1_000_000),
            }
        )
    return shown


def now_us_of(context: Context) -> int:
    """The server's time, in microseconds."""
    return to_us(context.clock.now())


def _for(because: str) -> str | None:
    reason = json.loads(because).get("reason")
    return "confirmation" if reason == CONFIRMED else "check" if reason in CHECKED else None


def _place(context: Context, access_point: str) -> tuple[AccessPoint, Door]:
    point = next((one for one in context.site.access_points if one.id == access_point), None)
    if point is None:
        raise refused(
            "access_point",
            f"access_point: the site has no access point {access_point!r}.",
            f"access_point：场地没有通行点 {access_point}。",
        )
    return point, next(door for door in context.site.doors if door.id == point.door)


def _edge_of(session: Session, context: Context, door: Door) -> int:
    names = [name for name, doors in doors_by_edge(session, context.site).items() if door.id in doors]
    edge = session.exec(select(Edge).where(col(Edge.name).in_(names), col(Edge.revoked_at).is_(None))).first()
    if edge is None or edge.id is None:
        raise Problem(
            409,
            "no_edge",
            f"No edge decides at door {door.id} yet: enrol it first.",
            f"门 {door.id} 尚无控制器，请先登记。",
        )
    return edge.id
