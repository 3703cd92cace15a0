"""The routers of the console's pages, in the order in which their paths are tried."""

from fastapi import APIRouter

from server.console.approvals import router as approvals
from server.console.endpoints import router as console
from server.console.equipment import router as equipment
from server.console.handover import router as handover
from server.console.monitor import router as monitor
from server.console.permits import router as permits
from server.console.violations import router as violations
from server.console.visits import router as visits

ROUTERS: list[APIRouter] = [
    console,
    monitor,
    permits,  # /visits/cards before /visits/{name}
    visits,
    violations,
    equipment,
    handover,
    approvals,
]
