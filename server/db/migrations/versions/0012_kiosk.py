"""The kiosk at the entrance: when a visitor said that they are here, numbers tried there that nobody has, lent badges shown there."""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Apply."""
    op.add_column("visit", sa.Column("arrived_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True))
    op.create_table(
        "kiosk_miss",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kiosk", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kiosk_miss")),
    )
    op.create_index("ix_kiosk_miss_kiosk", "kiosk_miss", ["kiosk", "at"], unique=False)
    op.create_table(
        "kiosk_lent",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kiosk", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("number", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kiosk_lent")),
    )
    op.create_index("ix_kiosk_lent_kiosk", "kiosk_lent", ["kiosk", "at"], unique=False)
