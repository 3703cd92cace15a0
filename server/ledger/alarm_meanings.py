"""What an alarm means: an edge's from the closed list, the server's own from here."""

from typing import Final

from controller.reasons import ALARMS, AlarmMeaning

OWN: Final[dict[str, AlarmMeaning]] = {
    "RECORDS_LOST": AlarmMeaning(
        "D7",
        2,
        "acknowledged",
        "该控制器的部分记录已无法取回：记下范围并通知管理员。",
        "Records of this edge can no longer be had: note the range and tell the administrator.",
    ),
    "SERVER_RESTORED": AlarmMeaning(
        "D4",
        2,
        "acknowledged",
        "服务器由旧备份恢复：核对各控制器的策略与出入证。",
        "The server was restored from an older copy: compare the edges' policies and badges.",
    ),
}
"""Alarms that only the server raises, of something that happened once."""


def meaning_of(alarm: str) -> AlarmMeaning | None:
    """None for an alarm of a newer version."""
    return OWN.get(alarm) or ALARMS.get(alarm)  # type: ignore[call-overload]
