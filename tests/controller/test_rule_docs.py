"""The generated pages are current, and the catalogue of rules agrees with code, scenarios and tests."""

import re

from controller.reasons import ALARMS, Reason
from controller.rule_docs import doors_page, rules_page
from tests.controller import catalogue_page
from tests.controller.catalogue import ISSUE, RULES, Rule
from tests.controller.catalogue_page import exists, faults, ids_in, prefix_ids
from tests.controller.generated import assert_current

CATALOGUE = (
    *(f"B{number}" for number in range(1, 10)),
    *(f"R{number}" for number in range(1, 10)),
    *(f"E{number}" for number in range(1, 9)),
    *(f"C{number}" for number in range(1, 9)),
    *(f"D{number}" for number in range(1, 8)),
    *(f"L{number}" for number in range(1, 6)),
)


def test_the_page_of_rules_is_that_of_the_code() -> None:
    assert_current("docs/rules.md", rules_page() + "\n" + catalogue_page.page())


def test_the_page_of_door_states_is_drawn_from_the_table() -> None:
    assert_current("docs/door-states.md", doors_page())


def test_every_reason_and_alarm_names_a_rule_of_the_catalogue() -> None:
    assert {reason.value.rule for reason in Reason} <= set(CATALOGUE)
    assert {alarm.rule for alarm in ALARMS.values()} <= set(CATALOGUE)


def test_the_catalogue_has_every_rule_once_in_order() -> None:
    assert tuple(rule.id for rule in RULES) == CATALOGUE


def test_every_rule_that_is_built_is_enforced_shown_and_tested() -> None:
    assert faults() == []


def test_a_rule_without_enforcement_scenario_or_test_would_show() -> None:
    bare = Rule(
        "E9",
        "nothing",
        "Nothing holds it.",
        4,
        edge=("controller.access:none_of_that",),
        tests=("tests/none.py::test_it",),
    )
    said = list(catalogue_page._faults_of(bare))
    assert [line.partition(": ")[2] for line in said] == [
        "controller.access:none_of_that is not in the code",
        "there is no test tests/none.py::test_it",
        "has no scenario",
    ]
    unplanned = Rule("E9", "nothing", "Nothing holds it.", ISSUE + 1)
    assert list(catalogue_page._faults_of(unplanned)) == []
    at_a_door = Rule("E9", "nothing", "A door holds it.", ISSUE + 1, edge=("controller.access:decide",), desk=True)
    assert list(catalogue_page._faults_of(at_a_door)) == ["E9: is not kept at the desk alone"]


def test_a_scenario_of_no_rule_would_show() -> None:
    assert prefix_ids("b4-b9-a-lost-badge") == ("B4", "B9")
    assert prefix_ids("edge-killed") == ()
    known = {rule.id for rule in RULES}
    assert not {"X9"} & known
    assert [name for name in catalogue_page.scenario_names() if not set(prefix_ids(name)) <= known] == []


def test_ids_are_found_alone_and_in_spans() -> None:
    assert ids_in("R1, B4-B6 and L1–3") == {"R1", "B4", "B5", "B6", "L1", "L2", "L3"}
    assert ids_in("MEANINGS 8, UTF8, R22, xB3") == set()


def test_a_point_is_a_function_a_class_or_a_method() -> None:
    assert exists("controller.access:decide")
    assert exists("controller.engine:Engine.handle")
    assert not exists("controller.access:RULE")
    assert not exists("controller.nowhere:decide")


def test_every_rules_page_line_points_at_what_is_there() -> None:
    for target in re.findall(r"\]\(\.\./([^)]+)\)", catalogue_page.page()):
        assert (catalogue_page.ROOT / target).exists(), target
