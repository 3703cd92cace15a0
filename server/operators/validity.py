"""Whether those who were let in earlier would still be: one query for all open streams (D1)."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlmodel import Session, col, or_, select

from server.operators.actor import Actor
from server.operators.models import ApiToken, Operator, OperatorSession, TotpRole


def no_longer_valid(session: Session, actors: Iterable[Actor], now: datetime, max_age_days: int) -> set[Actor]:
    """Those whose session or token has ended, whose account is closed or changed its role, whose password is due, or who lacks
    the second factor that the role demands by now."""
    actors = set(actors)
    sessions = {actor.session for actor in actors if actor.session is not None}
    tokens = {actor.public_id for actor in actors if actor.kind == "token"}
    roles: dict[str, str] = {}
    if sessions:
        query = (
            select(OperatorSession.public_id, Operator.role)
            .join(Operator, col(Operator.id) == col(OperatorSession.operator_id))
            .where(col(OperatorSession.public_id).in_(sessions), col(OperatorSession.expires_at) > now)
            .where(col(Operator.disabled).is_(False), col(Operator.must_change).is_(False))
            .where(or_(col(Operator.closes_at).is_(None), col(Operator.closes_at) > now))
            .where(or_(col(Operator.totp_since).is_not(None), col(Operator.role).not_in(select(TotpRole.role))))
        )
        if max_age_days > 0:
            query = query.where(col(Operator.password_changed_at) > now - timedelta(days=max_age_days))
        roles.update(session.exec(query).all())
    if tokens:
        lasting = or_(col(ApiToken.expires_at).is_(None), col(ApiToken.expires_at) > now)
        over = select(Operator.public_id).where(col(Operator.closes_at) <= now)
        answered = or_(col(ApiToken.made_by).is_(None), col(ApiToken.made_by).not_in(over))
        alive = select(ApiToken.public_id, ApiToken.role).where(
            col(ApiToken.public_id).in_(tokens), col(ApiToken.revoked_at).is_(None), lasting, answered
        )
        roles.update(session.exec(alive).all())
    return {actor for actor in actors if roles.get(actor.session or actor.public_id) != actor.role}
