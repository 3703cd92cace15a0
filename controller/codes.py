"""What stands in barcodes: the codes of orders and slips, and the serial numbers of devices (E2, E4-E6).

A document's code is ``S-`` (slip) or ``W-`` (work order), 13 characters of chance and one check character, in groups of seven:
``S-K7Q2M9X-4TFB8HC``. The alphabet has no I, L, O or U. 65 bits nobody guesses; the check character (ISO/IEC 7064, MOD 37,36, over the kind and
the chance) finds every single wrong character and every swapped pair.
"""

from typing import Literal

from controller.goods_events import DocumentKind

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Of the characters of chance: Crockford's base 32."""
CHANCE_CHARACTERS = 13
MAX_SCAN_BYTES = 128
"""A longer scan is no code."""
CANCEL = "MENJIN-CANCEL"
"""The control code that ends a check, printed beside the scanner."""

_PREFIX: dict[str, DocumentKind] = {"S": "slip", "W": "order"}
_CHECK_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def check_character(text: str) -> str:
    """ISO/IEC 7064 MOD 37,36 over digits and upper-case letters."""
    check = 36
    for character in text:
        check = ((check + _CHECK_ALPHABET.index(character)) % 36 or 36) * 2 % 37
    return _CHECK_ALPHABET[(1 - check) % 36 if check != 1 else 0]


def document_code(document: DocumentKind, chance: str) -> str:
    """The code to print. ``chance``: :data:`CHANCE_CHARACTERS` of :data:`ALPHABET`. Raises :class:`ValueError`."""
    if len(chance) != CHANCE_CHARACTERS or not set(chance) <= set(ALPHABET):
        raise ValueError(f"a document's code is made of {CHANCE_CHARACTERS} characters of {ALPHABET}")
    kind = "S" if document == "slip" else "W"
    body = chance + check_character(kind + chance)
    return f"{kind}-{body[:7]}-{body[7:]}"


def document_of(text: str, *, scanned: bool = False) -> tuple[DocumentKind, str] | Literal["check"] | None:
    """Which document a text names, and its code as printed; ``check``: it looks like one and its check character is wrong;
    None: it is no document's code. Lower case and missing or other hyphens are forgiven, but in what was ``scanned`` not the first: every printed
    code has it, and of the serial numbers with 15 characters that begin with S or W (drives have such) one in 36 is a code but for it."""
    plain = text.upper().replace("-", "").replace(" ", "")
    document = _PREFIX.get(plain[:1])
    chance, check = plain[1:-1], plain[-1:]
    if scanned and text.strip()[1:2] != "-":
        return None
    if document is None or len(chance) != CHANCE_CHARACTERS or not set(chance) <= set(ALPHABET) or not check.isascii():
        return None
    if check_character(plain[0] + chance) != check:
        return "check" if text.strip()[1:2] == "-" else None  # without the hyphen it may be some device's serial number
    return document, document_code(document, chance)


def serial_key(text: str) -> str:
    """The one form of a serial number or model: upper case, without blanks. Empty when nothing is left."""
    return "".join(text.split()).upper()
