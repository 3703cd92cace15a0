"""Passwords: hashing (Argon2id through pwdlib) and what is refused as one (D2)."""

import itertools
import re

from pwdlib import PasswordHash

from server.problems import Problem

MIN_CHARS = 10
MAX_CHARS = 256
MIN_DIFFERENT = 5
RUN_CHARS = 5
KEYBOARD_CHARS = 4
MIN_BESIDE_DATE = 8
_ROWS = (
    "1234567890",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "1qaz",
    "2wsx",
    "3edc",
    "4rfv",
    "5tgb",
    "6yhn",
    "7ujm",
    "8ik,",
    "9ol.",
    "0p;/",
)
_KEYBOARD = tuple(row[::way] for row in _ROWS for way in (1, -1))
_YEAR, _MONTH, _DAY, _GAP = r"(?:19|20)\d\d", r"(?P<month>\d\d?)", r"(?P<day>\d\d?)", r"[-./_ 年月]"
_DATES = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?=(?P<year>(?:19|20)\d\d)(?P<month>\d\d)(?P<day>\d\d))\d{8}",
        r"(?=(?P<day>\d\d)(?P<month>\d\d)(?P<year>(?:19|20)\d\d))\d{8}",
        r"(?=(?P<month>\d\d)(?P<day>\d\d)(?P<year>(?:19|20)\d\d))\d{8}",
        rf"{_YEAR}{_GAP}{_MONTH}{_GAP}{_DAY}",
        rf"{_DAY}{_GAP}{_MONTH}{_GAP}{_YEAR}",
        rf"{_MONTH}{_GAP}{_DAY}{_GAP}{_YEAR}",
        r"(?<!\d)(?P<short>\d\d)(?P<month>\d\d)(?P<day>\d\d)(?!\d)",
    )
)

_hasher = PasswordHash.recommended()
_NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$EiaP+hRlVN5gVNWMrN9qeA$I2vTHUVMS14O5bQYOt2LkIOKcL2TERFQ8H0ci3mAGLs"
"""Made of "no operator has this password" at the cost of all others: a hash at each start would take every program a tenth of a second."""


def hash_password(password: str) -> str:
    """The hash to keep."""
    return _hasher.hash(password)


def verify_password(password: str, password_hash: str | None) -> bool:
    """Whether the password fits. None (no such operator) takes as long as a wrong password and never fits."""
    fits = _hasher.verify(password, password_hash if password_hash is not None else _NOBODY)
    return fits and password_hash is not None


def refuse_weak(password: str, username: str, name: str) -> None:
    """Raise :class:`Problem` for a password that D2 forbids: short, a name, a birthday, a run, a repetition."""
    folded = password.casefold()
    if not MIN_CHARS <= len(password) <= MAX_CHARS:
        raise _weak(f"use {MIN_CHARS} to {MAX_CHARS} characters", f"长度须为 {MIN_CHARS} 至 {MAX_CHARS} 个字符")
    if any(len(word) >= 2 and word.casefold() in folded for word in (username, name, *_long_parts(name), "menjin")):
        raise _weak("it contains a name", "不得包含姓名或用户名")
    if password.isdigit():
        raise _weak("digits alone are a birthday or a telephone number", "不得只用数字（生日、电话）")
    if _holds_date(password):
        raise _weak("it contains a date, such as a birthday", "不得包含日期（如生日）")
    if len(set(folded)) < MIN_DIFFERENT or folded in (folded + folded)[1:-1]:
        raise _weak("it repeats itself", "不得重复字符或片段")
    if _in_runs(folded) * 2 >= len(folded):
        raise _weak(
            "most of it is a run such as abcdef, 54321 or qwerty", "不得主要由连续字符组成，如 abcdef、54321、qwerty"
        )


def _long_parts(name: str) -> list[str]:
    return [part for part in name.split() if len(part) >= 3]


def _holds_date(text: str) -> bool:
    """A day of 1900-2099 as year, month, day or the other way round, with or without separators; a short year where little else is left."""
    for pattern in _DATES:
        for found in pattern.finditer(text):
            parts = {name: int(value) for name, value in found.groupdict().items()}
            if "short" in parts and len(text) - len(found.group()) >= MIN_BESIDE_DATE:
                continue
            if 1 <= parts["month"] <= 12 and 1 <= parts["day"] <= 31:
                return True
    return False


def _in_runs(text: str) -> int:
    """How many characters stand in stretches that rise or fall by one, or lie side by side on the keyboard."""
    held: set[int] = set()
    start, direction = 0, 0
    for at, (before, after) in enumerate(itertools.pairwise(text), 1):
        step = ord(after) - ord(before)
        if step not in (1, -1) or step != direction:
            start, direction = (at - 1, step) if step in (1, -1) else (at, 0)
        if at - start + 1 >= RUN_CHARS:
            held.update(range(start, at + 1))
    for at in range(len(text) - KEYBOARD_CHARS + 1):
        piece = text[at : at + KEYBOARD_CHARS]
        if any(piece in row for row in _KEYBOARD):
            held.update(range(at, at + KEYBOARD_CHARS))
    return len(held)


def _weak(why: str, why_zh: str) -> Problem:
    return Problem(422, "weak_password", f"Choose another password: {why}.", f"请另选密码：{why_zh}。", field="new")
