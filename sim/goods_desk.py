"""What customer service, guards and heads do about equipment, through the server's API: inventory, work orders, exit slips, each by as many people as it takes."""

import datetime as dt
from collections.abc import Iterable
from typing import Any

from controller.goods_events import DocumentKind
from sim.documents import document
from sim.operators import Operators
from sim.scenario_given import ItemGiven, LineGiven, OrderGiven, SlipGiven
from sim.scenario_goods import Bind, OrderTerms, SlipTerms
from sim.scenario_times import moment

REASON = "as the scenario says"
AHEAD = dt.timedelta(hours=12)
"""How long a work order or slip lasts where nothing is said."""


class GoodsDesk:
    """Every call raises :class:`sim.clients.Refused` when the server refuses it. Documents are called by their external ids."""

    def __init__(self, operators: Operators, now: dt.datetime, reason: str = REASON) -> None:
        self._operators = operators
        self._now = now
        self._reason = reason
        self._codes: dict[tuple[DocumentKind, str], str] = {}

    def stock(self, items: Iterable[ItemGiven]) -> None:
        """Devices that are there already: a correction that a second operator confirms."""
        acts = [
            {"act": "in", "device": item.serial, "model": item.model, "customer": item.customer, "rack": ""}
            for item in items
        ]
        if acts:
            body = {"acts": acts, "reason": self._reason}
            made = self._by("supervisor").post("/api/v1/inventory/corrections", body)
            self._by(None).post(f"/api/v1/inventory/corrections/{made['id']}/confirm")

    def given_order(self, order: OrderGiven) -> None:
        """A work order that may be used."""
        assert order.customer is not None, f"order {order.id}: at the server an order has a customer"
        self.write_order(order.id, OrderTerms(order.customer, order.lines, order.from_, order.to))
        self.approve_order(order.id, unpacked=order.unpacked)

    def write_order(self, name: str, terms: OrderTerms) -> None:
        """Draft a work order."""
        body = {
            "external_id": name,
            "customer": terms.customer,
            "planned_from": self._time(terms.from_ or "-1h"),
            "planned_until": self._time(terms.to) if terms.to else (self._now + AHEAD).isoformat(),
            "lines": [_line(line) for line in terms.lines],
        }
        self._by("customer_service").post("/api/v1/work-orders", body)

    def approve_order(self, name: str, unpacked: bool) -> None:
        """Submit without notice, except, approve; ``unpacked``: the guard attests."""
        path = f"/api/v1/work-orders/{name}"
        self._by("customer_service").post(f"{path}/submit", {"exception_reason": self._reason})
        self._by(None).post(f"{path}/approve-exception")
        self._by(None).post(f"{path}/approve")
        if unpacked:
            self.unpack(name)

    def unpack(self, name: str) -> None:
        """The guard attests that no cartons are left."""
        self._by("guard").post(f"/api/v1/work-orders/{name}/unpacked", {"unpacked": True})

    def given_slip(self, slip: SlipGiven, models: dict[str, str]) -> None:
        """An exit slip that is issued. ``models``: by serial, of the inventory."""
        terms = SlipTerms(
            slip.customer, slip.kind, slip.carriers, slip.items, slip.lines, slip.from_, slip.to, slip.return_until
        )
        self.write_slip(slip.id, terms, models)
        self.approve_slip(slip.id)
        self.issue_slip(slip.id, slip.door)
        if slip.cancelled:
            self.cancel("slip", slip.id)

    def write_slip(self, name: str, terms: SlipTerms, models: dict[str, str]) -> None:
        """Draft an exit slip, hand in its papers, submit it."""
        service, path = self._by("customer_service"), f"/api/v1/exit-slips/{name}"
        by_model: dict[str, list[str]] = {}
        for serial in terms.items:
            by_model.setdefault(models.get(serial, "?"), []).append(serial)
        lines = [_line(LineGiven(model, tuple(serials))) for model, serials in by_model.items()]
        body = {
            "external_id": name,
            "kind": terms.kind,
            "customer": terms.customer,
            "purpose": self._reason,
            "organisation": "—" if terms.kind == "repair" else None,
            "from": self._time(terms.from_) if terms.from_ else None,
            "until": self._time(terms.to) if terms.to else None,
            "return_until": self._time(terms.return_until) if terms.return_until else None,
            "lines": [*lines, *map(_line, terms.lines)],
            "carriers": list(terms.carriers),
        }
        service.post("/api/v1/exit-slips", {key: value for key, value in body.items() if value is not None})
        if terms.kind == "repair":
            service.put(f"{path}/letter", *document("letter", name))
            for carrier in terms.carriers:
                service.put(f"{path}/carriers/{carrier}/id-copy", *document("id_copy", carrier))
        service.post(f"{path}/submit")

    def approve_slip(self, name: str) -> None:
        """Reconcile it with the inventory, look at the devices, approve."""
        path = f"/api/v1/exit-slips/{name}"
        self._by("customer_service").post(f"{path}/reconcile")
        self._by("guard").post(f"{path}/inspections", {"act": "inspection", "result": "pass"})
        self._by(None).post(f"{path}/approve", {"note": self._reason})

    def issue_slip(self, name: str, door: str = "") -> None:
        """It gets its code, and is bound to the goods door's edge."""
        self._by("customer_service").post(f"/api/v1/exit-slips/{name}/issue", {"door": door} if door else {})

    def cancel(self, kind: DocumentKind, name: str) -> None:
        """It serves no more, wherever that is heard."""
        self._by(None).post(f"{_path(kind, name)}/cancel", {"reason": self._reason})

    def bind(self, kind: DocumentKind, name: str, bind: Bind) -> None:
        """It serves elsewhere from now on."""
        body = {"edge": bind.edge} if kind == "order" else {"edge": bind.edge, "door": bind.door or None}
        self._by(None).post(f"{_path(kind, name)}/bind", {key: value for key, value in body.items() if value})

    def code(self, kind: DocumentKind, name: str) -> str:
        """The code on the paper."""
        if (kind, name) not in self._codes:
            self._codes[kind, name] = self.printed(kind, name)["code"]
        return self._codes[kind, name]

    def printed(self, kind: DocumentKind, name: str) -> dict[str, str]:
        """What stands on the paper: ``number`` and ``code``."""
        path = f"{_path(kind, name)}/code"
        shown = self._by(None).post(path) if kind == "order" else self._by(None).get(path)
        return {"number": str(shown["number"]), "code": str(shown["code"])}

    def left(self, kind: DocumentKind, name: str) -> int:
        """Devices that may pass yet, as the server counts them."""
        lines = self._by(None).get(_path(kind, name))["lines"]
        passed = "gone" if kind == "slip" else "received"
        return sum(line["quantity"] - line[passed] for line in lines)

    def inventory(self, owner: str) -> tuple[str, ...]:
        """Serials in the rooms; ``site``: the site's own."""
        query = {"own": "true"} if owner == "site" else {"customer": owner}
        items = self._by(None).get("/api/v1/inventory", limit=500, **query)["items"]
        return tuple(sorted(item["serial"] for item in items if item["serial"]))

    def _by(self, role: str | None) -> Any:
        return self._operators.client(role)

    def _time(self, text: str) -> str:
        return moment(text, self._now).isoformat()


def _path(kind: DocumentKind, name: str) -> str:
    return f"/api/v1/{'exit-slips' if kind == 'slip' else 'work-orders'}/{name}"


def _line(line: LineGiven) -> dict[str, Any]:
    if line.serials:
        return {"model": line.model, "serials": list(line.serials)}
    return {"model": line.model, "quantity": line.devices}
