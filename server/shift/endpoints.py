"""All routers of shifts. They come before the register's own: ``/register/incomplete`` is no entry."""

from server.shift.handover_endpoints import router as handover_router
from server.shift.register_endpoints import router as register_router
from server.shift.violation_endpoints import router as violation_router

ROUTERS = [violation_router, handover_router, register_router]
