"""What a badge amounts to now: its stored status and what dates and the registry make of it (B3, B5, B6). Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Standing = Literal["approved", "issued", "active", "suspended", "lost", "expired", "ended", "revoked", "returned"]
ContractStanding = Literal["in_force", "suspended", "none"]

FINAL = ("lost", "revoked", "returned")
"""Statuses that no date changes."""


@dataclass(frozen=True)
class Terms:
    """One contract, as far as badges depend on it: ``[from_at, until_at)``."""

    kind: str
    status: str
    from_at: datetime
    until_at: datetime | None
    number: str = ""


@dataclass(frozen=True)
class Footing:
    """What a badge stands on besides itself. ``contract`` None: this kind of badge needs none. ``left``: the holder has left,
    or the holder's or customer's file was deleted."""

    contract: ContractStanding | None
    left: bool


def contract_standing(contracts: Iterable[Terms], now: datetime) -> ContractStanding:
    """The best of a customer's contracts: a hosting contract that is signed and within its dates is in force (B1)."""
    found: ContractStanding = "none"
    for terms in contracts:
        if terms.kind == "hosting" and terms.from_at <= now and (terms.until_at is None or now < terms.until_at):
            if terms.status == "active":
                return "in_force"
            if terms.status == "suspended":
                found = "suspended"
    return found


def standing(status: str, until_at: datetime | None, footing: Footing, now: datetime) -> Standing:
    """``ended`` goes before ``expired``, both before what was last done to the badge; a suspended contract shows as ``suspended``."""
    if status in FINAL:
        return status  # type: ignore[return-value]  # all statuses are standings
    if footing.left or footing.contract == "none":
        return "ended"
    if until_at is not None and until_at <= now:
        return "expired"
    if footing.contract == "suspended":
        return "suspended"
    return status  # type: ignore[return-value]


def why_not_in_force(contracts: Iterable[Terms], now: datetime) -> tuple[str, str]:
    """Why no contract carries a badge now, in English and Chinese: what is wrong with each."""
    faults = [_fault(terms, now) for terms in contracts]
    if not faults:
        return "it has no contract", "没有合同"
    return "; ".join(english for english, _ in faults), "；".join(chinese for _, chinese in faults)


def _fault(terms: Terms, now: datetime) -> tuple[str, str]:
    name = terms.number or "unnumbered"
    name_zh = terms.number or "无编号"
    if terms.kind != "hosting":
        return f"contract {name} is not for hosting", f"合同 {name_zh} 不是托管合同"
    if terms.status == "draft":
        return f"contract {name} is not signed", f"合同 {name_zh} 未签署"
    if terms.status == "suspended":
        return f"contract {name} is suspended", f"合同 {name_zh} 已中止"
    if terms.status == "ended" or (terms.until_at is not None and terms.until_at <= now):
        return f"contract {name} has ended", f"合同 {name_zh} 已终止"
    return f"contract {name} is signed and has not begun", f"合同 {name_zh} 已签署，尚未到开始日期"
