"""Tables of equipment: devices, when they were in the rooms, how they moved, and the work orders that let them in (E1-E3, E6).

``item_movement`` is written once: triggers refuse to change or delete a row. ``item_stay`` is derived from it and changes when a device leaves.
Times ``*_us`` are microseconds UTC. ``customer_id`` None: the site's own.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Index, PrimaryKeyConstraint, UniqueConstraint, text
from sqlmodel import Field

from server.db.columns import BIG_INT
from server.db.model import Model

APPEND_ONLY = ("item_movement",)
ORDER_STATUSES = ("draft", "submitted", "refused", "approved", "receiving", "done", "closed", "cancelled")
"""``refused``: back to the applicant, who may change and submit it anew; ``closed``: some of it never came."""
SOURCES = ("door", "desk", "correction", "import")
DISCREPANCIES = (
    "unknown_document",
    "unknown_line",
    "unknown_device",
    "wrong_owner",
    "already_in",
    "already_out",
    "over_quantity",
    "closed_document",
)


def _one_of(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


class Item(Model, table=True):
    """One device, whether it is here now or not. ``serial`` as written for people, ``serial_key`` as compared
    (:func:`controller.codes.serial_key`); both None: one of several of ``model`` that are only counted. ``customer_id``: whose it is, or was
    when it was here last."""

    __tablename__ = "item"
    __table_args__ = (
        CheckConstraint("(serial IS NULL) = (serial_key IS NULL)", name="serial"),
        Index("ux_item_serial_key", "serial_key", unique=True, **_where("serial_key IS NOT NULL")),
        Index("ix_item_counted", "customer_id", "model_key", **_where("serial_key IS NULL")),
        Index("ix_item_model_key", "model_key"),
    )

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(unique=True)
    serial: str | None = None
    serial_key: str | None = None
    model: str
    model_key: str
    customer_id: int | None = Field(default=None, foreign_key="customer.id", index=True)
    made_at: datetime
    version: int = 1


class ItemStay(Model, table=True):
    """When a device was here, under whom, in which rack: ``[in_at_us, out_at_us)``, None: it still is. ``order_line_id``: the line that it came in
    on; ``return_line_id``: the slip's line that it came back on; ``slip_line_id``: the slip's line that it left on. ``source``: how it came in.
    ``in_movement_id``, ``out_movement_id``: rows of ``item_movement``."""

    __tablename__ = "item_stay"
    __table_args__ = (
        CheckConstraint("out_at_us IS NULL OR out_at_us >= in_at_us", name="window"),
        CheckConstraint(_one_of("source", SOURCES), name="source"),
        Index("ux_item_stay_open", "item_id", unique=True, **_where("out_at_us IS NULL")),
        Index("ix_item_stay_item", "item_id", "in_at_us"),
        Index("ix_item_stay_customer", "customer_id", "in_at_us", "out_at_us"),
        Index("ix_item_stay_rack", "rack", "in_at_us", "out_at_us"),
        Index("ix_item_stay_order_line", "order_line_id", **_where("order_line_id IS NOT NULL")),
        Index("ix_item_stay_slip_line", "slip_line_id", **_where("slip_line_id IS NOT NULL")),
        Index("ix_item_stay_return_line", "return_line_id", **_where("return_line_id IS NOT NULL")),
        Index("ix_item_stay_out", "out_at_us", "in_at_us"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG_INT)
    item_id: int = Field(foreign_key="item.id")
    customer_id: int | None = Field(default=None, foreign_key="customer.id")
    rack: str = ""
    in_at_us: int = Field(sa_type=BIG_INT)
    out_at_us: int | None = Field(default=None, sa_type=BIG_INT)
    order_line_id: int | None = Field(default=None, foreign_key="work_order_line.id")
    return_line_id: int | None = None
    slip_line_id: int | None = None
    source: str
    in_movement_id: int = Field(sa_type=BIG_INT)
    out_movement_id: int | None = Field(default=None, sa_type=BIG_INT)


class ItemMovement(Model, table=True):
    """One device through a door or over the desk, as it was told, and never changed. ``item_id`` None: nothing is known of such a device.
    ``document``: ``order``, ``slip``, or empty (a correction, an import); ``document_id``, ``line``, ``number``, ``binding``, ``holder``, ``badge``,
    ``customer_id`` as the edge's record says them: no such row need exist. ``event_seq``, ``place``: which device of which event of the
    ledger. ``by``: the operator, at the desk; ``second``: who confirmed a correction."""

    __tablename__ = "item_movement"
    __table_args__ = (
        CheckConstraint("direction IN ('in', 'out')", name="direction"),
        CheckConstraint(_one_of("source", SOURCES), name="source"),
        CheckConstraint("(source = 'door') = (event_seq IS NOT NULL)", name="event"),
        Index("ux_item_movement_event", "event_seq", "place", unique=True, **_where("event_seq IS NOT NULL")),
        Index("ix_item_movement_item", "item_id", "at_us"),
        Index("ix_item_movement_document", "document", "document_id"),
        Index("ix_item_movement_serial", "serial_key", "at_us", **_where("serial_key IS NOT NULL")),
        Index("ix_item_movement_at", "at_us"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG_INT)
    item_id: int | None = Field(default=None, foreign_key="item.id")
    serial_key: str | None = None
    model: str = ""
    direction: str
    at_us: int = Field(sa_type=BIG_INT)
    customer_id: int | None = Field(default=None, sa_type=BIG_INT)
    rack: str = ""
    source: str
    document: str = ""
    document_id: int | None = Field(default=None, sa_type=BIG_INT)
    line: int | None = Field(default=None, sa_type=BIG_INT)
    number: str = ""
    binding: int | None = Field(default=None, sa_type=BIG_INT)
    edge_id: int | None = None
    door: str | None = None
    access_point: str | None = None
    holder: int | None = Field(default=None, sa_type=BIG_INT)
    badge: int | None = Field(default=None, sa_type=BIG_INT)
    record_seq: int | None = Field(default=None, sa_type=BIG_INT)
    event_seq: int | None = Field(default=None, sa_type=BIG_INT)
    place: int = 0
    by: str | None = None
    second: str | None = None
    reason: str = ""


class Discrepancy(Model, table=True):
    """A movement that could not be squared with inventory and documents: kept and shown until somebody has looked into it. ``inputs``:
    what was told and what stood here. ``movement_id``: the device's movement."""

    __tablename__ = "discrepancy"
    __table_args__ = (
        CheckConstraint(_one_of("kind", DISCREPANCIES), name="kind"),
        Index("ix_discrepancy_open", "id", **_where("resolved_at IS NULL")),
        Index("ix_discrepancy_movement", "movement_id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(unique=True)
    kind: str
    at_us: int = Field(sa_type=BIG_INT)
    customer_id: int | None = Field(default=None, sa_type=BIG_INT)
    movement_id: int = Field(sa_type=BIG_INT, foreign_key="item_movement.id")
    inputs: dict[str, Any] = Field(sa_type=JSON)
    resolved_at: datetime | None = None
    resolved_by: str | None = None
    note: str = ""
    version: int = 1


class WorkOrder(Model, table=True):
    """Equipment that may come in (E1-E3).

    ``[planned_from, planned_until)``: when it may be used; ``notice_h``, ``first``: the notice that counted when it was submitted, and whether the
    customer had nothing here then. ``exception_*``: the recorded exception from the notice: who asked, why, which other operator approved. ``unpacked_*``: who attested that no cartons are
    left (E2). ``code_sealed``, ``code_hash`` (``credential_key(hash key, "order", code)``), ``number`` from approval on. ``edge_id``, ``binding``, ``bound_lines``
    (``controller.policy.Line`` as JSON arrays), ``bound_at_us``: the edge at whose goods doors alone it may be used, how often it was bound, what was left then; ``edge_id`` None: received at the desk.
    ``withdrawn_at``: it is asked back from the edge; bound anew, or received at the desk, when the edge has released it (MEANINGS 26)."""

    __tablename__ = "work_order"
    __table_args__ = (
        CheckConstraint(_one_of("status", ORDER_STATUSES), name="status"),
        CheckConstraint("planned_from < planned_until", name="window"),
        CheckConstraint("exception_by IS NULL OR exception_by <> exception_asked_by", name="four_eyes"),
        Index("ix_work_order_customer", "customer_id", "id"),
        Index("ix_work_order_status", "status", "id"),
        Index("ix_work_order_edge", "edge_id", **_where("edge_id IS NOT NULL")),
    )

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(unique=True)
    external_id: str | None = Field(default=None, unique=True)
    number: str | None = Field(default=None, unique=True)
    customer_id: int = Field(foreign_key="customer.id")
    contract_id: int = Field(foreign_key="contract.id", index=True)
    status: str = "draft"
    planned_from: datetime
    planned_until: datetime
    remark: str = ""
    made_at: datetime
    made_by: str
    submitted_at: datetime | None = None
    submitted_by: str | None = None
    notice_h: int = 0
    first: bool = False
    exception_reason: str | None = None
    exception_asked_by: str | None = None
    exception_asked_at: datetime | None = None
    exception_by: str | None = None
    exception_at: datetime | None = None
    approved_by: str | None = None
    approved_at: datetime | None = None
    unpacked_by: str | None = None
    unpacked_by_name: str | None = None
    unpacked_at: datetime | None = None
    closed_by: str | None = None
    closed_at: datetime | None = None
    closed_reason: str | None = None
    code_sealed: bytes | None = None
    code_hash: bytes | None = Field(default=None, unique=True)
    edge_id: int | None = Field(default=None, foreign_key="edge.id")
    binding: int = 0
    bound_lines: list[Any] = Field(default_factory=list, sa_type=JSON)
    bound_at_us: int | None = Field(default=None, sa_type=BIG_INT)
    withdrawn_at: datetime | None = None
    version: int = 1


class WorkOrderLine(Model, table=True):
    """One line: ``quantity`` devices of ``model`` for ``rack``. ``serials``: as written, one for each of ``quantity``; or none, and they are counted. ``received``: how
    many came in."""

    __tablename__ = "work_order_line"
    __table_args__ = (
        CheckConstraint("quantity >= 1", name="quantity"),
        CheckConstraint("received >= 0", name="received"),
        UniqueConstraint("order_id", "place"),
    )

    id: int | None = Field(default=None, primary_key=True)
    order_id: int = Field(foreign_key="work_order.id")
    place: int
    model: str
    model_key: str
    quantity: int
    serials: list[str] = Field(default_factory=list, sa_type=JSON)
    rack: str = ""
    received: int = 0


class WorkOrderSerial(Model, table=True):
    """A serial number that a line names. ``open``: neither received nor given up; of one serial number one row is, whoever races."""

    __tablename__ = "work_order_serial"
    __table_args__ = (
        PrimaryKeyConstraint("line_id", "serial_key"),
        Index("ux_work_order_serial_open", "serial_key", unique=True, **_where("open")),
        Index("ix_work_order_serial_key", "serial_key"),
    )

    line_id: int = Field(foreign_key="work_order_line.id")
    serial_key: str
    open: bool = True


class Allocation(Model, table=True):
    """An IP address or a network port for a line's devices (E3). ``released_at``: it is free again."""

    __tablename__ = "allocation"
    __table_args__ = (
        CheckConstraint("kind IN ('ip', 'port')", name="kind"),
        Index("ux_allocation_live", "kind", "value", unique=True, **_where("released_at IS NULL")),
        Index("ix_allocation_contract", "contract_id", "kind"),
    )

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(unique=True)
    contract_id: int = Field(foreign_key="contract.id")
    line_id: int = Field(foreign_key="work_order_line.id", index=True)
    kind: str
    value: str
    made_at: datetime
    released_at: datetime | None = None
    released_by: str | None = None


class DocumentCounter(Model, table=True):
    """The last number given on a day (``20261122``) to orders (``W``) or slips (``S``)."""

    __tablename__ = "document_counter"
    __table_args__ = (PrimaryKeyConstraint("prefix", "day"),)

    prefix: str
    day: str
    last: int


class InventoryCorrection(Model, table=True):
    """What a supervisor says of the inventory, in force when a second operator confirms it. ``acts``: rows to apply, as of
    :class:`server.equipment.corrections.Act`."""

    __tablename__ = "inventory_correction"
    __table_args__ = (
        CheckConstraint("kind IN ('correction', 'import')", name="kind"),
        CheckConstraint("status IN ('waiting', 'confirmed', 'withdrawn')", name="status"),
        CheckConstraint("decided_by IS NULL OR status = 'withdrawn' OR decided_by <> made_by", name="four_eyes"),
        Index("ix_inventory_correction_status", "status", "id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(unique=True)
    kind: str
    status: str = "waiting"
    acts: list[Any] = Field(sa_type=JSON)
    reason: str
    made_at: datetime
    made_by: str
    decided_at: datetime | None = None
    decided_by: str | None = None
    version: int = 1
