"""Published exchanges with real DESFire cards, replayed against the simulated one.

Sources: the transcripts of "DESFire EV1 Communication Examples" (as kept in skelsec/pydesfire's tests), two exchanges posted at
mifare.net's forum (replies 12600 and 18844), NXP AN12196 tables 26 and 27.
"""

import pytest

from sim.cards.crypto import aes_decrypt, des_decrypt
from sim.cards.desfire import FULL, PICC, DesfireCard, StandardFile
from sim.cards.desfire_channels import ChainedChannel, LegacyChannel, crc16, crc32, session_key_of
from sim.cards.desfire_context import Context
from sim.cards.desfire_keys import change_key, change_key_settings
from sim.cards.desfire_memory import Application, Key, KeyKind, blank_key
from sim.cards.ev2 import IntegrityFault, Session
from tests.sim.cards.test_desfire import UID, ask, scripted

AID = bytes.fromhex("16ae00")
ZEROS = bytes(16)
AES_A = bytes.fromhex("00102030405060708090a0b0b0a09080")


def blank_card(rnd_b: bytes) -> DesfireCard:
    return DesfireCard(UID, chance=scripted(rnd_b))


def application_context(*keys: Key) -> Context:
    return Context({PICC: Application([blank_key("2tdea")]), AID: Application(list(keys))}, selected=AID)


def test_a_legacy_authentication_and_what_follows_it() -> None:
    """mifare.net 18844: Authenticate with the factory key, then ChangeKeySettings to 0F, which a real card accepted."""
    card = blank_card(des_decrypt(ZEROS, bytes.fromhex("63c54dcf6f3a6fc9")))
    assert ask(card, 0x0A, b"\x00") == (bytes.fromhex("63c54dcf6f3a6fc9"), 0xAF)
    proof = bytes.fromhex("491e890de9ace9329c5c6d55d9fa36d7")
    assert ask(card, 0xAF, proof) == (bytes.fromhex("b7d1da7ce0dd986b"), 0x00)
    assert isinstance(card._session, LegacyChannel)
    assert card._session.session_key.hex() == "00010203f6b03339" * 2
    assert ask(card, 0x54, bytes.fromhex("cb643fd030e687da")) == (b"", 0x00)
    assert card.applications[PICC].settings == 0x0F


def test_a_cryptogram_that_a_real_card_refused_is_refused() -> None:
    """The same post: its ChangeKey, encrypted the wrong way, got 1E."""
    card = blank_card(des_decrypt(ZEROS, bytes.fromhex("63c54dcf6f3a6fc9")))
    ask(card, 0x0A, b"\x00")
    ask(card, 0xAF, bytes.fromhex("491e890de9ace9329c5c6d55d9fa36d7"))
    sent = bytes.fromhex("00ce27610e8c090139df05524ad96f76b19a1852e9126812e3")
    assert ask(card, 0xC4, sent) == (b"", 0x1E)
    assert card.applications[PICC].keys == [blank_key("2tdea")]


def test_another_legacy_authentication() -> None:
    """mifare.net 12600."""
    card = blank_card(bytes.fromhex("d6f77968d2767ea3"))
    assert ask(card, 0x0A, b"\x00")[0].hex() == "57b0c35a080ae608"
    assert ask(card, 0xAF, bytes.fromhex("5bd89f653176ae3a7a1128c9d4035129")) == (bytes.fromhex("b53bf499feac13e4"), 0)


@pytest.mark.parametrize(
    ("key", "rnd_b", "sent", "rnd_a", "proof", "answer", "session_key"),
    [
        (
            "0010203140506070" "8090a0b0b0a09080", "bcd8299747332daf", "b295579926155ae3", "530e3d90f7a201c4",
            "70f349740c945dae159ba9fedbcc461a", "b8fd7fe56b241fc4", "520e3c90bcd82896f6a200c446322cae",
        ),
    ],
)  # fmt: skip
def test_an_iso_authentication(
    key: str, rnd_b: str, sent: str, rnd_a: str, proof: str, answer: str, session_key: str
) -> None:
    card = blank_card(bytes.fromhex(rnd_b))
    card.applications[PICC].keys = [Key("2tdea", bytes.fromhex(key))]
    assert ask(card, 0x1A, b"\x00") == (bytes.fromhex(sent), 0xAF)
    assert ask(card, 0xAF, bytes.fromhex(proof)) == (bytes.fromhex(answer), 0x00)
    found = session_key_of(Key("2tdea", bytes.fromhex(key)), bytes.fromhex(rnd_a), bytes.fromhex(rnd_b))
    without_parity = bytes(byte & 0xFE for byte in found.value)
    assert without_parity.hex() == session_key


@pytest.mark.parametrize(
    ("number", "key", "sent", "proof", "answer", "session_key"),
    [
        (
            0, "00" * 16, "b969fdfe56fd91fc9de6f6f213b8fd1e",
            "36aad7df6e436ba08d18613830a70d5ad43e3d3f4a8d47541eee623a934e4774",
            "800db680bc146bd121d6578f2d2e2059", "f44b26f5c05ddd7110772281c4d066e8",
        ),
        (
            1, "10182028303840485058606870788088", "b351cb2465d4f33ac627fd6e87a168f2",
            "044b6cac343a0865895149649ca8dde1f5ac4ec67bd208900af02f049e05f0b0",
            "a2ee144b1012fbeb7b2f11132d95a454", "40e7d271626ffbd49c530e3d304f5b17",
        ),
    ],
)  # fmt: skip
def test_an_aes_authentication(number: int, key: str, sent: str, proof: str, answer: str, session_key: str) -> None:
    card = blank_card(aes_decrypt(bytes.fromhex(key), bytes.fromhex(sent)))
    card.add_application(AID, [bytes.fromhex(key)] * 2)
    ask(card, 0x5A, AID)
    assert ask(card, 0xAA, bytes([number])) == (bytes.fromhex(sent), 0xAF)
    assert ask(card, 0xAF, bytes.fromhex(proof)) == (bytes.fromhex(answer), 0x00)
    assert isinstance(card._session, ChainedChannel)
    assert card._session.session_key.hex() == session_key


@pytest.mark.parametrize(
    ("kind", "session_key", "sent", "new", "version"),
    [
        (
            "2tdea", "c86ce25e4c647e56c86ce25e4c647e56",
            "bede0fc6ed347dcf0d51c717df75d97d2c5a2ba6cac7479d", "00102031405060708090a0b0b0a09080", 0x10,
        ),
        (
            "aes", "f44b26f5c05ddd7110772281c4d066e8",
            "e9f85e219496c2b58c1090dc3935fae9e840cf61b383d9531946256b1f110c10", "00102030405060708090a0b0b0a09080", 0x10,
        ),
        (
            "aes", "c2a1e47b27104712fe6d00a71177a19b",
            "2945e3760e60f4a4046bb8a505b31cf559a3a2e05213bc82942ca6ab5dbcecf5", "10182028303840485058606870788088", 0x10,
        ),
    ],
)  # fmt: skip
def test_the_key_of_the_session_is_changed(kind: KeyKind, session_key: str, sent: str, new: str, version: int) -> None:
    context = application_context(blank_key(kind))
    context.session = ChainedChannel(0, Key(kind, bytes.fromhex(session_key)))
    assert change_key(context, b"\x00" + bytes.fromhex(sent)) == (b"", 0)
    changed = context.application.keys[0]
    assert (changed.value.hex(), changed.version) == (new, version)
    assert context.session is None


def test_another_key_is_changed_and_the_answer_carries_the_cmac() -> None:
    context = application_context(blank_key("aes"), blank_key("aes"))
    context.session = ChainedChannel(0, Key("aes", bytes.fromhex("c2a1e47bd8100044fe6d00a74d7ab17c")))
    sent = bytes.fromhex("01e7eccb6bd1ca64bc161a12b1c024f71430337408c8a87eacab7a1ff18951fca3")
    assert change_key(context, sent) == (bytes.fromhex("2128d3cd9c9acfff"), 0)
    assert context.application.keys[1] == Key("aes", AES_A, 0x10)


AN12196_KEYS = (bytes.fromhex("4cf3cb41a22583a61e89b158d252fc53"), bytes.fromhex("5529860b2fc5fb6154b7f28361d30bf9"))


def test_an12196_table_26_another_key_in_an_ev2_session() -> None:
    context = application_context(*[blank_key("aes")] * 3)
    context.session = Session(0, *AN12196_KEYS, bytes.fromhex("7614281a"), counter=2)
    sent = "022cf362b7bf4311ff3be1daa295e8c68de09050560d19b9e16c2393ae9cd1fac75d0ce20bcd1d06e6"
    assert change_key(context, bytes.fromhex(sent)) == (bytes.fromhex("203bb55d1089d587"), 0)
    assert context.application.keys[2] == Key("aes", bytes.fromhex("f3847d627727ed3bc9c4cc050489b966"), 1)


def test_an12196_table_27_the_key_of_an_ev2_session() -> None:
    context = application_context(blank_key("aes"))
    context.session = Session(0, *AN12196_KEYS, bytes.fromhex("7614281a"), counter=3)
    sent = "00c0eb4deefeddf0b513a03a95a75491818580503190d4d05053ff75668a01d6fda6610234bded6432"
    assert change_key(context, bytes.fromhex(sent)) == (b"", 0)
    assert context.application.keys[0] == Key("aes", bytes.fromhex("5004bf991f408672b1ef00f08f9e8647"), 1)
    assert context.session is None


@pytest.mark.parametrize("at", range(1, 41))
def test_one_changed_bit_of_a_key_change_changes_nothing(at: int) -> None:
    context = application_context(*[blank_key("aes")] * 3)
    context.session = Session(0, *AN12196_KEYS, bytes.fromhex("7614281a"), counter=2)
    sent = bytearray.fromhex("022cf362b7bf4311ff3be1daa295e8c68de09050560d19b9e16c2393ae9cd1fac75d0ce20bcd1d06e6")
    sent[at] ^= 0x04
    with pytest.raises(IntegrityFault):
        change_key(context, bytes(sent))
    assert context.application.keys == [blank_key("aes")] * 3


def test_the_checksums() -> None:
    assert crc16(b"\x0f").hex() == "09a9"
    assert crc16(bytes.fromhex("04440f32763180")).hex() == "2798"  # proxmark3, desfiretest.c
    assert crc32(bytes.fromhex("04440f32763180") + b"\x00").hex() == "99ce1ad4"
    assert crc32(bytes.fromhex("f3847d627727ed3bc9c4cc050489b966")).hex() == "789dfadc"


def test_settings_change_only_with_the_right_checksum() -> None:
    context = application_context(blank_key("aes"))
    context.session = ChainedChannel(0, Key("aes", ZEROS))
    with pytest.raises(IntegrityFault):
        change_key_settings(context, bytes(16))


def test_a_file_is_as_long_as_it_was_made() -> None:
    assert len(StandardFile.from_settings(bytes.fromhex("0300f0200000")).data) == 32
    assert StandardFile.from_settings(bytes.fromhex("0310f0200000")) == StandardFile(
        bytearray(32), FULL, read=15, write=0, read_write=1, change=0
    )
