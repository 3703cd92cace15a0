"""A bare UID or IDm as a number: identification, never authentication (MEANINGS 30)."""

RANDOM_UID_MARK = 0x08
"""First byte of a 4-byte UID that the card makes up anew each time (ISO/IEC 14443-3, 6.5.4)."""


def number(uid: bytes) -> str | None:
    """The UID in upper-case hexadecimal. None for a random one or none at all: it names nobody."""
    if not uid or (len(uid) == 4 and uid[0] == RANDOM_UID_MARK):
        return None
    return uid.hex().upper()
