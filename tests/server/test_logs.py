"""Secrets stay out of the logs (D6)."""

import pytest

from server.logs import blank_secrets


@pytest.mark.parametrize(
    "key", ["password", "new_password", "token", "Authorization", "hash_key", "set_cookie", "secret"]
)
def test_the_value_of_a_key_that_names_a_secret_is_blanked(key: str) -> None:
    assert blank_secrets(None, "info", {"event": "x", key: "s3cret"}) == {"event": "x", key: "***"}


def test_other_values_are_kept() -> None:
    assert blank_secrets(None, "info", {"event": "x", "edge": "edge-1"}) == {"event": "x", "edge": "edge-1"}
