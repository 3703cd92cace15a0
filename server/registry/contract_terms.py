"""Contracts: made, changed, and led through their life: draft → active ↔ suspended → ended (B1, B6, MEANINGS 7)."""

from datetime import datetime
from typing import Any, Literal

from sqlmodel import col, select

from controller.site import Site
from server.chinese import in_chinese
from server.operators.actor import Actor
from server.problems import Problem
from server.registry.customer_files import badges_out
from server.registry.lookup import deleted, find_contract, find_customer, refuse_unknown_areas, taken
from server.registry.models import Contract, Customer
from server.registry.validation import Warned, refused
from server.registry.writing import Writing, Written, change_row, new_row, refuse_taken, require

Act = Literal["sign", "suspend", "resume", "end"]

NEXT: dict[str, frozenset[str]] = {
    "draft": frozenset({"active", "ended"}),
    "active": frozenset({"suspended", "ended"}),
    "suspended": frozenset({"active", "ended"}),
    "ended": frozenset(),
}
"""Status → what it may become. Ended is for good: the next contract is a new one."""
ACTS: dict[str, tuple[str, str]] = {
    "sign": ("draft", "active"),
    "suspend": ("active", "suspended"),
    "resume": ("suspended", "active"),
}
"""Act → the status it leaves and the one it makes."""
NOT_NULL = ("customer_id", "from_at", "areas", "racks", "cages", "kind", "status")


def create_contract(w: Writing, site: Site, values: dict[str, Any]) -> Written[Contract]:
    """A new contract of ``values["customer_id"]``. Raises :class:`Problem`."""
    values = {"kind": "hosting", "status": "active", "areas": [], "racks": [], "cages": []} | values
    require({**values, "customer": values.get("customer_id"), "from": values.get("from_at")}, None, "customer", "from")
    _check(w, site, None, values)
    return new_row(w, Contract, {"source_system": ""} | values)


def change_contract(
    w: Writing, site: Site, contract: Contract, values: dict[str, Any], *, confirmed: bool
) -> Written[Contract]:
    """Change what ``values`` name. An earlier end while badges are out is refused with their numbers (``badges_out``), unless
    ``confirmed``: then they stand in a warning. Raises :class:`Problem`."""
    values = dict(values)
    if values.get("customer_id", contract.customer_id) != contract.customer_id:
        raise Problem(
            409,
            "customer_fixed",
            "customer: a contract stays its customer's; make a new one for another.",
            "customer：合同不能转给其他客户；请为对方新建合同。",
            field="customer",
        )
    changed = {name for name, value in values.items() if getattr(contract, name) != value}
    if contract.deleted_at is not None and changed:
        raise deleted(contract)
    status = values.get("status", contract.status)
    if status != contract.status and status not in NEXT[contract.status]:
        raise _ended(contract) if contract.status == "ended" else _cannot(contract, str(status))
    if has_ended(contract, w.now) and changed & {"until_at", "from_at", "areas", "kind"}:
        raise _ended(contract)
    if status == "ended" and contract.status != "ended":
        values["until_at"] = _end_at(contract, w.now, values.get("until_at", contract.until_at))
    _check(w, site, contract, values)
    warnings = _note_badges(w, contract, values, confirmed)
    return change_row(w, contract, values)._replace(warnings=warnings)


def act_on_contract(w: Writing, contract: Contract, act: Act, at: datetime | None = None) -> Written[Contract]:
    """Sign, suspend, resume or end one contract; what is so already changes nothing. Raises :class:`Problem` 409."""
    if contract.deleted_at is not None:
        raise deleted(contract)
    if act == "end":
        if contract.status == "ended":
            return Written(contract, False, [], {})
        return change_row(w, contract, _ending(contract, w.now, at or w.now), "end")
    before, after = ACTS[act]
    if contract.status == after and act != "sign":
        return Written(contract, False, [], {})
    if contract.status == "ended":
        raise _ended(contract)
    if contract.status != before:
        raise _cannot(contract, after)
    return change_row(w, contract, {"status": after}, act)


def act_on_all(w: Writing, customer: Customer, act: Act, at: datetime | None = None) -> list[Contract]:
    """The same for every contract of the customer that has not ended; those in another status stay as they are. Raises
    :class:`Problem` 409 when there is none."""
    query = select(Contract).where(
        Contract.customer_id == customer.id, Contract.status != "ended", col(Contract.deleted_at).is_(None)
    )
    contracts = list(w.session.exec(query.order_by(col(Contract.id)).with_for_update(key_share=True)).all())
    if not contracts:
        raise Problem(
            409,
            "no_contract",
            f"Customer {customer.code} has no contract that has not ended.",
            f"客户 {customer.code} 没有未结束的合同。",
        )
    for contract in contracts:
        if act == "end" or contract.status == ACTS[act][0]:
            act_on_contract(w, contract, act, at)
    return contracts


def delete_contract(w: Writing, contract: Contract) -> Written[Contract]:
    """Take back a draft. What was signed ends instead, and stays (C3). Raises :class:`Problem` 409."""
    if contract.deleted_at is not None:
        return Written(contract, False, [], {})
    if contract.status != "draft":
        raise Problem(
            409,
            "contract_signed",
            "This contract was signed: end it instead.",
            "该合同已签署：请改为终止合同。",
        )
    return change_row(w, contract, {"deleted_at": w.now}, "delete")


def contract_or_customer(w: Writing, actor: Actor, name: str) -> Contract | Customer:
    """What ``/contracts/{name}/…`` means: a contract's id or external id, a customer's code, else a customer's id or external id.
    Raises :class:`Problem`: 409 for a contract's external id that is a customer's code."""
    contract: Contract | Problem = _found(lambda: find_contract(w.session, name, actor=actor, lock=True))
    if isinstance(contract, Contract) and contract.public_id == name:
        return contract
    customer: Customer | Problem = _found(lambda: find_customer(w.session, name, actor=actor, lock=True))
    if isinstance(contract, Contract) and isinstance(customer, Customer) and customer.code == name:
        raise Problem(
            409,
            "ambiguous_name",
            f"{name!r} is a contract's external id and a customer's code: use the id.",
            f"{name} 既是合同的外部编号，也是客户代码：请使用 id。",
        )
    if isinstance(contract, Contract):
        return contract
    if isinstance(customer, Problem):
        raise contract if contract.status != 404 else customer
    return customer


def has_ended(contract: Contract, now: datetime) -> bool:
    """Whether it permits nothing any more: ended, or its time is over."""
    return contract.status == "ended" or (
        contract.status != "draft" and contract.until_at is not None and contract.until_at <= now
    )


def _check(w: Writing, site: Site, contract: Contract | None, values: dict[str, Any]) -> None:
    for name in NOT_NULL:
        if name in values and values[name] is None:
            field = {"customer_id": "customer", "from_at": "from"}.get(name, name)
            raise refused(field, f"{field}: is required.", f"{field}：必填。")
    refuse_unknown_areas(site, values.get("areas", ()), "areas")
    from_at = values.get("from_at", contract.from_at if contract is not None else None)
    until_at = values.get("until_at", contract.until_at if contract is not None else None)
    if until_at is not None and until_at < from_at:
        raise refused("until", "until: the contract ends before it begins.", "until：合同的结束早于开始。")
    if "external_id" in values or "source_system" in values:
        system = values.get("source_system", contract.source_system if contract is not None else "")
        external_id = values.get("external_id", contract.external_id if contract is not None else None)
        refuse_taken(w, Contract, system, external_id, contract)
    number = values.get("number")
    if number in (None, contract.number if contract is not None else None):
        return
    if w.session.exec(select(Contract.id).where(Contract.number == number)).first() is not None:
        raise taken("number", number)


def _note_badges(w: Writing, contract: Contract, values: dict[str, Any], confirmed: bool) -> list[Warned]:
    until = values.get("until_at", contract.until_at)
    earlier = until is not None and (contract.until_at is None or until < contract.until_at)
    stops = values.get("kind", contract.kind) != contract.kind
    if contract.status == "draft" or contract.kind != "hosting" or not (earlier or stops):
        return []
    out = badges_out(w, w.session.get_one(Customer, contract.customer_id))
    if not out:
        return []
    field = "until" if earlier else "kind"
    en = f"{field}: badges are out and would stop with the contract: {', '.join(out)}."
    zh = f"{field}：仍有出入证未收回，将随合同失效：{'、'.join(out)}。"
    if not confirmed:
        raise Problem(
            409,
            "badges_out",
            f"{en} Send confirm: true to change it all the same.",
            f"{zh}如仍要修改，请发送 confirm: true。",
            field=field,
            extra={"badges": out},
        )
    return [Warned(field=field, code="badges_out", detail=en, detail_zh=zh)]


def _ending(contract: Contract, now: datetime, at: datetime) -> dict[str, Any]:
    values: dict[str, Any] = {"until_at": _end_at(contract, at, contract.until_at)}
    if at <= now:
        values["status"] = "ended"
    return values


def _end_at(contract: Contract, at: datetime, until: datetime | None) -> datetime:
    """``at``, but never later than it was to end, and never before it began."""
    return max(at if until is None else min(at, until), contract.from_at)


def _ended(contract: Contract) -> Problem:
    return Problem(
        409,
        "CONTRACT_ENDED",
        "This contract has ended and does not come back: make a new one.",
        "该合同已结束，不能恢复：请新建合同。",
        extra={"rule": "B6", "contract": contract.public_id},
    )


def _cannot(contract: Contract, status: str) -> Problem:
    return Problem(
        409,
        "status_conflict",
        f"A contract that is {contract.status} cannot become {status}.",
        f"状态为“{in_chinese('contract_status', contract.status)}”的合同不能变为“{in_chinese('contract_status', status)}”。",
        field="status",
    )


def _found(find: Any) -> Any:
    try:
        return find()
    except Problem as problem:
        return problem
