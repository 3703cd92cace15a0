"""PN532 frames: encoding and decoding are inverse, through chunks and noise; damage is never taken for content."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sim.pn532_frame import (
    ACK,
    DATA_MAX_BYTES,
    ERROR,
    NACK,
    START,
    Acknowledged,
    Broken,
    Data,
    NotAcknowledged,
    Receiver,
    encode,
)

contents = st.binary(min_size=1, max_size=DATA_MAX_BYTES)


@given(contents)
def test_what_was_encoded_is_received(content: bytes) -> None:
    assert Receiver().feed(encode(content)) == [Data(content)]


@given(st.lists(contents, min_size=1, max_size=4), st.integers(1, 40))
def test_frames_are_found_in_chunks_of_any_size(many: list[bytes], size: int) -> None:
    stream = b"".join(encode(content) for content in many)
    receiver = Receiver()
    found = [each for at in range(0, len(stream), size) for each in receiver.feed(stream[at : at + size])]
    assert found == [Data(content) for content in many]


@given(st.binary(max_size=30).filter(lambda noise: START not in noise and not noise.endswith(b"\x00")), contents)
def test_noise_and_long_preambles_are_skipped(noise: bytes, content: bytes) -> None:
    assert Receiver().feed(noise + bytes(10) + encode(content)) == [Data(content)]


@given(contents, st.data())
def test_a_turned_bit_never_yields_another_content(content: bytes, data: st.DataObject) -> None:
    whole = bytearray(encode(content))
    bit = data.draw(st.integers(0, len(whole) * 8 - 1))
    whole[bit // 8] ^= 1 << bit % 8
    assume(bytes(whole).count(START) <= 1)
    found = Receiver().feed(bytes(whole) + bytes(DATA_MAX_BYTES))
    assert all(each == Data(content) for each in found if isinstance(each, Data))


@given(contents, st.integers(1, 255))
def test_a_wrong_data_checksum_is_broken(content: bytes, off: int) -> None:
    whole = bytearray(encode(content))
    whole[-2] = (whole[-2] + off) & 0xFF
    assert Receiver().feed(bytes(whole))[0] == Broken("data checksum")


def test_a_wrong_length_checksum_is_broken_and_the_next_frame_is_found() -> None:
    whole = bytearray(encode(b"\xd4\x02"))
    whole[4] ^= 0x01
    assert Receiver().feed(bytes(whole) + encode(b"\xd4\x04")) == [Broken("length checksum"), Data(b"\xd4\x04")]


def test_ack_and_nack_are_told_apart() -> None:
    assert Receiver().feed(ACK + NACK + ACK) == [Acknowledged(), NotAcknowledged(), Acknowledged()]


def test_published_frames() -> None:
    """UM0701-02: GetFirmwareVersion and its answer, the syntax error frame."""
    assert encode(bytes.fromhex("d402")) == bytes.fromhex("0000ff02fed4022a00")
    assert encode(bytes.fromhex("d50332010607")) == bytes.fromhex("0000ff06fad50332010607e800")
    assert encode(b"\x7f") == ERROR


def test_extended_frames_begin_where_one_byte_ends() -> None:
    assert encode(bytes(255))[3:5] == b"\xff\x01"
    assert encode(bytes(256))[3:8] == bytes.fromhex("ffff0100ff")


@pytest.mark.parametrize("size", [0, DATA_MAX_BYTES + 1])
def test_impossible_sizes_are_refused(size: int) -> None:
    with pytest.raises(ValueError, match="1 to 265"):
        encode(bytes(size))


def test_an_oversized_length_is_broken_not_awaited() -> None:
    head = b"\x00\x00\xff\xff\xff" + (5000).to_bytes(2)
    head += bytes([-sum(head[-2:]) & 0xFF])
    assert Receiver().feed(head)[0] == Broken("length")
