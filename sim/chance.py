"""What the simulation's choices are made with: ``random.Random`` from a seed, which only few files may make (tests/test_architecture.py)."""

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

_T = TypeVar("_T")


class Chance(Protocol):
    """The part of ``random.Random`` that is used."""

    def random(self) -> float: ...
    def randint(self, a: int, b: int, /) -> int: ...
    def choice(self, seq: Sequence[_T], /) -> _T: ...
    def shuffle(self, x: Any, /) -> None: ...
