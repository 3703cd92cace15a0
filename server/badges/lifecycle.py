"""The life of a badge: one table says what each act makes of each status (B1-B6). ``docs/badges.md`` is generated from it.

What is stored is a status; what is shown is a standing (:mod:`server.badges.standing`), which also knows dates.
"""

from enum import StrEnum

NOTHING_YET = "none"
"""The status of a badge that was not approved yet: there is no row."""


class Act(StrEnum):
    """What can be done to a badge."""

    APPROVE = "approve"
    ISSUE = "issue"
    ACTIVATE = "activate"
    SUSPEND = "suspend"
    RESUME = "resume"
    LOSE = "report_lost"
    FIND = "find"
    DEREGISTER = "deregister"
    RETURN = "return"


MEANINGS: dict[Act, tuple[str, str]] = {
    Act.APPROVE: ("批准", "the application is approved: the badge takes its slot"),
    Act.ISSUE: ("发放", "a card is bound"),
    Act.ACTIVATE: ("启用", "nothing is awaited (any more): follows by itself on issue, resume and find (MEANINGS 6)"),
    Act.SUSPEND: ("暂停", "stopped for a reason, a violation for instance (R9); frees no slot"),
    Act.RESUME: ("恢复", "the end of a suspension"),
    Act.LOSE: ("挂失", "opens nothing from this moment; frees no slot (B2, B4)"),
    Act.FIND: ("找回", "a lost badge came to light; takes the permission to issue, and a reason"),
    Act.DEREGISTER: (
        "注销",
        "frees the slot, for ever; of a customer's lost badge only with the letter that states the loss (B4)",
    ),
    Act.RETURN: ("交还", "the card is back at the desk; frees the slot"),
}
"""In Chinese, and what it means."""

_A = Act
TABLE: dict[str, dict[Act, str]] = {
    NOTHING_YET: {_A.APPROVE: "approved"},
    "approved": {_A.ISSUE: "issued", _A.DEREGISTER: "revoked"},
    "issued": {
        _A.ACTIVATE: "active",
        _A.SUSPEND: "suspended",
        _A.LOSE: "lost",
        _A.DEREGISTER: "revoked",
        _A.RETURN: "returned",
    },
    "active": {
        _A.ACTIVATE: "active",
        _A.RESUME: "active",
        _A.SUSPEND: "suspended",
        _A.LOSE: "lost",
        _A.DEREGISTER: "revoked",
        _A.RETURN: "returned",
    },
    "suspended": {
        _A.RESUME: "issued",
        _A.SUSPEND: "suspended",
        _A.LOSE: "lost",
        _A.DEREGISTER: "revoked",
        _A.RETURN: "returned",
    },
    "lost": {_A.FIND: "issued", _A.LOSE: "lost", _A.DEREGISTER: "revoked", _A.RETURN: "returned"},
    "revoked": {_A.DEREGISTER: "revoked", _A.RETURN: "returned"},
    "returned": {_A.RETURN: "returned"},
}
"""Status → act → status. A pair that is not here is refused; one that leads where it starts changes nothing."""


def after(status: str, act: Act) -> str | None:
    """The status that ``act`` makes of ``status``; None: refused. A status of its own that is unknown is a KeyError."""
    return TABLE[status].get(act)


def table_text() -> str:
    """The table as Markdown, every pair decided."""
    head = ["status", *(f"{act.value} {MEANINGS[act][0]}" for act in Act)]
    rows = [head, ["---"] * len(head)]
    for status, row in TABLE.items():
        cells = [f"**{status}**"]
        for act in Act:
            becomes = row.get(act)
            cells.append("–" if becomes is None else "(unchanged)" if becomes == status else becomes)
        rows.append(cells)
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    acts = [f"- **{act.value}** ({MEANINGS[act][0]}): {MEANINGS[act][1]}." for act in Act]
    return "\n".join([*lines, "", "“–”: refused. “(unchanged)”: accepted, and nothing changes.", "", *acts]) + "\n"
