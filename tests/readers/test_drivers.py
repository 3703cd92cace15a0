"""Which readers a configuration may name, and which keys are no keys."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readers.credentials.keys import CardKeys, KeyRefused
from readers.drivers import CREDENTIALS, DRIVERS, ReaderRefused, open_reader

KEY = bytes.fromhex("7F1C9A5E3D2B48F6A1C3E5079B8D6F42")
KEYS = {"desfire_read": KEY, "ultralight_c": KEY[::-1], "felica_lite_s": KEY[8:] + KEY[:8]}


@pytest.mark.parametrize("driver", DRIVERS)
def test_every_driver_in_the_table_can_be_had_with_every_credential(driver: str) -> None:
    reader = open_reader(driver, "/dev/nowhere", tuple(CREDENTIALS), KEYS)
    reader.close()


def test_an_unknown_driver_is_one_line_that_names_the_known_ones() -> None:
    with pytest.raises(ReaderRefused, match=r"^reader on /dev/r1: unknown driver 'acr122'; known are pn532$"):
        open_reader("acr122", "/dev/r1", ["uid"], {})


def test_an_unknown_credential_is_one_line_that_names_the_known_ones() -> None:
    with pytest.raises(ReaderRefused, match=r"unknown credential 'mifare'; known are desfire, ultralight-c, "):
        open_reader("pn532", "/dev/r1", ["mifare"], KEYS)


def test_a_reader_that_reads_nothing_is_refused() -> None:
    with pytest.raises(ReaderRefused, match="no credentials"):
        open_reader("pn532", "/dev/r1", [], KEYS)


@pytest.mark.parametrize("keys", [{}, {"desfire_read": b""}], ids=["missing", "empty"])
def test_a_credential_without_its_key_is_refused(keys: dict[str, bytes]) -> None:
    with pytest.raises(ReaderRefused, match="credential desfire needs the card key desfire_read"):
        open_reader("pn532", "/dev/r1", ["desfire"], keys)


def test_a_bare_uid_needs_no_key() -> None:
    open_reader("pn532", "/dev/r1", ["uid"], {}).close()


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize(
    "key",
    [
        bytes(16),
        b"\xff" * 16,
        bytes.fromhex("49454D4B41455242214E4143554F5946"),
        b"BREAKMEIFYOUCAN!",
        b"\x01" * 16,  # zeros, for DES
    ],
)
def test_factory_keys_are_refused_under_every_name(name: str, key: bytes) -> None:
    with pytest.raises(KeyRefused, match=f"card key {name}: is a published factory key"):
        CardKeys(**{name: key})
    with pytest.raises(KeyRefused):
        open_reader("pn532", "/dev/r1", ["uid"], {name: key})


@given(key=st.binary(max_size=40).filter(lambda key: len(key) != 16))
def test_a_key_of_another_length_is_refused(key: bytes) -> None:
    with pytest.raises(KeyRefused, match=f"has {len(key)} bytes, 16 are needed"):
        CardKeys(desfire_read=key)


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"desfire": KEY.hex()}, "unknown name"),
        ({"desfire_read": 5}, "must be a string"),
        ({"desfire_read": "xy" * 16}, "not hexadecimal"),
        ({"desfire_read": ""}, "has 0 bytes"),
    ],
)
def test_a_key_file_table_that_is_wrong_is_one_line(table: dict[str, object], says: str) -> None:
    with pytest.raises(KeyRefused, match=says):
        CardKeys.from_hex(table)


def test_keys_show_neither_in_repr_nor_in_refusals() -> None:
    keys = CardKeys.from_hex({"desfire_read": KEY.hex()})
    assert keys.desfire_read == KEY
    assert "7f1c" not in repr(keys).lower()
    with pytest.raises(KeyRefused) as refusal:
        CardKeys(desfire_read=KEY[:15])
    assert KEY[:15].hex() not in str(refusal.value).lower()
