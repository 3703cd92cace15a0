"""What the accounts of issue 6 need (D1-D3)."""

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Apply."""
