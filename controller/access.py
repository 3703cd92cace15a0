"""Whether a badge may pass an access point: one ordered, numbered list of small rules; the first refusal wins (MEANINGS 3).

The order: what makes the read itself worthless; what the card says about itself; who it belongs to; whether that
person may be here; whether they may be here now; and last what is the edge's own trouble, so that a person who may not enter anyway
is told the reason that will still hold tomorrow. ``docs/rules.md`` is made from ``RULES``.

On a way out only the rules marked ``refuse`` refuse; the others grant the exit and raise their alarm, or say nothing (MEANINGS 8).
"""

from collections.abc import Callable
from itertools import combinations
from typing import Literal

import msgspec

from controller.anti_passback import inside_already
from controller.event_base import Explanation
from controller.index import TRAITS, Point, PolicyIndex
from controller.lease import AcceptedLease, lets_in
from controller.policy import Badge, Customer
from controller.reasons import Reason, because
from controller.state import Presence

NOBODY = Badge(
    id=0, credential=b"", number="", kind="customer", status="revoked", holder=0, customer=None, grant=0, until_us=0
)
"""Stands for the badge of a credential that the policy does not know."""


class Case(msgspec.Struct, frozen=True, gc=False):
    """All that a decision depends on. ``wall_us`` is not below the journal's high-water mark. ``gas_zone``: the zone in discharge
    behind this door, or empty. ``badge`` NOBODY: the credential is not in the policy. ``refused``: what the reader found wrong.
    ``presence``: where the holder is listed. ``released``: fire released the door, which suspends anti-passback and lockdown (MEANINGS
    27). ``locked_down``: the area, or empty for the site, whose lockdown keeps this person out, else None. ``vouched``: a supervisor
    stands for the permission (MEANINGS 21)."""

    index: PolicyIndex
    point: Point
    badge: Badge
    customer: Customer | None
    technology: str
    authenticated: bool
    refused: Literal["", "not_authenticated", "two_cards"]
    read_age_us: int
    wall_us: int
    wall_trusted: bool
    journal_available: bool
    gas_zone: str
    lease: AcceptedLease | None
    lease_age_us: int
    presence: Presence | None = None
    released: bool = False
    locked_down: str | None = None
    vouched: bool = False


class Granted(msgspec.Struct, frozen=True, gc=False):
    """May pass. ``irregular``: on a way out, the refusal that an entry would have got, and the alarm that it raises."""

    because: Explanation
    alarm: Literal["", "OVERSTAY", "EXIT_IRREGULAR"] = ""
    irregular: Explanation | None = None


class Denied(msgspec.Struct, frozen=True, gc=False):
    """May not pass."""

    because: Explanation


Decision = Granted | Denied

Check = Callable[[Case], Explanation | None]
OnWayOut = Literal["refuse", "alarm", "ignore"]


def late_read(case: Case) -> Explanation | None:
    """The read is older than ``late_read_s``, or claims to come from the future."""
    limit = case.index.late_read_us
    if -limit <= case.read_age_us <= limit:
        return None
    return because(Reason.LATE_READ, late_ms=case.read_age_us // 1_000)


def refused_card(case: Case) -> Explanation | None:
    """The reader found two cards, or a card that did not prove its key."""
    if not case.refused:
        return None
    reason = Reason.TWO_CARDS if case.refused == "two_cards" else Reason.NOT_AUTHENTICATED
    return because(reason, technology=case.technology)


def unknown_badge(case: Case) -> Explanation | None:
    """The credential is not in the policy: default deny."""
    return because(Reason.UNKNOWN_BADGE, technology=case.technology) if case.badge is NOBODY else None


def lost_badge(case: Case) -> Explanation | None:
    """The badge is reported lost: it opens nothing, not even a way out, and raises BADGE_LOST."""
    badge = case.badge
    return because(Reason.BADGE_LOST, number=badge.number) if badge.status == "lost" else None


def bare_number(case: Case) -> Explanation | None:
    """The area wants a card that proves a key; this one only states a number (MEANINGS 30)."""
    if case.authenticated or not case.point.authenticated_only:
        return None
    return because(Reason.NOT_AUTHENTICATED, technology=case.technology)


def badge_status(case: Case) -> Explanation | None:
    """The badge is deregistered, suspended, not active yet, or was ended at the desk."""
    badge = case.badge
    if badge.status == "active":
        return None
    if badge.status == "revoked":
        return because(Reason.BADGE_REVOKED, number=badge.number)
    if badge.status == "suspended":
        return because(Reason.BADGE_SUSPENDED, number=badge.number)
    if badge.status == "expired":
        return because(Reason.BADGE_EXPIRED, number=badge.number, until_us=badge.until_us)
    return because(Reason.BADGE_NOT_ACTIVE, number=badge.number)


def quota_slot(case: Case) -> Explanation | None:
    """The badge holds no valid place in its customer's quota (MEANINGS 5)."""
    badge = case.badge
    cause = case.index.fault_of_place(badge)
    return None if cause is None else because(Reason.QUOTA_SLOT_INVALID, number=badge.number, cause=cause)


def contract(case: Case) -> Explanation | None:
    """The customer's contract has ended or is suspended; by its own end date too, with no word from the server (B6)."""
    badge = case.badge
    if badge.kind != "customer":
        return None
    customer = case.customer
    if customer is None or customer.status == "ended" or customer.until_us <= case.wall_us:
        return because(Reason.CONTRACT_ENDED, customer=customer.code if customer else "?", area=case.point.area)
    if customer.status == "suspended":
        return because(Reason.CONTRACT_SUSPENDED, customer=customer.code)
    return None


def untrusted_time(case: Case) -> Explanation | None:
    """No time source has vouched for the clock since boot: only staff may enter (MEANINGS 19)."""
    badge = case.badge
    if case.wall_trusted or badge.kind == "staff":
        return None
    return because(Reason.TIME_UNTRUSTED, kind=badge.kind)


def badge_validity(case: Case) -> Explanation | None:
    """Now is not within the badge's [from, until)."""
    badge = case.badge
    if badge.from_us <= case.wall_us < badge.until_us:
        return None
    if case.wall_us < badge.from_us:
        return because(Reason.BADGE_NOT_YET_VALID, number=badge.number, from_us=badge.from_us)
    return because(Reason.BADGE_EXPIRED, number=badge.number, until_us=badge.until_us)


def cage(case: Case) -> Explanation | None:
    """The area is another customer's (R7). Own staff need their permission by name like everywhere."""
    owners = case.point.customers
    if not owners or case.badge.kind == "staff":
        return None
    if case.customer is not None and case.customer.code in owners:
        return None
    return because(Reason.NO_PERMISSION, "R7", number=case.badge.number, area=case.point.area)


def permission(case: Case) -> Explanation | None:
    """No grant names the area for now: never did, not yet, or its contract or permit has ended; or not at this hour."""
    point = case.point
    if point.public or case.vouched:
        return None
    badge = case.badge
    index, wall_us = case.index, case.wall_us
    ended = False
    closed_by: str | None = None
    granted = index.areas_of_grant.get(badge.grant)
    for entry in () if granted is None else granted.get(point.area, ()):
        if wall_us >= entry.until_us:
            ended = True
        elif wall_us >= entry.from_us:
            if entry.schedule is None or index.calendar.allows(entry.schedule, wall_us):
                return None
            closed_by = entry.schedule
    if closed_by is not None:
        return because(Reason.OUTSIDE_SCHEDULE, area=point.area, schedule=closed_by)
    if ended and badge.kind == "customer":
        return because(Reason.CONTRACT_ENDED, customer=case.customer.code if case.customer else "?", area=point.area)
    if ended and badge.kind == "temporary":
        return because(Reason.OUTSIDE_PERMIT_WINDOW, number=badge.number, area=point.area)
    return because(Reason.NO_PERMISSION, number=badge.number, area=point.area)


def area_closed(case: Case) -> Explanation | None:
    """The area, or one that it lies in, is closed, for good or for now."""
    point = case.point
    if point.closed_area:
        return because(Reason.AREA_CLOSED, area=point.closed_area)
    for from_us, until_us, area in point.closures:
        if from_us <= case.wall_us < until_us:
            return because(Reason.AREA_CLOSED, area=area)
    return None


def lockdown(case: Case) -> Explanation | None:
    """The area, or the site, is locked down, and the area does not let this kind of person pass (MEANINGS 22)."""
    if case.locked_down is None or case.released:
        return None
    return because(Reason.LOCKDOWN, area=case.locked_down)


def anti_passback(case: Case) -> Explanation | None:
    """The holder is inside already, beyond doubt, and the area takes nobody in twice (B3, MEANINGS 15)."""
    if case.presence is None or case.released or not case.point.anti_passback:
        return None
    area = inside_already(case.point, case.presence, "hard")
    return None if area is None else because(Reason.ANTI_PASSBACK, number=case.badge.number, area=area)


def area_unsafe(case: Case) -> Explanation | None:
    """Gas discharge behind the door (MEANINGS 27)."""
    return because(Reason.AREA_UNSAFE, zone=case.gas_zone) if case.gas_zone else None


def lease(case: Case) -> Explanation | None:
    """The server has not vouched for the policy within the limit of this class of badge (MEANINGS 17)."""
    badge = case.badge
    if lets_in(case.lease, badge, False, case.lease_age_us):
        return None
    if badge.holder in case.index.keyholders and lets_in(case.lease, badge, True, case.lease_age_us):
        return None
    return because(Reason.LEASE_ENDED, kind=badge.kind)


def journal(case: Case) -> Explanation | None:
    """The decision could not be written down, so there is none but for ways out (MEANINGS 2)."""
    return None if case.journal_available else because(Reason.JOURNAL_UNAVAILABLE)


class Rule(msgspec.Struct, frozen=True):
    """One line of the list. ``on_way_out``: what becomes of its refusal there. ``asked_at``: the trait of a point (:class:`controller.index.Point`)
    without which the rule cannot refuse, so is not asked. ``in_trouble``: it can refuse only in what :func:`decide` finds out of the ordinary."""

    check: Check
    reasons: tuple[Reason, ...]
    on_way_out: OnWayOut
    asked_at: str = ""
    in_trouble: bool = False


RULES: tuple[Rule, ...] = (
    Rule(late_read, (Reason.LATE_READ,), "refuse"),
    Rule(refused_card, (Reason.TWO_CARDS, Reason.NOT_AUTHENTICATED), "refuse", in_trouble=True),
    Rule(unknown_badge, (Reason.UNKNOWN_BADGE,), "refuse", in_trouble=True),
    Rule(lost_badge, (Reason.BADGE_LOST,), "refuse", in_trouble=True),
    Rule(bare_number, (Reason.NOT_AUTHENTICATED,), "refuse", "authenticated_only"),
    Rule(area_unsafe, (Reason.AREA_UNSAFE,), "ignore", in_trouble=True),
    Rule(
        badge_status,
        (Reason.BADGE_REVOKED, Reason.BADGE_SUSPENDED, Reason.BADGE_EXPIRED, Reason.BADGE_NOT_ACTIVE),
        "alarm",
        in_trouble=True,
    ),
    Rule(quota_slot, (Reason.QUOTA_SLOT_INVALID,), "alarm"),
    Rule(contract, (Reason.CONTRACT_ENDED, Reason.CONTRACT_SUSPENDED), "alarm"),
    Rule(untrusted_time, (Reason.TIME_UNTRUSTED,), "alarm", in_trouble=True),
    Rule(badge_validity, (Reason.BADGE_NOT_YET_VALID, Reason.BADGE_EXPIRED), "alarm"),
    Rule(cage, (Reason.NO_PERMISSION,), "alarm", "customers"),
    Rule(
        permission,
        (Reason.OUTSIDE_SCHEDULE, Reason.CONTRACT_ENDED, Reason.OUTSIDE_PERMIT_WINDOW, Reason.NO_PERMISSION),
        "alarm",
    ),
    Rule(area_closed, (Reason.AREA_CLOSED,), "ignore", "closed"),
    Rule(lockdown, (Reason.LOCKDOWN,), "ignore", in_trouble=True),
    Rule(anti_passback, (Reason.ANTI_PASSBACK,), "ignore", "anti_passback"),
    Rule(lease, (Reason.LEASE_ENDED,), "alarm"),
    Rule(journal, (Reason.JOURNAL_UNAVAILABLE,), "ignore", in_trouble=True),
)
"""The rules in their order; their numbers are their places, from 1."""

_REFUSE_EXIT: tuple[Check, ...] = tuple(rule.check for rule in RULES if rule.on_way_out == "refuse")
_ALARM_EXIT: tuple[Check, ...] = tuple(rule.check for rule in RULES if rule.on_way_out == "alarm")
_ADMISSION: tuple[Check, ...] = (area_unsafe, area_closed, lockdown, journal)
_ENDED = frozenset(
    reason.name
    for reason in (Reason.BADGE_EXPIRED, Reason.CONTRACT_ENDED, Reason.OUTSIDE_SCHEDULE, Reason.OUTSIDE_PERMIT_WINDOW)
)
_PERMITTED = Reason.PERMITTED.name
_PERMITTED_RULE = Reason.PERMITTED.value.rule


def decide(case: Case) -> Decision:
    """The decision with its explanation. Pure."""
    point = case.point
    if point.out:
        return _decide_way_out(case)
    calm = (  # of badge, read, building and edge, as far as a glance tells; NOBODY is not active
        case.badge.status == "active"
        and case.wall_trusted
        and case.journal_available
        and case.locked_down is None
        and not (case.refused or case.gas_zone)
    )
    for check in _CALM_CHECKS[point.traits] if calm else _ALL_CHECKS:
        refusal = check(case)
        if refusal is not None:
            return Denied(refusal)
    if point.public:
        return Granted(because(Reason.PUBLIC_AREA, area=point.area))
    return Granted(Explanation(_PERMITTED, _PERMITTED_RULE, {"area": point.area, "grant": case.badge.grant}))


def checks_at(traits: frozenset[str], calm: bool) -> tuple[Check, ...]:
    """The rules in their order, without those that cannot refuse at a point with these traits while all is calm."""
    return tuple(
        rule.check
        for rule in RULES
        if (not rule.asked_at or rule.asked_at in traits) and not (calm and rule.in_trouble)
    )


_ALL_CHECKS: tuple[Check, ...] = tuple(rule.check for rule in RULES)
_CALM_CHECKS: dict[frozenset[str], tuple[Check, ...]] = {
    frozenset(traits): checks_at(frozenset(traits), calm=True)
    for number in range(len(TRAITS) + 1)
    for traits in combinations(TRAITS, number)
}


def refuse_admission(case: Case) -> Explanation | None:
    """Why nobody without a badge may be admitted by command here: the rules that ask nothing of badge, customer or permission
    (MEANINGS 21). The case's badge is NOBODY."""
    for check in _ADMISSION:
        refusal = check(case)
        if refusal is not None:
            return refusal
    return None


def _decide_way_out(case: Case) -> Decision:
    for check in _REFUSE_EXIT:
        refusal = check(case)
        if refusal is not None:
            return Denied(refusal)
    for check in _ALARM_EXIT:
        refusal = check(case)
        if refusal is not None:
            alarm: Literal["OVERSTAY", "EXIT_IRREGULAR"] = "OVERSTAY" if refusal.reason in _ENDED else "EXIT_IRREGULAR"
            return Granted(because(Reason.WAY_OUT, area=case.point.area, irregular=refusal.reason), alarm, refusal)
    return Granted(because(Reason.WAY_OUT, area=case.point.area, irregular=""))
