"""ISO 14443-4 on the card: activation, chaining both ways, repeats, presence checks, deselection."""

from hypothesis import given
from hypothesis import strategies as st

from sim.cards.card import TypeAState
from sim.cards.iso_dep import COMMAND_MAX_BYTES, IsoDepCard

UID = bytes.fromhex("04010203040506")
FSC_BYTES = 64
BLOCK = FSC_BYTES - 3


class Mirror(IsoDepCard):
    """Answers with the command, turned round."""

    def __init__(self) -> None:
        super().__init__(UID, bytes.fromhex("4403"), 0x20, bytes.fromhex("067577810280"))
        self.commands: list[bytes] = []

    def command(self, apdu: bytes) -> tuple[bytes, float]:
        self.commands.append(apdu)
        return apdu[::-1], 0.0


class Reader:
    """A terminal's side of the block protocol, written for this test."""

    def __init__(self, card: IsoDepCard, fsdi: int = 8) -> None:
        self.card = card
        self.number = 0
        card.power(True)
        assert card.request(wake=False)
        assert card.select(card.uid)
        reply = card.transceive(bytes([0xE0, fsdi << 4]))
        assert reply is not None
        self.ats = reply.data

    def block(self, frame: bytes) -> bytes:
        reply = self.card.transceive(frame)
        assert reply is not None
        return reply.data

    def exchange(self, command: bytes) -> bytes:
        parts = [command[at : at + BLOCK] for at in range(0, len(command), BLOCK)] or [b""]
        for part in parts[:-1]:
            assert self.block(bytes([0x12 | self.number]) + part) == bytes([0xA2 | self.number])
            self.number ^= 1
        heard = self.block(bytes([0x02 | self.number]) + parts[-1])
        whole = b""
        while True:
            assert heard[0] & 0xEF == 0x02 | self.number
            self.number ^= 1
            whole += heard[1:]
            if not heard[0] & 0x10:
                return whole
            heard = self.block(bytes([0xA2 | self.number]))


@given(st.lists(st.binary(max_size=COMMAND_MAX_BYTES), min_size=1, max_size=4), st.integers(0, 8))
def test_commands_of_any_length_go_through_in_chained_blocks(commands: list[bytes], fsdi: int) -> None:
    card = Mirror()
    reader = Reader(card, fsdi)
    assert [reader.exchange(command) for command in commands] == [command[::-1] for command in commands]
    assert card.commands == commands


def test_a_lost_answer_is_repeated_and_the_command_is_not_run_again() -> None:
    card = Mirror()
    reader = Reader(card)
    first = reader.block(b"\x02abc")
    assert reader.block(b"\xb2") == first
    assert reader.block(b"\xb2") == first
    assert card.commands == [b"abc"]


def test_a_lost_command_is_asked_for_again() -> None:
    """Rule 12: R(NAK) with the other number means the card never had the block."""
    reader = Reader(Mirror())
    reader.exchange(b"one")
    assert reader.block(bytes([0xB2 | reader.number])) == bytes([0xA2 | reader.number ^ 1])
    assert reader.exchange(b"two") == b"owt"


def test_a_presence_check_right_after_activation_is_acknowledged() -> None:
    assert Reader(Mirror()).block(b"\xb2") == b"\xa3"


def test_a_deselected_card_wakes_on_wupa_only() -> None:
    card = Mirror()
    reader = Reader(card)
    assert reader.block(b"\xc2") == b"\xc2"
    assert card.state is TypeAState.HALT
    assert not card.request(wake=False)
    assert card.request(wake=True)
    assert card.select(UID)


def test_a_card_in_protocol_answers_no_request() -> None:
    card = Mirror()
    Reader(card)
    assert not card.request(wake=True)
    assert card.state is TypeAState.PROTOCOL


def test_parameters_are_selected_only_for_the_rate_that_runs() -> None:
    reader = Reader(Mirror())
    assert reader.block(bytes.fromhex("d01100")) == b"\xd0"
    assert reader.card.transceive(bytes.fromhex("d01105")) is None


@given(st.binary(max_size=300))
def test_any_frame_leaves_a_card_that_works_after_a_power_cycle(frame: bytes) -> None:
    card = Mirror()
    Reader(card).card.transceive(frame)
    assert Reader(card).exchange(b"still here") == b"ereh llits"


def test_a_card_without_activation_says_nothing_to_blocks() -> None:
    card = Mirror()
    card.power(True)
    assert card.transceive(b"\x02abc") is None
    assert card.request(wake=False)
    assert card.transceive(b"\x02abc") is None
