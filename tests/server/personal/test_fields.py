"""Personal fields of rows, and their masks."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from server.personal.cipher import PersonalKeys, ensure_personal_keys
from server.personal.fields import masked_field, read_field, write_field
from server.personal.masking import MASKS, UNREADABLE, mask_email, mask_id_number, mask_name, mask_phone
from server.registry.models import Contract, Holder


@pytest.fixture
def keys(tmp_path: Path) -> PersonalKeys:
    return ensure_personal_keys(tmp_path)


def holder(public_id: str = "hol_1") -> Holder:
    return Holder(public_id=public_id, kind="staff")


def test_a_field_is_kept_sealed_and_indexed_and_never_in_clear(keys: PersonalKeys) -> None:
    row = holder()
    row.phone_clear = "13800138000"
    write_field(keys, row, "phone", " 138 0013 8000 ")
    assert row.phone_clear is None
    assert row.phone_index == keys.index("phone", "+8613800138000")
    assert row.phone_cipher is not None
    assert b"138" not in row.phone_cipher[17:]
    assert read_field(keys, row, "phone") == "138 0013 8000"


@pytest.mark.parametrize("nothing", [None, "", "  "])
def test_nothing_removes_the_value_and_its_index(keys: PersonalKeys, nothing: str | None) -> None:
    row = holder()
    write_field(keys, row, "name", "李娜")
    write_field(keys, row, "name", nothing)
    assert (row.name_cipher, row.name_index, read_field(keys, row, "name")) == (None, None, None)
    assert masked_field(keys, row, "name") is None


def test_a_value_that_does_not_open_is_said_to_be_unreadable_and_logged_without_content(keys: PersonalKeys) -> None:
    row, other = holder(), holder("hol_2")
    write_field(keys, row, "name", "李娜")
    other.name_cipher = row.name_cipher
    with capture_logs() as logged:
        assert read_field(keys, other, "name") == "unreadable"
        assert masked_field(keys, other, "name") == "unreadable"
    assert logged[0]["row"] == "hol_2"
    assert "李娜" not in repr(logged)


def test_the_mark_of_an_unreadable_value_is_never_written_back(keys: PersonalKeys) -> None:
    with pytest.raises(ValueError, match="unreadable"):
        write_field(keys, holder(), "name", UNREADABLE)


def test_a_row_without_its_public_id_or_the_field_is_a_mistake_of_the_program(keys: PersonalKeys) -> None:
    with pytest.raises(ValueError, match="public_id"):
        write_field(keys, Holder(kind="staff"), "name", "李娜")
    with pytest.raises(ValueError, match="no personal field"):
        write_field(keys, holder(), "email", "a@b.cn")
    with pytest.raises(ValueError, match="no personal field"):
        read_field(keys, Contract(public_id="con_1"), "name")


@pytest.mark.parametrize(
    ("mask", "clear", "shown"),
    [
        (mask_name, "李娜", "李*"),
        (mask_name, "欧阳娜娜", "欧***"),
        (mask_name, "Elizabeth Alexandra", "E***"),
        (mask_name, "李", "*"),
        (mask_phone, "13800000000", "138****0000"),
        (mask_phone, "+86 138 0000 0000", "+86138****0000"),
        (mask_phone, "010-87654321", "010****4321"),
        (mask_phone, "87654321", "****21"),
        (mask_phone, "110", "****"),
        (mask_email, "li.na@example.com", "l***@example.com"),
        (mask_email, "nonsense", "***"),
        (mask_id_number, "11010519491231002X", "1***************2X"),
        (mask_id_number, "E1234567", "E*****67"),
        (mask_id_number, "12345", "*****"),
    ],
)
def test_masks(mask, clear: str, shown: str) -> None:  # type: ignore[no-untyped-def]
    assert mask(clear) == shown


@given(text=st.text(min_size=1, max_size=60), kind=st.sampled_from(sorted(MASKS)))
def test_no_mask_shows_the_whole_value(kind: str, text: str) -> None:
    if set(text) != {"*"}:
        assert MASKS[kind](text) != text
