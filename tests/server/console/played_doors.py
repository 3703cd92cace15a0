"""What happens at the doors of the demo before its pictures are taken: people inside, alarms of several kinds, visitors, a shift that was handed over."""

import json
import urllib.request
from typing import Any

from sim.at_the_door import READY_POLL_S, doors_are_ready
from sim.operators import Operators
from sim.stack import Stack
from sim.waiting import pause, until
from tests.server.console.played_papers import API, Places

CONFIRM_S = 3.2
"""After the prompt a second tap goes alone (MEANINGS 9)."""
SHUT_S = 0.5
"""Until the edge has seen that the door is shut: who taps before that taps at an open door."""
LONG = {"guard_window_s": 600, "exit_prompt_s": 600, "equipment_window_s": 600}
"""Nobody's turn ends while pictures are taken."""
RULES: dict[str, dict[str, Any]] = {"lobby-door": {"guard_confirms": True}}


class Hall:
    """The simulated hall over HTTP."""

    def __init__(self, url: str) -> None:
        self.url = url

    def post(self, path: str, **body: Any) -> Any:
        """One call of the hall's interface."""
        request = urllib.request.Request(
            self.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST"
        )
        with urllib.request.urlopen(request, timeout=15) as answer:
            return json.load(answer)

    def tap(self, card: str, reader: str) -> Any:
        """Lay a card down for a moment."""
        return self.post("/present", card=card, reader=reader, hold_s=0.3)

    def enter(self, card: str, reader: str, people: int = 1) -> None:
        """Lay a card down and, where the door unlocks, go through."""
        if self.tap(card, reader)["unlocked"]:
            door = reader.rpartition("-")[0] + "-door"
            self.post("/pass", door=door, people=people, out=reader.endswith("-out"), tailgate=0)


class Played:
    """``play`` once, on a site with :data:`RULES` whose people are there and whose papers are made. The last of it stays: three people wait at doors."""

    def __init__(self, stack: Stack, operators: Operators) -> None:
        self._api = stack.api
        self._hall = Hall(stack.hall_url)
        self._as = operators.client

    def play(self) -> Places:
        """All of it. Returns what paths need of it."""
        assert until(lambda: doors_are_ready(self._api), 90, READY_POLL_S), "the edge did not take the policy"
        self._desk()
        places = {"handover": self._handed_over()}
        self._people()
        self._equipment()
        self._hall.tap("b-he", "lobby-in")
        self._hall.tap("b-wang", "lobby-in")
        assert until(lambda: len(self._waiting()) >= 2, 60, READY_POLL_S), self._waiting()
        entries = self._api.get(f"{API}/register", limit=50)["items"]
        main_room = next(one["id"] for one in entries if one["area"] == "hall" and one["number"] == "M1006")
        return places | {"entry": str(main_room), "staff": self._api.get(f"{API}/holders/guo")["id"]}

    def _desk(self) -> None:
        """What two people decide, and the recovery secret that its holders still have to see."""
        self._api.post(
            f"{API}/approvals", {"kind": "restore", "subject": "2026-11-21 03:00", "reason": "误删客户 C005 的联系人"}
        )
        halves = {"a": {"name": "沈清", "duty": "法务"}, "b": {"name": "郑国栋", "duty": "财务总监"}}
        self._api.post(f"{API}/recovery/secrets", {**halves, "reason": "系统上线，首次制作"})

    def _handed_over(self) -> str:
        """A shift of which everything was explained."""
        guard = self._as("guard")
        made = guard.post(f"{API}/handovers", {"note": "3 号柜钥匙有点卡"})
        path = f"{API}/handovers/{made['id']}"
        items = [item["item"] for item in guard.get(path)["items"]]
        if items:
            said = [{"items": items, "text": "已告知下一班，明早处理"}]
            guard.post(f"{path}/explanations", {"explanations": said})
        guard.post(f"{path}/sign")
        self._as("supervisor").post(f"{path}/accept")
        return str(made["id"])

    def _people(self) -> None:
        """Several in the lobby, two in the hall of whom one stays alone, refusals, a button, a forced door."""
        for card, number in (("b-zhao", "M1008"), ("b-li", "M1001"), ("b-guo", "M1006"), ("badge-shen", "M2001")):
            self._through_the_lobby(card, number)
        self._hall.tap("b-li", "hall-in")
        self._hall.tap("b-guo", "hall-in")
        assert until(lambda: not self._door("hall-door", "locked"), 30, 0.1), "the pair was not let in"
        self._hall.post("/pass", door="hall-door", people=2, out=False, tailgate=0)
        self._hall.enter("b-li", "cage-in")
        self._hall.post("/rex", door="lobby-door")
        self._hall.post("/pass", door="lobby-door", people=1, out=True, tailgate=0)
        for card in ("unknown", "b-zhao", "unknown"):
            self._hall.enter(card, "hall-in")
        self._hall.enter("b-guo", "hall-out")
        pause(CONFIRM_S)
        self._hall.enter("b-guo", "hall-out")
        self._hall.post("/door", door="cage-door", act="force")

    def _through_the_lobby(self, card: str, number: str) -> None:
        """The guard compares the person with the photo, and lets them in."""
        self._hall.tap(card, "lobby-in")
        assert until(lambda: number in str(self._waiting()), 60, READY_POLL_S), f"{number} does not wait"
        said = {"access_point": "lobby-in", "number": number, "accepted": True}
        self._as("guard").post(f"{API}/holder-confirmations", said)
        assert until(lambda: not self._door("lobby-door", "locked"), 30, 0.1), "the lobby's door did not unlock"
        self._hall.post("/pass", door="lobby-door", people=1, out=False, tailgate=0)
        assert until(lambda: self._door("lobby-door", "locked") and not self._door("lobby-door", "open"), 30, 0.1)
        pause(SHUT_S)

    def _equipment(self) -> None:
        """Somebody left the goods room by the button, somebody stands before a scanner that fell out."""
        self._hall.enter("b-sun", "goods-in")
        self._hall.post("/rex", door="goods-door")
        self._hall.post("/pass", door="goods-door", people=1, out=True, tailgate=0)
        self._hall.enter("b-chen", "goods-in")
        self._hall.post("/device", device="scanner-out", act="unplug")
        assert until(self._scanner_is_away, 60, READY_POLL_S), "nobody noticed that the scanner fell out"
        self._hall.tap("b-chen", "goods-out")

    def _scanner_is_away(self) -> bool:
        devices = [str(edge) for edge in self._api.get(f"{API}/edges")["items"]]
        return "scanner-out" in str(self._api.get(f"{API}/alarms")) or any(
            "scanner" in one and "working" not in one for one in devices
        )

    def _waiting(self) -> Any:
        return self._as("guard").get(f"{API}/waiting-checks")["items"]

    def _door(self, door: str, fact: str) -> bool:
        with urllib.request.urlopen(self._hall.url + "/state", timeout=15) as answer:
            return bool(json.load(answer)["doors"][door][fact])
