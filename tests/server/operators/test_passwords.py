"""What is refused as a password (D2), and how one is kept."""

import subprocess
import sys

import pytest

from server.operators.passwords import hash_password, refuse_weak, verify_password
from server.problems import Problem


@pytest.mark.parametrize(
    "password",
    [
        "short",
        "x" * 300,
        "li.na-keeps-it",
        "LI.NA keeps it",
        "王伟在这里守门一二三四",
        "1990051212345",
        "aaaaaaaaaaaa",
        "abababababab",
        "abcdefghijkl",
        "987654321zyx",
        "menjin-menjin-1",
        "19880214x!Kv",
        "xK-1988-2-14-q",
        "14.02.1988 Kv!",
        "Kv!x880214",
        "qwertyuiop!7",
        "1qaz2wsx3edc",
        "poiuytrewq9!",
        "Ro5eGarRo5eGar",
    ],
)
def test_weak_passwords_are_refused_with_what_to_do(password: str) -> None:
    with pytest.raises(Problem) as refused:
        refuse_weak(password, "li.na", "王伟")
    assert refused.value.code == "weak_password"
    assert refused.value.detail.startswith("Choose another password: ")


@pytest.mark.parametrize(
    "password",
    [
        "correct horse 42 battery",
        "门前大桥下游过一群鸭12",
        "2fJ!x-Qw9_zz",
        "order 77991532 stays",
        "a line of 880214 sheep by the gate",
    ],
)
def test_other_passwords_are_accepted(password: str) -> None:
    refuse_weak(password, "li.na", "王伟")


def test_a_password_is_kept_as_a_salted_argon2id_hash() -> None:
    first, second = hash_password("correct horse"), hash_password("correct horse")
    assert first != second
    assert first.startswith("$argon2id$")
    assert verify_password("correct horse", first)
    assert not verify_password("wrong horse", first)
    assert not verify_password("no operator has this password", None)


def test_the_real_cost_of_a_password_is_at_least_what_owasp_asks() -> None:
    code = "from server.operators.passwords import _NOBODY, hash_password; print(hash_password('x')); print(_NOBODY)"
    kept, nobody = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    ).stdout.split()
    assert kept.split("$")[:4] == nobody.split("$")[:4]
    memory, times, _lanes = (int(part.split("=")[1]) for part in kept.split("$")[3].split(","))
    assert memory >= 19_456
    assert times >= 2
