"""The engine and the people: refusals, ways out, leases and clocks (R1, L4, MEANINGS 8, 10, 12, 17-19)."""

import msgspec
import pytest

from controller.actions import Indicate, Unlock
from controller.commands import AcknowledgeAlarm
from controller.engine import Engine
from controller.events import (
    AccessTaken,
    AlarmRaised,
    ExitByRequest,
    LeaseAccepted,
    PolicyChanged,
)
from controller.inputs import (
    CardRefused,
    DoorContact,
    LeaseArrived,
    RexPressed,
    Started,
    TimeElapsed,
)
from controller.now import SECOND_US, Now
from controller.policy import Lease, Version
from controller.presence import occupancy
from controller.room_events import AreaUncertain
from controller.state import State
from tests.controller.building import (
    CUSTOMERS,
    GUO,
    HARDWARE,
    LI,
    SITE,
    START_US,
    WANG,
    XU,
    Hall,
    actions,
    badge,
    digest,
    events,
    policy,
    reason,
)
from tests.controller.stories import enter, hall, order

# refusals


def test_no_policy_denies_every_card_and_still_opens_by_rex() -> None:
    at = Hall()
    assert reason(at.tap(LI)) == "UNKNOWN_BADGE"
    assert reason(at.tap(LI, "hall-out")) == "UNKNOWN_BADGE"
    assert actions(at.give(RexPressed("hall-door")), Unlock) == [
        Unlock("hall-door", 5 * SECOND_US, before_journal=True)
    ]


def test_a_card_at_a_point_that_the_policy_does_not_know_is_denied() -> None:
    outcome = hall().tap(LI, "back-door")
    assert reason(outcome) == "NO_SUCH_POINT"
    assert actions(outcome, Indicate) == [Indicate("back-door", "denied")]


def test_a_door_of_another_edge_is_never_unlocked_from_here() -> None:
    at = hall()
    other = Engine(State(), "j", HARDWARE[:1], "edge-2")
    other.adopt(policy(), digest(policy()), at.now)
    outcome = other.handle(at.read(LI, "hall-in"), at.now)
    assert reason(outcome) == "NO_SUCH_POINT"
    assert actions(outcome, Unlock) == []


def test_a_read_that_comes_late_opens_nothing_and_is_recorded() -> None:
    at = hall()
    read = at.read(LI, "hall-in")
    at.wait(2.1)
    outcome = at.give(read)
    assert reason(outcome) == "LATE_READ"
    assert actions(outcome, Unlock) == []
    assert reason(at.tap(LI)) == "PERMITTED"  # the late read is no part of the fresh one


def test_reads_of_one_badge_at_one_point_within_a_second_are_one_read() -> None:
    at = hall()
    at.tap(LI)
    at.wait(0.9)
    assert at.tap(LI).record is None
    assert reason(at.tap(LI, "hall-out")) == "WAY_OUT"
    assert reason(at.tap(WANG)) == "PERMITTED"
    at.wait(0.2)
    assert reason(at.tap(LI)) == "PERMITTED"


def test_two_cards_and_a_card_without_its_key_are_refused_at_the_reader() -> None:
    at = hall()
    for cause, expected in (("two_cards", "TWO_CARDS"), ("not_authenticated", "NOT_AUTHENTICATED")):
        for point in ("hall-in", "hall-out"):
            assert reason(at.give(CardRefused(point, cause, "desfire", at.now.mono_us))) == expected  # type: ignore[arg-type]


def test_a_lost_badge_opens_nothing_in_or_out_and_raises_its_alarm_with_the_place() -> None:
    lost = badge(1, "li", status="lost")
    at = Hall(policy(lost))
    outcome = at.tap(lost)
    assert reason(outcome) == "BADGE_LOST"
    (alarm,) = events(outcome, AlarmRaised)
    assert isinstance(alarm, AlarmRaised)
    assert (alarm.alarm, alarm.subject, alarm.inputs["access_point"]) == ("BADGE_LOST", "li", "hall-in")
    assert reason(at.tap(lost, "hall-out")) == "BADGE_LOST"
    assert at.engine.state.alarms["BADGE_LOST/li"].inputs["access_point"] == "hall-out"


def test_five_denials_within_five_minutes_raise_an_alarm_once_and_begin_again_after_it_is_dealt_with() -> None:
    at = hall()
    for _ in range(4):
        at.tap("stranger")
        at.wait(2)
    assert at.alarms == set()
    at.tap("stranger")
    assert at.alarms == {"REPEATED_DENIALS/hall-in"}
    at.give(order(AcknowledgeAlarm("REPEATED_DENIALS", "hall-in", "a courier")))
    at.wait(2)
    at.tap("stranger")
    assert at.alarms == set()


def test_denials_that_lie_far_apart_are_no_alarm() -> None:
    at = hall()
    for _ in range(10):
        at.tap("stranger")
        at.wait(80)
    assert at.alarms == set()


# ways out


def test_an_ended_contract_lets_out_with_overstay_and_not_in_again() -> None:
    at = hall()
    enter(at)
    ended = policy(customers=(msgspec.structs.replace(CUSTOMERS[0], status="ended"), CUSTOMERS[1]), n=2)
    adopted = at.keep(at.engine.adopt(ended, digest(ended), at.now))
    at.engine.commit()
    assert [type(event) for event in adopted.record.events] == [PolicyChanged, AlarmRaised]
    assert at.alarms == {"OVERSTAY/li"}
    out = at.tap(LI, "hall-out")
    assert reason(out) == "WAY_OUT"
    assert actions(out, Unlock)
    assert reason(at.tap(LI)) == "CONTRACT_ENDED"


@pytest.mark.parametrize("change", [{"status": "revoked"}, {"status": "suspended"}, {"until_us": START_US}])
def test_a_badge_that_stops_while_its_holder_is_inside_raises_overstay_with_the_policy(
    change: dict[str, object],
) -> None:
    at = hall()
    enter(at)
    stopped = policy(msgspec.structs.replace(LI, **change), n=2)
    at.keep(at.engine.adopt(stopped, digest(stopped), at.now))
    assert at.alarms == {"OVERSTAY/li"}


def test_what_ends_while_someone_is_inside_raises_overstay_at_that_moment() -> None:
    limited = badge(1, "li", until_us=START_US + 600 * SECOND_US)
    at = Hall(policy(limited))
    enter(at, limited)
    due = at.engine.next_deadline_us(at.now)
    assert due == at.now.mono_us + (START_US + 600 * SECOND_US - at.now.wall_us)
    at.wait((due - at.now.mono_us) / SECOND_US)
    outcome = at.give(TimeElapsed())
    assert [event.alarm for event in events(outcome, AlarmRaised)] == ["OVERSTAY"]
    at.wait(1)
    assert at.give(TimeElapsed()).record is None
    after = at.engine.next_deadline_us(at.now)
    assert after is None or after > at.now.mono_us


def test_a_suspended_badge_gets_out_with_an_irregular_exit() -> None:
    suspended = badge(1, "li", status="suspended")
    at = Hall(policy(suspended))
    assert reason(at.tap(suspended, "hall-out")) == "WAY_OUT"
    assert at.engine.state.alarms["EXIT_IRREGULAR/li"].inputs["reason"] == "BADGE_SUSPENDED"
    assert at.engine.state.alarms["EXIT_IRREGULAR/li"].rule == "B3"


def test_rex_unlocks_before_the_journal_and_the_exit_makes_the_area_uncertain() -> None:
    at = hall()
    pressed = at.give(RexPressed("hall-door"))
    assert pressed.actions == (Unlock("hall-door", 5 * SECOND_US, before_journal=True),)
    opened = at.give(DoorContact("hall-door", open=True))
    assert events(opened, ExitByRequest) == [ExitByRequest("hall-door", "hall")]
    assert events(opened, AreaUncertain) == [AreaUncertain("hall", "rex", ("cage-a",))]
    assert at.alarms == set()
    assert occupancy(at.engine.state, SITE, "hall").uncertain == "rex"


def test_rex_and_a_grant_in_one_window_are_both_recorded_and_ambiguous() -> None:
    at = hall()
    at.tap(LI)
    at.give(RexPressed("hall-door"))
    opened = at.give(DoorContact("hall-door", open=True))
    assert events(opened, AccessTaken)
    assert events(opened, ExitByRequest)
    assert events(opened, AreaUncertain) == [AreaUncertain("hall", "ambiguous", ("cage-a",))]


# leases and clocks


def test_without_a_lease_nobody_enters_and_everybody_leaves() -> None:
    at = hall(lease=False)
    assert reason(at.tap(LI)) == "LEASE_ENDED"
    assert reason(at.tap(LI, "hall-out")) == "WAY_OUT"
    assert at.engine.lease_left_s(at.now) == {"temporary": 0, "customer": 0, "staff": 0, "keyholder": 0}


def test_a_cut_off_edge_ends_each_class_of_badges_in_its_time() -> None:
    at = hall()
    assert at.engine.lease_left_s(at.now) == {
        "temporary": 1_800,
        "customer": 28_800,
        "staff": 86_400,
        "keyholder": 604_800,
    }
    at.wait(28_800, wall=False)
    assert reason(at.tap(LI)) == "LEASE_ENDED"
    assert reason(at.tap(GUO)) == "PERMITTED"
    at.wait(86_400 - 28_800)
    assert reason(at.tap(GUO)) == "LEASE_ENDED"
    assert reason(at.tap("key")) == "PERMITTED"


def test_a_lease_for_another_policy_is_as_if_it_had_not_come() -> None:
    at = hall(lease=False)
    assert at.give(LeaseArrived(Lease(Version(1, 2), digest(policy()), START_US))).record is None
    assert events(at.give(LeaseArrived(Lease(Version(1, 1), digest(policy()), START_US))), LeaseAccepted)


def test_a_lease_that_came_late_counts_from_when_it_was_issued() -> None:
    at = hall(lease=False)
    issued_us = at.now.wall_us
    at.wait(7 * 3_600)  # the server has been dead since; the broker hands out what it kept
    at.give(LeaseArrived(Lease(Version(1, 1), digest(policy()), issued_us)))
    assert at.engine.lease_left_s(at.now)["customer"] == 3_600
    assert reason(at.tap(LI)) == "PERMITTED"
    at.wait(3_600)
    assert reason(at.tap(LI)) == "LEASE_ENDED"
    assert reason(at.tap(GUO)) == "PERMITTED"


def test_without_trusted_time_a_lease_counts_from_its_acceptance() -> None:
    at = hall(lease=False, trusted=False)
    issued_us = at.now.wall_us
    at.wait(7 * 3_600)
    at.give(LeaseArrived(Lease(Version(1, 1), digest(policy()), issued_us)))
    assert at.engine.lease_left_s(at.now)["customer"] == 8 * 3_600


def test_a_lease_from_a_server_whose_clock_is_ahead_counts_from_its_acceptance() -> None:
    at = hall(lease=False)
    at.give(LeaseArrived(Lease(Version(1, 1), digest(policy()), at.now.wall_us + 3_600 * SECOND_US)))
    assert at.engine.lease_left_s(at.now)["customer"] == 8 * 3_600


def test_after_a_boot_without_trusted_time_only_staff_enter_until_a_source_vouches() -> None:
    at = hall()
    at.now = Now(0, 10 * SECOND_US, wall_trusted=False)  # an empty clock battery
    at.give(Started("boot-2", "test"))
    assert at.alarms == {"CLOCK_UNTRUSTED/edge-1"}
    assert at.records[-1].at_us >= START_US  # never below the high-water mark
    assert reason(at.tap(LI)) == "TIME_UNTRUSTED"
    assert reason(at.tap(XU)) == "TIME_UNTRUSTED"
    assert reason(at.tap(GUO)) == "PERMITTED"
    at.now = Now(START_US + 3_600 * SECOND_US, 20 * SECOND_US, wall_trusted=True)
    assert at.engine.next_deadline_us(at.now) == at.now.mono_us
    at.give(TimeElapsed())
    assert at.alarms == set()
    assert reason(at.tap(LI)) == "PERMITTED"


def test_an_untrusted_clock_far_ahead_does_not_poison_the_high_water_mark() -> None:
    at = hall()
    at.now = Now(START_US * 2, 10 * SECOND_US, wall_trusted=False)
    at.give(Started("boot-2", "test"))
    at.now = Now(START_US + SECOND_US, 20 * SECOND_US, wall_trusted=True)
    assert reason(at.tap(GUO)) == "PERMITTED"
    assert at.alarms == set()


def test_a_clock_stepped_back_is_alarmed_and_time_stands_instead_of_running_back() -> None:
    at = hall()
    high = at.engine.state.wall_high_us
    at.now = Now(high - 3_600 * SECOND_US, at.now.mono_us + SECOND_US)
    outcome = at.tap(LI)
    assert outcome.record.at_us == high
    assert at.engine.state.alarms["CLOCK_UNTRUSTED/edge-1"].inputs == {"cause": "behind"}
    assert reason(outcome) == "PERMITTED"
