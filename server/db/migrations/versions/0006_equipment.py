"""Work orders and inventory (issue 5)."""

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Apply."""
