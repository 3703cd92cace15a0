"""What is owed of the house: alarms, equipment, safety tests, keys, edges, doors, areas."""

from collections.abc import Iterable
from datetime import datetime

from sqlmodel import Session, col, func, select

from controller.site import Site
from server.console.language import translate
from server.console.words import word
from server.context import Context
from server.db.clock import to_us
from server.duty.models import KeyMovement, MechanicalKey
from server.duty.overdue import overdue
from server.equipment.models import Discrepancy
from server.equipment.slip_models import ExitSlip
from server.equipment.slips.lookup import id_of, lines_of
from server.equipment.slips.standing import out_of, return_overdue
from server.fleet.models import Edge
from server.ledger.models import LedgerAlarm, LedgerArea, LedgerDoor, LedgerLockdown
from server.operators import recovery
from server.shift.debt import Debt, place_names

UNCHECKED = "EQUIPMENT_UNCHECKED"
_TESTS = {
    "exit": ("出口", "exit"),
    "rex": ("出门按钮", "exit button"),
    "manual_release": ("手动释放", "manual release"),
    "fire_release": ("消防释放", "fire release"),
    "battery": ("后备电池", "standby battery"),
}
_WHY_TEST = {
    "never_tested": ("从未测试", "never tested"),
    "failed": ("上次不合格", "failed"),
    "late": ("已逾期", "late"),
}
_DISCREPANCIES = {
    "unknown_document": ("单据不存在", "no such document"),
    "unknown_line": ("单据无此行", "no such line"),
    "unknown_device": ("设备不在账", "unknown device"),
    "wrong_owner": ("属于其他客户", "of another customer"),
    "already_in": ("已在机房内", "was in already"),
    "already_out": ("已不在机房", "was out already"),
    "over_quantity": ("超出数量", "beyond the quantity"),
    "closed_document": ("单据已关闭", "closed document"),
}


def equipment_unchecked(session: Session, context: Context, _now: datetime) -> Iterable[Debt]:
    """Doors through which something may have left unchecked, until a guard's attestation has ended the alarm (MEANINGS 26)."""
    for row, edge in _standing(session):
        if row.alarm == UNCHECKED:
            yield _alarm(context.site, "equipment_unchecked", row, edge)


def alarms(session: Session, context: Context, _now: datetime) -> Iterable[Debt]:
    """Every other alarm that stands, seen by somebody or not."""
    for row, edge in _standing(session):
        if row.alarm != UNCHECKED:
            yield _alarm(context.site, "alarm", row, edge)


def discrepancies(session: Session, _context: Context, _now: datetime) -> Iterable[Debt]:
    """Movements that do not square with inventory and documents, and that nobody has looked into."""
    query = select(Discrepancy).where(col(Discrepancy.resolved_at).is_(None)).order_by(col(Discrepancy.id))
    for row in session.exec(query).all():
        zh, en = _DISCREPANCIES.get(row.kind, (row.kind, row.kind))
        yield Debt(
            "discrepancy",
            row.public_id,
            row.at_us,
            f"设备账实不符 {row.public_id}：{zh}",
            f"Discrepancy {row.public_id}: {en}",
            "/api/v1/discrepancies",
        )


def overdue_returns(session: Session, _context: Context, now: datetime) -> Iterable[Debt]:
    """Slips under which something should be back and is not (E5)."""
    query = select(ExitSlip).where(col(ExitSlip.return_until_at) <= now).order_by(col(ExitSlip.id))
    slips = session.exec(query.where(ExitSlip.status == "issued")).all()
    lines = lines_of(session, [id_of(slip) for slip in slips])
    for slip in slips:
        of_slip = lines[id_of(slip)]
        if return_overdue(slip, of_slip, now):
            assert slip.return_until_at is not None
            number, count = slip.number or slip.public_id, out_of(of_slip)
            yield Debt(
                "return_overdue",
                slip.public_id,
                to_us(slip.return_until_at),
                f"出门条 {number} 尚有 {count} 件未归还",
                f"Exit slip {number}: {count} not back",
                f"/api/v1/exit-slips/{slip.public_id}",
            )


def duty_tests(session: Session, context: Context, now: datetime) -> Iterable[Debt]:
    """Ways out and their releases that must be tested (L5)."""
    for one in overdue(session, now):
        (zh, en), (why_zh, why_en) = _TESTS[one.item.kind], _WHY_TEST[one.why]
        of_zh, of_en = place_names(context.site, one.item.subject)
        yield Debt(
            "duty_test",
            one.item.public_id,
            to_us(one.since),
            f"{of_zh} {zh}：{why_zh}",
            f"{of_en}, {en}: {why_en}",
            f"/api/v1/duty-items/{one.item.public_id}",
        )


def keys_out(session: Session, _context: Context, _now: datetime) -> Iterable[Debt]:
    """Keys of metal that somebody has."""
    since = (
        select(KeyMovement.key_id, func.max(KeyMovement.at).label("at"))
        .where(KeyMovement.act == "taken")
        .group_by(col(KeyMovement.key_id))
        .subquery()
    )
    query = (
        select(MechanicalKey, since.c.at)
        .join(since, since.c.key_id == MechanicalKey.id)
        .where(MechanicalKey.state == "out")
    )
    for key, at in session.exec(query.order_by(since.c.at, col(MechanicalKey.id))).all():
        yield Debt(
            "key_out",
            key.public_id,
            to_us(at),
            f"钥匙 {key.number} 已领出",
            f"Key {key.number} is out",
            f"/api/v1/mechanical-keys/{key.public_id}",
        )


def edges_offline(session: Session, _context: Context, _now: datetime) -> Iterable[Debt]:
    """Edges of doors that the server does not hear."""
    query = select(Edge).where(Edge.role == "door", col(Edge.revoked_at).is_(None), col(Edge.enrolled_at).is_not(None))
    for edge in session.exec(query.where(col(Edge.online).is_(False)).order_by(col(Edge.id))).all():
        since = edge.online_changed_us or edge.last_seen_us or to_us(edge.created_at)
        yield Debt(
            "edge_offline",
            edge.name,
            since,
            f"控制器 {edge.name} 离线",
            f"Edge {edge.name} is offline",
            f"/api/v1/edges/{edge.name}",
        )


def doors_in_maintenance(session: Session, context: Context, now: datetime) -> Iterable[Debt]:
    """Doors at which somebody works."""
    query = select(LedgerDoor).where(col(LedgerDoor.maintenance_until_us) > to_us(now))
    for row in session.exec(query.order_by(col(LedgerDoor.edge_id), col(LedgerDoor.door))).all():
        zh, en = place_names(context.site, row.door)
        yield Debt(
            "door_maintenance",
            row.door,
            row.maintenance_until_us or 0,
            f"门 {zh} 检修中",
            f"Door {en} is in maintenance",
            "/api/v1/doors",
        )


def areas_uncertain(session: Session, context: Context, _now: datetime) -> Iterable[Debt]:
    """Areas of which it is not certain who is inside (MEANINGS 12)."""
    query = select(LedgerArea).order_by(col(LedgerArea.uncertain_since_us), col(LedgerArea.area))
    for row in session.exec(query).all():
        cause = word("uncertain", row.cause)
        zh, en = place_names(context.site, row.area)
        yield Debt(
            "area_uncertain",
            f"{row.area}@{row.edge_id}",
            row.uncertain_since_us,
            f"区域 {zh} 人数不确定：{translate('zh-CN', cause)}",
            f"Area {en} is uncertain: {cause}",
            "/api/v1/occupancy",
        )


def lockdowns(session: Session, context: Context, _now: datetime) -> Iterable[Debt]:
    """What is locked down (MEANINGS 22)."""
    query = select(LedgerLockdown).order_by(col(LedgerLockdown.since_us), col(LedgerLockdown.area))
    for row in session.exec(query).all():
        zh, en = place_names(context.site, row.area)
        yield Debt(
            "lockdown",
            f"{row.area}@{row.edge_id}",
            row.since_us,
            f"{zh or '全部区域'}封锁中",
            f"{en or 'Everything'} is locked down",
            "/api/v1/occupancy",
        )


def recovery_secret(session: Session, _context: Context, _now: datetime) -> Iterable[Debt]:
    """The superuser's recovery secret was opened: a new one is owed (D3)."""
    since = recovery.opened_since(session)
    if since is not None:
        yield Debt(
            "recovery_secret",
            "recovery",
            to_us(since),
            "恢复口令已开封，须生成并封存新的口令",
            "The recovery secret was opened: a new one must be made and sealed",
            "/api/v1/recovery",
        )


def _standing(session: Session) -> Iterable[tuple[LedgerAlarm, str]]:
    query = (
        select(LedgerAlarm, Edge.name)
        .join(Edge, col(Edge.id) == LedgerAlarm.edge_id)
        .where(col(LedgerAlarm.cleared_us).is_(None))
    )
    return session.exec(query.order_by(col(LedgerAlarm.id))).all()


def _alarm(site: Site, kind: str, row: LedgerAlarm, edge: str) -> Debt:
    name = word("alarm", row.alarm)
    zh, en = place_names(site, row.subject)
    seen_zh, seen_en = ("未确认", "not acknowledged") if row.acknowledged_us is None else ("已确认", "acknowledged")
    return Debt(
        kind,
        str(row.id),
        row.last_raised_us or row.raised_us,
        f"{translate('zh-CN', name)}（{zh}，{edge}），{seen_zh}",
        f"{name} ({en}, {edge}), {seen_en}",
        f"/api/v1/alarms?alarm={row.alarm}&subject={row.subject}",
    )
