"""Which edge decides at which door: as the site file says, else as the edges report."""

from sqlmodel import Session, col, select

from controller.site import Site
from server.db.clock import to_us
from server.fleet.models import Edge
from server.ledger.models import LedgerDoor


def replaced_edges(session: Session, site: Site) -> dict[int, int]:
    """Edges whose word is over: revoked, and other edges decide at their doors. Id → since when they are revoked."""
    deciding = doors_by_edge(session, site)
    revoked = session.exec(select(Edge.id, Edge.name, Edge.revoked_at).where(col(Edge.revoked_at).is_not(None))).all()
    return {edge_id: to_us(at) for edge_id, name, at in revoked if edge_id is not None and at and name not in deciding}


def doors_by_edge(session: Session, site: Site) -> dict[str, list[str]]:
    """Edge name → its doors. A door that names no edge belongs to the one that reported it, or to the only one there is; a
    revoked edge (leases of its last policy may last) only where no other does."""
    enrolled = select(Edge.id, Edge.name, Edge.revoked_at).where(col(Edge.public_key).is_not(None), Edge.role == "door")
    rows = session.exec(enrolled).all()
    names = {edge_id: name for edge_id, name, _ in rows}
    live = {edge_id for edge_id, _, revoked_at in rows if revoked_at is None}
    said = session.exec(select(LedgerDoor.door, LedgerDoor.edge_id)).all()
    reported = {door: names.get(edge_id) for door, edge_id in sorted(said, key=lambda row: (row[1] in live, row[1]))}
    possible = [names[edge_id] for edge_id in live or names]
    only = possible[0] if len(possible) == 1 else None
    doors: dict[str, list[str]] = {}
    for door in site.doors:
        edge = door.edge or reported.get(door.id) or only
        if edge is not None:
            doors.setdefault(edge, []).append(door.id)
    return doors
