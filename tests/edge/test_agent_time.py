"""An agent whose clock nobody vouches for: what it may not ruin for good (MEANINGS 18-20)."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from controller.now import SECOND_US, Now
from edge.housekeeping import PURGE_INTERVAL_US
from tests.edge.agent_rig import WALL_US, AgentRig

DECADES_US = 70 * 366 * 86_400 * SECOND_US


@contextmanager
def unvouched(rig: AgentRig, ahead_us: int) -> Iterator[None]:
    """The edge's wall clock is this far off, and no time source has vouched for it."""
    right = rig.node.now
    rig.node.now = lambda true_us: Now(right(true_us).wall_us + ahead_us, right(true_us).mono_us, False)  # type: ignore[method-assign]
    try:
        yield
    finally:
        rig.node.now = right  # type: ignore[method-assign]


def test_a_clock_decades_ahead_does_not_set_the_journals_high_water_mark() -> None:
    rig = AgentRig()
    with unvouched(rig, DECADES_US):
        rig.post(rig.card())
        rig.wait(1)
    rig.wait(1)
    assert WALL_US <= rig.node.journal.wall_high_water_us <= rig.now.wall_us


def test_after_a_clock_was_decades_ahead_the_servers_keys_are_judged_by_the_right_time_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rig = AgentRig()
    with unvouched(rig, DECADES_US):
        rig.post(rig.card())
        rig.wait(1)
    judged_at: list[int] = []
    opened = rig.agent._intake.open

    def watched(leaf: str, payload: bytes, wall_us: int) -> object:
        judged_at.append(wall_us)
        return opened(leaf, payload, wall_us)

    monkeypatch.setattr(rig.agent._intake, "open", watched)
    rig.server.say_lease(rig.now)
    rig.settle()
    assert judged_at
    assert set(judged_at) == {rig.now.wall_us}


def test_by_a_clock_that_nobody_vouches_for_nothing_is_purged() -> None:
    rig = AgentRig()
    for _ in range(600):
        rig.post(rig.rex())
        rig.wait(6)
    rig.settle()
    rig.wait(5)
    held = rig.node.journal
    assert held.acked_upto > 1_000
    assert held.checkpoint() is not None
    first = held.first_retained_seq
    with unvouched(rig, DECADES_US):
        rig.wait(PURGE_INTERVAL_US / SECOND_US)
        rig.wait(PURGE_INTERVAL_US / SECOND_US)
    assert held.first_retained_seq == first
