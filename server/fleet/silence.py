"""Which edges are silent, and of which areas therefore nothing new is known: a cut link makes no event (L3, MEANINGS 12)."""

from dataclasses import dataclass

from sqlmodel import Session, select

from controller.site import Site
from server.fleet.edge_doors import doors_by_edge
from server.fleet.models import Edge
from server.fleet.status import SILENT_US
from server.rooms.areas import Areas


@dataclass(frozen=True)
class SilentEdge:
    """``since_us``: when it was heard last; None: never."""

    name: str
    since_us: int | None


def linked(edge: Edge, now_us: int) -> bool:
    """Whether the edge is connected and was heard lately: else what it reported is old."""
    return edge.online and edge.last_seen_us is not None and now_us - edge.last_seen_us <= SILENT_US


def silent_by_area(session: Session, site: Site, now_us: int) -> dict[str, list[SilentEdge]]:
    """Area → the silent edges, by name, that decide at a door into it or out of it; areas without one are left out."""
    heard = {edge.name: edge for edge in session.exec(select(Edge)).all()}
    silent: dict[str, SilentEdge] = {}
    for name, doors in sorted(doors_by_edge(session, site).items()):
        edge = heard.get(name)
        if edge is None or not linked(edge, now_us):
            found = SilentEdge(name, edge.last_seen_us if edge is not None else None)
            silent |= dict.fromkeys(doors, found)
    rooms = Areas(site)
    passages = {door.id for door in site.doors if door.kind == "passage"}
    areas: dict[str, list[SilentEdge]] = {}
    for point in site.access_points:
        if point.door in silent and point.door in passages:
            for area in set(rooms.rooms(point.from_area)) ^ set(rooms.rooms(point.to_area)):
                of_area = areas.setdefault(area, [])
                if silent[point.door] not in of_area:
                    of_area.append(silent[point.door])
    return {area: sorted(edges, key=lambda one: one.name) for area, edges in areas.items()}
