"""Cursor pages and entity tags of the API (DESIGN 16)."""

from typing import Annotated, Any, Generic, Protocol, TypeVar

from fastapi import Header, Query
from pydantic import BaseModel
from sqlmodel import Session
from sqlmodel.sql.expression import SelectOfScalar

from server.problems import Problem

DEFAULT_LIMIT = 100
MAX_LIMIT = 1_000
MAX_ID = 2**63 - 1

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
Cursor = Annotated[int, Query(ge=0, le=MAX_ID, alias="after", description="`next` of the page before")]
IfMatch = Annotated[str | None, Header(alias="If-Match")]


class Numbered(Protocol):
    """A row with an integer id."""

    id: Any


_Row = TypeVar("_Row", bound=Numbered)
_Item = TypeVar("_Item")


class Page(BaseModel, Generic[_Item]):
    """Some items in the order of their making; ``next`` is the ``after`` of the following page, None at the end."""

    items: list[_Item]
    next: int | None = None


def rows_after(
    session: Session, query: SelectOfScalar[_Row], id_column: Any, after: int, limit: int, *, newest_first: bool = False
) -> tuple[list[_Row], int | None]:
    """One page of ``query`` and the cursor of the next. ``newest_first``: those before ``after`` (0: all), the latest first."""
    if newest_first:
        query = query.where(id_column < after) if after else query
        query = query.order_by(id_column.desc())
    else:
        query = query.where(id_column > after).order_by(id_column)
    rows = list(session.exec(query.limit(limit + 1)).all())
    more = len(rows) > limit
    rows = rows[:limit]
    return rows, rows[-1].id if more else None


def etag(version: int) -> str:
    """The entity tag of a row's ``version``."""
    return f'"{version}"'


def refuse_stale(if_match: str | None, version: int) -> None:
    """Raise :class:`Problem` 412 when the caller changed what has changed since it was read."""
    if if_match is not None and if_match != "*" and etag(version) not in [tag.strip() for tag in if_match.split(",")]:
        raise Problem(
            412,
            "changed_meanwhile",
            "Someone changed this since you read it: read it again.",
            "该记录已被他人修改，请刷新。",
        )
