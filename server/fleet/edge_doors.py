"""Which edge decides at which door: as the site file says, else as the edges report."""

from sqlmodel import Session, col, select

from controller.site import Site
from server.fleet.models import Edge
from server.ledger.models import LedgerDoor


def doors_by_edge(session: Session, site: Site) -> dict[str, list[str]]:
    """Edge name → its doors. A door that names no edge belongs to the one that reported it, or to the only one there is."""
    enrolled = select(Edge.id, Edge.name).where(col(Edge.public_key).is_not(None), Edge.role == "door")
    names = dict(session.exec(enrolled).all())
    reported = {
        door: names.get(edge_id) for door, edge_id in session.exec(select(LedgerDoor.door, LedgerDoor.edge_id)).all()
    }
    only = next(iter(names.values())) if len(names) == 1 else None
    doors: dict[str, list[str]] = {}
    for door in site.doors:
        edge = door.edge or reported.get(door.id) or only
        if edge is not None:
            doors.setdefault(edge, []).append(door.id)
    return doors
