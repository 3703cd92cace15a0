"""Keys of single cards against the published vectors (tests/vectors/an10922.toml)."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readers.credentials import diversification, ev2

VECTORS: dict[str, Any] = tomllib.loads((Path(__file__).parents[2] / "vectors" / "an10922.toml").read_text("utf-8"))
KEY = st.binary(min_size=16, max_size=16)


@pytest.mark.parametrize("vector", VECTORS["aes_128"], ids=lambda vector: vector["source"][:13])
def test_an_aes_key_is_diversified_as_published(vector: dict[str, str]) -> None:
    key = diversification.aes_128(bytes.fromhex(vector["master"]), bytes.fromhex(vector["input"]))
    assert key.hex().upper() == vector["key"]


@pytest.mark.parametrize("vector", VECTORS["tdea_2key"], ids=lambda vector: vector["source"][:13])
def test_a_triple_des_key_is_diversified_as_published(vector: dict[str, str]) -> None:
    key = diversification.tdea_2key(bytes.fromhex(vector["master"]), bytes.fromhex(vector["input"]))
    assert key.hex().upper() == vector["key"]
    # the same key for DES, which ignores the lowest bit of each byte
    other = bytes.fromhex(vector["with_version_bits"])
    assert bytes(a & 0xFE for a in key) == bytes(b & 0xFE for b in other)


@given(master=KEY, diversifier=st.binary(min_size=16, max_size=31))
def test_beyond_one_block_the_construction_is_standard_cmac(master: bytes, diversifier: bytes) -> None:
    assert diversification.aes_128(master, diversifier) == ev2.cmac(master, b"\x01" + diversifier)


@given(master=KEY, diversifier=st.binary(min_size=1, max_size=31), at=st.integers(0, 30), bit=st.integers(0, 7))
def test_two_cards_never_share_a_key(master: bytes, diversifier: bytes, at: int, bit: int) -> None:
    other = bytearray(diversifier)
    other[at % len(other)] ^= 1 << bit
    assert diversification.aes_128(master, diversifier) != diversification.aes_128(master, bytes(other))


@pytest.mark.parametrize(
    ("function", "too_long"), [(diversification.aes_128, bytes(32)), (diversification.tdea_2key, bytes(16))]
)
def test_an_input_that_does_not_fit_is_refused(function: Any, too_long: bytes) -> None:
    with pytest.raises(ValueError, match="diversification input"):
        function(bytes(range(16)), too_long)
    with pytest.raises(ValueError, match="diversification input"):
        function(bytes(range(16)), b"")
    with pytest.raises(ValueError, match="master key"):
        function(b"short", b"M")
