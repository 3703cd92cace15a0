"""Masks: what of a personal value every answer may show (C4). A mask tells one from another on a list, and no more."""

from collections.abc import Callable
from typing import Final

UNREADABLE: Final = "unreadable"
"""Stands where a value does not open (damaged, or its key is missing). Masks leave it as it is."""
STAR = "*"


def mask_name(text: str) -> str:
    """The first character: 李娜 → 李*, 欧阳娜娜 → 欧***. At most three stars: the length is nobody's business."""
    if text is UNREADABLE:
        return text
    return text[:1] + STAR * min(len(text) - 1, 3) if len(text) > 1 else STAR


def mask_phone(text: str) -> str:
    """The last four digits and what stands before the last eight, at most five: 13800000000 → 138****0000. Short numbers show their
    last two digits at most."""
    if text is UNREADABLE:
        return text
    digits = "".join(letter for letter in text if letter.isdigit())
    sign = "+" if text.lstrip().startswith("+") else ""
    if len(digits) < 11:
        return STAR * 4 + (digits[-2:] if len(digits) >= 7 else "")
    shown = min(len(digits) - 8, 5)
    return f"{sign}{digits[:shown]}{STAR * (len(digits) - shown - 4)}{digits[-4:]}"


def mask_email(text: str) -> str:
    """The first character and the domain: l***@example.com."""
    if text is UNREADABLE:
        return text
    name, at, domain = text.rpartition("@")
    return f"{name[:1]}{STAR * 3}@{domain}" if at and name else STAR * 3


def mask_id_number(text: str) -> str:
    """The first and the last two characters; all stars when it is shorter than eight."""
    if text is UNREADABLE:
        return text
    return text[:1] + STAR * (len(text) - 3) + text[-2:] if len(text) >= 8 else STAR * len(text)


MASKS: dict[str, Callable[[str], str]] = {
    "name": mask_name,
    "phone": mask_phone,
    "email": mask_email,
    "id_number": mask_id_number,
}
"""Kind of personal field → its mask."""
