"""Normal forms: what is the same person's name, phone, address or number is written the same before it is indexed."""

import re
import unicodedata
from collections.abc import Callable

import phonenumbers

DEFAULT_REGION = "CN"
_NO_MEANING = re.compile(r"[\s\u200b\u200e\u200f\ufeff-]+")
"""White space, invisible marks and hyphens."""


def normal_name(text: str) -> str:
    """NFKC without white space, lower case: full-width forms and spaced names are equal."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text)).casefold()


def normal_phone(text: str) -> str:
    """E.164, a number without country code being Chinese; what is no phone number: its letters and digits."""
    plain = unicodedata.normalize("NFKC", text).strip()
    try:
        number = phonenumbers.parse(plain, DEFAULT_REGION)
    except phonenumbers.NumberParseException:
        return "".join(letter for letter in plain.casefold() if letter.isalnum())
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return f"{written};{number.extension}" if number.extension else written


def normal_email(text: str) -> str:
    """Lower case without white space."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text)).casefold()


def normal_id_number(text: str) -> str:
    """Upper case without spaces and hyphens."""
    return _NO_MEANING.sub("", unicodedata.normalize("NFKC", text)).upper()


NORMAL_FORMS: dict[str, Callable[[str], str]] = {
    "name": normal_name,
    "phone": normal_phone,
    "email": normal_email,
    "id_number": normal_id_number,
}
"""Kind of personal field → its normal form."""
