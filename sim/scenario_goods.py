"""The verbs about equipment, permits and the guard's word, each with what may be written beside it."""

from typing import Literal

import msgspec

from sim.scenario_given import LineGiven, Strict

Operator = Literal["guard", "customer_service", "it_head", "equipment_head", "supervisor", "administrator"]


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


class PermitTerms(Strict, frozen=True, rename={"from_": "from"}):
    """Who may come, where and when. The person's ID document is checked against ``id_number`` when they come."""

    name: str
    areas: tuple[str, ...]
    id_number: str
    customer: str | None = None
    from_: str = "-1h"
    to: str = "+8h"


class By(Strict, frozen=True):
    """An operator's act. ``by``: in which role."""

    by: Operator = "administrator"


class CheckIn(By, frozen=True):
    """The guard at the desk: document seen (``id_number``: as it reads; else the right one), declaration item by item but what is ``refused``, photo, badge lent."""

    id_number: str | None = None
    refused: tuple[str, ...] = ()


class PermitVerb(Strict, frozen=True):
    """One act on a permit (B8). ``end``: it ends earlier than was approved. The badge that is lent is tapped by the permit's id."""

    id: str
    new: PermitTerms | None = None
    approve: By | None = None
    check_in: CheckIn | None = None
    check_out: By | None = None
    revoke: bool = False
    end: str | None = None


class EmergencyApproval(Strict, frozen=True):
    """A supervisor lets somebody be admitted."""

    areas: tuple[str, ...]
    reason: str = "as the scenario says"
    by: Operator = "supervisor"


class Admission(Strict, frozen=True):
    """The guard has seen the document; an escort's tap at ``at`` takes them in."""

    at: str
    by: Operator = "guard"


class Closing(Strict, frozen=True):
    """A third person says that nothing is owed any more."""

    note: str = "as the scenario says"
    by: Operator = "it_head"


class EmergencyVerb(Strict, frozen=True):
    """One act on an emergency (B7)."""

    id: str
    approve: EmergencyApproval | None = None
    admit: Admission | None = None
    close: Closing | None = None


class CheckRuns(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A check that runs at an access point: its document, and what was scanned so far (serial, or the model of what is counted)."""

    document: str
    scanned: tuple[str, ...] = ()
