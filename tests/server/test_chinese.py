"""What people are told in Chinese holds words, not codes: of states, roles and kinds, and of what pydantic finds wrong."""

import ast
import re
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field, ValidationError

import server
from server.chinese import all_in_chinese, in_chinese
from server.problems import Problem
from server.validation_words import in_chinese as fault_in_chinese

SOURCES = sorted(Path(server.__file__).parent.rglob("*.py"))
CODE = re.compile(r"(\.(status|role|kind|state|standing)|\b(status|role|kind))$|join\((missing|owed|roles|statuses)\)")
"""An expression whose value is a code of a vocabulary."""


def chinese_texts(source: Path) -> list[tuple[int, list[str]]]:
    """Line and expressions of each Chinese text with something put in."""
    found = []
    for node in ast.walk(ast.parse(source.read_text("utf-8"))):
        if not isinstance(node, ast.JoinedStr):
            continue
        if re.search("[一-鿿]", "".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))):
            found.append((node.lineno, [ast.unparse(part.value) for part in node.values if isinstance(part, ast.FormattedValue)]))  # fmt: skip
    return found


def test_no_chinese_text_holds_a_code_of_a_state_a_role_or_a_kind() -> None:
    raw = [
        f"{source.name}:{line}: {expression}"
        for source in SOURCES
        for line, expressions in chinese_texts(source)
        for expression in expressions
        if CODE.search(expression)
    ]
    assert raw == [], "server.chinese has the words"


def test_a_code_is_said_as_on_the_pages_and_an_unknown_one_as_it_is() -> None:
    assert in_chinese("badge_standing", "lost") == "已挂失"
    assert all_in_chinese("paper", ["photo", "id_copy"]) == "照片、证件复印件"
    assert in_chinese("role", "of a newer version") == "of a newer version"


class _Given(BaseModel, extra="forbid"):
    hours: Annotated[float, Field(gt=0, le=24)] = 4
    count: Annotated[int, Field(ge=1)] = 1
    name: Annotated[str, Field(min_length=2, max_length=3)] = "xx"
    areas: Annotated[list[str], Field(min_length=1, max_length=2)] = ["x"]
    kind: Literal["a", "b"] = "a"
    yes: bool = True


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"hours": 30}, "不得大于 24"),
        ({"hours": 0}, "须大于 0"),
        ({"hours": "1小时"}, "须为数字"),
        ({"count": "2台"}, "须为整数"),
        ({"count": 0}, "不得小于 1"),
        ({"name": "x"}, "至少 2 个字符"),
        ({"name": "xxxx"}, "最多 3 个字符"),
        ({"areas": []}, "至少 1 项"),
        ({"areas": ["x"] * 3}, "最多 2 项"),
        ({"kind": "c"}, "不在可选范围内"),
        ({"yes": "maybe"}, "须为是或否"),
        ({"more": 1}, "没有此项"),
    ],
)
def test_what_is_wrong_with_an_input_is_said_in_chinese(given: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        _Given.model_validate(given)
    assert fault_in_chinese(refused.value.errors()[0]) == said


def test_a_fault_without_words_keeps_the_english_beside_it() -> None:
    assert fault_in_chinese({"type": "new_in_pydantic", "msg": "It is odd"}) == "不符合要求（It is odd）"


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        ("lines.0.serials", "lines.0：序列号 X 重复。", "序列号 X 重复。"),
        ("person.phone", "phone: this is no telephone number.", "This is no telephone number."),
        ("key", "key：没有在用的 7 号钥匙。", "没有在用的 7 号钥匙。"),
        ("areas", "Hall: is closed.", "Hall: is closed."),
        (None, "lines: an order without lines.", "lines: an order without lines."),
    ],
)
def test_a_person_does_not_read_the_fields_name_for_programs(field: str | None, text: str, said: str) -> None:
    assert Problem(422, "invalid_input", text, text, field=field).said("en") == said
