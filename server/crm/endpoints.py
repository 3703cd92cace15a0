"""``/api/v1/registry``: the CRM's webhooks, fetching by hand, how the connection stands (docs/registry.md)."""

import json
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlmodel import col, func, select

from server.crm.connection import CrmConnection
from server.crm.hints import note_hint
from server.crm.models import CrmFetch, CrmState
from server.crm.signature import fault_of
from server.operators.actor import Actor
from server.operators.audit import record
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.problems import Problem, not_found
from server.routes import AppContext, DbSession, api_router

router = api_router("/registry", "registry")

FAULTS = {
    "malformed": (
        "The webhook's headers are not those of Standard Webhooks.",
        "Webhook 头部不符合 Standard Webhooks 规范。",
    ),
    "wrong_signature": ("The webhook's signature is wrong.", "Webhook 签名错误。"),
    "too_old": ("The webhook's timestamp is too old: send it again.", "Webhook 时间戳过旧，请重新发送。"),
    "too_new": ("The webhook's timestamp lies in the future: set the clocks.", "Webhook 时间戳在未来，请校准时钟。"),
}
ExternalId = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[\x21-\x7e]+$")]


class FetchAsked(BaseModel):
    """``customer``: its id at the CRM; left out: everything that changed there since the last look."""

    model_config = ConfigDict(extra="forbid")

    customer: ExternalId | None = None


class ConnectionShown(BaseModel):
    """How the connection to the CRM stands. ``problem`` empty: the last look went well."""

    name: str
    url: str
    webhooks: bool
    fetched_until: datetime | None
    last_at: datetime | None
    problem: str
    waiting: int
    retried: list[dict[str, Any]] = Field(
        description="fetches that failed and are tried again, the longest tried first: a customer whom the CRM answers 404 and who is not"
        " believed to be gone, too"
    )
    failed: list[dict[str, Any]] = Field(description="fetches that were given up, newest first")


async def raw_body(request: Request) -> bytes:
    """The body as it was signed."""
    return await request.body()


@router.post("/webhooks/{name}", status_code=202)
def hear_webhook(
    request: Request, session: DbSession, context: AppContext, name: str, body: Annotated[bytes, Depends(raw_body)]
) -> dict[str, Any]:
    """A Standard Webhooks message of the CRM: ``{"type": …, "data": {"customer": id there}}``. Its content is not believed, it is a
    hint to fetch; so an old, repeated or reordered one does no harm. ``heard``: false for a message that was heard before."""
    connection = context.crm
    if connection is None or connection.name != name or connection.secret is None:
        raise not_found("webhook", "Webhook", name[:64])
    headers = request.headers
    fault = fault_of(
        connection.secret,
        headers.get("webhook-id", ""),
        headers.get("webhook-timestamp", ""),
        headers.get("webhook-signature", ""),
        body,
        context.clock.now().timestamp(),
    )
    if fault is not None:
        text, text_zh = FAULTS[fault]
        raise Problem(401 if fault == "wrong_signature" else 400, f"webhook_{fault}", text, text_zh)
    return {"heard": note_hint(session, context.clock.now(), _customer_of(body), headers["webhook-id"])}


@router.post("/fetch", status_code=202)
def fetch(
    session: DbSession,
    context: AppContext,
    actor: Annotated[Actor, requires(Permission.REGISTRY_SYNC)],
    given: FetchAsked | None = None,
) -> dict[str, Any]:
    """Fetch one customer of the CRM, or all that changed there, now. The answer comes at once, the customer a moment later."""
    connection = _connection(context.crm)
    now = context.clock.now()
    customer = given.customer if given is not None else None
    if customer is not None:
        note_hint(session, now, customer, None)
    else:
        state = session.get(CrmState, connection.name) or CrmState(name=connection.name, due_at=now)
        state.due_at = now
        session.add(state)
    record(session, actor, now, "crm.fetch", connection.name, after={"customer": customer})
    return {"asked": customer or "all"}


@router.get("/connection")
def show_connection(
    session: DbSession,
    context: AppContext,
    _actor: Annotated[Actor, requires(Permission.REGISTRY_READ)],
    response: Response,
) -> ConnectionShown:
    """How the connection to the CRM stands: when it was last asked, what waits, what failed. 404 when none is configured."""
    connection = _connection(context.crm)
    response.headers["Cache-Control"] = "no-store"
    state = session.get(CrmState, connection.name)
    waiting = session.exec(select(func.count()).select_from(CrmFetch).where(CrmFetch.state == "waiting")).one()
    failed = session.exec(
        select(CrmFetch).where(CrmFetch.state == "failed").order_by(col(CrmFetch.id).desc()).limit(50)
    ).all()
    tried = select(CrmFetch).where(CrmFetch.state == "waiting", CrmFetch.tries > 0)
    retried = session.exec(tried.order_by(col(CrmFetch.id)).limit(50)).all()
    return ConnectionShown(
        name=connection.name,
        url=connection.url,
        webhooks=connection.secret is not None,
        fetched_until=state.fetched_until if state is not None else None,
        last_at=state.last_at if state is not None else None,
        problem=state.problem if state is not None else "",
        waiting=waiting,
        retried=[
            {"customer": row.external_id, "due_at": row.due_at, "tries": row.tries, "problem": row.problem}
            for row in retried
        ],
        failed=[
            {"customer": row.external_id, "at": row.done_at, "tries": row.tries, "problem": row.problem}
            for row in failed
        ],
    )


def _connection(connection: CrmConnection | None) -> CrmConnection:
    if connection is None or not connection.url:
        raise Problem(
            404,
            "no_crm",
            "No CRM is configured to be fetched from: set crm_name and crm_url (docs/registry.md).",
            "未配置可取数的 CRM：请设置 crm_name 和 crm_url（见 docs/registry.md）。",
        )
    return connection


def _customer_of(body: bytes) -> str:
    try:
        customer = json.loads(body)["data"]["customer"]
        if isinstance(customer, str) and 0 < len(customer) <= 64 and customer.isascii() and customer.isprintable():
            return customer
    except (ValueError, LookupError, TypeError, RecursionError):
        pass
    raise Problem(
        422,
        "invalid_input",
        'data.customer: the webhook must name a customer: {"type": "customer.updated", "data": {"customer": "id at the CRM"}}.',
        "data.customer：Webhook 须指明客户代码。",
        field="data.customer",
    )
