"""The stored policy: what survives, what never goes down, and that damage never stops the edge."""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.policy import (
    Badge,
    Customer,
    Delta,
    ExitSlip,
    Grant,
    GrantArea,
    Holder,
    Item,
    Line,
    Policy,
    Version,
    WorkOrder,
    decode_policy,
    encode_policy,
)
from controller.policy_delta import apply_delta, make_delta
from controller.policy_digest import LISTS
from controller.site import Site
from edge.policy_store import COMPACT_AFTER_DELTAS, PolicyStoreFault, SqlitePolicyStore

SITE = Site("demo", "Asia/Shanghai", (), (), ())


def policy(n: int, badges: dict[int, int] | None = None) -> Policy:
    return Policy(
        version=Version(1, n),
        site=SITE,
        customers=(Customer(1, "C001", "organisation", "active", 2),),
        holders=(Holder(1, 1),),
        grants=(Grant(1, ()),),
        badges=tuple(
            Badge(badge, bytes(16), str(mark), "customer", "active", 1, 1, 1) for badge, mark in (badges or {}).items()
        ),
    )


def filled(n: int, marks: dict[int, int]) -> Policy:
    """A policy with entries in every list: their ids, and what each says."""
    lines = tuple((one, (Line(1, str(mark), 1),)) for one, mark in sorted(marks.items()))
    return msgspec.structs.replace(
        policy(n, dict(sorted(marks.items()))),
        customers=tuple(Customer(one, str(mark), "organisation", "active", 2) for one, mark in sorted(marks.items())),
        holders=tuple(Holder(one, mark) for one, mark in sorted(marks.items())),
        grants=tuple(Grant(one, (GrantArea("hall", mark, mark + 1),)) for one, mark in sorted(marks.items())),
        items=tuple(Item(one, f"SN-{one}", str(mark), 1) for one, mark in sorted(marks.items())),
        orders=tuple(WorkOrder(one, bytes(16), "W-1", 1, "edge-1", 1, 0, 0, 1, True, some) for one, some in lines),
        slips=tuple(ExitSlip(one, bytes(16), "S-1", "withdrawal", 1, "edge-1", 1, 0, 1, some) for one, some in lines),
    )


def delta(old: Policy, new: Policy) -> bytes:
    return msgspec.json.encode(make_delta(old, new))


def loaded(store: SqlitePolicyStore) -> Policy:
    """As the agent puts it together."""
    stored = store.load()
    assert stored is not None
    snapshot, deltas = stored
    result = decode_policy(snapshot)
    for raw in deltas:
        result = apply_delta(result, msgspec.json.decode(raw, type=Delta))
    return result


Open = Callable[[], SqlitePolicyStore]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "policy.db"


@pytest.fixture
def opened(path: Path) -> Iterator[Open]:
    stores: list[SqlitePolicyStore] = []

    def open_store() -> SqlitePolicyStore:
        for store in stores:
            store.close()
        stores.append(SqlitePolicyStore(path))
        return stores[-1]

    yield open_store
    for store in stores:
        store.close()


def edit(path: Path, sql: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(sql)
        connection.commit()


def test_a_new_store_is_empty(opened: Open) -> None:
    store = opened()
    assert (store.load(), store.highest_seen, store.damage) == (None, (0, 0), "")


def test_snapshot_and_deltas_survive_a_restart(opened: Open) -> None:
    store = opened()
    store.save_snapshot(1, 5, encode_policy(policy(5, {1: 0})))
    store.save_delta(1, 6, delta(policy(5, {1: 0}), policy(6, {1: 1})))
    store.save_delta(1, 7, delta(policy(6, {1: 1}), policy(7, {2: 1})))
    store = opened()
    assert loaded(store) == policy(7, {2: 1})
    assert store.highest_seen == (1, 7)


def test_a_snapshot_replaces_all_before_it(opened: Open) -> None:
    store = opened()
    store.save_snapshot(1, 5, encode_policy(policy(5)))
    store.save_delta(1, 6, delta(policy(5), policy(6)))
    store.save_snapshot(1, 9, encode_policy(policy(9)))
    assert store.load() == (encode_policy(policy(9)), [])


def test_the_highest_version_seen_never_goes_down(opened: Open) -> None:
    store = opened()
    store.save_snapshot(2, 5, b"{}")
    store.save_snapshot(1, 9, b"{}")
    assert store.highest_seen == (2, 5)
    assert opened().highest_seen == (2, 5)


def test_however_many_deltas_came_one_is_applied_at_the_start(opened: Open) -> None:
    store = opened()
    current = policy(1)
    store.save_snapshot(1, 1, encode_policy(current))
    for n in range(2, COMPACT_AFTER_DELTAS + 10):
        following = policy(n, {n: n, n - 1: n})
        store.save_delta(1, n, delta(current, following))
        current = following
    store = opened()
    stored = store.load()
    assert stored is not None
    assert len(stored[1]) == 1
    assert encode_policy(loaded(store)) == encode_policy(current)


def test_every_list_of_a_policy_is_merged_and_digested() -> None:
    gone = {name.removeprefix("gone_") for name in Delta.__struct_fields__ if name.startswith("gone_")}
    assert gone == set(LISTS)
    assert all(getattr(filled(1, {1: 0}), name) for name in LISTS)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.dictionaries(st.integers(1, 6), st.integers(0, 3), max_size=6), min_size=1, max_size=8))
def test_merged_deltas_do_what_they_did_in_turn(
    tmp_path_factory: pytest.TempPathFactory, versions: list[dict[int, int]]
) -> None:
    store = SqlitePolicyStore(tmp_path_factory.mktemp("policy") / "policy.db")
    policies = [filled(n, marks) for n, marks in enumerate(versions, 1)]
    store.save_snapshot(1, 1, encode_policy(policies[0]))
    for old, new in pairwise(policies):
        store.save_delta(1, new.version.n, delta(old, new))
    assert encode_policy(loaded(store)) == encode_policy(policies[-1])
    store.close()


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("UPDATE snapshot SET body = x'00'", "the stored snapshot was altered"),
        ("UPDATE deltas SET body = x'00' WHERE position = 1", "the stored delta was altered"),
        ("DELETE FROM deltas WHERE position = 2", "does not follow"),
        ("DROP TABLE snapshot", "damaged"),
        ("DELETE FROM highest", "the highest version seen is gone"),
        ("PRAGMA application_id = 1", "is not a menjin policy store"),
        ("PRAGMA user_version = 99", "written by a newer menjin"),
    ],
)
def test_a_damaged_store_is_moved_aside_said_in_one_line_and_a_new_one_begun(
    path: Path, opened: Open, sql: str, says: str
) -> None:
    store = opened()
    store.save_snapshot(1, 1, encode_policy(policy(1)))
    for n in (2, 3, 4):
        store.save_delta(1, n, delta(policy(n - 1), policy(n)))
    store.close()
    edit(path, sql)
    store = opened()
    assert store.load() is None
    assert says in store.damage
    assert "moved to policy.db.damaged, a new policy is asked for" in store.damage
    assert "\n" not in store.damage
    assert path.with_name("policy.db.damaged").exists()
    store.save_snapshot(1, 9, encode_policy(policy(9)))
    store = opened()
    assert loaded(store) == policy(9)
    assert store.damage == ""


def test_what_was_seen_outlives_a_damaged_snapshot(path: Path, opened: Open) -> None:
    store = opened()
    store.save_snapshot(3, 7, b"{}")
    store.close()
    edit(path, "UPDATE snapshot SET body = x'00'")
    store = opened()
    assert store.load() is None
    assert store.highest_seen == (3, 7)
    assert opened().highest_seen == (3, 7)


@pytest.mark.parametrize("content", [b"noise" * 2000, b"SQLite format 3\0" + b"\xff" * 4080])
def test_a_file_of_noise_does_not_stop_the_edge(path: Path, opened: Open, content: bytes) -> None:
    path.write_bytes(content)
    store = opened()
    assert store.load() is None
    assert store.damage
    assert path.with_name("policy.db.damaged").read_bytes() == content


def test_a_store_that_cannot_keep_a_policy_says_so_and_keeps_the_old_one(path: Path, opened: Open) -> None:
    store = opened()
    store.save_snapshot(1, 1, b"{}")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(PolicyStoreFault, match="the policy cannot be kept"):
            store.save_delta(1, 2, b"{}")
        other.execute("ROLLBACK")
    assert store.load() == (b"{}", [])
    assert store.highest_seen == (1, 1)


def test_no_place_to_store_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PolicyStoreFault, match="correct state_dir"):
        SqlitePolicyStore(tmp_path / "file" / "policy.db")
