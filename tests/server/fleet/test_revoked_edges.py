"""An edge whose key is believed no more: nothing it says counts, nothing is sent to it, nobody misses it."""

from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from server.badges.models import Badge
from server.fleet.models import OutboxMessage
from server.operators.models import AuditEntry
from tests.server.browser import token_client
from tests.server.edges import WireEdge
from tests.server.fleet.conftest import Fleet


def revoke(fleet: Fleet, name: str = "edge-1") -> None:
    answer = fleet.api.post(f"/api/v1/edges/{name}/revoke")
    assert answer.status_code == 200, answer.text
    assert answer.json()["revoked_at"] is not None


def alarms(fleet: Fleet) -> list[str]:
    return [alarm["alarm"] for alarm in fleet.api.get("/api/v1/alarms").json()["items"]]


@pytest.fixture
def edge(fleet: Fleet) -> WireEdge:
    """Enrolled, online, with a policy."""
    edge = fleet.enrolled()
    fleet.registry.member("M1", fleet.registry.customer())
    fleet.turn()
    fleet.receipt(edge)
    fleet.turn()
    for leaf in ("policy", "delta", "lease", "ack"):
        fleet.heard(edge, leaf)
    return edge


def test_what_it_says_is_refused_at_once_and_counted(fleet: Fleet, edge: WireEdge) -> None:
    edge.record()
    revoke(fleet)
    fleet.say(edge, "records", edge.batch(1, 1))  # the inbox still knows it from a moment ago
    fleet.clock.advance(timedelta(seconds=2))
    fleet.say(edge, "status", edge.status())
    fleet.say(edge, "status", b'{"online":false}')
    fleet.say(edge, "request", edge.request(want="head"))
    fleet.turn()
    assert fleet.heard(edge, "ack") == []
    assert fleet.api.get("/api/v1/events").json()["items"] == []
    shown = fleet.shown(edge)
    assert not shown["online"]
    assert {(row["leaf"], row["reason"], row["count"]) for row in shown["refused_here"]} == {
        ("records", "revoked_edge", 1),
        ("request", "revoked_edge", 1),
        ("status", "revoked_edge", 2),
    }


def test_nothing_is_sent_to_it_and_what_waited_is_gone(fleet: Fleet, edge: WireEdge) -> None:
    fleet.broker.connected = False
    fleet.registry.change(Badge, 1, status="lost")
    fleet.turn()
    revoke(fleet)
    fleet.broker.connected = True
    fleet.registry.change(Badge, 1, status="active")
    fleet.service._connected()
    fleet.clock.advance(timedelta(minutes=10))
    fleet.turn()
    assert [fleet.heard(edge, leaf) for leaf in ("policy", "delta", "lease", "chunk", "command")] == [[]] * 5
    with fleet.context.database.read() as session:
        assert session.exec(select(OutboxMessage)).all() == []
    assert fleet.api.get("/api/v1/policies").json()["items"][0]["revoked"]


def test_it_raises_no_alarm_and_one_that_stood_for_it_ends(fleet: Fleet, edge: WireEdge) -> None:
    fleet.say(edge, "status", b'{"online":false}')
    assert alarms(fleet) == ["LINK_LOST"]
    revoke(fleet)
    fleet.clock.advance(timedelta(minutes=5))
    fleet.turn()
    assert alarms(fleet) == []


def test_enrolling_it_again_makes_it_believed_with_all_that_it_missed(fleet: Fleet, edge: WireEdge) -> None:
    revoke(fleet)
    fleet.registry.change(Badge, 1, status="lost")
    fleet.clock.advance(timedelta(seconds=2))
    fleet.turn()
    again = fleet.enrolled()
    fleet.clock.advance(timedelta(seconds=2))
    fleet.turn()
    assert fleet.shown(again)["revoked_at"] is None
    fleet.say(again, "status", again.status())
    assert fleet.shown(again)["online"]
    assert [badge.status for badge in fleet.snapshot(again).badges] == ["lost"]


def test_enrolled_again_while_the_server_was_down_it_misses_nothing_either(fleet: Fleet, edge: WireEdge) -> None:
    revoke(fleet)
    fleet.registry.change(Badge, 1, status="lost")
    fleet.turn()
    fleet.clock.advance(timedelta(seconds=2))
    again = fleet.enrolled()
    fleet.restart()
    fleet.turn()
    assert [badge.status for badge in fleet.snapshot(again).badges] == ["lost"]


def test_a_token_made_before_is_void_and_the_act_is_on_record(fleet: Fleet, edge: WireEdge) -> None:
    token = fleet.api.post("/api/v1/edges", json={"name": "edge-1"}).json()["token"]
    revoke(fleet)
    revoke(fleet)
    body = {"token": token, "public_key": edge.public_key.hex()}
    assert fleet.api.post("/api/v1/edges/enrol", json=body).status_code == 403
    with fleet.context.database.read() as session:
        acts = [entry.act for entry in session.exec(select(AuditEntry)).all()]
    assert acts.count("edge.revoke") == 1
    guard: TestClient = token_client(fleet.api.app, "guard")
    assert guard.post("/api/v1/edges/edge-1/revoke").status_code == 403
    assert fleet.api.post("/api/v1/edges/none/revoke").status_code == 404
