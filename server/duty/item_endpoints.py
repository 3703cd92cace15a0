"""``/api/v1/duty-items`` and ``/api/v1/duty-tests`` (docs/interfaces.md, Duties)."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlmodel import Session, col, select

from server.context import Context
from server.duty import items, testing
from server.duty.models import DutyItem, DutyTest
from server.duty.overdue import last_tests, overdue_of
from server.operators.actor import Actor
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.pages import Cursor, IfMatch, Limit, Page, etag, refuse_stale, rows_after
from server.registry.moments import Moment, begin_of
from server.routes import AppContext, DbSession, api_router

item_router = api_router("/duty-items", "duties")
test_router = api_router("/duty-tests", "duties")

Kind = Literal["exit", "rex", "manual_release", "fire_release", "battery"]
Subject = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Days = Annotated[int, Field(ge=1, le=3660)]
Note = Annotated[str, StringConstraints(max_length=1_000, strip_whitespace=True)]
Name = Annotated[str, Path(max_length=64)]

Reads = Annotated[Actor, requires(Permission.DUTY_READ)]
Tests = Annotated[Actor, requires(Permission.DUTY_TEST)]
Manages = Annotated[Actor, requires(Permission.DUTY_MANAGE)]


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewItem(_Input):
    """``subject``: a door, for ``fire_release`` also a fire zone, for ``battery`` an edge or another enclosure."""

    subject: Subject
    kind: Kind
    interval_days: Days = items.INTERVAL_DAYS
    note: Note = ""


class ItemChange(_Input):
    """What changes; what is left out stays. ``retired``: it is not tested any more, for the reason in ``note``; false: it is again."""

    interval_days: Days | None = None
    note: Note | None = None
    retired: bool | None = None


class NewTest(_Input):
    """``done_at``: RFC 3339 with its zone, or a date; now, if left out. A test that failed says in ``note`` what did."""

    result: Literal["pass", "fail"]
    note: Note = ""
    done_at: Moment | None = None


class ItemShown(BaseModel):
    """An item. ``overdue_since``, ``overdue_because`` (never_tested, failed, late): null when it is not overdue."""

    id: str
    subject: str
    kind: Kind
    interval_days: int
    note: str
    retired_at: datetime | None
    last_done_at: datetime | None
    last_result: str | None
    overdue_since: datetime | None
    overdue_because: str | None
    version: int


class SecondShown(BaseModel):
    """The second signature; ``holds``: it was checked just now."""

    by: str
    by_name: str
    at: datetime
    kid: str
    signature: str
    holds: bool


class TestShown(BaseModel):
    """A test. ``content`` is what ``signature`` (Ed25519 by ``kid``, hexadecimal) stands under, after ``menjin/v1/DutyTest`` and a newline;
    ``holds``: it was checked just now. ``evidence_seq``: the event of the ledger that shows the test."""

    id: str
    item: str
    subject: str
    kind: str
    result: str
    note: str
    done_at: datetime
    recorded_at: datetime
    by: str
    by_name: str
    evidence_seq: int | None
    content: str
    kid: str
    signature: str
    holds: bool
    countersigned: SecondShown | None


class Generated(BaseModel):
    """How many items were made."""

    made: int


@item_router.get("")
def list_items(
    session: DbSession,
    context: AppContext,
    _actor: Reads,
    overdue: bool = False,
    kind: Kind | None = None,
    subject: Annotated[str | None, Query(max_length=64)] = None,
    retired: bool = False,
    after: Cursor = 0,
    limit: Limit = 100,
) -> Page[ItemShown]:
    """What is to be tested; ``overdue``: only what is overdue now; ``retired``: also what is not tested any more."""
    query = select(DutyItem)
    if not retired:
        query = query.where(col(DutyItem.retired_at).is_(None))
    if kind is not None:
        query = query.where(DutyItem.kind == kind)
    if subject is not None:
        query = query.where(DutyItem.subject == subject)
    last, now = last_tests(session), context.clock.now()
    if overdue:
        ids = [row.id for row in session.exec(query).all() if overdue_of(row, last.get(row.id), now) is not None]
        query = query.where(
            col(DutyItem.id).in_([row_id for row_id in ids if row_id is not None and row_id > after][: limit + 1])
        )
    rows, following = rows_after(session, query, col(DutyItem.id), after, limit)
    return Page(items=[_item(row, last.get(row.id), now) for row in rows], next=following)


@item_router.post("", status_code=201)
def create_item(
    session: DbSession, context: AppContext, actor: Manages, given: NewItem, response: Response
) -> ItemShown:
    """One more thing that is tested."""
    now = context.clock.now()
    item = items.make_item(
        session, context.site, actor, now, given.subject, given.kind, given.interval_days, given.note
    )
    return _answer(session, context, response, item)


@item_router.post("/generate")
def generate_items(session: DbSession, context: AppContext, actor: Manages) -> Generated:
    """Make what is missing for the site's doors and its edges. The server does so at each start."""
    return Generated(made=items.make_missing(session, context.site, context.clock.now(), actor))


@item_router.get("/{item}")
def get_item(session: DbSession, context: AppContext, _actor: Reads, item: Name, response: Response) -> ItemShown:
    """One item."""
    return _answer(session, context, response, items.find_item(session, item))


@item_router.patch("/{item}")
def change_item(
    session: DbSession,
    context: AppContext,
    actor: Manages,
    item: Name,
    given: ItemChange,
    response: Response,
    if_match: IfMatch = None,
) -> ItemShown:
    """Change its interval or note, retire it, or take it up again."""
    found = items.find_item(session, item, lock=True)
    refuse_stale(if_match, found.version)
    items.change_item(
        session,
        actor,
        context.clock.now(),
        found,
        interval_days=given.interval_days,
        note=given.note,
        retired=given.retired,
    )
    return _answer(session, context, response, found)


@item_router.post("/{item}/tests", status_code=201)
def create_test(session: DbSession, context: AppContext, actor: Tests, item: Name, given: NewTest) -> TestShown:
    """It was tested: noted for good, signed for the operator who asks."""
    found = items.find_item(session, item, lock=True)
    done_at = begin_of(given.done_at, context.site.time_zone, "done_at") if given.done_at is not None else None
    test = testing.note_test(session, context, actor, found, given.result, given.note, done_at)
    return _tests(session, context, [test])[0]


@test_router.get("")
def list_tests(
    session: DbSession,
    context: AppContext,
    _actor: Reads,
    item: Annotated[str | None, Query(max_length=64)] = None,
    result: Literal["pass", "fail"] | None = None,
    after: Cursor = 0,
    limit: Limit = 100,
) -> Page[TestShown]:
    """Tests in the order in which they were noted; their signatures are checked."""
    query = select(DutyTest)
    if item is not None:
        query = query.where(DutyTest.item_id == items.find_item(session, item).id)
    if result is not None:
        query = query.where(DutyTest.result == result)
    rows, following = rows_after(session, query, col(DutyTest.id), after, limit)
    return Page(items=_tests(session, context, rows), next=following)


@test_router.get("/{test}")
def get_test(session: DbSession, context: AppContext, _actor: Reads, test: Name) -> TestShown:
    """One test."""
    return _tests(session, context, [testing.find_test(session, test)])[0]


@test_router.post("/{test}/countersign")
def countersign_test(session: DbSession, context: AppContext, actor: Tests, test: Name) -> TestShown:
    """A second person's signature under it."""
    found = testing.find_test(session, test)
    testing.countersign(session, context, actor, found)
    session.flush()
    return _tests(session, context, [found])[0]


def _answer(session: Session, context: Context, response: Response, item: DutyItem) -> ItemShown:
    session.flush()
    response.headers["ETag"] = etag(item.version)
    return _item(item, last_tests(session).get(item.id), context.clock.now())


def _item(row: DutyItem, last: DutyTest | None, now: datetime) -> ItemShown:
    late = overdue_of(row, last, now)
    return ItemShown(
        id=row.public_id,
        subject=row.subject,
        kind=row.kind,
        interval_days=row.interval_days,
        note=row.note,
        retired_at=row.retired_at,
        last_done_at=last.done_at if last is not None else None,
        last_result=last.result if last is not None else None,
        overdue_since=late.since if late is not None else None,
        overdue_because=late.why if late is not None else None,
        version=row.version,
    )


def _tests(session: Session, context: Context, rows: list[DutyTest]) -> list[TestShown]:
    of_items = select(DutyItem).where(col(DutyItem.id).in_({row.item_id for row in rows}))
    by_id = {item.id: item for item in session.exec(of_items).all()}
    seconds = testing.countersignature_of(session, [row.id for row in rows if row.id is not None])
    shown = []
    for row in rows:
        item, second = by_id[row.item_id], seconds.get(row.id or 0)
        shown.append(
            TestShown(
                id=row.public_id,
                item=item.public_id,
                subject=item.subject,
                kind=item.kind,
                result=row.result,
                note=row.note,
                done_at=row.done_at,
                recorded_at=row.recorded_at,
                by=row.by,
                by_name=row.by_name,
                evidence_seq=row.evidence_seq,
                content=row.content,
                kid=row.kid,
                signature=row.signature.hex(),
                holds=testing.signature_holds(context.keys, row, item),
                countersigned=None
                if second is None
                else SecondShown(
                    by=second.by,
                    by_name=second.by_name,
                    at=second.at,
                    kid=second.kid,
                    signature=second.signature.hex(),
                    holds=testing.countersignature_holds(context.keys, row, second),
                ),
            )
        )
    return shown
