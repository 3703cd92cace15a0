"""What is answered from memory is what the chip would have answered."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from readers.pn532.memory import (
    IN_COMMUNICATE_THRU,
    READ_REGISTER,
    REGISTERS,
    RF_CONFIGURATION,
    RF_TIMINGS,
    WRITE_REGISTER,
    CommandMemory,
)

LIST_PASSIVE_TARGET = 0x4A
ADDRESS = st.sampled_from([*REGISTERS, 0x6339])
READ = st.lists(ADDRESS, min_size=1, max_size=3).map(
    lambda addresses: (READ_REGISTER, b"".join(struct.pack(">H", address) for address in addresses))
)
WRITE = st.lists(st.tuples(ADDRESS, st.integers(0, 3)), min_size=1, max_size=3).map(
    lambda pairs: (WRITE_REGISTER, b"".join(struct.pack(">HB", *pair) for pair in pairs))
)
TIMINGS = st.integers(8, 10).map(lambda code: (RF_CONFIGURATION, bytes([RF_TIMINGS, 10, 11, code])))
FIELD = st.integers(0, 1).map(lambda on: (RF_CONFIGURATION, bytes([0x01, on])))
OTHER = st.sampled_from([(LIST_PASSIVE_TARGET, b"\x01\x00"), (IN_COMMUNICATE_THRU, b"\x30\x04")])


class ModelChip:
    """Registers that only searching for cards changes by itself; one that changes all the time."""

    def __init__(self) -> None:
        self.registers = dict.fromkeys(REGISTERS, 0)
        self.timings = b""
        self.fifo = 0

    def run(self, code: int, data: bytes) -> bytes:
        self.fifo += 1
        if code == READ_REGISTER:
            return bytes(self.registers.get(address, self.fifo & 0xFF) for (address,) in struct.iter_unpack(">H", data))
        if code == WRITE_REGISTER:
            self.registers.update(pair for pair in struct.iter_unpack(">HB", data) if pair[0] in REGISTERS)
        elif code == RF_CONFIGURATION and data[0] == RF_TIMINGS:
            self.timings = data
        elif code == LIST_PASSIVE_TARGET:
            self.registers = {address: (value + 1) & 3 for address, value in self.registers.items()}
        return b""


@given(commands=st.lists(READ | WRITE | TIMINGS | FIELD | OTHER, max_size=40))
def test_nothing_differs_from_asking_the_chip_each_time(commands: list[tuple[int, bytes]]) -> None:
    chip, memory = ModelChip(), CommandMemory()
    for code, data in commands:
        known = memory.answer(code, data)
        if known is None:
            memory.remember(code, data, chip.run(code, data))
        elif code == READ_REGISTER:
            assert known == chip.run(code, data)
        else:
            before = (dict(chip.registers), chip.timings)
            assert known == chip.run(code, data)
            assert (chip.registers, chip.timings) == before


def test_a_second_frame_to_a_card_costs_one_command_instead_of_four() -> None:
    memory = CommandMemory()
    registers = b"".join(struct.pack(">H", address) for address in REGISTERS)
    setting = b"".join(struct.pack(">HB", address, 0x80) for address in REGISTERS)
    sequence = [
        (READ_REGISTER, registers, b"\x80\x80\x80"),
        (WRITE_REGISTER, setting, b""),
        (RF_CONFIGURATION, b"\x02\x0a\x0b\x0b", b""),
        (IN_COMMUNICATE_THRU, b"\x02\x90", b"\x00\x02\x91\x00"),
    ]
    asked = []
    for code, data, answer in sequence * 2:
        if memory.answer(code, data) is None:
            asked.append(code)
            memory.remember(code, data, answer)
    assert asked == [READ_REGISTER, RF_CONFIGURATION, IN_COMMUNICATE_THRU, IN_COMMUNICATE_THRU]
