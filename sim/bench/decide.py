"""``menjin bench decide``: one whole decision with its explanation, all rules of the rooms on, against Cedar, casbin and a bare evaluation."""

import gc
from collections.abc import Callable, Sequence
from typing import Protocol

from controller.access import NOBODY, Denied, decide
from controller.answers import case_of, interlocked, judge_waiting, member_of
from controller.group import Pass, Refuse, Wait, decide_entry
from controller.index import PolicyIndex
from controller.inputs import CardRead
from controller.policy import Policy
from controller.state import State
from controller.turn import Turn
from sim.bench.bare import BareRules
from sim.bench.engines import Casbin, Cedar
from sim.bench.figures import Figure, Report, each_call_us, median, per_call_us, percentile, reaching, shown
from sim.bench.hall import INSIDE, MONO_US, hall_hardware, hall_policy, hall_state, hall_taps
from sim.bench.population import NOON_US, BenchTap

SIZES = (1_000, 10_000, 100_000)
TAPS = 20_000
COMPARED_TAPS = 2_000
"""The taps that every engine decides, ours among them."""
ROUNDS = 5
ENGINE_ROUNDS = 3

Answer = Pass | Wait | Refuse | Denied


class OurRules:
    """The engine's own decision: look up, case, ordered rules, the group, explanation; what ``controller.tap`` does before it tells."""

    def __init__(self, policy: Policy, state: State) -> None:
        self._index = PolicyIndex(policy)
        self._state = state
        self._hardware = {door.door: door for door in hall_hardware(policy)}

    def decide(self, tap: BenchTap) -> Answer:
        """One decision at noon, from a read of this instant."""
        index, state = self._index, self._state
        turn = Turn(state, index, self._hardware, "edge", NOON_US, MONO_US)
        read = CardRead(tap.access_point, "desfire", tap.credential, "authenticated", MONO_US)
        point = index.points[read.access_point]
        badge = index.badges.get(read.credential, NOBODY)
        decision = decide(case_of(turn, index, point, badge, read))
        if isinstance(decision, Denied):
            return decision
        member = member_of(turn, index, point, badge, decision)
        waiting = [] if member.needs_escort else judge_waiting(turn, index, point, member.holder)
        return decide_entry(state, index, point, waiting, member, interlocked(turn, point))


def run() -> Report:
    """All sizes; the demands are judged at the largest."""
    figures: list[Figure] = []
    own_p50: dict[int, float] = {}
    for size in SIZES:
        found, own_p50[size] = _at_size(size, judged=size == SIZES[-1])
        figures += found
    growth = own_p50[SIZES[-1]] / own_p50[SIZES[0]]
    figures.append(reaching("p50 at 100 000 over p50 at 1 000", growth, "×", "<=", 2.0))
    return Report(
        "decide",
        tuple(figures),
        f"same policy, same taps, same {INSIDE} people inside; engines' policies and entities parsed beforehand; every engine decides the same "
        f"{COMPARED_TAPS} taps, in turn with menjin",
    )


def _at_size(size: int, judged: bool) -> tuple[list[Figure], float]:
    policy, taps = hall_policy(size), hall_taps(size, TAPS)
    state = hall_state(policy)
    ours, bare = OurRules(policy, state), BareRules(policy, state)

    def bare_allows(tap: BenchTap) -> bool:
        return bare.allows(tap, NOON_US, 0, True, True)

    def our_call(number: int) -> object:
        return ours.decide(taps[number])

    def bare_call(number: int) -> object:
        return bare.allows(taps[number], NOON_US, 0, True, True)

    granted = _agree(taps[:COMPARED_TAPS], ours, bare_allows, "the bare evaluation")
    gc.collect()
    gc.freeze()  # as the edge does after each policy swap, for all that is compared alike
    our_p50, bare_p50, our_us = [], [], []
    for _ in range(ROUNDS):  # interleaved: whatever else the machine does meets both
        bare_p50.append(percentile(each_call_us(bare_call, TAPS), 50))
        our_p50.append(percentile(each_call_us(our_call, TAPS), 50))
        our_us.extend(per_call_us(our_call, TAPS, 1))
    ratio = median([own / plain for own, plain in zip(our_p50, bare_p50, strict=True)])
    figures = [
        shown(f"{size}: of the taps, granted", 100 * granted / COMPARED_TAPS, "%"),
        shown(f"{size}: menjin p50", median(our_p50), "µs"),
        shown(f"{size}: bare p50", median(bare_p50), "µs"),
        shown(f"{size}: menjin rate", 1e6 / median(our_us), "decisions/s"),
        _maybe(judged, f"{size}: p50 over bare evaluation", ratio, "<=", 2.5),
        *_against_engines(size, policy, state, taps[:COMPARED_TAPS], ours, judged),
    ]
    gc.unfreeze()
    return figures, median(our_p50)


def _against_engines(
    size: int, policy: Policy, state: State, taps: Sequence[BenchTap], ours: OurRules, judged: bool
) -> list[Figure]:
    """All decide the same taps, in turn with ours."""
    engines: tuple[tuple[str, Callable[[], _Engine], float], ...] = (
        ("Cedar", lambda: Cedar(policy, state), 15.0),
        ("Cedar with reasons", lambda: Cedar(policy, state, reasoned=True), 0.0),
        ("casbin FastEnforcer", lambda: Casbin(policy, state, fast=True), 0.0),
        ("casbin Enforcer", lambda: Casbin(policy, state, fast=False), 300.0),
    )
    figures = []
    for name, make, reach in engines:
        engine = make()
        _agree(taps, ours, engine.allows, name)
        theirs_us, ratios = [], []
        for _ in range(ENGINE_ROUNDS):
            ours_us = per_call_us(lambda number: ours.decide(taps[number]), len(taps), 1)[0]
            theirs_us.append(per_call_us(_call_of(engine, taps), len(taps), 1)[0])
            ratios.append(theirs_us[-1] / ours_us)
        figures.append(shown(f"{size}: {name}", median(theirs_us), "µs"))
        figures.append(_maybe(judged and reach > 0, f"{size}: rate over {name}", median(ratios), ">=", reach))
    return figures


def _call_of(engine: "_Engine", taps: Sequence[BenchTap]) -> Callable[[int], object]:
    return lambda number: engine.allows(taps[number])


class _Engine(Protocol):
    def allows(self, tap: BenchTap) -> bool: ...


def _maybe(judged: bool, name: str, value: float, relation: str, limit: float) -> Figure:
    if not judged:
        return shown(name, value, "×")
    return reaching(name, value, "×", "<=" if relation == "<=" else ">=", limit)


def _agree(taps: Sequence[BenchTap], ours: OurRules, allows: Callable[[BenchTap], bool], name: str) -> int:
    """What is compared must decide the same, or the comparison means nothing. How many are granted: alone and at once."""
    granted = 0
    for tap in taps:
        passes = isinstance(ours.decide(tap), Pass)
        granted += passes
        if passes != allows(tap):
            raise AssertionError(f"{name} decides badge {tap.badge} at {tap.access_point} otherwise than menjin")
    return granted
