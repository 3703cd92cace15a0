"""Any building that a site file may describe, any policy for it, any input: for properties that hold whatever is configured."""

from collections.abc import Callable

import msgspec
from hypothesis import strategies as st

from controller.commands import (
    AcknowledgeAlarm,
    Admit,
    Command,
    Identify,
    LockDown,
    ReconcileOccupancy,
    Release,
    ResetFire,
    SetMaintenance,
    UnlockDoor,
)
from controller.inputs import (
    AnyInput,
    CardRead,
    CardRefused,
    CommandArrived,
    ContactRattling,
    DeviceFaulted,
    DeviceRecovered,
    DoorContact,
    FireInput,
    ForkFound,
    GasInput,
    LinkChanged,
    LockdownInput,
    LockFeedback,
    PersonCounted,
    PowerInput,
    RecordsLost,
    RexPressed,
    Stopped,
    TamperInput,
    TimeElapsed,
)
from controller.now import SECOND_US, Now
from controller.policy import FOREVER_US, Badge, BadgeKind, Customer, Grant, GrantArea, Holder, Policy, Version
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
    DoorHardware("d1", fire_zones=("z1",), fire_boards=(("z1", "board-1"),)),
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
INPUTS: st.SearchStrategy[Step] = st.one_of(
    TAPS,
    TAPS,
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
