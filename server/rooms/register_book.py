"""The register as the book that lies at the entrance, 机房出入登记簿: a line for each stay, in both languages, for print and spreadsheet (R3, C4)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlmodel import Session, col, select

from controller.site import Area, Door, Site
from server.console.people import operators_of
from server.context import Context
from server.operators.actor import Actor
from server.operators.audit import record
from server.personal.fields import read_field
from server.personal.looks import LOOKS_PER_WINDOW, admit_look, checked_reason
from server.problems import Problem
from server.registry.lookup import may_see_row
from server.registry.models import Holder
from server.rooms.register_filters import Filters
from server.rooms.register_query import ENTRIES, OPERATION, Place, Sought, is_more_than, notes_of, page_query
from server.rooms.showing import show_entries, stays_told

PAGE = 500
COLUMNS = (
    ("序号", "No."), ("进入时间", "In"), ("离开时间", "Out"), ("姓名", "Name"), ("单位", "Customer"), ("出入证号", "Badge"), ("进入依据", "Permission"),
    ("事由", "Purpose"), ("区域", "Room"), ("门", "Door"), ("同行人 / 陪同人", "With / escort"), ("操作内容", "Operation"), ("备注", "Remarks"),
)  # fmt: skip
"""The book's columns, Chinese and English: the fields of a :class:`Line`."""
ENDED = {"count": "清点时未见 not found by a count", "unseen": "离开时间不详 left unseen, when is not known"}
INSIDE = "仍在场 still inside"
NOT_KNOWN = "离开时间不详 when they left is not known"
KINDS = {
    "opened": "开柜 cabinet opened",
    "found": "清点时发现 found by a count",
    "missed": "清点时未见 not found by a count",
    "out": "仅有离开记录 exit only",
}


@dataclass(frozen=True)
class Line:
    """One stay. Times are the site's, without a zone; ``left``: when, else what is known of it; None: ``remarks`` say why."""

    number: int
    came: datetime | None
    left: datetime | str | None
    name: str
    customer: str
    badge: str
    permission: str
    purpose: str
    room: str
    door: str
    company: str
    operation: str
    remarks: str


def admit_export(
    context: Context, actor: Actor, filters: Filters, format: str, most: int, reason: str | None = None
) -> tuple[Sought, dict[int, str]]:
    """What is asked for, at most ``most`` lines, and with a ``reason`` the clear names of those whom it is about, by holder. Recorded as
    ``register.export`` before anything is given out; each name is a recorded look besides (C4), so that nobody sees more than
    :data:`LOOKS_PER_WINDOW` in an hour. Raises :class:`Problem`, and records nothing then."""
    with context.database.write() as session:
        sought = filters.sought(session, context, actor)
        if is_more_than(session.connection(), sought, most):
            raise Problem(
                422,
                "too_many_entries",
                f"More than {most} entries, the most that a {format.upper()} file may have: narrow them by from and until.",
                f"超过 {most} 条记录（{format.upper()} 文件的上限），请用起止日期缩小范围。",
                field="from",
            )
        names = _clear_names(session, context, actor, sought, reason) if reason is not None else {}
        asked = {key: value for key, value in msgspec.to_builtins(sought).items() if value} | {"format": format}
        if reason is not None:
            asked |= {"names": len(names), "reason": reason.strip()}
        record(session, actor, context.clock.now(), "register.export", context.site.id, after=asked)
    return sought, names


def book_lines(context: Context, sought: Sought, most: int, names: dict[int, str]) -> list[Line]:
    """The lines, oldest first; ``names``: by holder, in the place of masked ones."""
    lines: list[Line] = []
    for entries in _pages(context, sought, most):
        for entry in entries:
            for stay in stays_told(entry, sought):
                lines.append(_line(context.site, len(lines) + 1, entry, stay, names))
    return lines


def placed(site: Site, name: str | None) -> str:
    """A door's or area's name in both languages."""
    places: tuple[Area | Door, ...] = (*site.areas, *site.doors)
    for place in places:
        if place.id == name:
            return " ".join(dict.fromkeys(part for part in (place.name_zh, place.name_en) if part)) or place.id
    return name or ""


def filter_words(context: Context, filters: Filters) -> str:
    """What was asked for, in both languages; empty: everything."""
    parts = []
    if filters.area:
        parts.append(f"区域 room: {placed(context.site, filters.area)}")
    named = (("单位 customer", filters.customer), ("持证人 holder", filters.holder), ("出入证号 badge", filters.badge))
    parts += [f"{caption}: {value}" for caption, value in named if value]
    parts += [INSIDE] if filters.open_ else []
    parts += ["未填操作内容 operation missing"] if filters.incomplete else []
    parts += [] if filters.book else ["每次进出一行 each passage on its own line"]
    return "；".join(parts)


def period_words(context: Context, sought: Sought) -> str:
    """From when to when, by the time of entry."""
    zone = ZoneInfo(context.site.time_zone)

    def told(at_us: int) -> str:
        return datetime.fromtimestamp(at_us / 1_000_000, zone).strftime("%Y-%m-%d %H:%M")

    begin = told(sought.from_us) if sought.from_us is not None else "最早 the first entry"
    end = told(sought.until_us) if sought.until_us is not None else "现在 now"
    return f"{begin} – {end} ({context.site.time_zone})"


def _clear_names(session: Session, context: Context, actor: Actor, sought: Sought, reason: str) -> dict[int, str]:
    reason = checked_reason(reason)
    ids = page_query(sought, None, None).with_only_columns(ENTRIES.c.holder).order_by(None).distinct()
    holders = session.exec(select(Holder).where(col(Holder.id).in_(ids)).limit(LOOKS_PER_WINDOW + 1)).all()
    if len(holders) > LOOKS_PER_WINDOW:
        raise Problem(
            422,
            "too_many_names",
            f"More than {LOOKS_PER_WINDOW} persons, the most that a file with full names may have: narrow the period.",
            f"超过 {LOOKS_PER_WINDOW} 人（含完整姓名文件的上限），请缩小时间范围。",
            field="from",
        )
    names: dict[int, str] = {}
    for holder in holders:
        if holder.id is None or not may_see_row(session, actor, holder):
            continue
        admit_look(session, context, actor, holder.public_id, ["name"], reason)
        name = read_field(context.personal, holder, "name")
        if name is not None:
            names[holder.id] = name
    return names


def _pages(context: Context, sought: Sought, most: int) -> Iterator[list[dict[str, Any]]]:
    place: Place | None = None
    for _ in range(most // PAGE + 2):  # what came since it was counted is not endless
        with context.database.read() as session:
            rows = session.connection().execute(page_query(sought, place, PAGE)).all()
            entries = show_entries(session, context, rows)
            notes = notes_of(session.connection(), [entry["id"] for entry in entries if entry["notes"]])
            admitted = operators_of(session, [entry["operator"] for entry in entries])
        for entry in entries:
            entry["said"] = [note.text for note in notes.get(entry["id"], []) if note.kind != OPERATION]
            entry["admitted_by"] = admitted.get(entry["operator"] or "", entry["operator"])
        yield entries
        if len(rows) < PAGE:
            return
        place = Place(rows[-1].at_us, rows[-1].id)


def _line(site: Site, number: int, entry: dict[str, Any], stay: dict[str, Any] | None, names: dict[int, str]) -> Line:
    local = _local(site)
    came = stay["in_at"] if stay is not None else None if entry["direction"] in ("out", "missed") else entry["at"]
    return Line(
        number=number,
        came=local(came),
        left=_left(local, entry, stay),
        name=names.get(entry["holder"])
        or entry["name"]
        or ("" if entry["holder"] is not None else "未刷卡 without a badge"),
        customer=" ".join(part for part in (entry["customer_code"], entry["customer_name"]) if part),
        badge=entry["number"] or "",
        permission=f"{entry['permission']['zh']} {entry['permission']['en']}" if entry["permission"] else "",
        purpose=entry["purpose"] or "",
        room=placed(site, stay["area"] if stay is not None else entry["area"]),
        door=placed(site, entry["door"]),
        company=_company(entry),
        operation=entry["operation"] or ("（未填写 missing）" if entry["incomplete"] else ""),
        remarks=_remarks(entry, stay),
    )


def _local(site: Site) -> Callable[[str | None], datetime | None]:
    zone = ZoneInfo(site.time_zone)
    return lambda at: datetime.fromisoformat(at).astimezone(zone).replace(tzinfo=None, microsecond=0) if at else None


def _left(
    local: Callable[[str | None], datetime | None], entry: dict[str, Any], stay: dict[str, Any] | None
) -> datetime | str | None:
    if stay is not None:
        return INSIDE if stay["ended_by"] is None else local(stay["out_at"])
    if entry["direction"] == "out":
        return local(entry["at"])
    return NOT_KNOWN if entry["direction"] == "in" and not entry["stays"] else None


def _company(entry: dict[str, Any]) -> str:
    parts = [_other(one) for one in entry["partners"]]
    if entry["escort"] is not None:
        parts.append(f"陪同 escort {_other(entry['escort'])}")
    return "；".join(parts)


def _other(person: dict[str, Any]) -> str:
    return " ".join(part for part in (person["number"], person["name"]) if part) or str(person["holder"])


def _remarks(entry: dict[str, Any], stay: dict[str, Any] | None) -> str:
    known = entry["direction"] == "out" and stay is not None
    parts = [KINDS[entry["direction"]]] if entry["direction"] in KINDS and not known else []
    if stay is not None and stay["ended_by"] in ENDED and ENDED[stay["ended_by"]] not in parts:
        parts.append(ENDED[stay["ended_by"]])
    if entry["emergency"]:
        parts.append("紧急进入 emergency")
    if entry["admitted_by"]:
        parts.append(f"经办 by {entry['admitted_by']}")
    return "；".join(parts + entry["said"])
