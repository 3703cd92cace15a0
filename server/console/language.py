"""The console's two languages: which one a request gets, and the catalogue of translated texts.

The texts in templates, scripts and :mod:`server.console.words` are English and are their own keys; ``locale/zh_CN/*.po`` hold
the Chinese ones, a file for each part of the console, and are read at start, so that an installed wheel needs no compiled catalogue. A test finds texts without
translation. ``locale/en/one.po`` says in English of one what the key says of many.
"""

from functools import cache
from pathlib import Path
from typing import get_args

from babel.messages.pofile import read_po
from starlette.requests import HTTPConnection

from controller.reasons import Language

LANGUAGES: tuple[Language, ...] = get_args(Language)
DEFAULT: Language = "zh-CN"
COOKIE = "menjin-language"
CATALOGUES = Path(__file__).parent / "locale" / "zh_CN"
OF_ONE = Path(__file__).parent / "locale" / "en" / "one.po"


@cache
def catalogue() -> dict[str, str]:
    """English text → Chinese text."""
    return {english: chinese for part in sorted(CATALOGUES.glob("*.po")) for english, chinese in texts_of(part).items()}


@cache
def of_one() -> dict[str, str]:
    """English text of a number of things → English text of one."""
    return texts_of(OF_ONE)


def texts_of(part: Path) -> dict[str, str]:
    """What one file of the catalogue translates."""
    with part.open("rb") as file:
        return {str(message.id): str(message.string) for message in read_po(file) if message.id and message.string}


def translate(language: Language, text: str) -> str:
    """``text`` in ``language``; itself where the catalogue has nothing."""
    return text if language == "en" else catalogue().get(text, text)


def language_of(request: HTTPConnection) -> Language:
    """The cookie's language, else the browser's first that we speak, else zh-CN."""
    chosen = request.cookies.get(COOKIE)
    if chosen in LANGUAGES:
        return chosen
    return preferred(request.headers.get("accept-language", ""))


def preferred(accept_language: str) -> Language:
    """The language of ours that an ``Accept-Language`` header ranks highest."""
    best, rank = DEFAULT, 0.0
    for part in accept_language[:500].split(","):
        tag, _, parameter = part.strip().partition(";")
        name = tag.strip().lower().partition("-")[0]
        found: Language | None = "en" if name == "en" else "zh-CN" if name == "zh" else None
        weight = _weight(parameter)
        if found is not None and weight > rank:
            best, rank = found, weight
    return best


def _weight(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if not parameter.strip():
        return 1.0
    try:
        return float(value) if name.strip() == "q" else 0.0
    except ValueError:
        return 0.0
