"""Exit slips and attestations (issue 5)."""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

from server.db.append_only import refuse_changes

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "exit_slip",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("external_id", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("kind", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("status", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=True),
        sa.Column("purpose", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("organisation", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("from_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("until_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("return_until_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("number", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("code_hash", sa.LargeBinary(), nullable=True),
        sa.Column("code_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("edge_id", sa.Integer(), nullable=True),
        sa.Column("door", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("binding", sa.Integer(), nullable=False),
        sa.Column("bound_lines", sa.JSON(), nullable=False),
        sa.Column("bound_returns", sa.JSON(), nullable=False),
        sa.Column("bound_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("next_edge_id", sa.Integer(), nullable=True),
        sa.Column("next_door", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("created_by", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("created_by_name", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("submitted_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("reconciled_by", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("reconciled_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("inspected_by", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("inspected_by_name", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("inspected_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("approved_by", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("approved_by_name", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("approved_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("issued_by", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("issued_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("cancelled_by", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("cancelled_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("reason", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("prints", sa.Integer(), nullable=False),
        sa.Column("changed_by", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("changed_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("(kind = 'site') = (customer_id IS NULL)", name=op.f("ck_exit_slip_customer")),
        sa.CheckConstraint("kind IN ('withdrawal', 'repair', 'site')", name=op.f("ck_exit_slip_kind")),
        sa.CheckConstraint(
            "status IN ('draft', 'submitted', 'reconciled', 'inspected', 'approved', 'issued', 'cancelled', 'refused')",
            name=op.f("ck_exit_slip_status"),
        ),
        sa.CheckConstraint(
            "status NOT IN ('issued') OR (number IS NOT NULL AND code_hash IS NOT NULL AND code_sealed IS NOT NULL AND edge_id IS NOT NULL AND binding >= 1)",
            name=op.f("ck_exit_slip_issued"),
        ),
        sa.CheckConstraint("approved_by IS NULL OR approved_by <> created_by", name=op.f("ck_exit_slip_four_eyes")),
        sa.CheckConstraint("from_at < until_at", name=op.f("ck_exit_slip_window")),
        sa.CheckConstraint(
            "return_until_at IS NULL OR until_at <= return_until_at", name=op.f("ck_exit_slip_return_window")
        ),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_exit_slip_customer_id_customer")),
        sa.ForeignKeyConstraint(["edge_id"], ["edge.id"], name=op.f("fk_exit_slip_edge_id_edge")),
        sa.ForeignKeyConstraint(["next_edge_id"], ["edge.id"], name=op.f("fk_exit_slip_next_edge_id_edge")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exit_slip")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_exit_slip_code_hash")),
        sa.UniqueConstraint("external_id", name=op.f("uq_exit_slip_external_id")),
        sa.UniqueConstraint("number", name=op.f("uq_exit_slip_number")),
        sa.UniqueConstraint("public_id", name=op.f("uq_exit_slip_public_id")),
    )
    op.create_index(op.f("ix_exit_slip_customer_id"), "exit_slip", ["customer_id"], unique=False)
    op.create_index("ix_exit_slip_edge", "exit_slip", ["edge_id", "until_at"], unique=False)
    op.create_index("ix_exit_slip_status", "exit_slip", ["status", "id"], unique=False)
    op.create_index(
        "ix_exit_slip_rebinding",
        "exit_slip",
        ["id"],
        unique=False,
        sqlite_where=sa.text("next_edge_id IS NOT NULL"),
        postgresql_where=sa.text("next_edge_id IS NOT NULL"),
    )
    op.create_table(
        "attestation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("alarm_id", sa.Integer(), nullable=False),
        sa.Column("edge_id", sa.Integer(), nullable=False),
        sa.Column("subject", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("openings", sa.Integer(), nullable=False),
        sa.Column("outcome", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("devices", sa.JSON(), nullable=False),
        sa.Column("note", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("at_us", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("by", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("by_name", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("command_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("content", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("kid", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("outcome IN ('nothing_left', 'returned', 'left')", name=op.f("ck_attestation_outcome")),
        sa.CheckConstraint("openings >= 1", name=op.f("ck_attestation_openings")),
        sa.ForeignKeyConstraint(["alarm_id"], ["ledger_alarm.id"], name=op.f("fk_attestation_alarm_id_ledger_alarm")),
        sa.ForeignKeyConstraint(["edge_id"], ["edge.id"], name=op.f("fk_attestation_edge_id_edge")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attestation")),
        sa.UniqueConstraint("public_id", name=op.f("uq_attestation_public_id")),
    )
    op.create_index("ix_attestation_alarm", "attestation", ["alarm_id", "id"], unique=False)
    op.create_table(
        "exit_slip_carrier",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("slip_id", sa.Integer(), nullable=False),
        sa.Column("holder_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["holder_id"], ["holder.id"], name=op.f("fk_exit_slip_carrier_holder_id_holder")),
        sa.ForeignKeyConstraint(["slip_id"], ["exit_slip.id"], name=op.f("fk_exit_slip_carrier_slip_id_exit_slip")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exit_slip_carrier")),
        sa.UniqueConstraint("public_id", name=op.f("uq_exit_slip_carrier_public_id")),
        sa.UniqueConstraint("slip_id", "holder_id", name=op.f("uq_exit_slip_carrier_slip_id_holder_id")),
    )
    op.create_index(op.f("ix_exit_slip_carrier_holder_id"), "exit_slip_carrier", ["holder_id"], unique=False)
    op.create_index(op.f("ix_exit_slip_carrier_slip_id"), "exit_slip_carrier", ["slip_id"], unique=False)
    op.create_table(
        "exit_slip_line",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("slip_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("model", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("serials", sa.JSON(), nullable=False),
        sa.Column("storage", sa.Boolean(), nullable=False),
        sa.Column("gone", sa.Integer(), nullable=False),
        sa.Column("returned", sa.Integer(), nullable=False),
        sa.Column("replaces_line_id", sa.Integer(), nullable=True),
        sa.Column("replaces_serial", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("result", sa.JSON(), nullable=True),
        sa.CheckConstraint(
            "(replaces_line_id IS NULL) = (replaces_serial IS NULL)", name=op.f("ck_exit_slip_line_replaces")
        ),
        sa.CheckConstraint("gone >= 0 AND returned >= 0", name=op.f("ck_exit_slip_line_counts")),
        sa.CheckConstraint("quantity BETWEEN 1 AND 10000", name=op.f("ck_exit_slip_line_quantity")),
        sa.ForeignKeyConstraint(
            ["replaces_line_id"], ["exit_slip_line.id"], name=op.f("fk_exit_slip_line_replaces_line_id_exit_slip_line")
        ),
        sa.ForeignKeyConstraint(["slip_id"], ["exit_slip.id"], name=op.f("fk_exit_slip_line_slip_id_exit_slip")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exit_slip_line")),
        sa.UniqueConstraint(
            "replaces_line_id", "replaces_serial", name=op.f("uq_exit_slip_line_replaces_line_id_replaces_serial")
        ),
        sa.UniqueConstraint("slip_id", "position", name=op.f("uq_exit_slip_line_slip_id_position")),
    )
    op.create_index(op.f("ix_exit_slip_line_slip_id"), "exit_slip_line", ["slip_id"], unique=False)
    op.create_table(
        "exit_slip_claim",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("slip_id", sa.Integer(), nullable=False),
        sa.Column("line_id", sa.Integer(), nullable=False),
        sa.Column("claimed_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("released_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name=op.f("fk_exit_slip_claim_item_id_item")),
        sa.ForeignKeyConstraint(
            ["line_id"], ["exit_slip_line.id"], name=op.f("fk_exit_slip_claim_line_id_exit_slip_line")
        ),
        sa.ForeignKeyConstraint(["slip_id"], ["exit_slip.id"], name=op.f("fk_exit_slip_claim_slip_id_exit_slip")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exit_slip_claim")),
    )
    op.create_index(op.f("ix_exit_slip_claim_slip_id"), "exit_slip_claim", ["slip_id"], unique=False)
    op.create_index(
        "uq_exit_slip_claim_open",
        "exit_slip_claim",
        ["item_id"],
        unique=True,
        sqlite_where=sa.text("released_at IS NULL"),
        postgresql_where=sa.text("released_at IS NULL"),
    )
    op.create_table(
        "inspection",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("slip_id", sa.Integer(), nullable=False),
        sa.Column("line_id", sa.Integer(), nullable=True),
        sa.Column("act", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("result", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("serials", sa.JSON(), nullable=False),
        sa.Column("method", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("done_by", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("note", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("by", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("by_name", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("content", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("kid", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "act IN ('inspection', 'erasure', 'return', 'acceptance', 'malware_check')", name=op.f("ck_inspection_act")
        ),
        sa.CheckConstraint("result IN ('pass', 'fail')", name=op.f("ck_inspection_result")),
        sa.ForeignKeyConstraint(["line_id"], ["exit_slip_line.id"], name=op.f("fk_inspection_line_id_exit_slip_line")),
        sa.ForeignKeyConstraint(["slip_id"], ["exit_slip.id"], name=op.f("fk_inspection_slip_id_exit_slip")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inspection")),
        sa.UniqueConstraint("public_id", name=op.f("uq_inspection_public_id")),
    )
    op.create_index("ix_inspection_slip", "inspection", ["slip_id", "id"], unique=False)
    refuse_changes(op.get_bind(), ("inspection", "attestation"))
