"""What the console's pages ask for: indexes, and what they remember."""

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Apply."""
