"""The quota bench at a tiny size: it races through real processes, and anything but exactly the quota misses."""

from collections import Counter

import pytest

from sim.bench.quota import EXCEEDED, GRANTED, Answers, judged, run


@pytest.mark.processes
@pytest.mark.postgresql
def test_of_ten_approvals_at_once_two_are_granted_on_both_databases() -> None:
    report = run(approvals=10)
    figures = {figure.name: figure for figure in report.figures}
    for database in ("SQLite", "PostgreSQL"):
        assert figures[f"{database}: of 10 approvals, granted"].value == 2
        assert figures[f"{database}: refused, QUOTA_EXCEEDED"].value == 8
        assert figures[f"{database}: badges of the customer afterwards"].value == 2
        assert figures[f"{database}: applications still open"].value == 8
        median, p99, last = (
            figures[f"{database}: {name}"].value for name in ("an answer, median", "an answer, p99", "all answered")
        )
        assert 0 < median <= p99 <= last
    assert report.ok


@pytest.mark.parametrize(
    ("outcomes", "standing", "undecided"),
    [
        ({GRANTED: 3, EXCEEDED: 7}, 3, 7),
        ({GRANTED: 1, EXCEEDED: 9}, 1, 9),
        ({GRANTED: 2, EXCEEDED: 7, "database_unavailable": 1}, 2, 8),
        ({GRANTED: 2, EXCEEDED: 7, "ReadTimeout": 1}, 2, 8),
        ({GRANTED: 2, EXCEEDED: 8}, 3, 8),
        ({GRANTED: 2, EXCEEDED: 8}, 2, 7),
    ],
)
def test_anything_but_exactly_two_misses(outcomes: dict[str, int], standing: int, undecided: int) -> None:
    answers = Answers(Counter(outcomes), [0.1], 0.2, standing, undecided)
    assert any(figure.ok is False for figure in judged("SQLite", answers))


def test_exactly_two_and_the_others_refused_for_the_quota_is_met() -> None:
    answers = Answers(Counter({GRANTED: 2, EXCEEDED: 8}), [0.1], 0.2, standing=2, open=8)
    assert all(figure.ok is not False for figure in judged("SQLite", answers))
