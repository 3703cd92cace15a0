"""Which classes of badges may not enter for want of a lease or of trusted time (MEANINGS 17, 19; docs/rooms.md, Doors)."""

from controller.actions import Indicate
from controller.events import decode_record
from controller.fold import fold
from controller.inputs import LeaseArrived, Started, TimeElapsed
from controller.now import Now
from controller.policy import Lease
from controller.room_events import DegradedChanged
from controller.state import State
from tests.controller.building import GUO, KEYHOLDER, LI, START_US, XU, Hall, actions, digest, events, policy, reason
from tests.controller.stories import hall

ALL = ("temporary", "customer", "staff", "keyholder")
ENTRIES = ("lobby-in", "hall-in", "cage-in", "cabinet-front")


def changes(at: Hall) -> list[tuple[str, ...]]:
    return [event.classes for record in at.records for event in record.events if isinstance(event, DegradedChanged)]


def test_without_a_lease_every_class_is_degraded_and_a_lease_ends_that() -> None:
    at = Hall(policy(), lease=False)
    assert changes(at) == [ALL]
    assert at.engine.state.degraded == ALL
    at.give_lease()
    assert changes(at) == [ALL, ()]
    assert at.engine.state.degraded == ()


def test_each_class_is_degraded_when_its_lease_ends_to_the_moment() -> None:
    at = hall()
    for hours, classes in ((0.5, ALL[:1]), (8, ALL[:2]), (24, ALL[:3]), (168, ALL)):
        until_us = START_US + round(hours * 3_600_000_000)
        at.wait((until_us - at.now.wall_us - 1) / 1_000_000)
        assert at.give(TimeElapsed()).record is None
        assert at.engine.next_deadline_us(at.now) == at.now.mono_us + 1
        at.wait(0.000001)
        assert events(at.give(TimeElapsed()), DegradedChanged) == [DegradedChanged(classes)]


def test_a_class_that_is_degraded_is_refused_and_no_other() -> None:
    at = hall()
    at.wait(8 * 3_600)
    at.give(TimeElapsed())
    assert at.engine.state.degraded == ("temporary", "customer")
    assert reason(at.tap(LI)) == "LEASE_ENDED"
    assert reason(at.tap(XU)) == "LEASE_ENDED"
    assert reason(at.tap(GUO)) == "PERMITTED"
    assert reason(at.tap(LI, "hall-out")) == "WAY_OUT"


def test_readers_at_entries_show_it_when_it_begins_and_no_more_when_it_ends() -> None:
    at = hall()
    at.wait(1_800)
    begun = at.give(TimeElapsed())
    assert actions(begun, Indicate) == [Indicate(point, "degraded") for point in ENTRIES]
    at.wait(8 * 3_600 - 1_800)
    more = at.give(TimeElapsed())
    assert events(more, DegradedChanged)
    assert actions(more, Indicate) == []
    lease = Lease(policy().version, digest(policy()), at.now.wall_us)
    assert actions(at.give(LeaseArrived(lease)), Indicate) == [Indicate(point, "off") for point in ENTRIES]


def test_without_trusted_time_customers_and_visitors_are_degraded() -> None:
    at = hall()
    at.now = Now(at.now.wall_us, at.now.mono_us, wall_trusted=False)
    assert events(at.give(TimeElapsed()), DegradedChanged) == [DegradedChanged(("temporary", "customer"))]
    assert reason(at.tap(KEYHOLDER)) == "PERMITTED"
    assert reason(at.tap(LI)) == "TIME_UNTRUSTED"
    at.now = Now(at.now.wall_us, at.now.mono_us, wall_trusted=True)
    assert events(at.give(TimeElapsed()), DegradedChanged) == [DegradedChanged(())]


def test_a_start_without_trusted_time_says_so_and_a_lease_from_before_still_counts() -> None:
    at = hall()
    state = State()
    for encoded in at.encoded:
        fold(state, decode_record(encoded))
    assert state.degraded == ()
    at.now = Now(at.now.wall_us, 5_000_000, wall_trusted=False)
    at.give(Started("boot-2", "test"))
    assert at.engine.state.degraded == ("temporary", "customer")


def test_without_a_policy_there_is_nothing_to_tell() -> None:
    at = Hall()
    assert changes(at) == []
    assert at.engine.next_deadline_us(at.now) is None
