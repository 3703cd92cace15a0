"""What a bench yields: figures with their reach, measured in one run; ratios carry the verdict, not bare times."""

import gc
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec


class BenchMissing(RuntimeError):
    """Something that is measured or compared with is not installed; the text says how to get it."""


class BenchFailed(RuntimeError):
    """What was to be timed did not happen."""


class Figure(msgspec.Struct, frozen=True):
    """One measured value. ``reach`` is the issue's own demand and ``ok`` whether it was met; None: shown only."""

    name: str
    value: float
    unit: str
    reach: str = ""
    ok: bool | None = None


class Report(msgspec.Struct, frozen=True):
    """All figures of one bench, with what they were measured on."""

    bench: str
    figures: tuple[Figure, ...]
    note: str = ""

    @property
    def ok(self) -> bool:
        return all(figure.ok is not False for figure in self.figures)


def reaching(name: str, value: float, unit: str, relation: Literal["<=", ">="], limit: float) -> Figure:
    """A figure that is to be at most or at least ``limit``."""
    ok = value <= limit if relation == "<=" else value >= limit
    sign = "≤" if relation == "<=" else "≥"
    return Figure(name, round(value, 3), unit, f"{sign} {limit:g}", ok)


def shown(name: str, value: float, unit: str) -> Figure:
    """A figure without a demand."""
    return Figure(name, round(value, 3), unit)


def percentile(values: Sequence[float], percent: float) -> float:
    """By linear interpolation. ``values`` must not be empty."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * percent / 100
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def per_call_us(call: Callable[[int], object], count: int, rounds: int = 7) -> list[float]:
    """Microseconds per call, once per round of ``count`` calls; ``call`` is given 0 … count-1.

    The garbage is collected before each round and the collector left off in it, for everything that is compared alike.
    """
    found = []
    for _ in range(rounds):
        gc.collect()
        gc.disable()
        began = time.perf_counter()
        for index in range(count):
            call(index)
        found.append((time.perf_counter() - began) / count * 1e6)
        gc.enable()
    return found


def each_call_us(call: Callable[[int], object], count: int) -> list[float]:
    """Microseconds of each single call, for percentiles."""
    found = []
    for index in range(count):
        began = time.perf_counter()
        call(index)
        found.append((time.perf_counter() - began) * 1e6)
    return found


def median(values: Sequence[float]) -> float:
    return statistics.median(values)
