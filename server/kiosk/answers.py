"""What a kiosk shows: both languages in one answer, no name in clear, nothing of anybody but whose number was given."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel


class Words(BaseModel):
    """A text in both languages."""

    zh: str
    en: str


class EntryShown(BaseModel):
    """An entry into a main room that lacks its operation (R3)."""

    id: int
    at: str
    area: Words


class BadgeFound(BaseModel):
    """A holder's badge, by its printed number. ``stopped``: it opens nothing now."""

    kind: Literal["badge"] = "badge"
    number: str
    stopped: bool
    entries: list[EntryShown]


class ComerShown(BaseModel):
    """Somebody who is expected: masked, with how it stands with their visit. ``state``: ``expected``, ``arrived``, ``checked_in``."""

    person: str
    name: str | None
    state: Literal["expected", "arrived", "checked_in"]


class ExpectedFound(BaseModel):
    """Who comes by this number. ``early``: the window begins later; ``refuse``: the words with which this kind of visit is served at the desk, not inside (C6);
    ``fetched_by``: who comes, a named escort masked."""

    kind: Literal["expected"] = "expected"
    code: str
    comers: list[ComerShown]
    areas: list[Words]
    from_at: datetime
    until_at: datetime
    early: bool
    fetched_by: Words
    refuse: Words | None
    declaration: list[Words]


class VisitFound(BaseModel):
    """A visitor's temporary badge: how it stands with the visit. ``state``: as of the visit; ``over``: not any more."""

    kind: Literal["visit"] = "visit"
    number: str
    state: Literal["checked_in", "inside", "over"]
    areas: list[Words]
    until_at: datetime
    fetched_by: Words
    declaration: list[Words]


class LineShown(BaseModel):
    """A line: how many of ``quantity`` are left to carry."""

    model: str
    quantity: int
    left: int


class DocumentFound(BaseModel):
    """An exit slip or a work order. ``door``: where; null: any goods door; ``at_desk``: received at the desk. ``state``: the words' code."""

    kind: Literal["slip", "order"]
    number: str | None
    state: str
    state_words: Words
    from_at: datetime
    until_at: datetime
    door: Words | None
    at_desk: bool
    lines: list[LineShown]


class Unknown(BaseModel):
    """Nothing that is known here. ``misread``: it looks like a slip's or order's code and one character is wrong."""

    kind: Literal["unknown"] = "unknown"
    misread: bool = False


Found = BadgeFound | ExpectedFound | VisitFound | DocumentFound | Unknown
