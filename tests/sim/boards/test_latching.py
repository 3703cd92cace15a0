"""The two latching USB boards: framing, resynchronisation, read-back."""

from hypothesis import given
from hypothesis import strategies as st

from sim.boards.kmtronic import KmTronic
from sim.boards.lcus import Lcus
from sim.boards.relays import Relays


def lcus(channel: int, state: int) -> bytes:
    return bytes([0xA0, channel, state, (0xA0 + channel + state) & 0xFF])


def test_kmtronic_switches_and_reports() -> None:
    firmware = KmTronic(Relays(input_count=0))
    assert firmware.receive(bytes.fromhex("FF 03 01"), 0.0) == b""
    assert firmware.receive(bytes.fromhex("FF 08 01 FF 09 00"), 0.0) == bytes([0, 0, 1, 0, 0, 0, 0, 1])
    assert firmware.receive(bytes.fromhex("FF 03 00"), 0.0) == b""
    assert firmware.relays.outputs == [False] * 7 + [True]


def test_kmtronic_finds_the_next_command_after_a_torn_one() -> None:
    firmware = KmTronic(Relays(input_count=0))
    firmware.receive(bytes.fromhex("FF 01 FF 02 01"), 0.0)
    assert firmware.relays.outputs[:2] == [False, True]


def test_lcus_switches_and_never_answers() -> None:
    firmware = Lcus(Relays(input_count=0))
    assert firmware.receive(lcus(1, 1) + lcus(8, 1), 0.0) == b""
    assert firmware.relays.outputs == [True] + [False] * 6 + [True]


def test_lcus_ignores_a_wrong_sum() -> None:
    firmware = Lcus(Relays(input_count=0))
    firmware.receive(bytes.fromhex("A0 01 01 A3"), 0.0)
    assert not any(firmware.relays.outputs)
    firmware.receive(lcus(1, 1), 0.0)
    assert firmware.relays.outputs[0]


COMMANDS = st.lists(st.tuples(st.integers(1, 8), st.integers(0, 1)), max_size=20)


@given(COMMANDS, st.lists(st.integers(1, 7), max_size=60))
def test_how_the_bytes_are_cut_makes_no_difference(commands: list[tuple[int, int]], cuts: list[int]) -> None:
    km, lc = KmTronic(Relays(input_count=0)), Lcus(Relays(input_count=0))
    for firmware, stream in (
        (km, b"".join(bytes([0xFF, *command]) for command in commands)),
        (lc, b"".join(lcus(*command) for command in commands)),
    ):
        rest = stream
        for cut in cuts:
            firmware.receive(rest[:cut], 0.0)
            rest = rest[cut:]
        firmware.receive(rest, 0.0)
    wanted = [False] * 8
    for channel, state in commands:
        wanted[channel - 1] = state == 1
    assert km.relays.outputs == lc.relays.outputs == wanted


@given(st.binary(max_size=60))
def test_after_any_noise_a_command_given_twice_is_understood(noise: bytes) -> None:
    km, lc = KmTronic(Relays(input_count=0)), Lcus(Relays(input_count=0))
    km.receive(noise + bytes.fromhex("FF 05 01") * 2, 0.0)
    lc.receive(noise + lcus(5, 1) * 2, 0.0)
    assert km.relays.outputs[4]
    assert lc.relays.outputs[4]
