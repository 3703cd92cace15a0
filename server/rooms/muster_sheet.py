"""The muster list on paper: who is inside, area by area, to tick off at the assembly point; Chinese and English (L3, MEANINGS 27)."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from server.context import Context
from server.db.clock import to_us
from server.equipment.sheet import breakable, printed_line, site_words
from server.operators.actor import Actor
from server.operators.audit import record
from server.rooms.occupancy import occupancy
from server.rooms.register_book import placed
from server.site_time import local
from server.typesetting import set_pages

TEMPLATE = Path(__file__).with_name("muster.typ")
CAUSES = {
    "rex": ("有人按钮离开，未刷卡", "somebody left by the button"),
    "restart": ("控制器曾重启", "the edge restarted"),
    "ambiguous": ("按钮与刷卡同时发生", "button and badge in one opening"),
    "fire": ("消防联动放行", "released by fire"),
    "command": ("曾被远程开门", "opened by command"),
    "no_contact": ("门无门磁", "the door has no contact"),
    "forced": ("门曾被强行打开", "the door was forced"),
    "records_dropped": ("有记录丢失", "records were dropped"),
    "rattling": ("门磁抖动", "the door's contact rattles"),
    "replaced": ("已吊销的控制器列有在场人员", "a revoked edge had somebody here"),
}


def print_muster(context: Context, actor: Actor) -> bytes:
    """The PDF; recorded as ``muster.print`` before it is given out. Raises :class:`server.problems.Problem`."""
    now = context.clock.now()
    with context.database.read() as session:
        shown = occupancy(session, context, to_us(now))
    page = set_pages(TEMPLATE, sheet_data(context, shown, now, actor.name))
    with context.database.write() as session:
        after = {
            "areas": {one["area"]: one["count"] for one in shown["items"]},
            "frozen": len(shown["muster"]),
            "silent": sorted({edge["edge"] for one in shown["items"] for edge in one["silent"]}),
        }
        record(session, actor, now, "muster.print", context.site.id, after=after)
    return page


def sheet_data(context: Context, shown: dict[str, Any], now: datetime, by: str) -> dict[str, Any]:
    """What the template takes."""
    zone = context.site.time_zone
    return {
        "title": "在场人员名单",
        "title_en": "Muster list",
        "site": site_words(context.site),
        "at": local(zone, now),
        "frozen": [_frozen(context, fire) for fire in shown["muster"]],
        "areas": [_area(context, one) for one in shown["items"]],
        "printed": printed_line(zone, now, by),
    }


def _frozen(context: Context, fire: dict[str, Any]) -> dict[str, Any]:
    zone = context.site.time_zone
    return {
        "head": f"火警开始时在场 Inside when the fire began · {fire['edge']} · {', '.join(fire['zones'])}",
        "since": local(zone, datetime.fromisoformat(fire["since"])),
        "rows": [[*_person(context, one), placed(context.site, one["area"])] for one in fire["people"]],
    }


def _area(context: Context, one: dict[str, Any]) -> dict[str, Any]:
    here = [person for person in one["people"] if person["area"] == one["area"]]
    return {
        "head": placed(context.site, one["area"]),
        "inside": f"在 in {placed(context.site, one['inside'])}" if one["inside"] else "",
        "count": _count(one),
        "elsewhere": len(one["people"]) - len(here),
        "doubt": "\n".join(_doubts(context, one)),
        "rows": [_person(context, person) for person in here],
    }


def _count(one: dict[str, Any]) -> str:
    if one["certain"]:
        return str(one["count"])
    if one["silent"]:
        return f"{one['count']} ?"
    return f"{one['lowest']} – {'?' if one['highest'] is None else one['highest']}"


def _doubts(context: Context, one: dict[str, Any]) -> Iterator[str]:
    for edge, since in ((silent["edge"], silent["since"]) for silent in one["silent"]):
        if since is None:
            yield (
                f"控制器 {edge} 从未上报，在场人员不明，请查看该控制器本机的在场人员名单。"
                f" Edge {edge} has never reported: who is inside is not known. Ask the edge's own muster page."
            )
            continue
        at = local(context.site.time_zone, datetime.fromisoformat(since))
        yield (
            f"控制器 {edge} 自 {at} 起失联：名单为当时情况，其门仍自行判定，请查看该控制器本机的在场人员名单。"
            f" Edge {edge} is silent since {at}: the list is as it was then, and its doors go on deciding. Ask the edge's own muster page."
        )
    if not one["certain"] and one["cause"] != "silent":
        zh, en = CAUSES.get(one["cause"], (one["cause"], one["cause"]))
        yield f"人数不确定：{zh} Not certain: {en}"


def _person(context: Context, one: dict[str, Any]) -> list[str]:
    escort = one["escort"]
    with_whom = (
        "无人陪同 WITHOUT ESCORT"
        if one["unescorted"]
        else (escort["number"] or escort["name"] or str(escort["holder"]))
        if escort
        else ""
    )
    return [
        one["number"],
        breakable(one["name"] or ""),
        breakable(one["customer_code"] or ("员工 staff" if one["kind"] == "staff" else "")),
        local(context.site.time_zone, datetime.fromisoformat(one["since"])),
        with_whom + ("" if one["sure"] else " 不确定 not sure"),
    ]
