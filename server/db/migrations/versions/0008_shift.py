"""Violations and shift handovers (issue 5)."""

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Apply."""
