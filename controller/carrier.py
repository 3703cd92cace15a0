"""Who carries devices out on a slip (E4, E5, E8, MEANINGS 24; docs/goods.md, Scans)."""

from controller.access import Denied, decide
from controller.answers import case_of, member_of
from controller.event_base import Explanation
from controller.events import AccessPending
from controller.group import Member
from controller.index import Point, PolicyIndex
from controller.pairing import prompts
from controller.policy import Badge, ExitSlip
from controller.reasons import Reason, because
from controller.state import Check
from controller.turn import Turn


def may_carry(slip: ExitSlip, badge: Badge) -> bool:
    """Whether the slip names this holder; with none named a holder of its customer, for the site's own devices own staff. A repair always names them."""
    if slip.carriers:
        return badge.holder in slip.carriers
    if slip.kind == "repair":
        return False
    if slip.kind == "site" or slip.customer is None:
        return badge.kind == "staff"
    return badge.customer == slip.customer


def carrier_among_waiting(turn: Turn, index: PolicyIndex, point: Point, slip: ExitSlip) -> Member | Explanation:
    """Of those who were prompted at this way out and are not forgotten, the latest who may carry; else why there is none."""
    waiting = [one.pending for one in prompts(turn, point) if one.pending.badge]
    if not waiting:
        return because(Reason.CARRIER_REQUIRED, slip=slip.number)
    irregular: Explanation | None = None
    for asked in reversed(waiting):
        badge = _badge_of(index, asked)
        if badge is not None and may_carry(slip, badge):
            found = regular(turn, index, point, badge)
            if isinstance(found, Member):
                return found
            irregular = irregular or found
    return irregular or because(
        Reason.NOT_A_NAMED_CARRIER, "E8" if slip.kind == "site" else "", number=waiting[-1].number, slip=slip.number
    )


def carrier_of(turn: Turn, index: PolicyIndex, point: Point, check: Check, slip: ExitSlip) -> Member | None:
    """The carrier of a check that runs, judged again; None who may not carry any more."""
    begun = check.started
    badge = index.badge(begun.badge)
    if badge is None or badge.holder != begun.holder or not may_carry(slip, badge):
        return None
    found = regular(turn, index, point, badge)
    return found if isinstance(found, Member) else None


def regular(turn: Turn, index: PolicyIndex, point: Point, badge: Badge) -> Member | Explanation:
    """Who leaves here without raising an alarm; else what makes it irregular."""
    decision = decide(case_of(turn, index, point, badge))
    if isinstance(decision, Denied):
        return decision.because
    member = member_of(turn, index, point, badge, decision)
    if decision.irregular is not None:
        return decision.irregular
    if member.alarms:
        return because(Reason.ANTI_PASSBACK, number=badge.number, area=point.area)
    return member


def _badge_of(index: PolicyIndex, asked: AccessPending) -> Badge | None:
    """The badge that was read; none where it has passed to somebody else meanwhile, who did not tap (B5)."""
    badge = index.badge(asked.badge)
    return badge if badge is not None and badge.holder == asked.holder else None
