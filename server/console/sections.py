"""The console's sections and their tabs: where each begins and who sees it. The rail and the row of tabs are drawn from here."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from server.operators.actor import Actor
from server.operators.permissions import Permission


@dataclass(frozen=True)
class Tab:
    """One page of a section. ``code`` names it in the vocabulary (family ``tab``); whoever holds one of ``wanted`` sees it."""

    code: str
    path: str
    wanted: frozenset[Permission]


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


def _tab(code: str, path: str, *wanted: Permission) -> Tab:
    return Tab(code, path, frozenset(wanted))


SECTIONS = (
    Section("live", "m", (_tab("live", "/live", Permission.LIVE_READ),)),
    Section("inside", "i", (_tab("inside", "/inside", Permission.REGISTER_READ),)),
    Section("register", "r", (_tab("register", "/register", Permission.REGISTER_READ),)),
    Section(
        "visits",
        "v",
        (
            _tab("visits", "/visits", Permission.PERMIT_READ),
            _tab("permits", "/permits", Permission.PERMIT_READ),
            _tab("cards", "/visits/cards", Permission.PERMIT_READ),
            _tab("violations", "/violations", Permission.VIOLATION_READ),
        ),
    ),
    Section(
        "equipment",
        "e",
        (
            _tab("documents", "/equipment", Permission.SLIP_READ),
            _tab("inventory", "/equipment/inventory", Permission.INVENTORY_READ),
            _tab("path", "/equipment/path", Permission.INVENTORY_READ),
            _tab("discrepancies", "/equipment/discrepancies", Permission.INVENTORY_READ),
        ),
    ),
    Section(
        "badges",
        "b",
        (
            _tab("badges", "/badges", Permission.BADGE_READ),
            _tab("applications", "/applications", Permission.APPLICATION_READ),
            _tab("to_return", "/badges/to-return", Permission.BADGE_READ),
        ),
    ),
    Section(
        "customers",
        "c",
        (
            _tab("customers", "/customers", Permission.REGISTRY_READ),
            _tab("staff", "/staff", Permission.REGISTRY_READ),
            _tab("duplicates", "/customers/duplicates", Permission.REGISTRY_MERGE),
            _tab("looks", "/customers/looks", Permission.AUDIT_READ),
        ),
    ),
    Section("handover", "h", (_tab("handover", "/handover", Permission.HANDOVER_READ),)),
    Section(
        "approvals",
        "a",
        (
            _tab(
                "approvals", "/approvals", Permission.PERMIT_APPROVE, Permission.PERMIT_APPROVE_IT, Permission.SLIP_APPROVE, Permission.SLIP_APPROVE_SITE,
                Permission.ORDER_APPROVE, Permission.ORDER_EXCEPT, Permission.APPLICATION_APPROVE, Permission.EMERGENCY_APPROVE,
                Permission.OPERATOR_AUTHORISE,
            ),
        ),
    ),
    Section("reports", "p", (_tab("reports", "/reports", Permission.REGISTER_READ),)),
    Section(
        "system",
        "s",
        (
            _tab("edges", "/system", Permission.FLEET_READ),
            _tab("duties", "/system/duties", Permission.DUTY_READ),
            _tab("keys", "/system/keys", Permission.KEY_READ),
            _tab("escalations", "/system/escalations", Permission.ESCALATION_READ),
            _tab("operators", "/system/operators", Permission.OPERATOR_READ),
            _tab("recovery", "/system/recovery", Permission.OPERATOR_READ),
            _tab("audit", "/system/audit", Permission.AUDIT_READ),
        ),
    ),
)  # fmt: skip


def shown_to(actor: Actor) -> Iterator[Shown]:
    """The sections of which ``actor`` may open at least one tab."""
    for section in SECTIONS:
        tabs = [tab for tab in section.tabs if any(actor.may(one) for one in tab.wanted)]
        if tabs:
            yield Shown(section.code, section.key, tabs[0].path, tabs)
