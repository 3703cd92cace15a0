"""All routers of the duties."""

from server.duty.item_endpoints import item_router, test_router
from server.duty.key_endpoints import router as key_router

ROUTERS = [item_router, test_router, key_router]
