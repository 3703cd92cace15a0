"""The scenario language (DESIGN §7): what may be written. :mod:`sim.scenario_file` reads it, :mod:`sim.player` does it."""

from typing import Any, Literal

import msgspec

Decision = Literal["granted", "denied", "pending"]

MIN_WITHIN_MS = 500


class ScenarioError(ValueError):
    """The file cannot be used: one line with file, line number, key and what is wrong."""


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Base: an unknown key is an error."""


# given


class ContractGiven(Strict, frozen=True, rename={"from_": "from"}):
    """A contract: from when to when (docs/scenarios.md)."""

    from_: str
    to: str


class CustomerGiven(Strict, frozen=True):
    """A customer, with its contract and the areas it allows."""

    code: str
    kind: Literal["organisation", "individual", "supplier", "partner"]
    name: str
    contract: ContractGiven | None = None
    areas: tuple[str, ...] = ()


class HolderGiven(Strict, frozen=True):
    """A person, of a customer or of the site's own staff."""

    id: str
    name: str
    customer: str | None = None
    staff: bool = False
    may_escort: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    keyholder: bool = False


class BadgeGiven(Strict, frozen=True, rename={"from_": "from"}):
    """A badge and the card it is bound to."""

    id: str
    holder: str
    card: Literal["desfire", "ultralight-c", "felica-lite-s", "uid"] = "desfire"
    number: str = ""
    from_: str | None = None
    to: str | None = None
    schedule: str | None = None


class Given(Strict, frozen=True):
    """What exists before the first step. ``permits``, ``inventory``, ``slips``, ``orders`` belong to a later issue."""

    customers: tuple[CustomerGiven, ...] = ()
    holders: tuple[HolderGiven, ...] = ()
    badges: tuple[BadgeGiven, ...] = ()
    permits: tuple[dict[str, Any], ...] = ()
    inventory: tuple[dict[str, Any], ...] = ()
    slips: tuple[dict[str, Any], ...] = ()
    orders: tuple[dict[str, Any], ...] = ()


# verbs


class Tap(Strict, frozen=True):
    """Lay a card on a reader."""

    at: str
    badge: str | None = None
    card: str | None = None
    hold_s: float | None = None


class Scan(Strict, frozen=True):
    """Scan a code at a door (later issue)."""

    at: str
    slip: str | None = None
    order: str | None = None
    serial: str | None = None
    raw: str | None = None


class Pass(Strict, frozen=True):
    """Go through a door that is unlocked."""

    door: str
    people: int = 1
    out: bool = False
    tailgate: int = 0


class DoorVerb(Strict, frozen=True):
    """Do something to a leaf."""

    force: str | None = None
    prop: str | None = None
    close: str | None = None


class Zone(Strict, frozen=True):
    """A zone's input, raised or cleared."""

    zone: str
    clear: bool = False


class Act(Strict, frozen=True, rename={"from_": "from"}):
    """badge, contract, customer … : an id and either fields or one act."""

    id: str
    report: str | None = None
    issue: bool | None = None
    end: str | None = None
    revoke: bool | None = None
    suspend: bool | None = None
    resume: bool | None = None
    approve: dict[str, Any] | None = None
    from_: str | None = None
    to: str | None = None
    holder: str | None = None
    card: str | None = None
    number: str | None = None


class CommandVerb(Strict, frozen=True):
    """An operator's command to the edge."""

    name: str
    fields: dict[str, Any] = {}


class ClockVerb(Strict, frozen=True):
    """Set the edge's wall clock against the true one."""

    edge: str


# expectations


class Expect(Strict, frozen=True):
    """Everything any expectation may ask; :data:`EXPECTED_KEYS` says which verb takes which."""

    decision: Decision | None = None
    reason: str | None = None
    rule: str | None = None
    unlocked: bool | None = None
    indicator: str | None = None
    alarm: str | None = None
    within_ms: int | None = None
    occupancy: dict[str, int] | None = None
    refused: str | None = None
    ok: bool | None = None
    result: str | None = None
    uncertain: tuple[str, ...] | None = None
    alarms: tuple[str, ...] | None = None
    cleared: str | None = None
    register: tuple[dict[str, Any], ...] | None = None
    events_lost: int | None = None
    events_duplicated: int | None = None
    policy_version_current: bool | None = None
    locked: tuple[str, ...] | None = None


class Step(msgspec.Struct, frozen=True):
    """One step: a verb with its argument, what is expected beside it, and where it stands in the file."""

    verb: str
    argument: Any
    expect: Expect | None
    line: int


class Scenario(msgspec.Struct, frozen=True):
    """A whole file."""

    name: str
    site: str
    settings: dict[str, float]
    given: Given
    steps: tuple[Step, ...]
    path: str


_ACT_KEYS = ("refused", "ok")
EXPECTED_KEYS: dict[str, tuple[str, ...]] = {
    "tap": ("decision", "reason", "rule", "unlocked", "indicator", "alarm", "within_ms"),
    "scan": ("decision", "reason", "unlocked", "alarm"),
    "pass": ("occupancy", "alarm"),
    "door": ("alarm",),
    "rex": ("unlocked", "alarm"),
    "fire": ("unlocked", "alarm"),
    "gas": ("unlocked", "alarm"),
    "tamper": ("unlocked", "alarm"),
    "badge": _ACT_KEYS,
    "contract": _ACT_KEYS,
    "customer": _ACT_KEYS,
    "permit": _ACT_KEYS,
    "slip": _ACT_KEYS,
    "order": _ACT_KEYS,
    "emergency": _ACT_KEYS,
    "command": ("result", "reason", "unlocked"),
    "cut": (),
    "restore": (),
    "kill": (),
    "unplug": ("alarm",),
    "plug": ("alarm",),
    "clock": (),
    "wait": (),
}
"""Verb → the keys that ``expect`` beside it may hold. A step with ``expect`` alone takes :data:`ALONE_KEYS`."""

ALONE_KEYS = (
    "occupancy", "uncertain", "alarms", "cleared", "register", "events_lost", "events_duplicated",
    "policy_version_current", "locked",
)  # fmt: skip

ARGUMENTS: dict[str, Any] = {
    "tap": Tap,
    "scan": Scan,
    "pass": Pass,
    "door": DoorVerb,
    "rex": str,
    "fire": str | Zone,
    "gas": str | Zone,
    "tamper": str | Zone,
    **dict.fromkeys(("badge", "contract", "customer", "permit", "slip", "order", "emergency"), Act),
    "command": CommandVerb,
    "cut": Literal["mqtt", "edge", "server", "broker"],
    "restore": Literal["mqtt", "edge", "server", "broker"],
    "kill": Literal["mqtt", "edge", "server", "broker"],
    "unplug": str,
    "plug": str,
    "clock": ClockVerb,
    "wait": str,
}
