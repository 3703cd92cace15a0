"""The reports: each counts by hour or day, and by what it is about. Every query runs on an index that ends with what it counts, so that a month of a
busy site takes a fraction of a second (docs/console/reports.md).

The conditions of partial indexes are literal: a database cannot match a parameter against them."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, literal_column, select, text
from sqlalchemy.engine import Connection

from controller.site import Site
from server.db.clock import to_us
from server.fleet.models import Edge
from server.ledger.facts import SERVER
from server.ledger.keyed_rows import table_of
from server.ledger.models import LedgerAlarm, LedgerEvent
from server.permits.models import Permit, Visit
from server.reports.period import Period
from server.rooms.models import RegisterEntry

ENTRIES, EVENTS, ALARMS = table_of(RegisterEntry), table_of(LedgerEvent), table_of(LedgerAlarm)
VISITS, PERMITS, EDGES = table_of(Visit), table_of(Permit), table_of(Edge)
MAX_SERIES = 6
"""So many kinds have a line of their own; the rest is ``other``."""
OTHER = "other"
NOBODY = ""
"""The code of what belongs to no customer: own staff, guests of the site."""
DOOR_ALARMS = ("DoorHeldOpen", "DoorForcedOpen")
ALONE_ALARMS = ("LONE_OCCUPANT", "ESCORT_LEFT")


@dataclass(frozen=True)
class Asked:
    """What a report is about. ``area``, ``customer``: narrowed to; None: all. ``customers``: whom the asker may see, None: everybody."""

    site: Site
    period: Period
    now_us: int
    area: str | None = None
    customer: int | None = None
    customers: frozenset[int] | None = None


@dataclass
class Counted:
    """``series``: bucket (its number in the period) → code → count. ``totals``: code → figure → number, the most first; times end with their unit."""

    codes: list[str]
    series: list[list[int]]
    figures: tuple[str, ...]
    totals: dict[str, dict[str, int]] = field(default_factory=dict)


def entries(connection: Connection, asked: Asked) -> Counted:
    """Entries into rooms, by room (R3)."""
    slot = _slot(ENTRIES.c.at_us, asked.period)
    query = select(slot, ENTRIES.c.area, func.count()).where(*_entered(asked)).group_by(slot, ENTRIES.c.area)
    return _by_code(connection, query, asked.period, "entries")


def denials(connection: Connection, asked: Asked) -> Counted:
    """Refusals at the doors, by reason; of an area: at the access points that lead into it."""
    events, period = EVENTS.c, asked.period
    slot = _slot(events.at_us, period)
    where: list[Any] = [text("kind = 'AccessDenied'"), events.at_us >= period.from_us, events.at_us < period.until_us]
    if asked.customer is not None:
        where.append(events.customer == asked.customer)
    if asked.area is not None:
        points = [point.id for point in asked.site.access_points if point.to_area == asked.area]
        where.append(events.access_point.in_(points))
    query = select(slot, events.reason, func.count()).where(*where).group_by(slot, events.reason)
    return _by_code(connection, query, period, "denials")


def doors(connection: Connection, asked: Asked) -> Counted:
    """Doors left open too long, or forced, by door; of an area: those that lead into it or out of it."""
    of_area = None
    if asked.area is not None:
        of_area = {point.door for point in asked.site.access_points if asked.area in (point.from_area, point.to_area)}
    return _alarms(connection, asked, DOOR_ALARMS, of_area)


def alone(connection: Connection, asked: Asked) -> Counted:
    """Somebody alone under the two-person rule, or visitors without their escort, by room (R2, R4)."""
    return _alarms(connection, asked, ALONE_ALARMS, None if asked.area is None else {asked.area})


def customers(connection: Connection, asked: Asked) -> Counted:
    """Visits received and entries, by customer (R3, R5)."""
    period = asked.period
    query = select(ENTRIES.c.customer, func.count()).where(*_entered(asked)).group_by(ENTRIES.c.customer)
    totals: dict[str, dict[str, int]] = {}

    def add(customer: int | None, figure: str, count: int) -> None:
        known = customer is None or asked.customers is None or customer in asked.customers
        code = OTHER if not known else NOBODY if customer is None else str(customer)
        figures = totals.setdefault(code, {"visits": 0, "entries": 0})
        figures[figure] += count

    for customer, count in connection.execute(query):
        add(customer, "entries", count)
    received = (
        select(VISITS.c.checked_in_at, PERMITS.c.customer_id, PERMITS.c.areas)
        .join(PERMITS, PERMITS.c.id == VISITS.c.permit_id)
        .where(VISITS.c.checked_in_at >= period.begin, VISITS.c.checked_in_at < period.until)
    )
    if asked.customer is not None:
        received = received.where(PERMITS.c.customer_id == asked.customer)
    slots: dict[tuple[int, str], int] = {}
    for at, customer, areas in connection.execute(received):
        if asked.area is not None and asked.area not in areas:
            continue
        add(customer, "visits", 1)
        key = to_us(at) // period.slot_us, "visits"
        slots[key] = slots.get(key, 0) + 1
    ordered = dict(sorted(totals.items(), key=lambda one: (-one[1]["visits"], -one[1]["entries"], one[0])))
    return Counted(["visits"], _series(period, slots, ["visits"]), ("visits", "entries"), ordered)


def edges(connection: Connection, asked: Asked) -> Counted:
    """How often and how long the server heard nothing of an edge: its doors went on deciding, its records came later."""
    period = asked.period
    names = connection.scalars(select(EDGES.c.name).order_by(EDGES.c.name)).all()
    counted = _alarms(connection, asked, ("LINK_LOST",), None, source=SERVER, overlapping=True)
    span_s = max(1, (min(period.until_us, asked.now_us) - period.from_us) // 1_000_000)
    for name in names:
        figures = counted.totals.setdefault(name, {"LINK_LOST": 0, "total_s": 0, "longest_s": 0})
        figures["silent_percent"] = min(100, round(100 * figures["total_s"] / span_s))
    counted.figures = (*counted.figures, "silent_percent")
    for figures in counted.totals.values():
        figures.setdefault("silent_percent", 0)
    return counted


def _slot(at_us: ColumnElement[int], period: Period) -> Any:
    """The number of the slot, by which one groups: a parameter would not be known as the same expression twice."""
    return (at_us // literal_column(str(period.slot_us))).label("slot")


def _entered(asked: Asked) -> list[Any]:
    period = asked.period
    where: list[Any] = [text("direction = 'in'"), ENTRIES.c.at_us >= period.from_us, ENTRIES.c.at_us < period.until_us]
    if asked.area is not None:
        where.append(ENTRIES.c.area == asked.area)
    if asked.customer is not None:
        where.append(ENTRIES.c.customer == asked.customer)
    return where


def _by_code(connection: Connection, query: Select[Any], period: Period, figure: str) -> Counted:
    slots: dict[tuple[int, str], int] = {}
    sums: dict[str, int] = {}
    for slot, code, count in connection.execute(query):
        code = code or ""
        slots[slot, code] = slots.get((slot, code), 0) + count
        sums[code] = sums.get(code, 0) + count
    ordered = sorted(sums, key=lambda code: (-sums[code], code))
    own = ordered[:MAX_SERIES]
    codes = own + ([OTHER] if len(ordered) > len(own) else [])
    folded: dict[tuple[int, str], int] = {}
    for (slot, code), count in slots.items():
        key = slot, code if code in own else OTHER
        folded[key] = folded.get(key, 0) + count
    return Counted(codes, _series(period, folded, codes), (figure,), {code: {figure: sums[code]} for code in ordered})


def _series(period: Period, slots: Mapping[tuple[int, str], int], codes: list[str]) -> list[list[int]]:
    begins = [to_us(at) for at in period.buckets()]  # an hour that comes twice is two
    columns = {code: number for number, code in enumerate(codes)}
    rows = [[0] * len(codes) for _ in begins]
    for (slot, code), count in slots.items():
        place = max(0, bisect_right(begins, slot * period.slot_us) - 1)  # the period may begin within its first hour
        rows[place][columns[code]] += count
    return rows


def _alarms(
    connection: Connection, asked: Asked, names: tuple[str, ...], subjects: Iterable[str] | None,
    *, source: str | None = None, overlapping: bool = False,
) -> Counted:  # fmt: skip
    """Alarms raised in the period (``overlapping``: that stood in it, with their time in it): how often, how long together, how long at most."""
    alarms, period = ALARMS.c, asked.period
    began: Any = alarms.raised_us
    ended: Any = func.coalesce(alarms.cleared_us, asked.now_us)
    where: list[Any] = [alarms.alarm.in_(names), alarms.raised_us < period.until_us]
    where += [alarms.subject.in_(list(subjects))] if subjects is not None else []
    where += [alarms.source == source] if source is not None else []
    if overlapping:
        where.append(ended > period.from_us)
        began = case((began < period.from_us, period.from_us), else_=began)
        ended = case((ended > period.until_us, period.until_us), else_=ended)
    else:
        where.append(alarms.raised_us >= period.from_us)
    slot, stood, first = _slot(alarms.raised_us, period), ended - began, period.from_us // period.slot_us
    slots: dict[tuple[int, str], int] = {}
    for at, alarm, count in connection.execute(
        select(slot, alarms.alarm, func.count()).where(*where).group_by(slot, alarms.alarm)
    ):
        key = max(at, first), alarm
        slots[key] = slots.get(key, 0) + count
    query = select(alarms.subject, alarms.alarm, func.count(), func.sum(stood), func.max(stood)).where(*where)
    totals: dict[str, dict[str, int]] = {}
    for subject, alarm, count, total, longest in connection.execute(query.group_by(alarms.subject, alarms.alarm)):
        figures = totals.setdefault(subject, dict.fromkeys((*names, "total_s", "longest_s"), 0))
        figures[alarm] = count
        figures["total_s"] += max(0, int(total)) // 1_000_000
        figures["longest_s"] = max(figures["longest_s"], int(longest) // 1_000_000)
    ordered = dict(sorted(totals.items(), key=lambda one: (-sum(one[1][name] for name in names), one[0])))
    return Counted(list(names), _series(period, slots, list(names)), (*names, "total_s", "longest_s"), ordered)


REPORTS: dict[str, Callable[[Connection, Asked], Counted]] = {
    "entries": entries,
    "denials": denials,
    "doors": doors,
    "customers": customers,
    "alone": alone,
    "edges": edges,
}
"""Every report by its name."""
FILTERS: dict[str, tuple[str, ...]] = {
    "entries": ("area", "customer"),
    "denials": ("area", "customer"),
    "doors": ("area",),
    "customers": ("area", "customer"),
    "alone": ("area",),
    "edges": (),
}
"""What each can be narrowed by."""
