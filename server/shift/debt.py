"""One thing that is owed (R5)."""

from dataclasses import dataclass

from controller.site import Area, Door, Site

MOST = 200
"""So many of a kind are listed one by one."""


@dataclass(frozen=True)
class Debt:
    """``kind`` and ``subject`` say which thing it is, ``since_us`` since when: the same thing later is another debt. The texts and ``link`` (its address below ``/api/v1``) are what
    people see; they name no person (C4, D6). ``count``: how many it stands for."""

    kind: str
    subject: str
    since_us: int
    text_zh: str
    text_en: str
    link: str = ""
    count: int = 1

    @property
    def key(self) -> tuple[str, str, int]:
        """What tells it from every other."""
        return self.kind, self.subject, self.since_us


def place_names(site: Site, name: str) -> tuple[str, str]:
    """What a door or area is called, in Chinese and English; its id where it has no name, or is none of the site's."""
    places: tuple[Door | Area, ...] = (*site.doors, *site.areas)
    for place in places:
        if place.id == name:
            return place.name_zh or name, place.name_en or name
    return name, name


def rest_of(kind: str, count: int) -> Debt:
    """What is beside those that are listed. Its subject is their number: one more, and it is another debt."""
    return Debt(kind, f"+{count}", 0, f"另有 {count} 项", f"{count} more", count=count)
