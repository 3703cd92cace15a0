"""How the areas of a site lie in each other, as the register and occupancy read it (MEANINGS 13, docs/rooms.md)."""

from controller.site import AccessPoint, Site


class Areas:
    """Looks areas up. Without a site, or for an area that it does not know, each area stands alone and is not public."""

    def __init__(self, site: Site | None = None) -> None:
        areas = site.areas if site is not None else ()
        self._inside = {area.id: area.inside for area in areas}
        self._public = {area.id for area in areas if area.public}
        self._points = {point.id: point for point in site.access_points} if site is not None else {}
        self._rooms: dict[str, tuple[str, ...]] = {}

    def rooms(self, area: str) -> tuple[str, ...]:
        """The rooms that somebody in ``area`` is in: itself and all that it lies in, public ones left out."""
        known = self._rooms.get(area)
        if known is None:
            found, at = [], area
            while at not in found:
                found.append(at)
                at = self._inside.get(at) or at
            known = tuple(one for one in found if one not in self._public)
            if area in self._inside:
                self._rooms[area] = known
        return known

    def within(self, area: str) -> frozenset[str]:
        """``area`` and all that lies inside it."""
        return frozenset(one for one in self._inside if area in self.rooms(one)) | {area}

    def point(self, access_point: str) -> AccessPoint | None:
        """The access point of this id."""
        return self._points.get(access_point)

    def leads_out(self, access_point: str, from_area: str, to_area: str) -> bool:
        """Whether a passage is an exit: as the site's access point says, else by how the areas lie in each other."""
        point = self.point(access_point)
        return point.out if point is not None else to_area in self.rooms(from_area)

    def apart(self, one: str, other: str) -> bool:
        """Whether nobody can be in both at once: neither lies in the other, and no room holds both."""
        return not set(self.rooms(one)) & set(self.rooms(other))
