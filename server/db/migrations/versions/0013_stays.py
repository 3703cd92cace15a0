"""The book of one room is read by its stays (docs/console/register.md), and a holder's open stays are those of all edges."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

_OPEN = sa.text("ended_by IS NULL")
_LEFT = sa.text("exit_id IS NOT NULL")
_STAYLESS = sa.text("ended = '[]' AND (began = 0 OR direction = 'out')")


def upgrade() -> None:
    """Apply."""
    op.drop_index("ux_register_stay_open", "register_stay")
    op.create_index(
        "ux_register_stay_open", "register_stay", ["holder", "edge_id", "area"],
        unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN,
    )  # fmt: skip
    op.create_index(
        "ix_register_stay_exit", "register_stay", ["exit_id"], unique=False, sqlite_where=_LEFT, postgresql_where=_LEFT
    )
    op.create_index("ix_register_stay_area", "register_stay", ["area", "in_us"], unique=False)
    op.create_index(
        "ix_register_entry_stayless", "register_entry", ["area", "at_us"],
        unique=False, sqlite_where=_STAYLESS, postgresql_where=_STAYLESS,
    )  # fmt: skip
