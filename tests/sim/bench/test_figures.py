import pytest

from sim.bench.figures import Report, median, percentile, reaching, shown


@pytest.mark.parametrize(
    ("value", "relation", "met"),
    [(1.0, "<=", True), (1.5, "<=", True), (1.6, "<=", False), (1.5, ">=", True), (1.4, ">=", False)],
)
def test_a_demand_is_met_up_to_its_limit(value: float, relation: str, met: bool) -> None:
    figure = reaching("x", value, "×", relation, 1.5)  # type: ignore[arg-type]
    assert figure.ok is met
    assert Report("b", (shown("y", 9.0, "s"), figure)).ok is met


def test_percentiles_interpolate() -> None:
    assert [percentile([4.0, 1.0, 3.0, 2.0], at) for at in (0, 50, 100)] == [1.0, 2.5, 4.0]
    assert median([3.0, 1.0, 2.0]) == 2.0
