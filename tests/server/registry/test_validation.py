"""The form of a number is required; what looks wrong about it is warned of (C1)."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.cn import ric, uscc

from server.problems import Problem
from server.registry import validation

TODAY = date(2026, 3, 2)
ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
REGIONS = st.sampled_from(["110101", "310104", "440305", "360426"])


def id_card(region: str, born: str, order: str = "007") -> str:
    """A number with the right check digit."""
    return region + born + order + ric.calc_check_digit(region + born + order + "0")


@given(st.text("0123456789", min_size=8, max_size=8), st.text(ALPHABET, min_size=9, max_size=9))
def test_a_credit_code_with_its_check_digit_passes_however_it_is_spaced(digits: str, body: str) -> None:
    number = digits + body + uscc.calc_check_digit(digits + body)
    spaced = f" {number[:2]} {number[2:8]}-{number[8:].lower()}"
    assert validation.credit_code(spaced) == (number, [])


def test_a_wrong_check_digit_is_warned_of_in_both_languages() -> None:
    number, warnings = validation.credit_code("911100006000373410")
    assert number == "911100006000373410"
    assert [(found.field, found.code) for found in warnings] == [("credit_code", "credit_code_checksum")]
    assert warnings[0].detail
    assert "统一社会信用代码" in warnings[0].detail_zh


@pytest.mark.parametrize(
    "text", ["", "123", "91110000600037341", "91110000600037341LL", "9111000060003734IO", "统一代码"]
)
def test_a_credit_code_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(Problem) as refused:
        validation.credit_code(text)
    assert (refused.value.status, refused.value.field) == (422, "credit_code")


@given(REGIONS, st.dates(date(1930, 1, 1), date(2026, 3, 2)), st.integers(0, 999))
def test_an_identity_card_with_its_check_digit_passes(region: str, born: date, order: int) -> None:
    number = id_card(region, born.strftime("%Y%m%d"), f"{order:03}")
    _, warnings = validation.id_card(number.lower(), TODAY)
    assert "id_number_checksum" not in [found.code for found in warnings]
    assert "id_number_date" not in [found.code for found in warnings]


@pytest.mark.parametrize("region", ["810000", "820000", "830000", "911056"])
def test_residents_whose_regions_are_in_no_list_pass(region: str) -> None:
    number = id_card(region, "19900307")
    assert not ric.is_valid(number), "else this test proves nothing"
    assert validation.id_card(number, TODAY) == (number, [])


@pytest.mark.parametrize(
    ("number", "codes"),
    [
        (id_card("110101", "19900231"), ["id_number_date"]),
        (id_card("110101", "20270101"), ["id_number_date"]),
        (id_card("000000", "19900101"), ["id_number_region"]),
        ("11010119900101000" + "X", ["id_number_checksum"]),
    ],
)
def test_what_cannot_be_is_warned_of(number: str, codes: list[str]) -> None:
    assert [found.code for found in validation.id_card(number, TODAY)[1]] == codes


def test_the_form_follows_the_document() -> None:
    assert validation.id_number("E1234 5678", "passport", TODAY) == ("E12345678", [])
    assert validation.id_number("h12345678(01)", "hk_macao_permit", TODAY)[0] == "H12345678(01)"
    for text, document in (("E12345678", "id_card"), ("x", "passport"), ("11010119900101ABCD", None)):
        with pytest.raises(Problem):
            validation.id_number(text, document, TODAY)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("138 0013 8000", "13800138000"),
        ("+86 138-0013-8000", "13800138000"),
        ("０１０-６５５２９９８８", "01065529988"),
        ("010-65529988 ext. 801", "01065529988 ext. 801"),
        ("+852 2123 4567", "+852 2123 4567"),
    ],
)
def test_a_phone_is_written_one_way(text: str, written: str) -> None:
    assert validation.phone(text) == (written, [])
    assert validation.phone(written) == (written, [])


def test_a_phone_that_is_given_out_nowhere_is_warned_of_and_no_phone_is_refused() -> None:
    assert [found.code for found in validation.phone("12345678")[1]] == ["phone_unusual"]
    for text in ("", "call me", "李娜"):
        with pytest.raises(Problem):
            validation.phone(text)


@given(st.text(max_size=40))
def test_nothing_but_a_problem_comes_of_any_text(text: str) -> None:
    for check in (
        validation.credit_code,
        validation.phone,
        validation.email,
        lambda given: validation.id_number(given, None, TODAY),
        lambda given: validation.id_number(given, "passport", TODAY),
    ):
        try:
            written, _ = check(text)
        except Problem as problem:
            assert problem.field
            assert problem.detail_zh
        else:
            assert check(written)[0] == written
