"""Violations and shift handovers (issue 5)."""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

from server.db.append_only import refuse_changes
from server.db.columns import BIG_INT

revision = "0008"
down_revision = "0007"

APPEND_ONLY = ("violation_act", "violation_evidence", "handover_item", "handover_explanation", "handover_signature")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "handover",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("post", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("status", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("drawn_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("opened_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("opened_by", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("opened_name", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("note", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("ended_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("end_reason", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("(status IN ('open', 'offered')) = (ended_at IS NULL)", name=op.f("ck_handover_ended")),
        sa.CheckConstraint(
            "status IN ('open', 'offered', 'accepted', 'refused', 'withdrawn')", name=op.f("ck_handover_status")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover")),
        sa.UniqueConstraint("public_id", name=op.f("uq_handover_public_id")),
    )
    op.create_index("ix_handover_post", "handover", ["post", "id"], unique=False)
    op.create_index(
        "ux_handover_live",
        "handover",
        ["post"],
        unique=True,
        sqlite_where=sa.text("status IN ('open', 'offered')"),
        postgresql_where=sa.text("status IN ('open', 'offered')"),
    )

    op.create_table(
        "handover_item",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("handover_id", sa.Integer(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("kind", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("subject", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("since_us", BIG_INT, nullable=False),
        sa.Column("text_zh", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("text_en", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("link", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.ForeignKeyConstraint(["handover_id"], ["handover.id"], name=op.f("fk_handover_item_handover_id_handover")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover_item")),
        sa.UniqueConstraint(
            "handover_id", "round", "kind", "subject", name=op.f("uq_handover_item_handover_id_round_kind_subject")
        ),
    )
    op.create_index("ix_handover_item_subject", "handover_item", ["kind", "subject", "id"], unique=False)

    op.create_table(
        "handover_signature",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("handover_id", sa.Integer(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("role", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("verdict", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("note", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("resolved", sa.JSON(), nullable=False),
        sa.Column("at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("by", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("by_name", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("content", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("kid", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("role IN ('outgoing', 'incoming')", name=op.f("ck_handover_signature_role")),
        sa.CheckConstraint(
            "verdict = 'signed' OR (verdict = 'refused' AND role = 'incoming' AND note <> '')",
            name=op.f("ck_handover_signature_verdict"),
        ),
        sa.ForeignKeyConstraint(
            ["handover_id"], ["handover.id"], name=op.f("fk_handover_signature_handover_id_handover")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover_signature")),
        sa.UniqueConstraint("handover_id", "round", "by", name=op.f("uq_handover_signature_handover_id_round_by")),
        sa.UniqueConstraint("handover_id", "round", "role", name=op.f("uq_handover_signature_handover_id_round_role")),
    )
    op.create_table(
        "handover_explanation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("text", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("by", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("by_name", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("copied_from", sa.Integer(), nullable=True),
        sa.CheckConstraint("length(text) >= 1", name=op.f("ck_handover_explanation_text")),
        sa.ForeignKeyConstraint(
            ["copied_from"],
            ["handover_explanation.id"],
            name=op.f("fk_handover_explanation_copied_from_handover_explanation"),
        ),
        sa.ForeignKeyConstraint(
            ["item_id"], ["handover_item.id"], name=op.f("fk_handover_explanation_item_id_handover_item")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover_explanation")),
    )
    op.create_index("ix_handover_explanation_item", "handover_explanation", ["item_id", "id"], unique=False)

    op.create_table(
        "violation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("status", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("kind", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("holder_id", sa.Integer(), nullable=True),
        sa.Column("customer_id", sa.Integer(), nullable=True),
        sa.Column("at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("area", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("door", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("rack", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("description", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("reported_by", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("reported_name", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("reported_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("handling", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('others_equipment', 'photography', 'food_liquid', 'smoking', 'guests', 'tailgating', 'propped_door', 'lent_badge', 'unauthorised_operation', 'outside_own_rack', 'other')",
            name=op.f("ck_violation_kind"),
        ),
        sa.CheckConstraint("status IN ('open', 'handled', 'reopened')", name=op.f("ck_violation_status")),
        sa.CheckConstraint("holder_id IS NOT NULL OR customer_id IS NOT NULL", name=op.f("ck_violation_whose")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_violation_customer_id_customer")),
        sa.ForeignKeyConstraint(["holder_id"], ["holder.id"], name=op.f("fk_violation_holder_id_holder")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_violation")),
        sa.UniqueConstraint("public_id", name=op.f("uq_violation_public_id")),
    )
    op.create_index("ix_violation_customer", "violation", ["customer_id", "id"], unique=False)
    op.create_index("ix_violation_holder", "violation", ["holder_id", "id"], unique=False)
    op.create_index("ix_violation_status", "violation", ["status", "id"], unique=False)

    op.create_table(
        "violation_act",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("violation_id", sa.Integer(), nullable=False),
        sa.Column("act", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("handling", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("note", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("by", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("by_name", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.CheckConstraint("(act = 'handled') = (handling IS NOT NULL)", name=op.f("ck_violation_act_handled")),
        sa.CheckConstraint(
            "act IN ('recorded', 'evidence', 'suspended', 'lifted', 'handled', 'reopened')",
            name=op.f("ck_violation_act_act"),
        ),
        sa.CheckConstraint(
            "handling IS NULL OR handling IN ('warning', 'suspended', 'contract_talk', 'none')",
            name=op.f("ck_violation_act_handling"),
        ),
        sa.ForeignKeyConstraint(
            ["violation_id"], ["violation.id"], name=op.f("fk_violation_act_violation_id_violation")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_violation_act")),
    )
    op.create_index("ix_violation_act_violation", "violation_act", ["violation_id", "id"], unique=False)

    op.create_table(
        "violation_evidence",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("violation_id", sa.Integer(), nullable=False),
        sa.Column("kind", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("event_seq", BIG_INT, nullable=True),
        sa.Column("alarm_id", sa.Integer(), nullable=True),
        sa.Column("note", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("by", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("by_name", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.CheckConstraint("(kind = 'alarm') = (alarm_id IS NOT NULL)", name=op.f("ck_violation_evidence_alarm")),
        sa.CheckConstraint("(kind = 'event') = (event_seq IS NOT NULL)", name=op.f("ck_violation_evidence_event")),
        sa.CheckConstraint("kind IN ('event', 'alarm', 'file')", name=op.f("ck_violation_evidence_kind")),
        sa.ForeignKeyConstraint(
            ["alarm_id"], ["ledger_alarm.id"], name=op.f("fk_violation_evidence_alarm_id_ledger_alarm")
        ),
        sa.ForeignKeyConstraint(
            ["violation_id"], ["violation.id"], name=op.f("fk_violation_evidence_violation_id_violation")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_violation_evidence")),
        sa.UniqueConstraint("public_id", name=op.f("uq_violation_evidence_public_id")),
    )
    op.create_index("ix_violation_evidence_violation", "violation_evidence", ["violation_id", "id"], unique=False)

    op.create_table(
        "violation_suspension",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("violation_id", sa.Integer(), nullable=False),
        sa.Column("badge_id", sa.Integer(), nullable=False),
        sa.Column("suspended_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("suspended_by", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("lifted_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("lifted_by", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.CheckConstraint("(lifted_at IS NULL) = (lifted_by IS NULL)", name=op.f("ck_violation_suspension_lifted")),
        sa.ForeignKeyConstraint(["badge_id"], ["badge.id"], name=op.f("fk_violation_suspension_badge_id_badge")),
        sa.ForeignKeyConstraint(
            ["violation_id"], ["violation.id"], name=op.f("fk_violation_suspension_violation_id_violation")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_violation_suspension")),
    )
    op.create_index("ix_violation_suspension_violation", "violation_suspension", ["violation_id"], unique=False)
    op.create_index(
        "ux_violation_suspension_standing",
        "violation_suspension",
        ["badge_id", "violation_id"],
        unique=True,
        sqlite_where=sa.text("lifted_at IS NULL"),
        postgresql_where=sa.text("lifted_at IS NULL"),
    )
    refuse_changes(op.get_bind(), APPEND_ONLY)
