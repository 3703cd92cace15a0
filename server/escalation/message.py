"""What the second channel says of an alarm, in Chinese and English: what, where, when, what to do. No names of persons."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, get_args
from zoneinfo import ZoneInfo

import msgspec

from controller.event_base import AlarmName
from controller.reasons import ALARMS
from controller.site import Site
from server.console.language import translate
from server.console.words import word
from server.db.clock import from_us
from server.escalation.models import EscalationDelivery
from server.ledger.models import LedgerAlarm
from server.rfc3339 import rfc3339

OWN_PRIORITY = 2
"""Of the server's own alarms."""
_OWN = {
    "RECORDS_LOST": (
        "控制器的记录已无法取得：记下范围并通知管理员。",
        "Records of this edge can no longer be had: note the range and tell the administrator.",
    ),
    "SERVER_RESTORED": (
        "服务器由旧副本恢复：核对控制器策略与出入证。",
        "The server was restored from an older copy: compare the edges' policies and badges.",
    ),
}
_WHY = {
    "unacknowledged": ("无人确认", "nobody has acknowledged it"),
    "at_once": ("立即通知", "told at once"),
    "overdue": ("超时仍未解除", "it has lasted too long"),
}
_PLACES = ("door", "access_point", "area", "zone")
"""Inputs of an alarm that say where it is."""


@dataclass(frozen=True)
class Message:
    """One message. ``body``: the webhook's JSON. ``id``: the same at each try."""

    id: str
    title: str
    text: str
    body: bytes


def priority_of(alarm: str) -> int:
    """1 is the most urgent."""
    meaning = ALARMS.get(alarm)  # type: ignore[call-overload]
    return OWN_PRIORITY if meaning is None else int(meaning.priority)


def names_of_priority(priority: int) -> list[str]:
    """The alarms of this priority and of more urgent ones."""
    return [name for name in (*get_args(AlarmName), *_OWN) if priority_of(name) <= priority]


def alarm_message(
    delivery: EscalationDelivery, alarm: LedgerAlarm, edge: str, site: Site, console_url: str, now: datetime
) -> Message:
    """The message of one alarm."""
    instruction_zh, instruction_en = _instruction(alarm.alarm)
    place = _place(alarm, site)
    at = from_us(alarm.raised_us).astimezone(ZoneInfo(site.time_zone))
    when = f"{at:%Y-%m-%d %H:%M:%S} ({site.time_zone})"
    why_zh, why_en = _WHY[delivery.why]
    site_zh, site_en = site.name_zh or site.id, site.name_en or site.id
    where_zh = " ".join(part for part in (place["name_zh"], place["id"]) if part)
    where_en = " ".join(part for part in (place["name_en"], place["id"]) if part)
    text = (
        f"{instruction_zh}\n地点：{where_zh}（{site_zh}，{edge}）\n时间：{when}\n{why_zh}。控制台：{console_url}\n\n"
        f"{instruction_en}\nWhere: {where_en} ({site_en}, {edge})\nWhen: {when}\n{why_en}. Console: {console_url}"
    )
    content = {
        "id": alarm.id,
        "alarm": alarm.alarm,
        "priority": priority_of(alarm.alarm),
        "subject": alarm.subject,
        "site": site.id,
        "edge": edge,
        "place": place,
        "raised_at": rfc3339(alarm.raised_us),
        "repeats": alarm.repeats,
        "why": delivery.why,
        "instruction_zh": instruction_zh,
        "instruction_en": instruction_en,
        "console": console_url,
    }
    title = f"门禁报警：{translate('zh-CN', word('alarm', alarm.alarm))} · {where_zh}（menjin）"
    return _message(delivery.public_id, title, text, "alarm.escalated", content, now)


def trial_message(delivery: EscalationDelivery, site: Site, console_url: str, now: datetime) -> Message:
    """The message of a test."""
    text = (
        f"这是测试：通道 {delivery.channel} 可以送达，无需处理。控制台：{console_url}\n\n"
        f"This is a test: the channel {delivery.channel} works, nothing is to be done. Console: {console_url}"
    )
    content = {"channel": delivery.channel, "site": site.id, "console": console_url}
    return _message(delivery.public_id, "门禁测试（menjin）", text, "escalation.test", content, now)


def _message(message_id: str, title: str, text: str, kind: str, content: dict[str, Any], now: datetime) -> Message:
    body = {"type": kind, "timestamp": now.isoformat().replace("+00:00", "Z"), "data": content | {"title": title, "text": text}}  # fmt: skip
    return Message(message_id, title, text, msgspec.json.encode(body))


def _instruction(alarm: str) -> tuple[str, str]:
    meaning = ALARMS.get(alarm)  # type: ignore[call-overload]
    return _OWN.get(alarm, (alarm, alarm)) if meaning is None else (meaning.zh, meaning.en)


def _place(alarm: LedgerAlarm, site: Site) -> dict[str, str]:
    """Where it is: the door or area that subject or inputs name, else the subject itself (a reader, an edge, a zone)."""
    inputs = msgspec.json.decode(alarm.inputs)
    named = [alarm.subject, *(str(inputs[name]) for name in _PLACES if name in inputs)]
    door_of = {point.id: point.door for point in site.access_points}
    doors = {door.id: ("door", door) for door in site.doors}
    areas = {area.id: ("area", area) for area in site.areas}
    for name in named:
        found = doors.get(door_of.get(name, name)) or areas.get(name)
        if found is not None:
            kind, place = found
            return {"kind": kind, "id": place.id, "name_zh": place.name_zh, "name_en": place.name_en}
    return {"kind": "other", "id": named[1] if len(named) > 1 else alarm.subject, "name_zh": "", "name_en": ""}
