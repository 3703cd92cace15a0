"""Engine and reference model, written apart from each other, agree after every input (issue 4, Proof)."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.controller.model import sites
from tests.controller.model.agreement import Both
from tests.controller.model.hunt import hunt
from tests.controller.model.steps import Step
from tests.controller.model.walks import Piece, begin, pieces

BUILDINGS = {name: make() for name, make in sites.ALL.items()}
WALKS = {
    name: st.lists(st.sampled_from(pieces(building)).flatmap(st.sampled_from), max_size=25)
    for name, building in BUILDINGS.items()
}


@pytest.mark.parametrize("name", sorted(BUILDINGS))
def test_engine_and_model_agree_on_fixed_walks(name: str) -> None:
    assert hunt([name], walks=15, depth=0) == ""


@pytest.mark.parametrize("name", sorted(BUILDINGS))
def test_engine_and_reference_model_agree_after_every_input(name: str) -> None:
    @settings(max_examples=80, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
    @given(WALKS[name])
    def agree(walk: list[Piece]) -> None:
        both = Both(BUILDINGS[name])
        both.play(begin(BUILDINGS[name]))
        for piece in walk:
            both.play(piece)

    agree()


def test_the_model_differs_where_the_engine_is_wrong() -> None:
    """The comparison itself can fail: an engine whose list lost somebody is found out."""
    both = Both(BUILDINGS["full"])
    both.play((*begin(BUILDINGS["full"]), Step("tap", "hall-door-in", "guo"), Step("open", "hall-door")))
    both.engine.state.presence.clear()
    with pytest.raises(AssertionError, match="inside"):
        both.step(Step("close", "hall-door"))
