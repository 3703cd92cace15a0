"""A source of journal ids."""


class Token:
    """Always the same."""

    def token(self) -> str:
        return "j"
