"""Rooms: the register, and what the server keeps of occupancy, waiting persons, lockdowns, alarms' repeats (issue 4)."""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

from server.rooms.append_only import refuse_changes

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "register_admission",
        sa.Column("edge_id", sa.Integer(), nullable=False),
        sa.Column("person", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("reason", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("operator", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("command_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("at_us", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("edge_id", "person", name=op.f("pk_register_admission")),
    )
    op.create_table(
        "register_entry",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("event_seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("record_seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("edge_id", sa.Integer(), nullable=False),
        sa.Column("at_us", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("direction", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("area", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("door", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("access_point", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("from_area", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("to_area", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("holder", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("badge", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("number", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("customer", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("kind", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("partners", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("escort", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("permit", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("emergency", sa.Boolean(), nullable=False),
        sa.Column("purpose", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("operator", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("began", sa.Integer(), nullable=False),
        sa.Column("ended", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.CheckConstraint(
            "direction IN ('in', 'out', 'opened', 'found', 'missed')", name=op.f("ck_register_entry_direction")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_register_entry")),
    )
    op.create_index("ix_register_entry_area", "register_entry", ["area", "at_us"], unique=False)
    op.create_index("ix_register_entry_at", "register_entry", ["at_us"], unique=False)
    op.create_index(
        "ix_register_entry_customer",
        "register_entry",
        ["customer", "at_us"],
        unique=False,
        sqlite_where=sa.text("customer IS NOT NULL"),
        postgresql_where=sa.text("customer IS NOT NULL"),
    )
    op.create_index(
        "ix_register_entry_holder",
        "register_entry",
        ["holder", "at_us"],
        unique=False,
        sqlite_where=sa.text("holder IS NOT NULL"),
        postgresql_where=sa.text("holder IS NOT NULL"),
    )
    op.create_index(
        "ix_register_entry_number",
        "register_entry",
        ["number", "at_us"],
        unique=False,
        sqlite_where=sa.text("number IS NOT NULL"),
        postgresql_where=sa.text("number IS NOT NULL"),
    )

    op.create_table(
        "register_stay",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("area", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("edge_id", sa.Integer(), nullable=False),
        sa.Column("holder", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("in_us", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("exit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("out_us", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("ended_by", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.CheckConstraint(
            "ended_by IS NULL OR ended_by IN ('exit', 'count', 'unseen')", name=op.f("ck_register_stay_ended_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_register_stay")),
    )
    op.create_index(
        "ux_register_stay_open",
        "register_stay",
        ["edge_id", "holder", "area"],
        unique=True,
        sqlite_where=sa.text("ended_by IS NULL"),
        postgresql_where=sa.text("ended_by IS NULL"),
    )

    op.create_table(
        "ledger_fire",
        sa.Column("edge_id", sa.Integer(), nullable=False),
        sa.Column("zone", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("since_us", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("muster", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.ForeignKeyConstraint(["edge_id"], ["edge.id"], name=op.f("fk_ledger_fire_edge_id_edge")),
        sa.PrimaryKeyConstraint("edge_id", "zone", name=op.f("pk_ledger_fire")),
    )
    op.create_table(
        "ledger_lockdown",
        sa.Column("edge_id", sa.Integer(), nullable=False),
        sa.Column("area", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("cause", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("operator", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("reason", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("since_us", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["edge_id"], ["edge.id"], name=op.f("fk_ledger_lockdown_edge_id_edge")),
        sa.PrimaryKeyConstraint("edge_id", "area", name=op.f("pk_ledger_lockdown")),
    )
    op.create_table(
        "ledger_waiting",
        sa.Column("edge_id", sa.Integer(), nullable=False),
        sa.Column("place", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("access_point", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("door", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("holder", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("badge", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("customer", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("out", sa.Boolean(), nullable=False),
        sa.Column("because", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("since_us", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("until_us", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["edge_id"], ["edge.id"], name=op.f("fk_ledger_waiting_edge_id_edge")),
        sa.PrimaryKeyConstraint("edge_id", "place", name=op.f("pk_ledger_waiting")),
    )
    op.create_table(
        "register_note",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entry_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("kind", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("text", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("operator", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("at_us", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kid", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["register_entry.id"], name=op.f("fk_register_note_entry_id_register_entry")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_register_note")),
        sa.UniqueConstraint("entry_id", "n", name=op.f("uq_register_note_entry_id_n")),
    )
    op.add_column("edge_command", sa.Column("supervisor", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("ledger_alarm", sa.Column("repeats", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column(
        "ledger_alarm", sa.Column("last_raised_us", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
    )
    op.add_column("ledger_alarm", sa.Column("key", sqlmodel.sql.sqltypes.AutoString(), nullable=True))
    op.add_column(
        "ledger_door",
        sa.Column("maintenance_until_us", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
    )
    op.add_column("ledger_presence", sa.Column("kind", sqlmodel.sql.sqltypes.AutoString(), nullable=True))
    op.add_column("ledger_presence", sa.Column("sure", sa.Boolean(), server_default=sa.true(), nullable=False))
    op.add_column(
        "ledger_presence", sa.Column("escort", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
    )
    op.add_column("ledger_presence", sa.Column("unescorted", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("ledger_presence", sa.Column("from_area", sqlmodel.sql.sqltypes.AutoString(), nullable=True))
    op.execute(  # in an uncertain area nobody is sure who was listed before
        "UPDATE ledger_presence SET sure = false WHERE EXISTS (SELECT 1 FROM ledger_area"
        " WHERE ledger_area.edge_id = ledger_presence.edge_id AND ledger_area.area = ledger_presence.area)"
    )
    op.create_index("ix_ledger_alarm_name", "ledger_alarm", ["alarm", "id"])
    op.create_index("ix_ledger_alarm_subject", "ledger_alarm", ["subject", "alarm", "id"])
    op.create_index("ix_ledger_presence_holder", "ledger_presence", ["holder"])
    refuse_changes(op.get_bind())
