"""The numbered rules: each refusal, their order, and what a way out makes of them (R1, R7, B2-B6, L4, MEANINGS 3, 8)."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.access import NOBODY, RULES, Case, Denied, Granted, decide
from controller.index import PolicyIndex
from controller.lease import AcceptedLease
from controller.now import SECOND_US
from controller.policy import Badge, Grant, GrantArea, Lease
from controller.reasons import Reason, remedy
from controller.site import Area, Closure
from controller.state import Presence
from tests.controller.building import CUSTOMERS, DAY_US, GUO, LI, SITE, START_US, SUN, XU, badge, digest, policy

HOUR_US = 3_600 * SECOND_US


def case(who: Badge = LI, at: str = "hall-in", *, index: PolicyIndex | None = None, **fields: Any) -> Case:
    """A case in which everything is in order; ``fields`` disturb it."""
    in_force = policy() if who in (LI, NOBODY) else policy(who) if who.id == LI.id else policy(LI, who)
    index = index or PolicyIndex(in_force)
    plain = Case(
        index=index,
        point=index.points[at],
        badge=who,
        customer=index.customers.get(who.customer or 0),
        technology="desfire",
        authenticated=True,
        refused="",
        read_age_us=100_000,
        wall_us=START_US,
        wall_trusted=True,
        journal_available=True,
        gas_zone="",
        lease=AcceptedLease(Lease(in_force.version, digest(in_force), START_US), START_US, 0, "boot-1"),
        lease_age_us=0,
    )
    return msgspec.structs.replace(plain, **fields)


def with_area(**fields: Any) -> PolicyIndex:
    areas = tuple(msgspec.structs.replace(area, **fields) if area.id == "hall" else area for area in SITE.areas)
    return PolicyIndex(policy(site=msgspec.structs.replace(SITE, areas=areas)))


def closed_for_a_week() -> PolicyIndex:
    """From the moment of the cases on."""
    closure = Closure("stocktaking", "hall", "2026-09-21T21:33", "2026-09-28T21:33")
    return PolicyIndex(policy(site=msgspec.structs.replace(SITE, closures=(closure,))))


def with_customer(**fields: Any) -> PolicyIndex:
    return PolicyIndex(policy(customers=(msgspec.structs.replace(CUSTOMERS[0], **fields), CUSTOMERS[1])))


def of_customer(**fields: Any) -> dict[str, Any]:
    index = with_customer(**fields)
    return {"index": index, "customer": index.customers[1]}


SUPERSEDED = badge(8, "old", slot=1, generation=0)
ON_HOURS = badge(9, "hours", kind="staff", customer=None, slot=None, grant=2)
NO_GRANT = badge(10, "none", kind="staff", customer=None, slot=None, grant=99)

REFUSALS: list[tuple[Reason, Case]] = [
    (Reason.LATE_READ, case(read_age_us=2_000_001)),
    (Reason.LATE_READ, case(read_age_us=-2_000_001)),
    (Reason.TWO_CARDS, case(NOBODY, refused="two_cards")),
    (Reason.NOT_AUTHENTICATED, case(NOBODY, refused="not_authenticated")),
    (Reason.UNKNOWN_BADGE, case(NOBODY)),
    (Reason.BADGE_LOST, case(badge(1, "li", status="lost"))),
    (Reason.NOT_AUTHENTICATED, case(index=with_area(authenticated_only=True), authenticated=False)),
    (Reason.NOT_AUTHENTICATED, case(index=with_area(two_person=True), authenticated=False)),
    (Reason.AREA_UNSAFE, case(gas_zone="z1")),
    (Reason.BADGE_REVOKED, case(badge(1, "li", status="revoked"))),
    (Reason.BADGE_SUSPENDED, case(badge(1, "li", status="suspended"))),
    (Reason.BADGE_NOT_ACTIVE, case(badge(1, "li", status="issued"))),
    (Reason.BADGE_EXPIRED, case(badge(1, "li", status="expired"))),
    (Reason.QUOTA_SLOT_INVALID, case(SUPERSEDED)),
    (Reason.CONTRACT_ENDED, case(**of_customer(status="ended"))),
    (Reason.CONTRACT_ENDED, case(**of_customer(until_us=START_US))),
    (Reason.CONTRACT_ENDED, case(customer=None)),
    (Reason.CONTRACT_SUSPENDED, case(**of_customer(status="suspended"))),
    (Reason.TIME_UNTRUSTED, case(wall_trusted=False)),
    (Reason.TIME_UNTRUSTED, case(XU, wall_trusted=False)),
    (Reason.BADGE_EXPIRED, case(badge(1, "li", until_us=START_US))),
    (Reason.BADGE_NOT_YET_VALID, case(badge(1, "li", from_us=START_US + 1))),
    (Reason.NO_PERMISSION, case(SUN, "cage-in")),
    (Reason.NO_PERMISSION, case(NO_GRANT)),
    (Reason.OUTSIDE_SCHEDULE, case(ON_HOURS)),
    (Reason.AREA_CLOSED, case(index=with_area(closed=True))),
    (Reason.AREA_CLOSED, case(at="cage-in", index=with_area(closed=True))),
    (Reason.LEASE_ENDED, case(lease=None)),
    (Reason.LEASE_ENDED, case(lease_age_us=8 * HOUR_US)),
    (Reason.LEASE_ENDED, case(XU, lease_age_us=HOUR_US)),
    (Reason.LEASE_ENDED, case(GUO, lease_age_us=24 * HOUR_US)),
    (Reason.AREA_CLOSED, case(index=closed_for_a_week())),
    (Reason.AREA_CLOSED, case(at="cage-in", index=closed_for_a_week())),
    (Reason.LOCKDOWN, case(locked_down="hall")),
    (Reason.ANTI_PASSBACK, case(index=with_area(anti_passback="hard"), presence=Presence("hall", 0, 1, "li"))),
    (Reason.ANTI_PASSBACK, case(index=with_area(anti_passback="hard"), presence=Presence("cage-a", 0, 1, "li"))),
    (Reason.JOURNAL_UNAVAILABLE, case(journal_available=False)),
]
NAMES = [f"{number}-{reason.name}" for number, (reason, _) in enumerate(REFUSALS)]


@pytest.mark.parametrize(("reason", "disturbed"), REFUSALS, ids=NAMES)
def test_one_thing_wrong_refuses_entry_with_its_reason_and_a_remedy(reason: Reason, disturbed: Case) -> None:
    decision = decide(disturbed)
    assert isinstance(decision, Denied)
    assert decision.because.reason == reason.name
    assert set(decision.because.inputs) == set(reason.value.inputs)
    for name, value in decision.because.inputs.items():
        assert type(value) is reason.value.inputs[name]
    assert "?" not in remedy(decision.because, "zh-CN") or disturbed.customer is None


def test_every_reason_of_the_rules_is_tested_here() -> None:
    declared = {reason for rule in RULES for reason in rule.reasons}
    assert declared - {reason for reason, _ in REFUSALS} == {Reason.OUTSIDE_PERMIT_WINDOW}


@pytest.mark.parametrize("who", [LI, GUO], ids=["customer", "staff"])
def test_a_badge_in_order_enters_with_the_grant_in_the_explanation(who: Badge) -> None:
    decision = decide(case(who))
    assert isinstance(decision, Granted)
    assert decision.because.reason == "PERMITTED"
    assert decision.because.inputs == {"area": "hall", "grant": 1}


def test_a_closure_lasts_from_its_beginning_inclusive_to_its_end_exclusive() -> None:
    index = closed_for_a_week()
    from_us, until_us, _ = index.points["hall-in"].closures[0]
    assert until_us - from_us == 7 * DAY_US
    closed = [
        isinstance(decide(case(index=index, wall_us=at)), Denied)
        for at in (from_us - 1, from_us, until_us - 1, until_us)
    ]
    assert closed == [False, True, True, False]


def test_anti_passback_and_lockdown_sleep_at_a_door_that_fire_released_and_doubt_lets_in_again() -> None:
    hard = with_area(anti_passback="hard")
    inside = Presence("hall", 0, 1, "li")
    assert isinstance(decide(case(index=hard, presence=inside, released=True)), Granted)
    assert isinstance(decide(case(locked_down="", released=True)), Granted)
    assert isinstance(decide(case(index=hard, presence=msgspec.structs.replace(inside, sure=False))), Granted)
    assert isinstance(decide(case(index=hard, presence=msgspec.structs.replace(inside, area="lobby"))), Granted)
    assert isinstance(decide(case(index=with_area(anti_passback="soft"), presence=inside)), Granted)


def test_the_permission_alone_is_not_asked_of_a_guard_for_whom_a_supervisor_stands() -> None:
    assert decide(case(NO_GRANT)).because.reason == "NO_PERMISSION"
    assert isinstance(decide(case(NO_GRANT, vouched=True)), Granted)
    assert decide(case(NO_GRANT, vouched=True, gas_zone="z1")).because.reason == "AREA_UNSAFE"


def test_late_reads_count_from_two_seconds_exclusive() -> None:
    assert isinstance(decide(case(read_age_us=2_000_000)), Granted)


def test_the_first_rule_wins_over_all_that_follow() -> None:
    wrong = case(badge(1, "li", status="lost"), read_age_us=3_000_000, journal_available=False, lease=None)
    assert decide(wrong).because.reason == "LATE_READ"
    assert decide(msgspec.structs.replace(wrong, read_age_us=0)).because.reason == "BADGE_LOST"


def test_validity_is_from_inclusive_until_exclusive() -> None:
    assert isinstance(decide(case(badge(1, "li", from_us=START_US, until_us=START_US + 1))), Granted)


def test_staff_enter_without_trusted_time_and_whatever_the_customers_contract() -> None:
    assert isinstance(decide(case(GUO, wall_trusted=False)), Granted)
    assert isinstance(decide(case(GUO, "cage-in")), Granted)


def test_a_keyholder_outlasts_the_staff_lease() -> None:
    keyholder = badge(5, "key", kind="staff", customer=None, slot=None)
    assert isinstance(decide(case(keyholder, lease_age_us=24 * HOUR_US)), Granted)
    assert decide(case(keyholder, lease_age_us=7 * 24 * HOUR_US)).because.reason == "LEASE_ENDED"


def test_permission_is_the_union_and_each_part_has_its_own_time() -> None:
    grant = Grant(1, (GrantArea("hall", 0, START_US), GrantArea("hall", START_US + DAY_US)))
    in_force = msgspec.structs.replace(policy(), grants=(grant,))
    index = PolicyIndex(in_force)
    assert decide(case(index=index)).because.reason == "CONTRACT_ENDED"
    assert decide(case(GUO, index=index)).because.reason == "NO_PERMISSION"
    assert decide(case(XU, index=index)).because.reason == "OUTSIDE_PERMIT_WINDOW"
    assert isinstance(decide(case(index=index, wall_us=START_US - 1)), Granted)
    assert isinstance(decide(case(index=index, wall_us=START_US + DAY_US)), Granted)


def test_a_public_area_takes_any_badge_in_order_without_a_grant() -> None:
    areas = (*SITE.areas[:2], Area("hall", public=True), SITE.areas[3])
    index = PolicyIndex(policy(NO_GRANT, XU, site=msgspec.structs.replace(SITE, areas=areas)))
    assert decide(case(NO_GRANT, index=index)).because.reason == "PUBLIC_AREA"
    assert decide(case(XU, index=index)).because.reason == "PUBLIC_AREA"


def at_exit(disturbed: Case, at: str = "hall-out") -> Case:
    return msgspec.structs.replace(disturbed, point=disturbed.index.points[at])


REFUSED_ON_WAY_OUT = {"LATE_READ", "TWO_CARDS", "NOT_AUTHENTICATED", "UNKNOWN_BADGE", "BADGE_LOST"}
OVERSTAYS = {"BADGE_EXPIRED", "CONTRACT_ENDED", "OUTSIDE_SCHEDULE", "OUTSIDE_PERMIT_WINDOW"}
SILENT = {"AREA_UNSAFE", "AREA_CLOSED", "LOCKDOWN", "ANTI_PASSBACK", "JOURNAL_UNAVAILABLE"}


@pytest.mark.parametrize(("reason", "disturbed"), REFUSALS, ids=NAMES)
def test_on_a_way_out_only_five_reasons_refuse_and_the_others_alarm(reason: Reason, disturbed: Case) -> None:
    at = "cage-out" if disturbed.point.id == "cage-in" else "hall-out"
    decision = decide(at_exit(disturbed, at))
    if reason.name in REFUSED_ON_WAY_OUT:
        assert isinstance(decision, Denied)
        assert decision.because.reason == reason.name
        return
    assert isinstance(decision, Granted)
    assert decision.because.reason == "WAY_OUT"
    if reason.name in SILENT:
        assert decision.alarm == ""
    else:
        assert decision.alarm == ("OVERSTAY" if reason.name in OVERSTAYS else "EXIT_IRREGULAR")
        assert decision.because.inputs["irregular"] == reason.name


TROUBLES: list[dict[str, Any]] = [
    {"read_age_us": 2_000_001},
    {"gas_zone": "z1"},
    {"wall_trusted": False},
    {"journal_available": False},
    {"lease": None},
    {"authenticated": False},
]


def number_of(decision: Denied, disturbed: Case) -> int:
    """The place in the list of the rule that refused."""
    return next(number for number, rule in enumerate(RULES) if rule.check(disturbed) == decision.because)


@given(st.sampled_from([entry for _, entry in REFUSALS]), st.lists(st.sampled_from(TROUBLES)))
def test_more_trouble_never_grants_and_only_an_earlier_rule_takes_over(
    first: Case, troubles: list[dict[str, Any]]
) -> None:
    worse = first
    for trouble in troubles:
        worse = msgspec.structs.replace(worse, **trouble)
    before, after = decide(first), decide(worse)
    assert isinstance(before, Denied)
    assert isinstance(after, Denied)
    assert number_of(after, worse) <= number_of(before, first)


def test_a_badge_whose_customer_is_not_in_the_policy_opens_nothing() -> None:
    stray = badge(11, "stray", customer=77)
    assert decide(case(stray, customer=None)).because.reason == "QUOTA_SLOT_INVALID"


def test_the_cage_of_one_customer_is_closed_to_another_even_with_a_grant() -> None:
    decision = decide(case(SUN, "cage-in"))
    assert isinstance(decision, Denied)
    assert (decision.because.reason, decision.because.rule) == ("NO_PERMISSION", "R7")
