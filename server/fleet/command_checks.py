"""What is wrong with a command, seen from here: its texts, and what the site file says of its places (DESIGN 16).

The edge judges again, by what it knows: this is so that a slip of the hand gets its one clear answer at once.
"""

import re
from collections.abc import Callable
from typing import Any

import msgspec
from sqlmodel import Session

from controller.commands import (
    AcknowledgeAlarm,
    Admit,
    Command,
    CommandBase,
    Identify,
    LockDown,
    ReconcileOccupancy,
    Release,
    SetMaintenance,
    UnlockDoor,
)
from controller.limits import limits_from
from controller.site import Site
from server.fleet.models import Edge
from server.ledger.alarm_meanings import meaning_of
from server.problems import Problem
from server.registry.models import Customer

MAX_TEXT = 500
MAX_NAME = 64
MAX_NUMBER = 24
"""Characters of a printed badge number."""
MAX_COUNTED = 1_000
"""People in one count."""
_NAMES = frozenset({"door", "area", "access_point", "zone", "person", "alarm", "key"})
_NAMES_MAY_BE_EMPTY = frozenset({"area", "key"})
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_REASONED = (LockDown, Release, Admit, ReconcileOccupancy, SetMaintenance)
"""Refused here without a reason; ``UnlockDoor`` is refused by the edge, on record."""


def check_command(session: Session, site: Site, edge: Edge, command: Command) -> None:
    """Raises :class:`server.problems.Problem` 422 with the first thing that is wrong."""
    _check_texts(command)
    check = _CHECKS.get(type(command))
    if check is not None:
        check(session, site, edge, command)


def _check_texts(command: CommandBase) -> None:
    for name, value in msgspec.structs.asdict(command).items():
        if not isinstance(value, str):
            continue
        longest = MAX_NAME if name in _NAMES else MAX_TEXT
        if len(value) > longest or "\x00" in value:
            raise _wrong(name, f"at most {longest} characters, without NUL", f"最多 {longest} 个字符，且不得含 NUL")
        if name in _NAMES - _NAMES_MAY_BE_EMPTY and not value.strip():
            raise _wrong(name, "is missing", "不能为空")
    if isinstance(command, _REASONED) and not command.reason.strip():
        raise _wrong("reason", "say why; it is recorded", "请填写原因，原因会被记录")


def _check_key(_session: Session, _site: Site, _edge: Edge, command: AcknowledgeAlarm) -> None:
    """Only there is the key looked up, and its use noted."""
    if command.key.strip():
        raise _wrong(
            "key",
            "acknowledge with a key by POST /api/v1/alarms/{id}/acknowledge",
            "填写钥匙请使用 POST /api/v1/alarms/{id}/acknowledge",
        )
    meaning = meaning_of(command.alarm)
    if command.attested or command.openings or (meaning is not None and meaning.clears == "attested"):
        raise _wrong(
            "attested",
            "attest what left by POST /api/v1/equipment-attestations",
            "核对设备请使用 POST /api/v1/equipment-attestations",
        )


def _check_door(_session: Session, site: Site, edge: Edge, command: UnlockDoor | SetMaintenance) -> None:
    _own_door(site, edge, "door", command.door)
    if isinstance(command, SetMaintenance):
        most = int(limits_from(site.settings).maintenance_max_s // 60)
        if not 0 <= command.minutes <= most:
            raise _wrong("minutes", f"give 1 to {most}, or 0 to end it", f"请填 1 到 {most}，填 0 表示结束")


def _check_point(session: Session, site: Site, edge: Edge, command: Identify | Admit) -> None:
    point = next((one for one in site.access_points if one.id == command.access_point), None)
    if point is None:
        raise _unknown("access_point", "access point", "通行点", command.access_point)
    _own_door(site, edge, "access_point", point.door)
    if isinstance(command, Admit):
        if not _ID.fullmatch(command.person):
            raise _wrong(
                "person",
                "give the id of the permit or emergency, in letters, digits, . _ -; an edge holds no names",
                "请填许可或紧急事件的编号（字母、数字、. _ -），控制器不保存姓名",
            )
        if point.out:
            raise _wrong(
                "access_point",
                f"{point.id} leads out; name the point where they enter",
                f"{point.id} 是出口，请填写进入的通行点",
            )
        customer = command.customer
        if customer is not None and (not 0 < customer < 2**31 or session.get(Customer, customer) is None):
            raise _unknown("customer", "customer", "客户", str(customer))


def _check_lockdown(_session: Session, site: Site, _edge: Edge, command: LockDown | Release) -> None:
    if command.area:
        _room(site, command.area)


def _check_count(_session: Session, site: Site, _edge: Edge, command: ReconcileOccupancy) -> None:
    _room(site, command.area)
    if not 0 <= command.others <= MAX_COUNTED or len(command.numbers) > MAX_COUNTED:
        raise _wrong("others", f"give 0 to {MAX_COUNTED}", f"请填 0 到 {MAX_COUNTED}")
    for number in command.numbers:
        if not 0 < len(number) <= MAX_NUMBER or "\x00" in number:
            raise _wrong(
                "numbers",
                f"a printed badge number has 1 to {MAX_NUMBER} characters",
                f"出入证号为 1 到 {MAX_NUMBER} 个字符",
            )
    if len(set(command.numbers)) < len(command.numbers):
        raise _wrong("numbers", "a badge number stands there twice", "出入证号重复")


_CHECKS: dict[type, Callable[[Session, Site, Edge, Any], None]] = {
    AcknowledgeAlarm: _check_key,
    UnlockDoor: _check_door,
    SetMaintenance: _check_door,
    Identify: _check_point,
    Admit: _check_point,
    LockDown: _check_lockdown,
    Release: _check_lockdown,
    ReconcileOccupancy: _check_count,
}


def _own_door(site: Site, edge: Edge, field: str, door_id: str) -> None:
    door = next((one for one in site.doors if one.id == door_id), None)
    if door is None:
        raise _unknown(field, "door", "门", door_id)
    if door.edge not in ("", edge.name):
        raise _wrong(
            field,
            f"door {door_id} belongs to edge {door.edge}, not to {edge.name}; order it there",
            f"门 {door_id} 属于控制器 {door.edge}，不属于 {edge.name}，请改向前者下达",
        )


def _room(site: Site, area_id: str) -> None:
    area = next((one for one in site.areas if one.id == area_id), None)
    if area is None:
        raise _unknown("area", "area", "区域", area_id)
    if area.public:
        raise _wrong("area", f"{area_id} is public; name a room", f"{area_id} 是公共区域，请填写房间")


def _unknown(field: str, what: str, what_zh: str, name: str) -> Problem:
    return _wrong(field, f"the site has no {what} {name!r}", f"场地没有该{what_zh}：{name}")


def _wrong(field: str, text: str, zh: str) -> Problem:
    return Problem(422, "invalid_command", f"{field}: {text}.", f"{field}：{zh}。", field=f"command.{field}")
