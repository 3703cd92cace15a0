"""The lives of a permit and of a visit: one table each says what an act makes of a status (B8, R4-R6). ``docs/visits.md`` is generated from them.

A pair that is not in a table is refused.
"""

from enum import StrEnum

from server.chinese import in_chinese
from server.problems import Problem


class Act(StrEnum):
    """What can be done to a permit."""

    SUBMIT = "submit"
    APPROVE = "approve"
    REFUSE = "refuse"
    END = "end"
    CLOSE = "close"


class VisitAct(StrEnum):
    """What can be done to a visit."""

    CHECK_IN = "check_in"
    CHECK_OUT = "check_out"
    CLOSE = "close"
    VOID = "void"


PERMIT: dict[str, dict[str, str]] = {
    "draft": {Act.SUBMIT: "submitted", Act.END: "ended"},
    "submitted": {Act.APPROVE: "approved", Act.REFUSE: "refused", Act.END: "ended"},
    "approved": {Act.END: "ended"},
    "refused": {},
    "ended": {Act.CLOSE: "closed"},
    "closed": {},
}
"""``approve``: the last approval that was asked for. ``close``: follows by itself when nobody is on a visit and no badge is out."""

VISIT: dict[str, dict[str, str]] = {
    "expected": {VisitAct.CHECK_IN: "checked_in", VisitAct.VOID: "void"},
    "checked_in": {VisitAct.CHECK_OUT: "checked_out"},
    "checked_out": {VisitAct.CLOSE: "closed"},
    "closed": {},
    "void": {},
}
"""``close``: follows by itself when the badge is back and the record is signed; ``void``: they did not come, or the permit ended before."""


def refuse_act(status: str, act: Act | VisitAct) -> str:
    """The status that ``act`` makes of ``status``. Raises :class:`Problem` 409 for what is not possible."""
    table = PERMIT[status] if isinstance(act, Act) else VISIT[status]
    becomes = table.get(act)
    if becomes is None:
        possible = ", ".join(table) or "nothing"
        raise Problem(
            409,
            "status_conflict",
            f"This is {status.replace('_', ' ')}: {act.value.replace('_', ' ')} is not possible, only {possible}.",
            f"当前状态为“{in_chinese('permit_status' if isinstance(act, Act) else 'visit_status', status)}”，不能执行该操作。",
            extra={"status_now": status, "act": act.value},
        )
    return becomes


def tables_text() -> str:
    """Both tables as Markdown."""
    return _table(PERMIT, [act.value for act in Act]) + "\n" + _table(VISIT, [act.value for act in VisitAct])


def _table(table: dict[str, dict[str, str]], acts: list[str]) -> str:
    rows = [["status", *acts], ["---"] * (len(acts) + 1)]
    rows += [[f"**{status}**", *(row.get(act, "–") for act in acts)] for status, row in table.items()]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)
