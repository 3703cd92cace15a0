"""Who is inside, where, since when, as far as credentials and contacts prove it (R3, L3, MEANINGS 11-13; docs/rooms.md, Words)."""

import msgspec

from controller.events import AccessGranted
from controller.index import Point, PolicyIndex, Room
from controller.policy import FOREVER_US, Badge, GrantArea
from controller.site import Site
from controller.state import People, Presence, State


class Occupancy(msgspec.Struct, frozen=True):
    """An area with all that lies inside it. ``holders``: who is listed; ``sure``: those of them whom nothing since their last passage makes
    doubtful. ``lowest`` and ``highest`` (None: nobody can tell): how many there are. ``uncertain``: why the list may be wrong, or empty;
    who of those listed is in which inner area, that one says itself."""

    area: str
    holders: tuple[int, ...]
    uncertain: str = ""
    sure: tuple[int, ...] = ()
    lowest: int = 0
    highest: int | None = 0


def muster(state: State) -> list[tuple[int, Presence]]:
    """The muster list (L3): holder and presence, by area and since when. During a fire it is the list as of its beginning
    (MEANINGS 27)."""
    inside = state.presence if state.muster_at_fire is None else state.muster_at_fire
    return sorted(inside.items(), key=lambda entry: (entry[1].area, entry[1].since_us, entry[0]))


def occupancy(state: State, site: Site, area: str) -> Occupancy:
    """Who is in an area, areas inside it included."""
    within = areas_within(site, area)
    holders = tuple(sorted(holder for holder, presence in state.presence.items() if presence.area in within))
    surely = tuple(holder for holder in holders if state.presence[holder].sure)
    cause = state.uncertain.get(area, "")
    most = len(holders) if cause in ("", "rex") else None
    return Occupancy(area, holders, cause, surely, len(surely), most)


def areas_within(site: Site, area: str) -> frozenset[str]:
    """The area and every area that lies in it, at any depth."""
    within = {area}
    grew = True
    while grew:
        more = {entry.id for entry in site.areas if entry.inside in within} - within
        within |= more
        grew = bool(more)
    return frozenset(within)


def listed(state: State, room: Room) -> set[int]:
    """The holders whose presence is in the area."""
    return {holder for holder, presence in state.presence.items() if presence.area in room.within}


def sure(state: State, room: Room) -> set[int]:
    """Those listed whom nothing since their last passage makes doubtful."""
    return {holder for holder, presence in state.presence.items() if presence.sure and presence.area in room.within}


def on_the_way_out(state: State, index: PolicyIndex, room: Room) -> set[int]:
    """Who holds a grant that leaves the area and whose door has not opened since: as good as gone (MEANINGS 11)."""
    return {grant.holder for grant, point in _granted(state, index, room) if room in point.left}


def on_the_way_in(state: State, index: PolicyIndex, room: Room) -> set[int]:
    """Who holds a grant into the area and whose door has not opened since: not yet inside."""
    return {grant.holder for grant, point in _granted(state, index, room) if room in point.entered}


def _granted(state: State, index: PolicyIndex, room: Room) -> list[tuple[AccessGranted, Point]]:
    return [
        (grant, point)
        for name in room.doors
        if (door := state.doors.get(name)) is not None and door.grants
        for grant in door.grants
        if (point := index.points.get(grant.access_point)) is not None
    ]


def people_of(state: State, room: Room) -> People:
    """The counts of the area with all areas inside it."""
    found = state.people.get(room.id, _NONE)
    if len(room.within) > 1:
        for area in room.within:
            inner = state.people.get(area)
            if inner is not None and area != room.id:
                found = People(
                    found.listed + inner.listed,
                    found.sure + inner.sure,
                    found.staff + inner.staff,
                    found.customers
                    | {one: found.customers.get(one, 0) + sure for one, sure in inner.customers.items()},
                )
    return found


def outstanding(state: State, room: Room) -> int:
    """How many grants are outstanding at the area's doors, whichever way they lead."""
    doors = state.doors
    found = 0
    for name in room.doors:
        door = doors.get(name)
        if door is not None and door.grants:
            found += len(door.grants)
    return found


_NONE = People()


def is_sure(state: State, room: Room, holder: int) -> bool:
    """Whether this holder is listed in the area, and nothing makes it doubtful."""
    presence = state.presence.get(holder)
    return presence is not None and presence.sure and presence.area in room.within


def stay_end_us(index: PolicyIndex, presence: Presence) -> int:
    """Wall time at which this person's right to be there ends; 0 when it has ended already (MEANINGS 8). Nobody's ends who has no badge:
    they stand under the eyes of their escort."""
    if not presence.badge:
        return FOREVER_US
    badge = index.badge(presence.badge)
    if badge is None or badge.status != "active":
        return 0
    return min(
        badge.until_us, _contract_end_us(index, badge), _permission_end_us(index.grant_areas(badge, presence.area))
    )


def _contract_end_us(index: PolicyIndex, badge: Badge) -> int:
    if badge.kind != "customer" or badge.customer is None:
        return FOREVER_US
    customer = index.customers.get(badge.customer)
    return customer.until_us if customer is not None and customer.status == "active" else 0


def _permission_end_us(entries: tuple[GrantArea, ...]) -> int:
    """An area that the grant never named (a lobby passed on the way out) ends nobody's stay."""
    return max((entry.until_us for entry in entries), default=FOREVER_US)
