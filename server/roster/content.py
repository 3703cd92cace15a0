"""What a roster holds: whom the numbers on the badges belong to (MEANINGS 31). No phone, no ID number: a muster needs neither."""

import msgspec


class Person(msgspec.Struct, frozen=True, array_like=True):
    """One badge and its holder. ``kind``: of the badge; ``company`` empty: none; ``photo``: a small JPEG, empty: none."""

    number: str
    name: str
    kind: str
    company: str
    code: str
    photo: bytes = b""


class Roster(msgspec.Struct, frozen=True):
    """All badges in use at ``made_at`` (RFC 3339), by number. ``photos_left_out``: how many had no room."""

    site: str
    name_zh: str
    name_en: str
    made_at: str
    people: tuple[Person, ...]
    photos_left_out: int = 0
