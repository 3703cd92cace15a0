"""Exit slips and attestations (issue 5)."""

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Apply."""
