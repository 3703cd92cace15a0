"""What an edge can promise now, in sentences for the console: each holds or says why not (MEANINGS 17-19)."""

import json
from typing import Any

from server.fleet.models import Edge
from server.fleet.status import SILENT_US

HOLDS = "holds"
UNSUPERVISED = "inputs not supervised: "
"""How an edge's warning begins that names inputs without end-of-line resistors (MEANINGS 29; ``edge.__main__``)."""
STUCK = ": may stay unlocked if this edge dies mid-pulse, by decision"
"""How one ends that names a door with ``accept_stuck_unlock`` (MEANINGS 28)."""


def is_decided(warning: str) -> bool:
    """Whether a warning tells of what the site has decided to live with: shown with the doors, and no complaint."""
    return warning.startswith(UNSUPERVISED) or warning.endswith(STUCK)


def guarantees(edge: Edge, current: tuple[int, int, str] | None, head_seq: int, now_us: int) -> list[dict[str, Any]]:
    """``{code, holds, en, zh, value}`` each. ``current``: epoch, n, digest of the policy that should run."""
    details = json.loads(edge.status)
    heard = edge.last_seen_us is not None and now_us - edge.last_seen_us <= SILENT_US
    linked = edge.online and heard
    received = (edge.received_policy_epoch, edge.received_policy_n, edge.received_policy_digest)
    lag = max(edge.last_seq - head_seq, 0)
    out_of_work = [
        f"{name}: {state}"
        for devices in (details.get("readers", {}), details.get("boards", {}))
        for name, state in sorted(devices.items())
        if state != "working"
    ]
    lease_left_s = details.get("lease_left_s", {})
    elapsed_s = (now_us - (edge.last_seen_us or now_us)) // 1_000_000
    lease_left_s = {name: max(seconds - elapsed_s, 0) for name, seconds in lease_left_s.items()}
    complaints = [text for text in details.get("warnings", []) if not is_decided(text)]
    said: dict[str, str] = details.get("guarantees", {})
    return [
        _one("link", linked, "Connected: revocations arrive within a second.", "已连接：撤销在一秒内生效。",
             "Not connected: it decides alone, revocations wait.", "未连接：独立决策，撤销待送达。"),
        _one("policy_current", current is not None and received == current, "Runs the current policy.", "策略为最新。",
             "Does not run the current policy yet.", "策略尚未更新。", {"epoch": received[0], "n": received[1]}),
        _one("time_trusted", bool(edge.wall_trusted), "Its clock is vouched for.", "时钟可信。",
             "Its clock is not vouched for: customer and temporary badges are refused.", "时钟不可信：客户证和临时证被拒绝。",
             {"offset_us": edge.clock_offset_us}),
        _one("lease", bool(lease_left_s) and all(lease_left_s.values()), "All badge classes may enter.", "各类出入证的租约有效。",
             "The lease of a badge class has ended: its entries are refused.", "有一类出入证的租约已到期，不得进入。", lease_left_s),
        _one("records", lag == 0 and edge.outbox == 0, "Every record has arrived.", "记录已全部送达。",
             "Records are waiting to arrive.", "有记录等待上传。", {"outbox": edge.outbox, "lag": lag}),
        _one("devices", linked and not out_of_work, "Readers and boards work.", "读卡器和继电器板正常。",
             "A reader or board does not work, or is not known to.", "有设备故障或状态未知。", out_of_work),
        *(_said(said, linked, *one) for one in _EDGES_WORD),
        _one("quiet", not complaints, "It has nothing to complain of.", "没有提示。",
             "It complains.", "有提示。", complaints),
    ]  # fmt: skip


_EDGES_WORD = (
    ("occupancy", "Who is inside is certain.", "在场人员确定。", "Who is inside is not certain.", "在场人员不确定。"),
    ("journal", "Everything is written before it is done.", "记录先于动作写入。",
     "The journal cannot be written: people can only leave.", "无法写入记录：只出不进。"),
    ("policy", "The server vouches for its policy.", "策略由服务器确认。",
     "Nobody vouches for its policy.", "策略未经确认。"),
)  # fmt: skip
"""What only the edge can know, in its own status (``edge/guarantees.py``): code, then as :func:`_one`."""


def _said(said: dict[str, str], linked: bool, code: str, en: str, zh: str, not_en: str, not_zh: str) -> dict[str, Any]:
    if not linked or code not in said:
        return _one(code, False, en, zh, "Not known: the edge does not say.", "未知：控制器未报告。")
    value = said[code]
    return _one(code, value == HOLDS, en, zh, not_en, not_zh, [value] if value != HOLDS else None)


def _one(code: str, holds: bool, en: str, zh: str, not_en: str, not_zh: str, value: Any = None) -> dict[str, Any]:
    return {"code": code, "holds": holds, "en": en if holds else not_en, "zh": zh if holds else not_zh, "value": value}
