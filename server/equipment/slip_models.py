"""Tables of exit slips (E4-E6, E8) and of what people attest about equipment (MEANINGS 24, 26).

What a slip *is* at a moment (partly spent, spent, ended, cancelling) follows from its lines, its window and its edge, and is never stored
(:mod:`server.equipment.slip_standing`); ``status`` is what people decided.

``gone`` and ``returned`` of a line are written by whoever follows ``ItemsMoved`` in the ledger, nobody else.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Index, UniqueConstraint, text
from sqlmodel import Field

from server.db.columns import BIG_INT
from server.db.model import Model

SLIP_KINDS = ("withdrawal", "repair", "site")
SLIP_STATUSES = (
    "draft", "submitted", "reconciled", "inspected", "approved", "issued", "cancelled", "refused",
)  # fmt: skip
INSPECTION_ACTS = ("inspection", "erasure", "return", "acceptance", "malware_check")
OUTCOMES = ("nothing_left", "returned", "left")
CLAIMED = text("released_at IS NULL")


def _one_of(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


class ExitSlip(Model, table=True):
    """One exit slip, from its draft on. ``customer_id`` None: the site's own equipment (``site``). ``[from_at, until_at)``: when it may go out, by default its
    date until 24:00 at the site. ``return_until_at``: until when what went out may come back; None: never.

    From its issue on: ``number`` (printed), ``code_hash`` (what the edge knows the scanned code by), ``code_sealed`` (the code itself, encrypted
    as personal fields are, place ``("exit_slip", public_id, "code_sealed")``). ``edge_id``, ``door`` (empty: any goods door of the edge), ``binding``, ``bound_lines``,
    ``bound_returns`` (both lists of ``[line id, model, quantity, serial keys]``, :class:`controller.policy.Line`): as in the policy, fixed at ``bound_at``.

    The sealed application is the attachment (``letter``) whose ``subject`` is its ``public_id``.

    ``next_edge_id``, ``next_door``: where it is to be bound as soon as ``edge_id`` has confirmed that it no longer allows it: **while ``next_edge_id`` is set no
    policy carries the slip**. A ``cancelled`` one stays in the policies, marked, until its window is over.
    """

    __tablename__ = "exit_slip"
    __table_args__ = (
        CheckConstraint(_one_of("kind", SLIP_KINDS), name="kind"),
        CheckConstraint(_one_of("status", SLIP_STATUSES), name="status"),
        CheckConstraint("(kind = 'site') = (customer_id IS NULL)", name="customer"),
        CheckConstraint("from_at < until_at", name="window"),
        CheckConstraint("return_until_at IS NULL OR until_at <= return_until_at", name="return_window"),
        CheckConstraint(
            "status NOT IN ('issued') OR (number IS NOT NULL AND code_hash IS NOT NULL AND code_sealed IS NOT NULL"
            " AND edge_id IS NOT NULL AND binding >= 1)",
            name="issued",
        ),
        CheckConstraint("approved_by IS NULL OR approved_by <> created_by", name="four_eyes"),
        Index("ix_exit_slip_edge", "edge_id", "until_at"),
        Index("ix_exit_slip_status", "status", "id"),
        Index(
            "ix_exit_slip_rebinding",
            "id",
            sqlite_where=text("next_edge_id IS NOT NULL"),
            postgresql_where=text("next_edge_id IS NOT NULL"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(unique=True)
    external_id: str | None = Field(default=None, unique=True)
    kind: str
    status: str = "draft"
    customer_id: int | None = Field(default=None, foreign_key="customer.id", index=True)
    purpose: str
    organisation: str = ""
    from_at: datetime
    until_at: datetime
    return_until_at: datetime | None = None
    number: str | None = Field(default=None, unique=True)
    code_hash: bytes | None = Field(default=None, unique=True)
    code_sealed: bytes | None = None
    edge_id: int | None = Field(default=None, foreign_key="edge.id")
    door: str = ""
    binding: int = 0
    bound_lines: list[Any] = Field(default_factory=list, sa_type=JSON)
    bound_returns: list[Any] = Field(default_factory=list, sa_type=JSON)
    bound_at: datetime | None = None
    next_edge_id: int | None = Field(default=None, foreign_key="edge.id")
    next_door: str = ""
    created_by: str
    created_by_name: str
    created_at: datetime
    submitted_at: datetime | None = None
    reconciled_by: str | None = None
    reconciled_at: datetime | None = None
    inspected_by: str | None = None
    inspected_by_name: str | None = None
    inspected_at: datetime | None = None
    approved_by: str | None = None
    approved_by_name: str | None = None
    approved_at: datetime | None = None
    issued_by: str | None = None
    issued_at: datetime | None = None
    cancelled_by: str | None = None
    cancelled_at: datetime | None = None
    reason: str = ""
    prints: int = 0
    changed_by: str = ""
    changed_at: datetime
    version: int = 1


class ExitSlipLine(Model, table=True):
    """What may go out: ``quantity`` devices of ``model``, each by its serial, or (``serials`` empty) counted. ``serials``: as written; compared by
    :func:`controller.codes.serial_key`. ``gone``, ``returned``: how many went out, and came back, under this slip.

    ``storage``: it holds data, and leaves only backed up and erased (E8). ``replaces_line_id``, ``replaces_serial``: this device comes back in the place of that one, which
    stays away: such a line never goes out. ``result``: of the last reconciliation, JSON, None before."""

    __tablename__ = "exit_slip_line"
    __table_args__ = (
        UniqueConstraint("slip_id", "position"),
        CheckConstraint("quantity BETWEEN 1 AND 10000", name="quantity"),
        CheckConstraint("gone >= 0 AND returned >= 0", name="counts"),  # beyond the quantity is a discrepancy, and kept
        CheckConstraint("(replaces_line_id IS NULL) = (replaces_serial IS NULL)", name="replaces"),
        UniqueConstraint("replaces_line_id", "replaces_serial"),
    )

    id: int | None = Field(default=None, primary_key=True)
    slip_id: int = Field(foreign_key="exit_slip.id", index=True)
    position: int
    model: str
    quantity: int
    serials: list[str] = Field(default_factory=list, sa_type=JSON)
    storage: bool = False
    gone: int = 0
    returned: int = 0
    replaces_line_id: int | None = Field(default=None, foreign_key="exit_slip_line.id")
    replaces_serial: str | None = None
    result: dict[str, Any] | None = Field(default=None, sa_type=JSON)


class ExitSlipCarrier(Model, table=True):
    """Who may carry (MEANINGS 24): a holder, with or without a badge of the customer. None named: any holder of the customer, for ``site`` own staff.
    Its ID copy is the attachment whose ``subject`` is this ``public_id``."""

    __tablename__ = "exit_slip_carrier"
    __table_args__ = (UniqueConstraint("slip_id", "holder_id"),)

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(unique=True)
    slip_id: int = Field(foreign_key="exit_slip.id", index=True)
    holder_id: int = Field(foreign_key="holder.id", index=True)


class ExitSlipClaim(Model, table=True):
    """A device stands on an open slip: **of one device at most one claim is not released**, and the database itself sees to it.

    ``released_at``: the slip was cancelled and its edge confirmed, its window is over, or the device went out on it."""

    __tablename__ = "exit_slip_claim"
    __table_args__ = (
        Index("uq_exit_slip_claim_open", "item_id", unique=True, sqlite_where=CLAIMED, postgresql_where=CLAIMED),
    )

    id: int | None = Field(default=None, primary_key=True)
    item_id: int = Field(foreign_key="item.id")
    slip_id: int = Field(foreign_key="exit_slip.id", index=True)
    line_id: int = Field(foreign_key="exit_slip_line.id")
    claimed_at: datetime
    released_at: datetime | None = None


class Inspection(Model, table=True):
    """Something a person attests by name about a slip's devices, signed by the server for the operator who was signed in; only added to.

    ``act``: ``inspection`` (looked at before issue), ``erasure`` (storage backed up and erased, E8), ``return`` (what came back is what went), ``acceptance`` and
    ``malware_check`` (of what came back, E8). ``serials`` empty: all of ``line_id``; ``line_id`` None: the whole slip. ``content``: the signed bytes (JSON), of which the columns
    are a copy."""

    __tablename__ = "inspection"
    __table_args__ = (
        CheckConstraint(_one_of("act", INSPECTION_ACTS), name="act"),
        CheckConstraint("result IN ('pass', 'fail')", name="result"),
        Index("ix_inspection_slip", "slip_id", "id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(unique=True)
    slip_id: int = Field(foreign_key="exit_slip.id")
    line_id: int | None = Field(default=None, foreign_key="exit_slip_line.id")
    act: str
    result: str
    serials: list[str] = Field(sa_type=JSON)
    method: str = ""
    done_by: str = ""
    note: str = ""
    at: datetime
    by: str
    by_name: str
    content: str
    kid: str
    certificate: bytes
    signature: bytes


class Attestation(Model, table=True):
    """A guard's word on what left through a door unchecked (MEANINGS 26), which alone ends ``EQUIPMENT_UNCHECKED``; signed, only added to.

    ``subject``: the door; ``openings``: how many it covers. ``devices``: ``[serial or empty, model, slip number or empty]`` of what came back or left. ``command_id``: the
    command that tells the edge."""

    __tablename__ = "attestation"
    __table_args__ = (
        CheckConstraint(_one_of("outcome", OUTCOMES), name="outcome"),
        CheckConstraint("openings >= 1", name="openings"),
        Index("ix_attestation_alarm", "alarm_id", "id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(unique=True)
    alarm_id: int = Field(foreign_key="ledger_alarm.id")
    edge_id: int = Field(foreign_key="edge.id")
    subject: str
    openings: int
    outcome: str
    devices: list[Any] = Field(sa_type=JSON)
    note: str
    at: datetime
    at_us: int = Field(sa_type=BIG_INT)
    by: str
    by_name: str
    command_id: str
    content: str
    kid: str
    certificate: bytes
    signature: bytes
