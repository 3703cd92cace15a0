"""Any building that a site file may describe, any policy for it, any input: for properties that hold whatever is configured."""

from collections.abc import Callable
from typing import Literal

import msgspec
from hypothesis import strategies as st

from controller.commands import (
    AcknowledgeAlarm,
    Admit,
    CheckEquipment,
    Command,
    ConfirmHolder,
    Identify,
    LockDown,
    ReconcileOccupancy,
    Release,
    ResetFire,
    SetMaintenance,
    UnlockDoor,
)
from controller.goods_events import DocumentKind
from controller.inputs import (
    AnyInput,
    CardRead,
    CardRefused,
    CommandArrived,
    ContactRattling,
    DeviceFaulted,
    DeviceRecovered,
    DocumentScanned,
    DoorContact,
    FireInput,
    ForkFound,
    GasInput,
    ItemScanned,
    LinkChanged,
    LockdownInput,
    LockFeedback,
    PersonCounted,
    PowerInput,
    RecordsLost,
    RexPressed,
    ScanCancelled,
    ScanRefused,
    Stopped,
    TamperInput,
    TimeElapsed,
)
from controller.now import SECOND_US, Now
from controller.policy import (
    FOREVER_US,
    Badge,
    BadgeKind,
    Customer,
    ExitSlip,
    Grant,
    GrantArea,
    Holder,
    Item,
    Line,
    Policy,
    Version,
    WorkOrder,
    credential_key,
)
from controller.site import (
    AccessPoint,
    Area,
    Closure,
    Door,
    DoorHardware,
    HeldOpen,
    Interlock,
    Interval,
    Schedule,
    Site,
)
from controller.site_checks import check_site
from tests.controller.building import credential

NAMES = ("a", "b", "c", "d")
DOORS = ("d1", "d2", "d3")
HARDWARE = (
    DoorHardware("d1", fire_zones=("z1",), fire_boards=(("z1", "board-1"),), scanners=("d1-x", "d1-y")),
    DoorHardware("d2", has_contact=False, fire_zones=("z1", "z2")),
    DoorHardware("d3", fail="safe"),
)
POINTS = tuple(f"{door}-{side}" for door in DOORS for side in ("x", "x", "y", "y", "z"))
CARDS = ("k1", "k2", "k3", "k4", "k5", "k6")
HUGE = 2**63 - 1
ALL_DAY = (Interval(0, 1440),)
KINDS: tuple[BadgeKind, ...] = ("customer", "staff", "staff", "temporary")
SETTINGS: list[dict[str, float]] = [{}, {"lone_occupant_s": 5.0}, {"escort_visitors": 1.0, "exit_prompt_s": 4.0}]
FLAG = st.sampled_from([False, False, False, True])


@st.composite
def areas(draw: st.DrawFn) -> tuple[Area, ...]:
    """The street and up to four areas, in each other or not."""
    made = [Area("street", public=True)]
    within: list[str | None]
    for name in draw(st.permutations(NAMES))[: draw(st.integers(2, 4))]:
        within = [None, *(area.id for area in made)]
        around = draw(st.sampled_from(within))
        if draw(st.sampled_from([False] * 7 + [True])) and around in (None, "street"):
            made.append(Area(name, public=True, inside=around))
            continue
        made.append(
            Area(
                name,
                inside=around,
                customers=draw(st.sampled_from([(), (), (), ("C1",)])),
                closed=draw(st.sampled_from([False] * 19 + [True])),
                two_person=draw(st.booleans()),
                anti_passback=draw(st.sampled_from(["off", "soft", "hard"])),
                capacity=draw(st.sampled_from([None, None, 2, 3])),
                composition=draw(st.sampled_from(["any", "any", "same_customer", "with_staff"])),
                authenticated_only=draw(FLAG),
                first_in=draw(FLAG),
                escort_for=draw(st.sampled_from(["visitors", "customers"])),
                lockdown_pass=draw(st.sampled_from([(), ("staff",), ("keyholder",), ("staff", "keyholder")])),
            )
        )
    return tuple(made)


@st.composite
def sites(draw: st.DrawFn) -> Site:
    """A site that the loader accepts. Doors are always the same three, what they lead into is not."""
    rooms = draw(areas())
    names = [area.id for area in rooms]
    points = []
    for door in DOORS:
        here, there = draw(st.lists(st.sampled_from(names), min_size=2, max_size=2, unique=True))
        points.append(AccessPoint(f"{door}-x", door, here, there))
        if draw(st.sampled_from([True, True, True, False])):
            points.append(AccessPoint(f"{door}-y", door, there, here, out=draw(st.sampled_from([True, True, False]))))
        if draw(FLAG):
            again = points[-1]
            points.append(AccessPoint(f"{door}-z", door, again.from_area, again.to_area, out=again.out))
    closable = [area.id for area in rooms if not area.public]
    interlocks: list[tuple[Interlock, ...]] = [(), (Interlock("i", ("d1", "d2")),), (Interlock("i", DOORS),)]
    site = Site(
        id="any",
        time_zone=draw(st.sampled_from(["Asia/Shanghai", "UTC", "Europe/Berlin"])),
        areas=rooms,
        doors=tuple(
            Door(
                door,
                kind=draw(st.sampled_from(["passage", "passage", "passage", "cabinet"])),
                duress=draw(st.sampled_from(["off", "double_tap"])),
                guard_confirms=draw(FLAG),
                goods=draw(st.sampled_from(["", "out", "both"])),
                held_open_by_schedule=draw(st.sampled_from([(), (HeldOpen("hours", 60),)])),
            )
            for door in DOORS
        ),
        access_points=tuple(points),
        schedules=(Schedule("hours", week=(ALL_DAY,) * 5 + ((), ())),),
        interlocks=draw(st.sampled_from(interlocks)),
        closures=tuple(
            Closure("k", area, "2026-09-21T22:00", "2026-09-21T23:00") for area in closable[:1] if draw(FLAG)
        ),
        settings=draw(st.sampled_from(SETTINGS)),
    )
    site = msgspec.structs.replace(
        site, doors=tuple(msgspec.structs.replace(d, goods="") if d.kind == "cabinet" else d for d in site.doors)
    )
    return site if not check_site(site) else msgspec.structs.replace(site, areas=tuple(map(_plain, rooms)), closures=())


def _plain(area: Area) -> Area:
    return Area(area.id, public=area.public, inside=area.inside)


@st.composite
def policies(draw: st.DrawFn, n: int) -> Policy:
    """Six cards of at most four holders, of any kind and status."""
    site = draw(sites())
    rooms = [area.id for area in site.areas if not area.public]
    badges = tuple(
        Badge(
            id=number,
            credential=credential(card),
            number=card,
            kind=(kind := draw(st.sampled_from(KINDS))),
            status=draw(st.sampled_from(["active"] * 40 + ["issued", "suspended", "lost", "revoked", "expired"])),
            holder=draw(st.integers(1, 4)) if draw(FLAG) else min(number, 4),
            customer=None if kind == "staff" else draw(st.sampled_from([1, 1, 2])),
            grant=draw(st.sampled_from([1] * 8 + [2, 9])),
            until_us=draw(st.sampled_from([FOREVER_US, FOREVER_US, 1_790_000_060 * SECOND_US])),
            slot=number if kind == "customer" else None,
        )
        for number, card in enumerate(draw(st.permutations(CARDS)), 1)
    )
    return Policy(
        version=Version(1, n),
        site=site,
        customers=(Customer(1, "C1", "organisation", "active", 6), Customer(2, "C2", "individual", "active", 6)),
        holders=tuple(
            Holder(
                holder,
                may_escort=draw(st.sampled_from([(), tuple(rooms), tuple(rooms[:1])])),
                keyholder=draw(FLAG),
                duties=draw(st.sampled_from([(), ("guard",), ("supervisor",), ("guard", "supervisor")])),
            )
            for holder in range(1, 5)
        ),
        grants=(
            Grant(1, tuple(GrantArea(name) for name in rooms)),
            Grant(2, tuple(GrantArea(name, schedule="hours") for name in rooms[:1])),
        ),
        badges=badges,
        items=tuple(
            Item(number, serial, "M", draw(st.sampled_from([1, 2, None]))) for number, serial in enumerate(SERIALS[:2])
        ),
        orders=tuple(draw(orders(number)) for number in (1, 2)),
        slips=tuple(draw(slips(number)) for number in (1, 2)),
    )


SERIALS = ("SN-1", "SN-2", "SN-3")
TEXTS = (*SERIALS, "M", "", "x" * 200)


def code(kind: DocumentKind, number: int) -> bytes:
    return credential_key(b"k" * 32, kind, str(number))


LINES: tuple[tuple[Line, ...], ...] = (
    (Line(1, "M", 1, ("SN-1",)),),
    (Line(1, "M", 2, ("SN-1", "SN-2")), Line(2, "m ", 2)),
    (Line(1, "M", 1, ("SN-3",)),),
    (),
    (Line(1, "M", -HUGE, ()), Line(1, "M", HUGE, ("SN-2",))),
)
_CUSTOMER = st.sampled_from([1, 1, 1, 2, None])
_BOUND_TO = st.sampled_from(["edge-1"] * 9 + ["edge-2"])
_UNTIL_US = st.sampled_from([FOREVER_US] * 5 + [1_790_000_060 * SECOND_US])


def orders(number: int) -> st.SearchStrategy[WorkOrder]:
    """Mostly in order."""
    return st.builds(
        WorkOrder,
        st.just(number),
        st.just(code("order", number)),
        st.just(f"W-{number}"),
        customer=_CUSTOMER,
        edge=_BOUND_TO,
        binding=st.sampled_from([1, 1, 1, 2]),
        ready_us=st.just(0),
        from_us=st.just(0),
        until_us=_UNTIL_US,
        unpacked=st.sampled_from([True] * 9 + [False]),
        lines=st.sampled_from(LINES),
    )


def slips(number: int) -> st.SearchStrategy[ExitSlip]:
    """Mostly in order."""
    return st.builds(
        ExitSlip,
        st.just(number),
        st.just(code("slip", number)),
        st.just(f"S-{number}"),
        st.sampled_from(["withdrawal", "withdrawal", "repair", "site"]),
        customer=_CUSTOMER,
        edge=_BOUND_TO,
        binding=st.sampled_from([1, 1, 1, 2]),
        from_us=st.just(0),
        until_us=_UNTIL_US,
        lines=st.sampled_from(LINES),
        carriers=st.sampled_from([(), (), (1, 2), (4,)]),
        door=st.sampled_from(["", "", "", "d1"]),
        cancelled=st.sampled_from([False] * 9 + [True]),
        returns=st.sampled_from([(), *LINES]),
        return_until_us=st.sampled_from([0, FOREVER_US]),
    )


Step = Callable[[Now], AnyInput]


def card_read(point: str, card: str, authenticated: bool = True, age_s: float = 0.0) -> Step:
    """This card there; ``age_s`` ago."""
    assurance: str = "authenticated" if authenticated else "identified"
    return lambda now: CardRead(
        point,
        "desfire",
        credential(card),
        assurance,  # type: ignore[arg-type]
        now.mono_us - round(age_s * SECOND_US),
    )


def fixed(stimulus: AnyInput) -> Step:
    """An input that knows no time."""
    return lambda now: stimulus


_DOOR = st.sampled_from([*DOORS, *DOORS, "d9"])
_POINT = st.sampled_from([*POINTS, "d9-x"])
_AREA = st.sampled_from(["", "street", *NAMES, "attic"])
_ZONE = st.sampled_from(["z1", "z2", "z9"])
_REASON = st.sampled_from(["", "work", "work"])
_NUMBER = st.sampled_from([0, 1, 2, 60, -1, HUGE, -HUGE])
_ITEMS = st.lists(st.sampled_from(TEXTS), max_size=3).map(tuple)
_KIND: st.SearchStrategy[DocumentKind] = st.sampled_from(["order", "slip", "slip"])
COMMANDS: st.SearchStrategy[Command] = st.one_of(
    st.builds(UnlockDoor, _DOOR, _REASON),
    st.builds(ResetFire, _ZONE, _REASON),
    st.builds(LockDown, _REASON, _AREA),
    st.builds(Release, _REASON, _AREA),
    st.builds(SetMaintenance, _DOOR, _NUMBER, _REASON),
    st.builds(Identify, _POINT),
    st.builds(
        Admit,
        _POINT,
        st.sampled_from(["P-1", "P-2", "k1", " "]),
        _REASON,
        st.booleans(),
        st.sampled_from([None, 1, HUGE]),
    ),
    st.builds(
        ReconcileOccupancy,
        _AREA,
        _REASON,
        st.lists(st.sampled_from([*CARDS, "k99"]), max_size=3).map(tuple),
        _NUMBER,
    ),
    st.builds(ConfirmHolder, _POINT, st.sampled_from(CARDS), st.booleans(), _REASON),
    st.builds(
        lambda point, kind, number, items, why: CheckEquipment(point, kind, code(kind, number), items, why),
        _POINT,
        _KIND,
        st.integers(1, 3),
        _ITEMS,
        _REASON,
    ),
    st.builds(
        AcknowledgeAlarm,
        st.just("EQUIPMENT_UNCHECKED"),
        st.sampled_from(DOORS),
        _REASON,
        attested=st.sampled_from(["", "A-1"]),
        openings=st.sampled_from([0, 1, 2, HUGE]),
    ),
    st.builds(
        AcknowledgeAlarm,
        st.sampled_from(["FIRE", "LONE_OCCUPANT", "DoorForcedOpen", "OVERSTAY", "DURESS", "NONSENSE"]),
        st.sampled_from(["z1", "d1", "k1", *NAMES]),
        _REASON,
        st.sampled_from(["", "K-7"]),
    ),
)
TAPS: st.SearchStrategy[Step] = st.builds(
    card_read,
    st.sampled_from(POINTS),
    st.sampled_from(CARDS),
    st.sampled_from([True] * 9 + [False]),
    st.sampled_from([0.0] * 9 + [3.0]),
)


def document_scanned(point: str, kind: DocumentKind, number: int, age_s: float) -> Step:
    """The code of this document there."""
    return lambda now: DocumentScanned(point, kind, code(kind, number), now.mono_us - round(age_s * SECOND_US))


def item_scanned(point: str, text: str) -> Step:
    return lambda now: ItemScanned(point, text, now.mono_us)


def scan_ended(point: str, cause: Literal["", "noise", "too_long", "half", "check"]) -> Step:
    """The control code, or what is no code."""
    if not cause:
        return lambda now: ScanCancelled(point, now.mono_us)
    return lambda now: ScanRefused(point, cause, 9, now.mono_us)


_AT = st.sampled_from([*POINTS[:5], *POINTS, "d9-x"])
SCANS: st.SearchStrategy[Step] = st.one_of(
    st.builds(document_scanned, _AT, _KIND, st.integers(1, 3), st.sampled_from([0.0] * 9 + [3.0])),
    st.builds(item_scanned, _AT, st.sampled_from(TEXTS)),
    st.builds(item_scanned, _AT, st.sampled_from(TEXTS)),
    st.builds(scan_ended, _AT, st.sampled_from(["", "noise"])),
)
INPUTS: st.SearchStrategy[Step] = st.one_of(
    TAPS,
    TAPS,
    SCANS,
    st.builds(DoorContact, _DOOR, st.booleans()).map(fixed),
    st.builds(CommandArrived, st.just("c"), COMMANDS, st.just("op"), st.just(0), st.booleans()).map(fixed),
    st.one_of(
        st.builds(DoorContact, _DOOR, st.booleans()),
        st.builds(RexPressed, _DOOR),
        st.builds(LockFeedback, _DOOR, st.booleans()),
        st.builds(ContactRattling, _DOOR, _NUMBER, st.booleans()),
        st.builds(LockdownInput, _AREA, st.booleans()),
        st.builds(FireInput, _ZONE, st.booleans()),
        st.builds(GasInput, _ZONE, st.booleans()),
        st.builds(TamperInput, st.sampled_from(["d1", "d1-x", "box"]), st.booleans()),
        st.builds(PowerInput, st.just("box"), st.sampled_from(["mains", "battery"]), st.booleans()),
        st.builds(
            DeviceFaulted, st.sampled_from(["d1-x", "board-1"]), st.sampled_from(["reader", "board"]), st.just("x")
        ),
        st.builds(DeviceFaulted, st.just("scanner:d1-y"), st.just("scanner"), st.just("x")),
        st.builds(DeviceRecovered, st.sampled_from(["d1-x", "board-1"]), st.sampled_from(["reader", "board"])),
        st.builds(LinkChanged, st.sampled_from([False, False, True])),
        st.builds(PersonCounted, _AREA, _NUMBER),
        st.builds(Stopped, st.just("SIGTERM")),
        st.builds(ForkFound, st.just("j"), _NUMBER),
        st.builds(RecordsLost, st.just("j"), _NUMBER, _NUMBER),
        st.builds(CardRefused, _POINT, st.sampled_from(["two_cards", "not_authenticated"]), st.just("x"), st.just(0)),
        st.just(TimeElapsed()),
    ).map(fixed),
)
