"""Who is inside, where, since when, as far as credentials and contacts prove it (R3, L3, MEANINGS 12, 13)."""

import msgspec

from controller.index import PolicyIndex
from controller.policy import FOREVER_US, Badge, GrantArea
from controller.site import Site
from controller.state import Presence, State


class Occupancy(msgspec.Struct, frozen=True):
    """An area with all that lies inside it. ``uncertain``: why the list may be wrong, or empty."""

    area: str
    holders: tuple[int, ...]
    uncertain: str = ""


def muster(state: State) -> list[tuple[int, Presence]]:
    """The muster list (L3): holder and presence, by area and since when. During a fire it is the list as of its beginning
    (MEANINGS 27)."""
    inside = state.presence if state.muster_at_fire is None else state.muster_at_fire
    return sorted(inside.items(), key=lambda entry: (entry[1].area, entry[1].since_us, entry[0]))


def occupancy(state: State, site: Site, area: str) -> Occupancy:
    """Who is in an area, areas inside it included."""
    within = areas_within(site, area)
    holders = tuple(sorted(holder for holder, presence in state.presence.items() if presence.area in within))
    causes = [cause for name, cause in state.uncertain.items() if name in within]
    return Occupancy(area, holders, causes[0] if causes else "")


def areas_within(site: Site, area: str) -> frozenset[str]:
    """The area and every area that lies in it, at any depth."""
    within = {area}
    grew = True
    while grew:
        more = {entry.id for entry in site.areas if entry.inside in within} - within
        within |= more
        grew = bool(more)
    return frozenset(within)


def stay_end_us(index: PolicyIndex, presence: Presence) -> int:
    """Wall time at which this person's right to be there ends; 0 when it has ended already (MEANINGS 8)."""
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
