"""Quota at the edge (MEANINGS 5), leases (MEANINGS 17-19), and the index over a policy."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.access import NOBODY
from controller.index import PolicyIndex
from controller.lease import AcceptedLease, age_us, class_limit_s, left_us, renews
from controller.now import SECOND_US
from controller.policy import Badge, Customer, Lease, Version
from controller.quota import BEYOND_QUOTA, CARD_OF_TWO, NO_SLOT, SUPERSEDED, TWICE, without_place
from tests.controller.building import CUSTOMERS, GUO, LI, SITE, SUN, WANG, badge, policy

BY_ID = {customer.id: customer for customer in CUSTOMERS}


def test_of_one_slot_only_the_highest_generation_works() -> None:
    badges = [
        badge(1, "a", slot=1, generation=1),
        badge(2, "b", slot=1, generation=3),
        badge(3, "c", slot=1, generation=2),
    ]
    assert without_place(badges, BY_ID) == {1: SUPERSEDED, 3: SUPERSEDED}


def test_equal_generations_of_one_slot_none_works() -> None:
    assert without_place([badge(1, "a", slot=1), badge(2, "b", slot=1)], BY_ID) == {1: TWICE, 2: TWICE}


@pytest.mark.parametrize("slot", [0, -1, 3, 2**16 + 1, 2**40])
def test_a_slot_outside_the_quota_never_works(slot: int) -> None:
    assert without_place([badge(1, "a", slot=slot)], BY_ID) == {1: BEYOND_QUOTA}


def test_a_customer_badge_without_slot_or_customer_has_no_place_and_staff_need_none() -> None:
    assert without_place([badge(1, "a", slot=None), badge(2, "b", customer=None), GUO], BY_ID) == {
        1: NO_SLOT,
        2: NO_SLOT,
    }


ANY_BADGES = st.lists(
    st.builds(
        lambda number, customer, slot, generation: badge(
            number, str(number), customer=customer, slot=slot, generation=generation
        ),
        st.integers(1, 10_000),
        st.sampled_from([1, 2, 3, None]),
        st.sampled_from([None, 0, 1, 2, 3, 4]),
        st.integers(0, 3),
    ),
    max_size=30,
    unique_by=lambda entry: entry.id,
)


@given(ANY_BADGES)
def test_no_customer_ever_has_more_working_badges_than_its_quota(badges: list[Badge]) -> None:
    """DESIGN §5.1, for whatever a server may have signed."""
    customers = {1: CUSTOMERS[0], 2: CUSTOMERS[1], 3: Customer(3, "C003", "supplier", "active", 0)}
    invalid = without_place(badges, customers)
    for customer in customers.values():
        working = [entry for entry in badges if entry.customer == customer.id and entry.id not in invalid]
        assert len(working) <= customer.quota
        assert len({entry.slot for entry in working}) == len(working)
        for entry in working:
            assert all(
                other.generation < entry.generation
                for other in badges
                if other is not entry and (other.customer, other.slot) == (entry.customer, entry.slot)
            )


@given(ANY_BADGES, st.randoms(use_true_random=False))
def test_the_order_of_badges_does_not_matter(badges: list[Badge], chance: object) -> None:
    shuffled = list(badges)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert set(without_place(badges, BY_ID)) == set(without_place(shuffled, BY_ID))


LEASE = Lease(Version(1, 5), "digest", 1_000)
HELD = AcceptedLease(LEASE, wall_us=1_000 * SECOND_US, mono_us=500 * SECOND_US, boot_id="a")


def test_a_lease_ages_by_boot_time_or_wall_time_whichever_is_further() -> None:
    assert age_us(HELD, 1_010 * SECOND_US, 505 * SECOND_US, "a") == 10 * SECOND_US
    assert age_us(HELD, 900 * SECOND_US, 505 * SECOND_US, "a") == 5 * SECOND_US


def test_after_another_boot_wall_time_counts_and_at_least_the_time_since_boot() -> None:
    assert age_us(HELD, 1_100 * SECOND_US, 7 * SECOND_US, "b") == 100 * SECOND_US
    assert age_us(HELD, 1_000 * SECOND_US, 7 * SECOND_US, "b") == 7 * SECOND_US


@given(st.integers(0, 10**15), st.integers(0, 10**15), st.integers(0, 10**12), st.sampled_from(["a", "b"]))
def test_time_that_passes_never_makes_a_lease_younger(wall_us: int, mono_us: int, passes_us: int, boot: str) -> None:
    mono_us += HELD.mono_us
    assert (
        age_us(HELD, wall_us + passes_us, mono_us + passes_us, boot) == age_us(HELD, wall_us, mono_us, boot) + passes_us
    )


def test_the_classes_of_badges_have_their_own_limits() -> None:
    assert [class_limit_s(LEASE, kind, keyholder=False) for kind in ("temporary", "customer", "staff")] == [
        1_800,
        28_800,
        86_400,
    ]
    assert class_limit_s(LEASE, "staff", keyholder=True) == 7 * 86_400
    assert left_us(None, "staff", keyholder=True, age=0) == 0
    assert left_us(HELD, "temporary", keyholder=False, age=1_800 * SECOND_US) == 0


@pytest.mark.parametrize(
    ("offered", "counts"),
    [
        (LEASE, False),
        (msgspec.structs.replace(LEASE, issued_at_us=1_001), True),
        (msgspec.structs.replace(LEASE, issued_at_us=999), False),
        (msgspec.structs.replace(LEASE, issued_at_us=1_001, digest="other"), False),
        (msgspec.structs.replace(LEASE, issued_at_us=1_001, version=Version(1, 6)), False),
        (msgspec.structs.replace(LEASE, issued_at_us=1_001, version=Version(2, 5)), False),
    ],
)
def test_a_lease_renews_for_exactly_the_policy_in_force_and_only_forward(offered: Lease, counts: bool) -> None:
    assert renews(HELD, offered, Version(1, 5), "digest") is counts


def test_the_first_lease_counts_and_without_a_policy_none_does() -> None:
    assert renews(None, LEASE, Version(1, 5), "digest")
    assert not renews(None, LEASE, None, "")


def test_a_lease_for_a_newer_policy_counts_though_issued_by_a_server_with_a_slow_clock() -> None:
    newer = msgspec.structs.replace(LEASE, version=Version(2, 1), issued_at_us=1)
    assert renews(HELD, newer, Version(2, 1), "digest")


def test_a_badge_is_found_by_card_and_by_id() -> None:
    index = PolicyIndex(policy())
    assert index.badges[LI.credential] is index.badge(1)
    assert index.badge(1) == LI
    assert index.badge(99) is None
    assert index.badges.get(b"", NOBODY) is NOBODY


def test_one_card_on_a_revoked_and_an_active_badge_is_the_active_one() -> None:
    old = badge(8, "li", status="revoked", slot=2, generation=0)
    for pair in ((old, LI), (LI, old)):
        assert PolicyIndex(policy(*pair)).badges[LI.credential] == LI


def test_one_card_on_a_lost_badge_stays_lost() -> None:
    lost = badge(8, "li", status="lost", slot=2, generation=0)
    assert PolicyIndex(policy(LI, lost)).badges[LI.credential] == lost
    assert PolicyIndex(policy(msgspec.structs.replace(lost, id=0), LI)).badges[LI.credential].status == "lost"


def test_one_card_on_two_badges_in_use_opens_nothing() -> None:
    twin = msgspec.structs.replace(WANG, credential=LI.credential)
    index = PolicyIndex(policy(LI, twin))
    assert [index.fault_of_place(one) for one in (LI, twin, SUN)] == [CARD_OF_TWO, CARD_OF_TWO, None]


def test_points_carry_what_their_area_asks_for() -> None:
    index = PolicyIndex(policy())
    assert index.points["hall-in"].area == "hall"
    assert index.points["hall-out"].area == "hall"
    assert index.points["lobby-out"].to_public
    assert not index.points["cabinet-front"].passage
    assert index.points["cage-in"].customers == ("C001",)
    assert {point.id for point in index.points_of_door["hall-door"]} == {"hall-in", "hall-out"}
    assert SITE.areas[3].inside == "hall"
