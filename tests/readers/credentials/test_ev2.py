"""EV2 secure messaging against the published worked examples (tests/vectors/an12196.toml)."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readers.credentials import ev2

VECTORS: dict[str, Any] = tomllib.loads((Path(__file__).parents[2] / "vectors" / "an12196.toml").read_text("utf-8"))
KEY = st.binary(min_size=16, max_size=16)


def from_hex(vector: dict[str, Any], name: str) -> bytes:
    return bytes.fromhex(vector[name])


def session_of(vector: dict[str, Any]) -> ev2.Session:
    return ev2.Session(
        from_hex(vector, "transaction_id"), from_hex(vector, "encryption_key"), from_hex(vector, "mac_key")
    )


@pytest.mark.parametrize("vector", VECTORS["authenticate_first"], ids=lambda vector: vector["source"])
def test_the_published_authentication_is_reproduced_byte_for_byte(vector: dict[str, Any]) -> None:
    key, rnd_a = from_hex(vector, "key"), from_hex(vector, "rnd_a")
    message, rnd_b = ev2.answer_challenge(key, from_hex(vector, "encrypted_rnd_b"), rnd_a)
    assert rnd_b == from_hex(vector, "rnd_b")
    assert bytes.fromhex("90AF000020") + message + b"\0" == from_hex(vector, "second_command")
    session = ev2.open_session(key, rnd_a, rnd_b, from_hex(vector, "encrypted_proof"))
    assert session.transaction_id == from_hex(vector, "transaction_id")
    assert session.encryption_key == from_hex(vector, "encryption_key")
    assert session.mac_key == from_hex(vector, "mac_key")


@pytest.mark.parametrize("vector", VECTORS["authenticate_first"], ids=lambda vector: vector["source"])
def test_the_published_session_vectors_give_the_session_keys(vector: dict[str, Any]) -> None:
    key = from_hex(vector, "key")
    assert ev2.cmac(key, from_hex(vector, "sv1")) == from_hex(vector, "encryption_key")
    if "sv2" in vector:
        assert ev2.cmac(key, from_hex(vector, "sv2")) == from_hex(vector, "mac_key")


@pytest.mark.parametrize("vector", VECTORS["full_command"], ids=lambda vector: vector["source"])
def test_published_commands_and_answers_in_full_mode_are_reproduced(vector: dict[str, Any]) -> None:
    session = session_of(vector)
    command, data = from_hex(vector, "command")[0], from_hex(vector, "data")
    body = from_hex(vector, "header") + (session.encrypt_command(data) if data else b"")
    body += session.command_mac(command, body)
    apdu = bytes([0x90, command, 0, 0, len(body)]) + body + b"\0"
    assert apdu == from_hex(vector, "apdu")
    assert session.open_answer(0, from_hex(vector, "answer")) == from_hex(vector, "answer_data")
    assert session.counter == vector["counter"] + 1


@pytest.mark.parametrize("vector", VECTORS["mac"], ids=lambda vector: vector["source"])
def test_a_mac_is_truncated_to_its_odd_bytes(vector: dict[str, Any]) -> None:
    key, message = from_hex(vector, "mac_key"), from_hex(vector, "message")
    assert ev2.cmac(key, message) == from_hex(vector, "cmac")
    assert ev2.truncated_cmac(key, message) == from_hex(vector, "truncated")


@given(at=st.integers(0, 23), bit=st.integers(0, 7))
def test_one_flipped_bit_anywhere_in_an_answer_is_refused(at: int, bit: int) -> None:
    vector = next(v for v in VECTORS["full_command"] if v["answer_data"])
    answer = bytearray(from_hex(vector, "answer"))
    answer[at] ^= 1 << bit
    with pytest.raises(ev2.BadAnswer):
        session_of(vector).open_answer(0, bytes(answer))


def test_an_answer_played_twice_is_refused() -> None:
    vector = next(v for v in VECTORS["full_command"] if v["answer_data"])
    session = session_of(vector)
    session.open_answer(0, from_hex(vector, "answer"))
    with pytest.raises(ev2.BadAnswer):
        session.open_answer(0, from_hex(vector, "answer"))


@given(key=KEY, other=KEY, rnd_a=KEY, challenge=KEY, proof=st.binary(min_size=32, max_size=32))
def test_a_card_without_the_key_cannot_open_a_session(
    key: bytes, other: bytes, rnd_a: bytes, challenge: bytes, proof: bytes
) -> None:
    _, rnd_b = ev2.answer_challenge(key, challenge, rnd_a)
    with pytest.raises(ev2.BadAnswer):
        ev2.open_session(key, rnd_a, rnd_b, proof)


@given(encryption_key=KEY, mac_key=KEY, body=st.binary(max_size=80))
def test_any_bytes_as_an_answer_end_in_a_refusal(encryption_key: bytes, mac_key: bytes, body: bytes) -> None:
    session = ev2.Session(b"\1\2\3\4", encryption_key, mac_key)
    with pytest.raises(ev2.BadAnswer):
        session.open_answer(0, body)


@pytest.mark.parametrize("vector", VECTORS["change_key"], ids=lambda vector: vector["source"])
def test_the_published_change_of_a_key_is_reproduced_byte_for_byte(vector: dict[str, Any]) -> None:
    session = session_of(vector)
    session.counter = vector["counter"]
    old_key = from_hex(vector, "old_key") if "old_key" in vector else None
    change = ev2.change_of_key(from_hex(vector, "new_key"), vector["version"], old_key)
    data = bytes([vector["key_number"]]) + session.encrypt_command(change)
    data += session.command_mac(0xC4, data)
    assert bytes([0x90, 0xC4, 0, 0, len(data)]) + data + b"\0" == from_hex(vector, "apdu")
    if "answer" in vector:
        assert session.check_answer(0x00, from_hex(vector, "answer")) == b""
        assert session.counter == vector["counter"] + 1


def test_an_answer_with_a_wrong_mac_is_refused_in_mac_mode() -> None:
    vector = VECTORS["change_key"][0]
    session = session_of(vector)
    session.counter = vector["counter"]
    with pytest.raises(ev2.BadAnswer):
        session.check_answer(0x00, b"\x01" + from_hex(vector, "answer"))
