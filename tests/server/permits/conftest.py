"""The house of the room tests with its people, and a desk with clients of every role."""

import pytest
from fastapi import FastAPI

from tests.server.badges.conftest import populate
from tests.server.browser import context_of_app
from tests.server.permits.making import Desk


@pytest.fixture
def desk(app: FastAPI) -> Desk:
    """On the populated registry."""
    with context_of_app(app).database.write() as session:
        populate(session)
    return Desk(app)
