"""The muster list on a terminal, as JSON, and as pages for a printer with a box beside each name and a line to sign. Pure."""

import unicodedata
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import msgspec

from controller.now import SECOND_US
from edge.muster.facts import Muster, Person
from edge.muster.words import Language, area_names, headlines, local_time, name_of, why, word

PEOPLE_A_PAGE = 40
"""With the heading, some 20 areas on the first page aside, they fill an A4 page."""


def as_text(muster: Muster, language: Language, warnings: Sequence[str] = ()) -> str:
    """For a terminal."""
    lines = [
        *_head(muster, language),
        "",
        *_areas(muster, language),
        "",
        *_people(muster, muster.people, language, box=False),
    ]
    if warnings:
        lines += ["", *warnings]
    return "\n".join(lines) + "\n"


def as_pages(muster: Muster, language: Language) -> str:
    """For a printer: plain text, 80 columns where names allow it, a form feed between pages."""
    sheets = [muster.people[at : at + PEOPLE_A_PAGE] for at in range(0, len(muster.people), PEOPLE_A_PAGE)] or [()]
    pages, colon = [], word("colon", language)
    for n, sheet in enumerate(sheets, 1):
        lines = _head(muster, language)
        if n == 1:
            lines += ["", *_areas(muster, language)]
        lines += ["", *_people(muster, sheet, language, box=True), ""]
        lines += [
            f"{word('counted by', language)}{colon}____________________    {word('signature', language)}{colon}____________________"
        ]
        lines += [word("page", language, n=n, of=len(sheets))]
        pages.append("\n".join(lines) + "\n")
    return "\f".join(pages)


def as_json(muster: Muster, warnings: Sequence[str] = ()) -> bytes:
    """One object; times in RFC 3339. docs/muster.md lists the fields."""
    return msgspec.json.encode(
        {
            "site": muster.site,
            "edge": muster.edge,
            "at": _rfc3339(muster.at_us),
            "last_record_at": _rfc3339(muster.recorded_at_us) if muster.recorded_at_us else None,
            "time_trusted": muster.wall_trusted,
            "certain": muster.certain,
            "frozen_since": None if muster.frozen_since_us is None else _rfc3339(muster.frozen_since_us),
            "fire": muster.fire_zones,
            "gas": muster.gas_zones,
            "lockdowns": muster.lockdowns,
            "areas": [
                {
                    "area": area.area,
                    "name_zh": area.name_zh,
                    "name_en": area.name_en,
                    "listed": area.listed,
                    "lowest": area.lowest,
                    "highest": area.highest,
                    "uncertain": dict(area.causes),
                }
                for area in muster.areas
            ],
            "people": [
                {
                    "number": person.number,
                    "customer": person.customer or None,
                    "area": person.area,
                    "since": _rfc3339(person.since_us),
                    "escort": person.escort or None,
                    "sure": person.sure,
                    "unescorted": person.unescorted,
                }
                for person in muster.people
            ],
            "warnings": list(warnings),
        }
    )


def _head(muster: Muster, language: Language) -> list[str]:
    zone, colon = muster.time_zone, word("colon", language)
    lines = [
        f"{word('muster list', language)}  {muster.site} / {muster.edge}",
        f"{word('at', language)}{colon}{local_time(muster.at_us, zone)}",
    ]
    if muster.recorded_at_us:
        lines.append(f"{word('last record', language)}{colon}{local_time(muster.recorded_at_us, zone)}")
    return lines + headlines(muster, language)


def _areas(muster: Muster, language: Language) -> Iterator[str]:
    names = area_names(muster, language)
    rows = [[word(key, language) for key in ("area", "people", "least", "most", "why")]]
    for area in muster.areas:
        most = word("unknown", language) if area.highest is None else str(area.highest)
        rows.append(
            [name_of(area, language), str(area.listed), str(area.lowest), most, why(area, names, language) or "-"]
        )
    return _table(rows)


def _people(muster: Muster, people: Sequence[Person], language: Language, box: bool) -> Iterator[str]:
    if not people:
        return iter([word("nobody", language)])
    names = area_names(muster, language)
    keys = ("badge", "customer", "area", "since", "escort", "sure")
    rows = [[*([word("found", language)] if box else []), *(word(key, language) for key in keys)]]
    for person in people:
        doubt = word("yes" if person.sure else "doubtful", language)
        rows.append(
            [
                *(["[ ]"] if box else []),
                person.number or word("no badge", language),
                person.customer or "-",
                names.get(person.area, person.area),
                local_time(person.since_us, muster.time_zone),
                word("unescorted", language) if person.unescorted else person.escort or "-",
                doubt,
            ]
        )
    return _table(rows)


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Columns as wide as their widest cell; Chinese characters take two columns."""
    rows = [[_printable(cell) for cell in row] for row in rows]
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()


def _printable(text: str) -> str:
    """Somebody admitted by command stands there by what an operator typed: it moves no cursor."""
    return "".join(character if character.isprintable() else "?" for character in text)


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _rfc3339(at_us: int) -> str:
    return datetime.fromtimestamp(at_us // SECOND_US, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
