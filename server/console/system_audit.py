"""The page of the audit log: who did what, when, to what, and what it was before (B9, C3, D1)."""

import json
import re
from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response

from server.console.pages import page
from server.console.system_words import SYSTEM_WORDS, act_words
from server.operators import audit_endpoints
from server.operators.actor import Actor
from server.operators.audit_endpoints import Sought
from server.operators.guard import requires
from server.operators.models import AuditEntry
from server.operators.permissions import Permission
from server.pages import MAX_ID
from server.problems import Problem
from server.routes import AppContext, DbSession, TransactionRoute

router = APIRouter(route_class=TransactionRoute, include_in_schema=False)

SHOWN = 50
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)")
PLACES = {
    "cus": ("/customers/{}", Permission.REGISTRY_READ),
    "bdg": ("/badges/{}", Permission.BADGE_READ),
    "apl": ("/applications/{}", Permission.APPLICATION_READ),
    "pmt": ("/permits/{}", Permission.PERMIT_READ),
    "vst": ("/visits/{}", Permission.PERMIT_READ),
    "emg": ("/emergencies/{}", Permission.PERMIT_READ),
    "vio": ("/violations/{}", Permission.VIOLATION_READ),
    "slp": ("/equipment/slips/{}", Permission.SLIP_READ),
    "wko": ("/equipment/orders/{}", Permission.ORDER_READ),
    "hov": ("/handover/{}", Permission.HANDOVER_READ),
    "mky": ("/system/keys/{}", Permission.KEY_READ),
    "dut": ("/system/duties/{}", Permission.DUTY_READ),
}
"""Prefix of a public id → the page of the thing, and who may open it."""

Text = Annotated[str, Query(max_length=200)]
Before = Annotated[int, Query(ge=0, le=MAX_ID)]


@router.get("/system/audit")
def audit_page(
    request: Request,
    session: DbSession,
    context: AppContext,
    actor: Annotated[Actor, requires(Permission.AUDIT_READ)],
    who: Text = "",
    act: Text = "",
    subject: Text = "",
    from_: Annotated[str, Query(alias="from", max_length=40)] = "",
    until: Text = "",
    before: Before = 0,
) -> Response:
    """Newest first, each act in words with its code, and what differs between before and after."""
    given = {
        "who": who.strip(),
        "act": act.strip(),
        "subject": subject.strip(),
        "from": from_.strip(),
        "until": until.strip(),
    }
    asked = {name: value for name, value in given.items() if value}
    sought = Sought(
        subject=asked.get("subject"), actor=asked.get("who"), act=asked.get("act"), from_=asked.get("from"),
        until=asked.get("until"),
    )  # fmt: skip
    problem = None
    rows: Sequence[AuditEntry] = ()
    following = None
    try:
        rows, following = audit_endpoints.entries(session, context, sought, before, SHOWN, newest_first=True)
    except Problem as refusal:
        problem = refusal
    api = {"actor" if name == "who" else name: value for name, value in asked.items()}
    return page(
        request, session, context, actor, "system-audit.html", "system", tab="audit", given=given, problem=problem,
        asked=urlencode(asked), api=urlencode(api), following=following, before=before,
        nouns=sorted(SYSTEM_WORDS["audit_noun"]), is_moment=is_moment, items=[_item(row, actor) for row in rows],
    )  # fmt: skip


def _item(row: AuditEntry, actor: Actor) -> dict[str, Any]:
    noun, _, verb = row.act.partition(".")
    return {
        "id": row.id,
        "at": row.at,
        "actor": row.actor,
        "name": row.actor_name,
        "act": row.act,
        "words": act_words(row.act),
        "noun": noun,
        "verb": verb,
        "subject": row.subject,
        "place": _place(row.subject, actor),
        "changes": difference(row.before, row.after),
        "changed": row.before is not None,
        "address": row.address,
    }


def is_moment(text: str | None) -> bool:
    """Whether a value is a time as the log keeps it."""
    return text is not None and MOMENT.fullmatch(text) is not None


def difference(before: dict[str, Any] | None, after: dict[str, Any] | None) -> list[tuple[str, str | None, str | None]]:
    """What differs: (field, before, after) in the order of the fields, as text; None: there was, or is, no such field. Fields of fields are named with dots.
    With one side only: everything of it that is not empty."""
    was, now = _flat(before or {}), _flat(after or {})
    if before is None or after is None:
        return [(name, was.get(name), now.get(name)) for name in (*was, *now) if was.get(name) or now.get(name)]
    names = [*was, *(name for name in now if name not in was)]
    return [(name, was.get(name), now.get(name)) for name in names if was.get(name) != now.get(name)]


def _flat(kept: dict[str, Any], within: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in kept.items():
        if isinstance(value, dict) and value:
            found |= _flat(value, f"{within}{name}.")
        else:
            found[within + name] = _text(value)
    return found


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(one, str | int) for one in value):
        return ", ".join(str(one) for one in value)
    return json.dumps(value, ensure_ascii=False)


def _place(subject: str, actor: Actor) -> str | None:
    found = PLACES.get(subject.partition("_")[0])
    return found[0].format(subject) if found is not None and "_" in subject and actor.may(found[1]) else None
