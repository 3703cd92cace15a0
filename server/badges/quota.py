"""How much of the quota a customer has used (B2), for whoever applies, approves or issues."""

from collections.abc import Iterable
from typing import NamedTuple

from sqlmodel import Session, col, func, select

from server.badges.models import GONE, Application, Badge
from server.registry.models import QUOTAS, Customer, Holder


class Quota(NamedTuple):
    """``used`` of ``most`` places; ``asked``: open applications that would each take one more."""

    used: int
    most: int
    asked: int = 0

    @property
    def full(self) -> bool:
        """Whether no place is free."""
        return self.used >= self.most


def quotas_of(session: Session, customers: Iterable[Customer]) -> dict[int, Quota]:
    """The quota of each, by id. Every badge that is not deregistered holds its place, lost ones as well."""
    kinds = {row.id: row.kind for row in customers if row.id is not None}
    if not kinds:
        return {}
    live = select(Badge.customer_id, func.count()).where(
        col(Badge.customer_id).in_(kinds), col(Badge.status).not_in(GONE)
    )
    used = dict(session.exec(live.group_by(col(Badge.customer_id))).all())
    wanted = (
        select(Holder.customer_id, func.count())
        .join(Application, col(Application.holder_id) == Holder.id)
        .where(col(Holder.customer_id).in_(kinds), Application.status == "open", Application.kind == "new")
    )
    asked = dict(session.exec(wanted.group_by(col(Holder.customer_id))).all())
    return {number: Quota(used.get(number, 0), QUOTAS[kind], asked.get(number, 0)) for number, kind in kinds.items()}
