"""A depot with devices in its room, people who carry them, and desks that make slips."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from sqlmodel import select

from controller.goods_events import ItemsMoved, ScannedItem
from controller.site_checks import parse_site
from server.db.clock import to_us
from server.equipment.stock import Stock
from server.equipment.stock_rows import Move
from server.fleet.goods_models import BindingRelease, EdgeFollowed
from server.fleet.models import Edge
from server.registry.models import Customer
from tests.server.badges.making import picture
from tests.server.conftest import START
from tests.server.equipment.conftest import DEPOT, Depot

R750 = {"model": "R750", "serials": ["SN-1"]}
"""One line of one device that is here."""


class SlipDepot(Depot):
    """``SN-1`` … ``SN-4`` (R750) and three counted PDUs of C001, ``SN-9`` of C002, ``OWN-1`` (NAS) of the site itself."""

    def __init__(self, app: FastAPI) -> None:
        super().__init__(app)
        with self.context.database.write() as session:
            ids = {row.code: row.id for row in session.exec(select(Customer)).all()}
            self.customers = ids
            values: list[tuple[str, str, int | None]] = [(f"SN-{n}", "R750", ids["C001"]) for n in range(1, 5)]
            values += [("", "PDU", ids["C001"])] * 3 + [("SN-9", "R750", ids["C002"]), ("OWN-1", "NAS", None)]
            moves = [
                Move(direction="in", at_us=to_us(START), customer=customer, source="import", serial=serial, model=model, rack="A-01")
                for serial, model, customer in values
            ]  # fmt: skip
            stock = Stock(session.connection(), moves, START)
            for move in moves:
                stock.take(move)
            stock.save()
        self.holder("li", "C001", "李娜", "310101199001011237")
        self.holder("wang", "C001", "王伟", "310101199001011237")
        self.holder("sun", "C002", "孙强", "310101199001011237")

    def holder(self, name: str, customer: str | None, called: str, number: str | None = None) -> None:
        """A person."""
        body: dict[str, Any] = {"external_id": name, "name": called}
        body |= {"staff": True} if customer is None else {"customer": customer}
        if number is not None:
            body |= {"id_document": "id_card", "id_number": number}
        self.call("POST", "holders", json=body, expect=201)

    def draft(self, *lines: dict[str, Any], role: Any = "customer_service", **more: Any) -> dict[str, Any]:
        """An application."""
        body: dict[str, Any] = {"kind": "withdrawal", "purpose": "moves out", "lines": list(lines or (R750,))} | more
        if body["kind"] != "site":
            body = {"customer": "C001"} | body
        made: dict[str, Any] = self.call("POST", "exit-slips", role, json=body, expect=201)
        return made

    def act(
        self, slip: dict[str, Any], act: str, role: Any = "customer_service", expect: int = 200, /, **body: Any
    ) -> Any:
        """``POST /exit-slips/{id}/{act}``; the answer."""
        return self.call("POST", f"exit-slips/{slip['id']}/{act}", role, expect, json=body if body else None)

    def hand_in(self, slip: dict[str, Any], part: str, expect: int = 200) -> Any:
        """A file."""
        headers = {"Content-Type": "image/jpeg"}
        return self.call("PUT", f"exit-slips/{slip['id']}/{part}", expect=expect, content=picture(), headers=headers)

    def repair(self, *lines: dict[str, Any], carriers: tuple[str, ...] = ("li",), **more: Any) -> dict[str, Any]:
        """A complete application for repair."""
        slip = self.draft(*lines, kind="repair", organisation="C001 公司", carriers=list(carriers), **more)
        self.hand_in(slip, "letter")
        for name in carriers:
            slip = self.hand_in(slip, f"carriers/{name}/id-copy")
        return slip

    def reconciled(self, slip: dict[str, Any]) -> dict[str, Any]:
        """Submitted, and checked against the inventory."""
        self.act(slip, "submit")
        shown: dict[str, Any] = self.act(slip, "reconcile")
        return shown

    def inspected(self, slip: dict[str, Any]) -> dict[str, Any]:
        """Looked at by the guard."""
        self.reconciled(slip)
        shown: dict[str, Any] = self.act(slip, "inspections", "guard", 201, result="pass")
        return shown

    def approved(self, slip: dict[str, Any]) -> dict[str, Any]:  # type: ignore[override]
        """Approved by who may."""
        self.inspected(slip)
        shown: dict[str, Any] = self.act(slip, "approve", "equipment_head" if slip["kind"] == "site" else "supervisor")
        return shown

    def approved_order(self, *lines: dict[str, Any]) -> dict[str, Any]:
        """A work order that may bring its lines from now on."""
        return super().approved(*lines)

    def issued(self, slip: dict[str, Any] | None = None, **place: Any) -> dict[str, Any]:
        """Issued, by default of one device."""
        slip = self.draft() if slip is None else slip
        self.approved(slip)
        shown: dict[str, Any] = self.act(slip, "issue", **place)
        return shown

    def get(self, slip: dict[str, Any]) -> dict[str, Any]:
        """As the API shows it now."""
        shown: dict[str, Any] = self.call("GET", f"exit-slips/{slip['id']}")
        return shown

    def stored(self, slip: dict[str, Any]) -> Any:
        """Its row."""
        [row] = self.row("exit_slip", public_id=slip["id"])
        return row

    def passed(self, slip: dict[str, Any], *items: tuple[int, str], direction: str = "out", **more: Any) -> None:
        """The edge tells that these devices (line, serial) passed under the slip."""
        row = self.stored(slip)
        values: dict[str, Any] = {
            "access_point": "goods-out", "door": "goods-door", "document": "slip", "document_id": row["id"], "binding": row["binding"],
            "number": row["number"] or "", "direction": direction, "customer": row["customer_id"],
            "items": tuple(ScannedItem(line, serial) for line, serial in items), "until_us": 0, "holder": 0, "badge": 0,
        }  # fmt: skip
        self.happen(ItemsMoved(**(values | more)))

    def confirm_release(self, slip: dict[str, Any]) -> None:
        """The edge's newest record names a policy that does not allow the slip under its present binding any more."""
        row = self.stored(slip)
        with self.context.database.write() as session:
            n = row["binding"] + 10
            session.merge(
                BindingRelease(
                    document="slip", document_id=row["id"], binding=row["binding"], edge_id=row["edge_id"], epoch=1, n=n
                )
            )
            session.merge(EdgeFollowed(edge_id=row["edge_id"], epoch=1, n=n, at_us=to_us(self.clock.now())))

    def second_goods_door(self) -> None:
        """``yard-door``, at an edge of its own: ``edge-2``."""
        yard = """
[[doors]]
id = "yard-door"
edge = "edge-2"
goods = "out"
[[access_points]]
id = "yard-in"
door = "yard-door"
from_area = "lobby"
to_area = "hall"
[[access_points]]
id = "yard-out"
door = "yard-door"
from_area = "hall"
to_area = "lobby"
out = true
"""
        self.context.site = parse_site(DEPOT.replace('goods = "both"', 'goods = "both"\nedge = "edge-1"') + yard)
        with self.context.database.write() as session:
            session.add(Edge(name="edge-2", created_at=START, epoch=1, public_key=bytes(32), online=True))


@pytest.fixture(name="depot")
def slip_depot(app: FastAPI) -> Iterator[SlipDepot]:
    """A site with a goods door, and devices."""
    made = SlipDepot(app)
    yield made
    for client in made.clients.values():
        client.close()
