"""A schedule of the site as a person reads it: its hours by days of the week."""

from collections.abc import Callable
from itertools import groupby
from typing import Final

from controller.site import Interval, Schedule
from server.console.marking import N_

_DAYS: Final = (N_("Mon"), N_("Tue"), N_("Wed"), N_("Thu"), N_("Fri"), N_("Sat"), N_("Sun"))
_HOLIDAYS: Final = N_("holidays")
_NONE: Final = N_("none")


def hours_of(schedule: Schedule, say: Callable[[str], str]) -> str:
    """``Mon to Fri 08:00–18:00, holidays none``; days without hours are left out. ``say`` translates."""
    parts = []
    for hours, days in groupby(enumerate(schedule.week), key=lambda day: day[1]):
        names = [say(_DAYS[number]) for number, _ in days]
        if hours:
            span = names[0] if len(names) == 1 else say(N_("{first} to {last}")).format(first=names[0], last=names[-1])
            parts.append(f"{span} {_clock(hours)}")
    parts.append(f"{say(_HOLIDAYS)} {_clock(schedule.holiday) if schedule.holiday else say(_NONE)}")
    return say(N_(", ")).join(parts)


def _clock(hours: tuple[Interval, ...]) -> str:
    return " ".join(f"{_minute(one.from_minute)}–{_minute(one.to_minute)}" for one in hours)


def _minute(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
