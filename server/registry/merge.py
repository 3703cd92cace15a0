"""Two files of one customer become one (C3): contacts, contracts, holders, badges, permits and equipment pass to the file that is kept; both histories stay."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import update
from sqlmodel import Session, col, func, select

from server.badges.models import GONE, Badge
from server.chinese import in_chinese
from server.equipment.merging import begin_merge, move_equipment
from server.operators.audit import record
from server.permits.merging import move_permits
from server.problems import Problem
from server.registry.lookup import locked
from server.registry.models import QUOTAS, Contact, Contract, Customer, CustomerMerge, Holder
from server.registry.writing import Writing, change_row
from server.shift.merging import move_violations


def merge_customers(w: Writing, kept: Customer, merged: Customer, reason: str) -> dict[str, int]:
    """``merged`` passes into ``kept``; how many rows of each table moved. Raises :class:`Problem` 409, having changed nothing:
    ``QUOTA_EXCEEDED`` when together they hold more badges than the kind allows (B2, MEANINGS 5)."""
    begin_merge(w.session.connection())
    for customer in sorted((kept, merged), key=lambda row: row.id or 0):
        _lock_all(w.session, customer)
    _refuse(kept, merged)
    _refuse_quota(w.session, kept, merged)
    query = select(Badge).where(col(Badge.customer_id).in_((kept.id, merged.id)))
    badges = w.session.exec(query.order_by(col(Badge.id)).with_for_update()).all()
    for badge in place_badges(badges, _id(kept), QUOTAS[kept.kind]):
        badge.version += 1
        badge.changed_by = w.actor.public_id
        w.session.add(badge)
    if w.session.exec(_primary(kept)).first() is not None:
        for contact in w.session.exec(_primary(merged)).all():
            change_row(w, contact, {"is_primary": False})
    w.session.flush()
    moved = {
        "badges": w.session.exec(select(func.count()).where(Badge.customer_id == merged.id)).one(),
        "contacts": _move(w, Contact, kept, merged),
        "contracts": _move(w, Contract, kept, merged),
        "holders": _move(w, Holder, kept, merged),  # their badges follow by the foreign key
    }
    moved |= move_equipment(w.session.connection(), _id(kept), _id(merged))
    moved |= move_violations(w.session.connection(), _id(kept), _id(merged))
    moved |= move_permits(w.session.connection(), _id(kept), _id(merged), w.actor.public_id)
    w.session.expire_all()
    merged = locked(w.session, merged)
    before, version = merged.public_id, merged.version
    merged.deleted_at, merged.merged_into = w.now, kept.id
    merged.version, merged.changed_by = version + 1, w.actor.public_id
    w.session.add(merged)
    w.session.add(
        CustomerMerge(kept_id=_id(kept), merged_id=_id(merged), at=w.now, by=w.actor.public_id, reason=reason)
    )
    w.session.flush()
    w.session.refresh(kept)
    after: dict[str, Any] = {"merged": before, "code": merged.code, "reason": reason, "moved": moved}
    record(w.session, w.actor, w.now, "customer.merge", kept.public_id, after=after)
    record(w.session, w.actor, w.now, "customer.merged", merged.public_id, after={"into": kept.public_id})
    return moved


def _refuse(kept: Customer, merged: Customer) -> None:
    if kept.id == merged.id:
        raise _problem("same_customer", "merged: this is the same file.", "merged：这是同一份档案。")
    for customer in (kept, merged):
        if customer.merged_into is not None:
            raise _problem(
                "merged_already",
                f"Customer {customer.code} was merged into another file before.",
                f"客户 {customer.code} 此前已合并到其他档案。",
            )
        if customer.deleted_at is not None:
            raise _problem("deleted", f"Customer {customer.code} was deleted.", f"客户 {customer.code} 已删除。")
    if kept.kind != merged.kind:
        raise _problem(
            "kinds_differ",
            f"{kept.code} is of kind {kept.kind}, {merged.code} of kind {merged.kind}: correct one first.",
            f"{kept.code} 的类别为“{in_chinese('customer_kind', kept.kind)}”，{merged.code} 的类别为“{in_chinese('customer_kind', merged.kind)}”：请先更正。",
        )
    if kept.department != merged.department:
        raise _problem(
            "departments_differ",
            f"{kept.code} and {merged.code} belong to different departments: move one first.",
            f"{kept.code} 与 {merged.code} 属于不同部门：请先调整。",
        )


def _refuse_quota(session: Session, kept: Customer, merged: Customer) -> None:
    live = select(func.count()).where(col(Badge.customer_id).in_((kept.id, merged.id)), col(Badge.status).not_in(GONE))
    held, quota = session.exec(live).one(), QUOTAS[kept.kind]
    if held > quota:
        raise Problem(
            409,
            "QUOTA_EXCEEDED",
            f"Together they hold {held} badges, and a customer of kind {kept.kind} may hold {quota}: deregister badges first.",
            f"两份档案共持有 {held} 张出入证，“{in_chinese('customer_kind', kept.kind)}”类别的限额为 {quota} 张：请先注销出入证。",
            field="merged",
            extra={"rule": "B2"},
        )


def place_badges(badges: Sequence[Badge], kept_id: int, quota: int) -> list[Badge]:
    """Give the badges of two customers places in one: set slot and generation where they must change, and return those rows.

    Of one slot every generation is there once, and the live badge has the highest (MEANINGS 5). So what is deregistered of the merged
    file gets a new generation where it collides, and the live badges come after that; a live one whose slot is taken moves to a
    free one. New generations are above all of both customers: no row passes through a place that another one has.
    """
    top: dict[int, int] = {}
    for badge in badges:
        top[_slot(badge)] = max(top.get(_slot(badge), 0), badge.generation)
    used = {(badge.slot, badge.generation) for badge in badges if badge.customer_id == kept_id}
    taken = {badge.slot for badge in badges if badge.customer_id == kept_id and badge.status not in GONE}
    changed: list[Badge] = []

    def collides(badge: Badge) -> bool:
        return badge.customer_id != kept_id and (badge.slot, badge.generation) in used

    def renew(badge: Badge, slot: int) -> None:
        top[slot] = top.get(slot, 0) + 1
        badge.slot, badge.generation = slot, top[slot]
        changed.append(badge)

    for badge in badges:
        if badge.status in GONE and collides(badge):
            renew(badge, _slot(badge))
    moves: list[tuple[Badge, int]] = []
    for badge in badges:
        if badge.status in GONE:
            continue
        slot = _slot(badge)
        if badge.customer_id != kept_id:
            if slot in taken:
                slot = next(number for number in range(1, quota + 1) if number not in taken)
            taken.add(slot)
        moves.append((badge, slot))
    for badge, slot in moves:
        if slot != badge.slot or badge.generation < top[slot] or collides(badge):
            renew(badge, slot)
    return changed


def _move(w: Writing, model: Any, kept: Customer, merged: Customer) -> int:
    moved = w.session.connection().execute(
        update(model)
        .where(model.customer_id == merged.id)
        .values(customer_id=kept.id, version=model.version + 1, changed_by=w.actor.public_id)
    )
    return int(moved.rowcount)


def _primary(customer: Customer) -> Any:
    return select(Contact).where(
        Contact.customer_id == customer.id, col(Contact.is_primary), col(Contact.deleted_at).is_(None)
    )


def _lock_all(session: Session, customer: Customer) -> None:
    """Nobody adds a badge, a holder or a contract to this file until the commit."""
    query = select(Customer).where(Customer.id == customer.id)
    session.exec(query.with_for_update().execution_options(populate_existing=True)).one()


def _slot(badge: Badge) -> int:
    assert badge.slot is not None, "a customer badge has a slot"
    return badge.slot


def _id(customer: Customer) -> int:
    assert customer.id is not None, "flush before use"
    return customer.id


def _problem(code: str, detail: str, detail_zh: str) -> Problem:
    return Problem(409, code, detail, detail_zh, field="merged")
