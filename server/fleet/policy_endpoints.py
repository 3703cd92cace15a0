"""``/api/v1/policies``: each edge's version, size, receipt and what is not compiled yet (docs/interfaces.md)."""

from typing import Annotated, Any

from fastapi import Query, Response
from sqlmodel import Session, col, select

from controller.policy import Version, encode_policy
from server.fleet.goods_models import GoodsChange
from server.fleet.lookup import find_edge
from server.fleet.models import Edge, PolicyVersion
from server.fleet.versions import Kept, load_book
from server.operators.actor import Actor
from server.operators.audit import record
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.pages import MAX_ID
from server.problems import not_found
from server.registry.changes import has_open_changes
from server.rfc3339 import rfc3339
from server.routes import AppContext, DbSession, api_router

policies_router = api_router("/policies", "fleet")
policy_router = api_router("/policy", "fleet")
ROUTERS = [policies_router, policy_router]

ReadsPolicies = Annotated[Actor, requires(Permission.POLICY_READ)]
VERSIONS_SHOWN = 20


@policies_router.get("")
def list_policies(session: DbSession, _actor: ReadsPolicies) -> dict[str, Any]:
    """Every enrolled edge's policy. ``pending``: a change is not compiled yet."""
    pending = _pending(session)
    edges = session.exec(select(Edge).where(col(Edge.public_key).is_not(None)).order_by(col(Edge.name))).all()
    return {"items": [_show(session, edge, pending) for edge in edges]}


@policies_router.get("/{edge}")
def one_policy(session: DbSession, _actor: ReadsPolicies, edge: str) -> dict[str, Any]:
    """One edge's policy, with its latest versions."""
    found = find_edge(session, edge)
    assert found.id is not None
    rows = _newest(session, found.id, VERSIONS_SHOWN)
    made = [
        {"version": [row.epoch, row.n], "digest": row.digest, "size": row.size, "made_at": rfc3339(row.made_us)}
        for row in rows
    ]
    return _show(session, found, _pending(session)) | {"versions": made}


@policies_router.get("/{edge}/snapshot")
def snapshot(
    context: AppContext,
    actor: Annotated[Actor, requires(Permission.LEDGER_EXPORT)],
    edge: str,
    epoch: Annotated[int | None, Query(ge=0, le=MAX_ID)] = None,
    n: Annotated[int | None, Query(ge=0, le=MAX_ID)] = None,
) -> Response:
    """One version of an edge's policy, whole, in its canonical bytes; the newest, or the newest with this ``epoch`` and ``n``. It goes
    with the ledger's export, for ``menjin replay``: who may have one may have the other."""
    with context.database.read() as session:
        found = find_edge(session, edge)
        assert found.id is not None
        edge_id = found.id
        query = select(PolicyVersion).where(PolicyVersion.edge_id == edge_id)
        for column, wanted in ((PolicyVersion.epoch, epoch), (PolicyVersion.n, n)):
            if wanted is not None:
                query = query.where(column == wanted)
        row = session.exec(query.order_by(col(PolicyVersion.epoch).desc(), col(PolicyVersion.n).desc())).first()
        if row is None:
            asked = ".".join(str(part) for part in (epoch, n) if part is not None)
            raise not_found("policy", "策略", f"{edge} {asked}".strip())
        kept = Kept(Version(row.epoch, row.n), row.digest, row.size)
        canonical = encode_policy(load_book(session.connection(), edge_id, kept).policy(kept.version))
    with context.database.write() as session:
        version = {"version": [kept.version.epoch, kept.version.n]}
        record(session, actor, context.clock.now(), "policy.export", edge, after=version)
    return Response(canonical, media_type="application/json", headers={"X-Policy-Digest": kept.digest})


@policy_router.get("/current")
def current_policy(
    session: DbSession, _actor: ReadsPolicies, edge: Annotated[str, Query(max_length=64)]
) -> dict[str, Any]:
    """As ``/policies/{edge}``, without the earlier versions."""
    return _show(session, find_edge(session, edge), _pending(session))


def current_version(session: Session, edge_id: int) -> tuple[int, int, str] | None:
    """Epoch, n and digest of an edge's newest policy."""
    rows = _newest(session, edge_id, 1)
    return (rows[0].epoch, rows[0].n, rows[0].digest) if rows else None


def _newest(session: Session, edge_id: int, limit: int) -> list[Any]:
    query = (
        select(
            PolicyVersion.epoch,
            PolicyVersion.n,
            PolicyVersion.digest,
            PolicyVersion.size,  # type: ignore[call-overload] # SQLModel types up to four columns
            PolicyVersion.made_us,
        )
        .where(PolicyVersion.edge_id == edge_id)
        .order_by(col(PolicyVersion.epoch).desc(), col(PolicyVersion.n).desc())
        .limit(limit)
    )
    return list(session.exec(query).all())


def _pending(session: Session) -> bool:
    """Whether any change, of people or of equipment, is in no policy yet."""
    return has_open_changes(session.connection()) or session.exec(select(GoodsChange.id).limit(1)).first() is not None


def _show(session: Session, edge: Edge, pending: bool) -> dict[str, Any]:
    assert edge.id is not None
    rows = _newest(session, edge.id, 1)
    newest = rows[0] if rows else None
    receipt = None
    if edge.received_policy_n:
        receipt = {
            "version": [edge.received_policy_epoch, edge.received_policy_n],
            "digest": edge.received_policy_digest,
            "at": rfc3339(edge.received_policy_at_us),
        }
    received = (edge.received_policy_epoch, edge.received_policy_n, edge.received_policy_digest)
    return {
        "edge": edge.name,
        "version": [newest.epoch, newest.n] if newest is not None else None,
        "digest": newest.digest if newest is not None else None,
        "size": newest.size if newest is not None else None,
        "made_at": rfc3339(newest.made_us) if newest is not None else None,
        "pending": pending,
        "receipt": receipt,
        "current": newest is not None and received == (newest.epoch, newest.n, newest.digest),
        "revoked": edge.revoked_at is not None,
    }
