"""The roster's file: opens with its passphrase only, and says what is wrong in one line."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.roster.content import Person, Roster
from server.roster.sealed_file import MAGIC, Cost, RosterError, new_key, open_roster, seal_roster

CHEAP = Cost(memory_kib=64, iterations=1, lanes=1)
PASSPHRASE = "正确的马电池订书钉 correct"
ROSTER = Roster(
    "demo",
    "演示",
    "Demo",
    "2026-03-02T08:00:00Z",
    (Person("M1", "李小娜", "customer", "华云数据", "C001", b"\xff\xd8"),),
)
KEY = new_key(PASSPHRASE, CHEAP)
SEALED = seal_roster(ROSTER, KEY)


def test_it_opens_with_its_passphrase_however_that_was_typed() -> None:
    assert open_roster(SEALED, PASSPHRASE) == ROSTER
    assert open_roster(SEALED, PASSPHRASE.replace("correct", "\uff43orrect")) == ROSTER, (
        "a full-width c of an input method"
    )


def test_nothing_of_a_person_stands_in_it_in_clear_and_no_two_files_are_alike() -> None:
    for clear in ("李小娜", "华云数据", "M1", "C001"):
        assert clear.encode() not in SEALED
    assert seal_roster(ROSTER, KEY) != SEALED


def test_another_passphrase_does_not_open_it() -> None:
    with pytest.raises(RosterError, match="passphrase is wrong"):
        open_roster(SEALED, PASSPHRASE + "x")


@settings(max_examples=100, deadline=None)
@given(at=st.integers(0, len(SEALED) - 1), bit=st.integers(0, 7))
def test_no_changed_bit_goes_unnoticed(at: int, bit: int) -> None:
    changed = bytearray(SEALED)
    changed[at] ^= 1 << bit
    with pytest.raises(RosterError):
        open_roster(bytes(changed), PASSPHRASE)


@settings(max_examples=50, deadline=None)
@given(length=st.integers(0, len(SEALED) - 1))
def test_a_file_that_is_cut_off_is_refused(length: int) -> None:
    with pytest.raises(RosterError):
        open_roster(SEALED[:length], PASSPHRASE)


@pytest.mark.parametrize(
    ("cost", "file", "error"),
    [
        (Cost(memory_kib=2**21, iterations=1, lanes=1), None, "absurd effort"),
        (Cost(memory_kib=64, iterations=10**9, lanes=1), None, "absurd effort"),
        (None, b"%PDF-1.7", "no roster file"),
        (None, MAGIC[:-1] + b"\x02" + SEALED[len(MAGIC) :], "newer menjin"),
    ],
)
def test_what_is_no_roster_of_this_version_is_named(cost: Cost | None, file: bytes | None, error: str) -> None:
    if cost is not None:
        import msgspec

        file = seal_roster(ROSTER, msgspec.structs.replace(KEY, cost=cost))
    assert file is not None
    with pytest.raises(RosterError, match=error):
        open_roster(file, PASSPHRASE)


@pytest.mark.parametrize("passphrase", ["short", "a" * 20, "abab" * 5, "x" * 201])
def test_an_easy_passphrase_is_refused(passphrase: str) -> None:
    with pytest.raises(RosterError):
        new_key(passphrase, CHEAP)


def test_a_guess_costs_a_quarter_of_a_gigabyte_by_default() -> None:
    assert Cost() == Cost(memory_kib=262_144, iterations=3, lanes=4)
