"""From rows to a policy: what stands in it, and that deltas carry it exactly."""

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.policy import (
    FOREVER_US,
    Policy,
    Version,
    decode_policy,
    encode_policy,
)
from controller.policy_delta import apply_delta, make_delta
from controller.site import parse_site
from server.fleet.compile import BadgeRow, ContractRow, CustomerRow, HolderRow, Registry, compile_policy
from tests.server.conftest import SITE

QUOTAS = {"organisation": 2, "individual": 1}
SITE_PARSED = parse_site(SITE)


def compiled(registry: Registry, n: int = 1, previous: Policy | None = None) -> Policy:
    return compile_policy(SITE_PARSED, registry, QUOTAS, Version(1, n), previous)


def badge(number: int, **changed: object) -> BadgeRow:
    values: dict[str, object] = {
        "id": number, "credential": bytes([number]) * 16, "number": f"M{number}", "kind": "customer", "status": "active",
        "holder_id": number, "customer_id": 1, "from_us": 0, "until_us": FOREVER_US, "slot": 1, "generation": 1,
        "schedule": None,
    }  # fmt: skip
    return BadgeRow(**(values | changed))  # type: ignore[arg-type]


def registry(contracts: list[ContractRow], badges: list[BadgeRow]) -> Registry:
    return Registry(
        customers=[CustomerRow(1, "C001", "organisation")],
        contracts=contracts,
        holders=[HolderRow(row.holder_id, row.customer_id, areas=("lobby", "hall")) for row in badges],
        badges=badges,
    )


def grant_of(policy: Policy, number: int = 1) -> list[tuple[str, int, int, str | None]]:
    entry = next(row for row in policy.badges if row.id == number)
    grant = next(row for row in policy.grants if row.id == entry.grant)
    return [(area.area, area.from_us, area.until_us, area.schedule) for area in grant.areas]


def contract(from_us: int, until_us: int, *areas: str, status: str = "active") -> ContractRow:
    return ContractRow(1, areas, from_us, until_us, status)


def test_a_customers_areas_are_the_union_of_its_contracts_each_with_its_own_window() -> None:
    rows = [contract(0, 10, "hall"), contract(5, 20, "hall", "lobby"), contract(30, 40, "hall")]
    policy = compiled(registry(rows, [badge(1)]))
    assert grant_of(policy) == [("hall", 0, 20, None), ("hall", 30, 40, None), ("lobby", 5, 20, None)]
    assert (policy.customers[0].until_us, policy.customers[0].status, policy.customers[0].quota) == (40, "active", 2)


def test_a_suspended_contract_permits_nothing_and_names_the_customer_suspended() -> None:
    suspended = contract(0, FOREVER_US, "hall", status="suspended")
    policy = compiled(registry([suspended], [badge(1)]))
    assert (grant_of(policy), policy.customers[0].status) == ([], "suspended")
    both = compiled(registry([suspended, contract(0, 10, "lobby")], [badge(1)]))
    assert (grant_of(both), both.customers[0].status) == ([("lobby", 0, 10, None)], "active")
    assert both.customers[0].until_us == 10, "the suspended contract does not carry it further"


def test_a_customer_without_a_contract_in_force_has_ended() -> None:
    over = compiled(registry([contract(0, 10, "hall", status="ended")], [badge(1)]))
    assert (over.customers[0].status, over.customers[0].until_us) == ("ended", 10)
    none = compiled(registry([], [badge(1)]))
    assert (none.customers[0].status, none.customers[0].until_us) == ("ended", 0)


def test_staff_open_what_the_head_named_and_temporary_badges_nothing_by_themselves() -> None:
    rows = [
        badge(1, kind="staff", customer_id=None, slot=None),
        badge(2, kind="temporary", customer_id=None, slot=None),
    ]
    policy = compiled(registry([], rows))
    assert grant_of(policy, 1) == [("hall", 0, FOREVER_US, None), ("lobby", 0, FOREVER_US, None)]
    assert grant_of(policy, 2) == []


def test_badges_with_equal_areas_share_a_grant_and_a_schedule_makes_another() -> None:
    rows = [badge(1), badge(2, slot=2), badge(3, slot=3, schedule="office")]
    policy = compiled(registry([contract(0, 9, "hall")], rows))
    assert len(policy.grants) == 2
    assert grant_of(policy, 3) == [("hall", 0, 9, "office")]


def test_grants_keep_their_ids_so_that_a_change_touches_little() -> None:
    rows = [badge(1), badge(2, slot=2)]
    first = compiled(registry([contract(0, 9, "hall")], rows))
    second = compiled(registry([contract(0, 9, "hall")], [*rows, badge(3, kind="staff", customer_id=None)]), 2, first)
    delta = make_delta(first, second)
    assert [entry.id for entry in delta.badges] == [3]
    assert len(delta.grants) == 1


def test_holders_without_a_badge_do_not_travel() -> None:
    rows = Registry(holders=[HolderRow(1, None), HolderRow(2, None)], badges=[badge(2, kind="staff", customer_id=None)])
    assert [holder.id for holder in compiled(rows).holders] == [2]


NUMBERS = st.integers(1, 6)
CONTRACTS = st.lists(
    st.builds(
        ContractRow,
        st.integers(1, 3),
        st.lists(st.sampled_from(["hall", "lobby", "cage-a"]), max_size=3).map(tuple),
        st.integers(0, 50),
        st.integers(0, 60),
        st.sampled_from(["active", "suspended", "ended"]),
    ),
    max_size=6,
)
BADGES = st.lists(
    st.builds(
        badge,
        NUMBERS,
        status=st.sampled_from(["issued", "active", "suspended", "lost", "revoked"]),
        schedule=st.sampled_from([None, "office"]),
        customer_id=st.integers(1, 3),
        credential=st.sampled_from([b"a" * 16, b"b" * 16, b"c" * 16, b"d" * 16]),
    ),
    max_size=6,
    unique_by=lambda row: row.id,
)


def any_registry(contracts: list[ContractRow], badges: list[BadgeRow]) -> Registry:
    return Registry(
        customers=[CustomerRow(number, f"C{number}", "organisation") for number in (1, 2, 3)],
        contracts=contracts,
        holders=[HolderRow(number, None) for number in range(1, 7)],
        badges=badges,
    )


@settings(max_examples=60)
@given(CONTRACTS, BADGES, CONTRACTS, BADGES, st.integers(0, 60))
def test_a_delta_carries_any_change_and_no_one_gains_a_moment_that_no_contract_gives(
    contracts: list[ContractRow], badges: list[BadgeRow], later_contracts: list[ContractRow], later_badges: list[BadgeRow], at_us: int
) -> None:  # fmt: skip
    first = compiled(any_registry(contracts, badges))
    second = compiled(any_registry(later_contracts, later_badges), 2, first)
    assert apply_delta(first, make_delta(first, second)) == second
    assert decode_policy(encode_policy(second)) == second
    assert len({entry.credential for entry in second.badges}) == len(second.badges)
    grants = {grant.id: grant for grant in second.grants}
    for entry in second.badges:
        permitted = {area.area for area in grants[entry.grant].areas if area.from_us <= at_us < area.until_us}
        given_by_contract = {
            area
            for row in later_contracts
            if row.customer_id == entry.customer and row.status != "suspended" and row.from_us <= at_us < row.until_us
            for area in row.areas
        }
        assert permitted == given_by_contract
