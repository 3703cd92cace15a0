"""What the demo has to carry and to receive: devices in the racks, a work order, an exit slip, a permit for two visitors, and the cards that the guard lends them.

Everything is made through the server's API, by as many operators as each step takes; the hall is told what lies on its table.
"""

import datetime as dt
from collections.abc import Iterable
from typing import Any

from controller.goods_events import DocumentKind
from sim.documents import document
from sim.goods_desk import GoodsDesk
from sim.operators import Operators
from sim.scenario_given import Given, ItemGiven
from sim.stack import Stack

REASON = "设备更换 replacement of equipment"
PERMIT = "permit-1"
AREAS = ("lobby", "hall")
BEFORE, AFTER = dt.timedelta(hours=1), dt.timedelta(hours=12)
"""The permit's window around the demo's start."""
VISITORS = (("邓超", "110101199003070417"), ("许岚", "310101198811230026"))
"""Who is expected today, with the numbers of their identity cards; made up."""
APPLICANTS = (("林晓", "310101199508120042", "C006"),)
"""Who came for a badge, with the number of the identity card and the customer whose people they are; made up."""
HOSTS = "C001"
POOL = ("T9001", "T9002", "T9003")
"""Numbers of the cards in the hall's tray, which the guard lends to visitors; each is called by its number there."""


class DemoPapers:
    """Every call raises :class:`sim.clients.Refused` when the server refuses it."""

    def __init__(self, stack: Stack, given: Given, now: dt.datetime) -> None:
        self._stack = stack
        self._given = given
        self._now = now
        self._operators = Operators(stack)
        self._goods = GoodsDesk(self._operators, now, REASON)

    def make(self) -> None:
        """All of it; then the hall has it on its table."""
        try:
            self._stack.hall.post("/papers", {"applicants": self._applicants()})
            self._goods.stock(self._given.inventory)
            models = {item.serial: item.model for item in self._given.inventory}
            for slip in self._given.slips:
                self._goods.given_slip(slip, models)
            for order in self._given.orders:
                self._goods.given_order(order)
            self._cards()
            self._stack.hall.post("/papers", self._on_the_table())
            self._permit()
        finally:
            self._operators.close()

    def _on_the_table(self) -> dict[str, Any]:
        """What can be scanned, each device beside the document that names it, and which cards are there to be lent."""
        papers = [
            self._paper("slip", slip.id, slip.items, slip.customer) for slip in self._given.slips
        ] + [
            self._paper("order", order.id, [serial for line in order.lines for serial in line.serials], order.customer)
            for order in self._given.orders
        ]  # fmt: skip
        on_paper = {serial: paper["number"] for paper in papers for serial in paper.pop("serials")}
        announced = [
            ItemGiven(serial, line.model, order.customer)
            for order in self._given.orders
            for line in order.lines
            for serial in line.serials
        ]
        devices = [
            {"serial": item.serial, "model": item.model, "customer": item.customer, "paper": on_paper.get(item.serial)}
            for item in (*self._given.inventory, *announced)
        ]
        visitors = [{"name": name, "id_number": number} for name, number in VISITORS]
        return {
            "papers": papers,
            "devices": devices,
            "cards": list(POOL),
            "visitors": visitors,
            "applicants": self._applicants(),
        }

    def _applicants(self) -> list[dict[str, str]]:
        return [{"name": name, "id_number": number, "customer": code} for name, number, code in APPLICANTS]

    def _paper(self, kind: DocumentKind, name: str, serials: Iterable[str], customer: str | None) -> dict[str, Any]:
        printed = self._goods.printed(kind, name)
        return {"kind": kind, **printed, "customer": customer, "serials": list(serials)}

    def _cards(self) -> None:
        for number in POOL:
            self._stack.hall.post("/cards", {"id": number, "technology": "desfire", "number": number})
            card = {"technology": "desfire", "number": number}
            self._stack.api.post("/api/v1/temporary-badges", {"number": number, "card": card})

    def _permit(self) -> None:
        """One permit for everybody who is expected, approved by two people: their visits are expected from then on."""
        service, path = self._operators.client("customer_service"), f"/api/v1/permits/{PERMIT}"
        body = {
            "external_id": PERMIT,
            "kind": "temporary",
            "customer": HOSTS,
            "reason": REASON,
            "areas": list(AREAS),
            "from": (self._now - BEFORE).isoformat(),
            "until": (self._now + AFTER).isoformat(),
            "persons": [
                {"name": name, "id_document": "id_card", "id_number": number} for name, number in VISITORS
            ],
        }  # fmt: skip
        made = service.post("/api/v1/permits", body)
        service.put(f"{path}/letter", *document("letter", PERMIT))
        for person in made["persons"]:
            service.put(f"{path}/persons/{person['id']}/id-copy", *document("id_copy", person["id"]))
        service.post(f"{path}/submit")
        self._stack.api.post(f"{path}/approve", {"as": "customer_service", "note": REASON})
        self._operators.client("it_head").post(f"{path}/approve", {"note": REASON})
