"""Chance from the kernel: identities that nobody can guess."""

import secrets


class SystemRandom:
    """Implements :class:`edge.ports.Random`."""

    def token(self) -> str:
        """32 hexadecimal digits."""
        return secrets.token_hex(16)
