"""The console's sections and their tabs: where each begins and who sees it. The rail and the row of tabs are drawn from here."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from server.operators.actor import Actor
from server.operators.permissions import Permission as P


@dataclass(frozen=True)
class Tab:
    """One page of a section. ``code`` names it in the vocabulary (family ``tab``); whoever holds one of ``wanted`` sees it."""

    code: str
    path: str
    wanted: frozenset[P]


@dataclass(frozen=True)
class Section:
    """One entry of the rail: ``key`` is its letter after ``g``. Its path is that of the first tab that one may open."""

    code: str
    key: str
    tabs: tuple[Tab, ...]


@dataclass(frozen=True)
class Shown:
    """A section as one operator sees it."""

    code: str
    key: str
    path: str
    tabs: list[Tab] = field(default_factory=list)


def _tab(code: str, path: str, *wanted: P) -> Tab:
    return Tab(code, path, frozenset(wanted))


SECTIONS = (
    Section("live", "m", (_tab("live", "/live", P.LIVE_READ),)),
    Section("inside", "i", (_tab("inside", "/inside", P.REGISTER_READ),)),
    Section("register", "r", (_tab("register", "/register", P.REGISTER_READ),)),
    Section(
        "visits",
        "v",
        (
            _tab("visits", "/visits", P.PERMIT_READ),
            _tab("permits", "/permits", P.PERMIT_READ),
            _tab("cards", "/visits/cards", P.PERMIT_CARDS, P.PERMIT_CHECK_IN),
            _tab("violations", "/violations", P.VIOLATION_READ),
        ),
    ),
    Section(
        "equipment",
        "e",
        (
            _tab("documents", "/equipment", P.SLIP_READ, P.ORDER_READ),
            _tab("inventory", "/equipment/inventory", P.INVENTORY_READ),
            _tab("path", "/equipment/path", P.INVENTORY_READ),
            _tab("discrepancies", "/equipment/discrepancies", P.INVENTORY_READ),
        ),
    ),
    Section(
        "badges",
        "b",
        (
            _tab("badges", "/badges", P.BADGE_READ),
            _tab("applications", "/applications", P.APPLICATION_READ),
            _tab("to_return", "/badges/to-return", P.BADGE_READ),
        ),
    ),
    Section(
        "customers",
        "c",
        (
            _tab("customers", "/customers", P.REGISTRY_READ),
            _tab("staff", "/staff", P.REGISTRY_READ),
            _tab("duplicates", "/customers/duplicates", P.REGISTRY_MERGE),
            _tab("looks", "/customers/looks", P.AUDIT_READ),
        ),
    ),
    Section("handover", "h", (_tab("handover", "/handover", P.HANDOVER_READ),)),
    Section(
        "approvals",
        "a",
        (
            _tab(
                "approvals", "/approvals", P.PERMIT_APPROVE, P.PERMIT_APPROVE_IT, P.SLIP_APPROVE, P.SLIP_APPROVE_SITE,
                P.ORDER_APPROVE, P.ORDER_EXCEPT, P.APPLICATION_APPROVE, P.EMERGENCY_APPROVE,
            ),
        ),
    ),
    Section("reports", "p", (_tab("reports", "/reports", P.REGISTER_READ),)),
    Section(
        "system",
        "s",
        (
            _tab("edges", "/system", P.FLEET_READ),
            _tab("duties", "/system/duties", P.DUTY_READ),
            _tab("keys", "/system/keys", P.KEY_READ),
            _tab("escalations", "/system/escalations", P.ESCALATION_READ),
            _tab("operators", "/system/operators", P.OPERATOR_READ),
            _tab("recovery", "/system/recovery", P.OPERATOR_READ),
            _tab("audit", "/system/audit", P.AUDIT_READ),
        ),
    ),
)  # fmt: skip


def shown_to(actor: Actor) -> Iterator[Shown]:
    """The sections of which ``actor`` may open at least one tab."""
    for section in SECTIONS:
        tabs = [tab for tab in section.tabs if any(actor.may(one) for one in tab.wanted)]
        if tabs:
            yield Shown(section.code, section.key, tabs[0].path, tabs)
