"""What holds whatever people scan, tap, carry and cut, at two edges' goods doors, with kills, lagging records and documents bound anew (DESIGN §5.7, E6, L1)."""

from collections.abc import Callable
from random import Random

import pytest

from tests.controller.goods import IN, OUT
from tests.controller.goods_world import (
    COUNTED,
    EDGES,
    PEOPLE,
    SERIALS,
    Act,
    Key,
    World,
    carry,
    console,
    fold_faults,
    held,
    journal_faults,
    owner_faults,
    simple,
    tap,
    together,
)

KEYS: list[Key] = [
    ("slip", 1),
    ("slip", 1),
    ("slip", 1),
    ("slip", 2),
    ("slip", 3),
    ("slip", 4),
    ("slip", 5),
    ("order", 1),
    ("order", 1),
    ("order", 2),
]
LIKELY = {  # who carries what where, when all is in order
    ("slip", 1): (0, ("SN-1", "SN-2", COUNTED, COUNTED, COUNTED)),
    ("slip", 2): (2, ("SN-3", COUNTED, COUNTED)),
    ("slip", 3): (3, ("SN-4",)),
    ("slip", 4): (1, ("SN-5", "SN-6")),
    ("slip", 5): (2, ("SN-7",)),
    ("order", 1): (0, ("SN-5", "SN-6", COUNTED, COUNTED)),
    ("order", 2): (2, ("SN-3",)),
}
ENDINGS = (
    "open",
    "open",
    "open",
    "open",
    "twice",
    "taps",
    "taps",
    "tap",
    "kill",
    "policy",
    "cancel",
    "rex",
    "away",
    "cancelled",
)
AT = (IN, OUT)


def likely(key: Key, some: list[bool], ending: str, back: bool) -> Act:
    """As the paper says, where it is bound, all of it or a part."""
    who, what = LIKELY[key]
    part = tuple(one for one, take in zip(what, some, strict=False) if take)
    at = IN if key[0] == "order" or back else OUT
    return lambda world: carry(world.bound[key].edge or EDGES[0], key, who, part, at, ending)(world)


def at_once(key: Key, some: list[bool]) -> Act:
    """Two of one customer with the same devices."""
    _, what = LIKELY[key]
    part = tuple(one for one, take in zip(what, some, strict=False) if take)
    at = IN if key[0] == "order" else OUT
    return lambda world: together(world.bound[key].edge or EDGES[0], key, (0, 1), part, at)(world)


def round_trip(some: list[bool], again: list[bool]) -> Act:
    """Out, back, and out once more under the slip that allows a return."""

    def act(world: World) -> None:
        for part, back in ((some, False), (some, True), (again, False)):
            likely(("slip", 1), part, "taps", back)(world)
            world.wait(8)

    return act


def rebind(key: Key, told: list[bool]) -> Act:
    """To the other edge; each step of the release may be still to come."""

    def act(world: World) -> None:
        old = world.bound[key].edge
        if not old:
            return
        new = EDGES[old == EDGES[0]]
        world.rebind(key, new)
        for step, name, comes in zip(("policy", "ingest", "policy"), (old, old, new), told, strict=False):
            if comes:
                simple(name, step)(world)

    return act


def cancel(key: Key) -> Act:
    return lambda world: world.cancel(key)


def wait(seconds: float) -> Act:
    return lambda world: world.wait(seconds)


def some(random: Random, often: float = 0.85) -> list[bool]:
    return [random.random() < often for _ in range(5)]


CHOICES: tuple[tuple[int, Callable[[Random], Act]], ...] = (
    (10, lambda of: likely(of.choice(KEYS), some(of), of.choice(ENDINGS), of.random() < 0.3)),
    (3, lambda of: carry(of.choice(EDGES), of.choice(KEYS), any_one(of), texts(of), of.choice(AT), of.choice(ENDINGS))),
    (2, lambda of: at_once(of.choice((("slip", 1), ("slip", 4), ("order", 1))), some(of))),
    (1, lambda of: round_trip(some(of, 0.5), some(of, 0.5))),
    (2, lambda of: tap(of.choice(EDGES), any_one(of), of.choice(AT))),
    (2, lambda of: console(of.choice(EDGES), of.choice(KEYS), of.choice(AT), texts(of))),
    (2, lambda of: simple(of.choice(EDGES), of.choice(("leaf", "kill", "rex", "cut", "link")))),
    (2, lambda of: simple(of.choice(EDGES), of.choice(("policy", "ingest", "some")))),
    (2, lambda of: rebind(of.choice(KEYS), some(of, 0.8))),
    (2, lambda of: wait(of.choice((0.5, 3.5, 8.0, 130.0)))),
)
"""How often which act comes."""


def any_one(random: Random) -> int:
    return random.randrange(len(PEOPLE))


def texts(random: Random) -> tuple[str, ...]:
    return tuple(random.choice((*SERIALS, COUNTED, COUNTED)) for _ in range(random.randrange(6)))


def play(seed: int, acts: int) -> World:
    """A history; in one of three the hall takes two persons, and now and then a slip is cancelled."""
    random = Random(seed)
    world = World(two_person=random.random() < 0.3)
    makers = random.choices([make for _, make in CHOICES], [weight for weight, _ in CHOICES], k=acts)
    for number, make in enumerate(makers):
        make(random)(world)
        if number % 40 == 39:
            cancel(random.choice(KEYS))(world)
    return world


@pytest.mark.parametrize("seed", range(40))
def test_whatever_happens_each_device_passes_once_under_its_own_customer_on_record(seed: int) -> None:
    world = play(seed, 60)
    assert [*journal_faults(world), *owner_faults(world), *fold_faults(world)] == []


@pytest.mark.parametrize("seed", range(100, 115))
def test_whatever_happens_everybody_gets_out(seed: int) -> None:
    world = play(seed, 25)
    assert list(held(world)) == []
    assert list(fold_faults(world)) == []
