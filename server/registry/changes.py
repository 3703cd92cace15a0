"""Changes that triggers noted and nobody has followed yet (:class:`server.registry.models.RegistryChange`)."""

from sqlalchemy import select
from sqlalchemy.engine import Connection

from server.ledger.facts import table_of
from server.registry.models import RegistryChange


def has_open_changes(connection: Connection) -> bool:
    """Whether any change waits for the watcher or the policies."""
    changes = table_of(RegistryChange)
    return connection.execute(select(changes.c.id).where(changes.c.done_at.is_(None)).limit(1)).first() is not None
