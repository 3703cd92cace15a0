"""How a text is marked for the catalogue."""


def N_(text: str) -> str:  # noqa: N802  (gettext's own name: marks a text for the catalogue)
    """Mark a text for the catalogue; it is translated where it is shown."""
    return text
