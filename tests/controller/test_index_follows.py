"""The index kept up with deltas is the one that would be built anew."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.index import PolicyIndex
from controller.policy import Badge, BadgeKind, BadgeStatus, Customer, Grant, GrantArea, Holder, Policy, Version
from controller.policy_delta import make_delta
from controller.quota import CARD_OF_TWO
from controller.site import Area, Door, Site
from tests.controller.building import CUSTOMERS, LI, SITE, WANG, badge, policy

STATUS: list[BadgeStatus] = ["issued", "active", "suspended", "lost", "revoked", "expired"]
KINDS: list[BadgeKind] = ["customer", "customer", "staff", "temporary"]


def some(entries: st.SearchStrategy[Any], most: int) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(entries, max_size=most, unique_by=lambda entry: entry.id).map(
        lambda found: tuple(sorted(found, key=lambda entry: entry.id))
    )


BADGES = st.builds(
    lambda number, card, **fields: badge(number, card, **fields),
    st.integers(1, 9),
    st.sampled_from("abcd"),
    kind=st.sampled_from(KINDS),
    status=st.sampled_from(STATUS),
    customer=st.sampled_from([None, 1, 2, 3]),
    slot=st.sampled_from([None, 0, 1, 2, 3]),
    generation=st.integers(1, 2),
)
SITES: list[Site] = [
    SITE,
    msgspec.structs.replace(SITE, settings={"late_read_s": 1.0}),
    msgspec.structs.replace(SITE, areas=(*SITE.areas[:2], Area("hall", two_person=True, capacity=3), SITE.areas[3])),
    msgspec.structs.replace(SITE, doors=(Door("lobby-door", unlock_s=9.0), *SITE.doors[1:])),
]
POLICIES = st.builds(
    Policy,
    version=st.just(Version(1, 1)),
    site=st.sampled_from(SITES),
    customers=some(
        st.builds(
            Customer,
            st.integers(1, 3),
            st.just("C"),
            st.just("organisation"),
            st.sampled_from(["active", "ended"]),
            st.integers(0, 2),
        ),
        3,
    ),
    holders=some(
        st.builds(
            Holder,
            st.integers(1, 4),
            keyholder=st.booleans(),
            may_escort=st.sampled_from([(), ("a",), ("a", "b")]),
            duties=st.sampled_from([(), ("guard",), ("supervisor", "guard")]),
        ),
        4,
    ),
    grants=some(
        st.builds(
            Grant, st.integers(1, 3), st.lists(st.builds(GrantArea, st.sampled_from("ab")), max_size=2).map(tuple)
        ),
        3,
    ),
    badges=some(BADGES, 9),
)


def facts(index: PolicyIndex) -> dict[str, Any]:
    """All that an index says."""
    site = {
        name: getattr(index, name) for name in ("points", "points_of_door", "doors", "limits", "late_read_us", "rooms")
    }
    return site | {
        "policy": index.policy,
        "customers": index.customers,
        "keyholders": index.keyholders,
        "may_escort": index.may_escort,
        "duties": index.duties,
        "areas": index.areas_of_grant,
        "badges": index.badges,
        "places": {one.id: index.fault_of_place(one) for one in index.policy.badges},
        "no_place": index.no_place,
        "by id": [index.badge(number) for number in range(12)],
        "shared": (index._cards_of_several, index._cards_of_two),
    }


@settings(deadline=None, max_examples=300)
@given(st.lists(POLICIES, min_size=2, max_size=5))
def test_after_any_deltas_the_index_is_that_of_the_policy_built_anew(policies: list[Policy]) -> None:
    index = PolicyIndex(policies[0])
    for n, wanted in enumerate(policies[1:], 2):
        new = msgspec.structs.replace(wanted, version=Version(1, n))
        index.follow(new, make_delta(index.policy, new))
        assert facts(index) == facts(PolicyIndex(new))


@settings(deadline=None, max_examples=150)
@given(POLICIES, st.lists(BADGES, min_size=1, max_size=8))
def test_after_one_badge_at_a_time_too(start: Policy, changes: list[Badge]) -> None:
    """Put in where it was not, taken out where it stood just so, else changed."""
    index = PolicyIndex(start)
    for n, change in enumerate(changes, 2):
        badges = {one.id: one for one in index.policy.badges}
        if badges.get(change.id) == change:
            del badges[change.id]
        else:
            badges[change.id] = change
        new = msgspec.structs.replace(
            index.policy, version=Version(1, n), badges=tuple(badges[number] for number in sorted(badges))
        )
        index.follow(new, make_delta(index.policy, new))
        assert facts(index) == facts(PolicyIndex(new))


def test_two_badges_of_one_card_open_again_when_one_of_them_is_revoked() -> None:
    twin = msgspec.structs.replace(WANG, credential=LI.credential)
    both = policy(LI, twin)
    index = PolicyIndex(both)
    assert index.fault_of_place(LI) == CARD_OF_TWO
    one = policy(LI, msgspec.structs.replace(twin, status="revoked"), n=2)
    index.follow(one, make_delta(both, one))
    assert index.fault_of_place(LI) is None
    assert index.badges[LI.credential] == LI


class Watched(tuple[Badge, ...]):
    """Badges that count how often they are all passed through."""

    passes = 0

    def __iter__(self) -> Any:
        Watched.passes += 1
        return super().__iter__()


@pytest.mark.parametrize(
    "changes", [{"status": "lost"}, {"until_us": 5}, {"grant": 1}, {"credential": b"another card"}, {"holder": 2}]
)
def test_a_change_that_moves_no_place_looks_at_no_other_badge(changes: dict[str, Any]) -> None:
    before = policy(LI, WANG)
    changed = msgspec.structs.replace(LI, **changes)
    ended = tuple(msgspec.structs.replace(customer, status="ended") for customer in CUSTOMERS)
    after = msgspec.structs.replace(
        before, version=Version(1, 2), customers=ended, badges=Watched(sorted((changed, WANG), key=lambda one: one.id))
    )
    index = PolicyIndex(before)
    delta = make_delta(before, after)
    Watched.passes = 0
    index.follow(after, delta)
    assert Watched.passes == 0
    assert index.badge(LI.id) == changed
