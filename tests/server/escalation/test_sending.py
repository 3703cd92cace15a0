"""The outbox: signed, retried, bounded, one leader, restarts; apprise's own library against the same receiver."""

import logging
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from server.crm.signature import fault_of, secret_of
from server.db.clock import to_us
from server.escalation import sending
from server.escalation.service import EscalationService
from server.fleet.election import ESCALATION_LOCK, Election
from server.logs import calm_libraries
from server.tls import site_certificate
from tests.server.browser import token_client
from tests.server.conftest import ON_POSTGRESQL, ON_SQLITE, START
from tests.server.escalation.conftest import SECRET, Make, settings
from tests.server.escalation.receiver import Receiver, running_receiver
from tests.server.waiting import LIMIT_S, until

ASK = "/api/v1/escalations/test"


@ON_SQLITE
def test_a_webhook_is_signed_after_standard_webhooks_and_keeps_its_id_at_each_try(made: Make) -> None:
    escalation = made(after_s=0)
    escalation.receiver.status = 500
    escalation.raised()
    escalation.turn()
    escalation.receiver.status = 204
    escalation.clock.advance(sending.RETRY_FIRST)
    escalation.turn()
    ids = set()
    for _, headers, body in escalation.receiver.got:
        signed = headers["webhook-id"], headers["webhook-timestamp"], headers["webhook-signature"]
        now_s = escalation.clock.now().timestamp()
        assert fault_of(secret_of(SECRET), *signed, body, now_s) is None
        assert fault_of(secret_of(SECRET), *signed, body + b" ", now_s) == "wrong_signature"
        ids.add(headers["webhook-id"])
    assert (len(escalation.receiver.got), ids) == (2, {escalation.shown()[0]["message"]})


def test_a_receiver_that_fails_is_tried_again_later_and_later_also_after_a_restart(made: Make) -> None:
    escalation = made(after_s=0)
    escalation.receiver.status = 503
    escalation.raised()
    tries = []
    for _ in range(4):
        escalation.turn()
        escalation.turn()  # nothing is due
        (shown,) = escalation.shown()
        tries.append((shown["result"], shown["tries"], shown["next_try_at"], shown["problem"]))
        escalation.clock.advance(timedelta(seconds=5 * 2 ** (len(tries) - 1)))
        escalation.service = EscalationService(escalation.context)
    stamps = [START + timedelta(seconds=seconds) for seconds in (5, 15, 35, 75)]
    assert tries == [
        ("waiting", n, at.isoformat().replace("+00:00", "Z"), "webhook 127.0.0.1: the receiver answered 503")
        for n, at in enumerate(stamps, 1)
    ]
    escalation.receiver.status = 200
    escalation.turn()
    assert [(row["result"], row["problem"]) for row in escalation.shown()] == [("sent", "")]
    assert len(escalation.receiver.got) == 5


@ON_SQLITE
def test_tries_are_bounded(made: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "MAX_TRIES", 2)
    escalation = made(after_s=0)
    escalation.receiver.status = 400
    escalation.raised()
    for _ in range(4):
        escalation.turn()
        escalation.clock.advance(sending.RETRY_MOST)
    assert [(row["result"], row["tries"]) for row in escalation.shown()] == [("failed", 2)]


@ON_SQLITE
def test_of_several_receivers_only_those_that_failed_are_tried_again(
    made: Make, tmp_path: Path, receiver: Receiver
) -> None:
    with_dead = f"http://127.0.0.1:1/dead {SECRET}"
    channel = settings(tmp_path, "both", f"http://127.0.0.1:{receiver.port}/good {SECRET}", with_dead, after_s=0)
    escalation = made(channels=(channel,))
    escalation.raised()
    for _ in range(3):
        escalation.turn()
        escalation.clock.advance(sending.RETRY_MOST)
    assert [path for path, _, _ in receiver.got] == ["/good"]
    (shown,) = escalation.shown()
    assert (shown["result"], shown["tries"]) == ("waiting", 3)
    assert shown["problem"].startswith("webhook 127.0.0.1: ConnectError")


def test_what_is_acknowledged_before_it_could_be_sent_is_withdrawn_and_told_when_it_comes_back(made: Make) -> None:
    escalation = made(after_s=0)
    escalation.receiver.status = 500
    alarm = escalation.raised()
    escalation.turn()
    now_us = to_us(escalation.clock.now())
    escalation.change(alarm, acknowledged_us=now_us)
    escalation.receiver.status = 200
    escalation.clock.advance(sending.RETRY_FIRST)
    escalation.turn()
    assert [row["result"] for row in escalation.shown()] == ["withdrawn"]
    escalation.change(alarm, acknowledged_us=None, repeats=1, last_raised_us=now_us)
    escalation.turn()
    assert [(row["result"], row["tries"]) for row in escalation.shown()] == [("sent", 1)]


@ON_SQLITE
def test_whoever_was_told_before_it_was_withdrawn_is_told_by_another_message_when_it_comes_back(
    made: Make, tmp_path: Path, receiver: Receiver
) -> None:
    """A receiver takes a message's id once: under the old one the alarm's return would be dropped, or not even sent."""
    lines = [f"http://127.0.0.1:{receiver.port}/good {SECRET}", f"http://127.0.0.1:1/dead {SECRET}"]
    escalation = made(channels=(settings(tmp_path, "both", *lines, after_s=0),))
    alarm = escalation.raised()
    escalation.turn()
    now_us = to_us(escalation.clock.now())
    escalation.change(alarm, acknowledged_us=now_us)
    escalation.clock.advance(sending.RETRY_FIRST)
    escalation.turn()
    assert [row["result"] for row in escalation.shown()] == ["withdrawn"]
    escalation.change(alarm, acknowledged_us=None, repeats=1, last_raised_us=now_us)
    escalation.turn()
    first, second = (headers["webhook-id"] for _, headers, _ in receiver.got)
    assert first != second
    assert [(row["result"], row["tries"], row["message"]) for row in escalation.shown()] == [("waiting", 1, second)]


@ON_SQLITE
@pytest.mark.parametrize("scheme", ["http", "json"])
def test_no_url_stands_in_a_log_or_answer_whatever_the_level(
    made: Make,
    tmp_path: Path,
    receiver: Receiver,
    scheme: str,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    calm_libraries()
    secret = f" {SECRET}" if scheme == "http" else ""
    line = f"{scheme}://127.0.0.1:{receiver.port}/topsecret?key=topsecret{secret}"
    escalation = made(channels=(settings(tmp_path, "on-call", line, after_s=0),))
    escalation.raised()
    for status in (500, 200):
        receiver.status = status
        escalation.turn()
        escalation.clock.advance(sending.RETRY_FIRST)
    assert "/topsecret" in receiver.got[0][0]
    assert [row["result"] for row in escalation.shown()] == ["sent"]
    written = "".join(capfd.readouterr()) + caplog.text
    assert "escalation: not delivered" in written
    assert "topsecret" not in written + escalation.api.get("/api/v1/escalations").text


@ON_SQLITE
def test_a_webhooks_certificate_is_checked(made: Make, tmp_path: Path) -> None:
    certificate = site_certificate(tmp_path, "127.0.0.1", datetime.now(UTC))
    with running_receiver(certificate) as receiver:
        line = f"https://127.0.0.1:{receiver.port}/hook {SECRET}"
        known = settings(tmp_path, "known", line, after_s=0, ca=certificate[0])
        unknown = settings(tmp_path, "unknown", line, after_s=0)
        escalation = made(channels=(known, unknown))
        escalation.raised()
        escalation.turn()
        assert {row["channel"]: row["result"] for row in escalation.shown()} == {"known": "sent", "unknown": "waiting"}
        assert len(receiver.got) == 1


@ON_SQLITE
def test_a_redirect_is_not_followed(made: Make) -> None:
    escalation = made("/hook", after_s=0)
    escalation.receiver.status, escalation.receiver.location = 307, "/elsewhere"
    escalation.raised()
    escalation.turn()
    assert [path for path, _, _ in escalation.receiver.got] == ["/hook"]
    assert "answered 307" in escalation.shown()[0]["problem"]


@ON_SQLITE
def test_a_receiver_that_hangs_holds_up_no_other_channel(
    made: Make, tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    from server.escalation import service

    monkeypatch.setattr(service, "SENDING_WAIT_S", 0.2)
    receiver.held = threading.Event()
    with running_receiver() as quick:
        slow = settings(tmp_path, "slow", f"http://127.0.0.1:{receiver.port}/ {SECRET}", after_s=0)
        fast = settings(tmp_path, "fast", f"http://127.0.0.1:{quick.port}/ {SECRET}", after_s=0)
        escalation = made(channels=(slow, fast))
        escalation.raised()
        escalation.turn()
        escalation.turn()
        fast_alone = {"slow": "waiting", "fast": "sent"}
        assert until(lambda: {row["channel"]: row["result"] for row in escalation.shown()} == fast_alone)
        assert until(lambda: len(receiver.got) == 1)
        receiver.held.set()
        for sender in escalation.service._senders.values():
            sender.join(LIMIT_S)
        assert {row["channel"]: row["result"] for row in escalation.shown()} == {"slow": "sent", "fast": "sent"}
        assert (len(receiver.got), len(quick.got)) == (1, 1)


@ON_SQLITE
def test_apprise_delivers_fails_and_recovers(made: Make, tmp_path: Path, receiver: Receiver) -> None:
    channel = settings(tmp_path, "im", f"json://127.0.0.1:{receiver.port}/notify", after_s=0)
    escalation = made(channels=(channel,))
    receiver.status = 500
    escalation.raised()
    escalation.turn()
    (shown,) = escalation.shown()
    assert (shown["result"], shown["problem"]) == ("waiting", "JSON: the service did not take it")
    receiver.status = 200
    escalation.clock.advance(sending.RETRY_FIRST)
    escalation.turn()
    assert [row["result"] for row in escalation.shown()] == ["sent"]
    body = receiver.bodies("/notify")[-1]
    assert "门被强行打开" in body["message"]
    assert body["title"].startswith("门禁报警：门被强行打开 · "), "words, not the alarm's code"


@ON_SQLITE
def test_apprise_that_hangs_is_left_behind_and_gets_no_second_thread(
    made: Make, tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    from server.escalation import message_services

    monkeypatch.setattr(message_services, "ANSWER_S", 0.2)
    receiver.held = threading.Event()
    escalation = made(channels=(settings(tmp_path, "im", f"json://127.0.0.1:{receiver.port}/", after_s=0),))
    escalation.raised()
    escalation.turn()
    assert "did not answer" in escalation.shown()[0]["problem"]
    escalation.clock.advance(sending.RETRY_FIRST)
    escalation.turn()
    assert "has not answered the message before" in escalation.shown()[0]["problem"]
    assert until(lambda: len(receiver.got) == 1)
    receiver.held.set()
    thread = escalation.context.escalation[0].targets[0]._thread  # type: ignore[attr-defined]
    thread.join(LIMIT_S)
    assert len(receiver.got) == 1


def test_a_test_message_is_sent_recorded_and_shown(made: Make) -> None:
    escalation = made()
    answer = escalation.api.post(ASK, json={"channel": "on-call"})
    assert answer.status_code == 202, answer.text
    escalation.turn()
    (body,) = escalation.receiver.bodies()
    assert (body["type"], body["data"]["channel"]) == ("escalation.test", "on-call")
    assert "这是测试" in body["data"]["text"]
    (shown,) = escalation.shown()
    assert (shown["message"], shown["why"], shown["result"]) == (answer.json()["message"], "test", "sent")
    audit = escalation.api.get("/api/v1/audit", params={"subject": shown["message"]}).json()["items"]
    assert [entry["act"] for entry in audit] == ["escalation.test"]


@ON_SQLITE
def test_who_may_read_and_test_and_what_is_refused(made: Make) -> None:
    escalation = made()
    guard: TestClient = token_client(escalation.app, "guard")
    assert guard.get("/api/v1/escalations").json() == {"items": [], "next": None}
    assert guard.post(ASK, json={"channel": "on-call"}).status_code == 403
    assert token_client(escalation.app, "customer_service").get("/api/v1/escalations").status_code == 403
    missing = escalation.api.post(ASK, json={"channel": "none"})
    assert (missing.status_code, missing.json()["field"]) == (422, "channel")
    answers = [escalation.api.post(ASK, json={"channel": "on-call"}).status_code for _ in range(6)]
    assert answers == [202] * 5 + [429]
    first = escalation.api.get("/api/v1/escalations", params={"limit": 2}).json()
    rest = escalation.api.get("/api/v1/escalations", params={"limit": 100, "before": first["next"]}).json()
    assert [row["id"] for row in first["items"] + rest["items"]] == [5, 4, 3, 2, 1]
    channels = guard.get("/api/v1/escalations/channels")
    assert channels.json()[0]["targets"] == ["webhook 127.0.0.1"]
    assert "whsec" not in channels.text


@ON_SQLITE
def test_what_waits_for_a_channel_that_is_gone_is_given_up(made: Make) -> None:
    escalation = made()
    escalation.api.post(ASK, json={"channel": "on-call"})
    escalation.context.escalation = ()
    escalation.turn()
    (shown,) = escalation.shown()
    assert (shown["result"], shown["problem"]) == ("failed", "the channel is not configured any more")


@ON_SQLITE
def test_the_service_starts_sends_and_stops(made: Make) -> None:
    escalation = made(after_s=0)
    escalation.raised()
    escalation.service.start()
    assert until(lambda: len(escalation.receiver.got) == 1)
    assert until(lambda: [row["result"] for row in escalation.shown()] == ["sent"])
    escalation.service.stop()
    assert not escalation.service._thread.is_alive()


@ON_POSTGRESQL
def test_of_several_processes_one_sends_and_it_need_not_be_the_one_that_ingests(made: Make) -> None:
    database = made().context.database
    first, second, fleet = Election(database, ESCALATION_LOCK), Election(database, ESCALATION_LOCK), Election(database)
    try:
        assert [first.lead(), second.lead(), fleet.lead()] == [True, False, True]
        first.resign()
        assert until(second.lead)
    finally:
        for election in (first, second, fleet):
            election.resign()
