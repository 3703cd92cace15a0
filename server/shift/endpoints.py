"""All routers of shifts. They come before the register's own: ``/register/incomplete`` is no entry."""

from server.shift.violation_endpoints import router as violation_router

ROUTERS = [violation_router]
