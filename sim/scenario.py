"""The scenario language (DESIGN §7): what may be written. :mod:`sim.scenario_file` reads it, :mod:`sim.player` does it."""

from typing import Any, Literal

import msgspec

from sim.scenario_given import Given, Strict
from sim.scenario_goods import (
    AttestVerb,
    CheckRuns,
    CheckVerb,
    ConfirmVerb,
    EmergencyVerb,
    OrderVerb,
    PermitVerb,
    Scan,
    SlipVerb,
)
from sim.scenario_verbs import (
    BadgeVerb,
    ClockVerb,
    CommandVerb,
    ContractVerb,
    Count,
    CustomerVerb,
    DoorVerb,
    DutyVerb,
    HolderVerb,
    Lockdown,
    Pass,
    RegistryVerb,
    Tap,
    Zone,
)

Decision = Literal["granted", "denied", "pending", "confirmed", "accepted", "none"]
"""``confirmed``: an escort's tap for others, which is no passage; ``accepted``: a scan that counts, the door waits for more; ``none``: the tap was one with
the last, or told nothing."""

Listed = int | tuple[int, int | None]
"""How many are listed in an area; or the fewest and the most that it can hold by what is known (null: unknown)."""

MIN_WITHIN_MS = 500


class ScenarioError(ValueError):
    """The file cannot be used: one line with file, line number, key and what is wrong."""


class InForce(Strict, frozen=True):
    """The last change of a badge or a contract runs at every door that it concerns, ``within_ms`` of its making, as the server has it on record. ``awaiting``: at
    the edges named it does not yet."""

    badge: str | None = None
    contract: str | None = None
    within_ms: int | None = None
    awaiting: tuple[str, ...] = ()


class History(Strict, frozen=True):
    """A row's changes: each of ``texts`` stands in some change, and ``by`` made the last one."""

    badge: str | None = None
    contract: str | None = None
    customer: str | None = None
    holder: str | None = None
    texts: tuple[str, ...] = ()
    by: str | None = None


class Recorded(Strict, frozen=True):
    """The last decision as the ledger keeps it: its rule, the inputs that decided it (by name, and values where given), and that
    it was taken under the policy that the edge runs now (``policy: current``) or an older one."""

    rule: str
    inputs: dict[str, str | int] = msgspec.field(default_factory=dict)
    policy: Literal["current", "older"] = "current"


class Expect(Strict, frozen=True):
    """Everything any expectation may ask; :data:`EXPECTED_KEYS` says which verb takes which."""

    decision: Decision | None = None
    reason: str | None = None
    rule: str | None = None
    unlocked: bool | None = None
    indicator: str | None = None
    alarm: str | None = None
    within_ms: int | None = None
    granted: tuple[str, ...] | None = None
    events: tuple[str, ...] | None = None
    occupancy: dict[str, Listed] | None = None
    refused: str | None = None
    ok: bool | None = None
    missing: tuple[str, ...] | None = None
    clear: dict[str, str] | None = None
    result: str | None = None
    uncertain: tuple[str, ...] | None = None
    alarms: tuple[str, ...] | None = None
    waiting: dict[str, tuple[str, ...]] | None = None
    lockdowns: tuple[str, ...] | None = None
    muster: tuple[str, ...] | None = None
    cleared: str | None = None
    register: tuple[dict[str, Any], ...] | None = None
    recorded: Recorded | None = None
    in_force: InForce | None = None
    shows: dict[str, Any] | None = None
    to_be_returned: tuple[str, ...] | None = None
    history: History | None = None
    audited: str | None = None
    overdue: dict[str, tuple[str, ...]] | None = None
    no_personal_data: bool | None = None
    events_lost: int | None = None
    events_duplicated: int | None = None
    policy_version_current: bool | None = None
    locked: tuple[str, ...] | None = None
    inventory: dict[str, tuple[str, ...]] | None = None
    left: dict[str, int] | None = None
    checks: dict[str, CheckRuns] | None = None


class Step(msgspec.Struct, frozen=True):
    """One step: a verb with its argument, what is expected beside it, and where it stands in the file."""

    verb: str
    argument: Any
    expect: Expect | None
    line: int


class Scenario(msgspec.Struct, frozen=True):
    """A whole file. ``virtual``: its times are exact, so it is played in virtual time only; ``starts``: when that begins.
    ``rules``: what areas, doors and interlocks of the site shall ask for instead (:mod:`sim.site_rules`)."""

    name: str
    site: str
    settings: dict[str, float]
    given: Given
    steps: tuple[Step, ...]
    path: str
    rules: dict[str, dict[str, Any]] = {}
    virtual: bool = False
    starts: str | None = None

    @property
    def needs_desk(self) -> bool:
        """Whether a badge is encoded at the desk, which then must stand there."""
        return any(isinstance(step.argument, BadgeVerb) and step.argument.encode for step in self.steps)


_ACT_KEYS = ("refused", "ok", "in_force", "shows")
_AT_A_POINT = ("decision", "reason", "rule", "unlocked", "indicator", "granted", "alarm", "events")
EXPECTED_KEYS: dict[str, tuple[str, ...]] = {
    "tap": (
        "decision",
        "reason",
        "rule",
        "unlocked",
        "indicator",
        "granted",
        "alarm",
        "events",
        "within_ms",
        "recorded",
    ),
    "scan": _AT_A_POINT,
    "check": ("result", *_AT_A_POINT),
    "confirm": ("result", *_AT_A_POINT),
    "attest": ("result", "reason", "events"),
    "pass": ("occupancy", "alarm", "events"),
    "door": ("alarm", "events"),
    "rex": ("unlocked", "alarm", "events"),
    "fire": ("unlocked", "alarm", "events"),
    "gas": ("unlocked", "alarm", "events"),
    "tamper": ("unlocked", "alarm", "events"),
    "lockdown": ("alarm", "events"),
    "count": ("alarm", "events"),
    "badge": (*_ACT_KEYS, "missing", "result", "reason"),
    "contract": _ACT_KEYS,
    "customer": _ACT_KEYS,
    "holder": (*_ACT_KEYS, "clear"),
    "registry": _ACT_KEYS,
    "duty": ("refused", "ok"),
    "permit": _ACT_KEYS,
    "slip": _ACT_KEYS,
    "order": _ACT_KEYS,
    "emergency": _ACT_KEYS,
    "command": ("result", "reason", "unlocked", "alarm", "events"),
    "cut": (),
    "restore": (),
    "kill": (),
    "unplug": ("alarm", "events"),
    "plug": ("alarm", "events"),
    "clock": (),
    "wait": ("alarm", "events"),
}
"""Verb → the keys that ``expect`` beside it may hold. A step with ``expect`` alone takes :data:`ALONE_KEYS`."""

ALONE_KEYS = (
    "occupancy", "uncertain", "alarms", "waiting", "lockdowns", "muster", "cleared", "register", "recorded", "in_force", "shows", "to_be_returned", "history", "audited", "overdue",
    "no_personal_data", "events_lost", "events_duplicated", "policy_version_current", "locked", "inventory", "left", "checks",
)  # fmt: skip

ARGUMENTS: dict[str, Any] = {
    "tap": Tap,
    "pass": Pass,
    "door": DoorVerb,
    "rex": str,
    "fire": str | Zone,
    "gas": str | Zone,
    "tamper": str | Zone,
    "lockdown": str | Lockdown,
    "count": Count,
    "badge": BadgeVerb,
    "contract": ContractVerb,
    "customer": CustomerVerb,
    "holder": HolderVerb,
    "registry": RegistryVerb,
    "duty": DutyVerb,
    "scan": Scan,
    "check": CheckVerb,
    "confirm": ConfirmVerb,
    "attest": AttestVerb,
    "permit": PermitVerb,
    "slip": SlipVerb,
    "order": OrderVerb,
    "emergency": EmergencyVerb,
    "command": CommandVerb,
    "cut": Literal["mqtt", "edge", "server", "broker", "journal"],
    "restore": Literal["mqtt", "edge", "desk", "server", "broker", "journal"],
    "kill": Literal["mqtt", "edge", "desk", "server", "broker"],
    "unplug": str,
    "plug": str,
    "clock": ClockVerb,
    "wait": str,
}
