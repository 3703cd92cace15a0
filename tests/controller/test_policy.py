"""Snapshots, deltas, digests (DESIGN 5)."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.policy import (
    Badge,
    Customer,
    Delta,
    Grant,
    Holder,
    Policy,
    PolicyError,
    Version,
    apply_delta,
    credential_key,
    decode_policy,
    digest_of,
    encode_policy,
    make_delta,
    policy_digest,
)
from tests.controller.building import KEY, LI, SITE, WANG, badge, policy
from tests.controller.shapes import values


def lists(of: type) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(values(of), max_size=3, unique_by=lambda entry: entry.id).map(tuple)


POLICIES = st.builds(
    Policy,
    version=values(Version),
    site=st.sampled_from([SITE, msgspec.structs.replace(SITE, holidays=())]),
    customers=lists(Customer),
    holders=lists(Holder),
    grants=lists(Grant),
    badges=lists(Badge),
)


@settings(deadline=None, max_examples=40)
@given(POLICIES)
def test_a_snapshot_comes_back_sorted_and_its_digest_is_that_of_its_bytes(some: Policy) -> None:
    canonical = encode_policy(some)
    again = decode_policy(canonical)
    assert encode_policy(again) == canonical
    assert [entry.id for entry in again.badges] == sorted(entry.id for entry in some.badges)
    assert policy_digest(some) == digest_of(canonical)


def test_the_digest_of_a_long_list_is_that_of_its_bytes() -> None:
    long = policy(*(badge(number, f"b{number}") for number in range(1, 2_502)))
    assert policy_digest(long) == digest_of(encode_policy(long))


@settings(deadline=None, max_examples=40)
@given(POLICIES, POLICIES)
def test_a_delta_turns_one_policy_into_the_other_and_survives_the_wire(old: Policy, new: Policy) -> None:
    delta = msgspec.json.decode(msgspec.json.encode(make_delta(old, new)), type=Delta)
    assert encode_policy(apply_delta(old, delta)) == encode_policy(new)


def test_a_delta_carries_only_what_changed() -> None:
    old, new = policy(LI, WANG), policy(msgspec.structs.replace(LI, status="lost"), n=2)
    delta = make_delta(old, new)
    assert [entry.status for entry in delta.badges] == ["lost"]
    assert delta.gone_badges == (2,)
    assert delta.site is None
    assert delta.holders == delta.grants == delta.customers == ()


def test_a_delta_on_another_policy_is_refused() -> None:
    delta = make_delta(policy(n=1), policy(LI, n=2))
    with pytest.raises(PolicyError, match="on policy"):
        apply_delta(policy(n=3), delta)


def test_a_delta_that_does_not_give_what_it_names_is_refused() -> None:
    delta = make_delta(policy(n=1), policy(LI, n=2))
    with pytest.raises(PolicyError, match="digest"):
        apply_delta(policy(WANG, n=1), delta)


@pytest.mark.parametrize("broken", [b"", b"{}", b"[" * 100_000, b"\xff", encode_policy(policy())[:-3]])
def test_a_snapshot_that_does_not_decode_is_refused(broken: bytes) -> None:
    with pytest.raises(PolicyError):
        decode_policy(broken)


def test_a_card_is_known_by_a_keyed_hash_that_depends_on_technology_number_and_site() -> None:
    known = credential_key(KEY, "desfire", "1")
    others = {
        credential_key(KEY, "uid", "1"),
        credential_key(KEY, "desfire", "2"),
        credential_key(b"x" * 32, "desfire", "1"),
    }
    assert len(known) == 16
    assert known not in others
    assert len(others) == 3
