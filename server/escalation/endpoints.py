"""``/api/v1/escalations``: what was told by the second channel, to which channels, and a test of one (docs/escalation.md)."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Query
from pydantic import BaseModel, ConfigDict, StringConstraints
from sqlmodel import col, func, select

from server.escalation.models import EscalationDelivery
from server.ids import new_id
from server.ledger.models import LedgerAlarm
from server.operators.actor import Actor
from server.operators.audit import record
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.pages import MAX_ID, Limit, Page
from server.problems import Problem, not_found
from server.routes import AppContext, DbSession, api_router

router = api_router("/escalations", "escalation")

TESTS_WAITING = 5
State = Literal["waiting", "sent", "failed", "withdrawn"]


class ChannelShown(BaseModel):
    """A channel as configured. ``targets``: what its URLs are, without what is secret in them."""

    name: str
    after_s: float
    alarms: list[str]
    targets: list[str]


class EscalationShown(BaseModel):
    """One message. ``result``: waiting, sent, failed (given up), withdrawn (acknowledged before it could be sent). ``at``: when that was.
    ``next_try_at``: while it waits. ``problem``: why the last try failed."""

    id: int
    message: str
    channel: str
    alarm_id: int | None
    alarm: str | None
    subject: str | None
    why: str
    result: str
    made_at: datetime
    tries: int
    at: datetime | None
    next_try_at: datetime | None
    problem: str


class TestAsked(BaseModel):
    """Which channel."""

    model_config = ConfigDict(extra="forbid")

    channel: Annotated[str, StringConstraints(min_length=1, max_length=32)]


class TestAccepted(BaseModel):
    """The test's message; ``GET /escalations`` says what came of it."""

    id: int
    message: str


@router.get("")
def list_escalations(
    session: DbSession,
    _actor: Annotated[Actor, requires(Permission.ESCALATION_READ)],
    state: State | None = None,
    alarm_id: Annotated[int | None, Query(ge=0, le=2**31 - 1)] = None,
    before: Annotated[int, Query(ge=0, le=MAX_ID)] = 0,
    limit: Limit = 100,
) -> Page[EscalationShown]:
    """What was told, when, and what came of it, newest first; ``next``: the ``before`` of the following page."""
    query = (
        select(EscalationDelivery, LedgerAlarm.alarm, LedgerAlarm.subject)
        .join(LedgerAlarm, col(LedgerAlarm.id) == EscalationDelivery.alarm_id, isouter=True)
        .order_by(col(EscalationDelivery.id).desc())
        .limit(limit + 1)
    )
    if state is not None:
        query = query.where(EscalationDelivery.state == state)
    if alarm_id is not None:
        query = query.where(EscalationDelivery.alarm_id == alarm_id)
    if before:
        query = query.where(col(EscalationDelivery.id) < before)
    rows = session.exec(query).all()
    shown = [_shown(*row) for row in rows[:limit]]
    return Page(items=shown, next=shown[-1].id if len(rows) > limit else None)


@router.get("/channels")
def list_channels(
    context: AppContext, _actor: Annotated[Actor, requires(Permission.ESCALATION_READ)]
) -> list[ChannelShown]:
    """The channels of the server's configuration."""
    return [
        ChannelShown(
            name=channel.name,
            after_s=channel.after_s,
            alarms=sorted(channel.alarms),
            targets=[target.kind for target in channel.targets],
        )
        for channel in context.escalation
    ]


@router.post("/test", status_code=202)
def test_channel(
    session: DbSession,
    context: AppContext,
    actor: Annotated[Actor, requires(Permission.ESCALATION_TEST)],
    given: TestAsked,
) -> TestAccepted:
    """Send a test message through one channel."""
    if given.channel not in [channel.name for channel in context.escalation]:
        raise not_found("channel", "通道", given.channel, "channel")
    of_tests = select(func.count()).select_from(EscalationDelivery)
    waiting = session.exec(
        of_tests.where(EscalationDelivery.state == "waiting", EscalationDelivery.why == "test")
    ).one()
    if waiting >= TESTS_WAITING:
        raise Problem(
            429,
            "tests_waiting",
            f"{waiting} test messages wait to be sent already: GET /api/v1/escalations says why.",
            f"已有 {waiting} 条测试消息等待发送，原因见 GET /api/v1/escalations。",
        )
    now = context.clock.now()
    made = EscalationDelivery(
        public_id=new_id("esc", now),
        channel=given.channel,
        why="test",
        made_at=now,
        due_at=now,
        asked_by=actor.public_id,
    )
    session.add(made)
    session.flush()
    record(session, actor, now, "escalation.test", made.public_id, after={"channel": given.channel})
    assert made.id is not None
    return TestAccepted(id=made.id, message=made.public_id)


def _shown(row: EscalationDelivery, alarm: str | None, subject: str | None) -> EscalationShown:
    assert row.id is not None
    return EscalationShown(
        id=row.id,
        message=row.public_id,
        channel=row.channel,
        alarm_id=row.alarm_id,
        alarm=alarm,
        subject=subject,
        why=row.why,
        result=row.state,
        made_at=row.made_at,
        tries=row.tries,
        at=row.done_at,
        next_try_at=row.due_at if row.state == "waiting" else None,
        problem=row.problem,
    )
