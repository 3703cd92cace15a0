"""What one running server is made of: handed to endpoints and background services, never a global."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from starlette.requests import HTTPConnection

from controller.site import Site
from server.config import Config
from server.crm.connection import CrmConnection
from server.db.clock import Clock
from server.db.engine import Database
from server.escalation.channels import Channel
from server.keys import ServerKeys
from server.personal.cipher import PersonalKeys
from server.personal.erasable_keys import ErasableKeys
from server.turns import SESSIONS_AT_ONCE, SQLITE_WRITERS, Turns

SIGN_INS_AT_ONCE = 2
EXPORTS_AT_ONCE = 2


class Service(Protocol):
    """Background work with its own threads: started after the database is ready, stopped before it closes."""

    name: str

    @property
    def alive(self) -> bool:
        """Whether its work goes on: False when its thread has died."""
        ...

    def start(self) -> None:
        """Begin. Raises when it cannot; must not block."""
        ...

    def stop(self) -> None:
        """End within 2 s, threads joined. Called once, also when a later service failed to start."""
        ...


@dataclass
class Context:
    """Configuration, database, clock, keys and site of one server. ``personal`` seals personal fields, ``erasable`` keeps the keys of
    photos and letters. ``crm``: the CRM that the registry is shared with, if any. ``escalation``: the second channels of alarms. ``services`` are those that the app starts, by name.

    ``readers``, ``writers``: the lines in which requests wait for a session. ``sign_in_turn``: how many passwords are checked at a time, each of which takes 64 MiB; ``roster_turn``: one roster, which
    takes its photos' memory; ``export_turn``: so many large files are made at a time, each of which takes up to some hundred MB. ``ledger_grew``: called from any thread by who has committed events: a hint to the live pages, which read the ledger's sequence all the same. ``stopping`` ends the live streams, which
    would otherwise hold the server until its grace is over.
    """

    config: Config
    database: Database
    clock: Clock
    site: Site
    keys: ServerKeys
    personal: PersonalKeys
    erasable: ErasableKeys
    crm: CrmConnection | None = None
    escalation: tuple[Channel, ...] = ()
    readers: Turns = field(default_factory=lambda: Turns(SESSIONS_AT_ONCE))
    writers: Turns = field(init=False)
    sign_in_turn: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(SIGN_INS_AT_ONCE))
    roster_turn: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))
    export_turn: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(EXPORTS_AT_ONCE))
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    services: dict[str, Service] = field(default_factory=dict)
    ledger_grew: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self.writers = Turns(SQLITE_WRITERS if self.database.is_sqlite else SESSIONS_AT_ONCE)

    def close(self) -> None:
        """Close both databases."""
        self.database.close()
        self.erasable.close()


def context_of(connection: HTTPConnection) -> Context:
    """The context of the app that serves this request."""
    context = connection.app.state.context
    assert isinstance(context, Context)
    return context
