"""What counts as a violation, how one is handled, and the life of its record: one table says what an act makes of a status (R9, E7)."""

from enum import StrEnum
from typing import Literal

from server.chinese import in_chinese
from server.problems import Problem

Kind = Literal[
    "others_equipment", "photography", "food_liquid", "smoking", "guests", "tailgating", "propped_door", "lent_badge", "unauthorised_operation",
    "outside_own_rack", "other",
]  # fmt: skip
Handling = Literal["warning", "suspended", "contract_talk", "none"]

KINDS: dict[str, tuple[str, str, str]] = {
    "others_equipment": ("触碰他人设备", "Touched equipment of others", "R7"),
    "photography": ("拍照或录像", "Took photographs or video", "R8"),
    "food_liquid": ("携带食品或液体", "Brought food or liquids", "R8"),
    "smoking": ("吸烟", "Smoked", "R8"),
    "guests": ("私自带人", "Brought guests", "R8"),
    "tailgating": ("尾随进入", "Tailgated", "R3"),
    "propped_door": ("长时间敞开机房门", "Propped a door open", "R1"),
    "lent_badge": ("转借出入证", "Lent a badge", "B3"),
    "unauthorised_operation": ("未经批准操作系统", "Operated systems without approval", "R6"),
    "outside_own_rack": (
        "设备放置在该客户机柜以外，或私接电源",
        "Equipment outside the own rack or provided power",
        "E7",
    ),
    "other": ("其他", "Other", "R9"),
}
"""Kind → in Chinese, in English, the rule."""

HANDLINGS: dict[str, tuple[str, str]] = {
    "warning": ("警告", "Warned"),
    "suspended": ("暂停出入证", "Badge suspended"),
    "contract_talk": ("约谈合同单位", "Talk with the customer about the contract"),
    "none": ("不予处理", "Nothing done"),
}


class Act(StrEnum):
    """What can be done to the record of a violation."""

    ADD_EVIDENCE = "evidence"
    SUSPEND = "suspend"
    LIFT = "lift"
    HANDLE = "handle"
    REOPEN = "reopen"


_IN_HAND = {Act.ADD_EVIDENCE, Act.SUSPEND, Act.LIFT}
LIFE: dict[str, dict[Act, str]] = {
    "open": dict.fromkeys(_IN_HAND, "open") | {Act.HANDLE: "handled"},
    "handled": {Act.ADD_EVIDENCE: "handled", Act.LIFT: "handled", Act.REOPEN: "reopened"},
    "reopened": dict.fromkeys(_IN_HAND, "reopened") | {Act.HANDLE: "handled"},
}
"""Status → act → status. A pair that is not here is refused: what was handled is reopened before a badge is suspended for it."""


def refuse_act(status: str, act: Act) -> str:
    """The status that ``act`` makes of ``status``. Raises :class:`Problem` 409 for what is not possible."""
    becomes = LIFE[status].get(act)
    if becomes is None:
        possible = ", ".join(sorted(each.value for each in LIFE[status]))
        raise Problem(
            409,
            "status_conflict",
            f"This violation is {status}: {act.value} is not possible, only {possible}.",
            f"该违规记录的状态为“{in_chinese('violation_status', status)}”，不能执行该操作。",
            extra={"status_now": status, "act": act.value},
        )
    return becomes
