"""Which violations keep a badge suspended, for those who would give it back (R9)."""

from collections.abc import Collection, Sequence

from sqlmodel import Session, col, select

from server.badges.models import Badge
from server.problems import Problem
from server.shift.models import Violation, ViolationSuspension


def violations_of_badge(session: Session, badge_id: int | None) -> list[str]:
    """Public ids of the violations for which this badge stands suspended, oldest first."""
    query = (
        select(Violation.public_id)
        .join(ViolationSuspension, col(ViolationSuspension.violation_id) == Violation.id)
        .where(ViolationSuspension.badge_id == badge_id, col(ViolationSuspension.lifted_at).is_(None))
    )
    return list(session.exec(query.order_by(col(ViolationSuspension.id))).all())


def violations_of_holder(session: Session, holder_id: int | None) -> list[str]:
    """The same for all badges of a holder, gone ones included: a new badge would undo the suspension."""
    return violations_of_holders(session, [holder_id]).get(holder_id, [])


def violations_of_holders(session: Session, holder_ids: Collection[int | None]) -> dict[int | None, list[str]]:
    """The same by holder, by one query; who has none is left out."""
    query = (
        select(Badge.holder_id, Violation.public_id)
        .select_from(Violation)
        .join(ViolationSuspension, col(ViolationSuspension.violation_id) == Violation.id)
        .join(Badge, col(Badge.id) == ViolationSuspension.badge_id)
        .where(col(Badge.holder_id).in_(holder_ids), col(ViolationSuspension.lifted_at).is_(None))
    )
    found: dict[int | None, list[str]] = {}
    for holder_id, name in session.exec(query.order_by(col(ViolationSuspension.id))).all():
        of = found.setdefault(holder_id, [])
        if name not in of:
            of.append(name)
    return found


def refuse_suspended(names: Sequence[str], field: str | None = None) -> None:
    """Raise :class:`Problem` 409 ``BADGE_SUSPENDED``, naming the violations, if there are any."""
    if names:
        text = ", ".join(names)
        raise Problem(
            409,
            "BADGE_SUSPENDED",
            f"A badge of this holder is suspended for violation {text}: lift it there (POST /api/v1/violations/{{id}}/lift).",
            f"该持证人的出入证因违规 {text} 暂停：请在违规记录中解除。",
            field=field,
            extra={"violations": list(names), "rule": "R9"},
        )
