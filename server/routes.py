"""Routers of the API: one commit per request, idempotent POSTs, problems as answers (DESIGN 15, 16).

    router = api_router("/customers", "customers")

    @router.post("", status_code=201)
    def create(session: DbSession, actor: Annotated[Actor, requires(Permission.REGISTRY_WRITE)], given: NewCustomer): ...

The session begins with its first statement: reading for GET and HEAD, writing otherwise. It is committed after the
endpoint's answer was built, and rolled back when the endpoint raised or answered with an error. Endpoints are plain
``def`` (they run in the thread pool); a streaming answer must not use ``DbSession`` but ``context.database.read()``.
"""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.routing import APIRoute
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool

from server import idempotency
from server.context import Context, context_of

API_PREFIX = "/api/v1"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class TransactionRoute(APIRoute):
    """A route that owns the request's session."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, wrapped in the transaction."""
        handle = super().get_route_handler()

        async def in_transaction(request: Request) -> Response:
            request.state.session = None
            request.state.turn = None
            request.state.replay = None
            try:
                response = await handle(request)
                if request.state.session is not None:
                    await run_in_threadpool(_finish, request, response)
                return response
            except Replay as replay:
                return replay.response
            finally:
                try:
                    if request.state.session is not None:
                        await run_in_threadpool(request.state.session.close)
                finally:
                    if request.state.turn is not None:
                        request.state.turn.release()

        return in_transaction


class Replay(Exception):  # an answer that was given before takes the place of the endpoint
    """Raised by a dependency to answer without running the endpoint."""

    def __init__(self, response: Response) -> None:
        super().__init__("stored answer")
        self.response = response


def _finish(request: Request, response: Response) -> None:
    session: Session = request.state.session
    if response.status_code >= 400:
        session.rollback()
        return
    if request.state.replay is not None:
        actor, key, hashed = request.state.replay
        idempotency.store_answer(
            session,
            idempotency.IdempotentAnswer(
                actor=actor,
                key=key,
                request_hash=hashed,
                status=response.status_code,
                media_type=response.headers.get("content-type", "application/json"),
                body=bytes(response.body),
                at=context_of(request).clock.now(),
            ),
        )
    session.commit()


async def session_of(request: Request) -> Session:
    """The request's session, made at its first use, when it is this request's turn. Raises :class:`server.problems.Problem` 503."""
    return await _session(request, writes=request.method not in SAFE_METHODS)


async def reading_session_of(request: Request) -> Session:
    """As :func:`session_of`, reading whatever the method."""
    return await _session(request, writes=False)


async def _session(request: Request, *, writes: bool) -> Session:
    if request.state.session is None:
        context = context_of(request)
        request.state.turn = await (context.writers if writes else context.readers).take()
        request.state.session = context.database.new_session(writes=writes)
    session = request.state.session
    assert isinstance(session, Session)
    return session


DbSession = Annotated[Session, Depends(session_of)]
"""The request's session."""

ReadingSession = Annotated[Session, Depends(reading_session_of)]
"""The session of a POST that only asks, because what is asked for must stand in no address: it does not hold up who writes."""

AppContext = Annotated[Context, Depends(context_of)]
"""The server's context."""


def api_router(path: str, tag: str) -> APIRouter:
    """A router below ``/api/v1`` whose endpoints run in one transaction each. Register it in ``server/app.py``."""
    return APIRouter(prefix=API_PREFIX + path, tags=[tag], route_class=TransactionRoute)
