"""The number with which a visitor says that they are here."""

import pytest

from server.permits.entrance import typed_code


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("7K3M-9QXP", "7K3M9QXP"),
        (" 7k3m 9qxp ", "7K3M9QXP"),
        ("OK3M-9QXI", "0K3M9QX1"),
        ("pmt_01JD4ZABCDEFGHJK00007K3M9Q", "00007K3M9Q"[-8:]),
        ("M1001", None),
        ("%%%%%%%%", None),
        ("７K3M９QXP", None),
    ],
)
def test_a_number_for_the_entrance_is_read_as_people_type_it(typed: str, code: str | None) -> None:
    assert typed_code(typed) == code
