"""Which edge's goods doors let an order in (E6, MEANINGS 26): one at a time, another only after the first has released it."""

from datetime import datetime

import msgspec
from sqlmodel import Session, col, select

from controller.codes import serial_key
from controller.policy import Line
from controller.site import Site
from server.context import Context
from server.db.clock import to_us
from server.equipment.models import WorkOrder, WorkOrderLine, WorkOrderSerial
from server.equipment.order_lines import lines_of
from server.equipment.orders import need
from server.fleet.bindings import released
from server.fleet.edge_doors import doors_by_edge
from server.fleet.models import Edge
from server.operators.actor import Actor
from server.operators.audit import record
from server.problems import Problem
from server.registry.validation import refused


def goods_edges(session: Session, site: Site) -> list[str]:
    """The edges that have a goods door, by name."""
    goods = {door.id for door in site.doors if door.goods}
    revoked = set(
        session.exec(select(Edge.name).where(col(Edge.revoked_at).is_not(None))).all()
    )  # nothing is sent there
    having = {edge for edge, doors in doors_by_edge(session, site).items() if goods.intersection(doors)}
    return sorted(having - revoked)


def bind(session: Session, context: Context, actor: Actor, order: WorkOrder, edge: str | None) -> bool:
    """Bind it to ``edge``, or (None) to none: then it is received at the desk. Where another edge still may let it in, the order is asked back from there and
    False is the answer: ask again when that edge has released it. Raises :class:`Problem`."""
    now = context.clock.now()
    need(order, "approved", "receiving")
    wanted = _edge(session, context.site, edge) if edge is not None else None
    if order.edge_id is not None and order.withdrawn_at is None and wanted is not None and wanted.id == order.edge_id:
        return True
    before = {"edge_id": order.edge_id, "binding": order.binding}
    if order.edge_id is not None and not released(session.connection(), "order", order.id or 0, to_us(now)):
        if order.withdrawn_at is None:
            order.withdrawn_at = now
            _changed(session, order)
            record(session, actor, now, "order.withdraw", order.public_id, before=before)
        return False
    set_binding(session, order, wanted, now)
    after = {"edge": edge, "binding": order.binding}
    record(session, actor, now, "order.bind", order.public_id, before=before, after=after)
    return True


def bind_at_approval(session: Session, context: Context, order: WorkOrder, edge: str | None) -> None:
    """To the site's only edge with a goods door, to the one that was named, or to none where the site has none. Raises :class:`Problem` 422."""
    edges = goods_edges(session, context.site)
    if edge is None and len(edges) > 1:
        raise Problem(
            422,
            "edge_required",
            f"edge: the site has several with goods doors: {', '.join(edges)}; name one.",
            f"edge：场地有多个带货物门的控制器：{'、'.join(edges)}，请指定一个。",
            field="edge",
            extra={"edges": edges},
        )
    name = edge if edge is not None else (edges[0] if edges else None)
    if name is not None:
        set_binding(session, order, _edge(session, context.site, name), context.clock.now())


def set_binding(session: Session, order: WorkOrder, edge: Edge | None, now: datetime) -> None:
    """What is left now may come in at this edge, and only there."""
    order.edge_id = None if edge is None else edge.id
    order.withdrawn_at = None
    order.bound_at_us = None if edge is None else to_us(now)
    order.bound_lines = [] if edge is None else msgspec.to_builtins(left(session, order))
    order.binding += 1
    _changed(session, order)


def left(session: Session, order: WorkOrder) -> list[Line]:
    """What is still to come, as policies say it."""
    lines: list[WorkOrderLine] = lines_of(session, [order])[order.id or 0]
    named = [line.id for line in lines if line.serials]
    query = select(WorkOrderSerial.line_id, WorkOrderSerial.serial_key)
    claims = session.exec(query.where(col(WorkOrderSerial.line_id).in_(named), col(WorkOrderSerial.open))).all()
    still = set(claims)
    found = []
    for line in lines:
        assert line.id is not None
        if line.serials:
            serials = tuple(key for key in map(serial_key, line.serials) if (line.id, key) in still)
            quantity = len(serials)
        else:
            serials, quantity = (), line.quantity - line.received
        if quantity > 0:
            found.append(Line(line.id, line.model, quantity, serials))
    return found


def edge_names(session: Session, ids: set[int | None]) -> dict[int | None, str]:
    """Edges by row id."""
    wanted = [edge_id for edge_id in ids if edge_id is not None]
    return dict(session.exec(select(Edge.id, Edge.name).where(col(Edge.id).in_(wanted))).all()) if wanted else {}


def _edge(session: Session, site: Site, name: str) -> Edge:
    if name not in goods_edges(session, site):
        raise refused("edge", f"edge: {name[:64]!r} has no goods door.", f"edge：{name[:64]} 没有货物门。")
    edge = session.exec(select(Edge).where(Edge.name == name, col(Edge.revoked_at).is_(None))).first()
    if edge is None:
        raise refused("edge", f"edge: {name!r} is not enrolled yet.", f"edge：{name} 尚未登记。")
    return edge


def _changed(session: Session, order: WorkOrder) -> None:
    order.version += 1
    session.add(order)
    session.flush()
