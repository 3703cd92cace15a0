"""Where a change is in force, for people: "revoked: in force at 14 of 14 doors after 0.6 s; edge 9 offline, its lease ends 10:42"."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from controller.site import Site
from server.db.clock import from_us, to_us
from server.fleet.edge_doors import doors_by_edge
from server.fleet.in_force import LeaseClass, Standing, standings
from server.registry.models import Holder, RegistryChange
from server.rfc3339 import rfc3339

STOPPED = ("lost", "suspended", "revoked", "returned")


def reach_of(session: Session, site: Site, changes: Sequence[RegistryChange], now: datetime) -> list[dict[str, Any]]:
    """``{change, at, takes_away, pending, doors, doors_in_force, after_s, edges, text_zh, text_en}`` of each. ``after_s``: how long until
    the last of those edges followed that have; None while none has. Edges that a change does not concern are not named."""
    doors = doors_by_edge(session, site)
    by_change: dict[int, list[Standing]] = {}
    by_class: dict[LeaseClass, list[int]] = {}
    for change in changes:
        if change.id is not None:
            by_class.setdefault(_lease_class(session, change), []).append(change.id)
    for lease_class, ids in by_class.items():
        for standing in standings(session.connection(), ids, lease_class):
            by_change.setdefault(standing.change_id, []).append(standing)
    return [_reach(site, change, by_change.get(change.id or 0, []), doors, now) for change in changes]


def _lease_class(session: Session, change: RegistryChange) -> LeaseClass:
    """The longest lease among those whom the change concerns: after that no edge lets them in without having heard of it."""
    noted = [row for row in (change.before, change.after) if row is not None]
    if change.table_name in ("customer", "contract"):
        owners = {change.row_id} if change.table_name == "customer" else {row.get("customer_id") for row in noted}
        keyholders = select(Holder.id).where(col(Holder.customer_id).in_(owners), col(Holder.keyholder).is_(True))
        return "keyholder" if session.exec(keyholders.limit(1)).first() is not None else "customer"
    if change.table_name == "badge":
        holder = session.get(Holder, change.after.get("holder_id"))
        if holder is not None and holder.keyholder:
            return "keyholder"
    if any(row.get("keyholder") for row in noted):
        return "keyholder"
    return "staff" if any(row.get("kind") == "staff" for row in noted) else "customer"


def latest_change(session: Session, table: str, row_id: int) -> RegistryChange | None:
    """The newest change of a row."""
    query = select(RegistryChange).where(RegistryChange.table_name == table, RegistryChange.row_id == row_id)
    return session.exec(query.order_by(col(RegistryChange.id).desc()).limit(1)).first()


def latest_that_take_away(session: Session, shown: int, scanned: int) -> list[RegistryChange]:
    """Among the ``scanned`` newest updates those that take something away, newest first, at most ``shown``."""
    tables = ("badge", "contract", "holder", "customer")
    query = select(RegistryChange).where(col(RegistryChange.table_name).in_(tables), RegistryChange.op == "update")
    newest = session.exec(query.order_by(col(RegistryChange.id).desc()).limit(scanned)).all()
    return [change for change in newest if takes_away(change)][:shown]


def takes_away(change: RegistryChange) -> bool:
    """Whether somebody may enter less after this change: a badge stopped, a contract ended, suspended or ending earlier, a person or file
    gone, an area taken out."""
    before, after = change.before, change.after
    if before is None:
        return False
    if any(
        before.get(mark) is None and after.get(mark) is not None for mark in ("deleted_at", "left_at", "merged_into")
    ):
        return True
    if _ends_earlier(before.get("until_at"), after.get("until_at")):
        return True
    if any(set(_listed(before, name)) - set(_listed(after, name)) for name in ("areas", "may_escort", "duties")):
        return True
    was, now = before.get("status"), after.get("status")
    if change.table_name == "badge":
        return was != now and now in STOPPED and was not in STOPPED[2:] and (was, now) != ("lost", "revoked")
    return change.table_name == "contract" and was == "active" and now != "active"


def _reach(
    site: Site, change: RegistryChange, concerned: Sequence[Standing], doors: dict[str, list[str]], now: datetime
) -> dict[str, Any]:
    at_us = to_us(change.at)
    edges: list[dict[str, Any]] = [
        {
            "edge": each.edge,
            "doors": len(doors.get(each.edge, ())),
            "online": each.online,
            "revoked": each.revoked,
            "in_force_at": rfc3339(each.since_us),
            "after_s": None if each.since_us is None else max(each.since_us - at_us, 0) / 1_000_000,
            "lease_until": rfc3339(each.lease_until_us),
        }
        for each in concerned
    ]
    followed = [edge for edge in edges if edge["after_s"] is not None]
    shown = {
        "change": change.id,
        "at": rfc3339(at_us),
        "takes_away": takes_away(change),
        "pending": change.done_at is None,
        "doors": sum(edge["doors"] for edge in edges),
        "doors_in_force": sum(edge["doors"] for edge in followed),
        "after_s": max((edge["after_s"] for edge in followed), default=None),
        "edges": edges,
    }
    zh, en = _texts(site, shown, concerned, now)
    return shown | {"text_zh": zh, "text_en": en}


def _texts(site: Site, shown: dict[str, Any], concerned: Sequence[Standing], now: datetime) -> tuple[str, str]:
    zh, en = ("已撤销", "revoked") if shown["takes_away"] else ("已变更", "changed")
    if shown["pending"]:
        return f"{zh}：尚未下发", f"{en}: on its way"
    if not concerned:
        return f"{zh}：不涉及任何门", f"{en}: concerns no door"
    zh += f"：{shown['doors']} 扇门中 {shown['doors_in_force']} 扇已生效"
    en += f": in force at {shown['doors_in_force']} of {shown['doors']} doors"
    if shown["after_s"] is not None:
        zh += f"，用时 {shown['after_s']:.1f} 秒"
        en += f" after {shown['after_s']:.1f} s"
    for each in concerned:
        if each.since_us is None:
            more_zh, more_en = _awaited(site, each, now)
            zh += f"；{more_zh}"
            en += f"; {more_en}"
    return zh, en


def _awaited(site: Site, each: Standing, now: datetime) -> tuple[str, str]:
    if each.revoked:
        return f"{each.edge} 的密钥已吊销", f"the key of {each.edge} is revoked"
    zh, en = (
        (f"{each.edge} 未确认", f"{each.edge} has not confirmed")
        if each.online
        else (f"{each.edge} 离线", f"{each.edge} offline")
    )
    if each.lease_until_us is None:
        return f"{zh}，无租约", f"{en}, it holds no lease"
    if each.lease_until_us <= to_us(now):
        return f"{zh}，租约已到期", f"{en}, its lease has ended"
    zone = ZoneInfo(site.time_zone)
    ends, today = from_us(each.lease_until_us).astimezone(zone), now.astimezone(zone)
    when = ends.strftime("%H:%M" if ends.date() == today.date() else "%Y-%m-%d %H:%M")
    return f"{zh}，租约至 {when}", f"{en}, its lease ends {when}"


def _ends_earlier(before: Any, after: Any) -> bool:
    if after is None:
        return False
    try:  # the trigger writes both in the same form
        return before is None or datetime.fromisoformat(after) < datetime.fromisoformat(before)
    except (TypeError, ValueError):
        return False


def _listed(row: dict[str, Any], name: str) -> list[str]:
    areas = row.get(name)
    return [area for area in areas if isinstance(area, str)] if isinstance(areas, list) else []
