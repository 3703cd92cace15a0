"""Which alarms go to the second channel, and when: told by a real receiver, on both databases."""

from datetime import timedelta
from pathlib import Path

import pytest

from controller.events import AlarmAcknowledged, AlarmCleared, AlarmRaised, AnyEvent
from server.db.clock import to_us
from server.ledger.models import LedgerEvent
from server.ledger.writer import Ledger
from tests.server.conftest import ON_SQLITE
from tests.server.edges import WireEdge
from tests.server.escalation.conftest import Escalation, Make, settings


def told(escalation: Escalation) -> list[str]:
    """What the receiver heard of: subject and why, in order."""
    return [f"{body['data']['subject']} {body['data']['why']}" for body in escalation.receiver.bodies()]


def after(escalation: Escalation, seconds: float) -> list[str]:
    """What was told when the clock has moved on."""
    escalation.clock.advance(timedelta(seconds=seconds))
    escalation.turn()
    return told(escalation)


def test_an_alarm_is_told_when_nobody_acknowledges_it_in_time_and_only_once(made: Make) -> None:
    escalation = made(after_s=60)
    alarm = escalation.raised()
    assert after(escalation, 59.9) == []
    assert after(escalation, 0.1) == ["hall-door unacknowledged"]
    assert after(escalation, 3600) == ["hall-door unacknowledged"]
    (row,) = escalation.api.get("/api/v1/alarms").json()["items"]
    assert row["escalated_at"] == "2026-03-02T08:01:00Z"
    (shown,) = escalation.shown()
    assert (shown["alarm_id"], shown["result"], shown["tries"], shown["next_try_at"]) == (alarm, "sent", 1, None)


def test_what_was_acknowledged_or_has_cleared_in_time_is_not_told(made: Make) -> None:
    escalation = made(after_s=60)
    for subject, change in (("a", "acknowledged_us"), ("b", "cleared_us")):
        escalation.change(escalation.raised(subject=subject), **{change: to_us(escalation.clock.now())})
    assert after(escalation, 3600) == []


@ON_SQLITE
def test_priority_and_names_choose_the_alarms(made: Make, tmp_path: Path, receiver: object) -> None:
    line = f"http://127.0.0.1:{receiver.port}/%s whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # type: ignore[attr-defined]
    channels = (
        settings(tmp_path, "urgent", line % "urgent", after_s=0),
        settings(tmp_path, "all", line % "all", after_s=0, priority=3),
        settings(tmp_path, "held", line % "held", after_s=0, alarms=("DoorHeldOpen", "RECORDS_LOST")),
    )
    escalation = made(channels=channels)
    for alarm in ("DoorForcedOpen", "DoorHeldOpen", "LINK_LOST", "RECORDS_LOST"):
        escalation.raised(alarm)
    escalation.turn()
    heard = {
        path: [body["data"]["alarm"] for body in escalation.receiver.bodies(path)]
        for path in ("/urgent", "/all", "/held")
    }
    assert heard == {
        "/urgent": ["DoorForcedOpen"],
        "/all": ["DoorForcedOpen", "DoorHeldOpen", "LINK_LOST", "RECORDS_LOST"],
        "/held": ["DoorHeldOpen", "RECORDS_LOST"],
    }


def test_duress_is_told_at_once_whatever_the_channels_time(made: Make) -> None:
    escalation = made(after_s=3600)
    escalation.raised("DURESS", "000017", inputs='{"door":"hall-door"}')
    assert after(escalation, 0) == ["000017 at_once"]
    (body,) = escalation.receiver.bodies()
    assert body["data"]["place"]["id"] == "hall-door"


def test_somebody_alone_for_too_long_is_told_at_once_also_when_the_begin_was_acknowledged(made: Make) -> None:
    escalation = made(after_s=3600)
    now_us = to_us(escalation.clock.now())
    alarm = escalation.raised("LONE_OCCUPANT", "hall", inputs='{"area":"hall","overdue":0}', acknowledged_us=now_us)
    assert after(escalation, 300) == []
    anew = {"inputs": '{"area":"hall","overdue":1}', "acknowledged_us": None, "last_raised_us": now_us + 300_000_000}
    escalation.change(alarm, **anew)
    assert after(escalation, 0) == ["hall overdue"]


def test_what_comes_back_is_not_told_anew(made: Make) -> None:
    escalation = made(after_s=10)
    alarm = escalation.raised()
    assert len(after(escalation, 10)) == 1
    now_us = to_us(escalation.clock.now())
    escalation.change(alarm, cleared_us=now_us)
    assert len(after(escalation, 5)) == 1
    escalation.change(alarm, cleared_us=None, repeats=1, last_raised_us=now_us + 5_000_000)
    assert len(after(escalation, 3600)) == 1


def test_what_comes_and_goes_without_anybody_acknowledging_it_is_told(made: Make) -> None:
    escalation = made(after_s=60)
    alarm = escalation.raised()
    start = to_us(escalation.clock.now())
    escalation.change(alarm, repeats=5, last_raised_us=start + 55_000_000)
    assert after(escalation, 60) == ["hall-door unacknowledged"]


def test_what_comes_back_after_somebody_had_acknowledged_it_counts_from_its_return(made: Make) -> None:
    escalation = made(after_s=60)
    start = to_us(escalation.clock.now())
    alarm = escalation.raised(repeats=1, last_raised_us=start + 50_000_000)
    with escalation.context.database.write() as session:
        seen = {"kind": "AlarmAcknowledged", "alarm": "DoorForcedOpen", "subject": "hall-door", "detail": "{}"}
        session.add(LedgerEvent(seq=start + 1, edge_id=escalation.edge_id, at_us=start, **seen))
    assert after(escalation, 60) == []
    assert after(escalation, 50) == ["hall-door unacknowledged"]
    assert escalation.shown()[0]["alarm_id"] == alarm


def test_what_an_edge_records_of_somebody_alone_is_told_when_overdue_and_of_duress_at_once(made: Make) -> None:
    escalation = made(after_s=120)
    edge, ledger = WireEdge(), Ledger(escalation.context.database, "test-1")

    def lone(overdue: int) -> AlarmRaised:
        return AlarmRaised("LONE_OCCUPANT", "hall", "R2", {"area": "hall", "until_us": 1, "overdue": overdue})

    def heard(*events: AnyEvent) -> list[str]:
        edge.record(*events)
        assert escalation.edge_id is not None
        with ledger.writing(to_us(escalation.clock.now())) as writer:
            writer.take(escalation.edge_id, edge.batch(len(edge.journal), len(edge.journal)))
        return after(escalation, 0)

    assert heard(lone(0)) == []
    assert heard(AlarmAcknowledged("LONE_OCCUPANT", "hall", "guard", "on my way")) == []
    assert after(escalation, 300) == []
    assert heard(lone(1)) == ["hall overdue"]
    duress = AlarmRaised("DURESS", "000017", "R1", {"access_point": "hall-in"})
    assert heard(duress) == ["hall overdue", "000017 at_once"]
    assert heard(AlarmCleared("LONE_OCCUPANT", "hall")) == ["hall overdue", "000017 at_once"]


@ON_SQLITE
def test_an_edge_whose_clock_is_ahead_puts_nothing_off(made: Make) -> None:
    escalation = made(after_s=60)
    escalation.raised(raised_us=to_us(escalation.clock.now()) + 86_400_000_000)
    assert after(escalation, 0) == ["hall-door unacknowledged"]


@ON_SQLITE
def test_the_message_says_what_where_when_and_what_to_do_in_both_languages_and_names_nobody(made: Make) -> None:
    escalation = made(after_s=0)
    escalation.raised(inputs='{"number":"000017"}')
    escalation.turn()
    (body,) = escalation.receiver.bodies()
    assert (body["type"], body["timestamp"]) == ("alarm.escalated", "2026-03-02T08:00:00Z")
    data = body["data"]
    assert (data["place"]["kind"], data["edge"], data["site"], data["priority"]) == ("door", "edge-1", "demo", 1)
    for part in (
        "门被强行打开",
        "Door forced open",
        "2026-03-02 16:00:00 (Asia/Shanghai)",
        "https://menjin.test:8443/",
    ):
        assert part in data["text"], part
    assert "000017" not in str(body)


@ON_SQLITE
@pytest.mark.parametrize(
    ("subject", "inputs", "place"),
    [
        ("hall", "{}", ("area", "hall")),
        ("hall-in", "{}", ("door", "hall-door")),
        ("000017", '{"access_point":"hall-in"}', ("door", "hall-door")),
        ("relay-1", "{}", ("other", "relay-1")),
    ],
)
def test_the_place_is_a_door_or_area_where_there_is_one(
    made: Make, subject: str, inputs: str, place: tuple[str, str]
) -> None:
    escalation = made(after_s=0)
    escalation.raised("BOARD_FAULT", subject, inputs=inputs)
    escalation.turn()
    found = escalation.receiver.bodies()[0]["data"]["place"]
    assert (found["kind"], found["id"]) == place
