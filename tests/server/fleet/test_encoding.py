"""A card at the desk, from the API to the record that binds it: ordered once, waited for long enough, told in one transaction."""

from datetime import timedelta
from typing import Any

import pytest

from controller.commands import EncodeCard
from controller.event_base import Explanation
from controller.events import CardEncoded, CommandDone
from controller.policy import credential_key
from server.fleet.commands import ENCODE_GRACE_US, ENCODE_LIFE_US, CommandInvalid, parse_command
from tests.server.badges.making import approved_badge
from tests.server.edges import WireEdge
from tests.server.fleet.conftest import Fleet

API = "/api/v1"


class Desk:
    """An enrolled desk that is connected, and a badge that wants a card."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.edge: WireEdge = fleet.enrolled("desk-1", role="desk")
        fleet.say(self.edge, "status", self.edge.status())
        contract = {"from": "2026-01-01", "areas": ["hall"]}
        self._post("/customers", {"code": "C001", "kind": "organisation", "name": "华云数据", "contract": contract})
        self._post("/holders", {"external_id": "li", "name": "李娜", "customer": "C001"})
        self.badge = approved_badge(fleet.api, "li")

    def ask(self, number: str = "A-17") -> str:
        body = {"edge": "desk-1", "number": number}
        return str(self._post(f"/badges/{self.badge}/encode", body)["command_id"])

    def answer(self, command_id: str, number: str = "A-17") -> None:
        """What the desk records when the card is written."""
        order = EncodeCard(self.badge, number)
        credential = credential_key(self.fleet.context.keys.hash_key, "desfire", number)
        encoded = CardEncoded(command_id, self.badge, number, "desfire", credential, "opr_1")
        self.edge.record(encoded, CommandDone(command_id, order, "opr_1", "done"))
        self.tell()

    def tell(self) -> None:
        self.fleet.say(self.edge, "records", self.edge.batch(1, len(self.edge.journal)))

    def result(self, command_id: str) -> dict[str, Any]:
        shown: dict[str, Any] = self.fleet.api.get(f"{API}/commands/{command_id}").json()
        return shown

    def shown(self) -> dict[str, Any]:
        shown: dict[str, Any] = self.fleet.api.get(f"{API}/badges/{self.badge}").json()
        return shown

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self.fleet.api.post(API + path, json=body)
        assert answer.status_code < 300, answer.text
        made: dict[str, Any] = answer.json()
        return made


@pytest.fixture
def desk(fleet: Fleet) -> Desk:
    return Desk(fleet)


def test_the_record_of_a_written_card_binds_the_badge(desk: Desk) -> None:
    command_id = desk.ask()
    desk.fleet.turn()
    [order] = desk.fleet.heard(desk.edge, "command")
    assert order.command == EncodeCard(desk.badge, "A-17")
    assert (desk.shown()["standing"], desk.result(command_id)["result"]) == ("approved", "waiting")
    desk.answer(command_id)
    shown = desk.shown()
    assert (shown["standing"], shown["number"], shown["technology"]) == ("active", "A-17", "desfire")
    assert desk.result(command_id)["result"] == "done"
    desk.tell()  # the same records again
    assert desk.shown()["version"] == shown["version"]


def test_a_refusal_of_the_desk_binds_nothing_and_is_shown_with_its_reason(desk: Desk) -> None:
    command_id = desk.ask()
    desk.fleet.turn()
    because = Explanation("CARD_TAKEN_AWAY", "B1", {"step": "file"})
    desk.edge.record(CommandDone(command_id, EncodeCard(desk.badge, "A-17"), "opr_1", "refused", because))
    desk.tell()
    assert desk.result(command_id)["because"] == {"reason": "CARD_TAKEN_AWAY", "rule": "B1", "inputs": {"step": "file"}}
    assert desk.shown()["standing"] == "approved"


def test_a_desk_is_waited_for_as_long_as_a_card_may_take(desk: Desk) -> None:
    command_id = desk.ask()
    desk.fleet.turn()
    [order] = desk.fleet.heard(desk.edge, "command")
    assert 0 < order.expires_at_us - desk.fleet.now_us <= ENCODE_LIFE_US
    desk.fleet.clock.advance(timedelta(microseconds=ENCODE_LIFE_US + ENCODE_GRACE_US - 1))
    desk.fleet.turn()
    assert desk.result(command_id)["result"] == "waiting"
    desk.fleet.clock.advance(timedelta(seconds=1))
    desk.fleet.turn()
    assert desk.result(command_id)["result"] == "expired"


def test_an_answer_that_comes_after_all_still_counts(desk: Desk) -> None:
    command_id = desk.ask()
    desk.fleet.turn()
    desk.fleet.clock.advance(timedelta(seconds=200))
    desk.fleet.turn()
    assert desk.result(command_id)["result"] == "expired"
    desk.answer(command_id)
    assert desk.result(command_id)["result"] == "done"
    assert desk.shown()["standing"] == "active"


def test_a_card_is_written_through_the_badges_endpoint_alone(desk: Desk) -> None:
    asked = {"name": "EncodeCard", "badge": desk.badge, "number": "A-17"}
    answer = desk.fleet.api.post(f"{API}/commands", json={"edge": "desk-1", "command": asked})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_command")
    with pytest.raises(CommandInvalid, match="asked for by POST"):
        parse_command({**asked, "replaces": "AAAA"})
