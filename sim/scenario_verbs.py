"""The verbs of the scenario language, each with what may be written beside it."""

from typing import Any, Literal

import msgspec

from sim.scenario_given import CardKind, Part, Strict
from sim.scenario_goods import EmergencyVerb, OrderVerb, PermitVerb, SlipVerb


class Tap(Strict, frozen=True):
    """Lay a card on a reader. ``late``: how long ago the reader saw it (L4; virtual only)."""

    at: str
    badge: str | None = None
    card: str | None = None
    hold_s: float | None = None
    late: str | None = None


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


class Lockdown(Strict, frozen=True):
    """A lockdown button, pressed or (``clear``) released: of an area, or, empty, of the site."""

    area: str = ""
    clear: bool = False


class Count(Strict, frozen=True):
    """A people counter tells how many it sees in an area."""

    area: str
    people: int


class CommandVerb(Strict, frozen=True):
    """An operator's command to the edge. ``by``: the operator's role; else somebody who may do everything."""

    name: str
    fields: dict[str, Any] = msgspec.field(default_factory=dict)
    by: Literal["guard", "supervisor"] | None = None


class ClockVerb(Strict, frozen=True):
    """Set the edge's wall clock against the true one."""

    edge: str


class Apply(Strict, frozen=True, rename={"from_": "from"}):
    """An application for a badge, with all its papers but ``without``."""

    holder: str
    without: tuple[Part, ...] = ()
    from_: str | None = None
    to: str | None = None
    schedule: str | None = None


class Successor(Strict, frozen=True):
    """The badge ``as`` that takes another's place: re-issued after a loss, or passed ``to`` another holder."""

    as_: str = msgspec.field(name="as")
    to: str | None = None
    letter: bool = True
    card: CardKind = "desfire"
    number: str | None = None


class Reissue(Successor, frozen=True):
    """After a loss, to the same holder unless ``to`` names another; ``letter``: with the letter that states the loss."""


class Transfer(Successor, frozen=True):
    """To another holder of the same customer."""


class Interrupted(Strict, frozen=True):
    """The card loses power in its ``command``-th command, before or after it takes effect."""

    command: int
    effect: Literal["before", "after"] = "before"


class Look(Strict, frozen=True):
    """See personal data in clear, with the reason that is recorded."""

    fields: tuple[str, ...]
    reason: str


class BadgeVerb(Strict, frozen=True):
    """One act on a badge. ``issue`` with ``holder`` goes the whole way from the application on."""

    id: str
    apply: Apply | None = None
    attach: tuple[Part, ...] = ()
    approve: bool = False
    issue: bool = False
    encode: bool | Interrupted = False
    report: Literal["lost", "suspended", "active", "revoked", "returned"] | None = None
    reissue: Reissue | None = None
    transfer: Transfer | None = None
    holder: str | None = None
    card: CardKind | None = None
    number: str | None = None
    reason: str | None = None


class ContractTerms(Strict, frozen=True, rename={"from_": "from"}):
    """A contract that is signed now."""

    customer: str
    from_: str
    to: str | None = None
    areas: tuple[str, ...] = ()


class ContractVerb(Strict, frozen=True):
    """One act on a contract; ``id`` is a contract's, or a customer's code for all of its contracts."""

    id: str
    new: ContractTerms | None = None
    sign: bool = False
    end: str | None = None
    until: str | None = None
    confirm: bool = False
    suspend: bool = False
    resume: bool = False


class NewCustomer(Strict, frozen=True):
    """A file that is opened now."""

    kind: str
    name: str
    credit_code: str | None = None


class CustomerVerb(Strict, frozen=True):
    """One act on a customer's file: open it, change name or kind, take over the file ``merge``."""

    id: str
    new: NewCustomer | None = None
    name: str | None = None
    kind: str | None = None
    merge: str | None = None
    reason: str = "the same customer"


class NewHolder(Strict, frozen=True):
    """A person who can carry badges from now on."""

    name: str
    customer: str | None = None
    phone: str | None = None
    id_number: str | None = None


class HolderVerb(Strict, frozen=True):
    """One act on a person: ``leave`` the customer, or be looked up in clear."""

    id: str
    new: NewHolder | None = None
    leave: bool = False
    look: Look | None = None


class DutyVerb(Strict, frozen=True):
    """A duty test of a door's exit, button or release, or of an edge's battery (L5), with its result and signature."""

    subject: str
    kind: Literal["exit", "rex", "manual_release", "fire_release", "battery"]
    result: Literal["pass", "fail"]
    note: str = ""


class RegistryVerb(Strict, frozen=True):
    """What a CRM does to the shared tables: one SQL statement."""

    sql: str


ACTS: dict[type[Strict], tuple[str, ...]] = {
    BadgeVerb: ("apply", "attach", "approve", "issue", "encode", "report", "reissue", "transfer"),
    ContractVerb: ("new", "sign", "end", "until", "suspend", "resume"),
    CustomerVerb: ("new", "name", "kind", "merge"),
    HolderVerb: ("new", "leave", "look"),
    SlipVerb: ("new", "approve", "issue", "cancel", "bind"),
    OrderVerb: ("new", "exception", "unpack", "cancel", "bind"),
    PermitVerb: ("new", "approve", "check_in", "check_out", "revoke", "end"),
    EmergencyVerb: ("approve", "admit", "close"),
}
"""A verb's acts; a step does exactly one (a customer's name and kind may change together)."""


def acts_in(argument: Any) -> list[str]:
    """The acts that a step's argument asks for."""
    return [name for name in ACTS.get(type(argument), ()) if getattr(argument, name)]
