"""What the edge says of itself, and when (``controller.wire.Status``)."""

from edge.ports import DeviceChanged, InputChanged
from edge.status import STATUS_INTERVAL_US, Health
from sim.memory_server import MemoryServer
from tests.edge.agent_rig import AgentRig


def statuses(rig: AgentRig) -> int:
    """How many were said since this was asked last; the server hears them."""
    said = sum(leaf == "status" for leaf, _ in rig.up)
    rig.settle()
    return said


def quiet(rig: AgentRig) -> MemoryServer:
    rig.wait(2)
    rig.settle()
    rig.up.clear()
    return rig.server


def test_at_each_connect_it_is_said_at_once_with_the_new_session() -> None:
    rig = AgentRig(connect=False)
    rig.node.connect()
    rig.post()
    assert statuses(rig) == 1
    assert rig.server.status is not None
    assert len(rig.server.status.session) == 32
    assert rig.server.status.online


def test_a_change_is_said_within_a_second_and_many_changes_once() -> None:
    rig = AgentRig()
    quiet(rig)
    for n in range(5):
        rig.post(DeviceChanged(f"reader-{n}", "reader", False, "unplugged"))
    first = statuses(rig)
    assert first <= 1
    rig.wait(1.1)
    assert first + statuses(rig) <= 2
    assert rig.server.status is not None
    assert len(rig.server.status.readers) == 5


def test_nothing_new_is_said_again_only_after_the_interval() -> None:
    rig = AgentRig()
    quiet(rig)
    rig.wait(3)
    assert statuses(rig) == 0
    rig.wait(STATUS_INTERVAL_US / 1_000_000)
    assert statuses(rig) == 1


def test_the_next_status_is_a_deadline() -> None:
    rig = AgentRig()
    quiet(rig)
    deadline = rig.wait(1.1)
    assert deadline is not None
    assert deadline - rig.true_us <= STATUS_INTERVAL_US


def test_a_doors_four_facts_and_its_wiring_are_told() -> None:
    rig = AgentRig()
    rig.post(InputChanged("contact", "hall-door", False))
    rig.post(rig.card())
    rig.post(InputChanged("contact", "yard-door", True))
    quiet(rig)
    assert rig.server.status is not None
    hall, yard = rig.server.status.doors["hall-door"], rig.server.status.doors["yard-door"]
    wired = {"fail": "secure", "relock_by": "board"}
    assert hall == {"mode": "controlled", "position": "closed", "lock": "unlocked", "alarm": ""} | wired
    assert yard == {"mode": "controlled", "position": "open", "lock": "locked", "alarm": "DoorForcedOpen"} | wired


def test_it_says_which_policy_runs_and_how_long_the_lease_lasts() -> None:
    rig = AgentRig()
    quiet(rig)
    policy, status = rig.server.policy, rig.server.status
    assert policy is not None
    assert status is not None
    assert status.policy_version == policy.version
    assert status.lease is not None
    assert status.lease.digest == status.policy_digest
    assert status.lease_left_s["staff"] > 23 * 3_600
    assert status.journal_id == rig.node.journal.journal_id
    assert status.warnings == ()


def test_devices_are_listed_before_they_were_heard_of() -> None:
    health = Health(("notice",), readers=("r1",), boards=("b1",))
    assert (health.readers, health.boards) == ({"r1": "starting"}, {"b1": "working"})
    health.device(DeviceChanged("b1", "board", False, "silent"))
    health.device(DeviceChanged("r1", "reader", True))
    assert (health.readers, health.boards) == ({"r1": "working"}, {"b1": "silent"})
    assert health.warnings("", server_silent=False) == ("notice",)


def test_what_the_queue_turned_away_is_told() -> None:
    rig = AgentRig()
    rig.agent.dropped(reads=4, messages=2)
    rig.post(rig.card())
    quiet(rig)
    assert rig.server.status is not None
    assert "4 card reads or scans dropped: the queue was full" in rig.server.status.warnings
    assert rig.server.status.refused_messages["queue_full"] == 2


def test_a_damaged_policy_store_is_told() -> None:
    rig = AgentRig()
    rig.node.store.damage = "policy.db was damaged and moved aside"
    rig.post(rig.card())
    quiet(rig)
    assert rig.server.status is not None
    assert "policy.db was damaged and moved aside" in rig.server.status.warnings
