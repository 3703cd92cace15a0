"""The verbs about equipment, permits and the guard's word, each with what may be written beside it."""

from typing import Any, Literal

import msgspec

from sim.scenario_given import LineGiven, Strict

Role = Literal["guard", "supervisor"]


class Scan(Strict, frozen=True):
    """Read a barcode at an access point: of a slip, an order (``unknown``: a well-made code that no document has), a device, or ``raw``, any text, so many
    ``times`` over. ``half``: it breaks off before its end. ``late``: how long ago the scanner read it (virtual only)."""

    at: str
    slip: str | None = None
    order: str | None = None
    serial: str | None = None
    raw: str | None = None
    times: int = 1
    half: bool = False
    late: str | None = None


class CheckVerb(Strict, frozen=True):
    """The guard's console in the scanner's place: a document, then the devices (docs/goods.md)."""

    at: str
    slip: str | None = None
    order: str | None = None
    serials: tuple[str, ...] = ()


class AttestVerb(Strict, frozen=True):
    """A guard attests what left by a door that stands EQUIPMENT_UNCHECKED. ``openings``: how many the guard looked at; else all."""

    door: str
    openings: int | None = None


class ConfirmVerb(Strict, frozen=True):
    """The guard compared the photo and who waits at an access point (R8)."""

    at: str
    badge: str
    accepted: bool = True
    reason: str = ""


class Bind(Strict, frozen=True):
    """Where a document is bound from now on. ``edge`` stays where it is not named; ``door`` empty: any goods door of the edge."""

    edge: str | None = None
    door: str = ""


class SlipTerms(Strict, frozen=True, rename={"from_": "from"}):
    """What is applied for (E4, E5, E8)."""

    customer: str | None = None
    kind: Literal["withdrawal", "repair", "site"] = "withdrawal"
    carriers: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    lines: tuple[LineGiven, ...] = ()
    from_: str | None = None
    to: str | None = None
    return_until: str | None = None


class SlipVerb(Strict, frozen=True):
    """One act on an exit slip."""

    id: str
    new: SlipTerms | None = None
    approve: bool = False
    issue: bool = False
    cancel: bool = False
    bind: Bind | None = None


class OrderTerms(Strict, frozen=True, rename={"from_": "from"}):
    """What a work order announces (E1, E2)."""

    customer: str
    lines: tuple[LineGiven, ...]
    from_: str | None = None
    to: str | None = None


class OrderVerb(Strict, frozen=True):
    """One act on a work order."""

    id: str
    new: OrderTerms | None = None
    exception: bool = False
    unpack: bool = False
    cancel: bool = False
    bind: Bind | None = None


class PermitVerb(Strict, frozen=True):
    """One act on a permit (B8). ``end``: it ends earlier than was approved."""

    id: str
    approve: dict[str, Any] | None = None
    revoke: bool = False
    end: str | None = None


class EmergencyVerb(Strict, frozen=True):
    """One act on an emergency (B7)."""

    id: str
    approve: dict[str, Any] | None = None
    admit: dict[str, Any] | None = None
    close: dict[str, Any] | None = None


class CheckRuns(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A check that runs at an access point: its document, and what was scanned so far (serial, or the model of what is counted)."""

    document: str
    scanned: tuple[str, ...] = ()
