"""The simulator's own reading of edge.toml."""

import pytest

from sim.wiring import Input, Output, WiringError, parse_wiring

GOOD = """
site = "s"
[[boards]]
id = "b"
driver = "modbus-rtu"
port = "/dev/x"
[[boards]]
id = "l"
driver = "lcus"
[[doors]]
id = "d"
lock = {board = "b", channel = 0}
contact = {board = "b", input = 0, active = "open"}
[[readers]]
id = "r"
access_point = "a"
green = {board = "l", channel = 3}
[[fire]]
zone = "z"
input = {board = "b", input = 7, active = "open"}
"""


def test_it_reads_what_copper_would_know_and_passes_over_the_rest() -> None:
    wiring = parse_wiring(GOOD)
    assert wiring.outputs() == [("lock of d", Output("b", 0)), ("green of r", Output("l", 3))]
    assert wiring.inputs() == [("contact of d", Input("b", 0, "open")), ("fire zone z", Input("b", 7, "open"))]


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ('board = "b", channel = 0', 'board = "x", channel = 0', "lock of d: there is no board 'x'; there are b, l"),
        ("channel = 0", "channel = 8", "lock of d: b has no relay 8; it has 8"),
        ('board = "b", input = 7', 'board = "l", input = 7', "fire zone z: l has no input 7; it has 0"),
        ("input = 7", "input = 0", "input 0 of b is wired to both contact of d and fire zone z"),
        ('driver = "lcus"', 'driver = "numato"', "board l: no simulated board speaks 'numato'"),
        ('id = "r"', 'id = "d"', "the name 'd' is used 2 times"),
        ('active = "open"', 'active = "ajar"', "Invalid enum value 'ajar'"),
        ("[[fire]]", "[[fire", "edge.toml"),
    ],
)
def test_what_cannot_be_wired_is_one_line(old: str, new: str, line: str) -> None:
    with pytest.raises(WiringError) as caught:
        parse_wiring(GOOD.replace(old, new, 1))
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)
