"""The messaging of a card from the factory against worked examples (tests/vectors/desfire_ev1.toml)."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from readers.credentials import tdea
from readers.credentials.ev2 import BadAnswer

VECTORS: dict[str, Any] = tomllib.loads((Path(__file__).parents[2] / "vectors" / "desfire_ev1.toml").read_text("utf-8"))


def from_hex(vector: dict[str, Any], name: str) -> bytes:
    return bytes.fromhex(vector[name])


def without_parity(key: bytes) -> bytes:
    return bytes(byte & 0xFE for byte in key)


@pytest.mark.parametrize("vector", VECTORS["authenticate_iso"], ids=lambda vector: vector["source"])
def test_the_recorded_authentication_is_reproduced(vector: dict[str, Any]) -> None:
    key, rnd_a = from_hex(vector, "key"), from_hex(vector, "rnd_a")
    message, rnd_b = tdea.answer_challenge(key, from_hex(vector, "encrypted_rnd_b"), rnd_a)
    if "rnd_b" in vector:
        assert rnd_b == from_hex(vector, "rnd_b")
        assert message == from_hex(vector, "message")
    session = tdea.open_session(key, rnd_a, rnd_b, message, from_hex(vector, "encrypted_proof"))
    assert without_parity(session) == from_hex(vector, "session_key")


@pytest.mark.parametrize("vector", VECTORS["authenticate_iso"], ids=lambda vector: vector["source"])
def test_a_card_that_does_not_know_the_key_is_refused(vector: dict[str, Any]) -> None:
    key, rnd_a = from_hex(vector, "key"), from_hex(vector, "rnd_a")
    message, rnd_b = tdea.answer_challenge(key, from_hex(vector, "encrypted_rnd_b"), rnd_a)
    proof = bytearray(from_hex(vector, "encrypted_proof"))
    proof[3] ^= 1
    with pytest.raises(BadAnswer):
        tdea.open_session(key, rnd_a, rnd_b, message, bytes(proof))
    with pytest.raises(BadAnswer):
        tdea.open_session(key, rnd_a, rnd_b, message, b"")
    with pytest.raises(BadAnswer):
        tdea.answer_challenge(key, b"\0" * 16, rnd_a)


@pytest.mark.parametrize("vector", VECTORS["crc32"], ids=lambda vector: vector["source"])
def test_the_crc_is_the_published_one(vector: dict[str, Any]) -> None:
    assert tdea.crc32(from_hex(vector, "data")) == from_hex(vector, "crc")


@pytest.mark.parametrize("vector", VECTORS["cryptogram"], ids=lambda vector: vector["source"])
def test_a_single_des_session_encrypts_as_recorded(vector: dict[str, Any]) -> None:
    cipher = tdea.cbc_encrypt(from_hex(vector, "session_key"), from_hex(vector, "plain"), bytes(8))
    assert cipher == from_hex(vector, "cipher")


@pytest.mark.parametrize("vector", VECTORS["change_to_aes"], ids=lambda vector: vector["source"])
def test_the_change_of_a_triple_des_key_to_aes_is_the_published_one(vector: dict[str, Any]) -> None:
    new_key, version = from_hex(vector, "new_key"), vector["version"]
    number = vector["key_number"]
    assert tdea.crc32(bytes([0xC4, number]) + new_key + bytes([version])) == from_hex(vector, "crc")
    assert tdea.change_to_aes(from_hex(vector, "session_key"), number, new_key, version) == from_hex(vector, "data")
