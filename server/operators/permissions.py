"""The permission table: what there is to permit, and which role may (C4, D1).

Every endpoint and every command names one :class:`Permission`; a test lists those that do not.
"""

from enum import StrEnum
from typing import Literal, get_args

Role = Literal[
    "guard", "customer_service", "it_head", "equipment_head", "supervisor", "auditor", "kiosk", "administrator"
]
ROLES: tuple[Role, ...] = get_args(Role)
ACCOUNT_ROLES: tuple[Role, ...] = tuple(role for role in ROLES if role != "kiosk")
"""What a person's account may be; a kiosk is a token (ARCHITECTURE 43)."""


class Permission(StrEnum):
    """One right. ``noun.verb``."""

    OWN_ACCOUNT = "account.own"
    LIVE_READ = "live.read"
    EVENTS_READ = "events.read"
    LEDGER_EXPORT = "ledger.export"
    ESCALATION_READ = "escalation.read"
    ESCALATION_TEST = "escalation.test"
    DUTY_READ = "duty.read"
    DUTY_TEST = "duty.test"
    DUTY_MANAGE = "duty.manage"
    KEY_READ = "key.read"
    KEY_LEND = "key.lend"
    KEY_MANAGE = "key.manage"
    ROSTER_EXPORT = "roster.export"
    ALARM_ACKNOWLEDGE = "alarm.acknowledge"
    REGISTRY_READ = "registry.read"
    REGISTRY_READ_ALL = "registry.read_all"
    REGISTRY_WRITE = "registry.write"
    REGISTRY_MERGE = "registry.merge"
    REGISTRY_SYNC = "registry.sync"
    PERSONAL_NAMES = "personal.names"
    PERSONAL_LOOK = "personal.look"
    APPLICATION_READ = "application.read"
    APPLICATION_WRITE = "application.write"
    APPLICATION_APPROVE = "application.approve"
    CONTRACT_WRITE = "contract.write"
    STAFF_PERMIT = "staff.permit"
    BADGE_READ = "badge.read"
    BADGE_ISSUE = "badge.issue"
    BADGE_REPORT = "badge.report"
    BADGE_ENCODE = "badge.encode"
    FLEET_READ = "fleet.read"
    FLEET_MANAGE = "fleet.manage"
    POLICY_READ = "policy.read"
    COMMAND_READ = "command.read"
    COMMAND_IDENTIFY = "command.identify"
    COMMAND_UNLOCK = "command.unlock"
    COMMAND_FIRE_RESET = "command.fire_reset"
    COMMAND_LOCKDOWN = "command.lockdown"
    COMMAND_RELEASE = "command.release"
    COMMAND_ADMIT = "command.admit"
    COMMAND_RECONCILE = "command.reconcile"
    COMMAND_MAINTENANCE = "command.maintenance"
    COMMAND_SUPERVISE = "command.supervise"
    REGISTER_READ = "register.read"
    REGISTER_NOTE = "register.note"
    PERMIT_READ = "permit.read"
    PERMIT_WRITE = "permit.write"
    PERMIT_APPROVE = "permit.approve"
    PERMIT_APPROVE_IT = "permit.approve_it"
    PERMIT_CHECK_IN = "permit.check_in"
    PERMIT_CARDS = "permit.cards"
    VISIT_SIGN = "visit.sign"
    DECLARATION_TAKE = "declaration.take"
    EMERGENCY_APPROVE = "emergency.approve"
    EMERGENCY_ADMIT = "emergency.admit"
    EMERGENCY_CLOSE = "emergency.close"
    SLIP_READ = "slip.read"
    SLIP_WRITE = "slip.write"
    SLIP_APPROVE = "slip.approve"
    SLIP_APPROVE_SITE = "slip.approve_site"
    SLIP_INSPECT = "slip.inspect"
    SLIP_PRINT = "slip.print"
    SLIP_CANCEL = "slip.cancel"
    EQUIPMENT_ATTEST = "equipment.attest"
    EQUIPMENT_CHECK = "equipment.check"
    HOLDER_CONFIRM = "holder.confirm"
    ORDER_READ = "order.read"
    ORDER_WRITE = "order.write"
    ORDER_APPROVE = "order.approve"
    ORDER_EXCEPT = "order.except"
    ORDER_RECEIVE = "order.receive"
    ORDER_ATTEST = "order.attest"
    INVENTORY_READ = "inventory.read"
    INVENTORY_CORRECT = "inventory.correct"
    VIOLATION_READ = "violation.read"
    VIOLATION_WRITE = "violation.write"
    VIOLATION_HANDLE = "violation.handle"
    HANDOVER_READ = "handover.read"
    HANDOVER_WRITE = "handover.write"
    HANDOVER_SIGN = "handover.sign"
    OPERATOR_READ = "operator.read"
    OPERATOR_MANAGE = "operator.manage"
    AUDIT_READ = "audit.read"
    OPERATOR_AUTHORISE = "operator.authorise"
    RECOVERY_OPEN = "recovery.open"
    KIOSK_USE = "kiosk.use"


_P = Permission
_ALL_ROLES = frozenset({_P.OWN_ACCOUNT, _P.LIVE_READ, _P.EVENTS_READ})
_GUARD = _ALL_ROLES | {
    _P.HANDOVER_READ,
    _P.HANDOVER_SIGN,
    _P.HANDOVER_WRITE,
    _P.VIOLATION_READ,
    _P.VIOLATION_WRITE,
    _P.INVENTORY_READ,
    _P.ORDER_ATTEST,
    _P.ORDER_READ,
    _P.ORDER_RECEIVE,
    _P.EQUIPMENT_ATTEST,
    _P.EQUIPMENT_CHECK,
    _P.HOLDER_CONFIRM,
    _P.SLIP_INSPECT,
    _P.SLIP_PRINT,
    _P.SLIP_READ,
    _P.DECLARATION_TAKE,
    _P.EMERGENCY_ADMIT,
    _P.PERMIT_CHECK_IN,
    _P.PERMIT_READ,
    _P.VISIT_SIGN,
    _P.ALARM_ACKNOWLEDGE,
    _P.BADGE_READ,
    _P.BADGE_REPORT,
    _P.COMMAND_ADMIT,
    _P.COMMAND_IDENTIFY,
    _P.COMMAND_LOCKDOWN,
    _P.COMMAND_READ,
    _P.COMMAND_RECONCILE,
    _P.COMMAND_UNLOCK,
    _P.DUTY_READ,
    _P.DUTY_TEST,
    _P.ESCALATION_READ,
    _P.FLEET_READ,
    _P.KEY_LEND,
    _P.KEY_READ,
    _P.PERSONAL_NAMES,
    _P.POLICY_READ,
    _P.REGISTER_NOTE,
    _P.REGISTER_READ,
    _P.REGISTRY_READ,
    _P.ROSTER_EXPORT,
}
_CUSTOMER_SERVICE = _ALL_ROLES | {
    _P.VIOLATION_HANDLE,
    _P.VIOLATION_READ,
    _P.VIOLATION_WRITE,
    _P.INVENTORY_READ,
    _P.ORDER_APPROVE,
    _P.ORDER_READ,
    _P.ORDER_RECEIVE,
    _P.ORDER_WRITE,
    _P.SLIP_APPROVE,
    _P.SLIP_CANCEL,
    _P.SLIP_PRINT,
    _P.SLIP_READ,
    _P.SLIP_WRITE,
    _P.DECLARATION_TAKE,
    _P.PERMIT_APPROVE,
    _P.PERMIT_CARDS,
    _P.PERMIT_READ,
    _P.PERMIT_WRITE,
    _P.APPLICATION_APPROVE,
    _P.APPLICATION_READ,
    _P.APPLICATION_WRITE,
    _P.BADGE_ENCODE,
    _P.BADGE_ISSUE,
    _P.BADGE_READ,
    _P.BADGE_REPORT,
    _P.COMMAND_READ,
    _P.CONTRACT_WRITE,
    _P.FLEET_READ,
    _P.PERSONAL_LOOK,
    _P.PERSONAL_NAMES,
    _P.POLICY_READ,
    _P.REGISTER_READ,
    _P.REGISTRY_READ,
    _P.REGISTRY_SYNC,
    _P.REGISTRY_WRITE,
}
_IT_HEAD = _ALL_ROLES | {
    _P.HANDOVER_READ,
    _P.VIOLATION_HANDLE,
    _P.VIOLATION_READ,
    _P.VIOLATION_WRITE,
    _P.BADGE_READ,
    _P.EMERGENCY_CLOSE,
    _P.FLEET_READ,
    _P.PERMIT_APPROVE_IT,
    _P.PERMIT_READ,
    _P.PERSONAL_NAMES,
    _P.REGISTER_NOTE,
    _P.REGISTER_READ,
    _P.REGISTRY_READ,
    _P.REGISTRY_WRITE,
    _P.STAFF_PERMIT,
    _P.VISIT_SIGN,
}
_EQUIPMENT_HEAD = _ALL_ROLES | {
    _P.VIOLATION_READ,
    _P.VIOLATION_WRITE,
    _P.INVENTORY_READ,
    _P.ORDER_READ,
    _P.SLIP_APPROVE_SITE,
    _P.SLIP_CANCEL,
    _P.SLIP_INSPECT,
    _P.SLIP_PRINT,
    _P.SLIP_READ,
    _P.SLIP_WRITE,
    _P.PERMIT_READ,
    _P.REGISTER_READ,
    _P.REGISTRY_READ,
    _P.VISIT_SIGN,
}
_AUDITOR = _ALL_ROLES | {
    _P.HANDOVER_READ,
    _P.VIOLATION_READ,
    _P.INVENTORY_READ,
    _P.ORDER_READ,
    _P.SLIP_READ,
    _P.PERMIT_READ,
    _P.APPLICATION_READ,
    _P.AUDIT_READ,
    _P.BADGE_READ,
    _P.COMMAND_READ,
    _P.DUTY_READ,
    _P.ESCALATION_READ,
    _P.FLEET_READ,
    _P.KEY_READ,
    _P.LEDGER_EXPORT,
    _P.OPERATOR_READ,
    _P.POLICY_READ,
    _P.REGISTER_READ,
    _P.REGISTRY_READ,
    _P.REGISTRY_READ_ALL,
}
ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    "guard": _GUARD,
    "customer_service": _CUSTOMER_SERVICE,
    "it_head": _IT_HEAD,
    "equipment_head": _EQUIPMENT_HEAD,
    "supervisor": _GUARD
    | _CUSTOMER_SERVICE
    | {
        _P.INVENTORY_CORRECT,
        _P.ORDER_EXCEPT,
        _P.AUDIT_READ,
        _P.COMMAND_FIRE_RESET,
        _P.COMMAND_MAINTENANCE,
        _P.COMMAND_RELEASE,
        _P.COMMAND_SUPERVISE,
        _P.DUTY_MANAGE,
        _P.EMERGENCY_APPROVE,
        _P.EMERGENCY_CLOSE,
        _P.ESCALATION_TEST,
        _P.KEY_MANAGE,
        _P.LEDGER_EXPORT,
        _P.OPERATOR_AUTHORISE,
        _P.OPERATOR_READ,
        _P.RECOVERY_OPEN,
        _P.REGISTRY_MERGE,
        _P.REGISTRY_READ_ALL,
        _P.STAFF_PERMIT,
    },
    "auditor": _AUDITOR,
    "kiosk": frozenset({_P.OWN_ACCOUNT, _P.KIOSK_USE}),
    "administrator": frozenset(Permission),
}
"""Role → what it may do. The auditor reads everything and changes nothing. The kiosk is the screen at the entrance: ``kiosk.use``, and to be
told who it is, nothing else. ``staff.permit``: the standing permission of own
staff, escorts and keyholders is the head's to give (R4, MEANINGS 16, 17), not customer service's. ``personal.names``: names and photos,
which a guard compares at the door (B3); ``personal.look``: phones, ID numbers and copies as well; each look is recorded with its reason (C4).
``registry.read_all``: files of other departments. ``command.supervise``: who holds it counts as a supervisor at the edges (MEANINGS 21, 27)
and answers for an emergency entry (B7). ``permit.approve``, ``permit.approve_it``: approval as customer service and as IT head (R4). ``order.except``: a late
work order all the same (E1); ``operator.authorise``: as management, that an account
becomes administrator or supervisor, and that data are restored or repaired (D1); ``recovery.open``: asking for the recovery secret's opening, and opening (D3);
``inventory.correct``: what the rooms hold, confirmed by a second who may."""


def allows(role: Role, permission: Permission) -> bool:
    """Whether ``role`` holds ``permission``. An unknown role holds none."""
    return permission in ROLE_PERMISSIONS.get(role, frozenset())
