"""The DESFire EV2 card: NXP AN12196's transcripts, the badge file under full secure messaging, and refusals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.cards.crypto import aes_cmac, aes_decrypt, aes_encrypt
from sim.cards.desfire import FREE, FULL, MAC, PLAIN, DesfireCard, StandardFile
from sim.cards.ev2 import IntegrityFault, Session

UID = bytes.fromhex("04112233445566")
AID = bytes.fromhex("4d4af5")
KEY = bytes.fromhex("f3e1d2c3b4a5968778695a4b3c2d1e0f")
OTHER = bytes(range(16))


def scripted(*parts: bytes):  # type: ignore[no-untyped-def]
    """Chance that gives exactly these values."""
    left = list(parts)

    def chance(count: int) -> bytes:
        part = left.pop(0)
        assert len(part) == count
        return part

    return chance


def card_with(file: StandardFile | None = None, keys: list[bytes] | None = None) -> DesfireCard:
    card = DesfireCard(UID, chance=lambda count: bytes(range(0x30, 0x30 + count)))
    card.add_application(AID, keys or [OTHER, KEY])
    if file is not None:
        card.add_file(AID, 1, file)
    return card


def wrapped(code: int, data: bytes = b"") -> bytes:
    body = bytes([len(data)]) + data if data else b""
    return bytes([0x90, code, 0, 0]) + body + b"\x00"


def answered(card: DesfireCard, apdu: bytes) -> tuple[bytes, float]:
    answer = card.command(apdu)
    assert answer is not None
    return answer


def ask(card: DesfireCard, code: int, data: bytes = b"") -> tuple[bytes, int]:
    response, took_s = answered(card, wrapped(code, data))
    assert took_s > 0
    assert response[-2] == 0x91
    return response[:-2], response[-1]


class Terminal:
    """The reader's side of EV2, from AN12196, for these tests alone."""

    def __init__(self, card: DesfireCard, number: int = 1, key: bytes = KEY) -> None:
        self.card = card
        sealed, status = ask(card, 0x71, bytes([number, 0]))
        assert status == 0xAF
        rnd_b = aes_decrypt(key, sealed)
        rnd_a = bytes(range(16))
        answer, self.status = ask(card, 0xAF, aes_encrypt(key, rnd_a + rnd_b[1:] + rnd_b[:1]))
        if self.status == 0:
            plain = aes_decrypt(key, answer)
            assert plain[4:20] == rnd_a[1:] + rnd_a[:1]
            context = rnd_a[:2] + bytes(a ^ b for a, b in zip(rnd_a[2:8], rnd_b[:6], strict=True))
            context += rnd_b[6:] + rnd_a[8:]
            self.ti, self.counter = plain[:4], 0
            self.enc = aes_cmac(key, bytes.fromhex("a55a00010080") + context)
            self.mac_key = aes_cmac(key, bytes.fromhex("5aa500010080") + context)

    def mac(self, first: int, data: bytes) -> bytes:
        return aes_cmac(self.mac_key, bytes([first]) + self.counter.to_bytes(2, "little") + self.ti + data)[1::2]

    def ask(self, code: int, data: bytes) -> tuple[bytes, int]:
        answer, status = ask(self.card, code, data + self.mac(code, data))
        self.counter += 1
        if status == 0:
            body, mac = answer[:-8], answer[-8:]
            assert mac == self.mac(0x00, body)
            return body, status
        return answer, status

    def opened(self, sealed: bytes) -> bytes:
        iv = aes_encrypt(self.enc, b"\x5a\xa5" + self.ti + self.counter.to_bytes(2, "little") + bytes(8))
        return aes_decrypt(self.enc, sealed, iv).rstrip(b"\x00")[:-1]


def test_an12196_first_authentication_transcript() -> None:
    """AN12196 §6.6: key 0 = zeros, the card's challenge and TI as published; every byte that the card sends must match."""
    rnd_b = aes_decrypt(bytes(16), bytes.fromhex("a04c124213c186f22399d33ac2a30215"))
    card = DesfireCard(UID, chance=scripted(rnd_b, bytes.fromhex("9d00c4df")))
    card.add_application(AID, [bytes(16)])
    assert ask(card, 0x5A, AID) == (b"", 0)
    assert answered(card, bytes.fromhex("9071000002000000"))[0].hex() == "a04c124213c186f22399d33ac2a3021591af"
    proof = "90af00002035c3e05a752e0144bac0de51c1f22c56b34408a23d8aea266cab947ea8e0118d00"
    expected = "3fa64db5446d1f34cd6ea311167f5e4985b89690c04a05f17fa7ab2f081206639100"
    assert answered(card, bytes.fromhex(proof))[0].hex() == expected
    assert isinstance(card._session, Session)
    assert card._session.encryption_key.hex() == "1309c877509e5a215007ff0ed19ca564"
    assert card._session.mac_key.hex() == "4c6626f5e72ea694202139295c7a7fc7"


def test_an12196_second_authentication_transcript() -> None:
    """AN12196 §6.10."""
    rnd_b = aes_decrypt(bytes(16), bytes.fromhex("b875ceb0e66a6c5cd00898dc371f92d1"))
    card = DesfireCard(UID, chance=scripted(rnd_b, bytes.fromhex("7614281a")))
    card.add_application(AID, [bytes(16)])
    ask(card, 0x5A, AID)
    ask(card, 0x71, b"\x00\x00")
    answer, status = ask(card, 0xAF, bytes.fromhex("ff0306e47dfbc50087c4d8a78e88e62de1e8be457aa477c707e2f0874916a8b1"))
    assert (answer.hex(), status) == ("0cc9a8094a8eea683ecaac5c7bf20584206d0608d477110fc6b3d5d3f65c3a6a", 0)


def test_an12196_write_in_full_mode() -> None:
    """AN12196 §6.12: the published command is opened to the published plain data, and the answer's MAC is the published one."""
    session = Session(
        0,
        bytes.fromhex("7a93d6571e4b180fca6ac90c9a7488d4"),
        bytes.fromhex("fc4af159b62e549b5812394cab1918cc"),
        bytes.fromhex("7614281a"),
    )
    sent = bytes.fromhex("030000000a00006b5e6804909962fc4e3ff5522cf0f8436c0c53315b9c73aa")
    header, plain = session.open_full(0x8D, sent, header_bytes=7)
    assert header.hex() == "030000000a0000"
    assert plain.hex() == "0102030405060708090a"
    session.counter += 1
    assert session.close_mac(0x00).hex() == "c26d236e4a7c046d"


def test_an12196_mac_of_a_command_and_its_answer() -> None:
    """AN12196 §5.3."""
    session = Session(0, bytes(16), bytes.fromhex("8248134a386e86eb7faf54a52e536cb6"), bytes.fromhex("7a21085e"))
    assert session.open_mac(0xF5, bytes.fromhex("026597a457c8cd442c")) == b"\x02"
    session.counter += 1
    settings = bytes.fromhex("0040eeee000100d1fe001f00004400004400002000006a0000")
    assert session.close_mac(0x00, settings)[-8:].hex() == "2a474282e7a47986"


@given(st.binary(min_size=1, max_size=120), st.data())
def test_what_is_in_the_file_is_read_in_full_mode(content: bytes, data: st.DataObject) -> None:
    offset = data.draw(st.integers(0, len(content) - 1))
    length = data.draw(st.integers(1, len(content) - offset))
    card = card_with(StandardFile(bytearray(content), FULL, read=1))
    assert ask(card, 0x5A, AID) == (b"", 0)
    terminal = Terminal(card)
    for _ in range(2):  # the counter goes on
        sealed, status = terminal.ask(0xAD, b"\x01" + offset.to_bytes(3, "little") + length.to_bytes(3, "little"))
        assert status == 0
        assert len(sealed) % 16 == 0
        assert terminal.opened(sealed) == content[offset : offset + length]


def test_mac_mode_answers_in_clear_with_a_mac() -> None:
    card = card_with(StandardFile(bytearray(b"number"), MAC, read=1))
    ask(card, 0x5A, AID)
    assert Terminal(card).ask(0xAD, bytes.fromhex("01000000060000")) == (b"number", 0)


def test_a_free_file_is_read_in_clear_without_a_session() -> None:
    card = card_with(StandardFile(bytearray(b"number"), PLAIN, read=FREE))
    ask(card, 0x5A, AID)
    assert ask(card, 0xBD, bytes.fromhex("01000000000000")) == (b"number", 0)


def test_a_wrong_key_is_an_authentication_error_and_opens_nothing() -> None:
    card = card_with(StandardFile(bytearray(b"number"), FULL, read=1))
    ask(card, 0x5A, AID)
    assert Terminal(card, key=OTHER).status == 0xAE
    assert ask(card, 0xAD, bytes.fromhex("01000000060000")) == (b"", 0xAE)


def test_another_keys_session_does_not_read_the_file() -> None:
    card = card_with(StandardFile(bytearray(b"number"), FULL, read=1))
    ask(card, 0x5A, AID)
    assert Terminal(card, number=0, key=OTHER).ask(0xAD, bytes.fromhex("01000000060000")) == (b"", 0xAE)


def test_a_proof_works_once_only() -> None:
    card = card_with()
    ask(card, 0x5A, AID)
    sealed, _ = ask(card, 0x71, b"\x01\x00")
    rnd_b = aes_decrypt(KEY, sealed)
    proof = aes_encrypt(KEY, bytes(16) + rnd_b[1:] + rnd_b[:1])
    assert ask(card, 0xAF, proof)[1] == 0
    assert ask(card, 0xAF, proof)[1] == 0x1C


@given(st.integers(0, 14))
def test_a_changed_command_is_an_integrity_error_and_ends_the_session(at: int) -> None:
    card = card_with(StandardFile(bytearray(b"number"), FULL, read=1))
    ask(card, 0x5A, AID)
    terminal = Terminal(card)
    command = bytes.fromhex("01000000060000")
    sent = bytearray(command + terminal.mac(0xAD, command))
    sent[at] ^= 0x01
    status = ask(card, 0xAD, bytes(sent))[1]
    assert status == (0xF0 if at == 0 else 0x1E)  # the file number is looked up first
    assert ask(card, 0xAD, command + terminal.mac(0xAD, command))[1] == 0xAE


def test_a_session_changes_its_key_without_losing_its_identity() -> None:
    card = card_with(StandardFile(bytearray(b"number"), FULL, read=1))
    ask(card, 0x5A, AID)
    terminal = Terminal(card, number=0, key=OTHER)
    assert isinstance(card._session, Session)
    before = card._session.transaction
    sealed, status = ask(card, 0x77, b"\x01")
    rnd_b = aes_decrypt(KEY, sealed)
    answer, status = ask(card, 0xAF, aes_encrypt(KEY, bytes(16) + rnd_b[1:] + rnd_b[:1]))
    assert (status, len(answer)) == (0, 16)
    assert card._session.transaction == before == terminal.ti
    assert card._session.key_number == 1


@pytest.mark.parametrize(
    ("code", "data", "status"),
    [
        (0x5A, bytes.fromhex("123456"), 0xA0),
        (0x5A, b"\x00", 0x7E),
        (0x71, b"\x05\x00", 0x40),
        (0x71, b"\x01", 0x7E),
        (0x77, b"\x01", 0xAE),
        (0xAD, bytes.fromhex("07000000060000"), 0xF0),
        (0xAF, b"", 0x1C),
        (0xC4, b"\x00", 0xAE),
        (0x5F, b"\x01", 0x1C),
        (0xBD, bytes.fromhex("01000000070000"), 0xBE),
        (0xBD, bytes.fromhex("0100000006"), 0x7E),
    ],
)
def test_refusals_carry_the_cards_status(code: int, data: bytes, status: int) -> None:
    card = card_with(StandardFile(bytearray(b"number"), PLAIN, read=FREE))
    ask(card, 0x5A, AID)
    assert ask(card, code, data) == (b"", status)


def test_version_names_an_ev2_and_its_uid() -> None:
    card = card_with()
    first, status = ask(card, 0x60)
    assert (first[3], status) == (0x12, 0xAF)
    ask(card, 0xAF)
    last, status = ask(card, 0xAF)
    assert (last[:7], status) == (UID, 0)


def test_what_exists_can_be_listed() -> None:
    card = card_with(StandardFile(bytearray(32), FULL, read=1, write=0))
    assert ask(card, 0x6A) == (AID, 0)
    ask(card, 0x5A, AID)
    assert ask(card, 0x6F) == (b"\x01", 0)
    assert ask(card, 0xF5, b"\x01") == (bytes.fromhex("0003f010200000"), 0)


def test_a_long_file_comes_in_parts() -> None:
    content = bytes(range(200))
    card = card_with(StandardFile(bytearray(content), PLAIN, read=FREE))
    ask(card, 0x5A, AID)
    whole, status = ask(card, 0xBD, bytes.fromhex("01000000000000"))
    while status == 0xAF:
        part, status = ask(card, 0xAF)
        whole += part
    assert (whole, status) == (content, 0)


@given(st.binary(min_size=1, max_size=32))
def test_what_is_written_in_full_mode_is_stored(content: bytes) -> None:
    card = card_with(StandardFile(bytearray(32), FULL, read=1, write=1))
    ask(card, 0x5A, AID)
    terminal = Terminal(card)
    iv = aes_encrypt(terminal.enc, b"\xa5\x5a" + terminal.ti + bytes(10))
    padded = content + b"\x80"
    padded += bytes(-len(padded) % 16)
    header = b"\x01" + bytes(3) + len(content).to_bytes(3, "little")
    assert terminal.ask(0x8D, header + aes_encrypt(terminal.enc, padded, iv)) == (b"", 0)
    assert bytes(card.applications[AID].files[1].data) == content.ljust(32, b"\x00")


@given(st.lists(st.binary(max_size=60), max_size=8))
def test_no_command_breaks_the_card(commands: list[bytes]) -> None:
    card = card_with(StandardFile(bytearray(32), FULL, read=1))
    ask(card, 0x5A, AID)
    for command in commands:
        response, _ = answered(card, command)
        assert len(response) >= 2
        response, _ = answered(card, b"\x90" + command[:1] + b"\x00\x00" + bytes([len(command)]) + command + b"\x00")
        assert len(response) >= 2


def test_a_session_without_its_mac_is_an_integrity_fault() -> None:
    with pytest.raises(IntegrityFault):
        Session(0, bytes(16), bytes(16), bytes(4)).open_mac(0xAD, b"short")


def test_short_answers_carry_a_mac_inside_a_session() -> None:
    card = card_with(StandardFile(bytearray(32), FULL, read=1))
    ask(card, 0x5A, AID)
    terminal = Terminal(card)
    assert terminal.ask(0xF5, b"\x01") == (bytes.fromhex("0003f01f200000"), 0)
    assert terminal.ask(0x64, b"\x01") == (b"\x00", 0)
    assert terminal.ask(0x64, b"\x07") == (b"", 0x40)


@pytest.mark.parametrize("mode", [PLAIN, MAC])
def test_what_is_written_in_clear_is_stored_under_the_files_mode(mode: int) -> None:
    card = card_with(StandardFile(bytearray(8), mode, read=1, write=1))
    ask(card, 0x5A, AID)
    terminal = Terminal(card)
    command = bytes.fromhex("01020000030000") + b"new"
    if mode == MAC:
        assert terminal.ask(0x8D, command) == (b"", 0)
    else:
        assert ask(card, 0x8D, command) == (b"", 0)
    assert bytes(card.applications[AID].files[1].data) == b"\x00\x00new\x00\x00\x00"


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("010000000300006e6577ff", 0x7E),
        ("01060000030000" + b"new".hex(), 0xBE),
        ("0100", 0x7E),
        ("", 0x7E),
    ],
)
def test_a_write_that_does_not_fit_changes_nothing(command: str, status: int) -> None:
    card = card_with(StandardFile(bytearray(8), PLAIN, write=FREE))
    ask(card, 0x5A, AID)
    assert ask(card, 0x3D, bytes.fromhex(command)) == (b"", status)
    assert not any(card.applications[AID].files[1].data)


def test_a_key_that_may_not_write_is_refused() -> None:
    card = card_with(StandardFile(bytearray(8), FULL, read=1))
    ask(card, 0x5A, AID)
    terminal = Terminal(card)
    assert terminal.ask(0x8D, bytes.fromhex("01000000030000") + b"new")[1] == 0xAE
    assert ask(card, 0x77, b"\x01") == (b"", 0xAE)  # the session has ended with it


def test_what_is_no_wrapped_command_gets_iso_status() -> None:
    card = card_with()
    assert answered(card, bytes.fromhex("00a4040000"))[0] == b"\x6e\x00"
    assert answered(card, bytes.fromhex("905a0000054d4af500"))[0] == b"\x67\x00"


def test_impossible_applications_are_refused_when_made() -> None:
    with pytest.raises(ValueError, match="AID has 3 bytes"):
        DesfireCard(UID).add_application(b"\x01", [KEY])
    with pytest.raises(ValueError, match="AID has 3 bytes"):
        DesfireCard(UID).add_application(AID, [b"short"])
