"""Exhaustive search over the small buildings: every step in every order, breadth first, each world once.

``python -m tests.controller.model.search --minutes 10`` prints, per building and depth, how many worlds are reachable and how many moves
lead there, and checks the invariants in each. A counterexample is made minimal and saved as a scenario; the exit code is then 1.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.controller.model import canonical, invariants, sites
from tests.controller.model.counterexample import minimal, save
from tests.controller.model.invariants import Violation
from tests.controller.model.steps import Step
from tests.controller.model.world import Ground, Truth, pack, unpack

Packed = tuple[bytes, int, Truth | None]
Origin = dict[bytes, tuple[Step, ...] | tuple[bytes, Step]]
"""How a world was reached first: from a start by these steps, or from another world by one."""


@dataclass
class Found:
    """What a search of one building came to. ``layers``: new worlds per depth. ``closed``: nothing is left to reach. ``stopped``: the
    last layer is not whole."""

    building: str
    honest: bool
    layers: list[int] = field(default_factory=lambda: [1])
    moves: int = 0
    seconds: float = 0.0
    closed: bool = False
    stopped: bool = False
    violation: Violation | None = None
    trace: tuple[Step, ...] = ()

    @property
    def states(self) -> int:
        return sum(self.layers)

    def __str__(self) -> str:
        who = "honest people" if self.honest else "anybody anywhere"
        end = "all of it" if self.closed else f"to depth {len(self.layers) - 1 - self.stopped}"
        end += f" and part of {len(self.layers) - 1}" if self.stopped else ""
        rate = self.states / self.seconds if self.seconds else 0
        return (
            f"{self.building} ({who}): {self.states} states, {self.moves} transitions, {end}, "
            f"{self.seconds:.0f} s, {rate:.0f} states/s; by depth {self.layers}"
        )


def explore(
    ground: Ground,
    *,
    honest: bool,
    depth: int | None = None,
    until: Callable[[], bool] = lambda: False,
    progress: Callable[[Found], None] = lambda found: None,
    clock: Callable[[], float] = lambda: 0.0,
) -> Found:
    """Breadth first from the beginning, to ``depth`` or until told to stop. Ends at the first violation."""
    found = Found(ground.building.name, honest)
    begun = clock()
    origin: Origin = {}
    layer: list[tuple[bytes, Packed]] = []
    for way, world in ground.starts(honest):
        at = canonical.key(world, ground)
        if at not in origin:
            origin[at] = way
            layer.append((at, pack(world)))
            found.violation = found.violation or next(invariants.of_world(ground, world), None)
            if found.violation is not None:
                found.trace = way
                return found
    found.layers = [len(layer)]
    while layer and (depth is None or len(found.layers) <= depth):
        after: list[tuple[bytes, Packed]] = []
        for at, packed in layer:
            if until():
                found.layers.append(len(after))
                found.seconds, found.stopped = clock() - begun, True
                return found
            world = unpack(packed)
            for step in ground.steps(world):
                taken = ground.move(world, step)
                found.moves += 1
                reached = canonical.key(taken.after, ground)
                fault = next(invariants.of_move(ground, taken), None)
                if reached not in origin:
                    origin[reached] = at, step
                    fault = fault or next(invariants.of_world(ground, taken.after), None)
                    after.append((reached, pack(taken.after)))
                if fault is not None:
                    found.violation = fault
                    found.trace = (*_path(origin, at), step)
                    found.seconds = clock() - begun
                    return found
        found.layers.append(len(after))
        found.seconds = clock() - begun
        layer = after
        progress(found)
    found.closed = not layer
    return found


def _path(origin: Origin, at: bytes) -> tuple[Step, ...]:
    steps: list[Step] = []
    while True:
        came = origin[at]
        if not (len(came) == 2 and isinstance(came[0], bytes)):
            return (*came, *reversed(steps))
        at = came[0]
        steps.append(came[1])


def plan() -> Iterator[tuple[str, bool]]:
    for name in sites.ALL:
        for honest in (True, False):
            yield name, honest


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Exhaustive search over small buildings")
    parser.add_argument("--minutes", type=float, help="share this time among the buildings")
    parser.add_argument("--depth", type=int, help="go no deeper than this")
    parser.add_argument("--building", choices=sorted(sites.ALL), action="append", help="only this one (again for more)")
    parser.add_argument("--save", type=Path, default=Path("."), help="where a counterexample is saved")
    asked = parser.parse_args(arguments)
    if asked.minutes is None and asked.depth is None:
        parser.error("give --minutes or --depth, or both")
    todo = [(name, honest) for name, honest in plan() if not asked.building or name in asked.building]
    clock = time.monotonic
    end = clock() + asked.minutes * 60 if asked.minutes else None
    results = []
    for number, (name, honest) in enumerate(todo):
        share = None if end is None else clock() + max(0.0, end - clock()) / (len(todo) - number)
        found = explore(
            Ground(sites.ALL[name]()),
            honest=honest,
            depth=asked.depth,
            until=lambda share=share: share is not None and clock() > share,  # type: ignore[misc]
            clock=clock,
        )
        tell(str(found))
        results.append(found)
        if found.violation is not None:
            _report(found, asked.save)
            return 1
    tell(
        f"total: {sum(one.states for one in results)} states, {sum(one.moves for one in results)} transitions, "
        f"{sum(one.seconds for one in results):.0f} s, no counterexample"
    )
    return 0


def tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _report(found: Found, folder: Path) -> None:
    assert found.violation is not None
    ground = Ground(sites.ALL[found.building]())
    steps, violation = minimal(ground, found.honest, found.trace, found.violation.rule)
    tell(f"COUNTEREXAMPLE to {violation.rule}: {violation.text}")
    for step in (*steps, *violation.probe):
        tell(f"  {step}")
    tell(f"saved as {save(ground, steps, violation, folder)}")


if __name__ == "__main__":
    sys.exit(main())
