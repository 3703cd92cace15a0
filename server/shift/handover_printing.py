"""A handover on paper: A4, Chinese and English (R5)."""

from datetime import datetime
from pathlib import Path
from typing import Any

from server.context import Context
from server.equipment.sheet import breakable, printed_line
from server.operators.actor import Actor
from server.operators.audit import record
from server.shift.debts import KINDS
from server.shift.handover_rows import find_handover
from server.shift.handover_showing import ExplanationShown, HandoverShown, ItemShown, SignatureShown, show_handover
from server.site_time import local
from server.typesetting import set_pages

TEMPLATE = Path(__file__).with_name("handover.typ")
STATUSES = {
    "open": ("待交班人签字", "waiting for the outgoing shift"),
    "offered": ("待接班人签字", "waiting for the incoming shift"),
    "accepted": ("已交接", "handed over"),
    "refused": ("接班人拒绝", "refused by the incoming shift"),
    "withdrawn": ("已撤回", "withdrawn"),
}
_ROLES = {"outgoing": "交班人 outgoing", "incoming": "接班人 incoming"}


def print_handover(context: Context, actor: Actor, name: str) -> bytes:
    """The PDF; recorded as ``handover.print``. Its session ends before the page is set, and the record precedes the answer. Raises
    :class:`server.problems.Problem`."""
    with context.database.read() as session:
        shown = show_handover(session, context, find_handover(session, name))
    now = context.clock.now()
    page = set_pages(TEMPLATE, sheet_data(context, shown, now, actor.name))
    with context.database.write() as session:
        record(session, actor, now, "handover.print", shown.id, after={"status": shown.status, "round": shown.round})
    return page


def sheet_data(context: Context, shown: HandoverShown, now: datetime, by: str) -> dict[str, Any]:
    """What the template takes."""
    site, zone = context.site, context.site.time_zone
    status_zh, status_en = STATUSES[shown.status]
    facts = [
        ("岗位 Post", shown.post),
        ("状态 Status", f"{status_zh} · {status_en}"),
        ("发起 Opened", f"{local(zone, shown.opened_at)} · {shown.opened_name}"),
        ("列出 Drawn up", f"{local(zone, shown.drawn_at)} · {shown.round}"),
    ]
    if shown.ended_at is not None:
        facts.append(("结束 Ended", local(zone, shown.ended_at)))
    if shown.end_reason:
        facts.append(("原因 Reason", shown.end_reason))
    if shown.note:
        facts.append(("备注 Note", shown.note))
    signed = {one.role: one for one in shown.signatures if one.round == shown.round}
    return {
        "title": f"交接班记录 {shown.id}",
        "number": shown.id,
        "site": " · ".join(dict.fromkeys(part for part in (site.name_zh, site.name_en) if part)) or site.id,
        "facts": [[caption, breakable(text)] for caption, text in facts],
        "sections": _sections(zone, shown.items),
        "signatures": [_signature(zone, caption, signed.get(role)) for role, caption in _ROLES.items()],
        "printed": printed_line(zone, now, by),
    }


def _sections(zone: str, items: list[ItemShown]) -> list[dict[str, Any]]:
    return [
        {"zh": owed.zh, "en": owed.en, "rule": owed.rule, "rows": [_row(zone, item) for item in of_kind]}
        for owed in KINDS.values()
        if (of_kind := [item for item in items if item.kind == owed.kind])
    ]


def _row(zone: str, item: ItemShown) -> list[str]:
    said = _words(zone, item.explanation)
    if item.resolved:
        said = f"已解决 resolved{' · ' if said else ''}{said}"
    if item.earlier is not None:
        said += f"\n（此前 earlier：{_words(zone, item.earlier)}）"
    since = local(zone, item.since) if item.since is not None else ""
    return [since, f"{breakable(item.text_zh)}\n{breakable(item.text_en)}", breakable(said) if said else "—"]


def _words(zone: str, said: ExplanationShown | None) -> str:
    return "" if said is None else f"{said.text} — {said.by_name}, {local(zone, said.at)}"


def _signature(zone: str, caption: str, signed: SignatureShown | None) -> list[str]:
    if signed is None:
        return [caption, "", "", ""]
    verdict = f"拒绝 refused：{signed.note}" if signed.verdict == "refused" else "已签字 signed"
    checked = "签名有效 signature holds" if signed.holds else "签名无效 SIGNATURE DOES NOT HOLD"
    return [caption, signed.by_name, f"{verdict} · {local(zone, signed.at)}", f"{checked} · {signed.signature[:32]}…"]
