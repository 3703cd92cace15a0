"""The routers of the console's pages, in the order in which their paths are tried."""

from fastapi import APIRouter

from server.console.endpoints import router as console
from server.console.equipment import router as equipment
from server.console.handover import router as handover
from server.console.visits import router as visits

ROUTERS: list[APIRouter] = [
    console,
    visits,
    equipment,
    handover,
]
