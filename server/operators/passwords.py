"""Passwords: hashing (Argon2id through pwdlib) and what is refused as one (D2)."""

import itertools

from pwdlib import PasswordHash

from server.problems import Problem

MIN_CHARS = 10
MAX_CHARS = 256
MIN_DIFFERENT = 5
RUN_CHARS = 5

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
    if any(len(word) >= 2 and word.casefold() in folded for word in (username, name, "menjin")):
        raise _weak("it contains a name", "不得包含姓名或用户名")
    if password.isdigit():
        raise _weak("digits alone are a birthday or a telephone number", "不得只用数字（生日、电话）")
    if len(set(folded)) < MIN_DIFFERENT:
        raise _weak("it repeats a few characters", "不得重复少数字符")
    if sum(_run_lengths(folded)) * 2 >= len(folded):
        raise _weak("most of it is a run such as abcdef or 54321", "不得主要由连续字符组成，如 abcdef、54321")


def _run_lengths(text: str) -> list[int]:
    """Lengths of the stretches of at least RUN_CHARS characters that rise or fall by one."""
    lengths = []
    length, direction = 1, 0
    for before, after in itertools.pairwise(text):
        step = ord(after) - ord(before)
        if step in (1, -1) and step == direction:
            length += 1
        else:
            if length >= RUN_CHARS:
                lengths.append(length)
            length, direction = (2, step) if step in (1, -1) else (1, 0)
    if length >= RUN_CHARS:
        lengths.append(length)
    return lengths


def _weak(why: str, why_zh: str) -> Problem:
    return Problem(422, "weak_password", f"Choose another password: {why}.", f"请另选密码：{why_zh}。", field="new")
