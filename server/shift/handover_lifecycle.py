"""The life of a handover: one table says what an act makes of a status (R5)."""

from enum import StrEnum

from server.chinese import in_chinese
from server.problems import Problem


class Act(StrEnum):
    """What can be done to a handover."""

    EXPLAIN = "explain"
    DRAW = "draw"
    SIGN = "sign"
    ACCEPT = "accept"
    REFUSE = "refuse"
    WITHDRAW = "withdraw"


LIFE: dict[str, dict[Act, str]] = {
    "open": {Act.EXPLAIN: "open", Act.DRAW: "open", Act.SIGN: "offered", Act.WITHDRAW: "withdrawn"},
    "offered": {Act.DRAW: "open", Act.ACCEPT: "accepted", Act.REFUSE: "refused", Act.WITHDRAW: "withdrawn"},
    "accepted": {},
    "refused": {},
    "withdrawn": {},
}
"""Status → act → status. A pair that is not here is refused. ``sign``: who hands over; ``accept``, ``refuse``: who takes over."""


def refuse_act(status: str, act: Act) -> str:
    """The status that ``act`` makes of ``status``. Raises :class:`Problem` 409 for what is not possible."""
    becomes = LIFE[status].get(act)
    if becomes is None:
        possible = ", ".join(each.value for each in LIFE[status]) or "nothing"
        raise Problem(
            409,
            "status_conflict",
            f"This handover is {status}: {act.value} is not possible, only {possible}.",
            f"该交接班的状态为“{in_chinese('handover_status', status)}”，不能执行该操作。",
            extra={"status_now": status, "act": act.value},
        )
    return becomes
