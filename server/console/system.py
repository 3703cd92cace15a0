"""The pages of the edges and of the server itself: what each can promise now, and what to do where it cannot (MEANINGS 17-19, 28, 29)."""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from sqlmodel import Session, col, select

from server.console.language import language_of
from server.console.pages import page, renderer_of
from server.console.system_words import SYSTEM_WORDS
from server.context import Context
from server.db.clock import from_us, to_us
from server.fleet import endpoints, policy_endpoints
from server.fleet.guarantees import STUCK, UNSUPERVISED, is_decided
from server.fleet.models import Edge, EdgeCommand
from server.fleet.status import SILENT_US
from server.health import server_state
from server.ledger import alarm_reading, reading
from server.ledger.alarm_reading import Sought
from server.ledger.models import LedgerJournal
from server.operators.actor import Actor
from server.operators.guard import requires
from server.operators.models import ApiToken, Operator
from server.operators.permissions import Permission
from server.routes import AppContext, DbSession, TransactionRoute

router = APIRouter(route_class=TransactionRoute, include_in_schema=False)

Reads = Annotated[Actor, requires(Permission.FLEET_READ)]
COMMANDS, PAST_ALARMS, UNREAD = 30, 15, 50
"""So many on an edge's page; the API has them all."""
QUOTED = re.compile(r"'([^']*)'")
STEADY_OFFSET_US = 2_000_000
"""A clock further off than this is shown in red: schedules and validity are judged by it."""


@router.get("/system")
def system_page(request: Request, session: DbSession, context: AppContext, actor: Reads) -> Response:
    """Every edge, the worst first, and the server."""
    edges = [shown_edge(session, context, actor, row) for row in _edges(session)]
    edges.sort(key=lambda one: (one["revoked_at"] is not None, one["fine"], one["name"]))
    roster = actor.may(Permission.ROSTER_EXPORT)
    return page(
        request, session, context, actor, "system.html", "system", tab="edges", edges=edges,
        server=server_state(session, context, actor), roster=roster,
        unknown=[one for one in endpoints.refused_messages(session, actor)["items"] if not one["edge"]],
    )  # fmt: skip


@router.get("/system/edges/{name}")
def edge_page(request: Request, session: DbSession, context: AppContext, actor: Reads, name: str) -> Response:
    """One edge: what it can promise, its doors and devices, policies, commands, what was refused or lost, and what can be done."""
    whole = endpoints.one_edge(session, context, actor, name)
    row = session.exec(select(Edge).where(Edge.name == name)).one()
    assert row.id is not None
    one = shown_edge(session, context, actor, row) | whole
    wired = [door for door in context.site.doors if door.edge == name or door.id in whole["reported"].get("doors", {})]
    policy = policy_endpoints.one_policy(session, actor, name) if actor.may(Permission.POLICY_READ) else None
    warnings = whole["reported"].get("warnings", [])
    return page(
        request, session, context, actor, "system-edge.html", "system", tab="edges", one=one, policy=policy,
        doors=_doors(context, [door.id for door in wired], whole["reported"].get("doors", {})),
        points=[point for point in context.site.access_points if point.door in {door.id for door in wired}],
        unsupervised=_unsupervised(warnings), warnings=[text for text in warnings if not is_decided(text)],
        commands=_commands(request, session, row.id) if actor.may(Permission.COMMAND_READ) else None,
        alarms=alarm_reading.alarms(session, context.site, sought=Sought(edge_id=row.id)),
        past=alarm_reading.alarms(session, sought=Sought(edge_id=row.id, state="cleared"), limit=PAST_ALARMS),
        unread=[item for item in reading.quarantined(session, 0, 1_000) if item["edge"] == name][:UNREAD],
        lost=[item for item in reading.lost_ranges(session) if item["edge"] == name], journals=_journals(session, row.id),
    )  # fmt: skip


def shown_edge(session: Session, context: Context, actor: Actor, row: Edge) -> dict[str, Any]:
    """An edge as the API shows it, with what the pages say beside: ``linked``, ``fine``, ``pace`` of its leases, and whose turn the policy is."""
    now_us = to_us(context.clock.now())
    one = endpoints.show_edge(session, row, now_us)
    heard = row.last_seen_us is not None and now_us - row.last_seen_us <= SILENT_US
    details = json.loads(row.status)
    elapsed_s = (now_us - (row.last_seen_us or now_us)) // 1_000_000
    asked = policy_endpoints.current_policy(session, actor, row.name) if actor.may(Permission.POLICY_READ) else None
    wanting = [guarantee for guarantee in one["guarantees"] if not guarantee["holds"]]
    known = one["enrolled"] and one["revoked_at"] is None
    return one | {
        "linked": row.online and heard,
        "wanting": wanting if known else [],
        "fine": known and not wanting,
        "offset_bad": abs(row.clock_offset_us or 0) > STEADY_OFFSET_US,
        "leases": {kind: max(left - elapsed_s, 0) for kind, left in details.get("lease_left_s", {}).items()},
        "asked": asked,
        "awaited_since": asked["made_at"] if asked is not None and asked["version"] and not asked["current"] else None,
        "devices": reading.devices(session, row.id or 0),
        "stuck": [text.removeprefix("door ").removesuffix(STUCK) for text in details.get("warnings", []) if text.endswith(STUCK)],
        "unsupervised": _unsupervised(details.get("warnings", [])),
    }  # fmt: skip


def _edges(session: Session) -> Sequence[Edge]:
    return session.exec(select(Edge).order_by(col(Edge.name))).all()


def _unsupervised(warnings: Iterable[str]) -> list[tuple[str, str]]:
    """The inputs that an edge names in its warning: what each is (as the vocabulary has it), and its door, zone, area or cabinet."""
    found = [text.removeprefix(UNSUPERVISED) for text in warnings if text.startswith(UNSUPERVISED)]
    return [_input(name) for name in found[0].split(", ")] if found else []


def _input(name: str) -> tuple[str, str]:
    quoted = QUOTED.search(name)
    place = quoted[1] if quoted is not None else ""
    for kind in SYSTEM_WORDS["input_line"]:
        if name.startswith(kind) or name.endswith(f" {kind}"):
            return kind, place
    return name, ""


def _doors(context: Context, names: list[str], reported: dict[str, dict[str, str]]) -> list[dict[str, Any]]:
    """Each door as its edge said last. ``stuck``: it may stay unlocked if the edge dies mid-pulse, by decision (MEANINGS 28)."""
    known = {door.id for door in context.site.doors}
    found = []
    for name in [*names, *sorted(reported.keys() - known)]:
        facts = reported.get(name, {})
        stuck = facts.get("fail") == "secure" and facts.get("relock_by") == "edge"
        found.append({"door": name, "said": bool(facts), "stuck": stuck, "known": name in known} | facts)
    return found


def _commands(request: Request, session: Session, edge_id: int) -> list[dict[str, Any]]:
    """The latest commands to an edge, by whom, and what came of them."""
    query = select(EdgeCommand).where(EdgeCommand.edge_id == edge_id).order_by(col(EdgeCommand.id).desc())
    rows = session.exec(query.limit(COMMANDS)).all()
    names = names_of(session, {row.operator for row in rows})
    renderer, language = renderer_of(request), language_of(request)
    shown = []
    for row in rows:
        given = json.loads(row.command)
        because = json.loads(row.because) if row.because is not None else None
        about = next((given[key] for key in ("door", "access_point", "area", "subject", "zone") if given.get(key)), "")
        shown.append(
            {
                "id": row.public_id,
                "name": row.name,
                "about": about,
                "point": "access_point" in given,
                "reason": given.get("reason") or given.get("note") or "",
                "by": names.get(row.operator, row.operator),
                "state": row.state,
                "said": renderer.remedy(because, language) if because else "",
                "at": from_us(row.asked_us),
                "took_ms": (row.answered_us - row.asked_us) // 1_000 if row.answered_us is not None else None,
            }
        )
    return shown


def _journals(session: Session, edge_id: int) -> Sequence[LedgerJournal]:
    """The journals that an edge ever sent; a ``branch`` above 0 is the other history after a fork."""
    return session.exec(
        select(LedgerJournal).where(LedgerJournal.edge_id == edge_id).order_by(col(LedgerJournal.id).desc())
    ).all()


def names_of(session: Session, ids: set[str]) -> dict[str, str]:
    """Names of operators and tokens by public id."""
    found: dict[str, str] = {}
    for model in (Operator, ApiToken):
        found |= dict(session.exec(select(model.public_id, model.name).where(col(model.public_id).in_(ids))).all())
    return found
