"""Who may call an endpoint: authentication, permission, and the check against forged requests (D1, DESIGN 16).

    actor: Annotated[Actor, requires(Permission.BADGE_ISSUE)]

:func:`endpoints_without_permission` finds what names none; the app refuses to start with such an endpoint.
"""

import hashlib
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, cast
from urllib.parse import urlsplit

from fastapi import Depends, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from sqlmodel import Session, col, select
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute

from server import idempotency
from server.context import context_of
from server.operators.actor import Actor
from server.operators.models import ApiToken, Operator, OperatorSession, TotpRole
from server.operators.permissions import Permission, Role
from server.problems import Problem, not_permitted
from server.routes import SAFE_METHODS, Replay, session_of

COOKIE = "__Host-menjin"
"""The session cookie: Secure, path /, no domain. Browsers keep it on https and on loopback."""
KIOSK_COOKIE = "__Host-menjin-kiosk"
"""What a kiosk is signed in by: the token of a program with the role ``kiosk``, which counts for the kiosk's own paths alone."""
_KIOSK_PATHS = ("/kiosk", "/api/v1/kiosk/")


class Requirement:
    """The dependency behind :func:`requires`."""

    def __init__(self, permission: Permission, *, secret_answer: bool) -> None:
        self.permission = permission
        self.secret_answer = secret_answer

    async def __call__(self, request: Request) -> Actor:
        """The actor, when it holds the permission. Raises :class:`Problem` 401 or 403."""
        actor = await run_in_threadpool(authenticate, request)
        if actor is None:
            raise not_signed_in()
        if not actor.may(self.permission):
            raise _refusal(actor, self.permission)
        key = request.headers.get(idempotency.HEADER)
        if key is not None and request.method == "POST":
            await self._replay(request, actor, key, await request.body())
        return actor

    async def _replay(self, request: Request, actor: Actor, key: str, body: bytes) -> None:
        if self.secret_answer:
            raise Problem(
                400,
                "idempotency_key_refused",
                "Request or answer hold a secret, and nothing of them is kept: send the request without Idempotency-Key.",
                "请求或回复含有密码或密钥，不予保存：请不要使用 Idempotency-Key。",
                field=idempotency.HEADER,
            )
        hashed = idempotency.request_hash(request.method, request.url.path, body)
        now = context_of(request).clock.now()
        session = await session_of(request)
        found = await run_in_threadpool(lambda: idempotency.stored_answer(session, actor.public_id, key, hashed, now))
        if found is not None:
            raise Replay(Response(found.body, found.status, {"Idempotent-Replay": "true"}, found.media_type))
        request.state.replay = (actor.public_id, key, hashed)


def requires(permission: Permission, *, secret_answer: bool = False) -> Any:
    """The dependency by which an endpoint names its permission and learns who asks.

    ``secret_answer``: the answer shows a secret once (a token, a one-time password) and must not be kept for replay; or the request holds one (a password),
    of which not even the hash for comparing replays is kept.
    """
    return Depends(Requirement(permission, secret_answer=secret_answer))


def not_signed_in() -> Problem:
    """401: nobody we know."""
    return Problem(
        401,
        "not_signed_in",
        "Sign in, or send a bearer token.",
        "请先登录，或提供访问令牌。",
        headers={"WWW-Authenticate": "Bearer"},
    )


def _refusal(actor: Actor, permission: Permission) -> Problem:
    if actor.must_change:
        return Problem(
            403,
            "password_change_required",
            "Choose a new password first: POST /api/v1/account/password.",
            "请先修改密码。",
        )
    if actor.must_enrol:
        return Problem(
            403,
            "second_factor_missing",
            "Your role works with a second factor: set it up first, under your own account (/account).",
            "您的角色须启用第二因素：请先在“我的账号”（/account）中设置。",
        )
    if actor.scopes is not None and permission.value not in actor.scopes:
        return Problem(
            403,
            "not_permitted",
            f"This token's scopes do not include {permission.value}.",
            f"该令牌的范围不包含权限 {permission.value}。",
        )
    return not_permitted(actor.role, permission.value)


def hash_token(token: str) -> str:
    """How a session's or bearer token is kept. Tokens have 256 random bits: a plain hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()


def authenticate(connection: HTTPConnection) -> Actor | None:
    """Who sends this request, by bearer token or session cookie; None when nobody. Reads the database each time, so
    that a revoked session, token or operator is out at once. Raises :class:`Problem` for a forged cookie request."""
    context = context_of(connection)
    now = context.clock.now()
    address = connection.client.host if connection.client else ""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        with context.database.read() as session:
            return _token_actor(session, token.strip(), now, address)
    cookie, kiosk = connection.cookies.get(COOKIE), connection.cookies.get(KIOSK_COOKIE)
    if not connection.scope["path"].startswith(_KIOSK_PATHS):
        kiosk = None
    if not cookie and not kiosk:
        return None
    if connection.scope.get("method", "GET") not in SAFE_METHODS:
        refuse_forged(connection)
    with context.database.read() as session:
        actor = kiosk_actor(session, kiosk, now, address) if kiosk else None
        if actor is not None or not cookie:
            return actor
        return _session_actor(session, cookie, now, address, context.config.password_max_age_days)


def refuse_forged(connection: HTTPConnection) -> None:
    """Refuse an unsafe request that another site's page sent: Sec-Fetch-Site, else Origin, must be our own."""
    site = connection.headers.get("sec-fetch-site")
    if site is not None:
        same = site == "same-origin"
    else:
        origin = connection.headers.get("origin", "")
        same = bool(origin) and urlsplit(origin).netloc == connection.headers.get("host")
    if not same:
        raise Problem(
            403,
            "cross_site_request",
            "This request did not come from the console's own pages.",
            "该请求不是由本控制台页面发出的。",
        )


def _token_actor(session: Session, token: str, now: datetime, address: str) -> Actor | None:
    found = session.exec(select(ApiToken).where(ApiToken.token_hash == hash_token(token))).first()
    if found is None or found.revoked_at is not None or (found.expires_at is not None and found.expires_at <= now):
        return None
    if found.made_by is not None and _is_over(session, found.made_by, now):
        return None
    scopes = None if found.scopes is None else frozenset(found.scopes)
    return Actor(
        "token",
        found.public_id,
        found.name,
        cast(Role, found.role),
        address,
        scopes=scopes,
        made_by=found.made_by,
        tokens=_tokens_of(session, found.made_by or found.public_id),
    )


def _is_over(session: Session, person: str, now: datetime) -> bool:
    """Whether this account has closed by itself, as the recovery's does (D3): its tokens go with it. A closed one's were ended then."""
    query = select(Operator.id).where(Operator.public_id == person, col(Operator.closes_at) <= now)
    return session.exec(query).first() is not None


def kiosk_actor(session: Session, token: str, now: datetime, address: str) -> Actor | None:
    """The kiosk that holds this token; None for a token that is over, or another role's: that one opens no page."""
    actor = _token_actor(session, token, now, address)
    return actor if actor is not None and actor.role == "kiosk" else None


def _session_actor(session: Session, token: str, now: datetime, address: str, max_age_days: int) -> Actor | None:
    found = session.exec(
        select(OperatorSession, Operator, TotpRole.role)
        .join(Operator, col(Operator.id) == col(OperatorSession.operator_id))
        .outerjoin(TotpRole, col(TotpRole.role) == col(Operator.role))
        .where(OperatorSession.token_hash == hash_token(token))
    ).first()
    if found is None:
        return None
    signed_in, operator, demanded = found
    if operator.disabled or signed_in.expires_at <= now or (operator.closes_at or signed_in.expires_at) <= now:
        return None
    due = operator.password_changed_at + timedelta(days=max_age_days) if max_age_days > 0 else None
    return Actor(
        "operator",
        operator.public_id,
        operator.name,
        cast(Role, operator.role),
        address,
        signed_in.public_id,
        operator.must_change or (due is not None and due <= now),
        department=operator.department,
        must_enrol=demanded is not None and operator.totp_since is None,
        password_due=due,
        tokens=_tokens_of(session, operator.public_id),
    )


def _tokens_of(session: Session, person: str) -> frozenset[str]:
    return frozenset(session.exec(select(ApiToken.public_id).where(col(ApiToken.made_by) == person)).all())


def endpoints_without_permission(routes: Iterable[BaseRoute], public: frozenset[str]) -> list[str]:
    """``METHOD path`` of every endpoint that names no permission and is not in ``public``."""
    return sorted(line for line, named in endpoint_permissions(routes) if not named and line not in public)


def endpoint_permissions(routes: Iterable[BaseRoute]) -> Iterator[tuple[str, frozenset[Permission]]]:
    """Every endpoint as ``METHOD path`` with the permissions that it names."""
    for route in routes:
        yield from _endpoints(route)


def _endpoints(route: BaseRoute, prefix: str = "") -> Iterator[tuple[str, frozenset[Permission]]]:
    nested = getattr(route, "original_router", None)  # how FastAPI keeps an included router
    if nested is not None:
        prefix += route.include_context.prefix  # type: ignore[attr-defined]
        for inner in nested.routes:
            yield from _endpoints(inner, prefix)
        return
    path = prefix + getattr(route, "path", "?")
    named = frozenset(_named(route.dependant)) if isinstance(route, APIRoute) else frozenset()
    for method in sorted(getattr(route, "methods", None) or {"ANY"}):
        yield f"{method} {path}", named


def _named(dependant: Dependant) -> Iterator[Permission]:
    if isinstance(dependant.call, Requirement):
        yield dependant.call.permission
    for inner in dependant.dependencies:
        yield from _named(inner)
