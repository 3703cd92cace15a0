"""The bucketed digest: what it depends on, and that deltas keep it (DESIGN 5)."""

from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.policy import Badge, Customer, Delta, Grant, Holder, Policy, PolicyError, Version
from controller.policy_delta import advance, apply_delta, make_delta
from controller.policy_digest import BUCKET_IDS, LISTS, PolicyDigest, bucket_of, policy_digest
from controller.site import Door
from tests.controller.building import LI, SITE, WANG, badge, policy
from tests.controller.test_policy import POLICIES

Step = tuple[str, int, str]
"""(act, badge id, mark): one change of a few badges that lie in several buckets."""

STEPS: st.SearchStrategy[list[Step]] = st.lists(
    st.tuples(
        st.sampled_from(["put", "put", "remove"]),
        st.sampled_from([-257, -1, 0, 1, 255, 256, 257, 512, 2**40, 2**63 - 1]),
        st.sampled_from("abc"),
    ),
    max_size=12,
)


def changed(before: Policy, step: Step) -> Policy:
    """The policy one version on with a badge put in, changed or gone."""
    act, number, mark = step
    badges = {entry.id: entry for entry in before.badges}
    if act == "put":
        badges[number] = badge(number, mark)
    else:
        badges.pop(number, None)
    version = Version(before.version.epoch, before.version.n + 1)
    return msgspec.structs.replace(
        before, version=version, badges=tuple(badges[entry_id] for entry_id in sorted(badges))
    )


def many(count: int = 3_000, gap: int = 1) -> Policy:
    return policy(*(badge(number * gap, f"b{number}") for number in range(1, count + 1)))


@settings(deadline=None, max_examples=60)
@given(STEPS, st.randoms(use_true_random=False))
def test_the_way_to_a_content_does_not_matter(steps: list[Step], chance: Random) -> None:
    """Deltas one by one, all in one, anew from nothing: one digest, and the same sizes."""
    start = policy()
    running, digest = start, PolicyDigest.of(start)
    for step in steps:
        wanted = changed(running, step)
        running, digest = advance(running, digest, make_delta(running, wanted))
        assert running == wanted
        assert digest.hexdigest(running.version, running.site) == policy_digest(running)
        assert digest.size == PolicyDigest.of(running).size
    assert apply_delta(start, make_delta(start, running)) == running
    mixed = msgspec.structs.replace(running, badges=tuple(chance.sample(running.badges, len(running.badges))))
    assert policy_digest(mixed) == policy_digest(running)


@settings(deadline=None, max_examples=60)
@given(POLICIES, POLICIES)
def test_after_a_delta_the_digest_is_that_of_the_policy_hashed_anew(old: Policy, new: Policy) -> None:
    delta = make_delta(old, new)
    before = PolicyDigest.of(old)
    named = before.hexdigest(old.version, old.site)
    merged, after = advance(old, before, delta)
    assert merged == new
    assert after.hexdigest(new.version, new.site) == policy_digest(new) == delta.digest
    assert after.size == PolicyDigest.of(new).size
    assert before.hexdigest(old.version, old.site) == named, "the digest before is left as it was"


@settings(deadline=None, max_examples=40)
@given(POLICIES, POLICIES)
def test_two_policies_have_one_digest_only_when_they_are_one(first: Policy, second: Policy) -> None:
    assert (policy_digest(first) == policy_digest(second)) is (first == second)


def other(value: Any) -> Any:
    """Another value of the same type."""
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case str():
            return value + "x"
        case bytes():
            return value + b"x"
        case None:
            return 7
        case tuple():
            return (*value, *value) if value else ("x",)
    raise AssertionError(f"no other value for {value!r}")


@pytest.mark.parametrize("name", LISTS)
def test_every_field_of_every_entry_counts(name: str) -> None:
    base = policy()
    entries: tuple[Customer | Holder | Grant | Badge, ...] = getattr(base, name)
    seen = {policy_digest(base)}
    count = 1
    for at, entry in enumerate(entries):
        for field in entry.__struct_fields__:
            entry_changed = msgspec.structs.replace(entry, **{field: other(getattr(entry, field))})
            lists = {name: (*entries[:at], entry_changed, *entries[at + 1 :])}
            seen.add(policy_digest(msgspec.structs.replace(base, **lists)))
            count += 1
        lists = {name: (*entries[:at], *entries[at + 1 :])}
        seen.add(policy_digest(msgspec.structs.replace(base, **lists)))
        count += 1
    assert len(seen) == count


def test_version_and_site_count() -> None:
    base = policy()
    site = msgspec.structs.replace
    others = [
        site(base, version=Version(1, 2)),
        site(base, version=Version(2, 1)),
        site(base, site=site(SITE, name_en="other")),
        site(base, site=site(SITE, settings={"late_read_s": 3.0})),
        site(base, site=site(SITE, doors=(Door("lobby-door", edge="edge-2"), *SITE.doors[1:]))),
    ]
    assert len({policy_digest(one) for one in (base, *others)}) == 1 + len(others)


def test_an_entry_cannot_pass_for_one_of_another_list_or_bucket() -> None:
    """An empty bucket is none; the list's name and the bucket's number are hashed with it."""
    bare = msgspec.structs.replace(policy(), customers=(), holders=(), grants=(), badges=())
    digest = PolicyDigest.of(bare)
    none = digest.hexdigest(bare.version, SITE)
    seen = {none}
    for name in LISTS:
        for bucket in (-1, 0, 1):
            one = digest.copy()
            one.put(name, bucket, [Holder(1)])
            seen.add(one.hexdigest(bare.version, SITE))
            one.put(name, bucket, [])
            assert one.hexdigest(bare.version, SITE) == none
            assert one.size == 0
    assert len(seen) == 1 + 3 * len(LISTS)


def test_equal_sites_have_one_digest_however_they_were_written() -> None:
    """Whole seconds read from TOML are ints until the policy has been decoded; a table has no order."""
    one = msgspec.structs.replace(SITE, settings={"late_read_s": 2, "pairing_window_s": 20.0})
    two = msgspec.structs.replace(SITE, settings={"pairing_window_s": 20, "late_read_s": 2.0})
    assert one == two
    assert policy_digest(policy(site=one)) == policy_digest(policy(site=two))


@pytest.mark.parametrize("number", [-(2**63), -257, -256, -1, 0, 255, 256, 2**63 - 1])
def test_an_id_lies_within_its_bucket(number: int) -> None:
    assert bucket_of(number) * BUCKET_IDS <= number < (bucket_of(number) + 1) * BUCKET_IDS
    alone = policy(badge(number, "x"))
    assert len(policy_digest(alone)) == 64


@pytest.mark.parametrize("gap", [1, 1_000])
def test_one_badge_among_many_hashes_one_bucket(gap: int, monkeypatch: pytest.MonkeyPatch) -> None:
    old = many(gap=gap)
    digest = PolicyDigest.of(old)
    new = changed(old, ("put", 1_500 * gap, "lost"))
    delta = make_delta(old, new)
    hashed: list[tuple[str, int]] = []
    put = PolicyDigest.put

    def counted(self: PolicyDigest, name: str, bucket: int, entries: Any) -> None:
        hashed.append((name, len(entries)))
        put(self, name, bucket, entries)

    monkeypatch.setattr(PolicyDigest, "put", counted)
    merged, _ = advance(old, digest, delta)
    assert merged == new
    assert [name for name, _ in hashed] == ["badges"]
    assert hashed[0][1] <= BUCKET_IDS


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.integers(-50, 4_000), max_size=40),
    st.lists(st.integers(-50, 4_000), max_size=40),
)
def test_entries_put_into_and_taken_from_a_long_list_stay_in_order(put: list[int], gone: list[int]) -> None:
    """By few changes and by many alike; an id in both is gone, of one id twice the later counts."""
    old = LONG
    entries = tuple(badge(number, f"new{at}") for at, number in enumerate(put))
    expected = {entry.id: entry for entry in (*old.badges, *entries) if entry.id not in set(gone)}
    wanted = msgspec.structs.replace(
        old, version=Version(1, 2), badges=tuple(expected[entry_id] for entry_id in sorted(expected))
    )
    delta = Delta(old.version, Version(1, 2), policy_digest(wanted), badges=entries, gone_badges=tuple(gone))
    assert advance(old, LONG_DIGEST, delta)[0] == wanted


LONG = many()
LONG_DIGEST = PolicyDigest.of(LONG)


def test_a_delta_that_gives_another_content_is_refused_and_leaves_the_digest() -> None:
    delta = make_delta(policy(n=1), policy(LI, n=2))
    running = policy(WANG, n=1)
    digest = PolicyDigest.of(running)
    with pytest.raises(PolicyError, match="digest"):
        advance(running, digest, delta)
    assert digest.hexdigest(running.version, running.site) == policy_digest(running)
