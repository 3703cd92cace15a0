"""Two goods doors of two edges, a server that binds documents to one of them at a time, and people who carry: for properties of DESIGN §5.7.

The server here knows only what the edges' journals tell it, with any delay; what it binds anew it binds as docs/goods.md, At the server, says.
"""

from collections import Counter
from collections.abc import Callable, Iterator

import msgspec

from controller.actions import AnyAction, Lock, Unlock
from controller.codes import serial_key
from controller.commands import CheckEquipment
from controller.engine import Engine, Outcome
from controller.events import AccessTaken, AlarmRaised, PolicyChanged, Record, decode_record
from controller.fold import fold
from controller.goods_events import DocumentKind, ItemsFreed, ItemsMoved, ItemsReserved
from controller.inputs import (
    AnyInput,
    CardRead,
    CommandArrived,
    DocumentScanned,
    DoorContact,
    ItemScanned,
    LeaseArrived,
    LinkChanged,
    RexPressed,
    ScanCancelled,
    Started,
    TimeElapsed,
)
from controller.now import SECOND_US, Now
from controller.policy import Badge, ExitSlip, Item, Lease, Line, Policy, Version, WorkOrder
from controller.site import Site
from controller.state import State
from tests.controller.building import DAY_US, GUO, LI, START_US, SUN, WANG, digest
from tests.controller.goods import GOODS_DOOR, GOODS_HARDWARE, IN, OUT, goods_policy, order, site, slip

EDGES = ("edge-1", "edge-2")
PEOPLE: tuple[Badge, ...] = (LI, WANG, SUN, GUO)
SERIALS = tuple(f"SN-{number}" for number in range(1, 8))
COUNTED = "Rail kit"
Document = WorkOrder | ExitSlip
Key = tuple[DocumentKind, int]


def key_of(document: Document) -> Key:
    return ("order" if isinstance(document, WorkOrder) else "slip"), document.id


class Edge:
    """One edge with its journal, its lock and its leaf."""

    def __init__(self, world: "World", name: str) -> None:
        self.world, self.name = world, name
        self.journal: list[bytes] = []
        self.policies: dict[Version, Policy] = {}
        self.locked = True
        self.open = False
        self.read_upto = 0
        self.boots = 0
        self.policy: Policy
        self.engine: Engine

    def start(self, policy: Policy) -> None:
        """A process on what the journal holds, and nothing else."""
        state = State()
        for encoded in self.journal:
            fold(state, decode_record(encoded))
        self.boots += 1
        self.locked = True
        self.engine = Engine(state, f"journal-{self.name}", GOODS_HARDWARE, self.name)
        self.policy = policy
        self.policies[policy.version] = policy
        self.keep(self.engine.adopt(policy, digest(policy), self.world.now))
        self.give(Started(f"boot-{self.boots}", "test"))
        self.lease()
        for door in GOODS_HARDWARE:
            self.give(DoorContact(door.door, open=door.door == GOODS_DOOR and self.open))

    def lease(self) -> None:
        self.give(LeaseArrived(Lease(self.policy.version, digest(self.policy), self.world.now.wall_us)))

    def adopt(self, policy: Policy) -> None:
        self.policy = policy
        self.policies[policy.version] = policy
        self.keep(self.engine.adopt(policy, digest(policy), self.world.now))
        self.lease()

    def give(self, stimulus: AnyInput) -> Outcome:
        return self.keep(self.engine.handle(stimulus, self.world.now))

    def keep(self, outcome: Outcome) -> Outcome:
        self._perform([action for action in outcome.actions if action.before_journal])
        self.journal += self.engine.pending
        self._perform(self.engine.commit())
        return outcome

    def _perform(self, actions: list[AnyAction] | tuple[AnyAction, ...]) -> None:
        for action in actions:
            if isinstance(action, Unlock | Lock) and action.door == GOODS_DOOR:
                self.locked = isinstance(action, Lock)

    def tap(self, who: Badge, at: str) -> Outcome:
        return self.give(CardRead(at, "desfire", who.credential, "authenticated", self.world.now.mono_us))

    def leaf(self) -> None:
        """Somebody pushes: it opens only if it is unlocked, and closes after."""
        if not self.locked:
            self.open = True
            self.give(DoorContact(GOODS_DOOR, open=True))
            self.world.wait(1)
            self.open = False
            self.give(DoorContact(GOODS_DOOR, open=False))

    def records(self) -> list[Record]:
        return [decode_record(encoded) for encoded in self.journal]


class World:
    """What is where, what was agreed, and what the server knows."""

    def __init__(self, *, two_person: bool = False) -> None:
        self.now = Now(START_US, 1_000 * SECOND_US)
        self.site: Site = site(hall={"two_person": two_person})
        self.version = 0
        self.inventory: dict[str, int | None] = {"SN-1": 1, "SN-2": 1, "SN-3": 2, "SN-4": None, "SN-7": 1}
        """What the server has from the ledger: serial to customer."""
        lines = (Line(1, "R750", 2, ("SN-1", "SN-2")), Line(2, COUNTED, 3))
        self.agreed: dict[Key, Document] = {
            key_of(one): one
            for one in (
                slip(1, *lines, return_until_us=START_US + DAY_US),
                slip(2, Line(3, "R650", 1, ("SN-3",)), Line(4, COUNTED, 2), customer=2),
                slip(3, Line(5, "NAS", 1, ("SN-4",)), kind="site", customer=None, edge="edge-2"),
                slip(4, Line(9, "R750", 2, ("SN-5", "SN-6"))),
                slip(5, Line(10, "R750", 1, ("SN-7",)), customer=2),
                order(1, Line(6, "R750", 2, ("SN-5", "SN-6")), Line(7, COUNTED, 2)),
                order(2, Line(8, "R650", 1, ("SN-3",)), customer=2, edge="edge-2"),
            )
        }
        """Each document as it was made: all its lines."""
        self.bound: dict[Key, Document] = dict(self.agreed)
        """As it stands in the policies, or would; ``edge`` empty while the release of the old binding is awaited."""
        self.awaiting: dict[Key, tuple[str, Version, str]] = {}
        self.moved: Counter[tuple[Key, int, str]] = Counter()
        """By document, line and direction, as far as the ledger has come."""
        self.gone: dict[Key, set[str]] = {key: set() for key in self.agreed}
        self.back: dict[Key, set[str]] = {key: set() for key in self.agreed}
        self.edges = {name: Edge(self, name) for name in EDGES}
        for name, edge in self.edges.items():
            edge.start(self.compile(name))

    def compile(self, edge: str) -> Policy:
        """A policy of what the server knows now. Documents bound elsewhere stand in it too, so that the door can say so."""
        self.version += 1
        items = [Item(int(serial[3:]), serial, "R750", customer) for serial, customer in sorted(self.inventory.items())]
        return goods_policy(*self.bound.values(), items=items, at=self.site, n=self.version)

    def wait(self, seconds: float) -> None:
        step_us = round(seconds * SECOND_US)
        self.now = Now(self.now.wall_us + step_us, self.now.mono_us + step_us)
        for edge in self.edges.values():
            edge.give(TimeElapsed())

    # what the server does

    def ingest(self, name: str, upto: int | None = None) -> None:
        """The server reads this edge's records in order, and binds anew what was released."""
        edge = self.edges[name]
        for encoded in edge.journal[edge.read_upto : upto]:
            edge.read_upto += 1
            for event in decode_record(encoded).events:
                if isinstance(event, ItemsMoved):
                    self._square(event)
                elif isinstance(event, PolicyChanged):
                    for key, (old, version, new) in list(self.awaiting.items()):
                        if old == name and event.version >= version:
                            self._bind(key, new)

    def _square(self, event: ItemsMoved) -> None:
        key: Key = (event.document, event.document_id)
        for item in event.items:
            self.moved[key, item.line, event.direction] += 1
            if item.serial and event.direction == "in":
                self.inventory[item.serial] = event.customer
                self.back[key].add(item.serial)
            elif item.serial:
                self.inventory.pop(item.serial, None)
                self.gone[key].add(item.serial)

    def _bind(self, key: Key, edge: str) -> None:
        """To another edge, with what is left."""
        del self.awaiting[key]
        whole, old = self.agreed[key], self.bound[key]
        done = "in" if key[0] == "order" else "out"
        used = self.back[key] if key[0] == "order" else self.gone[key]
        lines = tuple(
            msgspec.structs.replace(
                line,
                quantity=line.quantity - self.moved[key, line.id, done],
                serials=tuple(one for one in line.serials if one not in used),
            )
            for line in whole.lines
        )
        fields: dict[str, object] = {"edge": edge, "binding": old.binding + 1, "lines": lines}
        if isinstance(whole, ExitSlip):
            fields["returns"] = tuple(
                msgspec.structs.replace(
                    line, quantity=out, serials=tuple(sorted(out_of(line, self.gone[key], self.back[key])))
                )
                for line in whole.lines
                if (out := self.moved[key, line.id, "out"] - self.moved[key, line.id, "in"]) > 0
            )
        self.bound[key] = msgspec.structs.replace(old, **fields)

    def rebind(self, key: Key, edge: str) -> None:
        """Ask for the release of the binding; it is bound anew when the old edge's record says that it is released."""
        old = self.bound[key].edge
        if key not in self.awaiting and old and old != edge:
            self.bound[key] = msgspec.structs.replace(self.bound[key], edge="")
            self.awaiting[key] = (old, Version(1, self.version + 1), edge)

    def cancel(self, key: Key) -> None:
        if key[0] == "slip":
            self.bound[key] = msgspec.structs.replace(self.bound[key], cancelled=True)


def out_of(line: Line, gone: set[str], back: set[str]) -> set[str]:
    return {one for one in line.serials if one in gone and one not in back}


# what may happen

Act = Callable[[World], None]


def scan(world: World, edge: Edge, key: Key, at: str) -> None:
    edge.give(DocumentScanned(at, key[0], world.agreed[key].code, world.now.mono_us))


def carry(edge_name: str, key: Key, who: int, what: tuple[str, ...], at: str, ending: str) -> Act:
    """Somebody brings devices to a goods door, in some order of things, and goes on or not."""

    def act(world: World) -> None:
        edge, badge = world.edges[edge_name], PEOPLE[who]
        if at == OUT:
            edge.tap(badge, OUT)
        scan(world, edge, key, at)
        for text in what:
            edge.give(ItemScanned(at, serial_key(text), world.now.mono_us))
        world.wait(2)
        if ending in ("tap", "twice", "open", "taps"):
            edge.tap(badge, at)
        if ending in ("twice", "taps"):
            world.wait(4)
            edge.tap(badge, at)
        if ending == "kill":
            edge.start(edge.policy)
        elif ending == "policy":
            edge.adopt(world.compile(edge_name))
        elif ending in ("away", "cancelled"):  # the document is taken away while its devices are about to go
            edge.tap(badge, at)
            if ending == "away":
                world.rebind(key, EDGES[edge_name == EDGES[0]])
            else:
                world.cancel(key)
            edge.adopt(world.compile(edge_name))
        elif ending == "cancel":
            edge.give(ScanCancelled(at, world.now.mono_us))
        elif ending == "rex":
            edge.give(RexPressed(GOODS_DOOR))
        if ending not in ("tap", "wait"):
            edge.leaf()

    return act


def together(edge: str, key: Key, people: tuple[int, int], what: tuple[str, ...], at: str) -> Act:
    """A second person comes with the same paper and the same devices before the door has opened for the first."""

    def act(world: World) -> None:
        if at == OUT:
            world.edges[edge].tap(PEOPLE[people[1]], OUT)
        carry(edge, key, people[0], what, at, "wait")(world)
        if at == IN:
            world.edges[edge].tap(PEOPLE[people[0]], IN)
        carry(edge, key, people[1], what, at, "open")(world)

    return act


def tap(edge: str, who: int, at: str) -> Act:
    return lambda world: void(world.edges[edge].tap(PEOPLE[who], at))


def console(edge: str, key: Key, at: str, what: tuple[str, ...]) -> Act:
    def act(world: World) -> None:
        asked = CheckEquipment(at, key[0], world.agreed[key].code, what, "scanner broken")
        world.edges[edge].give(CommandArrived("c1", asked, "op"))

    return act


def simple(edge: str, what: str) -> Act:
    def act(world: World) -> None:
        at = world.edges[edge]
        match what:
            case "leaf":
                at.leaf()
            case "kill":
                at.start(at.policy)
            case "policy":
                at.adopt(world.compile(edge))
            case "ingest":
                world.ingest(edge)
            case "some":
                world.ingest(edge, at.read_upto + 3)
            case "rex":
                void(at.give(RexPressed(GOODS_DOOR)))
            case "cut" | "link":
                void(at.give(LinkChanged(up=what == "link")))

    return act


def void(_: object) -> None:
    """For acts that are one expression."""


# what must hold


def journal_faults(world: World) -> Iterator[str]:
    """What is wrong with what happened, one line each (DESIGN §5.7, E6)."""
    passed: Counter[tuple[Key, str, str]] = Counter()
    counted: Counter[tuple[Key, int, str]] = Counter()
    for name, edge in world.edges.items():
        policy: Policy | None = None
        reserved: list[tuple[object, ...]] = []
        for record in edge.records():
            for event in record.events:
                if isinstance(event, PolicyChanged):
                    policy = edge.policies[event.version]
                elif isinstance(event, ItemsMoved):
                    told = msgspec.structs.astuple(event)
                    if told not in reserved:
                        yield f"{name} {record.seq}: moved and not reserved before"
                    else:
                        reserved.remove(told)
                    yield from _not_allowed(name, record, event, policy)
                    for item in event.items:
                        key: Key = (event.document, event.document_id)
                        if item.serial:
                            passed[key, item.serial, event.direction] += 1
                        counted[key, item.line, event.direction] += 1
                elif isinstance(event, ItemsReserved):
                    reserved.append(msgspec.structs.astuple(event))
                elif isinstance(event, ItemsFreed):
                    ended = (event.access_point, event.number, event.holder)
                    reserved = [one for one in reserved if (one[0], one[5], one[10]) != ended]
                elif isinstance(event, AccessTaken) and event.access_point == OUT:
                    yield from _unexplained(name, record)
        if reserved and edge.engine.door(GOODS_DOOR).grants == ():
            yield f"{name}: reserved for nobody: {reserved}"
    for (key, serial, direction), times in passed.items():
        if times > 1:
            yield f"{serial} passed {direction} {times} times under {key}"
    for (key, line_id, direction), number in counted.items():
        (line,) = [line for line in world.agreed[key].lines if line.id == line_id]
        most = counted[key, line_id, "out"] if key[0] == "slip" and direction == "in" else line.quantity
        if number > most:
            yield f"{number} of {most} passed {direction} on line {line_id} of {key}"


def _unexplained(name: str, record: Record) -> Iterator[str]:
    """An opening outward moves devices or is told to the guard."""
    told = any(isinstance(event, ItemsMoved) for event in record.events) or any(
        isinstance(event, AlarmRaised) and event.alarm == "EQUIPMENT_UNCHECKED" for event in record.events
    )
    if not told:
        yield f"{name} {record.seq}: somebody left unchecked, and nobody is told"


def _not_allowed(name: str, record: Record, event: ItemsMoved, policy: Policy | None) -> Iterator[str]:
    where = f"{name} {record.seq}: {event.number} {event.direction}"
    documents: list[Document] = [] if policy is None else [*policy.orders, *policy.slips]
    document = next((one for one in documents if key_of(one) == (event.document, event.document_id)), None)
    if document is None or document.edge != name or document.binding != event.binding:
        yield f"{where}: moved under a document that the policy in force does not bind here"
    elif isinstance(document, ExitSlip) and document.cancelled and event.direction == "out":
        yield f"{where}: moved under a cancelled slip"
    elif document.customer != event.customer:
        yield f"{where}: moved under another customer"


def owner_faults(world: World) -> Iterator[str]:
    """Whatever left, left under the customer that it came in under."""
    owners: dict[str, int | None] = {"SN-1": 1, "SN-2": 1, "SN-3": 2, "SN-4": None, "SN-7": 1}
    moves = sorted(
        (record.mono_us, record.seq, event.direction, item.serial, event.customer)
        for edge in world.edges.values()
        for record in edge.records()
        for event in record.events
        if isinstance(event, ItemsMoved)
        for item in event.items
        if item.serial
    )
    for _, _, direction, serial, customer in moves:
        if serial in owners and owners[serial] != customer:
            yield f"{serial} moved {direction} under {customer}, and belongs to {owners[serial]}"
        owners[serial] = customer


def held(world: World) -> Iterator[str]:
    """Whom a goods door does not let out: at most three taps, each long enough after the one before, open it; REX always does."""
    for name, edge in world.edges.items():
        for who in PEOPLE:
            world.wait(61)
            for _ in range(3):
                edge.tap(who, OUT)
                world.wait(3.1)
                if not edge.locked:
                    break
            else:
                yield f"{name}: {who.number} does not get out"
            world.wait(10)
        edge.give(RexPressed(GOODS_DOOR))
        if edge.locked:
            yield f"{name}: REX does not open"


def fold_faults(world: World) -> Iterator[str]:
    for name, edge in world.edges.items():
        state = State()
        for record in edge.records():
            fold(state, record)
        if state != edge.engine.state:
            yield f"{name}: the fold differs"
