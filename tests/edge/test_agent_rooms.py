"""The agent with rattling contacts, lockdown buttons, degraded readers, guarantees and the muster board."""

import msgspec
import pytest

from controller.commands import UnlockDoor
from controller.events import AlarmCleared, AlarmRaised, InputRecorded
from controller.inputs import CommandArrived, ContactRattling, DoorContact, LockdownInput, RexPressed
from controller.now import SECOND_US
from controller.policy import encode_policy
from edge.agent import Agent
from edge.contact_filter import REST_US, SINGLE_CHANGES
from edge.guarantees import GUARANTEES, HOLDS
from edge.muster.facts import Situation, muster_of
from edge.ports import DeviceChanged, InputChanged, LockRead
from edge.report import SHOW_AGAIN_US
from edge.station import Ports, Station
from sim.day import first_policy
from sim.memory import MemoryKeyRing
from tests.edge.agent_rig import DOORS, SITE, STAFF, AgentRig


class Board:
    """What the agent shows; can be broken."""

    def __init__(self) -> None:
        self.fault = ""
        self.broken = False
        self.shown: list[Situation] = []

    def show(self, situation: Situation) -> None:
        if self.broken:
            raise RuntimeError("no room on the board")
        self.shown.append(situation)


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
def rig(board: Board) -> AgentRig:
    """A connected agent with a muster board."""
    rig = AgentRig(start=False, connect=False)
    node = rig.node
    station = Station(DOORS, "memory", node.boot_id, "menjin test", lambda _site: [])
    ports = Ports(node.journal, node.store, node.link, node.locks, node.random, None, board)
    policy = first_policy(SITE)
    node.store.save_snapshot(policy.version.epoch, policy.version.n, encode_policy(policy))
    rig.server.publish(policy, rig.now, ())
    node.agent = Agent(node.identity, MemoryKeyRing(), station, ports)
    node.agent.start(rig.now)
    rig.post(*(InputChanged("contact", door.door, False) for door in DOORS))
    node.connect()
    rig.settle()
    rig.asked.clear()
    return rig


def inputs(rig: AgentRig, *kinds: type) -> list[object]:
    return [record.input for record in rig.records() if isinstance(record.input, kinds)]


def contact(is_open: bool, door: str = "hall-door") -> InputChanged:
    return InputChanged("contact", door, is_open)


def test_a_rattling_contact_makes_few_records_and_rests_at_its_true_level(rig: AgentRig) -> None:
    before = len(rig.records())
    for n in range(400):
        rig.true_us += SECOND_US // 20
        rig.post(contact(n % 2 == 0))
    assert len(inputs(rig, ContactRattling)) == 1
    assert len(rig.records()) - before <= SINGLE_CHANGES + 10
    deadline_us = rig.wait(0.1)
    assert deadline_us is not None
    rig.wait(REST_US / SECOND_US)
    assert inputs(rig, DoorContact)[-1] == DoorContact("hall-door", False)
    assert rig.agent.engine.state.doors["hall-door"].position == "closed"


def test_the_agents_deadline_brings_the_rest_without_any_stimulus(rig: AgentRig) -> None:
    for n in range(61):
        rig.post(contact(n % 2 == 0))
    rig.settle()
    told = len(inputs(rig, DoorContact))
    for _ in range(200):
        deadline_us = rig.post()
        assert deadline_us is not None
        rig.true_us += max(1, deadline_us - rig.now.mono_us)
        if len(inputs(rig, DoorContact)) > told:
            break
    assert inputs(rig, DoorContact)[-1] == DoorContact("hall-door", True)


def test_a_chattering_exit_button_still_unlocks_each_time_it_counts(rig: AgentRig) -> None:
    for _ in range(20):
        rig.true_us += SECOND_US // 20
        rig.post(rig.rex())
    assert rig.unlocked() == ["hall-door"] * 5
    assert len(inputs(rig, RexPressed)) == 5


def test_a_lockdown_button_reaches_the_core_with_its_area(rig: AgentRig) -> None:
    rig.post(InputChanged("lockdown", "hall", True))
    rig.post(InputChanged("lockdown", "", False))
    assert LockdownInput("hall", True) in inputs(rig, LockdownInput)
    assert InputRecorded("hall", "lockdown", True) in rig.events(InputRecorded)
    assert rig.agent.engine.state.lockdowns == {"hall": "input"}


def test_a_lockdown_stands_while_the_board_of_its_button_is_dead(rig: AgentRig) -> None:
    rig.post(InputChanged("lockdown", "hall", True))
    rig.post(DeviceChanged("relay-1", "board", False, "unplugged"))
    rig.post(rig.card(STAFF))
    assert rig.unlocked() == []
    rig.post(DeviceChanged("relay-1", "board", True), InputChanged("lockdown", "hall", False))
    assert rig.agent.engine.state.lockdowns == {"hall": "input"}, "only Release ends it"
    rig.post(rig.rex())
    assert rig.unlocked() == ["hall-door"]


@pytest.mark.parametrize("supervisor", [True, False])
def test_a_commands_supervisor_reaches_the_record(rig: AgentRig, supervisor: bool) -> None:
    rig.server.command(UnlockDoor(door="hall-door", reason="test"), rig.now, supervisor=supervisor)
    rig.settle()
    arrived = inputs(rig, CommandArrived)[-1]
    assert isinstance(arrived, CommandArrived)
    assert arrived.supervisor is supervisor


def patterns(rig: AgentRig, point: str) -> list[str]:
    return [asked.pattern for asked in rig.asked if asked.act == "indicate" and asked.subject == point]


def test_once_a_lease_has_ended_entries_show_it_after_every_other_pattern_and_after_a_restart() -> None:
    rig = AgentRig()
    rig.node.cut()
    due_us = rig.post()
    for _ in range(100):  # time alone
        if rig.agent.engine.state.degraded:
            break
        assert due_us is not None
        rig.true_us += max(1, due_us - rig.true_us)
        due_us = rig.post()
    assert patterns(rig, "hall-in") == ["degraded"]
    rig.post(contact(True))  # forced: the alarm
    rig.post(contact(False))  # closed: off
    assert patterns(rig, "hall-in") == ["degraded", "alarm", "degraded"]
    assert patterns(rig, "hall-out") == ["alarm", "off"]
    rig.asked.clear()
    rig.restart()
    assert "degraded" in patterns(rig, "hall-in")
    assert "degraded" not in patterns(rig, "hall-out")
    rig.node.connect()
    rig.settle()
    rig.server.say_lease(rig.now)
    rig.settle()
    assert rig.agent.engine.state.degraded == ()
    assert patterns(rig, "hall-in")[-1] == "off"


def test_the_status_says_what_holds_and_what_does_not(rig: AgentRig) -> None:
    rig.wait(2)
    rig.settle()
    status = rig.server.status
    assert status is not None
    assert tuple(status.guarantees) == GUARANTEES
    assert status.guarantees["journal"] == status.guarantees["link"] == status.guarantees["lease_staff"] == HOLDS
    rig.node.journal.failing = "disk full"
    rig.post(rig.rex())
    rig.wait(2)
    rig.settle()
    assert rig.server.status is not None
    assert rig.server.status.guarantees["journal"] == "disk full"


def test_who_passes_is_on_the_board_at_once_with_number_and_guarantees(rig: AgentRig, board: Board) -> None:
    rig.wait(1)
    rig.post(rig.card(STAFF))
    rig.wait(1)
    rig.post(contact(True))
    rig.wait(0.3)
    last = board.shown[-1]
    number = next(badge.number for badge in first_policy(SITE).badges if badge.holder == STAFF)
    assert [person.number for person in muster_of(last).people] == [number]
    assert last.at_us == rig.now.wall_us
    assert tuple(last.guarantees) == GUARANTEES


def test_what_is_shown_does_not_change_afterwards(rig: AgentRig, board: Board) -> None:
    rig.wait(1)
    before = board.shown[-1]
    kept = msgspec.json.encode(before)
    rig.post(rig.card(STAFF))
    rig.post(contact(True))
    rig.wait(1)
    assert msgspec.json.encode(before) == kept
    assert board.shown[-1].state is not before.state


def test_the_board_is_shown_again_each_second_and_not_at_each_step(rig: AgentRig, board: Board) -> None:
    rig.wait(5)
    board.shown.clear()
    for _ in range(100):
        rig.wait(0.01)
    assert len(board.shown) <= 2
    for _ in range(5):
        rig.wait(SHOW_AGAIN_US / SECOND_US)
    assert len(board.shown) >= 5


def test_a_broken_board_is_a_warning_and_doors_open(rig: AgentRig, board: Board) -> None:
    board.broken = True
    rig.wait(2)
    rig.post(rig.card(STAFF))
    assert rig.unlocked() == ["hall-door"]
    rig.wait(2)
    rig.settle()
    assert rig.server.status is not None
    assert any("no room on the board" in warning for warning in rig.server.status.warnings)
    board.broken, board.fault = False, "muster page: port taken"
    rig.wait(40)
    rig.settle()
    assert rig.server.status is not None
    assert rig.server.status.warnings[-1] == "muster page: port taken"


def board_faults(rig: AgentRig) -> list[tuple[str, object]]:
    """(raised or cleared, cause) of the door's BOARD_FAULT, in order."""
    found = [event for record in rig.records() for event in record.events]
    return [
        ("raised", event.inputs["cause"]) if isinstance(event, AlarmRaised) else ("cleared", None)
        for event in found
        if isinstance(event, AlarmRaised | AlarmCleared)
        and (event.alarm, event.subject) == ("BOARD_FAULT", "hall-door")
    ]


def test_a_lock_that_is_read_back_unlocked_after_its_time_is_a_fault_of_the_door_until_it_locks(rig: AgentRig) -> None:
    rig.post(rig.card(STAFF))
    rig.post(LockRead("hall-door", unlocked=True, asked=True))
    rig.wait(6)
    rig.post(LockRead("hall-door", unlocked=True, asked=False))
    assert board_faults(rig) == [("raised", "not relocked")]
    before = len(rig.records())
    rig.post(LockRead("hall-door", unlocked=True, asked=False))
    assert len(rig.records()) == before, "the same word again makes no record"
    rig.post(LockRead("hall-door", unlocked=False, asked=False))
    assert board_faults(rig) == [("raised", "not relocked"), ("cleared", None)]


def test_a_read_of_before_the_last_command_to_the_lock_neither_raises_nor_clears(rig: AgentRig) -> None:
    rig.post(LockRead("hall-door", unlocked=True, asked=False))
    rig.post(rig.card(STAFF))
    rig.post(LockRead("hall-door", unlocked=True, asked=False), LockRead("hall-door", unlocked=False, asked=False))
    assert board_faults(rig) == [("raised", "not relocked")], "the board did not know of the grant yet"
    rig.wait(6)
    rig.post(LockRead("hall-door", unlocked=True, asked=True))
    assert board_faults(rig) == [("raised", "not relocked")], "nor that it is over"


def test_a_door_that_fire_holds_is_unlocked_as_asked(rig: AgentRig) -> None:
    rig.post(InputChanged("fire", "z1", True))
    before = len(rig.records())
    rig.post(LockRead("hall-door", unlocked=True, asked=True))
    assert len(rig.records()) == before
    rig.post(LockRead("hall-door", unlocked=False, asked=True))
    assert board_faults(rig) == [("raised", "not unlocked")]


def test_a_lock_that_works_is_read_back_without_a_record(rig: AgentRig) -> None:
    rig.post(rig.card(STAFF))
    before = len(rig.records())
    for _ in range(50):
        rig.post(LockRead("hall-door", unlocked=True, asked=True))
    assert len(rig.records()) == before
