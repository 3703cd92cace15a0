"""Reading a site file, and everything that can be wrong with a site: one line each, what, where, what to do (DESIGN 6, MEANINGS 13)."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from controller.limits import Limits, LimitsError, limits_from
from controller.site import AccessPoint, Area, Closure, Door, DoorHardware, Interlock, Schedule, Site


class SiteError(ValueError):
    """The site file cannot be used. The message says what, where and what to do."""


def parse_site(text: str, where: str = "site file") -> Site:
    """Read and check a site file. Raises :class:`SiteError` with one line naming what is wrong and where."""
    try:
        site = msgspec.convert(tomllib.loads(text), Site)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise SiteError(f"{where}: {error}") from error
    faults = check_site(site)
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise SiteError(f"{where}: {faults[0]}{more}")
    return site


def check_site(site: Site) -> list[str]:
    """Everything that is wrong with a site, one line each; empty when it can be used."""
    return [
        *_check_ids(site),
        *_check_areas(site),
        *_check_public(site),
        *_check_access_points(site),
        *_check_times(site),
        *_check_closures(site),
        *_check_doors(site),
        *_check_limits(site),
        *_check_interlocks(site),
        *_check_edges(site),
    ]


def site_mismatch(site: Site, hardware: Sequence[DoorHardware], edge: str) -> list[str]:
    """Why this site cannot run on the doors of ``edge``, one line each: an edge refuses a policy whose doors are not its own
    (DESIGN 6). A door that the site gives to no edge may be any edge's."""
    of_door = {door.id: door.edge for door in site.doors}
    mismatches = []
    for wired in hardware:
        if wired.door not in of_door:
            mismatches.append(f"door {wired.door!r} of edge.toml is not in the site; add it there or remove it here")
        elif of_door[wired.door] not in ("", edge):
            mismatches.append(
                f"door {wired.door!r} of edge.toml belongs to edge {of_door[wired.door]!r} in the site, not to {edge!r}; correct one"
            )
    mismatches += _goods_mismatch(site, hardware)
    own = {wired.door for wired in hardware}
    mismatches += [
        f"door {door.id!r} belongs to this edge, {edge!r}, in the site, but edge.toml does not wire it; correct one"
        for door in site.doors
        if door.edge == edge and door.id not in own
    ]
    for interlock in site.interlocks:
        missing = [door for door in interlock.doors if door not in own]
        if interlock.enabled and missing and len(missing) < len(interlock.doors):
            mismatches.append(
                f"interlock {interlock.id!r} has doors of this edge, but edge.toml does not wire {missing[0]!r}; give all its doors to one edge"
            )
    return mismatches


def _goods_mismatch(site: Site, hardware: Sequence[DoorHardware]) -> Iterator[str]:
    """Devices are spent when the leaf opens, and codes are read at a door's own access points (docs/goods.md)."""
    of_door = {door.id: door for door in site.doors}
    door_of = {point.id: point.door for point in site.access_points}
    own = {wired.door for wired in hardware}
    for point in sorted({point for wired in hardware for point in wired.scanners}):
        if (
            door_of.get(point) not in own
        ):  # each door is told all scanners of the edge: edge.toml names access points, not doors
            yield f"scanner of edge.toml at {point!r}: no door of this edge has such an access point in the site; correct one"
    for wired in hardware:
        door = of_door.get(wired.door)
        if door is not None and door.goods and not wired.has_contact:
            yield f'door {wired.door!r} is a goods door in the site and has no contact in edge.toml; wire one, or set goods = ""'


_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MAX_UNLOCK_S = 300.0
_MAX_HELD_OPEN_S = 86_400.0
_DAY_MINUTES = 1_440


def _check_ids(site: Site) -> Iterator[str]:
    if not _ID.fullmatch(site.id):
        yield f"id {site.id!r}: use 1 to 64 letters, digits, '.', '_' or '-'"
    kinds: dict[str, Sequence[Area | Door | AccessPoint | Schedule | Interlock | Closure]] = {
        "areas": site.areas,
        "doors": site.doors,
        "access_points": site.access_points,
        "schedules": site.schedules,
        "interlocks": site.interlocks,
        "closures": site.closures,
    }
    for kind, entries in kinds.items():
        seen: set[str] = set()
        for entry in entries:
            if not _ID.fullmatch(entry.id):
                yield f"{kind}: id {entry.id!r}: use 1 to 64 letters, digits, '.', '_' or '-'"
            if entry.id in seen:
                yield f"{kind}: {entry.id!r} stands there twice"
            seen.add(entry.id)


def _check_areas(site: Site) -> Iterator[str]:
    inside = {area.id: area.inside for area in site.areas}
    for area in site.areas:
        if area.inside is not None and area.inside not in inside:
            yield f"area {area.id!r}: inside = {area.inside!r} is no area of this site"
        if area.capacity is not None and area.capacity < 1:
            yield f"area {area.id!r}: capacity = {area.capacity}; give 1 or more, or use closed = true"
        if area.capacity == 1 and area.two_person:
            yield f"area {area.id!r}: capacity = 1 with two_person = true lets nobody in; give 2 or more"
        if area.public and (area.customers or area.closed):
            yield f"area {area.id!r}: a public area can be neither closed nor limited to customers"
        chain, at = {area.id}, area.inside
        while at is not None and at in inside:
            if at in chain:
                yield f"area {area.id!r}: lies inside itself through {at!r}"
                break
            chain.add(at)
            at = inside[at]


def _check_public(site: Site) -> Iterator[str]:
    """A public area asks for no permission, so it can ask for nothing else (docs/rooms.md), nor lie in what asks."""
    areas = {area.id: area for area in site.areas}
    for area in site.areas:
        if not area.public:
            continue
        asked = (
            ("two_person", area.two_person),
            ("anti_passback", area.anti_passback != "off"),
            ("capacity", area.capacity is not None),
            ("composition", area.composition != "any"),
            ("first_in", area.first_in),
            ("escort_for", area.escort_for != "visitors"),
            ("lockdown_pass", bool(area.lockdown_pass)),
        )
        for rule, asks in asked:
            if asks:
                yield f"area {area.id!r}: a public area cannot ask for {rule}; remove it, or public = true"
        outer = areas.get(area.inside) if area.inside is not None else None
        if outer is not None and not outer.public:
            yield f"area {area.id!r}: is public, but lies inside {outer.id!r}, which is not; nobody would be asked for that one"


def _check_access_points(site: Site) -> Iterator[str]:
    areas = {area.id for area in site.areas}
    of_door: dict[str, list[AccessPoint]] = {door.id: [] for door in site.doors}
    for point in site.access_points:
        where = f"access point {point.id!r}: "
        if point.door not in of_door:
            yield f"{where}door {point.door!r} is no door of this site"
        else:
            of_door[point.door].append(point)
        for field, area in (("from_area", point.from_area), ("to_area", point.to_area)):
            if area not in areas:
                yield f"{where}{field} = {area!r} is no area of this site"
        if point.from_area == point.to_area:
            yield f"{where}leads from {point.from_area!r} into itself"
    for door, points in of_door.items():
        if not any(not point.out for point in points):
            yield f"door {door!r}: no access point leads in through it; add one without out = true"
        if len({frozenset((point.from_area, point.to_area)) for point in points}) > 1:
            yield f"door {door!r}: its access points join different pairs of areas; a door has two sides"
        ways_in = {(point.from_area, point.to_area) for point in points if not point.out}
        for point in points:
            if point.out and (point.from_area, point.to_area) in ways_in:
                yield f"access point {point.id!r}: is a way out in the direction that leads in through door {door!r}"


def _check_times(site: Site) -> Iterator[str]:
    try:
        ZoneInfo(site.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield f"time_zone = {site.time_zone!r} is no time zone; give one like 'Asia/Shanghai'"
    for field, days in (("holidays", site.holidays), ("workdays", site.workdays)):
        for day in days:
            try:
                date.fromisoformat(day)
            except ValueError:
                yield f"{field}: {day!r} is no date; write it like '2026-10-01'"
        if len(set(days)) < len(days):
            yield f"{field}: a date stands there twice"
    both = sorted(set(site.holidays) & set(site.workdays))
    if both:
        yield f"holidays and workdays both name {both[0]}; it is one or the other"
    for schedule in site.schedules:
        yield from _check_schedule(schedule)


def _check_schedule(schedule: Schedule) -> Iterator[str]:
    where = f"schedule {schedule.id!r}: "
    if len(schedule.week) != 7:
        yield f"{where}week has {len(schedule.week)} days; give seven lists from Monday"
    for name, intervals in (
        *((f"week[{day}]", day_list) for day, day_list in enumerate(schedule.week)),
        ("holiday", schedule.holiday),
    ):
        end = 0
        for interval in intervals:
            if not 0 <= interval.from_minute < interval.to_minute <= _DAY_MINUTES:
                yield f"{where}{name}: [{interval.from_minute}, {interval.to_minute}] is no interval of minutes within 0 and 1440"
            elif interval.from_minute < end:
                yield f"{where}{name}: intervals overlap or are out of order at minute {interval.from_minute}"
            end = interval.to_minute


def _check_closures(site: Site) -> Iterator[str]:
    areas = {area.id: area for area in site.areas}
    for closure in site.closures:
        where = f"closure {closure.id!r}: "
        area = areas.get(closure.area)
        if area is None:
            yield f"{where}area {closure.area!r} is no area of this site"
        elif area.public:
            yield f"{where}area {closure.area!r} is public; a public area cannot be closed"
        times = []
        for field, text in (("from_at", closure.from_at), ("until_at", closure.until_at)):
            time = _local_time(text)
            if time is None:
                yield f"{where}{field} = {text!r} is no local time; write it like '2026-10-01T08:00'"
            else:
                times.append(time)
        if len(times) == 2 and times[0] >= times[1]:
            yield f"{where}ends at {closure.until_at}, not after its beginning at {closure.from_at}"


def _local_time(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo is None else None


def _check_doors(site: Site) -> Iterator[str]:
    schedules = {schedule.id for schedule in site.schedules}
    for door in site.doors:
        where = f"door {door.id!r}: "
        if not 0.1 <= door.unlock_s <= _MAX_UNLOCK_S:
            yield f"{where}unlock_s = {door.unlock_s}; give 0.1 to {_MAX_UNLOCK_S:.0f}"
        if not 0.1 <= door.held_open_s <= _MAX_HELD_OPEN_S:
            yield f"{where}held_open_s = {door.held_open_s}; give 0.1 to {_MAX_HELD_OPEN_S:.0f}"
        if not 0 <= door.held_warning_s <= _MAX_HELD_OPEN_S:
            yield f"{where}held_warning_s = {door.held_warning_s}; give 0 (no warning) to {_MAX_HELD_OPEN_S:.0f}"
        elif door.held_warning_s >= door.held_open_s and door.held_warning_s != _PLAIN_DOOR.held_warning_s:
            yield f"{where}held_warning_s = {door.held_warning_s} is no less than held_open_s; it would warn before the door is open"
        if door.goods and door.kind == "cabinet":
            yield f"{where}goods = {door.goods!r}: nobody passes a cabinet, so it is no goods door; remove one"
        for other in door.held_open_by_schedule:
            if other.schedule not in schedules:
                yield f"{where}held_open_by_schedule: {other.schedule!r} is no schedule of this site"
            if not 0.1 <= other.held_open_s <= _MAX_HELD_OPEN_S:
                yield f"{where}held_open_by_schedule: held_open_s = {other.held_open_s}; give 0.1 to {_MAX_HELD_OPEN_S:.0f}"


_PLAIN_DOOR = Door(id="")


def _check_limits(site: Site) -> Iterator[str]:
    try:
        limits = limits_from(site.settings)
    except LimitsError as error:
        yield str(error)
        return
    if limits.exit_prompt_s <= limits.exit_confirm_s:
        yield (
            f"settings: exit_prompt_s = {limits.exit_prompt_s} must be more than exit_confirm_s = {limits.exit_confirm_s}; "
            "else no second tap at a way out would count"
        )
    if any(door.duress != "off" for door in site.doors):
        yield from _check_duress(limits)


def _check_duress(limits: Limits) -> Iterator[str]:
    """The gesture may be neither one read told twice nor the second tap at a way out (MEANINGS 23)."""
    if limits.duress_from_s <= limits.same_read_s:
        yield f"settings: duress_from_s = {limits.duress_from_s} must be more than same_read_s = {limits.same_read_s}"
    if limits.duress_until_s >= limits.exit_confirm_s:
        yield f"settings: duress_until_s = {limits.duress_until_s} must be less than exit_confirm_s = {limits.exit_confirm_s}"
    if limits.duress_from_s >= limits.duress_until_s:
        yield f"settings: duress_until_s = {limits.duress_until_s} must be more than duress_from_s = {limits.duress_from_s}"


def _check_edges(site: Site) -> Iterator[str]:
    """What counts people or looks at several doors is kept by one edge that has them all (MEANINGS 13)."""
    of_door = {door.id: door.edge for door in site.doors}
    for door in site.doors:
        if door.edge and not _ID.fullmatch(door.edge):
            yield f"door {door.id!r}: edge {door.edge!r}: use 1 to 64 letters, digits, '.', '_' or '-'"
    for area in site.areas:
        asked = [
            rule
            for rule, asks in (
                ("two_person", area.two_person),
                ("anti_passback", area.anti_passback != "off"),
                ("capacity", area.capacity is not None),
                ("composition", area.composition != "any"),
                ("first_in", area.first_in),
            )
            if asks
        ]
        if asked:
            within = _all_inside(site, area.id)
            doors = (
                point.door for point in site.access_points if not within.isdisjoint((point.from_area, point.to_area))
            )
            yield from _on_one_edge(f"area {area.id!r}: {asked[0]}", doors, of_door)
    for interlock in site.interlocks:
        if interlock.enabled:
            yield from _on_one_edge(f"interlock {interlock.id!r}", interlock.doors, of_door)


def _all_inside(site: Site, area: str) -> set[str]:
    """The area with all that lies inside it."""
    within = {area}
    grown = 0
    while grown < len(within):
        grown = len(within)
        within |= {other.id for other in site.areas if other.inside in within}
    return within


def _on_one_edge(who: str, doors: Iterable[str], of_door: dict[str, str]) -> Iterator[str]:
    first_on = {of_door[door]: door for door in sorted(set(doors), reverse=True) if door in of_door}
    if len(first_on) > 1:
        (one, door), (two, other) = sorted(first_on.items())[:2]
        yield (
            f"{who} needs all its doors on one edge, but {door!r} is on {repr(one) if one else 'none by name'} "
            f"and {other!r} on {two!r}; give them one edge"
        )


def _check_interlocks(site: Site) -> Iterator[str]:
    doors = {door.id for door in site.doors}
    for interlock in site.interlocks:
        if len(set(interlock.doors)) < 2:
            yield f"interlock {interlock.id!r}: name at least two different doors"
        elif len(set(interlock.doors)) < len(interlock.doors):
            yield f"interlock {interlock.id!r}: a door stands there twice"
        for door in interlock.doors:
            if door not in doors:
                yield f"interlock {interlock.id!r}: {door!r} is no door of this site"
