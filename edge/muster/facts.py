"""The muster list as facts: who is inside, where, since when, and how sure that is (L3, MEANINGS 12, 27, 31; docs/rooms.md). Pure.

A :class:`Situation` is what is known at one moment, by the running edge or by its files; :func:`muster_of` makes the list of it.
People go by the numbers printed on their badges and by customer codes: the edge knows no names.
"""

import msgspec

from controller.presence import areas_within, muster
from controller.site import Area, Site
from controller.state import Presence, State


class Situation(msgspec.Struct, frozen=True):
    """What one edge knows at ``at_us``. ``state`` belongs to the holder of this and changes no more. ``site`` None: no policy. ``codes``: of the
    customers whose people are inside. ``mono_us``: boot time, for telling how old it is. ``guarantees`` and ``warnings``: as in the
    status; empty where only files were read. ``recorded_at_us``: of the last record, 0 for none."""

    site_id: str
    edge: str
    at_us: int
    state: State
    site: Site | None = None
    codes: dict[int, str] = {}
    mono_us: int = 0
    wall_trusted: bool = True
    guarantees: dict[str, str] = {}
    warnings: tuple[str, ...] = ()
    recorded_at_us: int = 0


class Person(msgspec.Struct, frozen=True):
    """One line of the list. ``customer``: the code; empty for own staff and where it is not known. ``escort``: the escort's badge number. ``sure``: nothing
    since their last passage makes it doubtful that they are there. ``unescorted``: their escort left."""

    number: str
    area: str
    since_us: int
    customer: str = ""
    escort: str = ""
    sure: bool = True
    unescorted: bool = False


class AreaCount(msgspec.Struct, frozen=True):
    """An area with all that lies inside it. At least ``lowest`` people are there, at most ``highest`` (None: nobody can tell).
    ``causes``: why it is uncertain, as (area, cause)."""

    area: str
    name_zh: str
    name_en: str
    listed: int
    lowest: int
    highest: int | None
    causes: tuple[tuple[str, str], ...] = ()


class Muster(msgspec.Struct, frozen=True):
    """The whole list. ``frozen_since_us``: a fire is latched, so people and counts are those of its beginning; None: they are of now."""

    site: str
    edge: str
    at_us: int
    time_zone: str
    wall_trusted: bool
    recorded_at_us: int
    people: tuple[Person, ...]
    areas: tuple[AreaCount, ...]
    frozen_since_us: int | None = None
    fire_zones: tuple[str, ...] = ()
    gas_zones: tuple[str, ...] = ()
    lockdowns: tuple[str, ...] = ()

    @property
    def certain(self) -> bool:
        """Whether the list is all there is to know."""
        return self.frozen_since_us is None and not any(area.causes for area in self.areas)


def muster_of(situation: Situation) -> Muster:
    """The list of a situation."""
    state, site = situation.state, situation.site
    listed = muster(state)
    numbers = {holder: presence.number for holder, presence in listed}
    latched = state.fire_latched
    return Muster(
        site=situation.site_id,
        edge=situation.edge,
        at_us=situation.at_us,
        time_zone=site.time_zone if site is not None else "UTC",
        wall_trusted=situation.wall_trusted,
        recorded_at_us=situation.recorded_at_us,
        people=tuple(
            Person(
                number=presence.number,
                area=presence.area,
                since_us=presence.since_us,
                customer=_code(situation, presence),
                escort="" if presence.escort is None else numbers.get(presence.escort, ""),
                sure=presence.sure,
                unescorted=presence.unescorted,
            )
            for _, presence in listed
        ),
        areas=tuple(_count(situation, area, [presence for _, presence in listed]) for area in _areas(situation)),
        frozen_since_us=min(latched.values()) if latched and state.muster_at_fire is not None else None,
        fire_zones=tuple(sorted(latched)),
        gas_zones=tuple(sorted(zone for zone, active in state.gas.items() if active)),
        lockdowns=tuple(sorted(state.lockdowns)),
    )


def _code(situation: Situation, presence: Presence) -> str:
    if presence.customer is None:
        return ""
    return situation.codes.get(presence.customer, f"#{presence.customer}")


def _areas(situation: Situation) -> list[Area]:
    """The areas that people are counted in, as the site lists them; without a policy those that records name."""
    if situation.site is not None:
        return [area for area in situation.site.areas if not area.public]
    state = situation.state
    named = {presence.area for _, presence in muster(state)} | set(state.uncertain)
    return [Area(id=name) for name in sorted(named)]


def _count(situation: Situation, area: Area, listed: list[Presence]) -> AreaCount:
    within = areas_within(situation.site, area.id) if situation.site is not None else frozenset({area.id})
    there = [presence for presence in listed if presence.area in within]
    causes = tuple((name, cause) for name, cause in sorted(situation.state.uncertain.items()) if name in within)
    bounded = situation.state.uncertain.get(area.id, "rex") == "rex"
    return AreaCount(
        area=area.id,
        name_zh=area.name_zh or area.id,
        name_en=area.name_en or area.id,
        listed=len(there),
        lowest=sum(1 for presence in there if presence.sure),
        highest=len(there) if bounded else None,
        causes=causes,
    )
