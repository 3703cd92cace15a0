"""What the console's pages ask for: indexes of the reports (docs/console/reports.md)."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

_ENTERED = sa.text("direction = 'in'")
_DENIED = sa.text("kind = 'AccessDenied'")


def upgrade() -> None:
    """Apply."""
    op.create_index(
        "ix_register_entry_in", "register_entry", ["at_us", "area", "customer"],
        unique=False, sqlite_where=_ENTERED, postgresql_where=_ENTERED,
    )  # fmt: skip
    op.create_index(
        "ix_ledger_event_denied", "ledger_event", ["at_us", "reason", "access_point", "customer"],
        unique=False, sqlite_where=_DENIED, postgresql_where=_DENIED,
    )  # fmt: skip
    op.create_index("ix_ledger_alarm_raised", "ledger_alarm", ["alarm", "raised_us"], unique=False)
    op.create_index("ix_visit_checked_in", "visit", ["checked_in_at"], unique=False)
