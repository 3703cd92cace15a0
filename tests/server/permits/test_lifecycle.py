"""The tables of permits and visits: every act on every status is decided, and the page says what they say."""

import re

import pytest

from server.permits.lifecycle import PERMIT, VISIT, Act, VisitAct, refuse_act, tables_text
from server.permits.models import PERMIT_STATUSES, VISIT_STATUSES
from server.problems import Problem
from tests.controller.generated import ROOT, assert_current


def test_the_tables_know_every_stored_status_and_no_other() -> None:
    assert set(PERMIT) == set(PERMIT_STATUSES)
    assert set(VISIT) == set(VISIT_STATUSES)


def test_every_act_on_every_status_is_decided() -> None:
    for table, acts in ((PERMIT, list(Act)), (VISIT, list(VisitAct))):
        for status, row in table.items():
            for act in acts:
                if act in row:
                    assert refuse_act(status, act) == row[act]
                else:
                    with pytest.raises(Problem) as refused:
                        refuse_act(status, act)
                    assert refused.value.code == "status_conflict"


def test_the_page_says_what_the_tables_say() -> None:
    page = (ROOT / "docs/visits.md").read_text("utf-8")
    section = re.compile(r"(<!-- lifecycle: [^\n]* -->\n).*?(<!-- end -->\n)", re.DOTALL)
    text, found = section.subn(lambda match: match[1] + "\n" + tables_text() + "\n" + match[2], page)
    assert found == 1
    assert_current("docs/visits.md", text)
