"""Which violations keep a badge suspended, for those who would give it back (R9)."""

from collections.abc import Sequence

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
    query = (
        select(Violation.public_id)
        .join(ViolationSuspension, col(ViolationSuspension.violation_id) == Violation.id)
        .join(Badge, col(Badge.id) == ViolationSuspension.badge_id)
        .where(Badge.holder_id == holder_id, col(ViolationSuspension.lifted_at).is_(None))
    )
    return list(dict.fromkeys(session.exec(query.order_by(col(ViolationSuspension.id))).all()))


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
