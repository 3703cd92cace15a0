"""A blank DESFire card becomes a badge: keys, application and file under each kind of session; what is not allowed; power loss."""

from typing import Literal

import pytest

from sim.cards.crypto import aes_cmac, aes_decrypt, aes_encrypt, des_cmac, des_decrypt, des_encrypt
from sim.cards.desfire import PICC, DesfireCard, Interruption
from sim.cards.desfire_memory import Key, blank_key
from tests.sim.cards.test_desfire import AID, UID, Terminal, ask, wrapped

ZEROS = bytes(16)
NEW = bytes.fromhex("a1b2c3d4e5f60718293a4b5c6d7e8f90")
READ = bytes.fromhex("0f1e2d3c4b5a69788796a5b4c3d2e1f0")
CREATE = AID + b"\x0f\x82"
FILE = bytes.fromhex("01030010200000")  # rights: read 1, write 0


def crc16(data: bytes) -> bytes:
    """By the bit, high bit last, unlike the card's."""
    crc = 0x6363
    for bit in (byte >> at & 1 for byte in data for at in range(8)):
        crc = crc >> 1 ^ (0x8408 if (crc ^ bit) & 1 else 0)
    return crc.to_bytes(2, "little")


def crc32(data: bytes) -> bytes:
    crc = 0xFFFFFFFF
    for bit in (byte >> at & 1 for byte in data for at in range(8)):
        crc = crc >> 1 ^ (0xEDB88320 if (crc ^ bit) & 1 else 0)
    return crc.to_bytes(4, "little")


def deciphered_to_send(key: bytes, data: bytes) -> bytes:
    """MF3ICD40: the reader deciphers what it sends, block by block, chained."""
    sent, before = b"", bytes(8)
    for at in range(0, len(data), 8):
        before = des_decrypt(key, bytes(a ^ b for a, b in zip(data[at : at + 8], before, strict=True)))
        sent += before
    return sent


class Reader:
    """The reader's side of the two older schemes, for these tests alone. ``iv`` is chained in the newer of them."""

    def __init__(self, card: DesfireCard, code: int, number: int = 0, key: bytes = ZEROS) -> None:
        self.card, self.code = card, code
        size = 16 if code == 0xAA else 8
        self.encrypt, self.decrypt, self.cmac = (
            (aes_encrypt, aes_decrypt, aes_cmac) if code == 0xAA else (des_encrypt, des_decrypt, des_cmac)
        )
        self.size, rnd_a = size, bytes(range(0x50, 0x50 + size))
        sealed, status = ask(card, code, bytes([number]))
        assert status == 0xAF, f"{status:02x}"
        rnd_b = self.decrypt(key, sealed)
        token = rnd_a + rnd_b[1:] + rnd_b[:1]
        sent = deciphered_to_send(key, token) if code == 0x0A else self.encrypt(key, token, sealed)
        answer, self.status = ask(card, 0xAF, sent)
        if self.status:
            return
        assert self.decrypt(key, answer, bytes(8) if code == 0x0A else sent[-size:]) == rnd_a[1:] + rnd_a[:1]
        first = rnd_a[:4] + rnd_b[:4]
        single = code != 0xAA and key[:8] == key[8:]
        self.key = first + (first if single else rnd_a[size - 4 :] + rnd_b[size - 4 :])
        self.iv = bytes(size)

    def change_key(self, number: int, new: bytes, version: bytes, old: bytes | None = None) -> tuple[bytes, int]:
        """``number`` with the kind's bits; ``version``: one byte for an AES key, nothing for another."""
        mixed = new if old is None else bytes(a ^ b for a, b in zip(new, old, strict=True))
        body = mixed + version
        if self.code == 0x0A:
            body += crc16(body) + (b"" if old is None else crc16(new))
            sealed = deciphered_to_send(self.key, body + bytes(-len(body) % 8))
        else:
            body += crc32(bytes([0xC4, number]) + body) + (b"" if old is None else crc32(new))
            sealed = self.encrypt(self.key, body + bytes(-len(body) % self.size), self.iv)
            self.iv = sealed[-self.size :]
        return self._judged(*ask(self.card, 0xC4, bytes([number]) + sealed))

    def ask(self, code: int, data: bytes = b"") -> tuple[bytes, int]:
        """A command that the older schemes send in clear."""
        if self.code != 0x0A:
            self.iv = self.cmac(self.key, bytes([code]) + data, iv=self.iv)
        return self._judged(*ask(self.card, code, data))

    def full(self, code: int, header: bytes, data: bytes) -> tuple[bytes, int]:
        """A command whose data is enciphered under AES."""
        body = data + crc32(bytes([code]) + header + data)
        sealed = self.encrypt(self.key, body + bytes(-len(body) % 16), self.iv)
        self.iv = sealed[-16:]
        return self._judged(*ask(self.card, code, header + sealed))

    def read(self, number: int, length: int) -> bytes:
        command = bytes([number]) + bytes(3) + length.to_bytes(3, "little")
        self.iv = self.cmac(self.key, b"\xbd" + command, iv=self.iv)
        sealed, status = ask(self.card, 0xBD, command)
        assert status == 0
        plain, self.iv = self.decrypt(self.key, sealed, self.iv), sealed[-16:]
        assert plain[length : length + 4] == crc32(plain[:length] + b"\x00")
        return plain[:length]

    def _judged(self, answer: bytes, status: int) -> tuple[bytes, int]:
        if self.code == 0x0A or status or not answer:
            return answer, status
        self.iv = self.cmac(self.key, answer[:-8] + b"\x00", iv=self.iv)
        assert answer[-8:] == self.iv[:8]
        return answer[:-8], status


def blank() -> DesfireCard:
    return DesfireCard(UID, chance=lambda count: bytes(range(0x30, 0x30 + count)))


def card_with_application() -> DesfireCard:
    card = blank()
    assert ask(card, 0xCA, CREATE) == (b"", 0)
    assert ask(card, 0x5A, AID) == (b"", 0)
    return card


@pytest.mark.parametrize("code", [0x0A, 0x1A])
def test_the_factory_key_becomes_an_aes_key(code: int) -> None:
    card = blank()
    assert Reader(card, code).change_key(0x80, NEW, b"\x07") == (b"", 0)
    assert card.applications[PICC].keys == [Key("aes", NEW, 7)]
    assert ask(card, 0x64, b"\x00") == (b"\x07", 0)
    assert ask(card, code, b"\x00") == (b"", 0xAE)
    assert Terminal(card, number=0, key=NEW).status == 0


def test_an_aes_master_key_becomes_a_des_key_again() -> None:
    card = blank()
    card.applications[PICC].keys = [Key("aes", NEW)]
    assert Reader(card, 0xAA, key=NEW).change_key(0x00, ZEROS, b"") == (b"", 0)
    assert card.applications[PICC].keys == [blank_key("2tdea")]


def test_a_badge_is_made_under_aes_sessions() -> None:
    card = card_with_application()
    reader = Reader(card, 0xAA)
    assert reader.change_key(1, READ, b"\x01", ZEROS) == (b"", 0)
    assert reader.ask(0xCD, FILE) == (b"", 0)
    header = bytes.fromhex("01000000200000")
    assert reader.full(0x3D, header, b"badge".ljust(32, b"\x00")) == (b"", 0)
    assert reader.change_key(0, NEW, b"\x01") == (b"", 0)
    assert [key.value for key in card.applications[AID].keys] == [NEW, READ]
    ask(card, 0x5A, AID)
    assert Reader(card, 0xAA, 1, READ).read(1, 32) == b"badge".ljust(32, b"\x00")


def test_a_badge_is_made_under_ev2_sessions() -> None:
    card = blank()
    assert Reader(card, 0x0A).change_key(0x80, NEW, b"\x00") == (b"", 0)
    picc = Terminal(card, number=0, key=NEW)
    assert picc.ask(0xCA, CREATE) == (b"", 0)
    assert picc.ask(0x6A, b"") == (AID, 0)
    ask(card, 0x5A, AID)
    owner = Terminal(card, number=0, key=ZEROS)
    assert owner.ask(0xCD, FILE) == (b"", 0)
    assert owner.ask(0x45, b"") == (b"\x0f\x82", 0)
    assert owner.ask(0x6F, b"") == (b"\x01", 0)
    ask(card, 0x5A, AID)
    assert Terminal(card, number=1, key=ZEROS).ask(0xF5, b"\x01") == (bytes.fromhex("00030010200000"), 0)


def test_another_key_is_changed_in_the_oldest_scheme() -> None:
    card = blank()
    ask(card, 0xCA, AID + b"\x0f\x02")
    ask(card, 0x5A, AID)
    assert Reader(card, 0x0A).change_key(1, READ, b"", ZEROS) == (b"", 0)
    assert card.applications[AID].keys == [blank_key("2tdea"), Key("2tdea", READ)]
    assert Reader(card, 0x1A, 1, READ).status == 0


def test_a_key_change_from_the_wrong_old_key_is_an_integrity_error() -> None:
    card = card_with_application()
    assert Reader(card, 0xAA).change_key(1, READ, b"\x01", NEW) == (b"", 0x1E)
    assert card.applications[AID].keys == [blank_key("aes")] * 2


@pytest.mark.parametrize(
    ("code", "data", "status"),
    [
        (0xCA, AID + b"\x0f\x82", 0xDE),
        (0xCA, PICC + b"\x0f\x82", 0x9E),
        (0xCA, b"\x01\x02\x03\x0f\x80", 0x9E),
        (0xCA, b"\x01\x02\x03\x0f\x42", 0x9E),
        (0xCA, b"\x01\x02\x03\x0f", 0x7E),
        (0xDA, AID, 0xAE),
        (0xDA, b"\x01\x02\x03", 0xA0),
        (0xFC, b"", 0xAE),
        (0x54, b"\x00" * 16, 0xAE),
        (0xCD, FILE, 0x9D),
    ],
)
def test_what_the_card_level_refuses(code: int, data: bytes, status: int) -> None:
    card = card_with_application()
    ask(card, 0x5A, PICC)
    assert ask(card, code, data) == (b"", status)
    assert list(card.applications) == [PICC, AID]


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (FILE, 0xDE),
        (b"\x20" + FILE[1:], 0x9E),
        (bytes.fromhex("02030070200000"), 0x9E),
        (bytes.fromhex("02030010000000"), 0x9E),
        (bytes.fromhex("0203001000ff00"), 0x0E),
        (FILE[:-1], 0x7E),
    ],
)
def test_what_a_file_cannot_be(data: bytes, status: int) -> None:
    card = card_with_application()
    ask(card, 0xCD, FILE)
    assert ask(card, 0xCD, data) == (b"", status)
    assert list(card.applications[AID].files) == [1]


def test_settings_decide_what_needs_the_master_key() -> None:
    card = card_with_application()
    card.applications[PICC].settings = 0x09
    card.applications[AID].settings = 0x09
    assert ask(card, 0xCD, FILE) == (b"", 0xAE)
    assert ask(card, 0x6F) == (b"", 0xAE)
    assert ask(card, 0x45) == (b"", 0xAE)
    ask(card, 0x5A, PICC)
    assert ask(card, 0x6A) == (b"", 0xAE)
    assert ask(card, 0xCA, b"\x01\x02\x03\x0f\x81") == (b"", 0xAE)
    assert Reader(card, 0x0A).ask(0xCA, b"\x01\x02\x03\x0f\x81") == (b"", 0)


@pytest.mark.parametrize(
    ("settings", "session", "status"), [(0x0F, 1, 0x9D), (0xEF, 1, 0), (0xFF, 0, 0x9D), (0x1F, 0, 0)]
)
def test_settings_decide_who_changes_a_key(settings: int, session: int, status: int) -> None:
    card = card_with_application()
    card.applications[AID].settings = settings
    reader = Reader(card, 0xAA, session)
    assert reader.change_key(1, READ, b"\x00", None if session == 1 else ZEROS)[1] == status


def test_format_removes_applications_and_keeps_the_key() -> None:
    card = card_with_application()
    ask(card, 0x5A, PICC)
    free = ask(card, 0x6E)[0]
    reader = Reader(card, 0x0A)
    assert reader.ask(0xFC) == (b"", 0)
    assert list(card.applications) == [PICC]
    assert int.from_bytes(ask(card, 0x6E)[0], "little") > int.from_bytes(free, "little")


def test_an_application_is_deleted_by_its_own_master_key_where_the_card_lets_it() -> None:
    card = card_with_application()
    assert Reader(card, 0xAA).ask(0xDA, AID)[1] == 0
    assert list(card.applications) == [PICC]
    assert ask(card, 0x6A) == (b"", 0)


def test_a_file_is_deleted() -> None:
    card = card_with_application()
    ask(card, 0xCD, FILE)
    assert ask(card, 0xDF, b"\x01") == (b"", 0)
    assert ask(card, 0xDF, b"\x01") == (b"", 0xF0)


@pytest.mark.parametrize(("effect", "made"), [("before", False), ("after", True)])
def test_power_fails_in_the_middle_of_a_command(effect: Literal["before", "after"], made: bool) -> None:
    card = blank()
    gone: list[bool] = []
    card.interruption = Interruption(2, effect, lambda: gone.append(True))
    assert ask(card, 0x5A, PICC) == (b"", 0)
    assert card.command(wrapped(0xCA, CREATE)) is None
    assert (AID in card.applications) is made
    assert gone == [True]
    assert ask(card, 0x5A, PICC) == (b"", 0)  # powered again, it goes on


def test_a_session_does_not_survive_power_loss() -> None:
    card = card_with_application()
    reader = Reader(card, 0xAA)
    card.interruption = Interruption(1, "after")
    assert card.command(wrapped(0x60)) is None
    assert reader.change_key(1, READ, b"\x00", ZEROS) == (b"", 0xAE)
