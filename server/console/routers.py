"""The routers of the console's pages, in the order in which their paths are tried."""

from fastapi import APIRouter

from server.console.account import router as account
from server.console.applications import router as applications
from server.console.approvals import router as approvals
from server.console.badges import router as badges
from server.console.customers.pages import router as customers
from server.console.customers.staff import router as staff
from server.console.endpoints import router as console
from server.console.equipment import router as equipment
from server.console.handover import router as handover
from server.console.inside import router as inside
from server.console.kiosk import router as kiosk
from server.console.monitor import router as monitor
from server.console.operators import router as operators
from server.console.permits import router as permits
from server.console.recovery import router as recovery
from server.console.register import router as register
from server.console.reports import router as reports
from server.console.scanned import router as scanned
from server.console.system import router as system
from server.console.system_audit import router as system_audit
from server.console.system_duties import router as system_duties
from server.console.violations import router as violations
from server.console.visits import router as visits

ROUTERS: list[APIRouter] = [
    account,
    operators,
    recovery,
    console,
    monitor,
    scanned,
    kiosk,
    permits,  # /visits/cards before /visits/{name}
    visits,
    violations,
    equipment,
    handover,
    system,
    system_audit,
    system_duties,
    approvals,
    inside,
    register,
    reports,
    customers,
    staff,
    badges,
    applications,
]
