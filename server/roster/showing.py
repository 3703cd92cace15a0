"""A roster for people: as text, or as one HTML file to print, which loads nothing and runs nothing. Beside a muster: who is inside, by name."""

import base64
import html
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from server.roster.content import Person, Roster
from server.roster.muster import Muster, MusterPerson

UNKNOWN = "?"
_STYLE = (
    "body{font:14px/1.4 'Noto Sans CJK SC','Microsoft YaHei',sans-serif;margin:1.5em;color:#000;background:#fff}"
    "table{border-collapse:collapse;width:100%}td,th{border:1px solid #888;padding:4px 8px;text-align:left;vertical-align:middle}"
    "tr{break-inside:avoid}thead{display:table-header-group}img{width:60px;height:80px;object-fit:contain}h2{margin:1.2em 0 .4em}.box{width:2em}"
)
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


@dataclass(frozen=True)
class _Line:
    """One person of the list; ``inside`` None: the roster alone is shown. ``escort``: the escort's name."""

    number: str
    person: Person | None
    inside: MusterPerson | None = None
    escort: str = ""


def as_text(roster: Roster, muster: Muster | None) -> str:
    """For a terminal."""
    lines = _head(roster, muster)
    for title, people in _sections(roster, muster):
        rows = [
            [
                "出入证号 No.",
                "姓名 Name",
                "单位 Company",
                *(["自 Since", "陪同 Escort", "确认 Sure"] if muster is not None else []),
            ]
        ]
        rows += [_cells(line) for line in people]
        lines += ["", title, *_table(rows)]
    return "\n".join(lines) + "\n"


def as_html(roster: Roster, muster: Muster | None) -> str:
    """One file for a browser's printer."""
    head, *rest = (html.escape(_clean(line)) for line in _head(roster, muster))
    parts = [
        "<!doctype html>",
        f'<html lang="zh-CN"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        f"<title>{head}</title><style>{_STYLE}</style></head><body><h1>{head}</h1>",
        *(f"<p>{line}</p>" for line in rest),
    ]
    for title, people in _sections(roster, muster):
        parts.append(f"<h2>{html.escape(_clean(title))}</h2><table><thead><tr>")
        names = ["清点 Found", "照片 Photo", "出入证号 No.", "姓名 Name", "单位 Company"]
        names += ["自 Since", "陪同 Escort", "确认 Sure"] if muster is not None else []
        parts += [*(f"<th>{name}</th>" for name in names), "</tr></thead><tbody>"]
        for line in people:
            cells = "".join(f"<td>{html.escape(_clean(cell))}</td>" for cell in _cells(line))
            parts.append(f'<tr><td class="box"></td><td>{_photo(line.person)}</td>{cells}</tr>')
        parts.append("</tbody></table>")
    parts.append("</body></html>")
    return "\n".join(parts) + "\n"


def _head(roster: Roster, muster: Muster | None) -> list[str]:
    site = " ".join(dict.fromkeys(part for part in (roster.name_zh, roster.name_en, roster.site) if part))
    lines = [f"名册 Roster · {site}", f"名册时间 roster made: {roster.made_at}"]
    if roster.photos_left_out:
        lines.append(f"{roster.photos_left_out} 张照片未收入 photos left out")
    if muster is not None:
        lines[0] = f"在场人员名单 Muster · {site} · {muster.edge}"
        lines.append(f"名单时间 muster made: {muster.at}")
        if muster.site != roster.site:
            lines.append(
                f"注意：在场人员名单属于 {muster.site}，名册属于 {roster.site} / the muster is of another site"
            )
        lines += list(muster.warnings)
    return lines


def _sections(roster: Roster, muster: Muster | None) -> Iterator[tuple[str, list[_Line]]]:
    if muster is None:
        yield (
            f"{len(roster.people)} 个在用出入证 badges in use",
            [_Line(one.number, one) for one in roster.people],
        )
        return
    known = {person.number: person for person in roster.people}
    named = {area.area: area for area in muster.areas}
    for place in dict.fromkeys([*named, *(person.area for person in muster.people)]):
        inside = [
            _Line(one.number, known.get(one.number), one, known[one.escort].name if one.escort in known else "")
            for one in muster.people
            if one.area == place
        ]
        area = named.get(place)
        if inside or (area is not None and area.highest != 0):
            names = [area.name_zh, area.name_en] if area is not None else []
            title = " ".join(dict.fromkeys(part for part in (*names, place) if part))
            count = (
                f"{area.lowest} – {UNKNOWN if area.highest is None else area.highest}" if area is not None else UNKNOWN
            )
            yield f"{title}: {count} 人 people", inside


def _cells(line: _Line) -> list[str]:
    person, inside = line.person, line.inside
    company = person.company if person is not None else (inside.customer or UNKNOWN) if inside is not None else UNKNOWN
    cells = [line.number, person.name if person is not None else f"{UNKNOWN} 不在名册 not in the roster", company]
    if inside is not None:
        escort = " ".join(part for part in (inside.escort, line.escort) if part)
        cells += [inside.since, escort, "是 yes" if inside.sure else "存疑 doubtful"]
    return cells


def _photo(person: Person | None) -> str:
    if person is None or not person.photo:
        return ""
    return f'<img alt="" src="data:image/jpeg;base64,{base64.b64encode(person.photo).decode()}">'


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    cells = [[_clean(cell) for cell in row] for row in rows]
    widths = [max(map(_width, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        yield "  ".join(cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()


def _clean(text: str) -> str:
    """Names come from outside: they move no cursor and end no line."""
    return "".join(letter if letter.isprintable() else UNKNOWN for letter in text)


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
