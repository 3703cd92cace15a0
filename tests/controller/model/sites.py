"""The small buildings that model and search go through: up to three doors, each with something to be kept."""

from controller.site import Area, Door, Interlock
from tests.controller.model.buildings import Building, building
from tests.controller.model.steps import Step, tap, wait

SHORT = {
    "same_read_s": 1, "pairing_window_s": 4, "exit_confirm_s": 3, "exit_prompt_s": 8, "lone_occupant_s": 12,
    "admit_window_s": 6, "unlock_s": 3, "held_open_s": 9, "duress_from_s": 1.5, "duress_until_s": 2.5,
}  # fmt: skip
"""Limits in small whole seconds: they keep their order and the reachable set stays small."""


def door(name: str, **fields: object) -> Door:
    return Door(name, held_warning_s=2, **fields)  # type: ignore[arg-type]


def hall_with_cage() -> Building:
    """A two-person hall, a customer's cage inside it."""
    return building(
        "hall-with-cage",
        [
            Area("hall", two_person=True, anti_passback="hard"),
            Area("cage", inside="hall", customers=("C001",), anti_passback="hard"),
        ],
        [(door("hall-door"), "outside", "hall"), (door("cage-door"), "hall", "cage")],
        ["li", "wang", "sun", "guo"],
        settings=SHORT,
    )


def hall_with_two_doors() -> Building:
    """A two-person hall, one door that fire releases and one that it does not."""
    return building(
        "hall-with-two-doors",
        [Area("hall", two_person=True, anti_passback="hard")],
        [(door("north"), "outside", "hall"), (door("south"), "outside", "hall")],
        ["li", "wang", "sun", "guo"],
        settings=SHORT,
        zones={"north": ("z1",), "south": ("z2",)},
    )


def escorted() -> Building:
    """A two-person hall where visitors come with an escort, and a vault inside where customers do, too."""
    return building(
        "escorted",
        [
            Area("hall", two_person=True, anti_passback="soft"),
            Area("vault", inside="hall", escort_for="customers"),
        ],
        [(door("hall-door"), "outside", "hall"), (door("vault-door"), "hall", "vault")],
        ["xu", "yan", "guo", "zhou"],
        settings={**SHORT, "escort_visitors": 1},
    )


def mantrap() -> Building:
    """Two interlocked doors before a two-person hall."""
    return building(
        "mantrap",
        [Area("trap", capacity=2), Area("hall", two_person=True, anti_passback="hard")],
        [(door("outer"), "outside", "trap"), (door("inner"), "trap", "hall")],
        ["li", "wang", "sun", "guo"],
        interlocks=[Interlock("trap", ("outer", "inner"))],
        settings=SHORT,
    )


def full() -> Building:
    """A room for two at most, entered only in own staff's company."""
    return building(
        "full",
        [Area("hall", capacity=2, composition="with_staff", anti_passback="soft")],
        [(door("hall-door", duress="double_tap"), "outside", "hall")],
        ["li", "wang", "guo", "xu"],
        settings=SHORT,
    )


def one_customer() -> Building:
    """A two-person hall for people of one customer, or with staff."""
    return building(
        "one-customer",
        [Area("hall", two_person=True, composition="same_customer", capacity=3)],
        [(door("hall-door"), "outside", "hall"), (door("back"), "outside", "hall")],
        ["li", "wang", "sun", "guo"],
        settings=SHORT,
    )


def staff_first() -> Building:
    """Nobody is in before own staff; a lockdown that keyholders pass."""
    return building(
        "staff-first",
        [
            Area("lobby", first_in=True, anti_passback="hard"),
            Area("hall", two_person=True, first_in=True, lockdown_pass=("keyholder",)),
        ],
        [(door("lobby-door"), "outside", "lobby"), (door("hall-door"), "lobby", "hall")],
        ["li", "wang", "guo", "hui"],
        settings=SHORT,
    )


def store_behind() -> Building:
    """Two two-person rooms side by side, a door between them that is an entry both ways."""
    return building(
        "store-behind",
        [Area("hall", two_person=True, anti_passback="hard"), Area("store", two_person=True)],
        [
            (door("hall-door"), "outside", "hall"),
            (door("between"), "hall", "store"),
            (door("store-door"), "outside", "store"),
        ],
        ["li", "wang", "sun", "guo"],
        settings=SHORT,
        entries_both_ways=["between"],
    )


def room_in_room() -> Building:
    """A two-person lab inside a two-person hall, and a door from outside into the lab itself."""
    return building(
        "room-in-room",
        [
            Area("hall", two_person=True, anti_passback="hard"),
            Area("lab", inside="hall", two_person=True, anti_passback="soft"),
        ],
        [(door("hall-door"), "outside", "hall"), (door("lab-door"), "hall", "lab"), (door("back"), "outside", "lab")],
        ["li", "wang", "sun", "guo"],
        settings=SHORT,
    )


def go(point: str, *people: str) -> tuple[Step, ...]:
    """They tap there in this order, go through, and some time passes."""
    door = point.rsplit("-", 1)[0]
    return (*(tap(who, point) for who in people), Step("open", door), Step("close", door), wait(5))


STARTS: dict[str, tuple[tuple[Step, ...], ...]] = {
    "hall-with-cage": (
        go("hall-door-in", "li", "wang"),
        go("hall-door-in", "li", "wang") + go("hall-door-in", "guo"),
        go("hall-door-in", "li", "wang") + go("cage-door-in", "li"),
    ),
    "hall-with-two-doors": (
        go("north-in", "li", "wang"),
        go(
            "north-in",
            "li",
            "wang",
        )
        + go("south-in", "guo"),
    ),
    "escorted": (go("hall-door-in", "xu", "guo"), go("hall-door-in", "xu", "guo") + go("hall-door-in", "zhou")),
    "mantrap": (
        go("outer-in", "li") + go("outer-in", "wang"),
        go("outer-in", "li") + go("outer-in", "wang") + go("inner-in", "li", "wang"),
    ),
    "full": (go("hall-door-in", "guo"), go("hall-door-in", "guo") + go("hall-door-in", "li")),
    "one-customer": (go("back-in", "li", "wang"), go("back-in", "sun", "guo")),
    "staff-first": (
        go("lobby-door-in", "guo") + go("lobby-door-in", "li"),
        go("lobby-door-in", "guo") + go("lobby-door-in", "li") + go("hall-door-in", "li", "guo"),
    ),
    "store-behind": (
        go("hall-door-in", "li", "wang"),
        go("hall-door-in", "li", "wang") + go("store-door-in", "sun", "guo"),
    ),
    "room-in-room": (
        go("back-in", "li", "wang"),
        go("hall-door-in", "li", "wang") + go("lab-door-in", "li", "wang") + go("hall-door-in", "sun", "guo"),
    ),
}
"""Where the search sets out beside the empty building, by building."""

ALL = {
    make.__name__.replace("_", "-"): make
    for make in (
        hall_with_cage, hall_with_two_doors, escorted, mantrap, full, one_customer, staff_first, store_behind, room_in_room,
    )
}  # fmt: skip
