"""edge.toml: what is accepted, and one clear line for everything that is not."""

from pathlib import Path

import pytest

from controller.site import AccessPoint, Area, Door, DoorHardware, Site
from edge.config import (
    ConfigError,
    door_hardware,
    hardware_digest,
    load_config,
    parse_config,
    policy_mismatches,
    stuck_unlock_doors,
    unsupervised_inputs,
)

HEAD = """
site = "demo"
edge = "edge-1"
state_dir = "state"
bundle = "edge.bundle"
[broker]
url = "mqtt://127.0.0.1:1883"
"""
BOARD = """
[[boards]]
id = "relay-1"
driver = "modbus-rtu"
port = "/dev/relay-1"
"""
LATCHING = """
[[boards]]
id = "relay-2"
driver = "lcus"
port = "/dev/relay-2"
"""
DOOR = """
[[doors]]
id = "hall-door"
lock = {board = "relay-1", channel = 0}
egress = "mechanical"
contact = {board = "relay-1", input = 0, active = "open"}
rex = {board = "relay-1", input = 1, active = "closed"}
fire_zones = ["z1"]
"""
READER = """
[[readers]]
id = "hall-reader"
access_point = "hall-in"
driver = "pn532"
port = "/dev/reader-1"
green = {board = "relay-1", channel = 4}
"""
FIRE = """
[[fire]]
zone = "z1"
input = {board = "relay-1", input = 7, active = "open"}
"""
WHOLE = HEAD + BOARD + DOOR + READER + FIRE
LATCHED_DOOR = HEAD + LATCHING + '[[doors]]\nid = "d"\nlock = {board = "relay-2", channel = 0}\n'


def test_a_whole_file_is_read() -> None:
    config = parse_config(WHOLE)
    assert (config.site, config.edge, config.role) == ("demo", "edge-1", "door")
    assert (config.broker.host, config.broker.port, config.broker.tls) == ("127.0.0.1", 1883, False)
    assert door_hardware(config) == (
        DoorHardware("hall-door", fire_zones=("z1",), fire_boards=(("z1", "relay-1"),), contact_board="relay-1"),
    )
    assert unsupervised_inputs(config) == ["doors 'hall-door' contact", "doors 'hall-door' rex", "fire zone 'z1'"]
    assert stuck_unlock_doors(config) == []


def test_a_latching_board_is_taken_on_a_fail_secure_door_only_by_decision() -> None:
    config = parse_config(
        LATCHED_DOOR + 'relay_by = "edge"\n'.replace("relay", "relock") + "accept_stuck_unlock = true\n"
    )
    assert stuck_unlock_doors(config) == ["d"]
    assert not stuck_unlock_doors(parse_config(LATCHED_DOOR + 'fail = "safe"\nrelock_by = "edge"\n'))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("site = ", "not valid TOML"),
        (WHOLE.replace('egress = "', 'egres = "'), r"doors\[0\]?.*unknown key 'egres'; remove it or correct its spelling"),
        ("colour = 1\n" + WHOLE, "unknown key 'colour'"),
        (WHOLE.replace('site = "demo"\n', ""), "key 'site' is missing; add it"),
        (WHOLE.replace('edge = "edge-1"', "edge = 1"), "edge: expected `str`, got `int`; correct the value"),
        (WHOLE.replace('"edge-1"', '"../x"'), r"edge '../x': use 1 to 64 letters"),
        (WHOLE.replace('"secure"', "1") + DOOR.replace("lock =", 'fail = "never"\nlock ='), "invalid enum value 'never'"),
        (WHOLE.replace("mqtt://127.0.0.1:1883", "127.0.0.1"), "broker.url '127.0.0.1': write mqtt://HOST:PORT"),
        (WHOLE.replace("1883", "99999"), "broker.url .*: write mqtt"),
        (WHOLE.replace("mqtt://", "mqtts://"), "broker.ca is missing; mqtts needs the CA"),
        (HEAD + 'ca = "ca.pem"\n', "not encrypted but certificates are given; write mqtts://"),
        (HEAD.replace("mqtt:", "mqtts:") + 'ca = "a"\nkey = "b"\n', "certificate and broker.key go together"),
        (HEAD + 'password_file = "p"\n', "broker.username is missing"),
        (WHOLE.replace("modbus-rtu", "gpio"), "unknown driver 'gpio'; use one of kmtronic, lcus, modbus-rtu"),
        (WHOLE + BOARD, "boards: id 'relay-1' is used twice"),
        (WHOLE + LATCHING.replace("/dev/relay-2", "/dev/relay-1"), "port '/dev/relay-1' is used twice"),
        (WHOLE.replace('"hall-reader"', '"relay-1"'), "id 'relay-1' names a board and a reader"),
        (WHOLE + DOOR.replace("hall-door", "cage"), "channel 0 of 'relay-1' is already doors 'hall-door' lock"),
        (WHOLE.replace("channel = 4", "channel = 0"), "readers 'hall-reader' green: channel 0 .* is already doors"),
        (WHOLE.replace("input = 1,", "input = 0,"), "doors 'hall-door' rex: input 0 .* is already doors 'hall-door' contact"),
        (WHOLE.replace("input = 7", "input = 8"), "input 8 of 'relay-1'; it has 0 to 7"),
        (WHOLE.replace("channel = 4", "channel = 8"), "channel 8 of 'relay-1'; it has 0 to 7"),
        (WHOLE.replace('board = "relay-1", channel = 4', 'board = "x", channel = 4'), r"green: no board 'x'; add it"),
        (WHOLE + LATCHING + FIRE.replace("z1", "z2").replace("relay-1", "relay-2"), "that board has no inputs"),
        (WHOLE.replace('egress = "mechanical"\n', ""), "'hall-door': a way out without egress"),
        (LATCHED_DOOR, 'relock_by = "board", but board .relay-2. has no timed pulse; write relock_by = "edge"'),
        (LATCHED_DOOR + 'relock_by = "edge"\n', "if the edge dies during an unlock, .* write accept_stuck_unlock = true"),
        (WHOLE.replace(FIRE, ""), "fire zone 'z1' has no input; add a"),
        (WHOLE.replace('input = 7, active = "open"', 'input = 7, active = "closed"'), "would miss a cut wire"),
        (WHOLE + FIRE.replace("input = 7", "input = 6"), "fire: zone 'z1' is listed twice"),
        (WHOLE.replace('edge = "edge-1"', 'edge = "edge-1"\nrole = "desk"'), "encodes badges and has no doors"),
        (WHOLE.replace('driver = "pn532"', 'driver = "pn532"\ncredentials = []'), "credentials is empty"),
        (WHOLE.replace("/dev/relay-1\"", "/dev/relay-1\"\nunit = 0"), "Modbus addresses are 1 to 247"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_line(text: str, line: str) -> None:
    with pytest.raises(ConfigError, match=line) as error:
        parse_config(text, "edge.toml")
    assert str(error.value).startswith("edge.toml: ")
    assert "\n" not in str(error.value)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "edge.toml").write_text(WHOLE)
    (tmp_path / "edge.bundle").write_text("")
    (tmp_path / "edge.bundle").chmod(0o600)
    return tmp_path


def test_paths_are_taken_from_the_files_folder(folder: Path) -> None:
    config = load_config(folder / "edge.toml")
    assert config.bundle == str(folder / "edge.bundle")
    assert config.journal_path == folder / "state" / "journal.db"
    assert config.policy_path == folder / "state" / "policy.db"


def test_a_file_that_is_not_there_is_said_in_one_line(folder: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"nothing.toml: cannot be read \(No such file or directory\); name an edge.toml"
    ):
        load_config(folder / "nothing.toml")
    (folder / "edge.bundle").unlink()
    with pytest.raises(ConfigError, match=r"bundle: no file .*; make it with `menjin edge enrol`"):
        load_config(folder / "edge.toml")


def test_a_bundle_that_others_can_read_is_refused(folder: Path) -> None:
    (folder / "edge.bundle").chmod(0o640)
    with pytest.raises(ConfigError, match=r"mode 640 lets others use a secret; run chmod 600"):
        load_config(folder / "edge.toml")


def test_certificates_that_are_not_there_are_named(folder: Path) -> None:
    (folder / "edge.toml").write_text(WHOLE.replace('url = "mqtt:', 'ca = "ca.pem"\nurl = "mqtts:'))
    with pytest.raises(ConfigError, match=r"broker.ca: no file .*ca.pem; correct the path"):
        load_config(folder / "edge.toml")


def test_the_digest_is_of_the_hardware_not_of_the_file() -> None:
    digest = hardware_digest(parse_config(WHOLE))
    assert digest == hardware_digest(parse_config(HEAD + READER + FIRE + BOARD + DOOR))
    assert digest == hardware_digest(parse_config(WHOLE.replace("/dev/relay-1", "/dev/other").replace("1883", "1884")))
    assert digest != hardware_digest(parse_config(WHOLE.replace("mechanical", "hardwired")))
    assert digest != hardware_digest(parse_config(WHOLE.replace("input = 1,", "input = 2,")))


def site(**changes: object) -> Site:
    fields: dict[str, object] = {
        "id": "demo",
        "time_zone": "Asia/Shanghai",
        "areas": (Area("lobby"), Area("hall")),
        "doors": (Door("hall-door"), Door("served-by-another-edge")),
        "access_points": (
            AccessPoint("hall-in", "hall-door", "lobby", "hall"),
            AccessPoint("hall-out", "hall-door", "hall", "lobby", out=True),
        ),
    }
    return Site(**{**fields, **changes})  # type: ignore[arg-type]


def test_a_site_that_fits_has_no_mismatch() -> None:
    assert policy_mismatches(parse_config(WHOLE), site()) == []


def test_each_mismatch_between_site_and_hardware_is_named() -> None:
    without_egress = DOOR.replace('egress = "mechanical"\n', "").replace("rex = ", "tamper = ")
    config = parse_config(HEAD + BOARD + without_egress + READER + FIRE)
    assert policy_mismatches(config, site()) == [
        "door 'hall-door' has the way out 'hall-out' but no egress; set egress = \"mechanical\" or \"hardwired\""
    ]
    mismatches = policy_mismatches(parse_config(WHOLE), site(id="other", doors=(), access_points=()))
    assert len(mismatches) == 3
    assert [
        word in line for word, line in zip(("site 'other'", "door 'hall-door'", "'hall-in'"), mismatches, strict=True)
    ]
    given = policy_mismatches(
        parse_config(WHOLE), site(doors=(Door("hall-door", edge="another"), Door("x", edge="edge-1")))
    )
    assert [line.split(" in the site")[0] for line in given] == [
        "door 'hall-door' of edge.toml belongs to edge 'another'",
        "door 'x' belongs to this edge, 'edge-1',",
    ]
    moved = (AccessPoint("hall-in", "served-by-another-edge", "lobby", "hall"),)
    assert policy_mismatches(parse_config(WHOLE), site(access_points=moved)) == [
        "reader 'hall-reader' is for door 'served-by-another-edge', which edge.toml does not wire"
    ]


LOCKDOWN = """
[[lockdown]]
input = {board = "relay-1", input = 5, active = "closed"}
[[lockdown]]
area = "hall"
input = {board = "relay-1", input = 6, active = "open"}
"""
MUSTER = """
[muster]
listen = "127.0.0.1:8480"
password_file = "muster.password"
"""


def test_lockdown_inputs_are_read_and_unsupervised_ones_shown() -> None:
    config = parse_config(WHOLE + LOCKDOWN)
    assert [(line.area, line.input.input) for line in config.lockdown] == [("", 5), ("hall", 6)]
    assert unsupervised_inputs(config)[-2:] == ["lockdown of the site", "lockdown of area 'hall'"]
    assert hardware_digest(config) != hardware_digest(parse_config(WHOLE))


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (LOCKDOWN.replace('area = "hall"', ""), "lockdown: the site is listed twice"),
        (LOCKDOWN.replace("input = 6", "input = 5"), "is already lockdown of the site"),
        (LOCKDOWN.replace("input = 6", "input = 7"), "is already fire zone 'z1'"),
        (LOCKDOWN.replace('"hall"', '"a b"'), "lockdown area 'a b'"),
        (LOCKDOWN.replace("relay-1", "relay-9"), "no board 'relay-9'"),
        (LOCKDOWN.replace("area", "zone"), "unknown key 'zone'"),
        (MUSTER.replace("127.0.0.1:8480", "0.0.0.0:8480"), "would cross the network in clear"),
        (MUSTER.replace("127.0.0.1:8480", "edge-1.example:8480"), "would cross the network in clear"),
        (MUSTER.replace("127.0.0.1:8480", "127.0.0.1"), "write HOST:PORT"),
        (MUSTER.replace("127.0.0.1:8480", "[::1:8480"), "write HOST:PORT"),
        (MUSTER.replace("127.0.0.1:8480", "127.0.0.1:99999"), "write HOST:PORT"),
        (MUSTER.replace("127.0.0.1:8480", "a@127.0.0.1:8480"), "write HOST:PORT"),
        (MUSTER + 'certificate = "a.pem"\n', "muster.certificate and muster.key go together"),
        (MUSTER.replace('"muster.password"', '""'), "muster.password_file is empty"),
        (MUSTER.replace("password_file", "password"), "muster"),
    ],
)
def test_what_is_wrong_with_lockdown_and_muster_is_said_in_one_line(lines: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_config(WHOLE + lines)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("listen", ["127.0.0.1:8480", "[::1]:8480", "localhost:8480", "127.9.9.9:1"])
def test_without_tls_the_page_is_for_this_machine_only(listen: str) -> None:
    config = parse_config(WHOLE + MUSTER.replace("127.0.0.1:8480", listen))
    assert config.muster is not None
    assert config.muster.loopback
    parse_config(WHOLE + MUSTER.replace("127.0.0.1", "0.0.0.0") + 'certificate = "a.pem"\nkey = "a.key"\n')


def test_a_desk_has_nothing_to_lock_down() -> None:
    desk = HEAD.replace('edge = "edge-1"', 'edge = "edge-1"\nrole = "desk"')
    with pytest.raises(ConfigError, match="no doors to lock down"):
        parse_config(desk + BOARD + LOCKDOWN + '[[readers]]\nid = "r"\ndriver = "pn532"\nport = "/dev/r"\n')


def test_the_muster_pages_files_may_be_missing_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "edge.toml"
    path.write_text(WHOLE + MUSTER)
    bundle = tmp_path / "edge.bundle"
    bundle.write_text("")
    bundle.chmod(0o600)
    config = load_config(path)
    assert config.muster is not None
    assert config.muster.password_file == str(tmp_path / "muster.password")
    assert config.muster.certificate == ""


def test_a_lockdown_input_for_an_area_that_the_site_has_not_is_a_mismatch() -> None:
    config = parse_config(WHOLE + LOCKDOWN)
    site = Site(
        "demo",
        "UTC",
        (Area("outside", public=True), Area("room")),
        (Door("hall-door"),),
        (AccessPoint("hall-in", "hall-door", "outside", "room"),),
    )
    assert any("lockdown input for area 'hall'" in line for line in policy_mismatches(config, site))
