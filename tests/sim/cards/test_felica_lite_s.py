"""The FeliCa Lite-S card: polling, reading with MAC, mutual authentication, closed blocks."""

from hypothesis import given
from hypothesis import strategies as st

from sim.cards.crypto import des_encrypt
from sim.cards.felica_lite_s import PMM, FelicaLiteSCard

IDM = bytes.fromhex("012e414243444546")
KEY = bytes(range(0x40, 0x50))
CHALLENGE = bytes(range(0x80, 0x90))
READ, WRITE = 0x06, 0x08


def turned(data: bytes) -> bytes:
    return b"".join(data[at : at + 8][::-1] for at in range(0, len(data), 8))


def card_with(content: bytes = bytes(32)) -> FelicaLiteSCard:
    card = FelicaLiteSCard(IDM, chance=bytes)
    card.store(0, content[:16])
    card.store(1, content[16:])
    card.set_key(KEY)
    card.seal()
    card.power(True)
    return card


def say(card: FelicaLiteSCard, code: int, blocks: list[int], data: bytes = b"") -> tuple[int, bytes]:
    """(status flag 1, what follows both status flags)."""
    service = b"\x0b\x00" if code == READ else b"\x09\x00"
    body = bytes([code]) + IDM + b"\x01" + service + bytes([len(blocks)])
    body += b"".join(bytes([0x80, block]) for block in blocks) + data
    reply = card.transceive(bytes([len(body) + 1]) + body)
    assert reply is not None
    assert reply.data[0] == len(reply.data)
    assert reply.data[1:10] == bytes([code + 1]) + IDM
    return reply.data[10], reply.data[12:]


def mac(data: bytes, key: bytes) -> bytes:
    return des_encrypt(key, turned(data), CHALLENGE[:8])[-8:][::-1]


def session(card: FelicaLiteSCard) -> bytes:
    assert say(card, WRITE, [0x80], turned(CHALLENGE))[0] == 0
    return des_encrypt(KEY, CHALLENGE)


@given(st.binary(min_size=32, max_size=32))
def test_blocks_are_read_with_a_mac_that_only_the_key_makes(content: bytes) -> None:
    card = card_with(content)
    key = session(card)
    status, data = say(card, READ, [0, 1, 0x81])
    assert (status, data[0]) == (0, 3)
    assert data[1:33] == content
    assert data[33:41] == mac(content, key)
    assert data[33:41] != mac(content, des_encrypt(bytes(16), CHALLENGE))


def test_mac_a_covers_the_block_numbers_too() -> None:
    card = card_with(bytes(range(32)))
    key = session(card)
    _, data = say(card, READ, [0, 1, 0x91])
    numbers = bytes.fromhex("000001009100ffff")
    assert data[33:41] == mac(numbers + bytes(range(32)), key)


def test_without_a_challenge_there_is_no_mac() -> None:
    assert say(card_with(), READ, [0, 0x81])[1][17:] == bytes(16)


def test_the_reader_is_authenticated_by_writing_the_state_with_its_mac() -> None:
    card = card_with()
    key = session(card)
    count = say(card, READ, [0x90])[1][1:4]
    state = b"\x01" + bytes(15)
    covered = count + b"\x00" + bytes.fromhex("92009100") + state
    proof = mac(covered, key[8:] + key[:8]) + count + bytes(5)
    assert say(card, READ, [0x92])[1][1] == 0
    assert say(card, WRITE, [0x92, 0x91], state + b"\x00" * 16)[0] != 0
    assert say(card, READ, [0x92])[1][1] == 0
    assert say(card, WRITE, [0x92, 0x91], state + proof)[0] == 0
    assert say(card, READ, [0x92])[1][1] == 1
    assert say(card, WRITE, [0x92, 0x91], state + proof)[0] != 0  # the write count has moved on
    card.power(False)
    assert say(card, READ, [0x92])[1][1] == 0


def test_the_key_and_the_challenge_read_as_zeros() -> None:
    card = card_with()
    session(card)
    assert say(card, READ, [0x87])[1][1:] == bytes(16)
    assert say(card, READ, [0x80])[1][1:] == bytes(16)


def test_a_sealed_card_takes_no_writing() -> None:
    card = card_with(b"n" * 32)
    for block in (0, 1, 13, 0x82, 0x86, 0x87, 0x88, 0x92):
        assert say(card, WRITE, [block], bytes(16))[0] != 0
    assert say(card, READ, [0])[1][1:] == b"n" * 16


def test_an_open_card_takes_and_keeps_what_is_written() -> None:
    card = FelicaLiteSCard(IDM)
    assert say(card, WRITE, [5], b"0123456789abcdef")[0] == 0
    assert say(card, READ, [5])[1][1:] == b"0123456789abcdef"


def test_polling_names_the_card_and_its_system() -> None:
    card = card_with()
    reply = card.transceive(bytes.fromhex("0600ffff0100"))
    assert reply is not None
    assert reply.data == b"\x14\x01" + IDM + PMM + bytes.fromhex("88b4")
    reply = card.transceive(bytes.fromhex("060012fc0000"))
    assert reply is not None
    assert reply.data == b"\x12\x01" + IDM + PMM
    assert card.transceive(bytes.fromhex("060000030000")) is None


def test_another_cards_command_is_not_answered() -> None:
    body = bytes([READ]) + bytes(8) + bytes.fromhex("010b00018000")
    assert card_with().transceive(bytes([len(body) + 1]) + body) is None


def test_bad_lists_are_refused_with_a_status() -> None:
    card = card_with()
    assert say(card, READ, [0x20])[0] == 0xFF
    assert say(card, READ, [0, 1, 2, 3, 4])[0] == 0xFF
    assert say(card, WRITE, [5, 6], bytes(32))[0] == 0xFF


@given(st.lists(st.binary(max_size=60), max_size=6))
def test_no_frame_breaks_the_card(frames: list[bytes]) -> None:
    card = card_with(b"n" * 32)
    for frame in frames:
        card.transceive(frame)
        card.transceive(bytes([len(frame) + 10, READ]) + IDM + frame)
        card.transceive(bytes([len(frame) + 10, WRITE]) + IDM + frame)
    assert say(card, READ, [0])[1][1:] == b"n" * 16
