"""Two languages: everything is translated, and who asks gets their own."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.event_base import AlarmName
from controller.events import AnyEvent
from controller.reasons import ALARMS
from controller.site_checks import parse_site
from server.console.language import LANGUAGES, catalogue, of_one, preferred, translate
from server.console.rendering import Renderer
from server.console.words import WORDS, gathered
from server.ledger.alarm_meanings import OWN
from tests.server.conftest import SITE
from tests.server.console.texts import CONSOLE, used_texts

PLACEHOLDER = re.compile(r"%\(\w+\)s|\{\w+\}")
LETTERS = re.compile(r"[A-Za-z一-鿿]{2,}")
ALLOWED = {"menjin"}  # a name


def test_every_text_is_translated_and_no_translation_is_left_over() -> None:
    assert used_texts() - set(catalogue()) == set(), "python -m tests.server.console.texts lists them"
    assert set(catalogue()) - used_texts() == set()


def test_translations_keep_the_placeholders_and_are_chinese() -> None:
    for english, chinese in catalogue().items():
        assert sorted(PLACEHOLDER.findall(english)) == sorted(PLACEHOLDER.findall(chinese)), english
        assert re.search("[一-鿿、-〟！-～]", chinese), english
        assert not re.search(" …|……", chinese), f"{english}: one sign, no blank before it"


def test_of_one_thing_english_speaks_in_the_singular() -> None:
    assert set(of_one()) <= used_texts()
    for many, one in of_one().items():
        assert one != many
        assert set(PLACEHOLDER.findall(one)) <= set(PLACEHOLDER.findall(many))
    said = Renderer(parse_site(SITE, "site.toml"))._environments
    text = "{{ _('%(count)s sessions', count=n) }}, {{ _('%(count)s kinds of alarm', count=n) }}"
    for n, english in (
        (0, "0 sessions, 0 kinds of alarm"),
        (1, "1 session, 1 kind of alarm"),
        ("1+", "1+ sessions, 1+ kinds of alarm"),
    ):
        assert said["en"].from_string(text).render(n=n) == english
        assert said["zh-CN"].from_string(text).render(n=n) == f"{n} 个会话, {n} 类报警"
    hostile = "{{ _('with %(name)s', name='<b>') }}"
    assert [said[language].from_string(hostile).render() for language in LANGUAGES] == [
        translate(language, "with %(name)s") % {"name": "&lt;b&gt;"} for language in LANGUAGES
    ]


@pytest.mark.parametrize("path", sorted((CONSOLE / "templates").glob("*.html")), ids=lambda path: path.name)
def test_no_template_holds_a_text_outside_the_catalogue(path: object) -> None:
    text = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", " ", path.read_text("utf-8"), flags=re.S)  # type: ignore[attr-defined]
    shown = re.sub(r"<(kbd|code)\b.*?</\1>|<[^>]*>", " ", text, flags=re.S)
    loose = [word for word in LETTERS.findall(shown) if word not in ALLOWED and word != "中文" and word != "English"]
    loose += re.findall(r"\}\} …", text)  # that is `dots`, which has a blank before it in English only
    loose += re.findall(r'(?:title|aria-label|placeholder|alt)="[^"{]*[A-Za-z一-鿿]', text)
    assert loose in ([], ["Esc"])


@pytest.mark.parametrize("path", sorted((CONSOLE / "static").glob("*.js")), ids=lambda path: path.name)
def test_no_script_shows_a_text_outside_the_catalogue(path: object) -> None:
    text = re.sub(r"//.*", "", path.read_text("utf-8"))  # type: ignore[attr-defined]
    sentences = re.findall(r"""(_\()?(["'`])((?:(?!\2).)* (?:(?!\2).)*)\2""", text)
    assert '.join(", ")' not in text, "a list that is shown has its language's comma"
    loose = [words for marked, _, words in sentences if not marked and re.search(r"[A-Za-z]{3,} [a-z]{2,} ", words)]
    assert loose == []


def test_every_code_of_the_wire_has_a_name() -> None:
    assert set(WORDS["decision"]) == {event.__name__ for event in AnyEvent.__args__}  # type: ignore[attr-defined]
    assert set(WORDS["alarm"]) >= set(AlarmName.__args__)  # type: ignore[attr-defined]
    assert set(WORDS["alarm"]) - set(ALARMS) == set(OWN), "the server's own alarms say what to do"


def test_a_family_of_words_is_in_one_part_alone() -> None:
    with pytest.raises(ValueError, match="two parts of the vocabulary have the family 'kind'"):
        gathered({"kind": {"new": "a"}}, {"state": {}}, {"kind": {"new": "b"}})
    assert WORDS["admit_result"]["no_session"] == "is not connected: nothing was done", "what the guard needs to know"
    assert WORDS["command_result"]["waiting"] == "waits to be sent"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", "zh-CN"),
        ("de, fr;q=0.8", "zh-CN"),
        ("en-GB,en;q=0.9,zh;q=0.8", "en"),
        ("en;q=0.5, zh-TW;q=0.9", "zh-CN"),
        ("zh-CN;q=0, en;q=0.1", "en"),
        ("en;q=x", "zh-CN"),
    ],
)
def test_the_browsers_first_language_that_we_speak_is_taken(header: str, expected: str) -> None:
    assert preferred(header) == expected


@given(st.text())
def test_any_header_gives_one_of_our_languages(header: str) -> None:
    assert preferred(header) in LANGUAGES


def test_a_text_without_translation_is_shown_as_it_is() -> None:
    assert translate("zh-CN", "no such text") == "no such text"


@pytest.mark.parametrize(
    ("reason", "inputs", "said"),
    [
        ("OUTSIDE_SCHEDULE", {"area": "hall", "schedule": "office"}, "（周一至周五 08:00–18:00、节假日 无）"),
        ("LEASE_ENDED", {"kind": "customer"}, "客户证的授权已到期"),
        ("NOBODY_WAITS", {"access_point": "hall-in", "number": "M1"}, "lobby → 主机房 没有持出入证 M1 的人"),
        ("NO_SUCH_ALARM", {"alarm": "DoorForcedOpen", "subject": "hall-door"}, "没有这样的报警：门被强行打开 东门。"),
        ("WORK_ORDER_LATE", {"order": "GD-1", "ready_us": 1_795_341_600_000_000}, "11-22 18:00:00 之后"),
    ],
)
def test_a_sentence_says_what_the_site_calls_its_places_hours_and_moments(
    reason: str, inputs: dict[str, str | int], said: str
) -> None:
    named = SITE.replace('id = "hall"\n', 'id = "hall"\nname_zh = "主机房"\n', 1)
    named = named.replace('id = "hall-door"\n', 'id = "hall-door"\nname_zh = "东门"\n', 1)
    renderer = Renderer(parse_site(named, "site.toml"))
    assert said in renderer.remedy({"reason": reason, "rule": "R1", "inputs": inputs}, "zh-CN")


def test_what_is_constant_in_a_template_is_said_in_each_language() -> None:
    parts, renderer = {}, Renderer(parse_site(SITE, "site.toml"))
    for language in LANGUAGES:
        template = renderer._environments[language].get_template("taps.html")
        event = {
            "kind": "AccessDenied",
            "tone": "bad",
            "because": None,
            "at": datetime(2026, 1, 1, tzinfo=UTC),
            "seq": 1,
            "door": "hall-door",
        }
        parts[language] = template.render(taps=[{"lost": True, "event": event, "large": True}])
    assert "A lost badge was used" in parts["en"]
    assert "A lost badge was used" not in parts["zh-CN"]
