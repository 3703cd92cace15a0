"""Sessions and tries, with a time that the test moves; the password's file."""

from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.now import SECOND_US
from edge.muster.password import PasswordRefused, fits, stored_hash, write_password
from edge.muster.sign_in import MAX_ADDRESSES, MAX_SESSIONS, SESSION_US, TRIES, TRIES_WITHIN_US, SignIn
from edge.private_file import PrivateFileError


def fresh() -> SignIn:
    numbers = count()
    return SignIn(lambda: f"token-{next(numbers)}")


def test_a_session_holds_for_a_shift_and_ends_when_signed_out() -> None:
    sign_in = fresh()
    token = sign_in.begin("a", "hash", 0)
    other = sign_in.begin("a", "hash", 0)
    assert token != other
    assert sign_in.holds(token, "hash", SESSION_US - 1)
    sign_in.end(other)
    assert not sign_in.holds(other, "hash", 1)
    assert not sign_in.holds(token, "hash", SESSION_US)
    assert not sign_in.holds(token, "hash", 1), "what has ended does not come back"


@pytest.mark.parametrize("token", ["", "token-1", "nonsense"])
def test_nobody_else_is_signed_in(token: str) -> None:
    sign_in = fresh()
    sign_in.begin("a", "hash", 0)
    assert not sign_in.holds(token, "hash", 1)


def test_another_password_ends_the_session_and_a_file_that_is_gone_does_not() -> None:
    sign_in = fresh()
    token = sign_in.begin("a", "hash", 0)
    assert sign_in.holds(token, None, 1)
    assert not sign_in.holds(token, "other", 1)
    assert not sign_in.holds(token, "hash", 1)


def test_sessions_are_bounded_and_the_oldest_ends() -> None:
    sign_in = fresh()
    tokens = [sign_in.begin("a", "hash", 0) for _ in range(MAX_SESSIONS + 1)]
    assert [sign_in.holds(token, "hash", 1) for token in tokens] == [False] + [True] * MAX_SESSIONS


def test_after_five_wrong_passwords_an_address_waits_and_others_do_not() -> None:
    sign_in = fresh()
    for second in range(TRIES):
        assert sign_in.wait_us("bad", second * SECOND_US) == 0
        sign_in.failed("bad", second * SECOND_US)
    assert sign_in.wait_us("bad", 5 * SECOND_US) == TRIES_WITHIN_US - 5 * SECOND_US
    assert sign_in.wait_us("good", 5 * SECOND_US) == 0
    assert sign_in.wait_us("bad", TRIES_WITHIN_US) == 0


def test_the_right_password_forgets_the_wrong_ones() -> None:
    sign_in = fresh()
    for _ in range(TRIES - 1):
        sign_in.failed("a", 0)
    sign_in.begin("a", "hash", 0)
    for _ in range(TRIES - 1):
        sign_in.failed("a", 1)
    assert sign_in.wait_us("a", 2) == 0


@given(st.lists(st.tuples(st.integers(0, 20 * SECOND_US), st.sampled_from("ab")), max_size=60))
def test_no_address_ever_fails_more_than_five_times_in_a_minute(tries: list[tuple[int, str]]) -> None:
    sign_in, now_us = fresh(), 0
    failed: dict[str, list[int]] = {"a": [], "b": []}
    for pause_us, address in tries:
        now_us += pause_us
        if sign_in.wait_us(address, now_us) == 0:
            sign_in.failed(address, now_us)
            failed[address].append(now_us)
    for times in failed.values():
        for at_us in times:
            assert sum(1 for other in times if at_us - TRIES_WITHIN_US < other <= at_us) <= TRIES


def test_addresses_that_are_remembered_are_bounded() -> None:
    sign_in = fresh()
    for n in range(MAX_ADDRESSES + 10):
        for _ in range(TRIES):
            sign_in.failed(f"10.0.{n >> 8}.{n & 255}", 0)
    assert sign_in.wait_us("10.0.0.0", 1) == 0
    assert sign_in.wait_us(f"10.0.{(MAX_ADDRESSES + 9) >> 8}.{(MAX_ADDRESSES + 9) & 255}", 1) > 0


def test_a_password_is_kept_as_a_hash_in_a_file_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "muster.password"
    write_password(path, "correct horse battery")
    assert path.stat().st_mode & 0o777 == 0o600
    assert "horse" not in path.read_text(encoding="utf-8")
    stored = stored_hash(path)
    assert fits("correct horse battery", stored)
    assert not fits("correct horse batterz", stored)
    assert not fits("", stored)


@pytest.mark.parametrize("bad", ["short", "x" * 201, "aaaaaaaaaaaa", "abababababab"])
def test_a_weak_password_is_refused_in_one_line_and_the_old_one_stays(tmp_path: Path, bad: str) -> None:
    path = tmp_path / "muster.password"
    with pytest.raises(PasswordRefused, match="password"):
        write_password(path, bad)
    assert not path.exists()


def test_a_file_that_is_no_password_is_named(tmp_path: Path) -> None:
    path = tmp_path / "muster.password"
    path.write_text("secret\n")
    path.chmod(0o600)
    with pytest.raises(PrivateFileError, match="muster-password"):
        stored_hash(path)
    path.chmod(0o644)
    with pytest.raises(PrivateFileError, match="chmod 600"):
        stored_hash(path)
