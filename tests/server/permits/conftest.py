"""The house of the rooms' tests with some people, and a desk with clients of every role."""

import pytest
from fastapi import FastAPI

from controller.site_checks import parse_site
from tests.server.badges.conftest import populate
from tests.server.browser import context_of_app
from tests.server.permits.making import Desk
from tests.server.rooms.conftest import HOUSE, RoomEdge


@pytest.fixture
def desk(app: FastAPI) -> Desk:
    """On the populated registry; the hall is a main room."""
    context = context_of_app(app)
    context.site = parse_site(HOUSE)
    with context.database.write() as session:
        populate(session)
    return Desk(app)


@pytest.fixture
def edge(desk: Desk) -> RoomEdge:
    """The edge of all doors but those that name another."""
    return RoomEdge(context_of_app(desk.app), "edge-1")
