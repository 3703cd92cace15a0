"""Alembic's entry: the connection comes from ``server.db.migrate``, the tables from ``server.db.models``."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

from server.db.columns import fresh_id, sql_now
from server.db.model import metadata
from server.db.models import import_models
from server.registry.triggers import GUARD_TABLE

import_models()


def render_default(kind: str, default: Any, autogen: AutogenContext) -> str | Literal[False]:
    """Our own defaults by name: each database has its own SQL for them."""
    if kind == "server_default" and isinstance(getattr(default, "arg", None), fresh_id | sql_now):
        autogen.imports.add("from server.db.columns import fresh_id, sql_now")
        return repr(default.arg)
    return False


def is_modelled(name: str | None, kind: str, _parents: object) -> bool:
    """Whether Alembic compares it: the triggers' own table has no model."""
    return (kind, name) != ("table", GUARD_TABLE)


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    compare_type=True,
    render_item=render_default,
    include_name=is_modelled,
    user_module_prefix="sqlmodel.sql.sqltypes.",
)
context.run_migrations()
