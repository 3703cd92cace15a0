"""Permits, visits and emergencies; roles of the heads (issue 5)."""

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Apply."""
