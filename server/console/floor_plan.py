"""The floor plan of the monitor: where areas and doors are drawn. Only the picture; no rule depends on it.

``plan.toml`` beside the site file says it (docs/console/monitor.md); without one a plan is laid out from areas and access points. Units are grid cells.
"""

import math
import tomllib
from collections import deque
from pathlib import Path
from typing import Literal

import msgspec

from controller.site import Area, Site
from controller.site_checks import SiteError

FILE = "plan.toml"
MOST_CELLS = 400
ROOM_W, ROOM_H, GAP = 7.0, 3.0, 1.6
"""The computed plan: the least size of a room, and the way between two columns."""
DOOR_H = 4.2
"""A door, and below it what it says."""
MARGIN = 2.4
TAG_W, TAG_H = 4.4, 2.3
"""What is written at a door."""

Direction = Literal["up", "down", "left", "right"]


class Room(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An area's rectangle; x, y: its upper left corner."""

    x: float
    y: float
    w: float
    h: float


class Leaf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A door; x, y: its hinge. ``leaf``: where the closed leaf lies from it, ``swing``: to which side it opens."""

    x: float
    y: float
    leaf: Direction
    swing: Direction


class Racks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A row of racks: tells a machine room from an office."""

    x: float
    y: float
    count: int
    customer: str = ""


class FloorPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole picture. ``rooms``: area → rectangle, outer ones first; ``doors``: door → leaf. ``computed``: by no file."""

    width: float
    height: float
    rooms: dict[str, Room]
    doors: dict[str, Leaf]
    racks: tuple[Racks, ...] = ()
    computed: bool = False

    @property
    def left(self) -> float:
        """What is drawn begins here: rooms and doors, with room for what stands at a door."""
        return (
            min([self.width, *(room.x for room in self.rooms.values()), *(leaf.x for leaf in self.doors.values())])
            - TAG_W / 2
        )

    @property
    def right(self) -> float:
        """And ends here."""
        return (
            max([0.0, *(room.x + room.w for room in self.rooms.values()), *(leaf.x for leaf in self.doors.values())])
            + TAG_W / 2
        )

    @property
    def top(self) -> float:
        """As :attr:`left`, upwards."""
        return (
            min([self.height, *(room.y for room in self.rooms.values()), *(leaf.y - 2 for leaf in self.doors.values())])
            - 0.2
        )

    @property
    def bottom(self) -> float:
        """As :attr:`left`, downwards."""
        return (
            max(
                [
                    0.0,
                    *(room.y + room.h for room in self.rooms.values()),
                    *(leaf.y + TAG_H for leaf in self.doors.values()),
                ]
            )
            + 0.3
        )


def floor_plan(site_file: Path, site: Site) -> FloorPlan:
    """The plan beside the site file, checked against the site; computed where there is none. Raises :class:`SiteError`, one line."""
    path = site_file.parent / FILE
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return computed_plan(site)
    except (OSError, UnicodeDecodeError) as error:
        raise SiteError(f"{path}: cannot be read ({error})") from error
    return parse_plan(text, site, str(path))


def parse_plan(text: str, site: Site, where: str = FILE) -> FloorPlan:
    """A plan from its text. Raises :class:`SiteError` naming what is wrong: every area that is not public and every door must be on it."""
    try:
        plan = msgspec.convert(tomllib.loads(text), FloorPlan)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise SiteError(f"{where}: {error}") from error
    if not (_drawable(plan.width) and _drawable(plan.height) and plan.width > 0 and plan.height > 0):
        raise SiteError(f"{where}: width and height: give 1 to {MOST_CELLS} cells")
    wanted = {"rooms": {area.id for area in site.areas if not area.public}, "doors": {door.id for door in site.doors}}
    for table, names in wanted.items():
        drawn = set(getattr(plan, table))
        unknown, missing = sorted(drawn - names), sorted(names - drawn)
        if unknown:
            raise SiteError(f"{where}: {table}: the site has no {table[:-1]} {unknown[0]!r}")
        if missing:
            raise SiteError(f"{where}: {table}: {missing[0]!r} is not drawn; without {FILE} a plan is computed")
    for name, room in plan.rooms.items():
        inside = room.x + room.w <= plan.width and room.y + room.h <= plan.height
        if not (room.w > 0 and room.h > 0 and room.x >= 0 and room.y >= 0 and inside):
            raise SiteError(f"{where}: rooms: {name!r} does not lie on the plan")
    for name, leaf in plan.doors.items():
        if not (0 <= leaf.x <= plan.width and 0 <= leaf.y <= plan.height):
            raise SiteError(f"{where}: doors: {name!r} does not lie on the plan")
    rooms = dict(sorted(plan.rooms.items(), key=lambda one: _depth(site, one[0])))
    return msgspec.structs.replace(plan, rooms=rooms, computed=False)


def _drawable(length: float) -> bool:
    return math.isfinite(length) and 1 <= length <= MOST_CELLS


def _depth(site: Site, name: str) -> int:
    inside = {area.id: area.inside for area in site.areas}
    depth, outer = 0, inside.get(name)
    while outer is not None:
        depth, outer = depth + 1, inside.get(outer)
    return depth


def computed_plan(site: Site) -> FloorPlan:
    """Columns from the street inwards, by how many doors one passes; areas inside another are drawn in it, each door at the wall through which it enters."""
    inner: dict[str | None, list[Area]] = {}
    for area in site.areas:
        if not area.public:
            inner.setdefault(area.inside, []).append(area)
    tops = inner.get(None, [])
    steps = _steps(site)
    columns: dict[int, list[Area]] = {}
    for area in tops:
        columns.setdefault(steps.get(area.id, 1), []).append(area)
    doors_of = _doors_of(site)
    sizes = {area.id: _size(area.id, inner, doors_of) for area in tops}
    rooms: dict[str, Room] = {}
    x, tallest = MARGIN, 0.0
    for step in sorted(columns):
        y, widest = 0.6, max(sizes[area.id][0] for area in columns[step])
        for area in columns[step]:
            height = sizes[area.id][1]
            _place(area.id, Room(x, y, widest, height), inner, doors_of, rooms)
            y += height + 0.6
        x, tallest = x + widest + GAP, max(tallest, y)
    doors = _leaves(site, doors_of, rooms)
    return FloorPlan(max(x - GAP + MARGIN, 12.0), max(tallest, 6.0), rooms, doors, computed=True)


def _steps(site: Site) -> dict[str, int]:
    """Area → how many doors from the street; areas inside another count with it."""
    outer = {area.id: area.inside for area in site.areas}
    ways: dict[str, set[str]] = {}
    for point in site.access_points:
        ways.setdefault(_top(point.from_area, outer), set()).add(_top(point.to_area, outer))
    found = {area.id: 0 for area in site.areas if area.public}
    queue = deque(found)
    while queue:
        here = queue.popleft()
        for there in sorted(ways.get(here, ())):
            if there not in found:
                found[there] = found[here] + 1
                queue.append(there)
    return found


def _top(area: str, outer: dict[str, str | None]) -> str:
    while (out := outer.get(area)) is not None:
        area = out
    return area


def _doors_of(site: Site) -> dict[str, list[str]]:
    """Area → the doors that lead into it."""
    doors: dict[str, list[str]] = {}
    for door in site.doors:
        points = [point for point in site.access_points if point.door == door.id]
        inwards = next((point for point in points if not point.out), points[0] if points else None)
        doors.setdefault(inwards.to_area if inwards is not None else "", []).append(door.id)
    return doors


def _own_height(area: str, doors_of: dict[str, list[str]]) -> float:
    return ROOM_H + DOOR_H * len(doors_of.get(area, []))


def _size(area: str, inner: dict[str | None, list[Area]], doors_of: dict[str, list[str]]) -> tuple[float, float]:
    sizes = [_size(one.id, inner, doors_of) for one in inner.get(area, [])]
    width = max([ROOM_W, *(w + 3.2 for w, _ in sizes)])
    return width, _own_height(area, doors_of) + sum(h + 0.5 for _, h in sizes)


def _place(
    area: str, room: Room, inner: dict[str | None, list[Area]], doors_of: dict[str, list[str]], rooms: dict[str, Room]
) -> None:
    rooms[area] = room
    y = room.y + _own_height(area, doors_of)
    for one in inner.get(area, []):
        height = _size(one.id, inner, doors_of)[1]
        _place(one.id, Room(room.x + 2.6, y, room.w - 3.2, height), inner, doors_of, rooms)
        y += height + 0.5


def _leaves(site: Site, doors_of: dict[str, list[str]], rooms: dict[str, Room]) -> dict[str, Leaf]:
    """Each door at the left wall of the area that it leads into, below the area's name and below each other."""
    leaves: dict[str, Leaf] = {}
    for area, doors in doors_of.items():
        room = rooms.get(area, Room(MARGIN, 0.6, ROOM_W, ROOM_H))  # one that leads to the street only
        for index, door in enumerate(doors):
            leaves[door] = Leaf(room.x, round(room.y + ROOM_H + 1.4 + DOOR_H * index, 2), "up", "right")
    return {door.id: leaves[door.id] for door in site.doors}
