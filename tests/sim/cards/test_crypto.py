"""The cards' own cryptography against published vectors: NXP AN10922, RFC 4493, NIST SP 800-38B."""

import pytest
from cryptography.hazmat.primitives.ciphers.algorithms import AES128
from cryptography.hazmat.primitives.cmac import CMAC
from hypothesis import given
from hypothesis import strategies as st

from sim.cards.crypto import (
    aes_cmac,
    aes_decrypt,
    aes_encrypt,
    des_cmac,
    des_decrypt,
    des_encrypt,
    diversified_2tdea,
    diversified_aes,
    pad80,
)

AN10922_MASTER = bytes.fromhex("00112233445566778899aabbccddeeff")
AN10922_M = bytes.fromhex("04782e21801d803042f54e585020416275")
RFC4493_KEY = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
RFC4493_MESSAGE = bytes.fromhex(
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
)


def test_an10922_aes128_example() -> None:
    """AN10922 §2.2.1."""
    assert diversified_aes(AN10922_MASTER, AN10922_M).hex() == "a8dd63a3b89d54b37ca802473fda9175"


def test_an10922_2tdea_example() -> None:
    """AN10922 §2.4.1; its M is the AES one cut to 15 bytes. (libfreefare's copy carries a key version in the parity bits.)"""
    assert diversified_2tdea(AN10922_MASTER, AN10922_M[:15]).hex() == "16f8597c9e8910c86b9648d006107dd7"


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (0, "bb1d6929e95937287fa37d129b756746"),
        (16, "070a16b46b4d4144f79bdd9dd04a287c"),
        (40, "dfa66747de9ae63030ca32611497c827"),
        (64, "51f0bebf7e3b9d92fc49741779363cfe"),
    ],
)
def test_aes_cmac_as_rfc_4493(length: int, expected: str) -> None:
    assert aes_cmac(RFC4493_KEY, RFC4493_MESSAGE[:length]).hex() == expected


@given(st.binary(min_size=16, max_size=16), st.binary(max_size=80))
def test_aes_cmac_agrees_with_openssl(key: bytes, data: bytes) -> None:
    reference = CMAC(AES128(key))
    reference.update(data)
    assert aes_cmac(key, data) == reference.finalize()


def test_two_key_cmac_as_nist() -> None:
    """NIST SP 800-38B, two-key TDEA examples."""
    key = bytes.fromhex("4cf15134a2850dd58a3d10ba80570d38")
    assert des_cmac(key, b"").hex() == "bd2ebf9a3ba00361"
    assert des_cmac(key, RFC4493_MESSAGE[:8]).hex() == "4ff2ab813c53ce83"
    assert des_cmac(key, RFC4493_MESSAGE[:20]).hex() == "62dd1b471902bd4e"


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=0, max_size=5).map(lambda b: b * 16))
def test_decryption_undoes_encryption(key: bytes, data: bytes) -> None:
    assert aes_decrypt(key, aes_encrypt(key, data)) == data
    assert des_decrypt(key, des_encrypt(key, data)) == data


@given(st.binary(max_size=40))
def test_padding_fills_a_block_and_can_be_taken_off(data: bytes) -> None:
    padded = pad80(data, 16)
    assert len(padded) % 16 == 0
    assert len(padded) > len(data)
    assert padded.rstrip(b"\x00")[:-1] == data
