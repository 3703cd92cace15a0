"""What is wrong with an input by its shape, in Chinese: pydantic says it in English only."""

from collections.abc import Mapping
from typing import Any, Final

_MESSAGES: Final[Mapping[str, str]] = {
    "missing": "必填",
    "extra_forbidden": "没有此项",
    "none_required": "须留空",
    "string_type": "须为文本",
    "string_too_short": "至少 {min_length} 个字符",
    "string_too_long": "最多 {max_length} 个字符",
    "string_pattern_mismatch": "格式不正确",
    "int_type": "须为整数",
    "int_parsing": "须为整数",
    "int_parsing_size": "数字过大",
    "int_from_float": "须为整数",
    "float_type": "须为数字",
    "float_parsing": "须为数字",
    "finite_number": "须为数字",
    "bool_type": "须为是或否",
    "bool_parsing": "须为是或否",
    "greater_than": "须大于 {gt}",
    "greater_than_equal": "不得小于 {ge}",
    "less_than": "须小于 {lt}",
    "less_than_equal": "不得大于 {le}",
    "multiple_of": "须为 {multiple_of} 的倍数",
    "list_type": "须为列表",
    "dict_type": "须为一组字段",
    "model_type": "须为一组字段",
    "model_attributes_type": "须为一组字段",
    "too_short": "至少 {min_length} 项",
    "too_long": "最多 {max_length} 项",
    "literal_error": "不在可选范围内",
    "enum": "不在可选范围内",
    "union_tag_invalid": "不在可选范围内",
    "union_tag_not_found": "缺少类别",
    "json_invalid": "不是有效的 JSON",
    "json_type": "不是有效的 JSON",
    "bytes_type": "须为数据",
    "date_type": "须为日期",
    "date_parsing": "须为日期",
    "date_from_datetime_parsing": "须为日期",
    "date_from_datetime_inexact": "须为日期，不带时间",
    "datetime_type": "须为日期时间",
    "datetime_parsing": "须为日期时间",
    "datetime_from_date_parsing": "须为日期时间",
    "datetime_object_invalid": "须为日期时间",
    "timezone_aware": "时间须带时区",
    "timezone_naive": "时间不得带时区",
}


def in_chinese(error: Mapping[str, Any]) -> str:
    """One of pydantic's errors. What has no words of its own keeps the English beside it."""
    known = _MESSAGES.get(error["type"])
    if known is None:
        return f"不符合要求（{error['msg']}）"
    limits = error.get("ctx", {}).items()
    return known.format(**{name: f"{limit:g}" if isinstance(limit, float) else limit for name, limit in limits})
