"""Pieces of what people do, for walks on a building: a tap, a pair that goes through, a wait to just before, at and after a limit."""

from collections.abc import Iterator
from itertools import permutations

from tests.controller.model.buildings import BY_NAME, Building
from tests.controller.model.steps import Step, tap, wait

Piece = tuple[Step, ...]


def go_in(door: str, *people: str) -> Piece:
    """They tap in this order, and go in."""
    return (*(tap(who, f"{door}-in") for who in people), Step("open", door), Step("close", door), wait(1))


LIMITS = (
    "same_read_s",
    "pairing_window_s",
    "exit_confirm_s",
    "exit_prompt_s",
    "unlock_s",
    "held_open_s",
    "lone_occupant_s",
)


TOLD: dict[str, tuple[Piece, ...]] = {
    "escorted": (
        (*go_in("hall-door", "xu", "guo"), *go_in("hall-door", "zhou"), tap("guo", "hall-door-out"), tap("zhou", "hall-door-out")),
        (*go_in("hall-door", "xu", "guo"), tap("yan", "hall-door-in"), tap("guo", "hall-door-out"), Step("open", "hall-door")),
        (*go_in("hall-door", "zhou", "guo"), *go_in("vault-door", "zhou", "guo"), tap("guo", "vault-door-out"), wait(3),
         tap("guo", "vault-door-out"), Step("open", "vault-door"), tap("zhou", "vault-door-out")),
    ),
    "hall-with-cage": (
        (Step("link", on=False), tap("deng", "hall-door-in"), tap("hui", "hall-door-in")),
        (Step("link", on=False), tap("hui", "hall-door-in"), tap("bao", "hall-door-in"), Step("open", "hall-door")),
        (*go_in("hall-door", "li", "wang"), *go_in("cage-door", "li"), Step("rex", "cage-door"), Step("open", "cage-door"),
         Step("reconcile", "cage")),
        (*go_in("hall-door", "li", "wang"), *go_in("cage-door", "li"), Step("open", "hall-door"), Step("open", "cage-door"),
         Step("rex", "cage-door"), Step("reconcile", "hall", names=("li", "wang"))),
        (*go_in("hall-door", "li", "wang"), *go_in("cage-door", "li"), Step("rex", "cage-door"), Step("open", "cage-door"),
         Step("reconcile", "hall", names=("wang",)), Step("count", "cage", n=1)),
    ),
    "room-in-room": (
        (*go_in("hall-door", "li", "wang"), *go_in("lab-door", "li", "wang"), *go_in("hall-door", "sun", "guo"),
         tap("li", "lab-door-out"), wait(3), tap("li", "lab-door-out"), Step("open", "lab-door"), Step("close", "lab-door"),
         Step("restart"), Step("reconcile", "hall", names=("li", "wang", "sun", "guo")), Step("reconcile", "lab")),
        (*go_in("back", "li", "wang"), Step("rex", "back"), Step("open", "back"), Step("close", "back"),
         tap("sun", "lab-door-in"), Step("count", "hall", n=3)),
    ),
    "hall-with-two-doors": (
        (*go_in("north", "li", "wang"), tap("li", "north-out"), wait(2), tap("li", "north-out"), wait(1), tap("li", "north-out")),
    ),
}  # fmt: skip
"""What random walks come to too seldom."""


def begin(building: Building) -> Piece:
    """The contacts' first words: all doors are closed."""
    return tuple(Step("close", wired.door) for wired in building.hardware)


def pieces(building: Building, people: tuple[str, ...] = ()) -> list[list[Piece]]:
    """Groups of pieces; a walk draws a group, then a piece of it, so what is rare comes often enough."""
    people = people or tuple(BY_NAME)
    site = building.site
    points = [point.id for point in site.access_points]
    doors = [wired.door for wired in building.hardware]
    areas = [area.id for area in site.areas if not area.public]
    main = building.people
    go: dict[str, Piece] = {
        point.id: (Step("open", point.door), Step("close", point.door)) for point in site.access_points
    }
    singles: list[Piece] = [(tap(who, point),) for who in main for point in points]
    through: list[Piece] = [(tap(who, point), *go[point]) for who in main for point in points]
    pairs: list[Piece] = [
        (tap(first, point), tap(second, point), *go[point])
        for point in points
        for first in main
        for second in main
        if first != second
    ]
    again: list[Piece] = [
        (tap(who, point), wait(seconds), tap(who, point)) for who in main for point in points for seconds in (1, 2, 3)
    ]
    leaves: list[Piece] = [(Step(act, door),) for door in doors for act in ("open", "close")]
    rex: list[Piece] = [(Step("rex", door),) for door in doors]
    rex += [(Step("rex", door), Step("open", door), Step("close", door)) for door in doors]
    strangers: list[Piece] = [(tap(who, point),) for who in (*people, "nobody") for point in points]
    return [
        singles, singles, through, through, pairs, pairs, pairs, again, leaves, rex,
        list(_waits(building)),
        list(_waits(building)),
        list(_stories(building, go)),
        strangers,
        list(_seldom(building, areas, doors, points, go)),
    ]  # fmt: skip


def _stories(building: Building, go: dict[str, Piece]) -> Iterator[Piece]:
    """Several people, one after the other, at the two sides of a door."""
    for point in building.site.access_points:
        if point.out or not point.id.endswith("-in"):
            continue
        come, leave = point.id, point.id.removesuffix("-in") + "-out"
        for first, second, third in permutations(building.people, 3):
            together = (tap(first, come), tap(second, come), *go[come])
            yield (*together, tap(third, come), *go[come], tap(second, leave), tap(third, leave))
            yield (*together, tap(second, leave), *go[leave])
            yield (tap(first, come), tap(second, come), Step("lockdown", point.to_area), *go[come])
            yield (Step("unlock", point.door), tap(first, come), *go[come])


def _waits(building: Building) -> Iterator[Piece]:
    for name in LIMITS:
        limit_us = round(building.site.settings[name] * 1_000_000)
        for off_us in (-1, 0, 1):
            yield (Step("wait", us=limit_us + off_us),)
    yield (wait(1),)
    yield (wait(2),)


def _seldom(
    building: Building, areas: list[str], doors: list[str], points: list[str], go: dict[str, Piece]
) -> Iterator[Piece]:
    zones = sorted({zone for wired in building.hardware for zone in wired.fire_zones})
    main = building.people
    yield (Step("restart"), *begin(building))
    yield (Step("restart"),)
    for up in (True, False):
        yield (Step("link", on=up),)
    for zone in zones:
        yield (Step("fire", zone),)
        yield (Step("fire", zone, on=False), Step("reset", zone))
        yield (Step("fire", zone, on=False),)
        yield (Step("gas", zone),)
        yield (Step("gas", zone, on=False),)
    for area in (*areas, ""):
        yield (Step("lockdown", area),)
        yield (Step("release", area),)
        yield (Step("release", area),)
        yield (Step("panel", area),)
        yield (Step("panel", area, on=False), Step("release", area))
    for area in areas:
        yield (Step("reconcile", area, names=main[:2]),)
        yield (Step("reconcile", area),)
        yield (Step("reconcile", area, names=main[2:3], n=1),)
        yield (Step("count", area, n=1),)
        yield (Step("count", area, n=2),)
    for point in points:
        yield (Step("admit", point, "V1"),)
        yield (Step("admit", point, "V2", on=False),)
        for guard in ("deng", "bao"):
            yield (Step("link", on=False), tap("hui", point), tap(guard, point))
            yield (Step("link", on=False), tap("hui", point), tap(guard, point), *go[point])
    for door in doors:
        yield (Step("unlock", door),)
        yield (Step("unlock", door, on=False),)
    for who in main:
        yield (Step("acknowledge", "EXIT_IRREGULAR", who),)
