"""The fleet turn by turn: enrolment, policies and receipts, leases, commands, and what edges may not do."""

import itertools
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from sqlmodel import select

from controller.commands import Command
from controller.event_base import Explanation
from controller.events import AlarmRaised, CommandDone, DoorOpened
from controller.policy import Version
from controller.policy_delta import apply_delta
from controller.policy_digest import policy_digest
from server.badges.models import Badge
from server.fleet.commands import COMMAND_PERMISSIONS
from server.fleet.models import FleetState, OutboxMessage, PolicySnapshot, PolicyVersion
from server.fleet.versions import Kept, load_book
from server.ledger.models import LedgerEvent
from server.operators.models import AuditEntry
from server.registry.models import Customer
from tests.server.browser import token_client
from tests.server.edges import WireEdge
from tests.server.fleet.conftest import Fleet


@pytest.fixture
def database_kind() -> str:
    """Turn by turn through Python; what PostgreSQL does otherwise, test_following, test_awaited and test_goods show."""
    return "sqlite"


def customer(fleet: Fleet, code: str = "C001") -> int:
    """A customer with a contract, and a member whose badge is named like it."""
    made = fleet.registry.customer(code)
    fleet.registry.member(code, made)
    return made


def running(edge: WireEdge, version: Version, digest: str, **more: Any) -> Any:
    return edge.status(policy_version=version, policy_digest=digest, **more)


def test_a_token_enrols_one_edge_once(fleet: Fleet) -> None:
    edge = WireEdge()
    made = fleet.api.post("/api/v1/edges", json={"name": "edge-1"}).json()
    body = {"token": made["token"], "public_key": edge.public_key.hex()}
    assert fleet.api.post("/api/v1/edges/enrol", json=body | {"public_key": "zz"}).status_code == 422
    assert fleet.api.post("/api/v1/edges/enrol", json=body | {"token": "wrong"}).status_code == 403
    answer = fleet.api.post("/api/v1/edges/enrol", json=body).json()
    assert answer.keys() == {"site", "edge", "epoch", "root_public_key", "hash_key", "certificates"}
    assert (answer["edge"], answer["epoch"]) == ("edge-1", 1)
    again = fleet.api.post("/api/v1/edges/enrol", json=body)
    assert (again.status_code, again.json()["code"]) == (403, "enrolment_refused")


def test_a_token_ends_after_an_hour(fleet: Fleet) -> None:
    edge = WireEdge()
    token = fleet.api.post("/api/v1/edges", json={"name": "edge-1"}).json()["token"]
    fleet.clock.advance(timedelta(hours=1))
    body = {"token": token, "public_key": edge.public_key.hex()}
    assert fleet.api.post("/api/v1/edges/enrol", json=body).status_code == 403


def test_a_new_enrolment_voids_the_key_before(fleet: Fleet) -> None:
    old = fleet.enrolled()
    new = fleet.enrolled()
    assert new.epoch == 2
    fleet.say(old, "status", old.status())
    assert not fleet.shown(old)["online"]
    fleet.say(new, "status", new.status())
    assert fleet.shown(new)["online"]
    assert [row["reason"] for row in fleet.shown(new)["refused_here"]] == ["bad_signature"]


def test_a_change_reaches_an_edge_as_a_delta_and_a_head(fleet: Fleet) -> None:
    edge = fleet.enrolled()
    fleet.turn()
    [first] = fleet.heard(edge, "policy")
    policy = fleet.snapshot(edge, first.version)
    assert (policy.version, first.version) == (Version(1, 1), Version(1, 1))
    fleet.registry.member("M1", fleet.registry.customer())
    assert fleet.api.get("/api/v1/policy/current", params={"edge": "edge-1"}).json()["pending"]
    fleet.turn()
    [delta] = fleet.heard(edge, "delta")
    policy = apply_delta(policy, delta.delta)
    [head] = fleet.heard(edge, "policy")
    assert (head.version, head.digest) == (policy.version, delta.delta.digest)
    assert [entry.number for entry in policy.badges] == ["M1"]
    assert [entry.area for grant in policy.grants for entry in grant.areas] == ["hall"]
    assert head.certificates
    assert fleet.snapshot(edge, head.version) == policy


def test_a_revocation_is_a_delta_of_that_badge_alone(fleet: Fleet) -> None:
    edge = fleet.enrolled()
    owner = fleet.registry.customer()
    badge = fleet.registry.member("M1", owner)
    fleet.registry.member("M2", owner, slot=2)
    fleet.turn()
    fleet.heard(edge, "delta")
    fleet.registry.change(Badge, badge, status="lost")
    fleet.turn()
    [message] = fleet.heard(edge, "delta")
    assert [(entry.number, entry.status) for entry in message.delta.badges] == [("M1", "lost")]
    rest = (message.delta.customers, message.delta.holders, message.delta.grants, message.delta.site)
    assert rest == ((), (), (), None)


def test_a_change_that_no_policy_needs_makes_no_version(fleet: Fleet) -> None:
    fleet.enrolled()
    owner = customer(fleet)
    fleet.turn()
    fleet.registry.change(Customer, owner, remark="calls on Mondays")
    fleet.turn()
    current = fleet.api.get("/api/v1/policy/current", params={"edge": "edge-1"}).json()
    assert current["version"] == [1, 1]
    assert not current["pending"]


def test_an_edge_that_missed_versions_gets_what_they_changed_as_one_delta(fleet: Fleet) -> None:
    edge = fleet.enrolled()
    fleet.turn()
    [head] = fleet.heard(edge, "policy")
    policy = fleet.snapshot(edge, head.version)
    for number in range(3):
        customer(fleet, f"C{number}")
        fleet.turn()
    fleet.heard(edge, "delta")
    fleet.say(edge, "request", edge.request(want="deltas", have=policy.version))
    fleet.turn()
    [message] = fleet.heard(edge, "delta")
    policy = apply_delta(policy, message.delta)
    assert policy.version == Version(1, 4)
    assert [entry.code for entry in policy.customers] == ["C0", "C1", "C2"]


def test_deltas_that_cannot_be_had_are_answered_with_the_snapshot(fleet: Fleet) -> None:
    edge = fleet.enrolled()
    customer(fleet)
    fleet.turn()
    fleet.heard(edge, "policy")
    fleet.say(edge, "request", edge.request(want="deltas", have=Version(0, 7)))
    fleet.turn()
    [head] = fleet.heard(edge, "policy")
    assert [chunk.version for chunk in fleet.heard(edge, "chunk")] == [head.version]


def test_a_restarted_server_goes_on_with_the_same_policy_and_higher_numbers(fleet: Fleet) -> None:
    edge = fleet.enrolled()
    customer(fleet)
    fleet.turn()
    [before] = fleet.heard(edge, "policy")
    fleet.clock.advance(timedelta(hours=-2))  # its clock stepped back meanwhile
    fleet.restart()
    customer(fleet, "C002")
    fleet.turn()
    [after] = fleet.heard(edge, "policy")
    [delta] = fleet.heard(edge, "delta")
    assert delta.delta.base == before.version
    assert (after.epoch, after.seq) > (before.epoch, before.seq)


def test_every_version_can_be_built_again_from_what_is_kept(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.fleet.policies.SNAPSHOT_EVERY", 3)
    fleet.enrolled()
    for number in range(7):
        customer(fleet, f"C{number}")
        fleet.turn()
    with fleet.context.database.read() as session:
        versions = session.exec(select(PolicyVersion)).all()
        assert len(versions) == 7
        assert len(session.exec(select(PolicySnapshot)).all()) == 3
        for row in versions:
            kept = Kept(Version(row.epoch, row.n), row.digest, row.size)
            book = load_book(session.connection(), row.edge_id, kept)
            assert policy_digest(book.policy(kept.version)) == row.digest
            assert len(book.badges) == row.n


def test_a_receipt_is_shown_and_followed_by_a_lease_for_it(fleet: Fleet) -> None:
    edge = fleet.enrolled()
    customer(fleet)
    fleet.turn()
    [head] = fleet.heard(edge, "policy")
    fleet.say(edge, "status", running(edge, Version(1, 0), "0" * 64))
    fleet.turn()
    assert fleet.heard(edge, "lease") == [], "nobody vouches for an older policy"
    fleet.say(edge, "status", running(edge, head.version, head.digest))
    fleet.turn()
    [message] = fleet.heard(edge, "lease")
    assert (message.lease.version, message.lease.digest) == (head.version, head.digest)
    assert message.lease.issued_at_us == fleet.now_us
    shown = fleet.api.get("/api/v1/policy/current", params={"edge": "edge-1"}).json()
    assert shown["current"]
    assert shown["receipt"]["digest"] == shown["digest"]
    assert fleet.guarantee(edge, "policy_current")


def test_leases_are_renewed_well_before_the_shortest_class_ends_and_only_while_connected(fleet: Fleet) -> None:
    edge = fleet.enrolled()
    fleet.turn()
    [head] = fleet.heard(edge, "policy")
    fleet.say(edge, "status", running(edge, head.version, head.digest))
    renewed_s = []
    for second in range(0, 1800, 30):
        fleet.say(edge, "status", running(edge, head.version, head.digest))
        fleet.turn()
        renewed_s += [second for _ in fleet.heard(edge, "lease")]
        fleet.clock.advance(timedelta(seconds=30))
    gaps = [later - earlier for earlier, later in itertools.pairwise(renewed_s)]
    assert max(gaps) <= 1800 / 4
    fleet.say(edge, "status", b'{"online":false}')
    for _ in range(20):
        fleet.clock.advance(timedelta(seconds=30))
        fleet.turn()
    assert fleet.heard(edge, "lease") == []


def test_an_edge_that_asks_for_the_head_is_told_it_again_with_a_lease(fleet: Fleet) -> None:
    edge = fleet.enrolled()
    fleet.turn()
    [head] = fleet.heard(edge, "policy")
    fleet.say(edge, "request", edge.request(want="head", have=head.version))
    fleet.turn()
    assert [again.version for again in fleet.heard(edge, "policy")] == [head.version]
    assert [message.lease.version for message in fleet.heard(edge, "lease")] == [head.version]


def test_requests_beyond_the_limit_are_not_answered(fleet: Fleet) -> None:
    edge = fleet.enrolled()
    fleet.turn()
    fleet.heard(edge, "policy")
    for _ in range(60):
        fleet.say(edge, "request", edge.request(want="snapshot", version=Version(1, 1)))
    fleet.turn()
    assert len(fleet.heard(edge, "chunk")) == 20


@pytest.mark.parametrize(
    ("version", "digest"), [(Version(1, 9), "a" * 64), (Version(4, 1), "b" * 64), (Version(1, 1), "c" * 64)]
)
def test_a_server_restored_from_an_older_copy_raises_the_epoch(fleet: Fleet, version: Version, digest: str) -> None:
    edge = fleet.enrolled()
    customer(fleet)
    fleet.turn()
    fleet.heard(edge, "policy")
    fleet.say(edge, "status", running(edge, version, digest))
    fleet.turn()
    fleet.turn()
    heads = fleet.heard(edge, "policy")
    assert heads[-1].version == Version(version.epoch + 1, 1)
    assert heads[-1].epoch == version.epoch + 1
    policy = fleet.snapshot(edge, heads[-1].version)
    assert [entry.code for entry in policy.customers] == ["C001"]
    [alarm] = fleet.api.get("/api/v1/alarms").json()["items"]
    assert (alarm["alarm"], alarm["source"]) == ("SERVER_RESTORED", "server")
    with fleet.context.database.read() as session:
        acts = [entry.act for entry in session.exec(select(AuditEntry)).all()]
        state = session.get(FleetState, 1)
    assert "policy.epoch_raised" in acts
    assert state is not None
    assert state.epoch == version.epoch + 1
    fleet.restart()
    fleet.turn()
    assert fleet.kept(edge).version == heads[-1].version, "the epoch survives a restart"


def test_what_the_broker_did_not_take_waits_in_the_database_and_a_newer_head_replaces_an_older(fleet: Fleet) -> None:
    edge = fleet.enrolled()
    fleet.turn()
    fleet.heard(edge, "policy")
    fleet.broker.connected = False
    for code in ("C001", "C002"):
        customer(fleet, code)
        fleet.turn()
    assert fleet.heard(edge, "delta") == []
    fleet.restart()
    fleet.broker.connected = True
    fleet.turn()
    deltas = [message.delta.version.n for message in fleet.heard(edge, "delta")]
    heads = [message.version.n for message in fleet.heard(edge, "policy")]
    assert (deltas, heads) == ([2, 3], [3])
    with fleet.context.database.read() as session:
        assert session.exec(select(OutboxMessage)).all() == []


def online(fleet: Fleet, edge: WireEdge, **more: Any) -> None:
    fleet.say(edge, "status", edge.status(**more))


def command(fleet: Fleet, edge: WireEdge, name: str = "UnlockDoor", **fields: str) -> str:
    fields = fields or {"door": "hall-door", "reason": "delivery"}
    answer = fleet.api.post("/api/v1/commands", json={"edge": edge.name, "command": {"name": name, **fields}})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["command_id"])


def result(fleet: Fleet, command_id: str) -> dict[str, Any]:
    answer: dict[str, Any] = fleet.api.get(f"/api/v1/commands/{command_id}").json()
    return answer


def test_every_command_names_its_permission() -> None:
    assert set(COMMAND_PERMISSIONS) == set(Command.__args__)


def test_a_command_is_ordered_for_the_session_and_answered_by_the_ledger(fleet: Fleet) -> None:
    edge = fleet.enrolled()
    online(fleet, edge)
    command_id = command(fleet, edge)
    assert result(fleet, command_id)["result"] == "waiting"
    fleet.turn()
    [order] = fleet.heard(edge, "command")
    assert (order.session, order.command_id) == (edge.session, command_id)
    assert 0 < order.expires_at_us - fleet.now_us <= 10_000_000
    edge.record(CommandDone(command_id, order.command, order.operator, "refused", Explanation("LOCKDOWN", "L2")))
    fleet.say(edge, "records", edge.batch(1, 1))
    answer = result(fleet, command_id)
    assert (answer["result"], answer["because"]["reason"]) == ("refused", "LOCKDOWN")
    fleet.turn()
    assert fleet.heard(edge, "command") == [], "ordered once"


def test_a_command_for_an_edge_that_is_not_connected_is_told_so(fleet: Fleet) -> None:
    edge = fleet.enrolled()
    command_id = command(fleet, edge)
    fleet.turn()
    assert result(fleet, command_id)["result"] == "no_session"
    online(fleet, edge)
    fleet.say(edge, "status", b'{"online":false}')
    command_id = command(fleet, edge)
    fleet.turn()
    assert result(fleet, command_id)["result"] == "no_session"
    assert fleet.heard(edge, "command") == []


def test_a_command_without_an_answer_expires(fleet: Fleet) -> None:
    edge = fleet.enrolled()
    online(fleet, edge)
    command_id = command(fleet, edge)
    fleet.turn()
    fleet.clock.advance(timedelta(seconds=60))
    fleet.turn()
    assert result(fleet, command_id)["result"] == "expired"


def test_a_command_that_the_broker_did_not_take_in_time_is_never_sent(fleet: Fleet) -> None:
    edge = fleet.enrolled()
    online(fleet, edge)
    fleet.broker.connected = False
    command(fleet, edge)
    fleet.turn()
    fleet.clock.advance(timedelta(seconds=11))
    fleet.broker.connected = True
    fleet.turn()
    assert fleet.heard(edge, "command") == []


def test_an_expiry_is_given_in_the_edges_own_clock(fleet: Fleet) -> None:
    edge = fleet.enrolled()
    online(fleet, edge)
    with fleet.context.database.write() as session:
        from server.fleet.lookup import find_edge

        find_edge(session, "edge-1").clock_offset_us = 3_600_000_000
    command(fleet, edge)
    fleet.turn()
    [order] = fleet.heard(edge, "command")
    assert order.expires_at_us == fleet.now_us + 10_000_000 - 3_600_000_000


@pytest.mark.parametrize(
    ("role", "name", "fields", "status"),
    [
        ("guard", "UnlockDoor", {"door": "hall-door", "reason": "r"}, 202),
        ("guard", "ResetFire", {"zone": "z1", "reason": "r"}, 403),
        ("supervisor", "ResetFire", {"zone": "z1", "reason": "r"}, 202),
        ("auditor", "UnlockDoor", {"door": "hall-door", "reason": "r"}, 403),
        ("customer_service", "Identify", {"access_point": "hall-in"}, 403),
        ("guard", "OpenSesame", {}, 422),
        ("guard", "UnlockDoor", {"door": "hall-door"}, 422),
        ("guard", "UnlockDoor", {"door": "hall-door", "reason": "r" * 501}, 422),
    ],
)
def test_each_command_has_its_permission(
    fleet: Fleet, role: str, name: str, fields: dict[str, str], status: int
) -> None:
    fleet.enrolled()
    api = token_client(fleet.api.app, role)
    answer = api.post("/api/v1/commands", json={"edge": "edge-1", "command": {"name": name, **fields}})
    assert answer.status_code == status, answer.text


def test_an_alarm_of_an_edge_is_acknowledged_by_the_edge_and_one_of_the_server_by_the_server(fleet: Fleet) -> None:
    edge = fleet.enrolled()
    online(fleet, edge)
    edge.record(AlarmRaised("DoorForcedOpen", "hall-door", "R1"))
    fleet.say(edge, "records", edge.batch(1, 1))
    [alarm] = fleet.api.get("/api/v1/alarms").json()["items"]
    assert fleet.api.post(f"/api/v1/alarms/{alarm['id']}/acknowledge", json={"note": ""}).status_code == 422
    assert fleet.api.post(f"/api/v1/alarms/{alarm['id']}/acknowledge", json={"note": "seen"}).status_code == 202
    fleet.turn()
    [order] = fleet.heard(edge, "command")
    assert (order.command.alarm, order.command.subject, order.command.note) == ("DoorForcedOpen", "hall-door", "seen")
    fleet.say(edge, "status", b'{"online":false}')
    lost = next(one for one in fleet.api.get("/api/v1/alarms").json()["items"] if one["alarm"] == "LINK_LOST")
    made = fleet.api.post(f"/api/v1/alarms/{lost['id']}/acknowledge", json={"note": "on it"}).json()
    fleet.turn()
    assert result(fleet, made["command_id"])["result"] == "done"
    lost = next(one for one in fleet.api.get("/api/v1/alarms").json()["items"] if one["alarm"] == "LINK_LOST")
    assert (lost["state"], lost["note"]) == ("acknowledged", "on it")
    online(fleet, edge)
    assert [one["alarm"] for one in fleet.api.get("/api/v1/alarms").json()["items"]] == ["DoorForcedOpen"]
    history = fleet.api.get("/api/v1/alarms", params={"history": True}).json()["items"]
    assert {(one["alarm"], one["state"]) for one in history} == {("DoorForcedOpen", "raised"), ("LINK_LOST", "cleared")}


def test_a_silent_edge_counts_as_gone_whatever_the_broker_says(fleet: Fleet) -> None:
    edge = fleet.enrolled()
    online(fleet, edge)
    fleet.turn()
    assert fleet.guarantee(edge, "link")
    fleet.clock.advance(timedelta(seconds=120))
    assert not fleet.guarantee(edge, "link")
    fleet.turn()
    assert not fleet.shown(edge)["online"]
    assert [one["alarm"] for one in fleet.api.get("/api/v1/alarms").json()["items"]] == ["LINK_LOST"]


def test_an_old_status_of_a_past_session_changes_nothing(fleet: Fleet) -> None:
    edge = fleet.enrolled()
    old = edge.sealed(edge.status(outbox=7))
    fleet.say(edge, "status", old)
    edge.session = "another"
    online(fleet, edge)
    fleet.say(edge, "status", old)
    shown = fleet.shown(edge)
    assert shown["journal"]["outbox"] == 0
    assert [(row["leaf"], row["reason"]) for row in shown["refused_here"]] == [("status", "replayed")]


def test_a_restarted_edge_whose_clock_stands_behind_is_heard(fleet: Fleet) -> None:
    edge = fleet.enrolled()
    edge.seq = 1000
    online(fleet, edge)
    edge.seq, edge.session = 5, "after the restart"
    online(fleet, edge, outbox=3)
    assert fleet.shown(edge)["journal"]["outbox"] == 3


def test_the_clock_offset_comes_from_live_statuses_only(fleet: Fleet) -> None:
    edge = fleet.enrolled()
    fleet.clock.advance(timedelta(hours=1))
    fleet.say(edge, "status", edge.status(), retained=True)
    assert fleet.shown(edge)["clock_offset_us"] is None
    fleet.say(edge, "status", edge.status())
    assert fleet.shown(edge)["clock_offset_us"] == 3_600_000_000


def nested() -> bytes:
    return b'{"alg":"Ed25519","kid":"edge:edge-1","sig":"","body":' + b"[" * 50_000 + b"]" * 50_000 + b"}"


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda edge: b"not json", "malformed"),
        (lambda edge: nested(), "malformed"),
        (lambda edge: b"x" * 1_100_000, "oversized"),
        (lambda edge: edge.sealed(edge.batch(1, 1)).replace(b"hall-door", b"cage-door"), "bad_signature"),
        (lambda edge: edge.sealed(edge.batch(1, 1), kid="edge:edge-2"), "unknown_key"),
        (lambda edge: edge.sealed(edge.status()), "wrong_type"),
        (lambda edge: edge.sealed(msgspec.structs.replace(edge.batch(1, 1), v=2)), "future_version"),
        (lambda edge: edge.sealed(msgspec.structs.replace(edge.batch(1, 1), site="other")), "wrong_site"),
        (lambda edge: edge.sealed(msgspec.structs.replace(edge.batch(1, 1), edge="edge-2")), "wrong_edge"),
        (lambda edge: edge.sealed(msgspec.structs.replace(edge.batch(1, 1), edge="*")), "wrong_edge"),
        (lambda edge: edge.sealed(msgspec.structs.replace(edge.batch(1, 1), epoch=9)), "wrong_epoch"),
    ],
)
def test_a_message_that_cannot_be_believed_is_counted_and_nothing_else(fleet: Fleet, make: Any, reason: str) -> None:
    edge = fleet.enrolled()
    edge.record()
    fleet.say(edge, "records", make(edge))
    fleet.say(edge, "records", make(edge))
    [row] = fleet.shown(edge)["refused_here"]
    assert (row["leaf"], row["reason"], row["count"]) == ("records", reason, 2)
    assert fleet.api.get("/api/v1/events").json()["items"] == []
    assert fleet.heard(edge, "ack") == []
    fleet.say(edge, "records", edge.batch(1, 1))
    assert [ack.upto for ack in fleet.heard(edge, "ack")] == [1]


def test_strangers_are_counted_together(fleet: Fleet) -> None:
    fleet.enrolled()
    for name in ("edge-8", "edge-9"):
        stranger = WireEdge(name)
        stranger.record()
        fleet.say(stranger, "records", stranger.batch(1, 1))
    [row] = fleet.api.get("/api/v1/refused-messages").json()["items"]
    assert (row["edge"], row["reason"], row["count"]) == ("", "unknown_edge", 2)


def test_an_ack_names_the_prefix_that_is_committed(fleet: Fleet) -> None:
    edge = fleet.enrolled()
    for _ in range(4):
        edge.record(DoorOpened(door="hall-door"))
    fleet.say(edge, "records", edge.batch(1, 2))
    fleet.say(edge, "records", edge.batch(4, 4))
    fleet.say(edge, "records", edge.batch(3, 4))
    acks = fleet.heard(edge, "ack")
    assert [(ack.upto, ack.expects, ack.head) for ack in acks] == [
        (2, 3, edge.head(2)),
        (2, 3, edge.head(2)),
        (4, 5, edge.head(4)),
    ]
    assert [ack.seq for ack in acks] == sorted({ack.seq for ack in acks})


def test_a_card_bound_again_belongs_to_its_new_badge(fleet: Fleet) -> None:
    edge = fleet.enrolled()
    owner = fleet.registry.customer()
    fleet.registry.deregister(fleet.registry.member("M1", owner))
    fleet.turn()
    assert [(entry.number, entry.status) for entry in fleet.snapshot(edge).badges] == [("M1", "revoked")]
    second = fleet.registry.member("M2", owner, card="M1", generation=2)
    fleet.turn()
    policy = fleet.snapshot(edge)
    assert [(entry.number, entry.credential) for entry in policy.badges] == [("M2", fleet.registry.card("M1"))]
    assert policy_digest(policy) == fleet.kept(edge).digest
    fleet.registry.deregister(second)
    fleet.turn()
    assert [(entry.number, entry.status) for entry in fleet.snapshot(edge).badges] == [("M2", "revoked")]


def test_what_was_committed_of_an_edge_is_hinted_to_who_looks_on(fleet: Fleet) -> None:
    edge = fleet.enrolled()
    seen: list[int] = []

    def committed() -> None:
        with fleet.context.database.read() as session:
            seen.append(len(session.exec(select(LedgerEvent)).all()))

    fleet.context.ledger_grew = committed
    edge.record(DoorOpened("hall-door"))
    fleet.say(edge, "records", edge.batch(1, 1))
    assert seen == [1]
