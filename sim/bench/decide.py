"""``menjin bench decide``: one whole decision with its explanation, against Cedar, casbin and a bare dictionary evaluation."""

import gc
from collections.abc import Callable
from typing import Protocol

from controller.access import NOBODY, Case, Denied, Granted, decide
from controller.index import PolicyIndex
from controller.lease import AcceptedLease, age_us
from controller.policy import Lease, Policy
from sim.bench.bare import BareRules
from sim.bench.engines import Casbin, Cedar
from sim.bench.figures import Figure, Report, each_call_us, median, per_call_us, percentile, reaching, shown
from sim.bench.population import NOON_US, BenchTap, make_policy, make_taps

SIZES = (1_000, 10_000, 100_000)
TAPS = 20_000
AGREED_TAPS = 2_000
SLOW_TAPS = 300
ROUNDS = 5


class OurRules:
    """The engine's own decision: look up, case, ordered rules, explanation; what ``controller.tap`` does before the record."""

    def __init__(self, policy: Policy) -> None:
        self._index = PolicyIndex(policy)
        lease = Lease(policy.version, "", NOON_US)
        self._lease = AcceptedLease(lease, NOON_US, 0, "boot")

    def decide(self, tap: BenchTap) -> Granted | Denied:
        """One decision at noon, from a read of this instant."""
        index = self._index
        badge = index.badges.get(tap.credential, NOBODY)
        decision = decide(
            Case(
                index=index,
                point=index.points[tap.access_point],
                badge=badge,
                customer=None if badge.customer is None else index.customers.get(badge.customer),
                technology="desfire",
                authenticated=True,
                refused="",
                read_age_us=0,
                wall_us=NOON_US,
                wall_trusted=True,
                journal_available=True,
                gas_zone="",
                lease=self._lease,
                lease_age_us=age_us(self._lease, NOON_US, 0, "boot"),
            )
        )
        assert isinstance(decision, Granted | Denied)
        return decision


def run() -> Report:
    """All sizes; the demands are judged at the largest."""
    figures: list[Figure] = []
    own_p50: dict[int, float] = {}
    for size in SIZES:
        found, own_p50[size] = _at_size(size, judged=size == SIZES[-1])
        figures += found
    growth = own_p50[SIZES[-1]] / own_p50[SIZES[0]]
    figures.append(reaching("p50 at 100 000 over p50 at 1 000", growth, "×", "<=", 2.0))
    return Report("decide", tuple(figures), "same policy, same taps; engines' policies and entities parsed beforehand")


def _at_size(size: int, judged: bool) -> tuple[list[Figure], float]:
    policy, taps = make_policy(size), make_taps(size, TAPS)
    ours, bare = OurRules(policy), BareRules(policy)

    def bare_allows(tap: BenchTap) -> bool:
        return bare.allows(tap, NOON_US, 0, True, True)

    def our_call(number: int) -> object:
        return ours.decide(taps[number])

    def bare_call(number: int) -> object:
        return bare.allows(taps[number], NOON_US, 0, True, True)

    _agree(taps[:AGREED_TAPS], ours, bare_allows, "the bare evaluation")
    gc.collect()
    gc.freeze()  # as the edge does after each policy swap, for all that is compared alike
    our_p50, bare_p50, our_us = [], [], []
    for _ in range(ROUNDS):  # interleaved: whatever else the machine does meets both
        bare_p50.append(percentile(each_call_us(bare_call, TAPS), 50))
        our_p50.append(percentile(each_call_us(our_call, TAPS), 50))
        our_us.extend(per_call_us(our_call, TAPS, 1))
    rate = 1e6 / median(our_us)
    ratio = median([own / plain for own, plain in zip(our_p50, bare_p50, strict=True)])
    figures = [
        shown(f"{size}: menjin p50", median(our_p50), "µs"),
        shown(f"{size}: bare p50", median(bare_p50), "µs"),
        shown(f"{size}: menjin rate", rate, "decisions/s"),
        _maybe(judged, f"{size}: p50 over bare evaluation", ratio, "<=", 2.5),
        *_against_engines(size, policy, taps, ours, rate, judged),
    ]
    gc.unfreeze()
    return figures, median(our_p50)


def _against_engines(
    size: int, policy: Policy, taps: list[BenchTap], ours: OurRules, our_rate: float, judged: bool
) -> list[Figure]:
    engines: tuple[tuple[str, Callable[[], _Engine], int, float], ...] = (
        ("Cedar", lambda: Cedar(policy), TAPS, 15.0),
        ("casbin FastEnforcer", lambda: Casbin(policy, fast=True), SLOW_TAPS, 0.0),
        ("casbin Enforcer", lambda: Casbin(policy, fast=False), SLOW_TAPS, 300.0),
    )
    figures = []
    for name, make, count, reach in engines:
        engine = make()
        _agree(taps[:SLOW_TAPS], ours, engine.allows, name)
        took_us = median(per_call_us(_call_of(engine, taps), count, 3))
        figures.append(shown(f"{size}: {name}", took_us, "µs"))
        figures.append(_maybe(judged and reach > 0, f"{size}: rate over {name}", our_rate * took_us / 1e6, ">=", reach))
    return figures


def _call_of(engine: "_Engine", taps: list[BenchTap]) -> Callable[[int], object]:
    return lambda number: engine.allows(taps[number])


class _Engine(Protocol):
    def allows(self, tap: BenchTap) -> bool: ...


def _maybe(judged: bool, name: str, value: float, relation: str, limit: float) -> Figure:
    if not judged:
        return shown(name, value, "×")
    return reaching(name, value, "×", "<=" if relation == "<=" else ">=", limit)


def _agree(taps: list[BenchTap], ours: OurRules, allows: Callable[[BenchTap], bool], name: str) -> None:
    """What is compared must decide the same, or the comparison means nothing."""
    for tap in taps:
        if isinstance(ours.decide(tap), Granted) != allows(tap):
            raise AssertionError(f"{name} decides badge {tap.badge} at {tap.access_point} otherwise than menjin")
