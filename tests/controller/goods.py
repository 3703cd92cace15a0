"""A goods door, orders, slips and devices, and what people do there."""

from collections.abc import Sequence

import msgspec

from controller.actions import Action, Indicate
from controller.codes import serial_key
from controller.commands import CheckEquipment
from controller.engine import Engine, Outcome
from controller.event_base import Event
from controller.goods_events import (
    DocumentKind,
    EquipmentCheckEnded,
    EquipmentCheckStarted,
    EquipmentRefused,
    ItemAccepted,
    ItemsFreed,
    ItemsMoved,
    ItemsReserved,
)
from controller.inputs import DocumentScanned, DoorContact, ItemScanned, LinkChanged, ScanCancelled, Started
from controller.policy import Badge, ExitSlip, Holder, Item, Line, Policy, WorkOrder, credential_key
from controller.site import AccessPoint, Area, Door, DoorHardware, Site
from controller.state import State
from tests.controller.building import (
    DAY_US,
    GRANTS,
    GUO,
    HARDWARE,
    KEY,
    SITE,
    START_US,
    Hall,
    digest,
)
from tests.controller.rooms import EVERYBODY, room_policy
from tests.controller.stories import order as command

YARD = "yard"
GOODS_DOOR = "goods-door"
IN, OUT = "goods-in", "goods-out"
GOODS_SITE = msgspec.structs.replace(
    SITE,
    areas=(*SITE.areas, Area(YARD, public=True)),
    doors=(*SITE.doors, Door(GOODS_DOOR, goods="both")),
    access_points=(
        *SITE.access_points,
        AccessPoint(IN, GOODS_DOOR, YARD, "hall"),
        AccessPoint(OUT, GOODS_DOOR, "hall", YARD, out=True),
    ),
)
GOODS_HARDWARE = (*HARDWARE, DoorHardware(GOODS_DOOR, fire_zones=("z1",), scanners=(IN, OUT)))


def site(settings: dict[str, float] | None = None, *, hall: dict[str, object] | None = None, **door: object) -> Site:
    """The building with a goods door; ``door``: its fields; ``hall``: the area's."""
    return msgspec.structs.replace(
        GOODS_SITE,
        areas=tuple(
            msgspec.structs.replace(area, **(hall or {})) if area.id == "hall" else area for area in GOODS_SITE.areas
        ),
        doors=tuple(msgspec.structs.replace(one, **door) if one.id == GOODS_DOOR else one for one in GOODS_SITE.doors),
        settings=settings or {},
    )


def code(kind: DocumentKind, number: str) -> bytes:
    """The hash of the document's code; here the code is its number."""
    return credential_key(KEY, kind, number)


def order(order_id: int = 1, *lines: Line, **fields: object) -> WorkOrder:
    """A work order of C001 that is ready; without lines: of the servers SN-1 and SN-2, and two rails counted by model."""
    number = f"W-{order_id}"
    plain = WorkOrder(
        id=order_id,
        code=code("order", number),
        number=number,
        customer=1,
        edge="edge-1",
        binding=1,
        ready_us=0,
        from_us=START_US - DAY_US,
        until_us=START_US + DAY_US,
        unpacked=True,
        lines=lines or (Line(1, "R750", 2, ("SN-1", "SN-2")), Line(2, "Rail kit", 2)),
    )
    return msgspec.structs.replace(plain, **fields)


def slip(slip_id: int = 1, *lines: Line, **fields: object) -> ExitSlip:
    """A withdrawal slip of C001; without lines: of the servers SN-1 and SN-2, and two rails counted by model."""
    number = f"S-{slip_id}"
    plain = ExitSlip(
        id=slip_id,
        code=code("slip", number),
        number=number,
        kind="withdrawal",
        customer=1,
        edge="edge-1",
        binding=1,
        from_us=START_US - DAY_US,
        until_us=START_US + DAY_US,
        lines=lines or (Line(1, "R750", 2, ("SN-1", "SN-2")), Line(2, "Rail kit", 2)),
    )
    return msgspec.structs.replace(plain, **fields)


ONE = Line(1, "R750", 1, ("SN-1",))
"""One device."""
ITEMS = (Item(1, "SN-1", "R750", 1), Item(2, "SN-2", "R750", 1), Item(3, "SN-3", "R750", 2), Item(4, "SN-4", "NAS"))


def goods_policy(
    *documents: WorkOrder | ExitSlip,
    items: Sequence[Item] = (),
    at: Site = GOODS_SITE,
    badges: Sequence[Badge] = EVERYBODY,
    holders: Sequence[Holder] = (),
    n: int = 1,
) -> Policy:
    """A policy with these documents and devices."""
    plain = room_policy(at, badges=badges, holders=holders, n=n)
    return msgspec.structs.replace(
        plain,
        grants=tuple(
            msgspec.structs.replace(grant, areas=tuple(area for area in grant.areas if area.schedule is None))
            for grant in GRANTS
        ),
        items=tuple(items),
        orders=tuple(one for one in documents if isinstance(one, WorkOrder)),
        slips=tuple(one for one in documents if isinstance(one, ExitSlip)),
    )


class GoodsHall(Hall):
    """The building with a goods door and its scanners."""

    hardware: tuple[DoorHardware, ...] = GOODS_HARDWARE

    def __init__(self, in_force: Policy, *, hardware: Sequence[DoorHardware] = (), trusted: bool = True) -> None:
        self.hardware = tuple(hardware) or GOODS_HARDWARE
        super().__init__(None, trusted=trusted)
        self.begin(State(), "boot-1", in_force)
        self.settle()

    def begin(self, state: State, boot: str, in_force: Policy) -> None:
        """A new process on what the journal holds."""
        self.state = state
        if not state.seq:
            self.records, self.encoded = [], []
        self.engine = Engine(state, "j" * 8, self.hardware, "edge-1")
        self.engine.adopt(in_force, digest(in_force), self.now)
        self.give(Started(boot, "test"))
        self.give_lease()

    def settle(self) -> None:
        super().settle()
        self.give(DoorContact(GOODS_DOOR, open=False))

    def adopt(self, policy: Policy) -> Outcome:
        """Another policy, as the agent puts it in force."""
        outcome = self.keep(self.engine.adopt(policy, digest(policy), self.now))
        self.engine.commit()
        return outcome

    def document(self, of: WorkOrder | ExitSlip, at: str = "", **fields: object) -> Outcome:
        """Its code is scanned: an order at the entry, a slip at the way out, or where told."""
        kind: DocumentKind = "order" if isinstance(of, WorkOrder) else "slip"
        at = at or (IN if kind == "order" else OUT)
        scanned = DocumentScanned(at, kind, of.code, self.now.mono_us)
        return self.give(msgspec.structs.replace(scanned, **fields))

    def item(self, text: str, at: str = OUT, **fields: object) -> Outcome:
        scanned = ItemScanned(at, serial_key(text), self.now.mono_us)
        return self.give(msgspec.structs.replace(scanned, **fields))

    def items(self, *texts: str, at: str = OUT) -> Outcome:
        """One after the other; the outcome of the last."""
        return [self.item(text, at) for text in texts][-1]

    def cancel(self, at: str = OUT) -> Outcome:
        return self.give(ScanCancelled(at, self.now.mono_us))

    def console(self, of: WorkOrder | ExitSlip, *items: str, at: str = "", reason: str = "scanner broken") -> Outcome:
        kind: DocumentKind = "order" if isinstance(of, WorkOrder) else "slip"
        at = at or (IN if kind == "order" else OUT)
        return self.give(command(CheckEquipment(at, kind, of.code, items, reason)))

    def cut(self) -> None:
        self.give(LinkChanged(up=False))

    def leaf(self, *, open: bool = True) -> Outcome:
        return self.give(DoorContact(GOODS_DOOR, open=open))

    def through(self) -> Outcome:
        """The leaf opens and closes; the outcome of the opening."""
        opened = self.leaf()
        self.leaf(open=False)
        self.wait(2)
        return opened


def goods(*documents: WorkOrder | ExitSlip, items: Sequence[Item] = (), **fields: object) -> GoodsHall:
    """The building in order, with these documents."""
    return GoodsHall(goods_policy(*documents, items=items, **fields))  # type: ignore[arg-type]


GOODS_EVENTS = (
    EquipmentCheckStarted,
    ItemAccepted,
    EquipmentRefused,
    EquipmentCheckEnded,
    ItemsReserved,
    ItemsMoved,
    ItemsFreed,
)


def told(outcome: Outcome) -> list[str]:
    """The facts about equipment in the record, in short words."""
    return (
        []
        if outcome.record is None
        else [_short(event) for event in outcome.record.events if isinstance(event, GOODS_EVENTS)]
    )


def _short(event: Event) -> str:
    match event:
        case EquipmentCheckStarted():
            return f"started {event.number}"
        case ItemAccepted():
            return f"accepted {event.item.serial or event.model} left {event.left}"
        case EquipmentRefused():
            return f"refused {event.because.reason}"
        case EquipmentCheckEnded():
            return f"ended {event.cause} left {event.left}"
        case ItemsReserved():
            what = {ItemsReserved: "reserved", ItemsMoved: "moved"}[type(event)]
            return f"{what} {' '.join(item.serial or str(item.line) for item in event.items)}"
        case ItemsFreed():
            return f"freed {event.cause}"
    return ""


def shown(outcome: Outcome) -> str:
    """What the access point showed last."""
    patterns = [action.pattern for action in outcome.actions if isinstance(action, Indicate)]
    return patterns[-1] if patterns else ""


def kinds(outcome: Outcome) -> list[str]:
    """The types of the record's events, in order."""
    return [] if outcome.record is None else [type(event).__name__ for event in outcome.record.events]


def acted(outcome: Outcome) -> list[Action]:
    return [action for action in outcome.actions if not isinstance(action, Indicate)]


def refusal(outcome: Outcome) -> str:
    """The reason of the one refused scan."""
    (found,) = [
        event for event in (outcome.record.events if outcome.record else ()) if isinstance(event, EquipmentRefused)
    ]
    return str(found.because.reason)


def in_the_hall(at: GoodsHall, *who: Badge) -> GoodsHall:
    """They are listed in the hall, having come by its own door."""
    for one in who or (GUO,):
        at.tap(one, "hall-in")
        at.give(DoorContact("hall-door", open=True))
        at.give(DoorContact("hall-door", open=False))
        at.wait(2)
    return at
