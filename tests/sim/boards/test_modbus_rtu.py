"""The Modbus relay board against the frames that its maker publishes, and against noise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.boards.modbus_rtu import FRAME_MAX_BYTES, ModbusRtu, crc16, seal, silence_s
from sim.boards.relays import Relays


def board(unit: int = 1, baud: int = 115200) -> ModbusRtu:
    return ModbusRtu(Relays(), unit, baud)


def ask(firmware: ModbusRtu, request: bytes, at_s: float = 0.0) -> bytes:
    assert firmware.receive(request, at_s) == b""
    return firmware.silence()


def call(firmware: ModbusRtu, body: str) -> str:
    """Ask with a CRC put on, answer with its CRC checked and taken off; hexadecimal."""
    answer = ask(firmware, seal(bytes.fromhex(body)))
    assert answer == b"" or seal(answer[:-2]) == answer
    return answer[:-2].hex(" ")


PUBLISHED = [  # the maker's page: request, answer
    ("01 05 00 00 FF 00 8C 3A", "01 05 00 00 FF 00 8C 3A"),
    ("01 05 02 00 00 07 8D B0", "01 05 02 00 00 07 8D B0"),
    ("01 01 00 00 00 08 3D CC", "01 01 01 00 51 88"),
    ("01 02 00 00 00 08 79 CC", "01 02 01 00 A1 88"),
    ("01 03 80 00 00 01 AD CA", "01 03 02 00 C8 B9 D2"),
    ("01 0F 00 00 00 08 01 FF BE D5", "01 0F 00 00 00 08 54 0D"),
]


@pytest.mark.parametrize(("request_", "answer"), PUBLISHED)
def test_it_answers_as_the_maker_publishes(request_: str, answer: str) -> None:
    assert ask(board(), bytes.fromhex(request_)).hex(" ").upper() == answer


def test_the_crc_of_the_standard_check_string() -> None:
    assert crc16(b"123456789") == 0x4B37


def test_a_coil_is_written_and_read_back() -> None:
    firmware = board()
    call(firmware, "01 05 00 03 FF 00")
    assert call(firmware, "01 01 00 00 00 08") == "01 01 01 08"
    call(firmware, "01 05 00 03 00 00")
    assert call(firmware, "01 01 00 00 00 08") == "01 01 01 00"


def test_toggle_and_all_coils() -> None:
    firmware = board()
    call(firmware, "01 05 00 FF FF 00")
    assert all(firmware.relays.outputs)
    call(firmware, "01 05 00 02 55 00")
    assert firmware.relays.outputs == [True, True, False, True, True, True, True, True]


def test_flash_on_is_ended_by_the_board_counted_from_the_last_byte() -> None:
    firmware = board()
    ask(firmware, seal(bytes.fromhex("01 05 02 01 00 32")), at_s=7.0)
    assert firmware.relays.outputs[1]
    assert firmware.relays.next_end_s() == 12.0


def test_flash_off_energises_afterwards() -> None:
    firmware = board()
    call(firmware, "01 05 04 00 00 08")
    firmware.relays.advance(0.8)
    assert firmware.relays.outputs[0]


def test_inputs_are_packed_from_the_asked_address() -> None:
    firmware = board()
    firmware.relays.inputs[:] = [True, False, False, True, True, False, False, True]
    assert call(firmware, "01 02 00 00 00 08") == "01 02 01 99"
    assert call(firmware, "01 02 00 03 00 05") == "01 02 01 13"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("01 06 00 00 00 01", 1),
        ("01 2B 0E 01 00", 1),
        ("01 01 00 08 00 01", 2),
        ("01 01 00 00 00 09", 2),
        ("01 05 00 08 FF 00", 2),
        ("01 05 02 08 00 05", 2),
        ("01 03 12 34 00 01", 2),
        ("01 0F 00 04 00 08 01 FF", 2),
        ("01 05 00 00 12 34", 3),
        ("01 05 02 00 00 00", 3),
        ("01 05 02 00 80 00", 3),
        ("01 01 00 00 00 00", 3),
        ("01 0F 00 00 00 08 02 FF", 3),
        ("01 0F 00 00 00 08 01 FF FF", 3),
        ("01 05 00 00 FF", 3),
    ],
)
def test_what_it_cannot_do_is_an_exception_and_moves_nothing(body: str, code: int) -> None:
    firmware = board()
    function = int(body.split()[1], 16)
    assert call(firmware, body) == f"01 {function | 0x80:02x} {code:02x}"
    assert not any(firmware.relays.outputs)


def test_another_unit_gets_silence() -> None:
    firmware = board(unit=2)
    assert call(firmware, "01 05 00 00 FF 00") == ""
    assert not any(firmware.relays.outputs)


def test_a_broadcast_is_obeyed_and_not_answered() -> None:
    firmware = board()
    assert call(firmware, "00 05 00 00 FF 00") == ""
    assert firmware.relays.outputs[0]


def test_a_frame_may_come_in_pieces_within_the_silence() -> None:
    firmware = board()
    request = seal(bytes.fromhex("01 05 00 00 FF 00"))
    for number, byte in enumerate(request):
        assert firmware.receive(bytes([byte]), number * 0.0001) == b""
    assert firmware.silence() == request


def test_a_torn_frame_is_dropped_and_the_next_one_is_understood() -> None:
    firmware = board()
    request = seal(bytes.fromhex("01 05 00 00 FF 00"))
    assert ask(firmware, request[:5]) == b""
    assert ask(firmware, request[5:]) == b""
    assert not firmware.relays.outputs[0]
    assert ask(firmware, request) == request


def test_an_overlong_frame_is_not_kept() -> None:
    firmware = board()
    for _ in range(50):
        firmware.receive(bytes(100), 0.0)
    assert len(firmware._frame) <= FRAME_MAX_BYTES + 1
    assert firmware.silence() == b""


def test_the_silence_is_fixed_above_19200_baud() -> None:
    assert silence_s(115200) == 0.00175
    assert silence_s(9600) == pytest.approx(0.00401, abs=1e-5)


@given(st.binary(max_size=300))
def test_noise_never_moves_a_relay_nor_gets_an_answer_unless_its_crc_is_right(noise: bytes) -> None:
    firmware = board()
    answer = ask(firmware, noise)
    if len(noise) < 4 or seal(noise[:-2]) != noise:
        assert answer == b""
        assert not any(firmware.relays.outputs)


@given(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF), st.integers(0, 63))
def test_one_turned_bit_is_always_noticed(address: int, value: int, bit: int) -> None:
    firmware = board()
    request = bytearray(seal(b"\x01\x05" + address.to_bytes(2, "big") + value.to_bytes(2, "big")))
    request[bit // 8] ^= 1 << bit % 8
    assert ask(firmware, bytes(request)) == b""
    assert not any(firmware.relays.outputs)


@given(st.binary(min_size=1, max_size=40))
def test_every_sound_request_to_the_unit_is_answered_or_refused(body: bytes) -> None:
    answer = ask(board(), seal(b"\x01" + body))
    assert seal(answer[:-2]) == answer
    assert answer[1] & 0x7F == body[0] & 0x7F
