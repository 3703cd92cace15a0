"""Secrets and what is personal stay out of the logs (D6)."""

import pytest

from server.logs import blank_rows, blank_secrets, without_row


@pytest.mark.parametrize(
    "key",
    ["password", "new_password", "token", "Authorization", "hash_key", "set_cookie", "secret", "phone", "holder_email"],
)
def test_the_value_of_a_key_that_names_a_secret_is_blanked(key: str) -> None:
    assert blank_secrets(None, "info", {"event": "x", key: "s3cret"}) == {"event": "x", key: "***"}


def test_other_values_are_kept() -> None:
    assert blank_secrets(None, "info", {"event": "x", "edge": "edge-1"}) == {"event": "x", "edge": "edge-1"}


REFUSED = """psycopg.errors.CheckViolation: new row for relation "holder" violates check constraint "ck_holder_kind"
DETAIL:  Failing row contains (1, hol_1, 李娜
second line, 13800138000).
[SQL: INSERT INTO holder (kind) VALUES (%(kind)s)]"""


def test_the_row_that_postgresql_quotes_is_blanked_and_the_rest_kept() -> None:
    assert without_row(REFUSED) == (
        'psycopg.errors.CheckViolation: new row for relation "holder" violates check constraint "ck_holder_kind"\n'
        "DETAIL:  Failing row contains (***)\n"
        "[SQL: INSERT INTO holder (kind) VALUES (%(kind)s)]"
    )
    assert without_row(REFUSED.split("\n[SQL")[0]).endswith("contains (***)")
    assert blank_rows(None, "error", {"event": "x", "exception": REFUSED, "count": 3}) == {
        "event": "x",
        "exception": without_row(REFUSED),
        "count": 3,
    }
    assert without_row("DETAIL: all is well") == "DETAIL: all is well"
