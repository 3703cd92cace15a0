"""Codes in Chinese, for what people are told outside the pages' templates: refusals, sheets. The vocabulary is the console's."""

from collections.abc import Iterable

from server.console.language import translate
from server.console.words import word


def in_chinese(family: str, code: str) -> str:
    """What the console calls ``code`` in Chinese; a code that has no word stays as it is."""
    return translate("zh-CN", word(family, code))


def all_in_chinese(family: str, codes: Iterable[str]) -> str:
    """The codes as a list."""
    return "、".join(in_chinese(family, code) for code in codes)
