"""The counter by which a change of the registry asks the fleet for new policies.

Whoever changes what a policy is compiled from calls :func:`touch_policy` in the same transaction. The fleet's periodic
work compares :func:`policy_demand` with the number it compiled last: nothing is lost by a crash between the two.
"""

from sqlalchemy import update
from sqlmodel import Field, Session, select

from server.db.model import Model


class PolicyDemand(Model, table=True):
    """One row, id 1. ``n`` rises with every change that policies must follow."""

    __tablename__ = "policy_demand"

    id: int = Field(default=1, primary_key=True)
    n: int = 0


def touch_policy(session: Session) -> None:
    """Ask for new policies, within the caller's transaction."""
    changed = session.connection().execute(
        update(PolicyDemand).where(PolicyDemand.id == 1).values(n=PolicyDemand.n + 1)  # type: ignore[arg-type]
    )
    if changed.rowcount == 0:
        session.add(PolicyDemand(id=1, n=1))
        session.flush()


def policy_demand(session: Session) -> int:
    """How many changes have asked for a policy so far."""
    return session.exec(select(PolicyDemand.n)).first() or 0
