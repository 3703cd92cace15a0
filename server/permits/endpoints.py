"""All routers of permits, visits, emergencies and temporary badges."""

from server.permits.card_endpoints import card_router, declaration_router, holder_router
from server.permits.emergency_endpoints import router as emergency_router
from server.permits.permit_endpoints import router as permit_router
from server.permits.visit_endpoints import router as visit_router

ROUTERS = [permit_router, visit_router, emergency_router, card_router, declaration_router, holder_router]
