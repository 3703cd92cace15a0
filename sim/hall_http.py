"""The hall's HTTP interface (docs/interfaces.md) and its page. Loopback only; every error is ``{"error": line}``.

A foreign page in the same browser can neither read (another origin, no CORS) nor act: requests must name this host, come from
this origin if from any, and carry JSON.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sim.documents import document
from sim.doors import LeafHeld
from sim.hall import Hall, HallError
from sim.hall_bodies import (
    Body,
    CardBody,
    DeviceBody,
    DoorBody,
    InterruptBody,
    LayBody,
    LockdownBody,
    PapersBody,
    PassBody,
    PresentBody,
    ReaderBody,
    RexBody,
    ScanBody,
    ZoneBody,
)
from sim.people import People
from sim.site_folder import SiteFolder

PAGE = Path(__file__).parent / "page"
BODY_MAX_BYTES = 16_384
APPLICANT_PARTS = ("photo", "id_copy", "letter")
WATCHERS_MAX = 64
QUEUE_MAX = 512
"""Changes that wait for one slow page; past that its stream ends and it starts afresh."""
TICK_S = 5.0
SECURITY_HEADERS = (
    (b"content-security-policy", b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
     b"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)  # fmt: skip

_T = TypeVar("_T", bound=Body)


class Watchers:
    """Everyone who follows the hall by server-sent events. Changes come from any thread."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._queues: set[asyncio.Queue[bytes | None]] = set()

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def changed(self, kind: str, name: str, state: dict[str, Any]) -> None:
        """Hand one change to all. Called under the hall's lock: returns at once."""
        if self._loop is None or not self._queues or self._loop.is_closed():
            return
        event = _event("change", {"kind": kind, "id": name, "state": state})
        self._loop.call_soon_threadsafe(self._put, event)

    def close(self) -> None:
        for queue in self._queues:
            _end(queue)

    async def stream(self, first: Callable[[], bytes]) -> AsyncIterator[bytes]:
        """The whole state, then every change; a tick when nothing happens."""
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(QUEUE_MAX)
        self._queues.add(queue)
        try:
            yield first()
            while True:
                try:
                    event = await asyncio.wait_for(queue.get(), TICK_S)
                except TimeoutError:
                    event = b"event: tick\ndata: {}\n\n"
                if event is None:
                    return
                yield event
        finally:
            self._queues.discard(queue)

    @property
    def count(self) -> int:
        return len(self._queues)

    def _put(self, event: bytes) -> None:
        for queue in self._queues:
            try:
                queue.put_nowait(event)
            except asyncio.QueueFull:
                _end(queue)


class HallService:
    """The calls. One method each; they run in worker threads."""

    def __init__(self, hall: Hall, folder: SiteFolder) -> None:
        self.hall = hall
        self.people = People(hall)
        self._folder = folder
        self._papers: dict[str, Any] = msgspec.to_builtins(PapersBody())

    def state(self) -> dict[str, Any]:
        return self.hall.state()

    def site(self) -> dict[str, Any]:
        """What the page draws: areas, doors, readers, zones, the plan, and who carries which card."""
        wiring = self._folder.wiring
        given = self._folder.population
        holders = {holder.id: holder for holder in given.holders}
        companies = {customer.code: customer.name for customer in given.customers}
        people = {}
        for badge in given.badges:
            holder = holders.get(badge.holder)
            if holder is not None:
                company = companies.get(holder.customer or "", "")
                people[badge.id] = {"name": holder.name, "customer": holder.customer, "company": company}
        return {
            "site": msgspec.to_builtins(self.hall.site),
            "plan": self._folder.plan,
            "readers": {reader.id: reader.access_point for reader in wiring.readers},
            "scanners": {scanner.id: scanner.access_point for scanner in wiring.scanners},
            "fire": [each.zone for each in wiring.fire],
            "gas": [each.zone for each in wiring.gas],
            "lockdown": [each.area for each in wiring.lockdown],
            "people": people,
        }

    def cards(self, body: CardBody) -> dict[str, Any]:
        uid = None if body.uid is None else bytes.fromhex(body.uid)
        return {"id": body.id, "uid": self.hall.add_card(body.id, body.technology, body.number, uid, body.wrong_key)}

    def present(self, body: PresentBody) -> dict[str, Any]:
        return self.people.present(body.card, body.reader, body.hold_s, body.wait_s, body.timed)

    def scan(self, body: ScanBody) -> dict[str, Any]:
        if bool(body.scanner) == bool(body.access_point):
            raise HallError("scan: name either the scanner or the access point")
        if (body.text is None) == (body.raw_hex is None):
            raise HallError("scan: give either text or raw_hex")
        unit = self.hall.scanner(body.scanner, body.access_point)
        ending = body.terminator or (None if body.text is not None else "none")
        content = body.text.encode() if body.text is not None else bytes.fromhex(body.raw_hex or "")
        return self.people.scan(unit, content, ending, body.fault, body.wait_s, body.timed)

    def papers(self) -> dict[str, Any]:
        """What lies on the table, to be scanned or lent."""
        return self._papers

    def brought(self, who: str, place: int, part: str) -> tuple[bytes, str] | None:
        """(content, media type) of a paper of whoever stands there in the list ``who``: a visitor has a face for the guard's camera, an applicant more."""
        people = self._papers[who]
        parts = ("photo",) if who == "visitors" else APPLICANT_PARTS
        return document(part, people[place]["name"]) if place < len(people) and part in parts else None

    def put_papers(self, body: PapersBody) -> dict[str, Any]:
        """Clear the table and put this on it."""
        self._papers = msgspec.to_builtins(body)
        self.hall.on_change("papers", "", self._papers)
        return {}

    def lay(self, body: LayBody) -> dict[str, Any]:
        self.hall.lay(body.card, body.reader, body.hold_s)
        return {}

    def interrupt(self, body: InterruptBody) -> dict[str, Any]:
        self.hall.interrupt(body.card, body.command, body.effect, body.away)
        return {}

    def remove(self, body: ReaderBody) -> dict[str, Any]:
        self.hall.clear_reader(body.reader)
        return {}

    def door(self, body: DoorBody) -> dict[str, Any]:
        with self.hall.hands_on(body.door) as state:
            acts = {"open": state.open, "close": state.close, "force": state.force, "prop": state.prop}
            if body.act not in acts:
                raise HallError(f"{body.door} has no act {body.act!r}; there are {', '.join(acts)}")
            acts[body.act]()
        return {"open": state.leaf_open, "locked": state.locked}

    def passing(self, body: PassBody) -> dict[str, Any]:
        return self.people.walk_through(body.door, body.people, body.out, body.tailgate)

    def rex(self, body: RexBody) -> dict[str, Any]:
        return {"unlocked": self.people.press_rex(body.door)}

    def fire(self, body: ZoneBody) -> dict[str, Any]:
        return self._zone("fire", body)

    def gas(self, body: ZoneBody) -> dict[str, Any]:
        return self._zone("gas", body)

    def lockdown(self, body: LockdownBody) -> dict[str, Any]:
        self.hall.set_zone("lockdown", body.area, not body.clear)
        return {"area": body.area, "active": not body.clear}

    def tamper(self, body: ZoneBody) -> dict[str, Any]:
        if body.door is None:
            raise HallError("tamper: name the door")
        with self.hall.hands_on(body.door) as state:
            state.tamper(not body.clear)
        return {"tamper": not body.clear}

    def device(self, body: DeviceBody) -> dict[str, Any]:
        self.hall.act(body.device, body.act)
        return {}

    def _zone(self, kind: str, body: ZoneBody) -> dict[str, Any]:
        zones = [body.zone] if body.zone is not None else []
        if not zones and body.door is not None:
            zones = list(self.hall.door(body.door).wiring.fire_zones)
        if not zones:
            raise HallError(f"{kind}: name the zone; there are {', '.join(self.hall.zones[kind]) or 'none'}")
        for zone in zones:
            self.hall.set_zone(kind, zone, not body.clear)
        return {"zones": zones, "active": not body.clear}


def make_app(hall: Hall, folder: SiteFolder, watchers: Watchers, host: str) -> Starlette:
    """The application. ``host``: what requests must name as their host, with the port."""
    service = HallService(hall, folder)
    hall.on_change = watchers.changed

    def get(call: Callable[[], dict[str, Any]]) -> Callable[[Request], Any]:
        async def endpoint(_request: Request) -> Response:
            return JSONResponse(await run_in_threadpool(call))

        return endpoint

    def post(kind: type[_T], call: Callable[[_T], dict[str, Any]]) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            try:
                body = msgspec.json.decode(await _read(request), type=kind)
                return JSONResponse(await run_in_threadpool(call, body))
            except LeafHeld as error:
                return _error(409, str(error))
            except HallError as error:
                return _error(404 if str(error).startswith("no ") else 422, str(error))
            except (msgspec.DecodeError, RecursionError, ValueError) as error:
                return _error(400, f"{request.url.path}: {error}")

        return endpoint

    async def events(_request: Request) -> Response:
        if watchers.count >= WATCHERS_MAX:
            return _error(503, f"{WATCHERS_MAX} pages watch already; close one")
        watchers.attach(asyncio.get_running_loop())
        return StreamingResponse(watchers.stream(lambda: _event("state", hall.state())), media_type="text/event-stream")

    async def index(_request: Request) -> Response:
        return Response((PAGE / "index.html").read_bytes(), media_type="text/html; charset=utf-8")

    def papers_of(who: str) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            asked = request.path_params
            found = await run_in_threadpool(service.brought, who, asked["place"], asked.get("part", "photo"))
            return _error(404, f"no such paper of {who}") if found is None else Response(found[0], media_type=found[1])

        return endpoint

    routes = [
        Route("/", index),
        Route("/state", get(service.state)),
        Route("/site", get(service.site)),
        Route("/events", events),
        Route("/cards", post(CardBody, service.cards), methods=["POST"]),
        Route("/present", post(PresentBody, service.present), methods=["POST"]),
        Route("/scan", post(ScanBody, service.scan), methods=["POST"]),
        Route("/papers", get(service.papers)),
        Route("/papers", post(PapersBody, service.put_papers), methods=["POST"]),
        Route("/visitors/{place:int}.png", papers_of("visitors")),
        Route("/applicants/{place:int}/{part}", papers_of("applicants")),
        Route("/lay", post(LayBody, service.lay), methods=["POST"]),
        Route("/interrupt", post(InterruptBody, service.interrupt), methods=["POST"]),
        Route("/remove", post(ReaderBody, service.remove), methods=["POST"]),
        Route("/door", post(DoorBody, service.door), methods=["POST"]),
        Route("/pass", post(PassBody, service.passing), methods=["POST"]),
        Route("/rex", post(RexBody, service.rex), methods=["POST"]),
        Route("/fire", post(ZoneBody, service.fire), methods=["POST"]),
        Route("/gas", post(ZoneBody, service.gas), methods=["POST"]),
        Route("/lockdown", post(LockdownBody, service.lockdown), methods=["POST"]),
        Route("/tamper", post(ZoneBody, service.tamper), methods=["POST"]),
        Route("/device", post(DeviceBody, service.device), methods=["POST"]),
        Mount("/page", StaticFiles(directory=PAGE)),
    ]

    async def refused(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        why = "no such call" if status == 404 else "not with this method"
        return _error(status, f"{request.method} {request.url.path}: {why}")

    errors: Any = {404: refused, 405: refused}
    return Starlette(routes=routes, exception_handlers=errors, middleware=[Middleware(_Rim, host=host)])


class _Rim:
    """Refuses other hosts and origins before anything is read, and puts the security headers on every answer."""

    def __init__(self, app: ASGIApp, host: str) -> None:
        self._app = app
        port = host.rpartition(":")[2]
        self._hosts = {host, f"localhost:{port}"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        refusal = self._refusal(scope["method"], headers)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *SECURITY_HEADERS]
            await send(message)

        await (self._app if refusal is None else refusal)(scope, receive, send_with_headers)

    def _refusal(self, method: str, headers: dict[bytes, str]) -> Response | None:
        if headers.get(b"host", "") not in self._hosts:
            return _error(421, f"this is {min(self._hosts)}, not {headers.get(b'host', 'nothing')!r:.80}")
        origin = headers.get(b"origin")
        if origin is not None and origin.removeprefix("http://") not in self._hosts:
            return _error(403, f"requests from {origin!r:.80} are refused")
        if method == "POST" and not re.match(r"application/json\s*(;|$)", headers.get(b"content-type", "")):
            return _error(415, "send JSON (content-type: application/json)")
        return None


async def _read(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_MAX_BYTES:
            raise HallError(f"a body of more than {BODY_MAX_BYTES} bytes")
    return bytes(body)


def _event(name: str, data: dict[str, Any]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def _error(status: int, line: str) -> JSONResponse:
    return JSONResponse({"error": " ".join(line.split())}, status)


def _end(queue: asyncio.Queue[bytes | None]) -> None:
    while not queue.empty():
        queue.get_nowait()
    queue.put_nowait(None)
