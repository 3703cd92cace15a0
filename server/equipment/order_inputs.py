"""What requests about work orders say, and what they answer beside the order."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from server.equipment.order_lines import MAX_LINES, LineGiven
from server.equipment.order_showing import OrderShown
from server.registry.moments import Moment
from server.registry.records import ExternalId, Given

Reason = Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True)]
Text = Annotated[str, StringConstraints(max_length=1_000, strip_whitespace=True)]
Lines = Annotated[list[LineGiven], Field(max_length=MAX_LINES)]


class NewOrder(Given):
    """A draft. ``contract`` left out: the customer's only one in force. A date as ``planned_until`` is inclusive."""

    customer: Annotated[str, StringConstraints(max_length=200)]
    contract: Annotated[str, StringConstraints(max_length=200)] | None = None
    planned_from: Moment
    planned_until: Moment
    remark: Text = ""
    external_id: ExternalId | None = None
    lines: Lines = Field(default_factory=list)


class OrderChange(Given):
    """What changes; what is left out stays. ``lines``: all of them anew."""

    planned_from: Moment | None = None
    planned_until: Moment | None = None
    remark: Text | None = None
    lines: Lines | None = None


class Submission(Given):
    """``exception_reason``: why the notice is not kept; a supervisor must approve it."""

    exception_reason: Reason | None = None


class Approval(Given):
    """``edge``: at whose goods doors it comes in; needed where the site has several."""

    edge: Annotated[str, StringConstraints(max_length=64)] | None = None


class Why(Given):
    """The reason, for the record."""

    reason: Reason


class Binding(Given):
    """``edge`` null: none; it is received at the desk."""

    edge: Annotated[str, StringConstraints(max_length=64)] | None


class Unpacked(Given):
    """``unpacked``: no cartons are left, as I have seen."""

    unpacked: Literal[True]


class Scan(Given):
    """What was scanned: a serial number, or the model of a counted line. ``rack``: instead of the line's."""

    scanned: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    rack: Annotated[str, StringConstraints(max_length=100, strip_whitespace=True)] = ""


class Received(BaseModel):
    """The device that came in, on which line, and the order as it is now."""

    item: str
    serial: str | None
    model: str
    place: int
    order: OrderShown


class CodeShown(BaseModel):
    """What is printed as barcode or QR code."""

    code: str
    number: str


class AllocationShown(BaseModel):
    """An address (``ip``) or port; ``released_at`` null: in use."""

    id: str
    order: str
    place: int
    kind: str
    value: str
    released_at: str | None
