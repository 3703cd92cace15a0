"""The generated pages are current."""

from controller.reasons import ALARMS, Reason
from controller.rule_docs import TITLES, doors_page, rules_page
from tests.controller.generated import assert_current


def test_the_page_of_rules_is_that_of_the_code() -> None:
    assert_current("docs/rules.md", rules_page())


def test_the_page_of_door_states_is_drawn_from_the_table() -> None:
    assert_current("docs/door-states.md", doors_page())


def test_every_reason_and_alarm_names_a_rule_with_a_title() -> None:
    assert {reason.value.rule for reason in Reason} <= set(TITLES)
    assert {alarm.rule for alarm in ALARMS.values()} <= set(TITLES)
