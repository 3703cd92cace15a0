"""Inventory, slips and orders of a scenario's ``given`` as a server would compile them into the policy; and the codes that stand on the paper."""

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping
from zoneinfo import ZoneInfo

import msgspec

from controller.codes import ALPHABET, CHANCE_CHARACTERS, document_code, serial_key
from controller.goods_events import DocumentKind
from controller.now import SECOND_US
from controller.policy import ExitSlip, Item, Line, WorkOrder, credential_key
from sim.scenario_given import Given, ItemGiven, LineGiven, OrderGiven, SlipGiven
from sim.scenario_times import moment

NOTICE_US = 24 * 3_600 * SECOND_US
"""A work order reaches the machine room so long before it is used (E1)."""
SITE = "site"
"""How expectations call the site's own devices."""


class Paper(msgspec.Struct, frozen=True):
    """A document as people hold it. ``id``: in the policy."""

    document: DocumentKind
    id: int
    code: str


class Goods(msgspec.Struct, frozen=True):
    """What is compiled, and the papers by the scenario's ids."""

    items: tuple[Item, ...]
    orders: tuple[WorkOrder, ...]
    slips: tuple[ExitSlip, ...]
    papers: dict[str, Paper]


def goods_of(
    given: Given, customers: Mapping[str, int], holders: Mapping[str, int], zone: str, key: bytes, now: dt.datetime
) -> Goods:
    """All of ``given``'s equipment, as of ``now``. ``key``: of the site's keyed hashes; ``zone``: the site's time zone."""
    compiling = _Compiling(customers, holders, ZoneInfo(zone), key, now, given.inventory)
    return Goods(
        tuple(
            Item(number, serial_key(item.serial), serial_key(item.model), compiling.customer(item.customer))
            for number, item in enumerate(given.inventory, 1)
        ),
        tuple(compiling.order(number, order) for number, order in enumerate(given.orders, 1)),
        tuple(compiling.slip(number, slip) for number, slip in enumerate(given.slips, 1)),
        {
            document.id: Paper(kind, number, code_of(kind, document.id))
            for kind, documents in _by_kind(given)
            for number, document in enumerate(documents, 1)
        },
    )


def code_of(document: DocumentKind, name: str) -> str:
    """The code of a document that a scenario calls ``name``: always the same, and as good as chance."""
    digest = hashlib.blake2b(f"{document}/{name}".encode(), digest_size=CHANCE_CHARACTERS).digest()
    return document_code(document, "".join(ALPHABET[byte % len(ALPHABET)] for byte in digest))


def _by_kind(given: Given) -> tuple[tuple[DocumentKind, Iterable[SlipGiven | OrderGiven]], ...]:
    return (("slip", given.slips), ("order", given.orders))


class _Compiling:
    def __init__(
        self,
        customers: Mapping[str, int],
        holders: Mapping[str, int],
        zone: ZoneInfo,
        key: bytes,
        now: dt.datetime,
        inventory: Iterable[ItemGiven],
    ) -> None:
        self._customers = customers
        self._holders = holders
        self._zone = zone
        self._key = key
        self._now = now
        self._models = {item.serial: item.model for item in inventory}

    def customer(self, code: str | None) -> int | None:
        return None if code is None else self._customers[code]

    def order(self, number: int, order: OrderGiven) -> WorkOrder:
        from_us, until_us = self._window(order.from_, order.to)
        return WorkOrder(
            number,
            credential_key(self._key, "order", code_of("order", order.id)),
            order.number or order.id,
            self.customer(order.customer),
            order.edge,
            1,
            0 if order.exception else self._us(order.arrived) + NOTICE_US,
            from_us,
            until_us,
            order.unpacked,
            _lines(order.lines),
        )

    def slip(self, number: int, slip: SlipGiven) -> ExitSlip:
        from_us, until_us = self._window(slip.from_, slip.to)
        lines = _lines((*self._of_inventory(slip.items), *slip.lines))
        out = {serial_key(serial) for serial in slip.out}
        return ExitSlip(
            number,
            credential_key(self._key, "slip", code_of("slip", slip.id)),
            slip.number or slip.id,
            slip.kind,
            self.customer(slip.customer),
            slip.edge,
            1,
            from_us,
            until_us,
            tuple(_only(line, [s for s in line.serials if s not in out]) for line in lines),
            tuple(self._holders[carrier] for carrier in slip.carriers),
            slip.door,
            slip.cancelled,
            tuple(_only(line, [s for s in line.serials if s in out]) for line in lines if out & {*line.serials}),
            0 if slip.return_until is None else self._us(slip.return_until),
        )

    def _of_inventory(self, serials: Iterable[str]) -> list[LineGiven]:
        """One line for each model, in the order in which they are named."""
        by_model: dict[str, list[str]] = {}
        for serial in serials:
            by_model.setdefault(self._models[serial], []).append(serial)
        return [LineGiven(model, tuple(named)) for model, named in by_model.items()]

    def _window(self, from_: str | None, to: str | None) -> tuple[int, int]:
        """As given; else from the local midnight before now to the one after."""
        midnight = self._now.astimezone(self._zone).replace(hour=0, minute=0, second=0, microsecond=0)
        next_midnight = (midnight + dt.timedelta(days=1)).astimezone(dt.UTC)
        return (
            _us(midnight) if from_ is None else self._us(from_),
            _us(next_midnight) if to is None else self._us(to),
        )

    def _us(self, text: str) -> int:
        return _us(moment(text, self._now))


def _lines(lines: Iterable[LineGiven]) -> tuple[Line, ...]:
    return tuple(
        Line(number, serial_key(line.model), line.devices, tuple(map(serial_key, line.serials)))
        for number, line in enumerate(lines, 1)
    )


def _only(line: Line, serials: list[str]) -> Line:
    return msgspec.structs.replace(line, quantity=len(serials), serials=tuple(serials)) if line.serials else line


def _us(moment: dt.datetime) -> int:
    return round(moment.timestamp() * SECOND_US)
