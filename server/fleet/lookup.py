"""Finds an edge by its name."""

from sqlmodel import Session, select

from server.fleet.models import Edge
from server.problems import not_found


def find_edge(session: Session, name: str, field: str | None = None) -> Edge:
    """Raises :class:`server.problems.Problem` 404, or 422 when the name stood in ``field`` of the body."""
    edge = session.exec(select(Edge).where(Edge.name == name)).first()
    if edge is None:
        raise not_found("edge", "控制器", name[:64], field)
    return edge
