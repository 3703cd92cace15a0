"""The description of the API, behind sign-in: made from the endpoints, with what FastAPI does not know of (DESIGN 16)."""

from typing import Annotated, Any

from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from starlette.responses import JSONResponse

from server.operators.actor import Actor
from server.operators.guard import COOKIE, requires
from server.operators.permissions import Permission
from server.problems import MEDIA_TYPE
from server.routes import API_PREFIX, api_router

router = api_router("/openapi.json", "description")

PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457 problem document.",
    "required": ["type", "title", "status", "code", "detail", "detail_zh"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "stable; a rule's reason in capitals, else snake_case"},
        "detail": {"type": "string", "description": "what, where, what to do, in English"},
        "detail_zh": {"type": "string", "description": "the same in Chinese"},
        "field": {"type": "string", "description": "the input that is at fault"},
    },
}
_REFUSAL = {
    "description": "Refused; nothing was changed.",
    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
SECURITY = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "a token of `POST /api/v1/tokens`"},
    "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
}


@router.get("")
def openapi_document(request: Request, _actor: Annotated[Actor, requires(Permission.OWN_ACCOUNT)]) -> JSONResponse:
    """This description."""
    app = request.app
    if not hasattr(app.state, "openapi"):
        app.state.openapi = describe(app)
    return JSONResponse(app.state.openapi)


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of every endpoint below ``/api/v1``."""
    document = get_openapi(
        title="menjin",
        version="1",
        summary="Physical access control: registry, badges, fleet, ledger.",
        description="Times are RFC 3339 with Z. Errors are RFC 9457 problem documents. `POST`s may be repeated with `Idempotency-Key`.",
        routes=app.routes,
    )
    document["paths"] = {path: item for path, item in document["paths"].items() if path.startswith(API_PREFIX)}
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Problem"] = PROBLEM_SCHEMA
    components["securitySchemes"] = SECURITY
    document["security"] = [{name: []} for name in SECURITY]
    for item in document["paths"].values():
        for operation in item.values():
            responses = operation["responses"]
            responses.pop("422", None)
            responses["4XX"] = _REFUSAL
            responses["503"] = _REFUSAL | {"description": "The database is busy or away: try again."}
    return document
