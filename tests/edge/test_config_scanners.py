"""[[scanners]] in edge.toml: what is accepted, and one clear line for everything that is not."""

import msgspec
import pytest

from controller.site import AccessPoint, Area, Door, Site
from edge.config import ConfigError, ScannerLine, door_hardware, hardware_digest, parse_config, policy_mismatches
from tests.edge.test_config import WHOLE

SCANNERS = """
[[scanners]]
id = "scanner-1"
access_point = "hall-out"
driver = "serial-scanner"
port = "/dev/scanner-1"
[[scanners]]
id = "scanner-2"
access_point = "hall-in"
driver = "serial-scanner"
port = "/dev/scanner-2"
baud = 115200
terminator = "crlf"
aim_prefix = true
green = {board = "relay-1", channel = 6}
"""
SITE = Site(
    "demo",
    "UTC",
    (Area("outside", public=True), Area("hall")),
    (Door("hall-door"),),
    (
        AccessPoint("hall-in", "hall-door", "outside", "hall"),
        AccessPoint("hall-out", "hall-door", "hall", "outside", out=True),
    ),
)


def test_scanners_are_read_with_their_defaults() -> None:
    one, two = parse_config(WHOLE + SCANNERS).scanners
    assert one == ScannerLine("scanner-1", "hall-out", "serial-scanner", "/dev/scanner-1", 9600, "auto", False)
    assert (two.baud, two.terminator, two.aim_prefix) == (115_200, "crlf", True)


def test_every_door_is_told_which_access_points_have_a_scanner() -> None:
    assert [door.scanners for door in door_hardware(parse_config(WHOLE + SCANNERS))] == [("hall-in", "hall-out")]
    assert [door.scanners for door in door_hardware(parse_config(WHOLE))] == [()]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (SCANNERS.replace("serial-scanner", "keyboard"), "scanners 'scanner-1': unknown driver 'keyboard'; use serial-scanner"),
        (SCANNERS.replace("115200", "0"), "scanners 'scanner-2': baud 0; write the scanner's rate, such as 9600"),
        (SCANNERS.replace('"crlf"', '"enter"'), "scanners 'scanner-2': terminator 'enter'; use one of auto, cr, lf, crlf, tab, stx-etx"),
        (SCANNERS.replace('"hall-out"', '""'), "scanners 'scanner-1': access_point is empty"),
        (SCANNERS.replace('access_point = "hall-out"\n', ""), "key 'access_point' is missing"),
        (SCANNERS.replace("scanner-2", "scanner-1"), "scanners: id 'scanner-1' is used twice"),
        (SCANNERS.replace('"scanner-1"', '"relay-1"'), "id 'relay-1' names a board and a scanner"),
        (SCANNERS.replace('"scanner-1"', '"hall-reader"'), "id 'hall-reader' names a reader and a scanner"),
        (SCANNERS.replace('"scanner-1"', '"a b"'), "scanners id 'a b': use 1 to 64 letters"),
        (SCANNERS.replace("/dev/scanner-1", "/dev/reader-1"), "port '/dev/reader-1' is used twice"),
        (SCANNERS.replace("channel = 6", "channel = 4"), "channel 4 of 'relay-1' is already readers 'hall-reader' green"),
        (SCANNERS.replace("channel = 6", "channel = 9"), "scanners 'scanner-2' green: channel 9 of 'relay-1'; it has 0 to 7"),
        (SCANNERS + 'prefix = "]"\n', "unknown key 'prefix'"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_scanner_is_one_line(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as refusal:
        parse_config(WHOLE + text)
    assert "\n" not in str(refusal.value)


def test_a_desk_has_no_scanner() -> None:
    desk = 'role = "desk"\n' + WHOLE[: WHOLE.index("[[boards]]")]
    reader = '[[readers]]\nid = "desk"\ndriver = "pn532"\nport = "/dev/r"\n'
    with pytest.raises(ConfigError, match='scanners: an edge with role = "desk" has no goods door'):
        parse_config(desk + reader + SCANNERS.replace("green", "#"))


def test_the_digest_tells_scanners_but_not_their_ports_and_without_any_is_as_before() -> None:
    config = parse_config(WHOLE + SCANNERS)
    moved = parse_config(WHOLE + SCANNERS.replace("/dev/scanner-1", "/dev/elsewhere"))
    turned = msgspec.structs.replace(config, scanners=config.scanners[::-1])
    assert hardware_digest(moved) == hardware_digest(turned) == hardware_digest(config)
    assert hardware_digest(parse_config(WHOLE + SCANNERS.replace("crlf", "lf"))) != hardware_digest(config)
    assert hardware_digest(parse_config(WHOLE)) != hardware_digest(config)


@pytest.mark.parametrize("point", ["nowhere", "yard-in"])
def test_a_policy_that_has_the_scanners_access_point_not_at_a_door_of_ours_does_not_fit(point: str) -> None:
    site = msgspec.structs.replace(
        SITE,
        doors=(*SITE.doors, Door("yard-door", edge="edge-2")),
        access_points=(*SITE.access_points, AccessPoint("yard-in", "yard-door", "outside", "hall")),
    )
    assert policy_mismatches(parse_config(WHOLE + SCANNERS), site) == []
    text = WHOLE + SCANNERS.replace('"hall-out"', f'"{point}"')
    (line,) = policy_mismatches(parse_config(text), site)
    assert line.startswith(f"scanner of edge.toml at '{point}': no door of this edge has such an access point")
