"""The triggers of the shared tables. Written by hand: Alembic does not see triggers."""

from alembic import op

from server.registry.triggers import install_triggers

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Apply."""
    install_triggers(op.get_bind())
