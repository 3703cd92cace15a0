"""What one shift owes the next, as it stands now: each part of the server says its own (R5, R3, R6, R9, B7, L5).

A part is one :class:`Source`. :data:`SOURCES` are asked in their order, which is the order of the list.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlmodel import Session

from server.context import Context
from server.shift import house_debts, people_debts
from server.shift.debt import MOST, Debt, rest_of


class Source(Protocol):
    """One part's debts, oldest first. Reads only; names no person."""

    def __call__(self, session: Session, context: Context, now: datetime, /) -> Iterable[Debt]:
        """What is owed at ``now``."""
        ...


@dataclass(frozen=True)
class Owed:
    """A kind of debt: what the list calls it, and the rule that wants it there."""

    kind: str
    zh: str
    en: str
    rule: str


SOURCES: tuple[Source, ...] = (
    people_debts.visits,
    people_debts.temporary_badges,
    people_debts.emergencies,
    house_debts.equipment_unchecked,
    house_debts.alarms,
    house_debts.discrepancies,
    house_debts.overdue_returns,
    people_debts.incomplete_entries,
    people_debts.unsigned_records,
    people_debts.violations,
    people_debts.badges_out,
    house_debts.duty_tests,
    house_debts.keys_out,
    house_debts.edges_offline,
    house_debts.doors_in_maintenance,
    house_debts.areas_uncertain,
    house_debts.lockdowns,
    house_debts.recovery_secret,
)

KINDS: dict[str, Owed] = {
    one.kind: one
    for one in (
        Owed("visit", "未结束的来访", "Open visits", "R5"),
        Owed("visit_overdue", "超时的来访", "Overdue visits", "B8"),
        Owed("temporary_badge", "未归还的临时证", "Temporary badges not returned", "B8"),
        Owed("emergency", "紧急进入未结事项", "Emergency entries not closed", "B7"),
        Owed("equipment_unchecked", "设备未核验的开门", "Equipment unchecked, not attested", "E4"),
        Owed("alarm", "未解除的报警", "Standing alarms", "R2"),
        Owed("discrepancy", "设备账实不符", "Equipment discrepancies", "E6"),
        Owed("return_overdue", "逾期未归还的设备", "Equipment not back in time", "E5"),
        Owed("register_incomplete", "未填写操作内容的登记", "Register entries without their operation", "R3"),
        Owed("unsigned", "未见证签字的记录", "Records without the witness's signature", "R6"),
        Owed("violation", "未处理的违规", "Violations not handled", "R9"),
        Owed("badge_out", "应交还的出入证", "Badges to be returned", "B6"),
        Owed("duty_test", "逾期的安全测试", "Overdue safety tests", "L5"),
        Owed("key_out", "领出未还的机械钥匙", "Mechanical keys out", "L1"),
        Owed("edge_offline", "离线的控制器", "Edges offline", "L2"),
        Owed("door_maintenance", "检修中的门", "Doors in maintenance", "L2"),
        Owed("area_uncertain", "人数不确定的区域", "Areas uncertain", "R2"),
        Owed("recovery_secret", "恢复口令已开封，尚未重新封存", "Recovery secret opened, no new one sealed", "D3"),
        Owed("lockdown", "封锁中的区域", "Lockdowns in force", "L2"),
    )
}
"""In the order of the list."""


def live_debts(session: Session, context: Context, sources: tuple[Source, ...] | None = None) -> list[Debt]:
    """Everything that is owed now. Of each kind the oldest :data:`MOST`, and how many there are beside."""
    now = context.clock.now()
    by_kind: dict[str, list[Debt]] = {kind: [] for kind in KINDS}
    for source in SOURCES if sources is None else sources:
        for debt in source(session, context, now):
            by_kind[debt.kind].append(debt)
    found: list[Debt] = []
    for kind, debts in by_kind.items():
        found += debts[:MOST]
        beside = sum(debt.count for debt in debts[MOST:])
        if beside:
            found.append(rest_of(kind, beside))
    return found
