"""The normalised name by which duplicates are found (C3)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.registry.names import SUFFIXES, name_key

WORD = st.text(st.characters(categories=["Lu", "Ll", "Lo", "Nd"]), min_size=1, max_size=20)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("华云数据有限公司", "华云数据"),
        ("华云数据股份有限公司", "华云数据有限责任公司"),
        ("华云 数据（北京）有限公司", "华云数据(北京)"),
        ("Huayun Data Co., Ltd.", "HUAYUN DATA"),
        ("Ｈｕａｙｕｎ  Data, Inc", "huayun-data"),
        ("北京 华 云 有 限 公 司", "北京华云"),
    ],
)
def test_spellings_of_one_company_have_one_key(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("华云数据", "华云科技"), ("华云北京分公司", "华云北京"), ("Data One", "Data Two"), ("一号", "二号")],
)
def test_different_companies_have_different_keys(one: str, other: str) -> None:
    assert name_key(one) != name_key(other)


@pytest.mark.parametrize("name", ["公司", "有限公司", "Ltd", "Co., Ltd.", "***", "。"])
def test_a_name_of_nothing_but_form_or_signs_keeps_something(name: str) -> None:
    assert name_key(name)


@given(st.text(max_size=60))
def test_the_key_of_a_key_is_itself(name: str) -> None:
    assert name_key(name_key(name)) == name_key(name)


@given(WORD, st.sampled_from([*SUFFIXES, " Co., Ltd.", " LTD", " Inc.", "  ", "。", "（）"]))
def test_form_spaces_and_signs_do_not_count(name: str, addition: str) -> None:
    assert name_key(name + addition) == name_key(name)


@given(st.text(st.characters(categories=["Lo", "Ll", "Zs", "Po"]), min_size=1, max_size=40).filter(str.strip))
def test_no_name_is_without_a_key(name: str) -> None:
    assert name_key(name)
