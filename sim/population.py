"""Puts people, badges and cards where they belong: records into the server by its API, cards into the hall."""

import datetime as dt
from typing import Any

from sim.clients import HttpClient
from sim.desk import PARTS, Desk
from sim.scenario_given import BadgeGiven, ContactGiven, CustomerGiven, Given, HolderGiven
from sim.scenario_times import moment


class Population:
    """Loads what a scenario or the demo gives, and makes the cards that its people carry."""

    def __init__(self, api: HttpClient, hall: HttpClient, now: dt.datetime) -> None:
        self._api = api
        self._hall = hall
        self._now = now
        self.desk = Desk(api, hall)

    def load(self, given: Given) -> None:
        """All of ``given``: first what is, then what happened to it since. Raises :class:`sim.clients.Refused` when the server
        refuses a part."""
        for customer in given.customers:
            self.customer(customer)
        for contact in given.contacts:
            self.contact(contact)
        for holder in given.holders:
            self.holder(holder)
        for badge in given.badges:
            self.badge(badge)
        for application in given.applications:
            parts = [part for part in PARTS[:3] if part not in application.without]
            self.desk.apply(application.id, application.holder, parts)
            if application.approved:
                self.desk.approve(application.id)
        for badge in given.badges:
            if badge.report is not None:
                self._api.post(f"/api/v1/badges/{badge.id}/report", {"as": badge.report})
        for holder in given.holders:
            if holder.left:
                self._api.delete(f"/api/v1/holders/{holder.id}")
        for customer in given.customers:
            if customer.contract is not None and customer.contract.ended:
                self._api.post(f"/api/v1/contracts/{contract_of(customer.code)}/end")

    def customer(self, customer: CustomerGiven) -> None:
        """The file and, if it is given, the contract ``K-`` and the customer's code."""
        body = {
            "external_id": customer.code,
            "code": customer.code,
            "kind": customer.kind,
            "name": customer.name,
            "class": customer.class_,
            "credit_code": customer.credit_code,
            "id_number": customer.id_number,
        }
        self._post("customers", body)
        if customer.contract is not None:
            terms = {
                "external_id": contract_of(customer.code),
                "customer": customer.code,
                "from": self._time(customer.contract.from_),
                "until": self._time(customer.contract.to),
                "areas": list(customer.areas),
            }
            self._post("contracts", terms)

    def contact(self, contact: ContactGiven) -> None:
        body = {
            "external_id": contact.id,
            "customer": contact.customer,
            "name": contact.name,
            "phone": contact.phone,
            "email": contact.email,
            "role": contact.role,
        }
        self._post("contacts", body)

    def holder(self, holder: HolderGiven) -> None:
        body = {
            "external_id": holder.id,
            "name": holder.name,
            "customer": holder.customer,
            "staff": holder.staff,
            "may_escort": list(holder.may_escort),
            "areas": list(holder.areas),
            "keyholder": holder.keyholder,
            "duties": list(holder.duties),
            "phone": holder.phone,
            "id_document": holder.id_document,
            "id_number": holder.id_number,
        }
        self._post("holders", {key: value for key, value in body.items() if value not in ([], False)})

    def badge(self, badge: BadgeGiven) -> None:
        """Application, approval, and a card in the hall that is bound: all called by the badge's id."""
        terms: dict[str, Any] = {
            "from": self._time(badge.from_),
            "until": self._time(badge.to),
            "schedule": badge.schedule,
        }
        self.desk.apply(badge.id, badge.holder, **terms)
        self.desk.approve(badge.id)
        self.desk.issue(badge.id, badge.card, badge.number or None)

    def blank_card(self) -> str:
        """A card from the factory, to be written at the desk. Returns its id in the hall."""
        self._hall.post("/cards", {"id": "blank", "technology": "desfire-blank", "number": ""})
        return "blank"

    def unknown_card(self) -> str:
        """A well-made card that no badge is bound to. Returns its id in the hall."""
        self._hall.post("/cards", {"id": "unknown", "technology": "desfire", "number": "X9999"})
        return "unknown"

    def _post(self, table: str, body: dict[str, Any]) -> None:
        self._api.post(f"/api/v1/{table}", {key: value for key, value in body.items() if value is not None})

    def _time(self, text: str | None) -> str | None:
        return None if text is None else moment(text, self._now).isoformat()


def contract_of(code: str) -> str:
    """What the contract of a given customer is called."""
    return f"K-{code}"
