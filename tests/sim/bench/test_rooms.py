"""The benches of the rooms at small sizes: pairs go in and out, and all that is compared decides alike (R2)."""

from collections import Counter

import pytest

from controller.group import Pass
from sim.bench.bare import BareRules
from sim.bench.decide import OurRules
from sim.bench.engines import Casbin, Cedar
from sim.bench.hall import CAPACITY, EMPTY_ROOM, FULL_ROOM, hall_policy, hall_state, hall_taps
from sim.bench.population import NOON_US
from sim.bench.rooms import run

BADGES = 3_000


def test_pairs_go_in_together_and_out_together() -> None:
    figures = {figure.name: figure for figure in run(badges=BADGES, pairs=5).figures}
    assert 0 < figures["rooms: second tap, both granted, engine's share of the step"].value < 100


def test_one_room_is_empty_one_is_full_and_nobody_is_alone() -> None:
    people = Counter(presence.area for presence in hall_state(hall_policy(BADGES)).presence.values())
    assert people[f"room-{EMPTY_ROOM}"] == 0
    assert people[f"room-{FULL_ROOM}"] == CAPACITY
    assert all(2 <= count <= CAPACITY for count in people.values())


@pytest.mark.parametrize("engine", ["bare", "Cedar", "casbin", "casbin fast"])
def test_what_is_compared_decides_as_menjin_does_and_every_answer_occurs(engine: str) -> None:
    policy = hall_policy(BADGES)
    state = hall_state(policy)
    ours = OurRules(policy, state)
    taps = hall_taps(BADGES, 1_500 if engine in ("bare", "Cedar") else 40)
    answers: Counter[str] = Counter()
    if engine == "bare":
        bare = BareRules(policy, state)
        allows = [bare.allows(tap, NOON_US, 0, True, True) for tap in taps]
    else:
        other = Cedar(policy, state) if engine == "Cedar" else Casbin(policy, state, fast=engine == "casbin fast")
        allows = [other.allows(tap) for tap in taps]
    for tap, allowed in zip(taps, allows, strict=True):
        answer = ours.decide(tap)
        answers["passes" if isinstance(answer, Pass) else answer.because.reason] += 1
        assert allowed == isinstance(answer, Pass)
    if len(taps) > 1_000:
        assert {
            "passes",
            "SECOND_PERSON_REQUIRED",
            "AREA_FULL",
            "ESCORT_REQUIRED",
            "NO_PERMISSION",
            "UNKNOWN_BADGE",
            "ANTI_PASSBACK",
        } <= set(answers)
