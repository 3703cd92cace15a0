"""Badges suspended from the record of a violation, and given back there (R9). The door says ``BADGE_SUSPENDED``; the badge's own history names the violation."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from server.badges.acts import activate_if_free, perform
from server.badges.lifecycle import Act as BadgeAct
from server.badges.lookup import find_badge, lock_badge
from server.badges.models import Badge
from server.operators.actor import Actor
from server.operators.permissions import Permission
from server.problems import Problem
from server.registry.validation import refused
from server.shift.models import Violation, ViolationSuspension
from server.shift.suspended_for import violations_of_badge

STOPPABLE = ("issued", "active", "suspended")


def suspend_badges(
    session: Session, actor: Actor, now: datetime, violation: Violation, names: Sequence[str] | None
) -> list[Badge]:
    """Suspend these badges of the holder or the customer; None: all that the holder has. Those that stand suspended for this violation already are left
    out of the answer. Raises :class:`Problem`."""
    found = []
    for badge_id in _wanted(session, violation, names):
        badge = lock_badge(session, badge_id)
        if badge.status not in STOPPABLE and names is None:
            continue  # given back, or lost, while we waited
        if violation.public_id in violations_of_badge(session, badge_id):
            continue
        perform(session, actor, now, badge, BadgeAct.SUSPEND, violation.public_id)
        assert violation.id is not None
        session.add(
            ViolationSuspension(
                violation_id=violation.id, badge_id=badge_id, suspended_at=now, suspended_by=actor.public_id
            )
        )
        session.flush()
        found.append(badge)
    return found


def lift_suspensions(
    session: Session, actor: Actor, now: datetime, violation: Violation, reason: str
) -> list[tuple[Badge, bool]]:
    """Lift all that stand for this violation; with each badge whether it was given back. It stays suspended while another violation or another reason keeps it so, or when it
    is lost or gone. Raises :class:`Problem` 403 without the permission to issue, 409 when nothing stands."""
    if not actor.may(Permission.BADGE_ISSUE):
        raise Problem(
            403,
            "not_permitted",
            f"Lifting a suspension takes the permission {Permission.BADGE_ISSUE.value}.",
            f"解除暂停需要权限 {Permission.BADGE_ISSUE.value}。",
        )
    standing = suspensions_of(session, [violation], standing=True).get(violation.id, [])
    if not standing:
        raise Problem(
            409,
            "nothing_suspended",
            f"No badge stands suspended for violation {violation.public_id}.",
            f"没有因违规 {violation.public_id} 暂停的出入证。",
        )
    lifted = []
    for badge_id in sorted(row.badge_id for row in standing):
        lock_badge(session, badge_id)  # before the rows: of two lifts at once the second finds nothing
    for row in standing:
        row.lifted_at, row.lifted_by = now, actor.public_id
        session.add(row)
        session.flush()
        badge = lock_badge(session, row.badge_id)
        lifted.append((badge, _give_back(session, actor, now, badge, violation, reason)))
    return lifted


def suspensions_of(
    session: Session, violations: Sequence[Violation], *, standing: bool = False
) -> dict[int | None, list[ViolationSuspension]]:
    """By violation; ``standing``: only those that were not lifted."""
    ids = [violation.id for violation in violations]
    query = select(ViolationSuspension).where(col(ViolationSuspension.violation_id).in_(ids))
    if standing:
        query = query.where(col(ViolationSuspension.lifted_at).is_(None))
    found: dict[int | None, list[ViolationSuspension]] = {}
    for row in session.exec(query.order_by(col(ViolationSuspension.id))).all() if ids else ():
        found.setdefault(row.violation_id, []).append(row)
    return found


def _give_back(session: Session, actor: Actor, now: datetime, badge: Badge, violation: Violation, reason: str) -> bool:
    if badge.status != "suspended":
        return False
    others = violations_of_badge(session, badge.id)
    if others or badge.status_reason != violation.public_id:
        if badge.status_reason == violation.public_id:  # the one that is left keeps it suspended from now on
            badge.status_reason = others[0]
            badge.version += 1
            badge.changed_by = actor.public_id
            session.add(badge)
            session.flush()
        return False
    perform(session, actor, now, badge, BadgeAct.RESUME, f"{violation.public_id}: {reason}")
    activate_if_free(session, actor, now, badge)
    return True


def _wanted(session: Session, violation: Violation, names: Sequence[str] | None) -> list[int]:
    if names is None:
        if violation.holder_id is None:
            raise refused(
                "badges",
                "badges: name the badges of the customer: this violation names no holder.",
                "badges：该违规未指明持证人，请填写要暂停的出入证。",
            )
        query = select(Badge).where(Badge.holder_id == violation.holder_id, col(Badge.status).in_(STOPPABLE))
        rows = list(session.exec(query).all())
        if not rows:
            raise Problem(
                409, "no_badge", "This holder has no badge that could be suspended.", "该持证人没有可暂停的出入证。",
                field="badges",
            )  # fmt: skip
    else:
        rows = [find_badge(session, name, "badges") for name in names]
        for badge in rows:
            own = badge.holder_id == violation.holder_id
            if not own and (badge.customer_id is None or badge.customer_id != violation.customer_id):
                raise refused(
                    "badges",
                    f"badges: {badge.number or badge.public_id} is neither the holder's nor the customer's.",
                    f"badges：{badge.number or badge.public_id} 不属于该持证人或该客户。",
                )
    return sorted({badge.id for badge in rows if badge.id is not None})
