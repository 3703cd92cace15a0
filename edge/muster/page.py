"""The local page as HTML: no scripts, nothing from elsewhere, a style sheet that also prints. Pure."""

from collections.abc import Iterable, Sequence
from html import escape

from controller.reasons import ALARMS, instruction
from controller.state import StandingAlarm
from edge.guarantees import GUARANTEES, HOLDS
from edge.muster.facts import Muster, Situation, muster_of
from edge.muster.words import Language, area_names, headlines, local_time, name_of, why, word

REFRESH_S = 5
STALE_S = 10
"""An edge that has not spoken for this long is said to be silent."""
ALARM_INPUTS_SHOWN = 6

STYLE = """\
:root { color-scheme: light dark; --line: #8886; --bad: #b3261e; --warn: #8a5a00; --ok: #1b6e33; }
@media (prefers-color-scheme: dark) { :root { --bad: #ff8a80; --warn: #ffca6a; --ok: #7fd69b; } }
* { box-sizing: border-box; }
body { font: 16px/1.45 system-ui, "Noto Sans", "Noto Sans CJK SC", "Noto Sans SC", sans-serif; margin: 0 auto; max-width: 72rem; padding: 1rem; }
header { display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; align-items: baseline; border-bottom: 1px solid var(--line); padding-bottom: .5rem; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.15rem; margin: 1.5rem 0 .4rem; }
header form, header a { margin-left: auto; } header a + form { margin-left: 0; }
section { margin-top: 1.25rem; } section h2 { margin-top: 0; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--line); }
.wide { overflow-x: auto; }
.said { border-left: .4rem solid var(--line); margin: .6rem 0; padding: .3rem .75rem; font-weight: 600; }
.bad { color: var(--bad); } .said.bad { border-color: var(--bad); }
.warn { color: var(--warn); } .said.warn { border-color: var(--warn); }
.ok { color: var(--ok); } .said.ok { border-color: var(--ok); }
input, button { font: inherit; padding: .4rem .6rem; }
.box, .sign { display: none; }
@media print {
  @page { margin: 15mm; }
  body { max-width: none; padding: 0; font-size: 11pt; color: #000; background: #fff; }
  header form, header a, .screen { display: none; }
  .box { display: table-cell; } tbody .box::before { content: "\\2610"; } .sign { display: block; margin-top: 2rem; }
  thead { display: table-header-group; } tr { break-inside: avoid; }
}
"""


def muster_page(situation: Situation | None, language: Language, age_s: float) -> str:
    """The page of somebody signed in. ``age_s``: how long ago the edge said this."""
    if situation is None:
        return _document(language, "", _said("warn", word("nothing yet", language)), refresh=True)
    muster = muster_of(situation)
    parts = []
    if age_s > STALE_S:
        parts.append(_said("bad", word("stale", language, seconds=int(age_s))))
    tone = "ok" if muster.certain else "bad"
    *before, last = headlines(muster, language)
    parts += [_said("bad", line) for line in before] + [_said(tone, last)]
    parts += [_areas(muster, language), _people(muster, language), _alarms(situation, muster, language)]
    parts += [_doors(situation, language), _guarantees(situation, muster, language)]
    if situation.warnings:
        notes = "".join(f"<li>{escape(line)}</li>" for line in situation.warnings)
        parts.append(f'<section class="screen"><h2>{_word("warnings", language)}</h2><ul>{notes}</ul></section>')
    head = (
        f"<span>{escape(muster.site)} / {escape(muster.edge)}</span>"
        f"<span>{escape(local_time(muster.at_us, muster.time_zone))}</span>"
    )
    return _document(language, head, "".join(parts), refresh=True)


def sign_in_page(language: Language, trouble: str = "") -> str:
    """``trouble``: why the last attempt did not succeed."""
    said = _said("bad", trouble) if trouble else ""
    form = (
        '<form method="post" action="/sign-in"><p>'
        f'<label for="password">{_word("password", language)}</label><br>'
        '<input id="password" name="password" type="password" autocomplete="current-password" required autofocus> '
        f"<button>{_word('sign in', language)}</button></p></form>"
    )
    return _document(language, "", said + form, refresh=False)


def _document(language: Language, head: str, body: str, refresh: bool) -> str:
    other = "en" if language == "zh-CN" else "zh-CN"
    again = f'<meta http-equiv="refresh" content="{REFRESH_S}; url=/">' if refresh else ""
    leave = (
        f'<form method="post" action="/sign-out"><button>{_word("sign out", language)}</button></form>'
        if refresh
        else ""
    )
    title = _word("muster list", language)
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">{again}'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{title}</title><link rel="stylesheet" href="/style.css"></head><body>'
        f"<header><h1>{title}</h1>{head}"
        f'<a href="?language={other}" lang="{other}" hreflang="{other}">{_word("other language", language)}</a>{leave}</header>'
        f"<main>{body}</main></body></html>"
    )


def _areas(muster: Muster, language: Language) -> str:
    names = area_names(muster, language)
    rows = []
    for area in muster.areas:
        most = word("unknown", language) if area.highest is None else str(area.highest)
        tone = "bad" if area.causes else ""
        rows.append(
            [
                (name_of(area, language), ""),
                (str(area.listed), ""),
                (str(area.lowest), tone),
                (most, tone),
                (why(area, names, language), tone),
            ]
        )
    return f"<section>{_table([word(key, language) for key in ('area', 'people', 'least', 'most', 'why')], rows)}</section>"


def _people(muster: Muster, language: Language) -> str:
    if not muster.people:
        return f'<section><p class="said">{_word("nobody", language)}</p></section>'
    names = area_names(muster, language)
    rows = [
        [
            (person.number or word("no badge", language), ""),
            (person.customer, ""),
            (names.get(person.area, person.area), ""),
            (local_time(person.since_us, muster.time_zone), ""),
            (word("unescorted", language), "bad") if person.unescorted else (person.escort, ""),
            (word("yes", language), "") if person.sure else (word("doubtful", language), "warn"),
            ("", "box"),
        ]
        for person in muster.people
    ]
    heads = [word(key, language) for key in ("badge", "customer", "area", "since", "escort", "sure")] + [""]
    sign = f'<p class="sign">{_word("counted by", language)} ____________________ {_word("signature", language)} ____________________</p>'
    return f'<section>{_table(heads, rows)}<p class="screen">{_word("names", language)} <a href="/muster.json" download="muster.json">muster.json</a></p>{sign}</section>'


def _alarms(situation: Situation, muster: Muster, language: Language) -> str:
    title = f'<section class="screen"><h2>{_word("alarms", language)}</h2>'
    standing = sorted(situation.state.alarms.values(), key=lambda alarm: (_priority(alarm), alarm.raised_at_us))
    if not standing:
        return f"{title}<p>{_word('no alarm', language)}</p></section>"
    rows = [
        [
            (alarm.alarm, "bad" if _priority(alarm) == 1 else "warn"),
            (alarm.subject, ""),
            (local_time(alarm.raised_at_us, muster.time_zone), ""),
            (instruction(alarm.alarm, language), ""),
            (_inputs(alarm, muster.time_zone, language), ""),
            (alarm.acknowledged_by, ""),
        ]
        for alarm in standing
    ]
    heads = [word(key, language) for key in ("alarm", "where", "raised", "what to do", "details", "seen by")]
    return f"{title}{_table(heads, rows)}</section>"


def _priority(alarm: StandingAlarm) -> int:
    return ALARMS[alarm.alarm].priority


def _inputs(alarm: StandingAlarm, time_zone: str, language: Language) -> str:
    """What came with the alarm; moments as times at the site."""
    shown = []
    for name, value in list(alarm.inputs.items())[:ALARM_INPUTS_SHOWN]:
        if name.endswith("_us") and isinstance(value, int):
            shown.append(f"{name.removesuffix('_us')} {local_time(value, time_zone)}")
        else:
            shown.append(f"{name} {value}")
    return word("comma", language).join(shown)


def _doors(situation: Situation, language: Language) -> str:
    names = {}
    for door in situation.site.doors if situation.site is not None else ():
        names[door.id] = (door.name_zh if language == "zh-CN" else door.name_en) or door.id
    rows = []
    for name, facts in sorted(situation.state.doors.items()):
        rows.append(
            [
                (names.get(name, name), ""),
                (word(facts.mode, language), "" if facts.mode == "controlled" else "bad"),
                (word(facts.position, language), "warn" if facts.position != "closed" else ""),
                (word(facts.lock, language), "warn" if facts.lock != "locked" else ""),
            ]
        )
    heads = [word(key, language) for key in ("door", "mode", "position", "lock")]
    return f'<section class="screen"><h2>{_word("doors", language)}</h2>{_table(heads, rows)}</section>'


def _guarantees(situation: Situation, muster: Muster, language: Language) -> str:
    names = area_names(muster, language)
    colon = word("colon", language)
    doubts = word("semicolon", language).join(
        f"{names.get(area, area)}{colon}{word(cause, language)}" for area, cause in situation.state.uncertain.items()
    )
    rows = []
    for key in GUARANTEES:
        value = situation.guarantees.get(key)
        if value is not None:
            cause = doubts if key == "occupancy" and doubts else word(value, language)
            said = (word("holds", language), "ok") if value == HOLDS else (cause, "bad")
            rows.append([(word(f"g {key}", language), ""), said])
    return f'<section class="screen"><h2>{_word("guarantees", language)}</h2>{_table([], rows)}</section>'


def _table(heads: Sequence[str], rows: Iterable[Sequence[tuple[str, str]]]) -> str:
    """``rows`` of (text, class)."""
    top = "".join(f'<th scope="col">{escape(head)}</th>' if head else '<td class="box"></td>' for head in heads)
    body = "".join(
        "<tr>"
        + "".join(
            f'<td class="{tone}">{escape(text)}</td>' if tone else f"<td>{escape(text)}</td>" for text, tone in row
        )
        + "</tr>"
        for row in rows
    )
    return f'<div class="wide"><table>{f"<thead><tr>{top}</tr></thead>" if heads else ""}<tbody>{body}</tbody></table></div>'


def _said(tone: str, line: str) -> str:
    return f'<p class="said {tone}" role="status">{escape(line)}</p>'


def _word(key: str, language: Language) -> str:
    return escape(word(key, language))
