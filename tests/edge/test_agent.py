"""The agent's step: decide, write, act; journal failures; devices, restarts, stops (DESIGN 3, 13; MEANINGS 1, 2)."""

from collections.abc import Sequence

import msgspec
import pytest

from controller.commands import UnlockDoor
from controller.events import (
    AccessDenied,
    AccessGranted,
    AlarmRaised,
    DeviceStateChanged,
    EdgeStarted,
    EdgeStopped,
    JournalStateChanged,
    LinkStateChanged,
)
from controller.fold import fold
from controller.inputs import CardRead, Started
from controller.now import SECOND_US
from controller.policy import credential_key
from controller.state import State, decode_state, encode_state
from edge.agent import JOURNAL_RETRY_US, SERVER_SILENT_US
from edge.housekeeping import CHECKPOINT_RECORDS
from edge.ports import DeviceChanged, InputChanged, JournalFault, LinkUp, Presented, StopAsked
from sim.day import card_of
from sim.memory_server import next_version
from tests.edge.agent_rig import STAFF, AgentRig


def test_a_tap_is_written_before_the_door_unlocks_and_the_log_is_moved_after() -> None:
    rig = AgentRig()
    order: list[str] = []
    write = rig.node.journal.append
    rig.node.journal.append = lambda records, wall_us: (order.append("write"), write(records, wall_us))[1]  # type: ignore[method-assign]
    rig.node.journal.settle = lambda: order.append("settle")  # type: ignore[method-assign]
    rig.node.locks._hear = lambda asked: order.append(asked.act)
    rig.post(rig.card())
    assert order[0] == "write"
    assert sorted(order[1:3]) == ["indicate", "unlock"]
    assert set(order[3:]) == {"settle"}


def test_stimuli_that_wait_together_share_one_transaction() -> None:
    rig = AgentRig()
    before = rig.node.journal.appends
    rig.post(rig.card(holder=8), rig.card(holder=7, at="yard-in"), rig.card(holder=6))
    assert rig.node.journal.appends == before + 1
    assert len(rig.events(AccessGranted)) == 3


def test_the_record_holds_the_keyed_hash_and_never_the_number() -> None:
    rig = AgentRig()
    rig.post(rig.card())
    read = rig.records()[-1].input
    assert isinstance(read, CardRead)
    assert read.credential == credential_key(rig.node.identity.hash_key, "desfire", card_of(STAFF))
    assert card_of(STAFF).encode() not in rig.node.journal.content


def test_a_card_that_is_not_known_opens_nothing() -> None:
    rig = AgentRig()
    rig.post(Presented("hall-in", "desfire", "nobody", "authenticated", rig.now.mono_us))
    assert rig.unlocked() == []
    assert rig.events(AccessDenied)[-1].because.reason == "UNKNOWN_BADGE"


def test_a_late_read_is_recorded_and_opens_nothing() -> None:
    rig = AgentRig()
    rig.post(rig.card(late_s=3))
    assert rig.unlocked() == []
    assert rig.events(AccessDenied)[-1].because.reason == "LATE_READ"


def test_two_cards_in_the_field_open_nothing() -> None:
    rig = AgentRig()
    rig.post(rig.rejected())
    assert rig.unlocked() == []
    assert rig.events(AccessDenied)[-1].because.reason == "TWO_CARDS"


def test_without_any_policy_only_the_way_out_opens() -> None:
    rig = AgentRig(connect=False)
    rig.post(rig.card(), rig.rex())
    assert rig.unlocked() == ["hall-door"]
    assert rig.events(AccessGranted) == []


def test_what_waited_for_the_journal_says_when_it_was_decided_and_a_way_out_is_never_too_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rig = AgentRig()
    asked: list[tuple[str, int | None]] = []

    def unlock(door: str, _unlock_us: int, decided_mono_us: int | None = None) -> None:
        asked.append((door, decided_mono_us))

    monkeypatch.setattr(rig.node.locks, "unlock", unlock)
    rig.post(rig.rex("yard-door"), rig.card())
    assert asked == [("yard-door", None), ("hall-door", rig.now.mono_us)]


# the journal fails


def test_with_a_full_disk_a_tap_is_refused_and_rex_still_opens() -> None:
    rig = AgentRig()
    rig.node.journal.failing = "disk full"
    rig.post(rig.card())
    assert rig.unlocked() == []
    rig.post(rig.rex())
    assert rig.unlocked() == ["hall-door"]
    rig.post(rig.card(holder=7))
    assert rig.unlocked() == []


def test_a_tap_in_the_same_step_as_a_failing_commit_never_unlocks() -> None:
    rig = AgentRig()
    rig.node.journal.failing = "disk full"
    rig.post(rig.rex(), rig.card(at="yard-in"))
    assert set(rig.unlocked()) == {"hall-door"}


def test_fire_releases_its_doors_while_the_journal_fails() -> None:
    rig = AgentRig()
    rig.node.journal.failing = "disk full"
    rig.post(InputChanged("fire", "z1", True))
    assert set(rig.unlocked()) == {"hall-door"}  # asked again when the failed step is decided anew: the same release


def test_the_alarm_stands_while_the_journal_fails_and_the_status_says_why() -> None:
    rig = AgentRig()
    rig.node.journal.failing = "disk full"
    rig.post(rig.card())
    assert "JOURNAL_UNAVAILABLE/edge-1" in rig.agent.engine.state.alarms
    rig.wait(2)
    rig.settle()
    assert rig.server.status is not None
    assert "journal cannot commit: disk full" in rig.server.status.warnings


def test_when_the_journal_is_well_again_everything_is_written_and_doors_open() -> None:
    rig = AgentRig()
    rig.node.journal.failing = "disk full"
    rig.post(rig.card())
    rig.post(rig.rex())
    before = rig.node.journal.last_seq
    rig.node.journal.failing = None
    deadline = rig.post()
    assert deadline is not None
    rig.true_us += JOURNAL_RETRY_US
    rig.post()
    assert [type(event) for event in rig.events(JournalStateChanged, before)] == [JournalStateChanged] * 2
    assert rig.events(AccessDenied, before)[-1].because.reason == "JOURNAL_UNAVAILABLE"
    assert rig.agent.engine.pending == ()
    rig.wait(2)
    rig.unlocked()
    rig.post(rig.card())
    assert rig.unlocked() == ["hall-door"]


def test_the_retry_is_a_deadline_of_its_own() -> None:
    rig = AgentRig()
    rig.node.journal.failing = "disk full"
    deadline = rig.post(rig.card())
    assert deadline is not None
    assert deadline <= rig.true_us + JOURNAL_RETRY_US


def test_a_command_is_not_obeyed_while_its_id_cannot_be_journalled() -> None:
    rig = AgentRig()
    rig.node.journal.failing = "disk full"
    rig.server.command(UnlockDoor(door="hall-door", reason="test"), rig.now)
    rig.settle()
    assert rig.unlocked() == []
    assert rig.agent.refused_messages == {"store_failed": 1}


# restarts


def test_a_restart_unlocks_nothing_and_keeps_what_was_known() -> None:
    rig = AgentRig()
    rig.post(rig.card())
    rig.asked.clear()
    rig.restart()
    assert rig.unlocked() == []
    assert rig.agent.engine.policy is not None
    rig.wait(2)
    rig.post(rig.card())
    assert rig.unlocked() == ["hall-door"]


def test_the_start_is_the_first_record_of_a_process_but_for_its_policy() -> None:
    rig = AgentRig()
    before = rig.node.journal.last_seq
    rig.restart(reboot=True)
    started = rig.events(EdgeStarted, before)
    assert [event.boot_id for event in started] == [rig.node.boot_id]
    assert isinstance(rig.records(before)[0].input, Started) or isinstance(rig.records(before)[1].input, Started)


def test_after_a_restart_the_state_is_the_journal_folded() -> None:
    rig = AgentRig()
    for _ in range(3):
        rig.post(rig.card(), InputChanged("contact", "hall-door", True))
        rig.wait(2)
        rig.post(InputChanged("contact", "hall-door", False))
        rig.restart()
    state = State()
    for record in rig.records():
        fold(state, record)
    assert encode_state(state) == encode_state(rig.agent.engine.state)


def test_a_checkpoint_is_made_and_the_next_start_stands_on_it() -> None:
    rig = AgentRig()
    while rig.node.journal.checkpoint() is None:
        rig.wait(2)
        rig.post(*[rig.card(holder=n) for n in range(1, 9)])
    assert rig.node.journal.last_seq >= CHECKPOINT_RECORDS
    alive = encode_state(rig.agent.engine.state)
    assert encode_state(rig.node._new_agent().engine.state) == alive


def test_a_stop_is_recorded_told_and_leaves_a_checkpoint() -> None:
    rig = AgentRig()
    rig.post(rig.card())
    assert rig.post(StopAsked("SIGTERM")) is None
    assert rig.agent.stopped
    assert rig.events(EdgeStopped)[-1].cause == "SIGTERM"
    checkpoint = rig.node.journal.checkpoint()
    assert checkpoint is not None
    assert checkpoint[0] == rig.node.journal.last_seq
    rig.settle()
    assert rig.server.status is not None
    assert not rig.server.status.online


# devices and link


def test_a_dead_reader_is_an_event_an_alarm_and_a_status_and_other_doors_go_on() -> None:
    rig = AgentRig()
    rig.post(DeviceChanged("hall-in", "reader", False, "unplugged"))
    assert rig.events(DeviceStateChanged)[-1] == DeviceStateChanged("hall-in", "reader", False, "unplugged")
    assert "READER_FAULT/hall-in" in rig.agent.engine.state.alarms
    rig.wait(2)
    rig.settle()
    assert rig.server.status is not None
    assert rig.server.status.readers == {"hall-in": "unplugged"}
    rig.post(rig.card(at="yard-in"))
    assert rig.unlocked() == ["yard-door"]


def test_a_server_that_acknowledges_nothing_counts_as_a_lost_link_until_it_does() -> None:
    rig = AgentRig()
    rig.server.acknowledges = False
    rig.post(rig.card())
    for _ in range(SERVER_SILENT_US // 1_000_000 + 5):
        rig.wait(1)
        rig.settle()
    assert any(alarm.alarm == "LINK_LOST" for alarm in rig.events(AlarmRaised))
    assert rig.server.status is not None
    assert any("does not acknowledge" in warning for warning in rig.server.status.warnings)
    rig.server.acknowledges = True
    for _ in range(70):
        rig.wait(1)
        rig.settle()
    assert rig.events(LinkStateChanged)[-1].up
    assert rig.agent.outbox.waiting == 0


def test_while_cut_off_doors_decide_and_later_everything_is_told_once() -> None:
    rig = AgentRig()
    rig.node.cut()
    rig.post()
    rig.post(rig.card())
    assert rig.unlocked() == ["hall-door"]
    rig.wait(60)
    rig.node.connect()
    rig.settle()
    journal = rig.node.journal
    assert b"\n".join(rig.server.ledger[journal.journal_id]) == journal.content


def test_each_connection_has_its_own_session() -> None:
    rig = AgentRig()
    first = rig.server.status
    rig.node.cut()
    rig.post()
    rig.node.connect()
    rig.settle()
    assert first is not None
    assert rig.server.status is not None
    assert rig.server.status.session != first.session


def test_a_second_link_up_without_a_down_is_a_new_connection() -> None:
    rig = AgentRig()
    rig.post(LinkUp())
    rig.settle()
    assert rig.server.status is not None
    rig.server.command(UnlockDoor(door="hall-door", reason="test"), rig.now)
    rig.settle()
    assert rig.unlocked() == ["hall-door"]


# policies in force


def test_a_revoked_badge_is_refused_as_soon_as_the_delta_is_here() -> None:
    rig = AgentRig()
    policy = rig.server.policy
    assert policy is not None
    badges = tuple(msgspec.structs.replace(b, status="lost") if b.id == STAFF else b for b in policy.badges)
    version = msgspec.structs.replace(policy.version, n=policy.version.n + 1)
    rig.server.publish(msgspec.structs.replace(policy, version=version, badges=badges), rig.now, ("delta",))
    rig.settle()
    rig.post(rig.card())
    assert rig.unlocked() == []
    assert rig.events(AccessDenied)[-1].because.reason == "BADGE_LOST"


def test_a_policy_for_a_site_whose_rules_are_not_kept_is_refused_and_said_in_the_status() -> None:
    rig = AgentRig()
    policy = rig.server.policy
    assert policy is not None
    areas = tuple(msgspec.structs.replace(area, two_person=True) for area in policy.site.areas)
    version = msgspec.structs.replace(policy.version, n=policy.version.n + 1)
    site = msgspec.structs.replace(policy.site, areas=areas)
    rig.server.publish(msgspec.structs.replace(policy, version=version, site=site), rig.now)
    rig.settle()
    rig.wait(2)
    rig.settle()
    assert rig.server.status is not None
    assert rig.server.status.policy_version == policy.version
    assert any("two_person" in warning for warning in rig.server.status.warnings)


def test_a_badge_is_refused_once_its_lease_has_ended_in_the_cold() -> None:
    rig = AgentRig()
    rig.node.cut()
    rig.wait(25 * 3_600)
    rig.post(rig.card())
    assert rig.unlocked() == []
    assert rig.events(AccessDenied)[-1].because.reason == "LEASE_ENDED"


@pytest.mark.parametrize("stimulus", ["rex", "contact", "fire", "tamper"])
def test_an_input_of_a_door_that_nobody_knows_disturbs_nothing(stimulus: str) -> None:
    rig = AgentRig()
    rig.post(InputChanged(stimulus, "no-such-door", True), rig.card())
    assert "hall-door" in rig.unlocked()


def test_a_full_journal_makes_room_by_itself_once_records_are_beyond_their_retention() -> None:
    rig = AgentRig()
    for _ in range(600):
        rig.post(rig.rex())
        rig.wait(6)
    rig.settle()
    rig.wait(5)
    journal, append = rig.node.journal, rig.node.journal.append
    full_at = journal.last_seq - journal.first_retained_seq

    def limited(records: Sequence[bytes], wall_us: int) -> None:
        if journal.last_seq - journal.first_retained_seq >= full_at:
            raise JournalFault("the journal's size limit is full")
        append(records, wall_us)

    journal.append = limited  # type: ignore[method-assign]
    rig.node.cut()
    rig.wait(8 * 3_600)
    rig.wait(JOURNAL_RETRY_US / SECOND_US)
    assert journal.first_retained_seq > 1
    assert rig.agent.engine.state.journal_available


def test_what_a_latched_fire_holds_is_asked_for_before_the_outputs_start() -> None:
    rig = AgentRig()
    rig.post(InputChanged("fire", "z1", True))
    rig.node.kill()
    rig.asked.clear()
    rig.node._new_agent().hold_what_fire_released()
    assert rig.unlocked() == ["hall-door"]
    quiet = AgentRig()
    quiet.node._new_agent().hold_what_fire_released()
    assert quiet.unlocked() == []


def test_a_revocation_counts_although_the_policy_cannot_be_stored() -> None:
    rig = AgentRig()
    rig.node.store.failing = "disk full"
    policy = rig.server.policy
    assert policy is not None
    revoked = tuple(msgspec.structs.replace(badge, status="revoked") for badge in policy.badges)
    rig.server.publish(next_version(policy, badges=revoked), rig.now)
    rig.settle()
    rig.post(rig.card())
    assert rig.unlocked() == []
    assert rig.events(AccessDenied)[-1].because.reason == "BADGE_REVOKED"
    rig.wait(2)
    rig.settle()
    assert rig.server.status is not None
    assert any("could not be stored: disk full" in warning for warning in rig.server.status.warnings)


def test_while_the_server_lacks_what_it_once_acknowledged_nothing_is_purged() -> None:
    rig = AgentRig()
    for _ in range(600):
        rig.post(rig.rex())
        rig.wait(6)
    rig.settle()
    rig.wait(5)
    journal = rig.node.journal
    assert journal.acked_upto > CHECKPOINT_RECORDS
    rig.server.acknowledges = False
    rig.server.restore(10, journal.journal_id)
    rig.server.acknowledge(journal.journal_id, rig.now)
    for leaf, payload in rig.down:
        rig.node.deliver(leaf, payload)
    rig.down.clear()
    first = journal.first_retained_seq
    rig.post()
    assert rig.agent.outbox.gone_back
    rig.wait(8 * 3_600)
    assert journal.first_retained_seq == first


def test_a_checkpoint_never_holds_what_is_not_in_the_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = AgentRig()

    def full(records: Sequence[bytes], wall_us: int) -> None:
        raise JournalFault("the journal's size limit is full")

    monkeypatch.setattr(rig.node.journal, "append", full)
    rig.agent._checkpoint_at_seq = 0
    rig.post(InputChanged("fire", "z1", True))
    rig.wait(1)
    assert "z1" in rig.agent.engine.state.fire_latched
    kept = rig.node.journal.checkpoint()
    assert kept is None or "z1" not in decode_state(kept[1]).fire_latched
