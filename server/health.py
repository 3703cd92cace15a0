"""``GET /api/v1/health``: whether the server can read its database; no secrets, no permission. ``GET /api/v1/server``: how it does, for who
looks after it."""

import shutil
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field
from sqlalchemy import text
from sqlmodel import Session, select

from controller.release import SOFTWARE
from controller.site import Site
from controller.site_checks import SiteError, parse_site
from server.context import Context
from server.db.clock import to_us
from server.fleet.compiling import fingerprint
from server.fleet.models import FleetState
from server.fleet.service import FleetService
from server.keys import ROOT_FILE, KeysError, SigningKey, load_keys
from server.operators.actor import Actor
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.rfc3339 import rfc3339
from server.routes import AppContext, DbSession, api_router

router = api_router("", "health")

LOW_DISK = 0.1
LOW_DISK_BYTES = 2 * 1024**3
"""Less than a tenth and less than this is low."""


class DatabaseState(BaseModel):
    """``kind``: sqlite or postgresql; ``schema_version``: its newest migration."""

    kind: str
    size_bytes: int
    schema_version: str


class DiskState(BaseModel):
    """Where the server keeps database and keys."""

    free_bytes: int
    total_bytes: int
    low: bool


class BrokerState(BaseModel):
    """``leads``: this process talks to the edges; of several processes only one does. ``trouble``: why it is not connected; ``dropped``: messages
    that came faster than they could be taken (their edges send them again)."""

    host: str
    port: int
    tls: bool
    leads: bool
    connected: bool
    trouble: str
    dropped: int


class KeyState(BaseModel):
    """A server key. ``state``: it signs now; comes later; is only checked by; has ended."""

    kid: str
    from_: str = Field(serialization_alias="from")
    until: str
    signs_from: str
    state: Literal["signs", "coming", "past", "ended"]


class KeysState(BaseModel):
    """``ends_soon``: rotate; ``root_here``: the root key lies beside the server's, where it is not to stay."""

    keys: list[KeyState]
    ends_soon: bool
    root_here: bool


class SiteState(BaseModel):
    """``digest``: of the site file that this server reads, with its compiler's version. ``compiled``: the newest policies were made of it; ``file``: what lies on the disk
    now is the ``same``, ``changed`` since the server began, or ``unreadable`` (then ``fault`` says where)."""

    digest: str
    compiled: bool
    file: Literal["same", "changed", "unreadable"]
    fault: str


class ServiceState(BaseModel):
    """Background work."""

    name: str
    alive: bool


class ServerState(BaseModel):
    """How this server process does."""

    software: str
    now: str
    time_zone: str
    database: DatabaseState
    disk: DiskState
    broker: BrokerState | None
    services: list[ServiceState]
    keys: KeysState
    site: SiteState


@router.get("/health")
def health(session: DbSession, context: AppContext) -> dict[str, str]:
    """``{"status": "ok", "site": …}``, or the problem ``database_unavailable``."""
    session.connection().execute(text("SELECT 1"))
    return {"status": "ok", "site": context.site.id}


@router.get("/server")
def server_state(
    session: DbSession, context: AppContext, _actor: Annotated[Actor, requires(Permission.FLEET_READ)]
) -> ServerState:
    """Software, database, disk, broker, background work, keys, site file."""
    now = context.clock.now()
    return ServerState(
        software=SOFTWARE,
        now=rfc3339(to_us(now)),
        time_zone=context.site.time_zone,
        database=_database(session, context),
        disk=_disk(context.config.dir),
        broker=_broker(context),
        services=[ServiceState(name=service.name, alive=service.alive) for service in context.services.values()],
        keys=_keys(context, to_us(now)),
        site=_site(session, context),
    )


def _database(session: Session, context: Context) -> DatabaseState:
    connection = session.connection()
    if context.database.is_sqlite:
        pages, size = (connection.scalar(text(f"PRAGMA {name}")) or 0 for name in ("page_count", "page_size"))
        size_bytes = pages * size
    else:
        size_bytes = connection.scalar(text("SELECT pg_database_size(current_database())")) or 0
    schema = connection.scalar(text("SELECT version_num FROM alembic_version")) or ""
    kind = "sqlite" if context.database.is_sqlite else "postgresql"
    return DatabaseState(kind=kind, size_bytes=size_bytes, schema_version=schema)


def _disk(folder: Path) -> DiskState:
    found = shutil.disk_usage(folder)
    low = found.free < LOW_DISK_BYTES and found.free < LOW_DISK * found.total
    return DiskState(free_bytes=found.free, total_bytes=found.total, low=low)


def _broker(context: Context) -> BrokerState | None:
    fleet = context.services.get(FleetService.name)
    if not isinstance(fleet, FleetService):
        return None
    client, address = fleet.mqtt, fleet.mqtt.address
    return BrokerState(
        host=address.host,
        port=address.port,
        tls=address.tls,
        leads=fleet.leads,
        connected=client.connected,
        trouble=client.trouble if fleet.leads else "",
        dropped=client.dropped,
    )


def _keys(context: Context, now_us: int) -> KeysState:
    keys = context.keys
    with suppress(
        KeysError, OSError
    ):  # what is at hand signs on; `menjin server` says at its start what is wrong with the file
        keys = load_keys(context.config.dir)  # rotated meanwhile, maybe
    try:
        signs = keys.signing(now_us).kid
    except KeysError:
        signs = ""
    shown = [
        KeyState(
            kid=key.kid,
            from_=rfc3339(key.from_us),
            until=rfc3339(key.until_us),
            signs_from=rfc3339(key.sign_from_us),
            state=_stands(key, signs, now_us),
        )
        for key in sorted(keys.keys, key=lambda key: key.sign_from_us, reverse=True)
    ]
    return KeysState(keys=shown, ends_soon=keys.ends_soon(now_us), root_here=(context.config.dir / ROOT_FILE).exists())


def _stands(key: SigningKey, signs: str, now_us: int) -> Literal["signs", "coming", "past", "ended"]:
    if now_us >= key.until_us:
        return "ended"
    if key.kid == signs:
        return "signs"
    return "coming" if key.sign_from_us > now_us else "past"


def _site(session: Session, context: Context) -> SiteState:
    digest = fingerprint(context.site)
    compiled = session.exec(select(FleetState.compiled_site)).first() == digest
    found: Site | None = None
    fault = ""
    try:
        path = context.config.site_file
        found = parse_site(path.read_text("utf-8"), path.name)
    except (OSError, UnicodeDecodeError, SiteError) as error:
        fault = str(error)
    file: Literal["same", "changed", "unreadable"] = "unreadable"
    if found is not None:
        file = "same" if fingerprint(found) == digest else "changed"
    return SiteState(digest=digest, compiled=compiled, file=file, fault=fault)
