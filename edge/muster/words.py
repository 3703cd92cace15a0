"""The words of the muster list, in English and Chinese."""

from datetime import UTC, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from controller.now import SECOND_US
from edge.muster.facts import AreaCount, Muster

Language = Literal["zh-CN", "en"]
LANGUAGES: tuple[Language, ...] = ("zh-CN", "en")

_WORDS: dict[str, tuple[str, str]] = {
    # key: (Chinese, English); between words
    "colon": ("：", ": "),
    "comma": ("、", ", "),
    "semicolon": ("；", "; "),
    "muster list": ("在场人员名单", "Muster list"),
    "at": ("时间", "Time"),
    "last record": ("最后记录", "Last record"),
    "edge": ("控制器", "Edge"),
    "area": ("区域", "Area"),
    "people": ("人数", "People"),
    "least": ("至少", "At least"),
    "most": ("至多", "At most"),
    "unknown": ("不详", "unknown"),
    "why": ("不确定原因", "Why not certain"),
    "badge": ("出入证号", "Badge"),
    "no badge": ("未持证人员", "without a badge"),
    "customer": ("客户", "Customer"),
    "since": ("进入时间", "Since"),
    "escort": ("陪同人", "Escort"),
    "sure": ("确定", "Sure"),
    "yes": ("是", "yes"),
    "doubtful": ("存疑", "doubtful"),
    "unescorted": ("无人陪同", "escort left"),
    "nobody": ("名单上无人。", "Nobody is on the list."),
    "certain": ("名单确定。", "The list is certain."),
    "uncertain": ("名单不确定：请到现场清点。", "The list is not certain: count on site."),
    "frozen": ("火警中：以下为火警开始时（{time}）的名单。", "Fire: this is the list as of its beginning ({time})."),
    "gas": ("气体灭火：{zones} 区，禁止进入。", "Gas discharge in {zones}: do not enter."),
    "lockdown": ("已封锁：{areas}", "Locked down: {areas}"),
    "whole site": ("整个场地", "the whole site"),
    "untrusted time": ("控制器时间不可信。", "The edge's clock is not to be trusted."),
    "found": ("清点", "Found"),
    "counted by": ("清点人", "Counted by"),
    "signature": ("签字", "Signature"),
    "page": ("第 {n} 页，共 {of} 页", "Page {n} of {of}"),
    "stale": ("控制器已 {seconds} 秒没有更新此页。", "The edge has not updated this page for {seconds} s."),
    "nothing yet": ("控制器正在启动。", "The edge is starting."),
    # the page
    "sign in": ("登录", "Sign in"),
    "sign out": ("退出", "Sign out"),
    "password": ("密码", "Password"),
    "wrong password": ("密码不正确。", "That is not the password."),
    "wait": ("尝试过多，请 {seconds} 秒后再试。", "Too many attempts. Try again in {seconds} s."),
    "busy": ("请稍后再试。", "Try again in a moment."),
    "no password": ("密码文件不可用，请通知管理员。", "The password file cannot be used. Tell the administrator."),
    "other language": ("English", "中文"),
    "doors": ("门", "Doors"),
    "door": ("门", "Door"),
    "mode": ("模式", "Mode"),
    "position": ("门扇", "Position"),
    "lock": ("锁", "Lock"),
    "alarms": ("当前报警", "Standing alarms"),
    "alarm": ("报警", "Alarm"),
    "where": ("对象", "Where"),
    "what to do": ("处置", "What to do"),
    "raised": ("发生时间", "Since"),
    "details": ("详情", "Details"),
    "seen by": ("已确认", "Seen by"),
    "no alarm": ("没有报警。", "No alarm stands."),
    "guarantees": ("当前保障", "These guarantees hold now"),
    "warnings": ("提示", "Warnings"),
    "holds": ("有效", "holds"),
    "names": (
        "姓名见值班台的加密名册，可读入此文件：",
        "For names see the guards' encrypted roster, which reads this file:",
    ),
    # what a door says
    "controlled": ("受控", "controlled"),
    "released": ("消防释放", "released by fire"),
    "locked_down": ("封锁", "locked down"),
    "closed": ("关", "closed"),
    "open": ("开", "open"),
    "locked": ("锁闭", "locked"),
    "unlocked": ("开锁", "unlocked"),
    # why an area is uncertain
    "rex": ("有人未刷卡离开", "somebody left without a badge"),
    "restart": ("控制器重启过", "the edge was restarted"),
    "ambiguous": ("无法确认谁通过了门", "it is not clear who passed"),
    "fire": ("发生过火警", "there was a fire release"),
    "command": ("曾用指令开门", "a door was opened by command"),
    "no_contact": ("门没有门磁", "a door has no contact"),
    "forced": ("门被强行打开", "a door was forced"),
    "records_dropped": ("部分记录丢失", "records were dropped"),
    "rattling": ("门磁抖动", "a door contact rattles"),
    # the guarantees
    "g time": ("时间可信", "Time is trusted"),
    "g policy": ("策略为最新", "Policy is current"),
    "g lease_temporary": ("临时证授权有效", "Lease for temporary badges"),
    "g lease_customer": ("客户证授权有效", "Lease for customer badges"),
    "g lease_staff": ("员工证授权有效", "Lease for staff badges"),
    "g outbox": ("记录已送达服务器", "Records reach the server"),
    "g journal": ("记录可写入", "Records are written"),
    "g occupancy": ("在场人员确定", "Who is inside is certain"),
    "g link": ("与服务器连接", "Link to the server"),
    # why one does not hold (edge.guarantees): its own English, where it is fixed
    **{
        english: (chinese, english)
        for english, chinese in (
            ("the clock stands behind what the journal has seen", "时钟落后于记录"),
            ("no trusted source since the start", "启动后没有可信的时间源"),
            ("no policy: nobody enters", "没有策略：禁止进入"),
            ("the server has not vouched for it yet", "服务器尚未确认"),
            ("ended", "已到期"),
            ("none yet", "尚未取得"),
            ("the journal cannot commit", "无法写入记录"),
            ("no connection to the broker", "与消息服务器断开"),
            ("the server does not acknowledge", "服务器没有应答"),
        )
    },
}


def word(key: str, language: Language, **inputs: object) -> str:
    """A word or sentence; an unknown key (a cause of a newer version) as it is."""
    found = _WORDS.get(key)
    if found is None:
        return key
    return found[0 if language == "zh-CN" else 1].format(**inputs) if inputs else found[0 if language == "zh-CN" else 1]


def name_of(area: AreaCount, language: Language) -> str:
    """An area's name."""
    return area.name_zh if language == "zh-CN" else area.name_en


def area_names(muster: Muster, language: Language) -> dict[str, str]:
    """Names by id."""
    return {area.area: name_of(area, language) for area in muster.areas}


def why(area: AreaCount, names: dict[str, str], language: Language) -> str:
    """Why an area is uncertain, in words; what lies inside it by its own name."""
    colon = word("colon", language)
    return word("semicolon", language).join(
        word(cause, language) if where == area.area else f"{names.get(where, where)}{colon}{word(cause, language)}"
        for where, cause in area.causes
    )


def local_time(at_us: int, time_zone: str) -> str:
    """``2026-10-01 08:30:00`` at the site."""
    try:
        zone: ZoneInfo = ZoneInfo(time_zone)
    except (OSError, ValueError, LookupError):
        return datetime.fromtimestamp(at_us / SECOND_US, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return datetime.fromtimestamp(at_us / SECOND_US, zone).strftime("%Y-%m-%d %H:%M:%S")


def headlines(muster: Muster, language: Language) -> list[str]:
    """What must be read before the list: fire, gas, lockdown, doubts."""
    lines: list[str] = []
    names, comma = area_names(muster, language), word("comma", language)
    if muster.frozen_since_us is not None:
        lines.append(word("frozen", language, time=local_time(muster.frozen_since_us, muster.time_zone)))
    if muster.gas_zones:
        lines.append(word("gas", language, zones=comma.join(muster.gas_zones)))
    if muster.lockdowns:
        places = comma.join(
            names.get(area, area) if area else word("whole site", language) for area in muster.lockdowns
        )
        lines.append(word("lockdown", language, areas=places))
    if not muster.wall_trusted:
        lines.append(word("untrusted time", language))
    lines.append(word("certain" if muster.certain else "uncertain", language))
    return lines
