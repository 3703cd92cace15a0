"""The book of one room is read by its stays (docs/console/register.md)."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

_STAYLESS = sa.text("ended = '[]' AND (began = 0 OR direction = 'out')")


def upgrade() -> None:
    """Apply."""
    op.create_index("ix_register_stay_area", "register_stay", ["area", "in_us"], unique=False)
    op.create_index(
        "ix_register_entry_stayless", "register_entry", ["area", "at_us"],
        unique=False, sqlite_where=_STAYLESS, postgresql_where=_STAYLESS,
    )  # fmt: skip
