"""All routers of the duties."""

from server.duty.key_endpoints import router as keys

ROUTERS = [keys]
