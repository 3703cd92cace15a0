"""A slip is bound to one edge at a time: bound, asked back, bound anew when that edge has confirmed (E6, MEANINGS 26, docs/goods.md)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import structlog
from sqlmodel import Session, col, select

from controller.codes import serial_key
from controller.site import Site
from server.db.engine import Database
from server.equipment.slip_models import ExitSlip, ExitSlipLine
from server.equipment.slips.drafting import touch
from server.equipment.slips.lookup import id_of, keys_of, lines_of, passed_of, refuse_status
from server.equipment.slips.release import is_released
from server.equipment.slips.standing import binding_over
from server.fleet.edge_doors import doors_by_edge
from server.fleet.models import Edge
from server.operators.actor import SYSTEM, Actor
from server.operators.audit import record
from server.problems import Problem
from server.registry.validation import refused

log = structlog.get_logger(__name__)


def goods_edge(session: Session, site: Site, edge: str | None, door: str | None) -> tuple[Edge, str]:
    """The edge that decides at ``door``, or (no door) ``edge``; with neither, the only one that has a goods door. Raises :class:`Problem` 422."""
    goods = {one.id for one in site.doors if one.goods}
    if door and door not in goods:
        raise refused(
            "door",
            f"door: {door!r} is no goods door; the site has {', '.join(sorted(goods)) or 'none'}.",
            f"door：{door} 不是货物门。",
        )
    wanted = {door} if door else goods
    rows = session.exec(select(Edge).where(Edge.role == "door", col(Edge.revoked_at).is_(None))).all()
    by_name = {row.name: row for row in rows}
    having = {name for name, doors in doors_by_edge(session, site).items() if wanted.intersection(doors)}
    possible = sorted(having & by_name.keys())
    if edge is not None and edge not in possible:
        raise refused(
            "edge",
            f"edge: {edge!r} has no such goods door; {', '.join(possible) or 'no edge'} has.",
            f"edge：控制器 {edge} 没有该货物门。",
        )
    if edge is None and len(possible) != 1:
        raise refused(
            "edge",
            f"edge: say which; {', '.join(possible) or 'no edge'} has a goods door.",
            f"edge：请指定货物门所属的控制器（{'、'.join(possible) or '无'}）。",
        )
    return by_name[edge or possible[0]], door or ""


def bind(session: Session, actor: Actor, now: datetime, slip: ExitSlip, edge: Edge, door: str) -> None:
    """Bind it: what is left, and what is out, as of now. The caller knows that no other edge allows it."""
    lines = lines_of(session, [id_of(slip)])[id_of(slip)]
    slip.edge_id, slip.door = edge.id, door
    slip.next_edge_id, slip.next_door = None, ""
    slip.binding += 1
    slip.bound_lines, slip.bound_returns = bound_to(session, lines)
    slip.bound_at = now
    touch(session, actor, now, slip)
    record(
        session,
        actor,
        now,
        "slip.bind",
        slip.public_id,
        after={"edge": edge.name, "door": door, "binding": slip.binding},
    )


def bound_to(session: Session, lines: Sequence[ExitSlipLine]) -> tuple[list[Any], list[Any]]:
    """(what may still go out, what is out), as :class:`controller.policy.Line` in JSON."""
    passed = passed_of(session, lines)
    replaced = {line.replaces_line_id: set[str]() for line in lines}
    for line in lines:
        if line.replaces_serial is not None:
            replaced[line.replaces_line_id].add(serial_key(line.replaces_serial))
    left: list[Any] = []
    out: list[Any] = []
    for line in lines:
        gone, returned = passed[id_of(line)]
        if line.replaces_line_id is not None:
            if not line.returned:
                out.append([line.id, line.model, line.quantity, keys_of(line)])
            continue
        keys = keys_of(line)
        if line.quantity > line.gone:
            stays = [key for key in keys if key not in gone]
            left.append([line.id, line.model, len(stays) if keys else line.quantity - line.gone, stays])
        away = [key for key in keys if key in gone and key not in returned | replaced.get(line.id, set())]
        count = len(away) if keys else line.gone - line.returned
        if count > 0:
            out.append([line.id, line.model, count, away])
    return [line for line in left if line[2] > 0], out


def rebind(
    session: Session, actor: Actor, now: datetime, slip: ExitSlip, edge: Edge, door: str, *, why: str = "slip.rebind"
) -> None:
    """Ask it back from its edge, to be bound to ``edge`` and ``door``: at once where that is certain already, else by :func:`bind_waiting`. Raises
    :class:`Problem` 409."""
    refuse_status(slip, "issued")
    if binding_over(slip, now):
        raise Problem(
            409,
            "SLIP_WRONG_DATE",
            "Nothing goes out and nothing comes back under this slip any more.",
            "该出门条已过期，不再可用。",
            extra={"rule": "E6"},
        )
    slip.next_edge_id, slip.next_door = edge.id, door
    touch(session, actor, now, slip)
    record(session, actor, now, why, slip.public_id, after={"edge": edge.name, "door": door})
    if is_released(session, slip, now):
        bind(session, actor, now, slip, edge, door)


def bind_waiting(session: Session, now: datetime) -> int:
    """Bind every slip whose old edge has confirmed by now; how many."""
    waiting = session.exec(
        select(ExitSlip)
        .where(col(ExitSlip.next_edge_id).is_not(None), ExitSlip.status == "issued")
        .order_by(col(ExitSlip.id))
        .with_for_update(skip_locked=True)
    ).all()
    bound = 0
    for slip in waiting:
        if is_released(session, slip, now):
            bind(session, SYSTEM, now, slip, session.get_one(Edge, slip.next_edge_id), slip.next_door)
            bound += 1
    return bound


def bind_released(database: Database, now: datetime) -> int:
    """:func:`bind_waiting` in a transaction of its own, if there is anything to do; how many. An idle turn writes nothing."""
    waiting = select(ExitSlip.id).where(col(ExitSlip.next_edge_id).is_not(None), ExitSlip.status == "issued").limit(1)
    with database.read() as session:
        if session.exec(waiting).first() is None:
            return 0
    with database.write() as session:
        bound = bind_waiting(session, now)
    if bound:
        log.info("slips bound anew", slips=bound)
    return bound
