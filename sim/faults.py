"""Faults of a serial line, as small wrappers around its traffic; they compose.

A fault is a callable from one :class:`Burst` (what a device or the host handed over in one go) to the bursts that come out
of it: none, one, or several. A line holds two :class:`Faults`, one a direction: ``line.to_host`` and ``line.to_device``. ::

    line.to_host.set(Corrupt(random, probability=0.2), Late(0.3, random, probability=0.1))
    line.to_host.set(Silence())       # the device has died
    line.to_host.clear()              # normal again

Chance comes in as a seeded ``random.Random``; the same seed and traffic give the same faults.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random
from typing import Protocol

GARBAGE_MAX_BYTES = 24


@dataclass(frozen=True, slots=True)
class Burst:
    """Bytes sent in one go. ``late_s``: how long they are held back before their first bit leaves."""

    data: bytes
    late_s: float = 0.0


class Fault(Protocol):
    """What happens to one burst."""

    def __call__(self, burst: Burst) -> Iterable[Burst]: ...


class Faults:
    """The faults of one direction, applied in order; empty means a healthy line."""

    def __init__(self, *faults: Fault) -> None:
        self._faults: tuple[Fault, ...] = faults

    def set(self, *faults: Fault) -> None:
        """Put exactly these faults into force."""
        self._faults = faults

    def clear(self) -> None:
        """A healthy line again."""
        self._faults = ()

    def __call__(self, burst: Burst) -> list[Burst]:
        bursts = [burst]
        for fault in self._faults:
            bursts = [out for each in bursts for out in fault(each)]
        return [each for each in bursts if each.data]


class Sometimes:
    """Base of the faults that strike by chance, at most ``times`` times (None: without end)."""

    def __init__(self, random: Random, probability: float = 1.0, times: int | None = None) -> None:
        self.random = random
        self.probability = probability
        self.left = times
        self.struck = 0
        """How often it has struck so far."""

    def __call__(self, burst: Burst) -> Iterable[Burst]:
        if not burst.data or self.left == 0 or self.random.random() >= self.probability:
            return [burst]
        if self.left is not None:
            self.left -= 1
        self.struck += 1
        return self.strike(burst)

    def strike(self, burst: Burst) -> Iterable[Burst]:
        raise NotImplementedError


class Truncate(Sometimes):
    """Only a beginning of the burst arrives, possibly nothing of it."""

    def strike(self, burst: Burst) -> Iterable[Burst]:
        return [Burst(burst.data[: self.random.randrange(len(burst.data))], burst.late_s)]


class Corrupt(Sometimes):
    """One bit of one byte is turned over."""

    def strike(self, burst: Burst) -> Iterable[Burst]:
        data = bytearray(burst.data)
        data[self.random.randrange(len(data))] ^= 1 << self.random.randrange(8)
        return [Burst(bytes(data), burst.late_s)]


class Late(Sometimes):
    """The burst is held back for ``late_s`` seconds."""

    def __init__(self, late_s: float, random: Random, probability: float = 1.0, times: int | None = None) -> None:
        super().__init__(random, probability, times)
        self.late_s = late_s

    def strike(self, burst: Burst) -> Iterable[Burst]:
        return [Burst(burst.data, burst.late_s + self.late_s)]


class Duplicate(Sometimes):
    """The burst arrives twice."""

    def strike(self, burst: Burst) -> Iterable[Burst]:
        return [burst, burst]


class Drop(Sometimes):
    """The burst is lost."""

    def strike(self, burst: Burst) -> Iterable[Burst]:  # noqa: ARG002
        return []


class Garbage(Sometimes):
    """Noise arrives instead of the burst."""

    def strike(self, burst: Burst) -> Iterable[Burst]:
        return [Burst(self.random.randbytes(self.random.randint(1, GARBAGE_MAX_BYTES)), burst.late_s)]


def noise(name: str) -> Garbage:
    """Garbage instead of everything, the same for the same ``name`` (a device that babbles)."""
    return Garbage(Random(name))


class Silence:
    """Nothing comes through any more."""

    def __call__(self, burst: Burst) -> Iterable[Burst]:  # noqa: ARG002
        return []
