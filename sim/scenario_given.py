"""``given`` of the scenario language, and the people of a site's ``population.yaml``: what exists before the first step."""

from typing import Any, Literal

import msgspec

CardKind = Literal["desfire", "ultralight-c", "felica-lite-s", "uid"]
Part = Literal["photo", "id_copy", "letter", "loss_letter"]
"""A paper of an application."""


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Base: an unknown key is an error."""


class ContractGiven(Strict, frozen=True, rename={"from_": "from"}):
    """A contract: from when to when (docs/scenarios.md). ``ended``: it ends at once, when the badges are out."""

    from_: str
    to: str | None = None
    ended: bool = False


class CustomerGiven(Strict, frozen=True):
    """A customer, with its contract and the areas it allows."""

    code: str
    kind: Literal["organisation", "individual", "supplier", "partner"]
    name: str
    contract: ContractGiven | None = None
    areas: tuple[str, ...] = ()
    credit_code: str | None = None
    id_number: str | None = None
    class_: str | None = msgspec.field(default=None, name="class")


class ContactGiven(Strict, frozen=True):
    """A person of a customer to talk to."""

    id: str
    customer: str
    name: str
    phone: str | None = None
    email: str | None = None
    role: str | None = None


class HolderGiven(Strict, frozen=True):
    """A person, of a customer or of the site's own staff. ``left``: has left by now, after the badge was issued."""

    id: str
    name: str
    customer: str | None = None
    staff: bool = False
    may_escort: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    keyholder: bool = False
    duties: tuple[Literal["supervisor", "guard"], ...] = ()
    phone: str | None = None
    id_document: str | None = None
    id_number: str | None = None
    left: bool = False


class BadgeGiven(Strict, frozen=True, rename={"from_": "from"}):
    """A badge and the card it is bound to. ``report``: how it was reported since."""

    id: str
    holder: str
    card: CardKind = "desfire"
    number: str = ""
    from_: str | None = None
    to: str | None = None
    schedule: str | None = None
    report: Literal["lost", "suspended", "revoked", "returned"] | None = None


class ApplicationGiven(Strict, frozen=True):
    """An application without a card yet; ``without``: papers that are still missing, ``approved``: only the card is."""

    id: str
    holder: str
    without: tuple[Part, ...] = ()
    approved: bool = False


class PermitGiven(Strict, frozen=True, rename={"from_": "from"}):
    """An approved visit (R4): its badge, called by the permit's id, opens ``areas`` within the window, with an escort."""

    id: str
    holder: str
    areas: tuple[str, ...]
    from_: str = "-1h"
    to: str = "+8h"
    escort: Literal[True] = True
    number: str = ""


class Given(Strict, frozen=True):
    """What exists before the first step. ``permits``: in virtual time only; ``inventory``, ``slips``, ``orders`` belong to a later
    issue."""

    customers: tuple[CustomerGiven, ...] = ()
    contacts: tuple[ContactGiven, ...] = ()
    holders: tuple[HolderGiven, ...] = ()
    badges: tuple[BadgeGiven, ...] = ()
    applications: tuple[ApplicationGiven, ...] = ()
    permits: tuple[PermitGiven, ...] = ()
    inventory: tuple[dict[str, Any], ...] = ()
    slips: tuple[dict[str, Any], ...] = ()
    orders: tuple[dict[str, Any], ...] = ()
