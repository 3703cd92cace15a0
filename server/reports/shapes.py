"""A report as the API shows it."""

from pydantic import BaseModel

from server.reports.period import Step


class Bucket(BaseModel):
    """One hour or day of the site: how many of each code of ``codes``."""

    at: str
    counts: list[int]


class Total(BaseModel):
    """What it comes to for one room, reason, door, customer or edge. ``name``: a customer's; ``figures`` as the report's ``figures`` name them."""

    code: str
    name: str | None = None
    figures: dict[str, int]


class Report(BaseModel):
    """One report. ``[from, until)``; ``codes``: the kinds counted per hour or day, ``other`` the rest; ``figures`` ending with ``_s`` are seconds."""

    name: str
    from_: str
    until: str
    time_zone: str
    step: Step
    codes: list[str]
    buckets: list[Bucket]
    figures: list[str]
    totals: list[Total]
