"""``given`` of the scenario language, and the people of a site's ``population.yaml``: what exists before the first step."""

from typing import Literal

import msgspec

from controller.policy import SlipKind

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


class ItemGiven(Strict, frozen=True):
    """A device that is in the rooms. ``customer`` absent: the site's own."""

    serial: str
    model: str
    customer: str | None = None


class LineGiven(Strict, frozen=True):
    """Devices of one model: by their ``serials``, or counted by ``quantity``."""

    model: str
    serials: tuple[str, ...] = ()
    quantity: int | None = None

    @property
    def devices(self) -> int:
        """How many it lets pass."""
        return len(self.serials) if self.quantity is None else self.quantity


class SlipGiven(Strict, frozen=True, rename={"from_": "from"}):
    """An exit slip (E4-E6, E8). ``items``: serials of the inventory, ``lines``: what else. ``customer`` absent: the site's own. Without
    ``from`` and ``to`` it is of today, in the site's time. ``edge``, ``door``: where it is bound to. ``return_until``: what went out may come back; ``out``: serials
    that went out under it before."""

    id: str
    customer: str | None = None
    kind: SlipKind = "withdrawal"
    carriers: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    lines: tuple[LineGiven, ...] = ()
    from_: str | None = None
    to: str | None = None
    edge: str = "edge-1"
    door: str = ""
    cancelled: bool = False
    return_until: str | None = None
    out: tuple[str, ...] = ()
    number: str = ""


class OrderGiven(Strict, frozen=True, rename={"from_": "from"}):
    """A work order (E1, E2). ``arrived``: when it reached the machine room, ``exception``: it need not have been there for so long. ``unpacked``: the guard attested
    that no cartons are left. Without ``from`` and ``to`` it is of today, in the site's time."""

    id: str
    customer: str | None = None
    lines: tuple[LineGiven, ...] = ()
    arrived: str = "-25h"
    exception: bool = False
    unpacked: bool = True
    from_: str | None = None
    to: str | None = None
    edge: str = "edge-1"
    number: str = ""


class Given(Strict, frozen=True):
    """What exists before the first step."""

    customers: tuple[CustomerGiven, ...] = ()
    contacts: tuple[ContactGiven, ...] = ()
    holders: tuple[HolderGiven, ...] = ()
    badges: tuple[BadgeGiven, ...] = ()
    applications: tuple[ApplicationGiven, ...] = ()
    permits: tuple[PermitGiven, ...] = ()
    inventory: tuple[ItemGiven, ...] = ()
    slips: tuple[SlipGiven, ...] = ()
    orders: tuple[OrderGiven, ...] = ()
