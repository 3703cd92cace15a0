"""A building that asks for every rule of its rooms, with 500 people inside: what ``bench decide`` and ``bench rooms`` are measured on.

Each of the population's twelve rooms is a two-person room with hard anti-passback, a capacity, first-in and a composition; its doors
stand in pairs of an interlock. The population has own staff and visitors among its customers' people, and half of all permissions have a
schedule. Ten rooms have people and staff in them, one is empty, one full.
"""

import msgspec

from controller.lease import AcceptedLease
from controller.policy import Badge, Holder, Lease, Policy
from controller.site import Area, DoorHardware, Interlock, Site
from controller.state import DoorState, Presence, State
from sim.bench.population import AREAS, NOON_US, BenchTap, grant_of, make_policy, make_taps, room_of

INSIDE = 500
CAPACITY = 80
EMPTY_ROOM = 10
FULL_ROOM = 11
STAFF_EVERY = 21
"""Every so many badges is own staff's, and as many a visitor's."""
BOOT = "boot"
MONO_US = 3_600_000_000


def kind_of(badge: int) -> str:
    """Who carries a badge of the population."""
    return {0: "staff", STAFF_EVERY // 2: "temporary"}.get(badge % STAFF_EVERY, "customer")


def hall_policy(badges: int) -> Policy:
    """The population with :data:`INSIDE` more people, who are inside, and the building with all its rules."""
    plain = make_policy(badges + INSIDE)
    return msgspec.structs.replace(
        plain,
        site=_with_rules(plain.site),
        badges=tuple(_of_kind(badge) for badge in plain.badges),
        holders=tuple(
            Holder(id=one.id, customer=one.customer if kind_of(one.id) == "customer" else None) for one in plain.holders
        ),
    )


def hall_taps(badges: int, count: int) -> list[BenchTap]:
    """Taps all over the population, a few of them by people who are inside."""
    return make_taps(badges, count, range(badges + 1, badges + INSIDE + 1))


def hall_state(policy: Policy) -> State:
    """Everybody of the last :data:`INSIDE` badges is in a room of theirs; all doors are locked and closed; the lease is an instant old."""
    people = [badge for badge in policy.badges[-INSIDE:] if badge.kind != "temporary"]
    presence: dict[int, Presence] = {}
    for badge in people:
        rooms = [room_of(grant_of(badge.id), step) for step in range(3)]
        open_rooms = [room for room in rooms if room < EMPTY_ROOM]
        full = sum(1 for one in presence.values() if one.area == f"room-{FULL_ROOM}") >= CAPACITY
        turn = sum(1 for one in presence.values() if one.kind == badge.kind)
        to_full = FULL_ROOM in rooms and not full and (badge.kind == "customer" or turn < 2)
        room = FULL_ROOM if to_full else open_rooms[turn % len(open_rooms)]
        presence[badge.holder] = Presence(
            f"room-{room}", NOON_US, badge.id, badge.number, badge.customer, kind=badge.kind
        )
    return State(
        seq=1,
        wall_high_us=NOON_US,
        boot_id=BOOT,
        wall_trusted=True,
        policy_version=policy.version,
        lease=AcceptedLease(Lease(policy.version, "", NOON_US), NOON_US, MONO_US, BOOT),
        doors={door.id: DoorState(position="closed") for door in policy.site.doors},
        presence=presence,
    )


def hall_hardware(policy: Policy) -> tuple[DoorHardware, ...]:
    """Every door has a contact, and a fire zone of its own."""
    return tuple(DoorHardware(door.id, fire_zones=(f"zone-{door.id}",)) for door in policy.site.doors)


def _with_rules(site: Site) -> Site:
    return msgspec.structs.replace(
        site,
        areas=tuple(area if area.public else _asks_for_everything(area) for area in site.areas),
        interlocks=tuple(Interlock(f"trap-{n}", (f"door-{n}", f"door-{n + 1}")) for n in range(0, AREAS, 2)),
    )


def _asks_for_everything(area: Area) -> Area:
    number = int(area.id.removeprefix("room-"))
    return msgspec.structs.replace(
        area,
        two_person=True,
        anti_passback="hard",
        capacity=CAPACITY,
        first_in=True,
        composition="same_customer" if number % 4 == 3 else "with_staff",
        lockdown_pass=("staff",),
    )


def _of_kind(badge: Badge) -> Badge:
    kind = kind_of(badge.id)
    if kind == "customer":
        return badge
    return msgspec.structs.replace(badge, kind=kind, customer=None, slot=None)
