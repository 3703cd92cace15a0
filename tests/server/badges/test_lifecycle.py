"""One table decides every pair of status and act; its page is made from it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.badges.lifecycle import MEANINGS, NOTHING_YET, TABLE, Act, after, table_text
from server.badges.models import BADGE_STATUSES, GONE
from tests.controller.generated import ROOT, assert_current

OPENS = "active"


def test_the_table_knows_every_stored_status_and_no_other() -> None:
    assert set(TABLE) == {NOTHING_YET, *BADGE_STATUSES}
    assert {becomes for row in TABLE.values() for becomes in row.values()} == set(BADGE_STATUSES)
    assert set(MEANINGS) == set(Act)


@pytest.mark.parametrize("status", GONE)
def test_what_was_deregistered_never_lives_again(status: str) -> None:
    assert set(TABLE[status].values()) <= set(GONE)


def test_only_activation_opens_doors() -> None:
    opening = {(status, act) for status, row in TABLE.items() for act, becomes in row.items() if becomes == OPENS}
    assert opening == {("issued", Act.ACTIVATE), ("active", Act.ACTIVATE), ("active", Act.RESUME)}


@pytest.mark.parametrize("act", [Act.LOSE, Act.SUSPEND])
def test_stopping_a_badge_that_opens_is_always_possible(act: Act) -> None:
    assert after(OPENS, act) not in (None, OPENS)
    assert after("issued", act) is not None, "what waits to open can be stopped as well"


@given(st.lists(st.sampled_from(list(Act)), max_size=12))
def test_a_slot_is_freed_by_deregistration_or_the_cards_return_alone(acts: list[Act]) -> None:
    status = "approved"
    for act in acts:
        became = after(status, act)
        if became in GONE and status not in GONE:
            assert act in (Act.DEREGISTER, Act.RETURN)
        status = became or status


def test_an_unknown_status_is_a_fault_and_not_a_refusal() -> None:
    with pytest.raises(KeyError):
        after("expired", Act.LOSE)


def test_the_page_says_what_the_table_says() -> None:
    page = (ROOT / "docs/badges.md").read_text("utf-8")
    section = re.compile(r"(<!-- lifecycle: [^\n]* -->\n).*?(<!-- end -->\n)", re.DOTALL)
    text, found = section.subn(lambda match: match[1] + "\n" + table_text() + "\n" + match[2], page)
    assert found == 1
    assert_current("docs/badges.md", text)
