"""The number with which a visitor says at the entrance that they are here: the end of the permit's or the visit's id (R5).

Eight characters of chance (40 bits), in groups of four: ``7K3M-9QXP``. Nobody guesses one among those that are expected today, and the kiosk counts
wrong ones (:mod:`server.kiosk.misses`).
"""

CHARACTERS = 8
_ALIKE = str.maketrans("ILO", "110")  # as Crockford reads what his alphabet does not have


def entrance_code(public_id: str) -> str:
    """What is scanned or typed for this permit or visit."""
    return public_id[-CHARACTERS:]


def printed_code(public_id: str) -> str:
    """The same, easier to read out."""
    code = entrance_code(public_id)
    return f"{code[:4]}-{code[4:]}"


def typed_code(text: str) -> str | None:
    """What was typed or scanned, as :func:`entrance_code` makes it; a whole id will do. None when it is no such number."""
    plain = text.strip().rpartition("_")[2].upper().replace("-", "").replace(" ", "").translate(_ALIKE)
    code = plain[-CHARACTERS:]
    whole = len(plain) in (CHARACTERS, 26)
    return code if whole and code.isascii() and code.isalnum() else None
