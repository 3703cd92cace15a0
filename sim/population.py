"""Puts people, badges and cards where they belong: records into the server by its API, cards into the hall."""

import datetime as dt

from sim.clients import HttpClient
from sim.scenario import BadgeGiven, CustomerGiven, Given, HolderGiven
from sim.scenario_times import moment

FIRST_NUMBER = 1001


class Population:
    """Loads what a scenario or the demo gives, and makes the cards that its people carry."""

    def __init__(self, api: HttpClient, hall: HttpClient, now: dt.datetime) -> None:
        self._api = api
        self._hall = hall
        self._now = now
        self._next_number = FIRST_NUMBER

    def load(self, given: Given) -> None:
        """All of ``given``. Raises :class:`sim.clients.Refused` when the server refuses a part."""
        for customer in given.customers:
            self.customer(customer)
        for holder in given.holders:
            self.holder(holder)
        for badge in given.badges:
            self.badge(badge)

    def customer(self, customer: CustomerGiven) -> None:
        contract = None
        if customer.contract is not None:
            contract = {
                "from": self._time(customer.contract.from_),
                "until": self._time(customer.contract.to),
                "areas": list(customer.areas),
            }
        body = {
            "external_id": customer.code,
            "code": customer.code,
            "kind": customer.kind,
            "name": customer.name,
            **({"contract": contract} if contract else {}),
        }
        self._api.post("/api/v1/customers", body)

    def holder(self, holder: HolderGiven) -> None:
        body = {
            "external_id": holder.id,
            "name": holder.name,
            "customer": holder.customer,
            "staff": holder.staff,
            "may_escort": list(holder.may_escort),
            "areas": list(holder.areas),
            "keyholder": holder.keyholder,
        }
        self._api.post("/api/v1/holders", {key: value for key, value in body.items() if value not in (None, [], False)})

    def badge(self, badge: BadgeGiven) -> None:
        """A card in the hall and the badge that is bound to it, both called by the badge's id."""
        number = badge.number or f"M{self._next_number}"
        self._next_number += 1
        card = self._hall.post("/cards", {"id": badge.id, "technology": badge.card, "number": number})
        card_number = card["uid"] if badge.card == "uid" else number
        body = {
            "external_id": badge.id,
            "holder": badge.holder,
            "number": number,
            "card": {"technology": badge.card, "number": card_number},
            "from": self._time(badge.from_) if badge.from_ else None,
            "until": self._time(badge.to) if badge.to else None,
            "schedule": badge.schedule,
        }
        self._api.post("/api/v1/badges", {key: value for key, value in body.items() if value is not None})

    def unknown_card(self) -> str:
        """A well-made card that no badge is bound to. Returns its id in the hall."""
        self._hall.post("/cards", {"id": "unknown", "technology": "desfire", "number": "X9999"})
        return "unknown"

    def _time(self, text: str) -> str:
        return moment(text, self._now).isoformat()
