"""The demo's people: pairs where a room wants pairs, and everybody where the hall knows them."""

import random
from typing import Any

from sim.demo_people import DemoPeople, Tapped
from sim.site_folder import SiteFolder


class Hall:
    """Lets everybody in: alone but at the machine hall, where the second of two opens."""

    def __init__(self) -> None:
        self.waits: dict[str, str] = {}
        self.passed: list[tuple[str, int, bool]] = []
        self.alone: list[str] = []

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        if path == "/pass":
            self.passed.append((body["door"], body["people"], body["out"]))
        if path != "/present":
            return {}
        card, reader = body["card"], body["reader"]
        if card == "unknown":
            return {"unlocked": False, "indicator": "denied"}
        if reader.startswith("hall-"):
            waiting = self.waits.pop(reader, None)
            if waiting is None:
                self.waits[reader] = card
                return {"unlocked": False, "indicator": "pending"}
            if waiting == card:
                self.alone.append(card)
        return {"unlocked": True, "indicator": "granted", "tap_to_unlock_ms": 100.0}


def test_people_come_and_go_in_pairs_and_now_and_then_alone(monkeypatch: Any) -> None:
    monkeypatch.setattr("sim.at_the_door.pause", lambda _seconds: None)
    hall, told = Hall(), list[Tapped]()
    folder = SiteFolder("demo")
    waited: list[float] = []

    def wait(seconds: float) -> bool:
        waited.append(seconds)
        return False

    people = DemoPeople(hall, folder.site, folder.population, random.Random(3), told.append, wait)  # type: ignore[arg-type]
    for _ in range(400):
        people.act()
    at_the_hall = [(number, out) for door, number, out in hall.passed if door == "hall-door"]
    assert (2, False) in at_the_hall
    assert (2, True) in at_the_hall
    assert hall.alone
    assert waited
    assert {tapped.indicator for tapped in told} == {"granted", "pending", "denied"}
    assert {tapped.card for tapped in told} >= {"unknown", "b-li", "b-guo"}
    assert all(number == 1 for door, number, _ in hall.passed if door != "hall-door")
