"""The templates in both languages, and what they are given to speak with.

Everything from the database is escaped by Jinja; no template turns that off. A block of many rows is rendered once per
:class:`Audience`, never once per client.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

from jinja2 import BytecodeCache, ChainableUndefined, Environment, FileSystemLoader, pass_context
from jinja2.bccache import Bucket
from jinja2.runtime import Context

from controller.event_base import Explanation
from controller.reason_words import MOMENT
from controller.reasons import Language, remedy
from controller.site import Area, Door, Site
from server.console.floor_plan import FloorPlan, computed_plan
from server.console.language import LANGUAGES, of_one, translate
from server.console.schedule_words import hours_of
from server.console.static_files import static_files
from server.console.view import EventView, Panels
from server.console.words import word
from server.db.clock import from_us
from server.ledger.alarm_meanings import meaning_of

TEMPLATES = Path(__file__).parent / "templates"
PANELS = ("notices", "alarms", "waiting", "taps", "plan", "doors", "areas", "revocations", "edges")
SCANNER = "scanner:"
"""How the edge calls the scanners of an access point, which follows."""
FLEET_PANELS = ("revocations", "edges")


def _counting(gettext: Callable[..., str]) -> Callable[..., str]:
    """``_(…)`` of an English template: Jinja's own does not tell a catalogue of how many things the text speaks."""

    @pass_context
    def counting(context: Context, text: str, /, **values: Any) -> str:
        return gettext(context, of_one().get(text, text) if values.get("count") == 1 else text, **values)

    return counting


class _Compiled(BytecodeCache):
    """Templates compile once in a process: both languages share the code."""

    def __init__(self) -> None:
        self._code: dict[str, tuple[str, Any]] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """What was compiled of this very source."""
        checksum, code = self._code.get(bucket.key, ("", None))
        if checksum == bucket.checksum:
            bucket.code = code

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep it."""
        self._code[bucket.key] = bucket.checksum, bucket.code


_COMPILED = _Compiled()


def _when_rendered(says: Callable[..., str]) -> Callable[..., str]:
    """A filter that speaks a language. Of a constant Jinja would work out any other when it compiles, in the language that came first."""

    @pass_context
    def filtered(_context: Context, *given: Any) -> str:
        return says(*given)

    return filtered


@dataclass(frozen=True)
class Audience:
    """Who may be shown the same bytes. ``fleet``: the edges' health, and where revocations are in force."""

    language: Language
    fleet: bool


class Renderer:
    """Renders the pages of one site."""

    def __init__(self, site: Site, plan: FloorPlan | None = None) -> None:
        self._site = site
        self._plan = plan or computed_plan(site)
        self._zone = ZoneInfo(site.time_zone)
        self._environments = {language: self._environment(language) for language in LANGUAGES}

    def page(self, name: str, language: Language, values: Mapping[str, Any]) -> str:
        """A whole page. ``name`` is the template's file name."""
        return self._environments[language].get_template(name).render(values)

    def events(self, audience: Audience, views: list[EventView]) -> str:
        """Rows of the stream, in the order given."""
        return self._environments[audience.language].get_template("events.html").render(events=views)

    def panels(self, audience: Audience, shown: Panels) -> dict[str, str]:
        """Panel → its content."""
        environment = self._environments[audience.language]
        contents = {
            "notices": shown.notices,
            "alarms": shown.alarms,
            "waiting": shown.waiting,
            "taps": shown.taps,
            "plan": self._plan,
            "revocations": shown.revocations,
            "doors": shown.doors,
            "areas": shown.areas,
            "edges": shown.edges,
        }
        return {
            name: environment.get_template(f"{name}.html").render(
                contents if name == "plan" else {name: contents[name], "more_alarms": shown.more_alarms}
            )
            for name in PANELS
            if audience.fleet or name not in FLEET_PANELS
        }

    def place_in(self, language: Language) -> Callable[[str], str]:
        """What calls a door or an area by its name."""
        return lambda name: self._place(language, name)

    def remedy(self, because: Mapping[str, Any], language: Language) -> str:
        """The sentence of an explanation, with the site's names, hours and time."""
        inputs = {name: self._said(name, value, language) for name, value in dict(because.get("inputs") or {}).items()}
        return remedy(Explanation(because["reason"], because["rule"], inputs), language)

    def _said(self, name: str, value: str | int, language: Language) -> str | int:
        """An input of an explanation as this site calls it."""
        if isinstance(value, int):
            return self._wall(value) if name.endswith(MOMENT) else value
        if name in ("area", "door", "access_point", "subject"):
            return self._point(language, self._place(language, value))
        if name == "schedule":
            found = next((one for one in self._site.schedules if one.id == value), None)
            return value if found is None else hours_of(found, lambda text: translate(language, text))
        return translate(language, word("alarm", value)) if name == "alarm" else value

    def _environment(self, language: Language) -> Environment:
        environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=ChainableUndefined,  # an event without a field must not take the page down
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
            auto_reload=False,
            bytecode_cache=_COMPILED,
        )
        environment.install_gettext_callables(  # type: ignore[attr-defined]
            lambda text: translate(language, text),
            lambda one, many, n: translate(language, one if n == 1 else many),
            newstyle=True,
        )
        if language == "en":
            environment.globals["gettext"] = _counting(cast(Callable[..., str], environment.globals["gettext"]))
        environment.globals.update(
            language=language,
            languages=LANGUAGES,
            dots="…" if language == "zh-CN" else " …",
            site=self._site,
            site_name=self._named(language, self._site.id, self._site),
            static="/static/" + static_files().digest,
        )
        environment.filters.update(
            word=_when_rendered(lambda code, family: translate(language, word(family, code))),
            place=_when_rendered(lambda name: self._place(language, name)),
            point=_when_rendered(lambda name: self._point(language, name)),
            remedy=_when_rendered(lambda because: self.remedy(because, language)),
            wall=lambda at_us: self._wall(at_us) if isinstance(at_us, int) else "?",
            instruction=_when_rendered(lambda alarm: self._instruction(language, alarm)),
            moment=self._moment,
            minute=lambda at: _aware(at).astimezone(self._zone).strftime("%m-%d %H:%M"),
            day_minute=lambda at: _aware(at).astimezone(self._zone).strftime("%Y-%m-%d %H:%M"),
            input_minute=lambda at: _aware(at).astimezone(self._zone).strftime("%Y-%m-%dT%H:%M"),
            day=lambda at: _aware(at).astimezone(self._zone).strftime("%Y-%m-%d"),
            last_day=lambda until: (
                (_aware(until) - timedelta(microseconds=1)).astimezone(self._zone).strftime("%Y-%m-%d")
            ),
            date=lambda at: _aware(at).astimezone(self._zone).strftime("%m-%d"),
            clock=lambda at: _aware(at).astimezone(self._zone).strftime("%H:%M:%S"),
        )
        return environment

    def _wall(self, at_us: int) -> str:
        """A moment that an edge told: one beyond the calendar is its number, and takes no page down."""
        try:
            return self._moment(from_us(at_us))
        except (OverflowError, ValueError):
            return str(at_us)

    def _moment(self, at: datetime | str) -> str:
        return _aware(at).astimezone(self._zone).strftime("%m-%d %H:%M:%S")

    def _place(self, language: Language, name: str | None) -> str:
        """A door's or area's name, the scanner of an access point, or what was given."""
        places: tuple[Door | Area, ...] = (*self._site.doors, *self._site.areas)
        for place in places:
            if place.id == name:
                return self._named(language, place.id, place)
        if name and name.startswith(SCANNER):
            return f"{translate(language, 'Scanner')} {self._point(language, name.removeprefix(SCANNER))}"
        return name or ""

    def _point(self, language: Language, name: str) -> str:
        """An access point as ``from → to``."""
        for point in self._site.access_points:
            if point.id == name:
                return f"{self._place(language, point.from_area)} → {self._place(language, point.to_area)}"
        return name

    @staticmethod
    def _named(language: Language, name: str, place: Any) -> str:
        return cast(str, place.name_en if language == "en" else place.name_zh) or name

    @staticmethod
    def _instruction(language: Language, alarm: str) -> str:
        meaning = meaning_of(alarm)
        if meaning is None:
            return ""
        return meaning.en if language == "en" else meaning.zh


def _aware(at: datetime | str) -> datetime:
    return datetime.fromisoformat(at) if isinstance(at, str) else at
