"""Looks for a fault with fixed seeds: engine against reference model on random walks, then the search. One line tells what it found.

``python -m tests.controller.model.hunt BUILDING…`` exits 3 if it found one. The mutation check runs it over patched copies of the
controller.
"""

import random
import sys
from collections.abc import Sequence

from tests.controller.model import sites
from tests.controller.model.agreement import Both
from tests.controller.model.buildings import Building
from tests.controller.model.search import explore
from tests.controller.model.walks import TOLD, Piece, begin, pieces
from tests.controller.model.world import Ground

WALKS = 40
PIECES = 14
DEPTH = 2
CAUGHT = 3


def hunt(names: Sequence[str], walks: int = WALKS, depth: int = DEPTH) -> str:
    """What is wrong, in short; empty if nothing was found."""
    buildings = {name: sites.ALL[name]() for name in names}
    groups_of = {name: pieces(building) for name, building in buildings.items()}
    for name, building in buildings.items():
        for number, story in enumerate(TOLD.get(name, ())):
            fault = play(building, [story])
            if fault:
                return f"story {number} in {name}: {fault}"
    for seed in range(walks):
        for name, building in buildings.items():
            drawn = random.Random(f"{name} {seed}")
            groups = groups_of[name]
            fault = play(building, [drawn.choice(drawn.choice(groups)) for _ in range(PIECES)])
            if fault:
                return f"walk {seed} in {name}: {fault}"
    for name, building in buildings.items() if depth else ():
        for honest in (True, False):
            found = explore(Ground(building), honest=honest, depth=depth)
            if found.violation is not None:
                return f"search in {name}: {found.violation.text}"
    return ""


def play(building: Building, walk: Sequence[Piece]) -> str:
    """Where engine and model differ on this walk, or one of them fails; empty: nowhere."""
    try:
        both = Both(building)
        both.play(begin(building))
        for piece in walk:
            both.play(piece)
    except Exception as fault:  # noqa: BLE001 - a fault may show as anything
        return f"{type(fault).__name__}: {str(fault).splitlines()[-1]}"
    return ""


def main() -> int:
    caught = hunt(sys.argv[1:] or list(sites.ALL))
    sys.stdout.write(f"{caught or 'nothing found'}\n")
    return CAUGHT if caught else 0


if __name__ == "__main__":
    sys.exit(main())
