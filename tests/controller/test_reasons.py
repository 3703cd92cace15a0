"""The closed list: both languages, declared inputs, and no reason that nobody gives."""

import re
import string
from pathlib import Path
from typing import get_args

import pytest

from controller import reasons
from controller.access import RULES
from controller.event_base import AlarmName, Explanation
from controller.policy import BadgeKind
from controller.quota import BEYOND_QUOTA, CARD_OF_TWO, NO_SLOT, SUPERSEDED, TWICE
from controller.reasons import ALARMS, Reason, because, instruction, remedy
from readers.credentials.desfire_encoding import Step
from readers.reader import Technology

CAUSES = ("others", "badge_twice", "person_twice", "devices", "noise", "too_long", "half", "check")
"""Of a count and of a scan."""
SOURCES = {
    path.name: path.read_text(encoding="utf-8")
    for path in Path(reasons.__file__).parent.glob("*.py")
    if path.name not in ("reasons.py", "rule_docs.py")
}


def placeholders(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: reason.name)
def test_a_reason_has_both_texts_and_uses_declared_inputs_only(reason: Reason) -> None:
    meaning = reason.value
    assert re.search("[\u4e00-\u9fff]", meaning.zh)
    assert meaning.en
    assert not re.search("[\u4e00-\u9fff]", meaning.en)
    assert placeholders(meaning.zh) | placeholders(meaning.en) <= set(meaning.inputs)
    for other in (meaning.out, meaning.over):
        if other is not None:
            zh, en = other
            assert re.search("[\u4e00-\u9fff]", zh)
            assert not re.search("[\u4e00-\u9fff]", en)
            assert placeholders(zh) | placeholders(en) <= set(meaning.inputs)
    assert set(meaning.inputs.values()) <= {str, int}
    assert re.fullmatch(r"[BRECDL]\d", meaning.rule)


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: reason.name)
def test_a_reason_is_given_by_the_engine_exactly_when_it_says_so(reason: Reason) -> None:
    used = any(re.search(rf"Reason\.{reason.name}\b", text) for text in SOURCES.values())
    assert used == (reason.value.since == "edge")


def test_every_call_gives_inputs_that_are_declared() -> None:
    calls = [
        call
        for text in SOURCES.values()
        for call in re.findall(r"because\(\s*Reason\.(\w+)((?:[^()]|\([^()]*\))*)\)", text)
    ]
    assert len(calls) > 25
    for name, arguments in calls:
        assert set(re.findall(r"(\w+)=", arguments)) == set(Reason[name].value.inputs), name


@pytest.mark.parametrize("alarm", AlarmName.__args__)
def test_an_alarm_has_a_rule_and_instructions_in_both_languages(alarm: AlarmName) -> None:
    assert re.search("[\u4e00-\u9fff]", instruction(alarm, "zh-CN"))
    assert instruction(alarm, "en").isascii()
    raised = any(f'"{alarm}"' in text for name, text in SOURCES.items() if name != "event_base.py")
    assert raised == (ALARMS[alarm].since == "edge")


def test_the_list_of_alarms_is_closed() -> None:
    assert set(ALARMS) == set(AlarmName.__args__)


def test_a_remedy_is_a_sentence_with_the_inputs_in_it() -> None:
    explanation = because(Reason.NO_PERMISSION, number="0007", area="hall")
    assert explanation == Explanation("NO_PERMISSION", "R1", {"number": "0007", "area": "hall"})
    assert remedy(explanation) == "Badge 0007 has no permission for hall."
    assert remedy(explanation, "zh-CN") == "出入证 0007 没有进入 hall 的权限。"


CODES: dict[str, list[str]] = {
    "kind": [*get_args(BadgeKind), "order", "slip"],
    "composition": ["same_customer", "with_staff"],
    "technology": list(get_args(Technology)),
    "cause": [NO_SLOT, BEYOND_QUOTA, SUPERSEDED, TWICE, CARD_OF_TWO, *CAUSES],
    "step": list(get_args(Step)),
}
"""Every code that an explanation may carry in an input of that name."""
NAMED: dict[str, str] = {
    "area": "主机房",
    "door": "东门",
    "access_point": "走廊 → 主机房",
    "schedule": "周一 08:00–18:00",
}
"""What the site's own names have been put in place of before (:mod:`server.console.rendering`)."""
WORD = re.compile(r"(?<![A-Za-z])[a-z]+_[a-z_]*|(?<![A-Za-z])[a-z]{3,}")


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: reason.name)
def test_a_person_reads_no_code_and_no_count_of_microseconds_in_a_chinese_sentence(reason: Reason) -> None:
    meaning = reason.value
    inputs: dict[str, str | int] = {
        name: NAMED.get(name, "A1" if kind is str else 8) for name, kind in meaning.inputs.items()
    }
    inputs |= {name: 1_795_341_600_000_000 for name in inputs if name.endswith("_us")}
    coded = [name for name in inputs if name in CODES]
    for texts in ("", "out"):
        for code in CODES[coded[0]] if coded else [""]:
            given = inputs | ({coded[0]: code} if coded else {}) | ({"way": texts} if "way" in inputs else {})
            said = remedy(Explanation(reason.name, meaning.rule, given), "zh-CN")
            assert not WORD.search(said), said
            assert not re.search(r"\d{10}", said), said


def test_a_remedy_tells_waiting_to_enter_waiting_to_leave_and_waiting_in_vain_apart() -> None:
    inputs: dict[str, str | int] = {"area": "hall", "way": "in", "wait_s": 8}
    waiting = Explanation("SECOND_PERSON_REQUIRED", "R2", inputs)
    leaving = Explanation("SECOND_PERSON_REQUIRED", "R2", {**inputs, "way": "out"})
    in_vain = Explanation("SECOND_PERSON_REQUIRED", "R2", {**inputs, "wait_s": 0})
    texts = [remedy(one, language) for one in (waiting, leaving, in_vain) for language in ("zh-CN", "en")]
    assert len(set(texts)) == 6
    assert "8 s left" in remedy(waiting)
    assert "Your leaving" in remedy(leaving)
    assert "two persons at least" in remedy(in_vain)


def test_a_remedy_of_an_older_or_newer_record_is_still_shown() -> None:
    assert remedy(Explanation("NO_PERMISSION", "R1", {"number": "0007"})) == "Badge 0007 has no permission for ?."
    assert remedy(Explanation("FROM_THE_FUTURE", "R1")) == "FROM_THE_FUTURE"


def test_the_rules_give_no_reason_that_they_do_not_declare() -> None:
    import inspect

    for rule in RULES:
        given = set(re.findall(r"Reason\.(\w+)", inspect.getsource(rule.check)))
        assert given == {reason.name for reason in rule.reasons}, rule.check.__name__


@pytest.mark.parametrize("at_us", [2**62, -(2**62), 253_402_300_799_999_999, 253_402_300_800_000_000])
def test_a_moment_beyond_the_calendar_is_said_as_its_number(at_us: int) -> None:
    for language in ("zh-CN", "en"):
        assert remedy(Explanation("BADGE_EXPIRED", "B3", {"until_us": at_us}), language)
