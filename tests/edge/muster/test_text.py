"""The list on a terminal, on paper and as JSON, in both languages."""

import json
import re

import pytest

from controller.state import Presence
from edge.muster.facts import Muster, muster_of
from edge.muster.text import PEOPLE_A_PAGE, as_json, as_pages, as_text
from edge.muster.words import LANGUAGES, Language
from tests.edge.muster.people import AT_US, alarmed, situation, state_of

LIST = muster_of(situation())


def test_a_terminal_shows_everything_in_english() -> None:
    text = as_text(LIST, "en", ("policy.db: no policy is stored",))
    assert "Muster list  demo / edge-1" in text
    assert "The list is certain." in text
    assert "Main hall  3       3         3        -" in text
    assert "000017  C001      Main hall  2026-03-02 07:00:00  -       yes" in text
    assert "T-9     -         Cage A     2026-03-02 08:00:00  S-2     yes" in text
    assert text.endswith("policy.db: no policy is stored\n")


def test_a_terminal_shows_everything_in_chinese_with_columns_that_stand_under_each_other() -> None:
    text = as_text(LIST, "zh-CN")
    assert "名单确定。" in text
    assert "主机房  3     3     3     -" in text
    assert "000017    C001  主机房  2026-03-02 07:00:00  -       是" in text


def test_fire_gas_and_lockdown_stand_before_the_list() -> None:
    text = as_text(muster_of(alarmed()), "en")
    assert "Fire: this is the list as of its beginning (2026-03-02 07:59:59)." in text
    assert "Gas discharge in z1: do not enter." in text
    assert "Locked down: the whole site" in text
    assert "The edge's clock is not to be trusted." in text
    assert "the edge was restarted" in text
    assert text.index("Fire:") < text.index("000017")


def test_the_chinese_list_has_no_half_width_punctuation() -> None:
    text = as_pages(muster_of(alarmed()), "zh-CN")
    assert "气体灭火：z1 区，禁止进入。" in text
    assert re.findall("[一-鿿][,:;(]|[,:;)][一-鿿]", text) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_nobody_inside_is_said(language: Language) -> None:
    nobody = muster_of(situation(state_of({})))
    assert ("名单上无人。" if language == "zh-CN" else "Nobody is on the list.") in as_text(nobody, language)
    assert as_pages(nobody, language).count("\f") == 0


def test_on_paper_each_person_stands_once_beside_a_box_and_each_page_is_signed() -> None:
    crowd = {n: Presence("hall", AT_US, n, f"N{n:05d}") for n in range(1, 2 * PEOPLE_A_PAGE + 2)}
    pages = as_pages(muster_of(situation(state_of(crowd))), "en").split("\f")
    assert len(pages) == 3
    assert [page.count("[ ]") for page in pages] == [PEOPLE_A_PAGE, PEOPLE_A_PAGE, 1]
    for n, page in enumerate(pages, 1):
        assert "Signature: ____" in page
        assert f"Page {n} of 3" in page
    assert all(sum(f"N{n:05d}" in page for page in pages) == 1 for n in crowd)


def test_json_is_one_object_with_times_in_utc() -> None:
    found = json.loads(as_json(LIST))
    assert (found["at"], found["certain"], found["frozen_since"]) == ("2026-03-02T00:00:00Z", True, None)
    assert found["people"][0] == {
        "number": "T-9",
        "customer": None,
        "area": "cage-a",
        "since": "2026-03-02T00:00:00Z",
        "escort": "S-2",
        "sure": True,
        "unescorted": False,
    }
    assert found["areas"][0]["highest"] == 3


def test_what_an_operator_typed_moves_no_cursor() -> None:
    typed: Muster = muster_of(situation(state_of({-1: Presence("hall", AT_US, 0, "\x1b[2Jxu\n")})))
    text = as_text(typed, "en")
    assert "\x1b" not in text
    assert "?[2Jxu?" in text
