"""What one running server is made of: handed to endpoints and background services, never a global."""

from dataclasses import dataclass, field
from typing import Protocol

from starlette.requests import HTTPConnection

from controller.site import Site
from server.config import Config
from server.db.clock import Clock
from server.db.engine import Database


class Service(Protocol):
    """Background work with its own threads: started after the database is ready, stopped before it closes."""

    name: str

    def start(self) -> None:
        """Begin. Raises when it cannot; must not block."""
        ...

    def stop(self) -> None:
        """End within 2 s, threads joined. Called once, also when a later service failed to start."""
        ...


@dataclass
class Context:
    """Configuration, database, clock and site of one server. ``services`` are those that the app starts, by name."""

    config: Config
    database: Database
    clock: Clock
    site: Site
    services: dict[str, Service] = field(default_factory=dict)


def context_of(connection: HTTPConnection) -> Context:
    """The context of the app that serves this request."""
    context = connection.app.state.context
    assert isinstance(context, Context)
    return context
