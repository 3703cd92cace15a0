"""Sealed values in ``registry_change``: a row's history holds its ciphers, which are erased and sealed anew with the row's own."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import JSON, cast, func, literal, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Connection
from sqlmodel import col

from server.registry.models import RegistryChange


def rewrite(connection: Connection, change_id: int, column: str, values: Mapping[str, str | None]) -> None:
    """Set members of ``before`` or ``after`` of one change; everything else stays byte for byte, or the history's trigger refuses."""
    if not values:
        return
    target = col(getattr(RegistryChange, column))
    changed: Any
    if connection.dialect.name == "sqlite":
        pairs = [part for name, value in values.items() for part in (f"$.{name}", value)]
        changed = func.json_set(target, *pairs)
    else:
        changed = cast(cast(target, JSONB).op("||")(literal(dict(values), JSONB)), JSON)
    connection.execute(update(RegistryChange).where(col(RegistryChange.id) == change_id).values({column: changed}))
