"""Frames off a serial line: whole whatever the chunks, found behind noise, never awaited for ever."""

import os
import threading
import tty
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from readers.pn532.line import LONGEST_FRAME_BYTES, SerialLine

ACK = bytes.fromhex("0000ff00ff00")
NACK = bytes.fromhex("0000ffff0000")
ANY_ORDER = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Wire:
    """A line and the far end of its pty."""

    def __init__(self) -> None:
        self.far, slave = os.openpty()
        tty.setraw(slave)
        self.line = SerialLine(os.ttyname(slave), 115200)
        os.close(slave)

    def close(self) -> None:
        self.line.close()
        os.close(self.far)


@pytest.fixture
def wire() -> Iterator[Wire]:
    wire = Wire()
    yield wire
    wire.close()


def frame_of(data: bytes) -> bytes:
    """User manual 6.2.1.1 and 6.2.1.2."""
    if len(data) <= 254:
        head = bytes([len(data), -len(data) & 0xFF])
    else:
        size = len(data).to_bytes(2, "big")
        head = b"\xff\xff" + size + bytes([-sum(size) & 0xFF])
    return b"\x00\x00\xff" + head + data + bytes([-sum(data) & 0xFF, 0])


@ANY_ORDER
@given(
    contents=st.lists(st.binary(min_size=1, max_size=LONGEST_FRAME_BYTES), min_size=1, max_size=4),
    noise=st.binary(max_size=10).filter(lambda noise: b"\xff" not in noise),
    cut=st.integers(1, 60),
)
def test_frames_come_out_as_they_went_in(wire: Wire, contents: list[bytes], noise: bytes, cut: int) -> None:
    frames = [frame_of(content) for content in contents] + [ACK, NACK]
    stream = noise + b"".join(frames)

    def send() -> None:
        for at in range(0, len(stream), cut):
            os.write(wire.far, stream[at : at + cut])

    sender = threading.Thread(target=send)
    sender.start()
    received = [wire.line.read_frame(10.0) for _ in frames]
    sender.join()
    assert received == frames


@ANY_ORDER
@given(noise=st.binary(max_size=80))
def test_any_noise_ends_in_a_frame_or_an_error(wire: Wire, noise: bytes) -> None:
    os.write(wire.far, noise)
    try:
        for _ in range(len(noise) + 1):
            frame = wire.line.read_frame(0.01)
            assert frame.startswith(b"\x00\x00\xff")
    except OSError:
        pass
    wire.line.drain(0.001, 0.1)


@pytest.mark.parametrize(
    "broken",
    ["0000ff0205d50300", "0000ffffff010900aa", "0000ffffffff0001aa", "0000ff04fcd503"],
    ids=["length checksum", "long length checksum", "impossible length", "end missing"],
)
def test_a_damaged_frame_is_an_input_output_error(wire: Wire, broken: str) -> None:
    os.write(wire.far, bytes.fromhex(broken))
    with pytest.raises(OSError, match="damaged frame"):
        wire.line.read_frame(1.0)


def test_silence_is_a_timeout(wire: Wire) -> None:
    with pytest.raises(TimeoutError):
        wire.line.read_frame(0.01)


def test_what_came_in_unasked_is_dropped_before_a_command(wire: Wire) -> None:
    os.write(wire.far, ACK + NACK)
    assert wire.line.read_frame(1.0) == ACK
    wire.line.write(b"command")
    os.write(wire.far, frame_of(b"answer"))
    assert wire.line.read_frame(1.0) == frame_of(b"answer")


def test_a_hung_up_line_is_an_error_and_can_still_be_closed() -> None:
    wire = Wire()
    os.close(wire.far)
    with pytest.raises(OSError, match=r"no data|error") as error:
        wire.line.read_frame(0.1)
    assert not isinstance(error.value, TimeoutError)
    wire.line.close()
