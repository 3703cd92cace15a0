"""How a policy comes in: heads, deltas, chunks, leases, and everything that is refused (DESIGN 5, MEANINGS 18)."""

import zlib
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from controller.now import SECOND_US, Now
from controller.policy import Lease, Policy, Version, encode_policy
from controller.policy_delta import make_delta
from controller.policy_digest import policy_digest
from controller.site import Site
from controller.site_checks import parse_site
from controller.wire import (
    CHUNK_BYTES,
    Body,
    PolicyChunk,
    PolicyDelta,
    PolicyHead,
    PolicyLease,
    PolicyRequest,
    unseal,
)
from edge.policy_intake import LEASE_ASK_US, MAX_CHUNKS, STORE_AGAIN_US, PolicyIntake, PolicyRefused, Ready
from edge.sender import Sender
from sim.day import first_policy
from sim.memory import MemoryIdentity, MemoryKeyRing, MemoryLink, MemoryPolicyStore
from sim.memory_server import next_version

SITE = parse_site(
    """
id = "demo"
time_zone = "Asia/Shanghai"
areas = [{id = "outside", public = true}, {id = "hall"}]
doors = [{id = "hall-door"}]
access_points = [
  {id = "hall-in", door = "hall-door", from_area = "outside", to_area = "hall"},
  {id = "hall-out", door = "hall-door", from_area = "hall", to_area = "outside", out = true},
]
"""
)
P1 = first_policy(SITE)
P2 = next_version(P1, badges=P1.badges[:-1])
P3 = next_version(P2, badges=P1.badges[:-2])
UNFIT = next_version(P1, site=msgspec.structs.replace(SITE, name_en="other doors"))
"""What comes in P2's place where a test objects to the site."""


@dataclass
class Desk:
    """An intake with its store and what it asked for."""

    store: MemoryPolicyStore = field(default_factory=MemoryPolicyStore)
    objections: list[str] = field(default_factory=list)
    journalled: Version | None = None
    mono_us: int = SECOND_US
    asked: list[PolicyRequest] = field(default_factory=list)

    def __post_init__(self) -> None:
        link = MemoryLink(self._note)
        link.up = True
        sender = Sender(MemoryIdentity("demo", "edge-1"), link)
        self.intake = PolicyIntake(self.store, sender, self._object, self.journalled)

    @property
    def now(self) -> Now:
        return Now(self.mono_us, self.mono_us)

    def connect(self) -> None:
        self.intake.link_up(self.now, 0)

    def running(self, policy: Policy) -> "Desk":
        canonical = encode_policy(policy)
        self.store.save_snapshot(policy.version.epoch, policy.version.n, canonical)
        assert self.intake.load() == Ready(policy, policy_digest(policy))
        self.connect()
        self.asked.clear()
        return self

    def wait(self, seconds: float) -> None:
        self.mono_us += int(seconds * SECOND_US)
        self.intake.pump(self.now)

    def wants(self) -> list[str]:
        found = [request.want for request in self.asked]
        self.asked.clear()
        return found

    def _object(self, _site: Site) -> list[str]:
        return self.objections

    def _note(self, leaf: str, payload: bytes, _retain: bool) -> None:
        assert leaf == "request"
        body = unseal(payload, MemoryKeyRing(["edge:edge-1"]).verifier(0), (PolicyRequest,), "demo", "edge-1")
        assert isinstance(body, PolicyRequest)
        self.asked.append(body)


def said(body_type: type[Body], **fields: Any) -> Any:
    return body_type(1, "demo", "edge-1", 1, 1, 0, **fields)


def head(policy: Policy, **changes: Any) -> PolicyHead:
    canonical = encode_policy(policy)
    given: dict[str, Any] = {
        "version": policy.version,
        "digest": policy_digest(policy),
        "size": len(canonical),
        "chunks": len(chunks(policy)),
    }
    made: PolicyHead = said(PolicyHead, **(given | changes))
    return made


def chunks(policy: Policy, packed: bytes | None = None, of: int | None = None) -> list[PolicyChunk]:
    packed = zlib.compress(encode_policy(policy)) if packed is None else packed
    size = max(1, len(packed) // 3 + 1)
    parts = [packed[start : start + size] for start in range(0, len(packed), size)]
    return [
        said(PolicyChunk, version=policy.version, index=index, of=of or len(parts), part=part)
        for index, part in enumerate(parts)
    ]


def delta(old: Policy, new: Policy) -> PolicyDelta:
    made: PolicyDelta = said(PolicyDelta, delta=make_delta(old, new))
    return made


def ready(old: Policy, new: Policy) -> Ready:
    return Ready(new, policy_digest(new), make_delta(old, new))


def lease(policy: Policy, issued_at_us: int = 10, digest: str | None = None) -> PolicyLease:
    digest = policy_digest(policy) if digest is None else digest
    made: PolicyLease = said(PolicyLease, lease=Lease(policy.version, digest, issued_at_us))
    return made


def test_at_each_connect_the_head_is_asked_for() -> None:
    desk = Desk()
    desk.connect()
    assert desk.wants() == ["head"]


def test_an_edge_without_a_policy_assembles_the_snapshot_from_its_chunks() -> None:
    desk = Desk()
    desk.connect()
    desk.asked.clear()
    desk.intake.take_head(head(P1), desk.now)
    assert [(asked.want, asked.version, asked.from_chunk) for asked in desk.asked] == [("snapshot", P1.version, 0)]
    *first, last = chunks(P1)
    assert all(desk.intake.take_chunk(chunk, desk.now) is None for chunk in first)
    assert desk.intake.take_chunk(last, desk.now) == Ready(P1, policy_digest(P1))
    assert desk.store.load() == (encode_policy(P1), [])


def test_chunks_may_come_in_any_order_and_twice() -> None:
    desk = Desk()
    desk.connect()
    desk.intake.take_head(head(P1), desk.now)
    a, b, c = chunks(P1)
    assert [desk.intake.take_chunk(chunk, desk.now) for chunk in (c, a, a, c)] == [None] * 4
    assert desk.intake.take_chunk(b, desk.now) is not None


def test_a_missing_chunk_is_asked_for_again() -> None:
    desk = Desk()
    desk.connect()
    desk.intake.take_head(head(P1), desk.now)
    a, _, c = chunks(P1)
    desk.intake.take_chunk(a, desk.now)
    desk.intake.take_chunk(c, desk.now)
    desk.asked.clear()
    desk.wait(6)
    assert [(asked.want, asked.from_chunk) for asked in desk.asked] == [("snapshot", 1)]


def test_a_newer_head_makes_an_edge_ask_for_the_deltas_from_where_it_is() -> None:
    desk = Desk().running(P1)
    desk.intake.take_head(head(P3), desk.now)
    assert [(asked.want, asked.have) for asked in desk.asked] == [("deltas", P1.version)]
    assert desk.intake.take_delta(delta(P1, P2), desk.now) == ready(P1, P2)
    assert desk.intake.take_delta(delta(P2, P3), desk.now) == ready(P2, P3)
    assert desk.intake.version == P3.version


def test_what_was_stored_comes_back_at_the_next_start() -> None:
    desk = Desk().running(P1)
    desk.intake.take_delta(delta(P1, P2), desk.now)
    again = Desk(store=desk.store)
    assert again.intake.load() == Ready(P2, policy_digest(P2))


def test_a_gap_in_the_deltas_makes_the_edge_ask_and_apply_nothing() -> None:
    desk = Desk().running(P1)
    assert desk.intake.take_delta(delta(P2, P3), desk.now) is None
    assert desk.intake.version == P1.version
    assert desk.wants() == ["deltas"]


def test_a_delta_known_already_is_passed_over() -> None:
    desk = Desk().running(P2)
    assert desk.intake.take_delta(delta(P1, P2), desk.now) is None
    assert desk.wants() == []


def test_a_delta_that_does_not_give_its_digest_is_refused_and_the_snapshot_asked_for() -> None:
    desk = Desk().running(P1)
    bad = msgspec.structs.replace(make_delta(P1, P2), digest="0" * 64)
    desk.intake.take_head(head(P2), desk.now)
    desk.asked.clear()
    with pytest.raises(PolicyRefused, match="digest"):
        desk.intake.take_delta(said(PolicyDelta, delta=bad), desk.now)
    assert desk.intake.version == P1.version
    assert desk.wants() == ["snapshot"]


def test_without_an_answer_the_edge_asks_again_later_and_later() -> None:
    desk = Desk().running(P1)
    desk.intake.take_head(head(P2), desk.now)
    desk.asked.clear()
    desk.wait(4)
    assert desk.wants() == []
    desk.wait(2)
    assert desk.wants() == ["snapshot"]  # a server that lacks the deltas has the snapshot
    desk.wait(9)
    assert desk.wants() == []
    desk.wait(2)
    assert desk.wants() == ["snapshot"]


def test_an_older_head_is_refused_though_signed() -> None:
    desk = Desk().running(P2)
    with pytest.raises(PolicyRefused) as refused:
        desk.intake.take_head(head(P1), desk.now)
    assert refused.value.code == "older_policy"


def test_the_highest_version_seen_counts_even_when_the_store_was_lost() -> None:
    desk = Desk(journalled=P3.version)
    desk.connect()
    with pytest.raises(PolicyRefused) as refused:
        desk.intake.take_head(head(P2), desk.now)
    assert refused.value.code == "older_policy"


def test_an_older_policy_put_back_on_disk_is_refused_at_start() -> None:
    store = MemoryPolicyStore()
    store.save_snapshot(1, 1, encode_policy(P1))
    with pytest.raises(PolicyRefused) as refused:
        Desk(store=store, journalled=P2.version).intake.load()
    assert refused.value.code == "older_policy"


def test_a_higher_epoch_is_accepted_with_a_lower_number() -> None:
    desk = Desk().running(P3)
    restored = msgspec.structs.replace(P1, version=Version(2, 1))
    desk.intake.take_head(head(restored), desk.now)
    assert desk.wants() == ["snapshot"]
    for chunk in chunks(restored):
        ready = desk.intake.take_chunk(chunk, desk.now)
    assert ready is not None
    assert desk.intake.version == Version(2, 1)


def test_the_same_version_with_another_digest_is_refused() -> None:
    desk = Desk().running(P1)
    with pytest.raises(PolicyRefused) as refused:
        desk.intake.take_head(head(P1, digest="0" * 64), desk.now)
    assert refused.value.code == "digest_mismatch"


def test_a_policy_that_does_not_fit_this_edge_is_refused_and_not_asked_for_again() -> None:
    desk = Desk().running(P1)
    desk.objections.append("door x is not in the site")
    with pytest.raises(PolicyRefused, match="door x"):
        desk.intake.take_delta(delta(P1, UNFIT), desk.now)
    assert desk.store.highest_seen == (1, 1)
    with pytest.raises(PolicyRefused) as refused:
        desk.intake.take_head(head(UNFIT), desk.now)
    assert refused.value.code == "policy_unfit"
    assert desk.wants() == []


def test_after_an_unfit_policy_the_next_fit_one_comes_as_a_snapshot() -> None:
    desk = Desk().running(P1)
    desk.objections.append("door x is not in the site")
    with pytest.raises(PolicyRefused):
        desk.intake.take_delta(delta(P1, UNFIT), desk.now)
    desk.objections.clear()
    assert desk.intake.take_delta(delta(UNFIT, P3), desk.now) is None
    assert desk.wants() == []
    desk.intake.take_head(head(P3), desk.now)
    assert desk.wants() == ["snapshot"]
    for chunk in chunks(P3):
        ready = desk.intake.take_chunk(chunk, desk.now)
    assert ready is not None


@pytest.mark.parametrize(
    "packed",
    [
        b"not zlib",
        zlib.compress(b"x")[:-2],
        zlib.compress(b"\0" * 70_000_000),
    ],
    ids=["garbage", "truncated", "bomb"],
)
def test_chunks_that_are_not_the_named_policy_are_refused_and_change_nothing(packed: bytes) -> None:
    desk = Desk()
    desk.connect()
    parts = chunks(P1, packed)
    desk.intake.take_head(head(P1, chunks=len(parts)), desk.now)
    for part in parts[:-1]:
        desk.intake.take_chunk(part, desk.now)
    with pytest.raises(PolicyRefused) as refused:
        desk.intake.take_chunk(parts[-1], desk.now)
    assert refused.value.code == "digest_mismatch"
    assert desk.store.load() is None


def test_a_snapshot_of_another_version_than_its_head_is_refused() -> None:
    desk = Desk()
    desk.connect()
    lying = head(P2, digest=policy_digest(P1), chunks=len(chunks(P1)))
    desk.intake.take_head(lying, desk.now)
    *first, last = [msgspec.structs.replace(chunk, version=P2.version) for chunk in chunks(P1)]
    for chunk in first:
        desk.intake.take_chunk(chunk, desk.now)
    with pytest.raises(PolicyRefused) as refused:
        desk.intake.take_chunk(last, desk.now)
    assert refused.value.code == "malformed"


@pytest.mark.parametrize(
    "changes", [{"index": -1}, {"index": 3}, {"of": 99}, {"part": bytes(CHUNK_BYTES + 1)}], ids=lambda c: next(iter(c))
)
def test_a_chunk_out_of_bounds_is_refused(changes: dict[str, Any]) -> None:
    desk = Desk()
    desk.connect()
    desk.intake.take_head(head(P1), desk.now)
    with pytest.raises(PolicyRefused) as refused:
        desk.intake.take_chunk(msgspec.structs.replace(chunks(P1)[0], **changes), desk.now)
    assert refused.value.code == "malformed"


@pytest.mark.parametrize("changes", [{"chunks": MAX_CHUNKS + 1}, {"chunks": -1}, {"size": 2**40}, {"size": -1}])
def test_a_head_that_promises_too_much_is_refused(changes: dict[str, Any]) -> None:
    desk = Desk()
    desk.connect()
    with pytest.raises(PolicyRefused) as refused:
        desk.intake.take_head(head(P1, **changes), desk.now)
    assert refused.value.code == "oversized"


def test_where_the_head_does_not_say_how_many_chunks_the_first_one_does() -> None:
    desk = Desk()
    desk.connect()
    desk.intake.take_head(head(P1, chunks=0), desk.now)
    parts = chunks(P1)
    assert len(parts) > 1
    for part in parts[1:]:
        assert desk.intake.take_chunk(part, desk.now) is None
    assert desk.intake.take_chunk(parts[0], desk.now) == Ready(P1, policy_digest(P1))


def test_a_chunk_that_tells_another_number_is_refused_and_the_snapshot_asked_for_anew() -> None:
    desk = Desk()
    desk.connect()
    desk.intake.take_head(head(P1, chunks=0), desk.now)
    first, second, *_ = chunks(P1)
    desk.intake.take_chunk(first, desk.now)
    with pytest.raises(PolicyRefused) as refused:
        desk.intake.take_chunk(msgspec.structs.replace(second, of=second.of + 1), desk.now)
    assert refused.value.code == "malformed"
    desk.asked.clear()
    desk.wait(6)
    assert [(asked.want, asked.from_chunk) for asked in desk.asked] == [("snapshot", 0)]
    for part in chunks(P1):
        taken = desk.intake.take_chunk(part, desk.now)
    assert taken == Ready(P1, policy_digest(P1))


@pytest.mark.parametrize("changes", [{"of": MAX_CHUNKS + 1}, {"of": 0}, {"of": -1}, {"index": -1}])
def test_a_chunk_beyond_all_bounds_is_refused_where_the_head_names_none(changes: dict[str, int]) -> None:
    desk = Desk()
    desk.connect()
    desk.intake.take_head(head(P1, chunks=0), desk.now)
    with pytest.raises(PolicyRefused) as refused:
        desk.intake.take_chunk(msgspec.structs.replace(chunks(P1)[0], **changes), desk.now)
    assert refused.value.code == "malformed"


def test_a_snapshot_whose_ids_are_not_in_order_is_refused() -> None:
    """Its digest is over the sorted lists and would hold; what an edge searches by halves must be sorted."""
    desk = Desk()
    desk.connect()
    desk.intake.take_head(head(P1, chunks=0), desk.now)
    mixed = msgspec.json.encode(msgspec.structs.replace(P1, badges=tuple(reversed(P1.badges))))
    part = said(PolicyChunk, version=P1.version, index=0, of=1, part=zlib.compress(mixed))
    with pytest.raises(PolicyRefused, match="ids ascend") as refused:
        desk.intake.take_chunk(part, desk.now)
    assert refused.value.code == "malformed"


def test_a_lease_for_exactly_what_runs_is_taken_once() -> None:
    desk = Desk().running(P1)
    assert desk.intake.take_lease(lease(P1), desk.now) == lease(P1).lease
    with pytest.raises(PolicyRefused) as refused:
        desk.intake.take_lease(lease(P1), desk.now)
    assert refused.value.code == "replayed"


def test_a_lease_older_than_the_one_in_force_before_the_start_is_a_replay() -> None:
    desk = Desk().running(P1)
    desk.intake.link_up(desk.now, lease_issued_us=50)
    with pytest.raises(PolicyRefused) as refused:
        desk.intake.take_lease(lease(P1, issued_at_us=50), desk.now)
    assert refused.value.code == "replayed"


def test_a_lease_for_what_runs_with_another_digest_makes_the_edge_ask() -> None:
    desk = Desk().running(P1)
    desk.intake.take_head(head(P1), desk.now)
    desk.wait(11)
    with pytest.raises(PolicyRefused) as refused:
        desk.intake.take_lease(lease(P1, digest="0" * 64), desk.now)
    assert refused.value.code == "lease_mismatch"
    assert desk.wants() == ["head"]


def test_answers_that_bring_the_same_question_again_make_no_storm() -> None:
    desk = Desk().running(P1)
    for _ in range(100):
        desk.intake.take_head(head(P1), desk.now)
        assert desk.intake.take_lease(lease(P2), desk.now) is None
    assert desk.wants() == []
    for _ in range(30):
        desk.intake.take_head(head(P1), desk.now)
        desk.intake.take_lease(lease(P2), desk.now)
        desk.wait(1)
    assert desk.wants() == ["head"] * 3


def test_a_lease_that_comes_before_its_policy_asks_for_it_and_waits() -> None:
    desk = Desk().running(P1)
    desk.intake.take_head(head(P1), desk.now)
    desk.wait(11)
    assert desk.intake.take_lease(lease(P2), desk.now) is None
    assert desk.wants() == ["head"]
    assert desk.intake.early_lease(desk.now) is None
    desk.intake.take_delta(delta(P1, P2), desk.now)
    assert desk.intake.early_lease(desk.now) == lease(P2).lease
    assert desk.intake.early_lease(desk.now) is None


def test_a_lease_for_an_older_policy_is_refused_without_asking() -> None:
    desk = Desk().running(P2)
    desk.intake.take_head(head(P2), desk.now)
    with pytest.raises(PolicyRefused):
        desk.intake.take_lease(lease(P1), desk.now)
    assert desk.wants() == []


def test_without_a_lease_for_long_the_edge_asks() -> None:
    desk = Desk().running(P1)
    desk.intake.take_head(head(P1), desk.now)
    desk.wait(LEASE_ASK_US / SECOND_US + 1)
    assert desk.wants() == ["head"]


def test_a_policy_that_cannot_be_stored_is_in_force_all_the_same_and_stored_whole_later() -> None:
    desk = Desk().running(P1)
    desk.store.failing = "disk full"
    assert desk.intake.take_delta(delta(P1, P2), desk.now) == ready(P1, P2)
    assert "policy 1.2 is in force but could not be stored: disk full" in desk.intake.unstored
    desk.intake.link_down()
    due = desk.intake.deadline_us()
    assert due is not None
    assert due > desk.mono_us
    desk.wait(STORE_AGAIN_US / SECOND_US)
    assert desk.intake.unstored
    desk.store.failing = None
    desk.wait(STORE_AGAIN_US / SECOND_US)
    assert desk.intake.unstored == ""
    assert desk.intake.deadline_us() is None
    assert desk.store.load() == (encode_policy(P2), [])


def test_a_delta_after_one_that_was_not_stored_is_stored_as_the_whole_policy() -> None:
    desk = Desk().running(P1)
    desk.store.failing = "disk full"
    desk.intake.take_delta(delta(P1, P2), desk.now)
    desk.store.failing = None
    assert desk.intake.take_delta(delta(P2, P3), desk.now) is not None
    assert desk.store.load() == (encode_policy(P3), [])
    assert desk.intake.unstored == ""


def test_after_a_restart_a_stored_policy_below_the_one_that_was_in_force_is_not_taken_up() -> None:
    desk = Desk().running(P1)
    with pytest.raises(PolicyRefused, match="below the highest seen"):
        Desk(store=desk.store, journalled=P2.version).intake.load()


def test_a_policy_whose_site_is_no_site_is_refused_before_it_is_stored() -> None:
    torn = msgspec.structs.replace(SITE, doors=())  # signed, well-formed, and its access points lead through no door
    desk = Desk()
    desk.connect()
    policy = msgspec.structs.replace(P1, site=torn)
    desk.intake.take_head(head(policy), desk.now)
    *first, last = chunks(policy)
    for part in first:
        desk.intake.take_chunk(part, desk.now)
    with pytest.raises(PolicyRefused, match="is no door of this site") as refused:
        desk.intake.take_chunk(last, desk.now)
    assert refused.value.code == "policy_unfit"
    assert desk.store.load() is None
