"""What a badge amounts to now follows from its status, dates and the registry (B3, B5, B6)."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.badges.models import BADGE_STATUSES
from server.badges.standing import FINAL, Footing, Terms, contract_standing, standing, why_not_in_force

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)

times = st.integers(-5, 5).map(lambda seconds: NOW + seconds * SECOND)
maybe_times = st.none() | times
statuses = st.sampled_from(BADGE_STATUSES)
terms = st.builds(
    Terms,
    kind=st.sampled_from(["hosting", "other"]),
    status=st.sampled_from(["draft", "active", "suspended", "ended"]),
    from_at=times,
    until_at=maybe_times,
)
footings = st.builds(Footing, st.sampled_from(["in_force", "suspended", "none", None]), st.booleans())


@given(statuses, maybe_times, footings)
def test_a_badge_stands_as_active_only_when_nothing_ended(
    status: str, until_at: datetime | None, footing: Footing
) -> None:
    found = standing(status, until_at, footing, NOW)
    whole = footing.contract in ("in_force", None) and not footing.left and (until_at is None or until_at > NOW)
    assert (found == "active") == (status == "active" and whole)
    assert found == status or found in ("ended", "expired", "suspended")
    if status in FINAL:
        assert found == status


@given(statuses, maybe_times, footings, times)
def test_time_alone_only_ever_expires_a_badge(
    status: str, until_at: datetime | None, footing: Footing, later: datetime
) -> None:
    now, then = sorted((NOW, later))
    before, since = standing(status, until_at, footing, now), standing(status, until_at, footing, then)
    assert before == since or since == "expired"


@given(st.lists(terms, max_size=4))
def test_one_signed_hosting_contract_in_force_is_enough_and_nothing_less(contracts: list[Terms]) -> None:
    in_force = [
        each
        for each in contracts
        if (each.kind, each.status) == ("hosting", "active")
        and each.from_at <= NOW
        and (each.until_at is None or each.until_at > NOW)
    ]
    assert (contract_standing(contracts, NOW) == "in_force") == bool(in_force)
    assert contract_standing(list(reversed(contracts)), NOW) == contract_standing(contracts, NOW)


@pytest.mark.parametrize(
    ("contract", "says"),
    [
        (Terms("hosting", "draft", NOW, None, "HT-1"), "contract HT-1 is not signed"),
        (Terms("hosting", "suspended", NOW, None, "HT-1"), "contract HT-1 is suspended"),
        (Terms("hosting", "ended", NOW, None, "HT-1"), "contract HT-1 has ended"),
        (Terms("hosting", "active", NOW - SECOND, NOW, "HT-1"), "contract HT-1 has ended"),
        (Terms("hosting", "active", NOW + SECOND, None, "HT-1"), "contract HT-1 is signed and has not begun"),
        (Terms("other", "active", NOW, None, "HT-1"), "contract HT-1 is not for hosting"),
    ],
)
def test_what_is_wrong_with_a_contract_is_named(contract: Terms, says: str) -> None:
    assert why_not_in_force([contract], NOW)[0] == says


def test_no_contract_is_named_as_well() -> None:
    assert why_not_in_force([], NOW) == ("it has no contract", "没有合同")
