"""What requests about slips carry, and what it means at the site (docs/interfaces.md, Exit slips)."""

from datetime import datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlmodel import Session, col, select

from server.context import Context
from server.equipment.slip_models import ExitSlip
from server.equipment.slips.drafting import MAX_DEVICES, MAX_LINES, Content, Kind, Line, default_return
from server.equipment.slips.lookup import carriers_of, id_of, lines_of
from server.operators.actor import Actor
from server.registry.lookup import find_holder, living_customer
from server.registry.models import Customer, Holder
from server.registry.moments import Moment, begin_of, end_of
from server.registry.validation import refused

ExternalId = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[\x21-\x7e]+$")]
Text = Annotated[str, StringConstraints(max_length=500, strip_whitespace=True)]
Said = Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True)]
Model = Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True)]
Serial = Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class Input(BaseModel):
    """A request's body: nothing unknown."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class LineGiven(Input):
    """``serials``: one for each of ``quantity``, or none: then devices of the model without serial numbers are counted. ``storage``: it holds data (E8)."""

    model: Model
    quantity: Annotated[int, Field(ge=1, le=MAX_DEVICES)] | None = None
    serials: Annotated[list[Serial], Field(max_length=MAX_DEVICES)] = []
    storage: bool = False


class NewSlip(Input):
    """An application. ``date``: the day on which it leaves (until 24:00 at the site); or ``from`` and ``until``. ``customer``: left out for ``site``.
    ``carriers``: holders; left out: any of the customer."""

    external_id: ExternalId | None = None
    kind: Kind
    customer: Name | None = None
    purpose: Said
    organisation: Text = ""
    date: Moment | None = None
    from_: Moment | None = Field(default=None, alias="from")
    until: Moment | None = None
    return_until: Moment | None = None
    lines: Annotated[list[LineGiven], Field(max_length=MAX_LINES)] = []
    carriers: Annotated[list[Name], Field(max_length=20)] = []


class SlipChange(Input):
    """What changes; what is left out stays."""

    purpose: Said | None = None
    organisation: Text | None = None
    date: Moment | None = None
    from_: Moment | None = Field(default=None, alias="from")
    until: Moment | None = None
    return_until: Moment | None = None
    lines: Annotated[list[LineGiven], Field(max_length=MAX_LINES)] | None = None
    carriers: Annotated[list[Name], Field(max_length=20)] | None = None


class Note(Input):
    """Something to say, if there is."""

    note: Text = ""


class Reason(Input):
    """Why."""

    reason: Said


class Place(Input):
    """By which door it leaves: ``edge`` left out: the one of the door, or the only one with a goods door; ``door`` left out: any goods door of the edge."""

    edge: Name | None = None
    door: Name | None = None


class InspectionGiven(Input):
    """What is attested. ``line`` left out: the whole slip; ``serials`` left out: all of the line."""

    act: Literal["inspection", "erasure", "return", "acceptance", "malware_check"] = "inspection"
    result: Literal["pass", "fail"]
    line: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    serials: Annotated[list[Serial], Field(max_length=MAX_DEVICES)] = []
    method: Text = ""
    done_by: Text = ""
    note: Text = ""


class Replacement(Input):
    """``serial`` stays away; ``replacement`` (of ``model``, left out: the same) comes back in its place."""

    line: Annotated[int, Field(ge=1, le=2**31 - 1)]
    serial: Serial
    replacement: Serial
    model: Model | None = None


def content_of(session: Session, context: Context, actor: Actor, given: NewSlip) -> Content:
    """What a new slip is about. Raises :class:`Problem` 422."""
    if (given.kind == "site") != (given.customer is None):
        raise refused(
            "customer",
            "customer: is required, but for kind site, which has none.",
            "customer：必填；种类为 site（场地自有）时不填。",
        )
    customer = living_customer(session, given.customer, "customer", actor=actor) if given.customer is not None else None
    from_at, until_at = _window(context, given, None)
    return Content(
        kind=given.kind,
        customer=customer,
        purpose=given.purpose,
        organisation=given.organisation,
        from_at=from_at,
        until_at=until_at,
        return_until_at=_return(context, given) or default_return(given.kind, until_at),
        lines=tuple(map(_line, given.lines)),
        carriers=tuple(find_holder(session, name, "carriers", actor=actor) for name in given.carriers),
    )


def changed_content(session: Session, context: Context, actor: Actor, slip: ExitSlip, given: SlipChange) -> Content:
    """What the slip is about after the change. Raises :class:`Problem` 422."""
    slip_id = id_of(slip)
    from_at, until_at = _window(context, given, slip)
    return_until_at = _return(context, given) or slip.return_until_at
    if (
        given.return_until is None
        and slip.kind == "repair"
        and until_at != slip.until_at
        and return_until_at is not None
    ):
        return_until_at = until_at + (return_until_at - slip.until_at)  # as much time as before
    if given.carriers is not None:
        holders = [find_holder(session, name, "carriers", actor=actor) for name in given.carriers]
    else:
        ids = [carrier.holder_id for carrier in carriers_of(session, [slip_id])[slip_id]]
        holders = list(session.exec(select(Holder).where(col(Holder.id).in_(ids)).order_by(col(Holder.id))).all())
    if given.lines is not None:
        lines = tuple(map(_line, given.lines))
    else:
        lines = tuple(
            Line(line.model, line.quantity, tuple(line.serials), line.storage)
            for line in lines_of(session, [slip_id])[slip_id]
        )
    kind: Kind = slip.kind  # type: ignore[assignment] # the database holds no other
    return Content(
        kind=kind,
        customer=session.get_one(Customer, slip.customer_id) if slip.customer_id is not None else None,
        purpose=slip.purpose if given.purpose is None else given.purpose,
        organisation=slip.organisation if given.organisation is None else given.organisation,
        from_at=from_at,
        until_at=until_at,
        return_until_at=return_until_at,
        lines=lines,
        carriers=tuple(holders),
    )


def _line(given: LineGiven) -> Line:
    quantity = given.quantity if given.quantity is not None else max(len(given.serials), 1)
    return Line(given.model, quantity, tuple(given.serials), given.storage)


def _window(context: Context, given: NewSlip | SlipChange, slip: ExitSlip | None) -> tuple[datetime, datetime]:
    zone = context.site.time_zone
    if given.date is not None:
        if given.from_ is not None or given.until is not None:
            raise refused("date", "date: give a date, or from and until.", "date：请只填 date，或填 from 与 until。")
        if len(given.date) != len("2026-11-22"):
            raise refused("date", "date: write a day (2026-12-31).", "date：请填日期（2026-12-31）。")
        return begin_of(given.date, zone, "date"), end_of(given.date, zone, "date")
    if slip is not None:
        return (
            begin_of(given.from_, zone, "from") if given.from_ is not None else slip.from_at,
            end_of(given.until, zone, "until") if given.until is not None else slip.until_at,
        )
    now = context.clock.now()
    today = now.astimezone(ZoneInfo(zone)).date().isoformat()
    from_at = begin_of(given.from_ or today, zone, "from")
    day = max(from_at, now).astimezone(ZoneInfo(zone)).date().isoformat()
    return from_at, end_of(given.until or day, zone, "until")


def _return(context: Context, given: NewSlip | SlipChange) -> datetime | None:
    return (
        end_of(given.return_until, context.site.time_zone, "return_until") if given.return_until is not None else None
    )
