"""The desk as processes: a signed command through the real server writes a card on a pty, which then opens a door (DESIGN 21)."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from sim.at_the_door import Taps, doors_are_ready, policy_is_current
from sim.clients import Refused
from sim.desk import Desk
from sim.stack import DESK, Stack
from sim.waiting import until

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]

READY_S = 40.0
ANSWER_S = 60.0
READER = "desk"


class Office:
    """A site with a desk, and one customer whose people want badges."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.api = stack.api
        self.desk = Desk(stack.api, stack.hall)
        contract = {"from": "2026-01-01", "areas": ["lobby", "hall"]}
        self.api.post(
            "/api/v1/customers", {"code": "C901", "kind": "organisation", "name": "华云数据", "contract": contract}
        )
        assert until(lambda: doors_are_ready(self.api), READY_S)
        assert until(lambda: bool(self.api.get(f"/api/v1/edges/{DESK}")["online"]), READY_S)

    def approved(self, badge: str) -> str:
        holder = f"holder-of-{badge}"
        self.api.post("/api/v1/holders", {"external_id": holder, "name": "李娜", "customer": "C901"})
        assert self.desk.apply(badge, holder)["missing"] == []
        self.desk.approve(badge)
        return badge

    def encode(self, badge: str, number: str, cut_in: int | None = None) -> Mapping[str, Any]:
        """Ask, lay the badge's card down, and wait. ``cut_in``: the command in which it is taken away."""
        order = self.desk.encode(badge, DESK, number)
        if cut_in is not None:
            self.desk.interrupt(badge, cut_in, "after")
        return self.desk.lay_and_wait(badge, READER, order, ANSWER_S)

    def result(self, command_id: str) -> tuple[str, str]:
        answer: dict[str, Any] = {}

        def answered() -> bool:
            answer.update(self.api.get(f"/api/v1/commands/{command_id}"))
            return bool(answer["result"] != "waiting")

        assert until(answered, ANSWER_S)
        return answer["result"], (answer["because"] or {}).get("reason", "")

    def standing(self, badge: str) -> str:
        return str(self.api.get(f"/api/v1/badges/{badge}")["standing"])

    def opens(self, badge: str) -> bool:
        assert until(lambda: policy_is_current(self.api), READY_S)
        return Taps(self.stack.hall).tap(badge, "lobby-in", wait_s=15).unlocked


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with Stack(tmp_path_factory.mktemp("office"), "demo", "mosquitto", desk=True) as stack:
        yield Office(stack)


def test_a_desk_killed_while_it_waits_says_so_and_the_next_command_makes_the_badge(office: Office) -> None:
    badge = office.approved("killed")
    office.desk.encode(badge, DESK, "K-1")  # makes the card, and asks
    with pytest.raises(Refused, match="K-1"):
        office.desk.encode(badge, DESK, "K-1")  # a card may carry it already
    waiting = office.desk.encode(badge, DESK, "K-2")  # one at a time
    assert office.result(waiting) == ("refused", "DESK_BUSY")
    office.stack.kill("desk")
    office.stack.restore("desk")
    assert until(lambda: bool(office.api.get(f"/api/v1/edges/{DESK}")["online"]), READY_S)
    answer = office.encode(badge, "K-2")
    assert answer["result"] == "done", answer
    assert until(lambda: office.standing(badge) == "active", READY_S)
    assert office.opens(badge)
    results = [
        event["reason"]
        for event in office.api.get("/api/v1/events", limit=200, newest_first=True)["items"]
        if event["kind"] == "CommandDone" and event["edge"] == DESK
    ]
    assert "ENCODING_INTERRUPTED" in results
    with pytest.raises(Refused):
        office.desk.encode(badge, DESK, "K-1")  # the desk cannot say that no card carries it


def test_cut_off_when_it_may_carry_its_number_the_same_card_is_written_over_with_the_next(office: Office) -> None:
    badge = office.approved("cut")
    broken = office.encode(badge, "C-1", cut_in=25)
    assert broken["result"] == "refused", broken
    assert broken["because"]["reason"] == "CARD_TAKEN_AWAY"
    assert office.standing(badge) == "approved"
    office.stack.kill("desk")
    office.stack.restore("desk")
    assert until(lambda: bool(office.api.get(f"/api/v1/edges/{DESK}")["online"]), READY_S)
    with pytest.raises(Refused, match="C-1"):
        office.desk.encode(badge, DESK, "C-1")  # a second blank would be a second card of that number (B4)
    assert office.encode(badge, "C-2")["result"] == "done"
    assert until(lambda: office.standing(badge) == "active", READY_S)
    assert office.opens(badge)


def test_the_generic_command_endpoint_writes_no_cards(office: Office) -> None:
    asked = {"name": "EncodeCard", "badge": "bdg_x", "number": "X-1"}
    with pytest.raises(Refused) as refused:
        office.api.post("/api/v1/commands", {"edge": DESK, "command": asked})
    assert "encode" in str(refused.value)


def test_the_keys_that_make_badges_are_at_the_desk_alone(office: Office) -> None:
    folder: Path = office.stack.directory
    secret = (folder / "card.keys").read_text()
    keys = dict(line.split(" = ") for line in secret.splitlines())
    picc = keys["desfire_picc"].strip().strip('"')
    holding = {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and picc.encode() in path.read_bytes()
    }
    assert holding == {"card.keys", "desk/desk.bundle"}
    assert (folder / "desk" / "desk.bundle").stat().st_mode & 0o777 == 0o600
