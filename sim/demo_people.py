"""The people of the demo: they come and go as chance has it, in pairs where a room wants pairs, and now and then somebody does wrong."""

from collections.abc import Callable

import msgspec

from controller.site import AccessPoint, Site
from sim.at_the_door import Taps
from sim.chance import Chance
from sim.clients import HttpClient
from sim.scenario_given import Given

UNKNOWN_CARD_SHARE = 0.1
ASTRAY_SHARE = 0.15
"""Of those who tap alone: at a reader where they do not stand."""
LONE_EXIT_SHARE = 0.15
"""Of those who leave a two-person room with somebody: who does not wait for the other."""
CONFIRM_S = 3.2
"""Whoever is asked to wait at a way out and does not want to taps again after this (MEANINGS 9)."""


class Tapped(msgspec.Struct, frozen=True):
    """One tap and what the hall showed."""

    card: str
    reader: str
    unlocked: bool
    indicator: str
    tap_to_unlock_ms: float | None


class DemoPeople:
    """``told``: each tap; ``wait``: lets seconds pass, or returns true at once when all is to end. Everybody begins outside."""

    def __init__(
        self,
        hall: HttpClient,
        site: Site,
        given: Given,
        chance: Chance,
        told: Callable[[Tapped], None],
        wait: Callable[[float], bool],
    ) -> None:
        self._hall = hall
        self._chance = chance
        self._told = told
        self._wait = wait
        self._taps = Taps(hall)
        self._points = {point.id: point for point in site.access_points}
        self._pairs = {area.id for area in site.areas if area.two_person}
        self._goods_doors = {door.id for door in site.doors if door.goods}
        public = next(area.id for area in site.areas if area.public)
        self._cards = [badge.id for badge in given.badges]
        self._where = dict.fromkeys(self._cards, public)

    def act(self) -> None:
        """Somebody does something."""
        if self._chance.random() < UNKNOWN_CARD_SHARE:
            self._tap("unknown", self._chance.choice(sorted(self._points)))
            return
        card = self._chance.choice(self._cards)
        here = standing_there = [point for point in self._points.values() if point.from_area == self._where[card]]
        if not here or self._chance.random() < ASTRAY_SHARE:
            here = list(self._points.values())
        point = self._chance.choice(here)
        with_somebody = {point.from_area, point.to_area} & self._pairs
        if with_somebody and self._where[card] == point.from_area:
            self._with_somebody(card, point)
            return
        first = self._tap(card, point.id)
        if first.unlocked:
            self._go(point, [card])
        elif first.indicator == "pending" and point.door in self._goods_doors and point in standing_there:
            self._alone(card, point)  # carries nothing

    def _with_somebody(self, card: str, point: AccessPoint) -> None:
        """Tap where a room wants pairs: alone if that opens, else with whoever stands on the same side."""
        first = self._tap(card, point.id)
        if first.unlocked:
            self._go(point, [card])
            return
        if first.indicator != "pending":
            return
        if point.out and self._chance.random() < LONE_EXIT_SHARE:
            self._alone(card, point)
            return
        others = [other for other, area in self._where.items() if area == point.from_area and other != card]
        self._chance.shuffle(others)
        for other in others[:3]:
            if self._tap(other, point.id).unlocked:
                self._go(point, [card, other])
                return

    def _alone(self, card: str, point: AccessPoint) -> None:
        if not self._wait(CONFIRM_S) and self._tap(card, point.id).unlocked:
            self._go(point, [card])

    def _go(self, point: AccessPoint, cards: list[str]) -> None:
        self._hall.post("/pass", {"door": point.door, "people": len(cards), "out": point.out, "tailgate": 0})
        for card in cards:
            self._where[card] = point.to_area

    def _tap(self, card: str, reader: str) -> Tapped:
        answer = self._taps.tap(card, reader)
        tapped = Tapped(card, reader, answer.unlocked, answer.indicator, answer.tap_to_unlock_ms)
        self._told(tapped)
        return tapped
