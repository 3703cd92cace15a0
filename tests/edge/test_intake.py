"""What comes down and is refused: each reason counted, nothing done (DESIGN 7, 9; MEANINGS 20)."""

from collections.abc import Callable

import msgspec
import pytest

from controller.commands import UnlockDoor
from controller.events import AlarmRaised, CommandDone
from controller.now import SECOND_US
from controller.policy import Version
from controller.wire import MAX_MESSAGE_BYTES, Ack, Body, CommandOrder, PolicyHead, PolicyLease, seal
from edge.command_intake import COMMAND_BYTES_LIMIT
from edge.ports import MessageArrived
from sim.memory import signer_of
from tests.edge.agent_rig import AgentRig

UNLOCK = UnlockDoor(door="hall-door", reason="delivery")


@pytest.fixture
def rig() -> AgentRig:
    return AgentRig()


def order(rig: AgentRig, **changes: object) -> bytes:
    assert rig.server.status is not None
    given: dict[str, object] = {
        "session": rig.server.status.session,
        "command_id": "c1",
        "operator": "op_1",
        "expires_at_us": rig.now.wall_us + 5 * SECOND_US,
        "command": UNLOCK,
    }
    return rig.server.sealed(CommandOrder, rig.now, **(given | changes))


def say(rig: AgentRig, leaf: str, payload: bytes) -> dict[str, int]:
    """Deliver one message; what it added to the refusals."""
    before = dict(rig.agent.refused_messages)
    rig.post(MessageArrived(leaf, payload))
    return {code: n - before.get(code, 0) for code, n in rig.agent.refused_messages.items() if n != before.get(code, 0)}


def reseal(payload: bytes, kid: str, secret_of: str) -> bytes:
    envelope = msgspec.json.decode(payload)
    body = msgspec.json.encode(envelope["body"])
    signature = signer_of(secret_of)(b"menjin/v1/" + envelope["body"]["type"].encode() + b"\n" + body)
    return msgspec.json.encode({**envelope, "kid": kid, "sig": signature, "body": msgspec.Raw(body)})


def test_a_command_for_this_session_is_obeyed_and_its_result_is_an_event(rig: AgentRig) -> None:
    assert say(rig, "command", order(rig)) == {}
    assert rig.unlocked() == ["hall-door"]
    assert [(done.command_id, done.result) for done in rig.events(CommandDone)] == [("c1", "done")]


def test_a_command_given_again_is_refused(rig: AgentRig) -> None:
    say(rig, "command", order(rig))
    rig.unlocked()
    assert say(rig, "command", order(rig)) == {"replayed": 1}
    assert rig.unlocked() == []


def test_the_very_same_message_given_again_is_refused(rig: AgentRig) -> None:
    payload = order(rig)
    say(rig, "command", payload)
    rig.unlocked()
    assert say(rig, "command", payload) == {"replayed": 1}
    assert rig.unlocked() == []


def test_a_command_remembered_before_a_crash_is_refused_after_it(rig: AgentRig) -> None:
    say(rig, "command", order(rig))
    rig.restart()
    rig.node.connect()
    rig.settle()
    rig.unlocked()
    assert say(rig, "command", order(rig)) == {"replayed": 1}
    assert rig.unlocked() == []


def test_a_command_for_the_session_before_the_last_reconnect_is_refused(rig: AgentRig) -> None:
    payload = order(rig)
    rig.node.cut()
    rig.post()
    rig.node.connect()
    rig.settle()
    assert say(rig, "command", payload) == {"wrong_session": 1}
    assert rig.unlocked() == []


def test_a_command_with_no_session_at_all_is_refused_before_the_first_connect() -> None:
    rig = AgentRig(connect=False)
    payload = rig.server.sealed(
        CommandOrder,
        rig.now,
        session="",
        command_id="c",
        operator="o",
        expires_at_us=rig.now.wall_us + 1,
        command=UNLOCK,
    )
    assert say(rig, "command", payload) == {"wrong_session": 1}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"expires_in_s": 0}, "expired"),
        ({"expires_in_s": -3600}, "expired"),
        ({"expires_in_s": 3600}, "expiry_too_far"),
        ({"command_id": ""}, "oversized"),
        ({"command_id": "c" * 65}, "oversized"),
        ({"command": UnlockDoor(door="hall-door", reason="x" * COMMAND_BYTES_LIMIT)}, "oversized"),
        ({"site": "other"}, "wrong_site"),
        ({"edge": "edge-2"}, "wrong_edge"),
        ({"v": 2}, "future_version"),
    ],
)
def test_a_command_that_is_not_right_is_refused_by_name(rig: AgentRig, changes: dict[str, object], code: str) -> None:
    if "expires_in_s" in changes:
        changes = {"expires_at_us": rig.now.wall_us + int(str(changes["expires_in_s"])) * SECOND_US}
    assert say(rig, "command", order(rig, **changes)) == {code: 1}
    assert rig.unlocked() == []


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda p: p[: len(p) // 2], "malformed"),
        (lambda p: b"", "malformed"),
        (lambda p: b"[" * 100_000, "malformed"),
        (lambda p: b'{"online":false}', "malformed"),
        (lambda p: bytes(MAX_MESSAGE_BYTES + 1), "oversized"),
        (lambda p: p.replace(b"delivery", b"deliverx"), "bad_signature"),
        (lambda p: p.replace(b"Ed25519", b"none"), "bad_signature"),
        (lambda p: reseal(p, "edge:edge-1", "edge:edge-1"), "unknown_key"),
        (lambda p: reseal(p, "server:memory", "edge:edge-1"), "bad_signature"),
    ],
    ids=["truncated", "empty", "nested", "unsigned", "oversized", "altered", "no-algorithm", "own-key", "forged"],
)
def test_a_message_that_is_not_the_servers_word_is_refused(
    rig: AgentRig, spoil: Callable[[bytes], bytes], code: str
) -> None:
    assert say(rig, "command", spoil(order(rig))) == {code: 1}
    assert rig.unlocked() == []


def test_a_body_of_another_topic_is_refused(rig: AgentRig) -> None:
    assert say(rig, "lease", order(rig)) == {"wrong_type": 1}
    assert say(rig, "records", order(rig)) == {"wrong_type": 1}
    assert rig.unlocked() == []


def test_an_unknown_command_is_refused_whole(rig: AgentRig) -> None:
    payload = order(rig)
    altered = reseal(payload.replace(b"UnlockDoor", b"OpenSesame"), "server:memory", "server:memory")
    assert say(rig, "command", altered) == {"malformed": 1}


def test_a_message_type_of_the_future_is_refused_and_counted(rig: AgentRig) -> None:
    altered = reseal(order(rig).replace(b"CommandOrder", b"CommandBatch"), "server:memory", "server:memory")
    assert say(rig, "command", altered) == {"unknown_type": 1}


def test_an_older_message_after_a_newer_one_is_a_replay(rig: AgentRig) -> None:
    policy = rig.server.policy
    assert policy is not None
    old = _lease(rig)
    rig.true_us += SECOND_US
    new = _lease(rig)
    assert say(rig, "lease", new) == {}
    assert say(rig, "lease", old) == {"replayed": 1}


def test_an_older_ack_after_a_newer_one_does_not_put_the_outbox_back(rig: AgentRig) -> None:
    journal = rig.node.journal
    fields = {"journal_id": journal.journal_id, "upto": 1, "head": journal.hash_at(1), "expects": 2}
    old = rig.server.sealed(Ack, rig.now, **fields)
    rig.post(rig.card())
    rig.settle()
    acked = rig.agent.outbox.acked
    assert acked == journal.last_seq > 1
    assert say(rig, "ack", old) == {"replayed": 1}
    assert rig.agent.outbox.acked == acked


def test_a_lease_recorded_before_a_restart_is_not_accepted_again_after_it(rig: AgentRig) -> None:
    rig.true_us += SECOND_US
    payload = _lease(rig)
    assert say(rig, "lease", payload) == {}
    rig.restart()
    rig.node.connect()
    rig.post()
    assert say(rig, "lease", payload) == {"replayed": 1}


def test_the_retained_head_delivered_at_each_reconnect_is_no_replay(rig: AgentRig) -> None:
    rig.server.say_head(rig.now)
    ((leaf, payload),) = rig.down
    assert say(rig, leaf, payload) == {}
    assert say(rig, leaf, payload) == {}


def test_an_ack_for_another_journal_is_refused(rig: AgentRig) -> None:
    payload = rig.server.sealed(Ack, rig.now, journal_id="another", upto=1, head=b"x", expects=2)
    assert say(rig, "ack", payload) == {"other_journal": 1}


def test_an_ack_out_of_range_is_refused(rig: AgentRig) -> None:
    journal_id = rig.node.journal.journal_id
    payload = rig.server.sealed(Ack, rig.now, journal_id=journal_id, upto=-1, head=b"", expects=0)
    assert say(rig, "ack", payload) == {"malformed": 1}


def test_an_ack_of_another_history_raises_the_alarm_once(rig: AgentRig) -> None:
    journal_id = rig.node.journal.journal_id
    for _ in range(3):
        say(rig, "ack", rig.server.sealed(Ack, rig.now, journal_id=journal_id, upto=1, head=b"x" * 32, expects=2))
    assert [alarm.alarm for alarm in rig.events(AlarmRaised)].count("FORK") == 1


def test_a_journal_put_back_from_an_older_copy_is_a_fork_at_both_ends(rig: AgentRig) -> None:
    for _ in range(3):
        rig.post(rig.card())
        rig.wait(2)
    rig.settle()
    rig.node.kill()
    rig.node.journal.truncate(rig.node.journal.last_seq - 2)
    rig.node.start(rig.true_us)
    rig.post()
    rig.node.connect()
    rig.settle()
    assert rig.server.forks
    assert "FORK" in {alarm.alarm for alarm in rig.events(AlarmRaised)}


def test_an_older_policy_head_is_refused_and_said_in_the_status(rig: AgentRig) -> None:
    old = rig.server.sealed(PolicyHead, rig.now, version=Version(1, 0), digest="0" * 64, size=1, chunks=1)
    assert say(rig, "policy", old) == {"older_policy": 1}


def test_refusals_are_told_in_the_status(rig: AgentRig) -> None:
    say(rig, "command", b"nonsense")
    rig.wait(2)
    rig.settle()
    assert rig.server.status is not None
    assert rig.server.status.refused_messages == {"malformed": 1}


def _lease(rig: AgentRig) -> bytes:
    rig.server.say_lease(rig.now)
    ((leaf, payload),) = rig.down
    rig.down.clear()
    assert leaf == "lease"
    return payload


def test_a_body_signed_for_any_edge_of_the_site_is_heard(rig: AgentRig) -> None:
    body = PolicyLease(1, "demo", "*", 1, 10_000, rig.now.wall_us, lease=_decoded_lease(rig))
    assert say(rig, "lease", seal(body, "server:memory", signer_of("server:memory"))) == {}


def _decoded_lease(rig: AgentRig) -> object:
    rig.true_us += SECOND_US
    payload = _lease(rig)
    body: Body = msgspec.json.decode(
        bytes(msgspec.json.decode(payload, type=dict[str, msgspec.Raw])["body"]), type=PolicyLease
    )
    assert isinstance(body, PolicyLease)
    return body.lease
