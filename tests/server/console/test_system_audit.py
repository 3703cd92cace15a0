"""How the audit log's before and after are shown as a difference."""

from typing import Any

import pytest

from server.console.system_audit import difference


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, {"a": 1}, [("a", None, "1")]),
        ({"a": 1, "b": 2}, {"a": 1, "b": 3, "c": ""}, [("b", "2", "3"), ("c", None, "")]),
        ({"a": {"x": 1, "y": [1, 2]}}, {"a": {"x": 1, "y": []}}, [("a.y", "1, 2", "")]),
        ({"a": "x"}, {}, [("a", "x", None)]),
        (None, {"a": "", "b": None, "c": 0}, [("c", None, "0")]),
        (None, None, []),
    ],
)
def test_a_difference_names_what_differs_and_nothing_else(before: Any, after: Any, expected: Any) -> None:
    assert difference(before, after) == expected
