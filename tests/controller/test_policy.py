"""Snapshots, deltas, digests (DESIGN 5)."""

from random import Random

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
    credential_key,
    decode_policy,
    encode_policy,
)
from controller.policy_delta import apply_delta, make_delta
from controller.policy_digest import policy_digest
from tests.controller.building import KEY, LI, SITE, WANG, badge, policy
from tests.controller.shapes import values

GONE = Delta(Version(1, 1), Version(1, 2), "", gone_badges=(77_777,))


def lists(of: type) -> st.SearchStrategy[tuple[object, ...]]:
    """Any entries, in the order of ids as decoded; ids near each other, at both ends and across buckets."""
    ids = st.integers(-600, 600) | st.sampled_from([-(2**63), 2**63 - 1])
    entries = st.builds(lambda entry, number: msgspec.structs.replace(entry, id=number), values(of), ids)
    return st.lists(entries, max_size=4, unique_by=lambda entry: entry.id).map(
        lambda found: tuple(sorted(found, key=lambda entry: entry.id))
    )


SITES = [SITE, msgspec.structs.replace(SITE, holidays=())]
POLICIES = st.builds(
    Policy,
    version=values(Version),
    site=st.sampled_from(SITES),
    customers=lists(Customer),
    holders=lists(Holder),
    grants=lists(Grant),
    badges=lists(Badge),
)


@settings(deadline=None, max_examples=40)
@given(POLICIES, st.randoms(use_true_random=False))
def test_a_snapshot_comes_back_sorted_and_keeps_its_digest(some: Policy, chance: Random) -> None:
    mixed = msgspec.structs.replace(some, badges=tuple(chance.sample(some.badges, len(some.badges))))
    canonical = encode_policy(mixed)
    again = decode_policy(canonical)
    assert encode_policy(again) == canonical
    assert again == some
    assert policy_digest(again) == policy_digest(mixed) == policy_digest(some)


@pytest.mark.parametrize("numbers", [(2, 1), (1, 1), (1, 2, 2)])
def test_a_snapshot_with_ids_out_of_order_or_twice_is_refused(numbers: tuple[int, ...]) -> None:
    given_badges = tuple(badge(number, "x") for number in numbers)
    canonical = msgspec.json.encode(msgspec.structs.replace(policy(LI), badges=given_badges))
    with pytest.raises(PolicyError, match=f"Badge {numbers[-1]} stands after"):
        decode_policy(canonical)


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**30])
def test_a_number_that_no_database_holds_is_refused(number: int) -> None:
    canonical = encode_policy(policy(badge(77_777, "x"))).replace(b"[77777,", b"[%d," % number)
    with pytest.raises(PolicyError):
        decode_policy(canonical)
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(msgspec.json.encode(GONE).replace(b"77777", b"%d" % number), type=Delta)


@settings(deadline=None, max_examples=40)
@given(POLICIES, POLICIES)
def test_a_delta_turns_one_policy_into_the_other_and_survives_the_wire(old: Policy, new: Policy) -> None:
    delta = msgspec.json.decode(msgspec.json.encode(make_delta(old, new)), type=Delta)
    assert apply_delta(old, delta) == new


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
