"""All routers of work orders and inventory."""

from server.equipment.correction_endpoints import router as corrections
from server.equipment.inventory_endpoints import discrepancy_router, inventory_router
from server.equipment.order_endpoints import router as orders
from server.equipment.order_file_endpoints import router as order_files

ROUTERS = [order_files, orders, corrections, discrepancy_router, inventory_router]
"""Corrections before the inventory: there ``/inventory/{serial}`` takes any name."""
