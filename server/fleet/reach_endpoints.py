"""``/api/v1``: where the last change of a badge or contract is in force (docs/interfaces.md)."""

from typing import Annotated, Any

from fastapi import Path
from sqlmodel import Session

from server.badges.lookup import find_badge
from server.context import Context
from server.fleet.reach import latest_change, reach_of
from server.operators.actor import Actor
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.problems import not_found
from server.registry.lookup import find_contract
from server.registry.models import RegistryChange
from server.routes import AppContext, DbSession, api_router

badges_router = api_router("/badges", "fleet")
contracts_router = api_router("/contracts", "fleet")
changes_router = api_router("/changes", "fleet")
ROUTERS = [badges_router, contracts_router, changes_router]

ChangeId = Annotated[int, Path(ge=0, le=2**63 - 1)]


@badges_router.get("/{badge}/reach")
def badge_reach(
    session: DbSession, context: AppContext, _actor: Annotated[Actor, requires(Permission.BADGE_READ)], badge: str
) -> dict[str, Any]:
    """Where the last change of this badge is in force, since when, and what is awaited."""
    return _show(session, context, "badge", find_badge(session, badge).id)


@contracts_router.get("/{contract}/reach")
def contract_reach(
    session: DbSession, context: AppContext, actor: Annotated[Actor, requires(Permission.REGISTRY_READ)], contract: str
) -> dict[str, Any]:
    """Where the last change of this contract is in force."""
    return _show(session, context, "contract", find_contract(session, contract, actor=actor).id)


@changes_router.get("/{change_id}/reach")
def change_reach(
    session: DbSession,
    context: AppContext,
    _actor: Annotated[Actor, requires(Permission.POLICY_READ)],
    change_id: ChangeId,
) -> dict[str, Any]:
    """Where one change is in force."""
    change = session.get(RegistryChange, change_id)
    if change is None:
        raise not_found("change", "变更", str(change_id))
    return reach_of(session, context.site, [change], context.clock.now())[0]


def _show(session: Session, context: Context, table: str, row_id: int | None) -> dict[str, Any]:
    change = latest_change(session, table, row_id or 0)
    if change is None:
        raise not_found("change", "变更", f"{table} {row_id}")
    return reach_of(session, context.site, [change], context.clock.now())[0]
