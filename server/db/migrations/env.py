"""Alembic's entry: the connection comes from ``server.db.migrate``, the tables from ``server.db.models``."""

from alembic import context

from server.db.model import metadata
from server.db.models import import_models

import_models()
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    compare_type=True,
    user_module_prefix="sqlmodel.sql.sqltypes.",
)
context.run_migrations()
