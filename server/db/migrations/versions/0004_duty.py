"""Duties: tests with signatures, mechanical keys, the second channel of alarms, duties of holders (issue 4)."""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

from server.db.append_only import refuse_changes
from server.registry.triggers import install_triggers

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "duty_item",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("subject", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("kind", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("interval_days", sa.Integer(), nullable=False),
        sa.Column("note", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("made_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("made_by", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("retired_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('exit', 'rex', 'manual_release', 'fire_release', 'battery')", name=op.f("ck_duty_item_kind")
        ),
        sa.CheckConstraint("interval_days BETWEEN 1 AND 3660", name=op.f("ck_duty_item_interval_days")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duty_item")),
        sa.UniqueConstraint("public_id", name=op.f("uq_duty_item_public_id")),
        sa.UniqueConstraint("subject", "kind", name=op.f("uq_duty_item_subject_kind")),
    )
    op.create_table(
        "duty_test",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("result", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("note", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("done_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("recorded_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("by", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("by_name", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("evidence_seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("content", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("kid", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("result IN ('pass', 'fail')", name=op.f("ck_duty_test_result")),
        sa.ForeignKeyConstraint(["item_id"], ["duty_item.id"], name=op.f("fk_duty_test_item_id_duty_item")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duty_test")),
        sa.UniqueConstraint("public_id", name=op.f("uq_duty_test_public_id")),
    )
    op.create_index("ix_duty_test_item", "duty_test", ["item_id", "id"], unique=False)

    op.create_table(
        "duty_countersignature",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("test_id", sa.Integer(), nullable=False),
        sa.Column("by", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("by_name", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("content", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("kid", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["test_id"], ["duty_test.id"], name=op.f("fk_duty_countersignature_test_id_duty_test")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duty_countersignature")),
        sa.UniqueConstraint("test_id", name=op.f("uq_duty_countersignature_test_id")),
    )
    op.create_table(
        "escalation_delivery",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("channel", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("alarm_id", sa.Integer(), nullable=True),
        sa.Column("why", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("state", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("made_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("due_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("done_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("problem", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("reached", sa.JSON(), nullable=False),
        sa.Column("asked_by", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.CheckConstraint("(why = 'test') = (alarm_id IS NULL)", name=op.f("ck_escalation_delivery_alarm")),
        sa.CheckConstraint(
            "state IN ('waiting', 'sent', 'failed', 'withdrawn')", name=op.f("ck_escalation_delivery_state")
        ),
        sa.CheckConstraint(
            "why IN ('unacknowledged', 'at_once', 'overdue', 'test')", name=op.f("ck_escalation_delivery_why")
        ),
        sa.ForeignKeyConstraint(
            ["alarm_id"], ["ledger_alarm.id"], name=op.f("fk_escalation_delivery_alarm_id_ledger_alarm")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_escalation_delivery")),
        sa.UniqueConstraint("alarm_id", "channel", name=op.f("uq_escalation_delivery_alarm_id_channel")),
        sa.UniqueConstraint("public_id", name=op.f("uq_escalation_delivery_public_id")),
    )
    op.create_index(
        "ix_escalation_delivery_waiting",
        "escalation_delivery",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )

    op.create_table(
        "mechanical_key",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("number", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("opens", sa.JSON(), nullable=False),
        sa.Column("kept_at", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("state", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("holder_id", sa.Integer(), nullable=True),
        sa.Column("made_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("state IN ('in_cabinet', 'out', 'lost')", name=op.f("ck_mechanical_key_state")),
        sa.ForeignKeyConstraint(["holder_id"], ["holder.id"], name=op.f("fk_mechanical_key_holder_id_holder")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mechanical_key")),
        sa.UniqueConstraint("number", name=op.f("uq_mechanical_key_number")),
        sa.UniqueConstraint("public_id", name=op.f("uq_mechanical_key_public_id")),
    )
    op.create_table(
        "key_movement",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key_id", sa.Integer(), nullable=False),
        sa.Column("act", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("holder_id", sa.Integer(), nullable=True),
        sa.Column("reason", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("by", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("by_name", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("alarm_id", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "act IN ('made', 'taken', 'returned', 'lost', 'found', 'used')", name=op.f("ck_key_movement_act")
        ),
        sa.ForeignKeyConstraint(["alarm_id"], ["ledger_alarm.id"], name=op.f("fk_key_movement_alarm_id_ledger_alarm")),
        sa.ForeignKeyConstraint(["holder_id"], ["holder.id"], name=op.f("fk_key_movement_holder_id_holder")),
        sa.ForeignKeyConstraint(["key_id"], ["mechanical_key.id"], name=op.f("fk_key_movement_key_id_mechanical_key")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_key_movement")),
    )
    op.create_index("ix_key_movement_key", "key_movement", ["key_id", "id"], unique=False)

    op.add_column("holder", sa.Column("duties", sa.JSON(), server_default=sa.text("'[]'"), nullable=False))
    refuse_changes(op.get_bind(), ("duty_test", "duty_countersignature", "key_movement"))
    install_triggers(op.get_bind())  # the new column is noted, too
