"""Names of customers, reduced to what two spellings of one company have in common (C3)."""

import unicodedata

SUFFIXES = ("股份有限公司", "有限责任公司", "股份公司", "有限公司", "公司")
"""Legal forms at the end of a Chinese name, the longer before those that they contain."""
SUFFIX_WORDS = frozenset(
    {"co", "company", "corp", "corporation", "gmbh", "inc", "incorporated", "limited", "llc", "ltd", "plc", "pte"}
)
"""Legal forms at the end of a name in Latin letters."""


def name_key(name: str) -> str:
    """The normalised name: equal for files that are likely the same customer.

    NFKC and case folded; spaces, punctuation and the legal form removed. A name of nothing else keeps what it has: ``公司`` stays
    ``公司``, ``***`` becomes ``***``. ``name_key(name_key(x)) == name_key(x)``.
    """
    folded = _fold(name)
    words = "".join(char if _counts(char) else " " for char in folded).split()
    if not words:
        return "".join(folded.split())
    while len(words) > 1 and words[-1] in SUFFIX_WORDS:
        words.pop()
    key = _fold("".join(words))
    while True:
        shorter = next((key.removesuffix(form) for form in SUFFIXES if key.endswith(form)), key)
        if shorter in (key, ""):
            return key
        key = shorter


def _counts(char: str) -> bool:
    return unicodedata.category(char)[0] in "LNM"


def _fold(text: str) -> str:
    """Folding can make characters that normalise further: until nothing changes, which takes three rounds at most."""
    while (folded := unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())) != text:
        text = folded
    return text
