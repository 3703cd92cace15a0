"""Work orders and inventory (issue 5)."""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

from server.db.append_only import refuse_changes

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "document_counter",
        sa.Column("prefix", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("day", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("prefix", "day", name=op.f("pk_document_counter")),
    )
    op.create_table(
        "item",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("serial", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("serial_key", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("model", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("model_key", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=True),
        sa.Column("made_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("(serial IS NULL) = (serial_key IS NULL)", name=op.f("ck_item_serial")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_item_customer_id_customer")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_item")),
        sa.UniqueConstraint("public_id", name=op.f("uq_item_public_id")),
    )
    op.create_index(
        "ix_item_counted",
        "item",
        ["customer_id", "model_key"],
        unique=False,
        sqlite_where=sa.text("serial_key IS NULL"),
        postgresql_where=sa.text("serial_key IS NULL"),
    )
    op.create_index(op.f("ix_item_customer_id"), "item", ["customer_id"], unique=False)
    op.create_index("ix_item_model_key", "item", ["model_key"], unique=False)
    op.create_index(
        "ux_item_serial_key",
        "item",
        ["serial_key"],
        unique=True,
        sqlite_where=sa.text("serial_key IS NOT NULL"),
        postgresql_where=sa.text("serial_key IS NOT NULL"),
    )

    op.create_table(
        "item_movement",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=True),
        sa.Column("serial_key", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("model", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("direction", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("at_us", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("customer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("rack", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("source", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("document", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("document_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("line", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("number", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("binding", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("edge_id", sa.Integer(), nullable=True),
        sa.Column("door", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("access_point", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("holder", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("badge", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("record_seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("event_seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("by", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("second", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("reason", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.CheckConstraint("(source = 'door') = (event_seq IS NOT NULL)", name=op.f("ck_item_movement_event")),
        sa.CheckConstraint("direction IN ('in', 'out')", name=op.f("ck_item_movement_direction")),
        sa.CheckConstraint("source IN ('door', 'desk', 'correction', 'import')", name=op.f("ck_item_movement_source")),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name=op.f("fk_item_movement_item_id_item")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_item_movement")),
    )
    op.create_index("ix_item_movement_at", "item_movement", ["at_us"], unique=False)
    op.create_index("ix_item_movement_document", "item_movement", ["document", "document_id"], unique=False)
    op.create_index("ix_item_movement_item", "item_movement", ["item_id", "at_us"], unique=False)
    op.create_index(
        "ix_item_movement_serial",
        "item_movement",
        ["serial_key", "at_us"],
        unique=False,
        sqlite_where=sa.text("serial_key IS NOT NULL"),
        postgresql_where=sa.text("serial_key IS NOT NULL"),
    )
    op.create_index(
        "ux_item_movement_event",
        "item_movement",
        ["event_seq", "place"],
        unique=True,
        sqlite_where=sa.text("event_seq IS NOT NULL"),
        postgresql_where=sa.text("event_seq IS NOT NULL"),
    )

    op.create_table(
        "work_order",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("external_id", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("number", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("contract_id", sa.Integer(), nullable=False),
        sa.Column("status", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("planned_from", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("planned_until", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("remark", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("made_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("made_by", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("submitted_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("submitted_by", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("notice_h", sa.Integer(), nullable=False),
        sa.Column("first", sa.Boolean(), nullable=False),
        sa.Column("exception_reason", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("exception_asked_by", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("exception_asked_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("exception_by", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("exception_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("approved_by", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("approved_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("unpacked_by", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("unpacked_by_name", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("unpacked_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("closed_by", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("closed_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("closed_reason", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("code_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("code_hash", sa.LargeBinary(), nullable=True),
        sa.Column("edge_id", sa.Integer(), nullable=True),
        sa.Column("binding", sa.Integer(), nullable=False),
        sa.Column("bound_lines", sa.JSON(), nullable=False),
        sa.Column("bound_at_us", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("withdrawn_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "status IN ('draft', 'submitted', 'refused', 'approved', 'receiving', 'done', 'closed', 'cancelled')",
            name=op.f("ck_work_order_status"),
        ),
        sa.CheckConstraint(
            "exception_by IS NULL OR exception_by <> exception_asked_by", name=op.f("ck_work_order_four_eyes")
        ),
        sa.CheckConstraint("planned_from < planned_until", name=op.f("ck_work_order_window")),
        sa.ForeignKeyConstraint(["contract_id"], ["contract.id"], name=op.f("fk_work_order_contract_id_contract")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_work_order_customer_id_customer")),
        sa.ForeignKeyConstraint(["edge_id"], ["edge.id"], name=op.f("fk_work_order_edge_id_edge")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_work_order")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_work_order_code_hash")),
        sa.UniqueConstraint("external_id", name=op.f("uq_work_order_external_id")),
        sa.UniqueConstraint("number", name=op.f("uq_work_order_number")),
        sa.UniqueConstraint("public_id", name=op.f("uq_work_order_public_id")),
    )
    op.create_index(op.f("ix_work_order_contract_id"), "work_order", ["contract_id"], unique=False)
    op.create_index("ix_work_order_customer", "work_order", ["customer_id", "id"], unique=False)
    op.create_index(
        "ix_work_order_edge",
        "work_order",
        ["edge_id"],
        unique=False,
        sqlite_where=sa.text("edge_id IS NOT NULL"),
        postgresql_where=sa.text("edge_id IS NOT NULL"),
    )
    op.create_index("ix_work_order_status", "work_order", ["status", "id"], unique=False)

    op.create_table(
        "discrepancy",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("kind", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("at_us", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("customer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("movement_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("inputs", sa.JSON(), nullable=False),
        sa.Column("resolved_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("resolved_by", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("note", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('unknown_document', 'unknown_line', 'unknown_device', 'wrong_owner', 'already_in', 'already_out', 'over_quantity', 'closed_document')",
            name=op.f("ck_discrepancy_kind"),
        ),
        sa.ForeignKeyConstraint(
            ["movement_id"], ["item_movement.id"], name=op.f("fk_discrepancy_movement_id_item_movement")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_discrepancy")),
        sa.UniqueConstraint("public_id", name=op.f("uq_discrepancy_public_id")),
    )
    op.create_index("ix_discrepancy_movement", "discrepancy", ["movement_id"], unique=False)
    op.create_index(
        "ix_discrepancy_open",
        "discrepancy",
        ["id"],
        unique=False,
        sqlite_where=sa.text("resolved_at IS NULL"),
        postgresql_where=sa.text("resolved_at IS NULL"),
    )

    op.create_table(
        "work_order_line",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("model", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("model_key", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("serials", sa.JSON(), nullable=False),
        sa.Column("rack", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("received", sa.Integer(), nullable=False),
        sa.CheckConstraint("quantity >= 1", name=op.f("ck_work_order_line_quantity")),
        sa.CheckConstraint("received >= 0", name=op.f("ck_work_order_line_received")),
        sa.ForeignKeyConstraint(["order_id"], ["work_order.id"], name=op.f("fk_work_order_line_order_id_work_order")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_work_order_line")),
        sa.UniqueConstraint("order_id", "place", name=op.f("uq_work_order_line_order_id_place")),
    )
    op.create_table(
        "allocation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("contract_id", sa.Integer(), nullable=False),
        sa.Column("line_id", sa.Integer(), nullable=False),
        sa.Column("kind", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("value", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("made_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("released_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("released_by", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.CheckConstraint("kind IN ('ip', 'port')", name=op.f("ck_allocation_kind")),
        sa.ForeignKeyConstraint(["contract_id"], ["contract.id"], name=op.f("fk_allocation_contract_id_contract")),
        sa.ForeignKeyConstraint(
            ["line_id"], ["work_order_line.id"], name=op.f("fk_allocation_line_id_work_order_line")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_allocation")),
        sa.UniqueConstraint("public_id", name=op.f("uq_allocation_public_id")),
    )
    op.create_index("ix_allocation_contract", "allocation", ["contract_id", "kind"], unique=False)
    op.create_index(op.f("ix_allocation_line_id"), "allocation", ["line_id"], unique=False)
    op.create_index(
        "ux_allocation_live",
        "allocation",
        ["kind", "value"],
        unique=True,
        sqlite_where=sa.text("released_at IS NULL"),
        postgresql_where=sa.text("released_at IS NULL"),
    )

    op.create_table(
        "item_stay",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=True),
        sa.Column("rack", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("in_at_us", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("out_at_us", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("order_line_id", sa.Integer(), nullable=True),
        sa.Column("return_line_id", sa.Integer(), nullable=True),
        sa.Column("slip_line_id", sa.Integer(), nullable=True),
        sa.Column("source", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("in_movement_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("out_movement_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.CheckConstraint("source IN ('door', 'desk', 'correction', 'import')", name=op.f("ck_item_stay_source")),
        sa.CheckConstraint("out_at_us IS NULL OR out_at_us >= in_at_us", name=op.f("ck_item_stay_window")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_item_stay_customer_id_customer")),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name=op.f("fk_item_stay_item_id_item")),
        sa.ForeignKeyConstraint(
            ["order_line_id"], ["work_order_line.id"], name=op.f("fk_item_stay_order_line_id_work_order_line")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_item_stay")),
    )
    op.create_index("ix_item_stay_customer", "item_stay", ["customer_id", "in_at_us", "out_at_us"], unique=False)
    op.create_index("ix_item_stay_item", "item_stay", ["item_id", "in_at_us"], unique=False)
    op.create_index(
        "ix_item_stay_order_line",
        "item_stay",
        ["order_line_id"],
        unique=False,
        sqlite_where=sa.text("order_line_id IS NOT NULL"),
        postgresql_where=sa.text("order_line_id IS NOT NULL"),
    )
    op.create_index("ix_item_stay_out", "item_stay", ["out_at_us", "in_at_us"], unique=False)
    op.create_index("ix_item_stay_rack", "item_stay", ["rack", "in_at_us", "out_at_us"], unique=False)
    op.create_index(
        "ix_item_stay_return_line",
        "item_stay",
        ["return_line_id"],
        unique=False,
        sqlite_where=sa.text("return_line_id IS NOT NULL"),
        postgresql_where=sa.text("return_line_id IS NOT NULL"),
    )
    op.create_index(
        "ix_item_stay_slip_line",
        "item_stay",
        ["slip_line_id"],
        unique=False,
        sqlite_where=sa.text("slip_line_id IS NOT NULL"),
        postgresql_where=sa.text("slip_line_id IS NOT NULL"),
    )
    op.create_index(
        "ux_item_stay_open",
        "item_stay",
        ["item_id"],
        unique=True,
        sqlite_where=sa.text("out_at_us IS NULL"),
        postgresql_where=sa.text("out_at_us IS NULL"),
    )

    op.create_table(
        "work_order_serial",
        sa.Column("line_id", sa.Integer(), nullable=False),
        sa.Column("serial_key", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["line_id"], ["work_order_line.id"], name=op.f("fk_work_order_serial_line_id_work_order_line")
        ),
        sa.PrimaryKeyConstraint("line_id", "serial_key", name=op.f("pk_work_order_serial")),
    )
    op.create_index("ix_work_order_serial_key", "work_order_serial", ["serial_key"], unique=False)
    op.create_index(
        "ux_work_order_serial_open",
        "work_order_serial",
        ["serial_key"],
        unique=True,
        sqlite_where=sa.text("open"),
        postgresql_where=sa.text("open"),
    )
    op.create_table(
        "inventory_correction",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("kind", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("status", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("acts", sa.JSON(), nullable=False),
        sa.Column("reason", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("made_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("made_by", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("decided_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("decided_by", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("kind IN ('correction', 'import')", name=op.f("ck_inventory_correction_kind")),
        sa.CheckConstraint(
            "status IN ('waiting', 'confirmed', 'withdrawn')", name=op.f("ck_inventory_correction_status")
        ),
        sa.CheckConstraint(
            "decided_by IS NULL OR status = 'withdrawn' OR decided_by <> made_by",
            name=op.f("ck_inventory_correction_four_eyes"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inventory_correction")),
        sa.UniqueConstraint("public_id", name=op.f("uq_inventory_correction_public_id")),
    )
    op.create_index("ix_inventory_correction_status", "inventory_correction", ["status", "id"], unique=False)
    refuse_changes(op.get_bind(), ("item_movement",))
