"""The life of a work order (E1-E3): draft → submitted → approved → receiving → done; or refused, cancelled, closed with a part of it.

The notice (E1): a customer's first racking needs :data:`FIRST_NOTICE_H` from submission to the planned beginning, always; later orders ``order_notice_h`` of the
configuration, which is the same unless it says otherwise. First: nothing of the customer's ever came in. A late order is submitted with a reason, and
approved only after a supervisor, another operator, has approved the exception.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from controller.codes import serial_key
from server.chinese import all_in_chinese, in_chinese
from server.context import Context
from server.db.clock import to_us
from server.equipment import order_lines
from server.equipment.codes import code_hash, new_code, next_number, open_code, seal_code
from server.equipment.models import ItemStay, WorkOrder
from server.equipment.order_lines import LineGiven
from server.ids import new_id
from server.operators.actor import Actor
from server.operators.audit import record
from server.personal.cipher import UnreadableError
from server.problems import Problem, not_found
from server.registry.lookup import may_see
from server.registry.models import Contract, Customer
from server.registry.validation import refused
from server.site_time import local_from

_Named = TypeVar("_Named", Contract, Customer)
FIRST_NOTICE_H = 24


def make_order(
    session: Session,
    context: Context,
    actor: Actor,
    customer: Customer,
    contract: Contract,
    planned: tuple[datetime, datetime],
    remark: str,
    external_id: str | None,
    lines: Sequence[LineGiven],
) -> WorkOrder:
    """A draft. Raises :class:`Problem`."""
    now = context.clock.now()
    _refuse_window(planned)
    refuse_contract(contract, customer, now)
    if external_id is not None:
        same = select(WorkOrder.id).where(WorkOrder.external_id == external_id)
        if session.exec(same).first() is not None:
            raise Problem(
                409, "external_id_taken", f"external_id {external_id!r} is in use.", f"external_id {external_id} 已被占用。", field="external_id"
            )  # fmt: skip
    order = WorkOrder(
        public_id=new_id("wko", now),
        external_id=external_id,
        customer_id=_row(customer.id),
        contract_id=_row(contract.id),
        planned_from=planned[0],
        planned_until=planned[1],
        remark=remark,
        made_at=now,
        made_by=actor.public_id,
    )
    session.add(order)
    session.flush()
    if lines:
        order_lines.replace_lines(session, actor, now, order, contract, lines)
    after = {"customer": customer.code, "contract": contract.public_id, "lines": len(lines)}
    record(session, actor, now, "order.create", order.public_id, after=after)
    return order


def change_order(
    session: Session,
    context: Context,
    actor: Actor,
    order: WorkOrder,
    *,
    planned: tuple[datetime | None, datetime | None] = (None, None),
    remark: str | None = None,
    lines: Sequence[LineGiven] | None = None,
) -> None:
    """Change a draft; of an approved order only a later ``planned_until``. Raises :class:`Problem`."""
    now = context.clock.now()
    before = _state(order)
    if order.status in ("draft", "refused"):
        window = planned[0] or order.planned_from, planned[1] or order.planned_until
        _refuse_window(window)
        order.planned_from, order.planned_until = window
        order.remark = order.remark if remark is None else remark
        order.status = "draft"
        session.add(order)
        if lines is not None:
            contract = session.get_one(Contract, order.contract_id)
            order_lines.replace_lines(session, actor, now, order, contract, lines)
    else:
        need(order, "approved", "receiving")
        if planned[0] is not None or remark is not None or lines is not None:
            raise refused(
                "planned_until",
                "planned_until: of an approved order only the end can be moved, to a later time.",
                "planned_until：已批准的开工单只能延长结束时间。",
            )
        if planned[1] is not None and planned[1] < order.planned_until:
            raise refused(
                "planned_until",
                "planned_until: can only be later than it is: the edge may hold the old one.",
                "planned_until：只能延后，控制器可能仍持有原时间。",
            )
        order.planned_until = planned[1] or order.planned_until
    _changed(session, order)
    record(session, actor, now, "order.change", order.public_id, before=before, after=_state(order))


def submit(session: Session, context: Context, actor: Actor, order: WorkOrder, exception_reason: str | None) -> None:
    """It reaches the machine room now (E1). Raises :class:`Problem` 409 ``WORK_ORDER_LATE`` when the notice is not kept and no reason was given."""
    now = context.clock.now()
    need(order, "draft", "refused")
    contract, customer = session.get_one(Contract, order.contract_id), session.get_one(Customer, order.customer_id)
    refuse_contract(contract, customer, now)
    if not order_lines.lines_of(session, [order])[_row(order.id)]:
        raise refused("lines", "lines: an order without lines brings nothing.", "lines：开工单没有明细。")
    if order.planned_until <= now:
        raise refused("planned_until", "planned_until: is over already.", "planned_until：计划时间已过。")
    order.submitted_at, order.submitted_by = now, actor.public_id
    order.first, order.notice_h = notice_of(session, context, customer)
    order.exception_reason = order.exception_asked_by = order.exception_asked_at = None
    order.exception_by = order.exception_at = None
    if is_late(order):
        if exception_reason is None:
            raise late(order, context.site.time_zone)
        order.exception_reason, order.exception_asked_by, order.exception_asked_at = (
            exception_reason,
            actor.public_id,
            now,
        )
    order.status = "submitted"
    _changed(session, order)
    record(session, actor, now, "order.submit", order.public_id, after=_state(order))


def approve_exception(session: Session, context: Context, actor: Actor, order: WorkOrder) -> None:
    """A supervisor lets a late order in, on record. Raises :class:`Problem`: 409 ``own_exception`` for whoever asked."""
    now = context.clock.now()
    need(order, "submitted")
    if order.exception_reason is None or order.exception_by is not None:
        raise Problem(409, "no_exception_asked", "No exception waits for approval.", "没有待批准的例外。")
    refuse_own_exception(actor, order)
    order.exception_by, order.exception_at = actor.public_id, now
    _changed(session, order)
    record(session, actor, now, "order.except", order.public_id, after={"reason": order.exception_reason})


def refuse_own_exception(actor: Actor, order: WorkOrder) -> None:
    """Raise :class:`Problem` 409 ``own_exception`` for who asked for it."""
    if actor.is_who(order.exception_asked_by):
        raise Problem(
            409, "own_exception", "Another operator must approve what you asked for.", "例外须由另一名操作员批准。"
        )


def approve(session: Session, context: Context, actor: Actor, order: WorkOrder) -> None:
    """It gets its number and code. Raises :class:`Problem`."""
    now = context.clock.now()
    need(order, "submitted")
    why = why_unapprovable(session, context, actor, [order])
    if why:
        raise why[_row(order.id)]
    code = new_code("order")
    order.code_sealed = seal_code(context.personal, "order", order.public_id, code)
    order.code_hash = code_hash(context.keys.hash_key, "order", code)
    order.number = next_number(session, "order", now.astimezone(ZoneInfo(context.site.time_zone)).strftime("%Y%m%d"))
    order.status, order.approved_by, order.approved_at = "approved", actor.public_id, now
    _changed(session, order)
    record(session, actor, now, "order.approve", order.public_id, after={"number": order.number})


def why_unapprovable(
    session: Session, context: Context, actor: Actor, orders: Sequence[WorkOrder]
) -> dict[int, Problem]:
    """What stands against the approval of these submitted orders; those that may be approved are left out. The same few queries for any number of orders."""
    now = context.clock.now()
    contracts = {row.id: row for row in _rows(session, Contract, (order.contract_id for order in orders))}
    customers = {row.id: row for row in _rows(session, Customer, (order.customer_id for order in orders))}
    serials = {
        order_id: {key: "lines" for line in lines for key in map(serial_key, line.serials)}
        for order_id, lines in order_lines.lines_of(session, orders).items()
    }
    elsewhere = order_lines.look_elsewhere(session, {key for keys in serials.values() for key in keys})
    taken = order_lines.allocated(session, orders)
    why = {}
    for order in orders:
        contract = contracts[order.contract_id]
        try:
            if is_late(order) and order.exception_by is None:
                raise late(order, context.site.time_zone)
            refuse_contract(contract, customers[order.customer_id], now)
            order_lines.refuse_serials_elsewhere(actor, order, serials[_row(order.id)], elsewhere)
            order_lines.refuse_beyond_contract(order, contract, taken)
        except Problem as problem:
            why[_row(order.id)] = problem
    return why


def refuse(session: Session, context: Context, actor: Actor, order: WorkOrder, reason: str) -> None:
    """It goes back to the applicant, who may change and submit it anew."""
    need(order, "submitted")
    _end(session, context, actor, order, "refused", reason, "order.refuse")


def cancel(session: Session, context: Context, actor: Actor, order: WorkOrder, reason: str) -> None:
    """Nothing comes in under it any more. An edge that has it learns so with its next policy."""
    need(order, "draft", "submitted", "refused", "approved")
    _end(session, context, actor, order, "cancelled", reason, "order.cancel")
    order_lines.release_claims(session, order, context.clock.now(), actor.public_id)


def close(session: Session, context: Context, actor: Actor, order: WorkOrder, reason: str) -> None:
    """The rest of it will not come."""
    need(order, "receiving")
    _end(session, context, actor, order, "closed", reason, "order.close")
    order_lines.release_claims(session, order, context.clock.now(), actor.public_id)


def attest_unpacked(session: Session, context: Context, actor: Actor, order: WorkOrder) -> None:
    """Who is signed in has seen that no cartons are left (E2)."""
    now = context.clock.now()
    need(order, "approved", "receiving")
    if order.unpacked_at is not None:
        raise Problem(409, "attested_already", "This was attested before.", "此前已确认。")
    order.unpacked_by, order.unpacked_by_name, order.unpacked_at = actor.public_id, actor.name, now
    _changed(session, order)
    record(session, actor, now, "order.attest", order.public_id, after={"unpacked": True})


def clear_code(session: Session, context: Context, actor: Actor, order: WorkOrder) -> str:
    """The code to print, on record. Raises :class:`Problem` 409 when there is none yet, or it does not open."""
    if order.code_sealed is None:
        raise Problem(409, "no_code", "It gets its code when it is approved.", "批准后才有编码。")
    try:
        code = open_code(context.personal, "order", order.public_id, order.code_sealed)
    except UnreadableError as error:
        raise Problem(
            409, "unreadable", "The code does not open: cancel the order and make a new one.", "编码无法解密：请作废并重新开单。"
        ) from error  # fmt: skip
    record(session, actor, context.clock.now(), "order.print", order.public_id)
    return code


def find_order(session: Session, actor: Actor, name: str, *, lock: bool = False) -> WorkOrder:
    """By public id, number or external id. Raises :class:`Problem` 404, also for another department's (C4)."""
    for column in (WorkOrder.public_id, WorkOrder.number, WorkOrder.external_id):
        query = select(WorkOrder).where(col(column) == name)
        if lock:
            query = query.with_for_update().execution_options(populate_existing=True)
        order = session.exec(query).first()
        if order is not None and may_see(actor, session.get_one(Customer, order.customer_id)):
            return order
    raise not_found("work order", "开工单", name[:64])


def refuse_contract(contract: Contract, customer: Customer, now: datetime) -> None:
    """Raise :class:`Problem` 409 for a contract that is another's, or not in force."""
    if contract.customer_id != customer.id:
        raise refused("contract", "contract: is another customer's.", "contract：不是该客户的合同。")
    over = contract.until_at is not None and contract.until_at <= now
    if contract.status != "active" or over or contract.deleted_at is not None:
        raise Problem(
            409,
            "contract_not_active",
            f"contract: {contract.number or contract.public_id} is not in force.",
            f"contract：合同 {contract.number or contract.public_id} 未生效。",
            field="contract",
        )


def notice_of(session: Session, context: Context, customer: Customer) -> tuple[bool, int]:
    """Whether nothing of the customer's ever came in, and how many hours before an order must therefore reach the machine room (E1)."""
    first = session.exec(select(ItemStay.id).where(ItemStay.customer_id == customer.id).limit(1)).first() is None
    configured = context.config.order_notice_h
    return first, max(FIRST_NOTICE_H, configured) if first else configured


def ready_at(order: WorkOrder) -> datetime | None:
    """When the notice is over; None before it was submitted."""
    if order.submitted_at is None:
        return None
    return (
        order.submitted_at if order.exception_by is not None else order.submitted_at + timedelta(hours=order.notice_h)
    )


def is_late(order: WorkOrder) -> bool:
    """Whether it was submitted less than the notice before its planned beginning."""
    assert order.submitted_at is not None
    return order.planned_from < order.submitted_at + timedelta(hours=order.notice_h)


def late(order: WorkOrder, time_zone: str) -> Problem:
    """409 WORK_ORDER_LATE."""
    assert order.submitted_at is not None
    ready = order.submitted_at + timedelta(hours=order.notice_h)
    return Problem(
        409,
        "WORK_ORDER_LATE",
        f"planned_from: a work order must reach the machine room {order.notice_h} hours before; plan for {local_from(time_zone, ready)} (site time) or later,"
        " or give a reason for an exception, which a supervisor approves.",
        f"planned_from：开工单须提前 {order.notice_h} 小时送达机房；请改为 {local_from(time_zone, ready)}（场地时间）之后，或说明例外理由并由主管批准。",
        field="planned_from",
        extra={"rule": "E1", "ready_at": ready.isoformat(), "ready_us": to_us(ready), "notice_h": order.notice_h, "first": order.first},
    )  # fmt: skip


def need(order: WorkOrder, *statuses: str) -> None:
    """Raise :class:`Problem` 409 in any other status."""
    if order.status not in statuses:
        raise Problem(
            409,
            "status_conflict",
            f"This order is {order.status}; this needs {' or '.join(statuses)}.",
            f"开工单的状态为“{in_chinese('order_status', order.status)}”，此操作须在以下状态进行：{all_in_chinese('order_status', statuses)}。",
            extra={"status_now": order.status},
        )


def _end(
    session: Session, context: Context, actor: Actor, order: WorkOrder, status: str, reason: str, act: str
) -> None:
    before = _state(order)
    order.status, order.closed_reason = status, reason
    order.closed_by, order.closed_at = actor.public_id, context.clock.now()
    _changed(session, order)
    after = _state(order) | {"reason": reason}
    record(session, actor, context.clock.now(), act, order.public_id, before=before, after=after)


def _changed(session: Session, order: WorkOrder) -> None:
    order.version += 1
    session.add(order)
    session.flush()


def _state(order: WorkOrder) -> dict[str, object]:
    return {
        "status": order.status,
        "planned_from": order.planned_from.isoformat(),
        "planned_until": order.planned_until.isoformat(),
        "notice_h": order.notice_h,
        "first": order.first,
        "exception_reason": order.exception_reason,
    }


def _refuse_window(planned: tuple[datetime, datetime]) -> None:
    if planned[0] >= planned[1]:
        raise refused(
            "planned_until", "planned_until: must be after planned_from.", "planned_until：须晚于 planned_from。"
        )


def _rows(session: Session, model: type[_Named], ids: Iterable[int]) -> Sequence[_Named]:
    return session.exec(select(model).where(col(model.id).in_(set(ids)))).all()


def _row(number: int | None) -> int:
    assert number is not None, "flush before use"
    return number
