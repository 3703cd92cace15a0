"""Errors of the API: RFC 9457 problem documents with a stable code and both languages (DESIGN 16)."""

import re
from http import HTTPStatus
from typing import Any

from starlette.responses import JSONResponse

from controller.reasons import Language
from server.chinese import in_chinese

MEDIA_TYPE = "application/problem+json"
TYPE_BASE = "urn:menjin:problem:"
_FOR_PROGRAMS = re.compile(r"([\w.]+) ?[:：] ?")


class Problem(Exception):
    """A request that is refused: raise it anywhere in a service or endpoint; the transaction is rolled back.

    ``code`` is stable and machine-read: a rule's reason in capitals where a rule refuses (``QUOTA_EXCEEDED``), else
    snake_case (``not_found``). ``detail``/``detail_zh`` say what, where and what to do. ``field`` names the input.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        detail_zh: str,
        *,
        field: str | None = None,
        headers: dict[str, str] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.detail_zh = detail_zh
        self.field = field
        self.headers = headers
        self.extra = extra or {}

    def said(self, language: Language) -> str:
        """What a person reads, without the name that says to a program which field it is (``lines.0: …``)."""
        text = self.detail if language == "en" else self.detail_zh
        found = _FOR_PROGRAMS.match(text)
        field = self.field or ""
        if found is None or not (
            field == found[1] or field.startswith(f"{found[1]}.") or field.endswith(f".{found[1]}")
        ):
            return text
        bare = text[found.end() :]
        return bare[:1].upper() + bare[1:]

    def document(self) -> dict[str, Any]:
        """The problem document."""
        body: dict[str, Any] = {
            "type": TYPE_BASE + self.code,
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            "detail_zh": self.detail_zh,
        }
        if self.field is not None:
            body["field"] = self.field
        return body | self.extra

    def response(self) -> JSONResponse:
        """The HTTP answer."""
        return JSONResponse(self.document(), self.status, headers=self.headers, media_type=MEDIA_TYPE)


def not_permitted(role: str, permission: str) -> Problem:
    """403: the role does not hold the permission."""
    return Problem(
        403,
        "not_permitted",
        f"The role {role} does not hold the permission {permission}.",
        f"角色“{in_chinese('role', role)}”没有此项权限。",
    )


def not_found(what: str, what_zh: str, name: str, field: str | None = None) -> Problem:
    """404, or 422 when the missing thing was named in ``field`` of the body."""
    return Problem(
        404 if field is None else 422,
        "not_found",
        f"There is no {what} {name!r}.",
        f"没有该{what_zh}：{name}。",
        field=field,
    )
