"""The application: configuration and clock in, FastAPI app out. Add a noun's router to :func:`routers` and its
background work to :func:`services`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DataError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute
from starlette.types import Scope

from controller.site import Site
from controller.site_checks import SiteError, parse_site
from server.config import Config
from server.context import Context, Service
from server.crm.connection import load_connection
from server.db.clock import Clock, SystemClock, to_us
from server.db.engine import Database, DatabaseError
from server.db.migrate import migrate
from server.duty.items import make_missing, missing_items
from server.escalation.channels import load_channels
from server.keys import ensure_keys
from server.operators.guard import authenticate, endpoints_without_permission, not_signed_in
from server.operators.password_changes import record_max_age
from server.operators.service import ensure_administrator
from server.personal.cipher import ensure_personal_keys
from server.personal.erasable_keys import open_erasable_keys
from server.personal.sealed_rows import holds_sealed_values, report_foreign_keys
from server.problems import Problem
from server.rim import Rim, add_security_headers
from server.routes import API_PREFIX
from server.validation_words import in_chinese

log = structlog.get_logger()

PUBLIC_ENDPOINTS = frozenset(
    {
        f"GET {API_PREFIX}/health",
        f"POST {API_PREFIX}/session",  # sign-in
        f"POST {API_PREFIX}/edges/enrol",  # by its one-time token
        f"POST {API_PREFIX}/registry/webhooks/{{name}}",  # by its signature
        "GET /",
        "GET /static/{digest}/{name:path}",
        "GET /sign-in",
        "POST /sign-in",
        "POST /sign-in/code",  # its second step, by a sealed ticket
        "GET /kiosk/sign-in",
        "POST /kiosk/sign-in",  # by its token
        "POST /preferences",  # language and theme of this browser
    }
)
"""The only endpoints without a permission: those that one calls to obtain it."""

HTTP_CODES = {
    400: ("invalid_input", "无法读取请求内容。"),
    404: ("not_found", "没有该地址。"),
    405: ("method_not_allowed", "该地址不支持此方法。"),
}
"""Refusals that the framework makes: status → code and Chinese text."""


def routers() -> list[APIRouter]:
    """Every noun's routers. Imported here so that ``menjin server token`` need not load them."""
    from server.badges import endpoints as badges
    from server.console import routers as console
    from server.crm.endpoints import router as crm
    from server.duty import endpoints as duty
    from server.equipment import endpoints as equipment
    from server.equipment import guard_endpoints as guarding
    from server.equipment.order_sheet import router as order_sheets
    from server.equipment.slips.endpoints import router as slips
    from server.equipment.slips.file_endpoints import router as slip_files
    from server.escalation.endpoints import router as escalation
    from server.fleet import endpoints as fleet
    from server.health import router as health
    from server.kiosk.endpoints import router as kiosk
    from server.ledger import endpoints as ledger
    from server.openapi import router as openapi
    from server.operators import endpoints as operators
    from server.permits import endpoints as permits
    from server.personal.endpoints import router as personal
    from server.registry import endpoints as registry
    from server.reports.endpoints import router as reports
    from server.rooms import endpoints as rooms
    from server.roster.endpoints import router as roster
    from server.shift import endpoints as shift

    return [
        health,
        openapi,
        *operators.ROUTERS,
        *registry.ROUTERS,
        personal,
        crm,
        *badges.ROUTERS,
        *fleet.ROUTERS,
        *ledger.ROUTERS,
        *shift.ROUTERS,
        *rooms.ROUTERS,
        reports,
        *duty.ROUTERS,
        *permits.ROUTERS,
        *equipment.ROUTERS,
        order_sheets,
        slips,
        slip_files,
        *guarding.ROUTERS,
        escalation,
        roster,
        kiosk,
        *console.ROUTERS,
    ]


def all_routes() -> list[BaseRoute]:
    """The routes themselves: with ``include_router`` each application would build all of them anew, within its first request."""
    return [route for router in routers() for route in router.routes]


def services(context: Context) -> list[Service]:
    """Background work in the order of starting."""
    from server.fleet.service import FleetService
    from server.personal.erasure import ErasureService

    started: list[Service] = [FleetService(context), ErasureService(context)]
    if context.escalation:
        from server.escalation.service import EscalationService

        started.append(EscalationService(context))
    if context.crm is not None and context.crm.url:
        from server.crm.service import CrmService

        started.append(CrmService(context, context.crm))
    return started


def create_app(config: Config, *, clock: Clock | None = None, run_services: bool = True) -> FastAPI:
    """The application on a migrated database, with keys and a first administrator.

    Raises :class:`controller.site.SiteError`, :class:`server.db.engine.DatabaseError`, :class:`server.keys.KeysError`.
    """
    from server.console.floor_plan import floor_plan
    from server.console.live import LiveHub
    from server.console.portraits import Portraits
    from server.console.rendering import Renderer

    context = open_context(config, clock or SystemClock())

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        started: list[Service] = []
        try:
            for service in services(context) if run_services else []:
                context.services[service.name] = service
                started.append(service)
                await run_in_threadpool(service.start)
            yield
        finally:
            for service in reversed(started):
                await run_in_threadpool(_stop, service)
            context.close()

    app = FastAPI(
        title="menjin",
        version="1",
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        routes=all_routes(),
    )
    app.state.context = context
    app.state.renderer = Renderer(context.site, floor_plan(config.site_file, context.site))
    app.state.live = LiveHub(context, app.state.renderer)
    app.state.portraits = Portraits(context)
    context.ledger_grew = app.state.live.hint
    open_endpoints = endpoints_without_permission(app.routes, PUBLIC_ENDPOINTS)
    if open_endpoints:
        raise AssertionError(f"endpoints without a permission: {', '.join(open_endpoints)}")
    app.add_middleware(
        Rim,
        max_body_bytes=config.max_body_bytes,
        body_timeout_s=config.body_timeout_s,
        max_upload_bytes=config.max_attachment_bytes,
        admit_upload=_admit_upload,
    )
    _handle_errors(app)
    return app


def open_context(config: Config, clock: Clock) -> Context:
    """Site, database, keys: everything but HTTP. On an empty database it makes the first administrator."""
    site = _read_site(config.site_file)
    crm = load_connection(config)
    channels = load_channels(config)
    migrate(config.database_url)
    keys = ensure_keys(config.dir, site.id, to_us(clock.now()))
    database = Database(config.database_url)
    try:
        personal = ensure_personal_keys(config.dir, lambda: holds_sealed_values(database))
        report_foreign_keys(database, personal)
        _ensure_administrator(database, config, clock)
        _ensure_duty_items(database, site, clock)
        erasable = open_erasable_keys(config.erasable_keys_url, config.dir, config.database_url)
    except BaseException:
        database.close()
        raise
    return Context(config, database, clock, site, keys, personal, erasable, crm, channels)


def _ensure_administrator(database: Database, config: Config, clock: Clock) -> None:
    try:
        with database.write() as session:
            ensure_administrator(session, config.dir, clock.now())
            record_max_age(session, clock.now(), config.password_max_age_days, config.password_max_age_reason)
    except IntegrityError:
        log.info("another process made the first administrator")
    except OperationalError as error:
        raise DatabaseError(f"database_url: cannot be written: {str(error.orig).strip().splitlines()[0]}") from error


def _ensure_duty_items(database: Database, site: Site, clock: Clock) -> None:
    """What the site has that must be tested is listed from the first start on (L5)."""
    with database.read() as session:
        if not missing_items(session, site):
            return
    try:
        with database.write() as session:
            make_missing(session, site, clock.now())
    except IntegrityError:
        log.info("another process made the duty items")


async def _admit_upload(scope: Scope) -> None:
    """Whoever is not signed in does not get as far as filling memory with a file."""
    if await run_in_threadpool(authenticate, HTTPConnection(scope)) is None:
        raise not_signed_in()


def _read_site(path: Path) -> Site:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SiteError(f"{path}: cannot be read: {error}") from error
    return parse_site(text, str(path))


def _stop(service: Service) -> None:
    try:
        service.stop()
    except Exception:
        log.exception("service did not stop", service=service.name)


def _handle_errors(app: FastAPI) -> None:
    from server.console.errors import page_answer

    @app.exception_handler(Problem)
    async def problem(request: Request, error: Problem) -> Response:
        return page_answer(request, error) or error.response()

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][1:]) or str(first["loc"][0])
        refusal = Problem(
            422, "invalid_input", f"{where}: {first['msg']}", f"{where}：{in_chinese(first)}。", field=where
        )
        return page_answer(request, refusal) or refusal.response()

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        code, zh = HTTP_CODES.get(error.status_code, ("http_error", "请求被拒绝。"))
        refusal = Problem(error.status_code, code, str(error.detail), zh, headers=dict(error.headers or {}))
        return page_answer(request, refusal) or refusal.response()

    @app.exception_handler(IntegrityError)
    async def conflict(_request: Request, error: IntegrityError) -> Response:
        log.warning("database refused a change", error=str(error.orig).splitlines()[0])
        return Problem(
            409, "conflict", "This contradicts what is stored: read it again.", "与已存数据冲突，请刷新后重试。"
        ).response()

    @app.exception_handler(DataError)
    async def unstorable(_request: Request, _error: Exception) -> Response:
        return Problem(
            422, "invalid_input", "The database cannot hold one of these values.", "数据库无法保存其中某个值。"
        ).response()

    @app.exception_handler(OperationalError)
    @app.exception_handler(PoolTimeoutError)
    async def unavailable(_request: Request, error: Exception) -> Response:
        log.error("database unavailable", error=type(error).__name__)
        return Problem(
            503,
            "database_unavailable",
            "The database is busy or away: try again.",
            "数据库繁忙或不可用，请稍后重试。",
            headers={"Retry-After": "2"},
        ).response()

    @app.exception_handler(Exception)
    async def broken(request: Request, error: Exception) -> Response:
        log.error("request failed", path=request.url.path, error=type(error).__name__)
        answer = Problem(
            500, "internal_error", "The server failed here; its log says why.", "服务器内部错误，详见日志。"
        ).response()
        add_security_headers(answer.headers, request.url.scheme)  # this answer is made outside the rim
        return answer
