"""A ledger on both databases, with two enrolled edges."""

from collections.abc import Callable

import pytest

from server.db.engine import Database
from server.db.model import metadata
from server.db.models import import_models
from server.fleet.models import Edge
from server.ledger.writer import Ledger, Outcome
from tests.server.conftest import START
from tests.server.edges import AT_US, WireEdge

SOFTWARE = "test-1"
Take = Callable[..., list[Outcome]]


@pytest.fixture(autouse=True)
def tables(database: Database) -> None:
    import_models()
    metadata.create_all(database.engine)


@pytest.fixture
def edge_ids(database: Database) -> dict[str, int]:
    """Two edges' database ids by name."""
    ids = {}
    with database.write() as session:
        for name in ("edge-1", "edge-2"):
            edge = Edge(name=name, created_at=START, epoch=1)
            session.add(edge)
            session.flush()
            assert edge.id is not None
            ids[name] = edge.id
    return ids


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database, SOFTWARE)


@pytest.fixture
def take(ledger: Ledger, edge_ids: dict[str, int]) -> Take:
    """Put batches of an edge into the ledger in one transaction."""

    def put(edge: WireEdge, *batches: object) -> list[Outcome]:
        with ledger.writing(AT_US) as writer:
            return [writer.take(edge_ids[edge.name], batch) for batch in batches]  # type: ignore[arg-type]

    return put
