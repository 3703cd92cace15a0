"""An edge with role desk: its file, its keys, its reader's thread, and the agent between server and card."""

import threading
from pathlib import Path

import pytest

from controller.commands import EncodeCard
from controller.events import CardEncoded, CommandDone, EncodingStarted
from controller.inputs import EncodingEnded
from controller.now import SECOND_US
from controller.policy import credential_key
from controller.site import AccessPoint, Area, Door, Site
from edge.__main__ import build
from edge.agent import Agent
from edge.config import ConfigError, ReaderLine, hardware_digest, parse_config, policy_mismatches
from edge.desk import DeskThread
from edge.keys import Bundle, BundleFile, KeyFileError, make_private_key
from edge.ports import DeviceChanged, Stimulus, WritingEnded
from edge.station import Ports, Station
from edge.stimuli import inputs_of
from readers.encoder import EncodingResult
from sim.memory import MemoryKeyRing
from sim.memory_server import COMMAND_LIFE_US
from tests.edge.agent_rig import AgentRig

DESK = """
site = "demo"
edge = "desk-1"
role = "desk"
state_dir = "state"
bundle = "edge.bundle"
[broker]
url = "mqtt://127.0.0.1:1883"
[[readers]]
id = "desk-reader"
driver = "pn532"
port = "/dev/desk"
"""
HASH_KEY = b"h" * 32
LINE = ReaderLine(id="desk-reader", driver="pn532", port="/dev/none")
WRITING = {"desfire_picc": "11" * 16, "desfire_app": "22" * 16, "desfire_read": "33" * 16}


def bundle_of(card_keys: dict[str, str], edge: str = "desk-1") -> Bundle:
    seed, public_key = make_private_key()
    file = BundleFile(
        site="demo",
        edge=edge,
        epoch=1,
        kid=f"edge:{edge}",
        private_key=seed,
        root_public_key=public_key,
        hash_key=HASH_KEY.hex(),
        card_keys=card_keys,
    )
    return Bundle(file, "edge.bundle")


def test_a_desk_needs_no_more_than_a_reader() -> None:
    config = parse_config(DESK)
    assert config.desk == "desk-reader"
    assert config.readers[0].credentials == ("desfire",)
    door = DESK.replace('role = "desk"\n', "").replace('id = "desk-reader"', 'id = "desk-reader"\naccess_point = "x"')
    assert parse_config(door).desk == ""
    assert hardware_digest(config) != hardware_digest(parse_config(door))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (DESK.replace('port =', 'access_point = "x"\nport ='), "a desk's reader serves no access point; remove"),
        (DESK.replace('port =', 'credentials = ["uid"]\nport ='), "a desk writes desfire cards; remove credentials"),
        (DESK[: DESK.index("[[readers]]")], "has one reader, that writes cards; this file has 0"),
        (DESK + '[[readers]]\nid = "b"\ndriver = "pn532"\nport = "/dev/b"\n', "this file has 2"),
        (DESK.replace('role = "desk"\n', ""), "access_point is missing; name the one in the site file"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_desks_file_is_said_in_one_line(text: str, line: str) -> None:
    with pytest.raises(ConfigError, match=line):
        parse_config(text)


def test_a_desk_runs_under_any_policy_of_its_site() -> None:
    site = Site(
        id="demo",
        time_zone="Asia/Shanghai",
        areas=(Area("lobby"), Area("hall")),
        doors=(Door("hall-door", edge="edge-1"),),
        access_points=(AccessPoint("hall-in", "hall-door", "lobby", "hall"),),
    )
    assert policy_mismatches(parse_config(DESK), site) == []


def test_a_door_does_not_start_with_the_keys_that_make_badges(tmp_path: Path) -> None:
    door = DESK.replace('role = "desk"\n', "").replace('id = "desk-reader"', 'id = "desk-reader"\naccess_point = "x"')
    with pytest.raises(KeyFileError, match="holds desfire_picc, desfire_app, with which badges are made") as refused:
        build(parse_config(door.replace('"state"', f'"{tmp_path}"')), bundle_of(WRITING))
    assert "22" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


class OneCard:
    """Finds the card that the test laid down, once."""

    def __init__(self) -> None:
        self.carries = ""
        self.result: EncodingResult | None = None

    def open(self) -> None:
        pass

    def rest(self) -> None:
        pass

    def look(self, number: str, may_replace: object) -> EncodingResult | None:
        if self.carries:
            assert callable(may_replace)
            return EncodingResult(
                "encoded" if may_replace(self.carries) else "CARD_BOUND", self.carries, "read", "bound"
            )
        return EncodingResult("encoded", number)

    def close(self) -> None:
        pass


class Told:
    def __init__(self) -> None:
        self.stimuli: list[Stimulus] = []
        self._more = threading.Condition()

    def post(self, stimulus: Stimulus) -> None:
        with self._more:
            self.stimuli.append(stimulus)
            self._more.notify_all()

    def wait_for(self, count: int) -> list[Stimulus]:
        with self._more:
            assert self._more.wait_for(lambda: len(self.stimuli) >= count, 10)
            return list(self.stimuli)


@pytest.mark.parametrize(
    ("replaces", "outcome"),
    [
        (None, "CARD_BOUND"),
        (credential_key(HASH_KEY, "desfire", "B-9"), "CARD_BOUND"),
        (credential_key(HASH_KEY, "desfire", "B-2"), "encoded"),
    ],
)
def test_only_the_card_that_the_server_names_may_be_written_over(replaces: bytes | None, outcome: str) -> None:
    told, encoder = Told(), OneCard()
    encoder.carries = "B-2"
    desk = DeskThread(LINE, {}, HASH_KEY, told.post, lambda: 5, make=lambda *_: encoder)
    desk.write("c1", "A-1", replaces, 100)
    desk.thread.start()
    stimuli = told.wait_for(2)
    assert desk.thread.stop(10)
    assert DeviceChanged("desk-reader", "reader", True) in stimuli
    assert WritingEnded("c1", outcome, "desfire", "B-2", "read") in stimuli


def test_what_the_card_carries_goes_on_as_a_keyed_hash() -> None:
    hashed = credential_key(HASH_KEY, "desfire", "A-1")
    assert list(inputs_of(WritingEnded("c1", "encoded", "desfire", "A-1"), HASH_KEY)) == [
        EncodingEnded("c1", "encoded", "desfire", hashed)
    ]
    card = credential_key(HASH_KEY, "uid", "04A1B2C3D4E5F6")
    told = WritingEnded("c1", "CARD_REFUSED", "desfire", "", "file", "04A1B2C3D4E5F6")
    assert list(inputs_of(told, HASH_KEY)) == [EncodingEnded("c1", "CARD_REFUSED", "desfire", None, "file", card)]


Asked = tuple[str, str, bytes | None, int]


class DeskRig(AgentRig):
    """The agent of a desk, whose reader the test plays."""

    def __init__(self) -> None:
        super().__init__(start=False)
        self.written: list[Asked] = []
        self.start_process()
        self.node.connect()
        self.settle()

    def write(self, command_id: str, number: str, replaces: bytes | None, until_mono_us: int) -> None:
        """As :class:`edge.ports.Desk`. The order stands in the journal already."""
        assert [event.command_id for event in self.events(EncodingStarted)][-1] == command_id
        self.written.append((command_id, number, replaces, until_mono_us))

    def start_process(self) -> None:
        node = self.node
        station = Station(
            (), "digest", node.boot_id, "test", lambda site: [], readers=("desk-reader",), desk="desk-reader"
        )
        ports = Ports(node.journal, node.store, node.link, node.locks, node.random, self)
        node.agent = Agent(node.identity, MemoryKeyRing(), station, ports)
        node.agent.start(self.now)

    def results(self) -> list[tuple[str, str, str]]:
        return [
            (done.command_id, done.result, done.because.reason if done.because else "")
            for done in self.events(CommandDone)
        ]


def test_a_signed_command_reaches_the_reader_and_its_record_the_server() -> None:
    rig = DeskRig()
    command_id = rig.server.command(EncodeCard("bdg_1", "A-1", b"old"), rig.now)
    rig.settle()
    assert rig.written == [(command_id, "A-1", b"old", rig.now.mono_us + COMMAND_LIFE_US)]
    rig.post(WritingEnded(command_id, "encoded", "desfire", "A-1"))
    rig.settle()
    assert rig.results() == [(command_id, "done", "")]
    encoded = rig.events(CardEncoded)
    assert [(one.badge, one.number, one.operator) for one in encoded] == [("bdg_1", "A-1", "op_1")]
    assert encoded[0].credential == credential_key(rig.node.identity.hash_key, "desfire", "A-1")
    assert rig.agent.outbox.acked == rig.node.journal.last_seq


def test_the_same_command_again_writes_nothing() -> None:
    rig = DeskRig()
    command_id = rig.server.command(EncodeCard("bdg_1", "A-1"), rig.now)
    rig.settle()
    rig.post(WritingEnded(command_id, "encoded", "desfire", "A-1"))
    rig.server.command(EncodeCard("bdg_1", "A-1"), rig.now, command_id=command_id)
    rig.settle()
    assert len(rig.written) == 1
    assert rig.agent.refused_messages == {"replayed": 1}


def test_a_command_for_another_session_writes_nothing() -> None:
    rig = DeskRig()
    rig.server.command(EncodeCard("bdg_1", "A-1"), rig.now, session="s" * 32)
    rig.settle()
    assert rig.written == []
    assert rig.agent.refused_messages == {"wrong_session": 1}


def test_nothing_is_written_on_a_full_disk() -> None:
    rig = DeskRig()
    rig.node.journal.failing = "disk full"
    rig.server.command(EncodeCard("bdg_1", "A-1"), rig.now)
    rig.settle()
    assert rig.written == []


def test_killed_while_it_writes_the_desk_says_so_and_the_next_command_finishes_the_card() -> None:
    rig = DeskRig()
    first = rig.server.command(EncodeCard("bdg_1", "A-1"), rig.now)
    rig.settle()
    rig.node.kill()
    rig.start_process()
    assert rig.results() == [(first, "refused", "ENCODING_INTERRUPTED")]
    rig.node.connect()
    rig.settle()
    second = rig.server.command(EncodeCard("bdg_1", "A-1"), rig.now)
    rig.settle()
    rig.post(WritingEnded(first, "encoded", "desfire", "A-1"))  # of the process before: nobody waits for it
    rig.post(WritingEnded(second, "encoded", "desfire", "A-1"))
    assert rig.results()[1:] == [(second, "done", "")]
    assert [one.command_id for one in rig.events(CardEncoded)] == [second]


def test_a_dead_reader_ends_the_command_after_its_life() -> None:
    rig = DeskRig()
    command_id = rig.server.command(EncodeCard("bdg_1", "A-1"), rig.now)
    rig.settle()
    rig.wait(COMMAND_LIFE_US / SECOND_US)
    assert rig.results() == []
    rig.wait(16)
    assert rig.results() == [(command_id, "refused", "DESK_READER_FAILED")]


def test_the_status_shows_the_desks_reader() -> None:
    rig = DeskRig()
    rig.post(DeviceChanged("desk-reader", "reader", True))
    rig.wait(2)
    rig.settle()
    assert rig.server.status is not None
    assert rig.server.status.readers == {"desk-reader": "working"}
    assert rig.server.status.doors == {}
