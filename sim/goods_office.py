"""The office of a random day of deliveries: makes work orders and exit slips, binds them to an edge, follows the ledger, in memory.

Not the product's server: only what docs/goods.md (At the server) asks of one. What it did, in its order, is :attr:`GoodsOffice.history`: the product's ledger
can be fed the same and must come to the same inventory.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec

from controller.codes import ALPHABET, CHANCE_CHARACTERS, document_code
from controller.events import PolicyChanged, decode_record
from controller.goods_events import DocumentKind, ItemsMoved
from controller.policy import FOREVER_US, ExitSlip, Item, Line, SlipKind, Version, WorkOrder, credential_key
from sim.chance import Chance
from sim.memory_server import MemoryServer

OPEN_ORDERS = 8
OPEN_SLIPS = 10
REBOUND_SHARE = 0.12
CANCELLED_SHARE = 0.03
RETURNS_SHARE = 0.4
MODELS = ("R750", "S5735", "DL380")
COUNTED = ("SFP28", "PSU-800")
"""Models without serial numbers."""
OF_THE_SITE = 6

Document = WorkOrder | ExitSlip
Key = tuple[DocumentKind, int]


class Made(msgspec.Struct, frozen=True):
    """A document was made, with all its lines. ``at_us``: wall time."""

    document: Document
    at_us: int


class Dropped(msgspec.Struct, frozen=True):
    """A document is over: used up, or cancelled and its edge has confirmed that. Nothing moves under it any more."""

    document: Document
    cancelled: bool


class Arrived(msgspec.Struct, frozen=True):
    """Records of an edge were read in the ledger: ``first_seq`` and on."""

    edge: str
    journal_id: str
    first_seq: int
    records: tuple[bytes, ...]


class GoodsOffice:
    """``customers``: who has equipment; None is the site, which has some from the beginning (``stocked``). ``edges``: where documents can be bound. ``owner``,
    ``counted``: the inventory as far as the ledger tells; ``moved``: by document, line and direction; ``models``: by serial, of every device ever named."""

    def __init__(self, customers: Iterable[int | None], edges: Iterable[str], hash_key: bytes, chance: Chance) -> None:
        self.history: list[Made | Dropped | Arrived] = []
        self.open: dict[Key, Document] = {}
        self.codes: dict[Key, str] = {}
        self.owner: dict[str, int | None] = {}
        self.counted: Counter[tuple[int | None, str]] = Counter()
        self.moved: Counter[tuple[DocumentKind, int, int, str]] = Counter()
        self.bindings = self.cancelled = 0
        self._customers = list(customers)
        self._edges = list(edges)
        self._key = hash_key
        self._chance = chance
        self._read: dict[str, int] = {}
        self._confirmed: dict[str, Version] = {}
        self._whole: dict[Key, Document] = {}
        self._passed: set[tuple[Key, str, str]] = set()
        self._last_owner: dict[str, int | None] = {}
        self._claimed: dict[str, Key] = {}
        self._released: dict[Key, tuple[Version, str]] = {}
        self._ends: dict[Key, Version] = {}
        self._item_ids: dict[str, int] = {}
        self.models: dict[str, str] = {}
        self._next_id = 0
        self._next_line = 0
        self.stocked = tuple(self._new_device("LTO-9") for _ in range(OF_THE_SITE))
        self.owner |= dict.fromkeys(self.stocked, None)

    # the ledger

    def read(self, servers: Mapping[str, MemoryServer]) -> None:
        """Take what has arrived since."""
        for edge, server in servers.items():
            for journal_id, ledger in server.ledger.items():
                known = self._read.get(journal_id, 0)
                news = tuple(ledger[known:])
                if news:
                    self.history.append(Arrived(edge, journal_id, known + 1, news))
                    self._read[journal_id] = known + len(news)
                for raw in news:
                    for event in decode_record(raw).events:
                        if isinstance(event, ItemsMoved):
                            self._moved(event)
                        elif isinstance(event, PolicyChanged) and event.version is not None:
                            self._confirmed[edge] = event.version

    def _moved(self, move: ItemsMoved) -> None:
        key = (move.document, move.document_id)
        whole = {line.id: line for line in self._whole[key].lines}
        for item in move.items:
            self.moved[move.document, move.document_id, item.line, move.direction] += 1
            inward = move.direction == "in"
            if not item.serial:
                self.counted[move.customer, whole[item.line].model] += 1 if inward else -1
            else:
                self._passed.add((key, item.serial, move.direction))
                self._last_owner[item.serial] = move.customer
                if inward:
                    self.owner[item.serial] = move.customer
                else:
                    self.owner.pop(item.serial, None)

    def whole(self, key: Key) -> Document:
        """A document as it was made, with all its lines."""
        return self._whole[key]

    def left(self, key: Key) -> dict[int, int]:
        """By line of a document, what is to pass yet: out for a slip, in for an order."""
        way = "in" if key[0] == "order" else "out"
        return {line.id: line.quantity - self.moved[*key, line.id, way] for line in self._whole[key].lines}

    def away(self, key: Key) -> int:
        """Devices that are out under a slip and may come back."""
        slip = self._whole[key]
        if not isinstance(slip, ExitSlip) or not slip.return_until_us:
            return 0
        return sum(self.moved[*key, line.id, "out"] - self.moved[*key, line.id, "in"] for line in slip.lines)

    # what people decide

    def work(self, wall_us: int, next_version: Version) -> bool:
        """Make, bind, cancel, close. ``next_version``: of the policy that a change will be in. True if anything changed."""
        before = self.documents()
        self._close(next_version)
        self._rebind(next_version)
        while sum(1 for kind, _ in self._live() if kind == "order") < OPEN_ORDERS:
            self._make(self._new_order(wall_us), wall_us)
        for _ in range(OPEN_SLIPS - sum(1 for kind, _ in self._live() if kind == "slip")):
            slip = self._new_slip(wall_us)
            if slip is not None:
                self._make(slip, wall_us)
        return self.documents() != before

    def documents(self) -> tuple[tuple[WorkOrder, ...], tuple[ExitSlip, ...]]:
        """As the policy has them now: what is being bound elsewhere is in none."""
        shown = [document for key, document in sorted(self.open.items()) if key not in self._released]
        return (
            tuple(document for document in shown if isinstance(document, WorkOrder)),
            tuple(document for document in shown if isinstance(document, ExitSlip)),
        )

    def items(self) -> tuple[Item, ...]:
        """The inventory as far as the ledger tells."""
        found = [
            Item(self._item_ids[serial], serial, self.models[serial], owner) for serial, owner in self.owner.items()
        ]
        return tuple(sorted(found, key=lambda item: item.id))

    def _live(self) -> list[Key]:
        return [key for key in self.open if key not in self._ends]

    def _close(self, version: Version) -> None:
        for key, document in list(self.open.items()):
            if key in self._released:
                continue
            if key in self._ends:
                if self._confirmed.get(document.edge, Version(0, 0)) >= self._ends[key]:
                    self._drop(key)
            elif not any(self.left(key).values()) and not self.away(key):
                self._drop(key)
            elif isinstance(document, ExitSlip) and self._chance.random() < CANCELLED_SHARE:
                self.open[key] = msgspec.structs.replace(document, cancelled=True)
                self._ends[key] = version
                self.cancelled += 1

    def _drop(self, key: Key) -> None:
        self.history.append(Dropped(self.open.pop(key), self._ends.pop(key, None) is not None))
        for serial in [serial for serial, claim in self._claimed.items() if claim == key]:
            del self._claimed[serial]

    def _rebind(self, version: Version) -> None:
        for key, (asked, edge) in list(self._released.items()):
            document = self.open[key]
            if self._confirmed.get(document.edge, Version(0, 0)) >= asked:
                del self._released[key]
                self.open[key] = self._bound(key, document, edge)
                self.bindings += 1
        for key in self._live():
            if key not in self._released and self._chance.random() < REBOUND_SHARE:
                others = [edge for edge in self._edges if edge != self.open[key].edge]
                if others:
                    self._released[key] = (version, self._chance.choice(others))

    def _bound(self, key: Key, document: Document, edge: str) -> Document:
        """To another edge, with what is left."""
        passed = "in" if key[0] == "order" else "out"
        lines = tuple(
            msgspec.structs.replace(
                line,
                quantity=line.quantity - self.moved[*key, line.id, passed],
                serials=tuple(serial for serial in line.serials if (key, serial, passed) not in self._passed),
            )
            for line in self._whole[key].lines
        )
        changed = msgspec.structs.replace(document, edge=edge, binding=document.binding + 1, lines=lines)
        if not isinstance(changed, ExitSlip):
            return changed
        returns = tuple(
            msgspec.structs.replace(
                line,
                quantity=self.moved[*key, line.id, "out"] - self.moved[*key, line.id, "in"],
                serials=tuple(
                    serial
                    for serial in line.serials
                    if (key, serial, "out") in self._passed and (key, serial, "in") not in self._passed
                ),
            )
            for line in self._whole[key].lines
        )
        return msgspec.structs.replace(changed, returns=tuple(line for line in returns if line.quantity))

    def _make(self, document: Document, wall_us: int) -> None:
        key: Key = ("slip" if isinstance(document, ExitSlip) else "order", document.id)
        self.open[key] = self._whole[key] = document
        for line in document.lines:
            for serial in line.serials:
                self._claimed[serial] = key
        self.history.append(Made(document, wall_us))

    def _new_order(self, wall_us: int) -> WorkOrder:
        customer = self._chance.choice([customer for customer in self._customers if customer is not None])
        lines: list[Line] = []
        for _ in range(self._chance.randint(1, 2)):
            if self._chance.random() < 0.3:
                lines.append(self._line(self._chance.choice(COUNTED), self._chance.randint(1, 6)))
            else:
                taken = {serial for line in lines for serial in line.serials}
                model = self._chance.choice(MODELS)
                serials = self._serials(customer, model, self._chance.randint(2, 6), taken)
                lines.append(self._line(model, len(serials), serials))
        number, code, edge = self._document("order")
        return WorkOrder(
            number, code, f"W-{number}", customer, edge, 1, 0, wall_us, FOREVER_US, unpacked=True, lines=tuple(lines)
        )

    def _new_slip(self, wall_us: int) -> ExitSlip | None:
        customer = self._chance.choice(self._customers)
        free = [serial for serial, owner in self.owner.items() if owner == customer and serial not in self._claimed]
        self._chance.shuffle(free)
        by_model: dict[str, list[str]] = {}
        for serial in free[: self._chance.randint(2, 8)]:
            by_model.setdefault(self.models[serial], []).append(serial)
        lines = [self._line(model, len(serials), tuple(serials)) for model, serials in sorted(by_model.items())]
        for model in COUNTED:
            promised = sum(
                self.left(key)[line.id]
                for key in self.open
                if key[0] == "slip" and self._whole[key].customer == customer
                for line in self._whole[key].lines
                if line.model == model and not line.serials
            )
            there = self.counted[customer, model] - promised
            if there > 0 and self._chance.random() < 0.5:
                lines.append(self._line(model, self._chance.randint(1, there)))
        if not lines:
            return None
        number, code, edge = self._document("slip")
        back = customer is None or self._chance.random() < RETURNS_SHARE
        kind: SlipKind = "site" if customer is None else "repair" if back else "withdrawal"
        return ExitSlip(
            number, code, f"S-{number}", kind, customer, edge, 1, wall_us, FOREVER_US, tuple(lines),
            return_until_us=FOREVER_US if back else 0,
        )  # fmt: skip

    def _document(self, kind: DocumentKind) -> tuple[int, bytes, str]:
        """A new document's id, hashed code, and edge."""
        self._next_id += 1
        code = document_code(kind, "".join(self._chance.choice(ALPHABET) for _ in range(CHANCE_CHARACTERS)))
        self.codes[kind, self._next_id] = code
        return self._next_id, credential_key(self._key, kind, code), self._chance.choice(self._edges)

    def _line(self, model: str, quantity: int, serials: tuple[str, ...] = ()) -> Line:
        self._next_line += 1
        return Line(self._next_line, model, quantity, serials)

    def _serials(self, customer: int, model: str, count: int, taken: set[str]) -> tuple[str, ...]:
        """New devices, and now and then one that this customer took out for good."""
        gone = [
            serial
            for serial, owner in self._last_owner.items()
            if owner == customer
            and self.models[serial] == model
            and serial not in self.owner
            and serial not in self._claimed
            and serial not in taken
        ]
        self._chance.shuffle(gone)
        again = [serial for serial in gone[:count] if self._chance.random() < 0.5]
        return (*again, *(self._new_device(model) for _ in range(count - len(again))))

    def _new_device(self, model: str) -> str:
        number = len(self._item_ids) + 1
        serial = f"SN-{number:05d}"
        self._item_ids[serial], self.models[serial] = number, model
        return serial
