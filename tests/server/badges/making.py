"""Badges made by the API, as a desk makes them: application, documents, approval, card. For tests of all parts.

made = issued_badge(client, holder="li", number="M1001")                 # → the badge as the API shows it
made = issued_badge(client, holder="li", number="M1001", external_id="b-li", card={"technology": "uid", "number": "04…"})
"""

import io
from functools import cache
from typing import Any

from fastapi.testclient import TestClient
from PIL import Image

API = "/api/v1"


@cache
def picture(kind: str = "JPEG", side: int = 240) -> bytes:
    """A picture that is acceptable as photo or ID copy."""
    made = io.BytesIO()
    Image.new("RGB", (side, side), (120, 140, 160)).save(made, kind)
    return made.getvalue()


def application(client: TestClient, holder: str, /, **more: Any) -> Any:
    """``POST /applications``; the answer."""
    body = {"holder": holder, "purpose": "routine maintenance", "consent": True}
    return client.post(f"{API}/applications", json=body | more)


def attach(client: TestClient, application_id: str, part: str, body: bytes | None = None) -> Any:
    """``PUT /applications/{id}/attachments/{part}``; the answer."""
    content = picture() if body is None else body
    path = f"{API}/applications/{application_id}/attachments/{part}"
    return client.put(path, content=content, headers={"Content-Type": "image/jpeg"})


def complete_application(client: TestClient, holder: str, /, **more: Any) -> dict[str, Any]:
    """An application with all that it must carry, as the API shows it."""
    made = application(client, holder, **more)
    assert made.status_code == 201, made.text
    shown: dict[str, Any] = made.json()
    for part in shown["missing"]:
        answer = attach(client, shown["id"], part)
        assert answer.status_code == 200, answer.text
        shown = answer.json()
    return shown


def approve(client: TestClient, application_id: str, /, **more: Any) -> Any:
    """``POST /applications/{id}/approve``; the answer."""
    return client.post(f"{API}/applications/{application_id}/approve", json=more)


def approved_badge(client: TestClient, holder: str, /, *, external_id: str | None = None, **more: Any) -> str:
    """The id of an approved badge, without a card."""
    answer = approve(client, complete_application(client, holder, **more)["id"], external_id=external_id)
    assert answer.status_code == 200, answer.text
    badge_id: str = answer.json()["badge"]
    return badge_id


def issue(client: TestClient, badge: str, number: str, /, card: dict[str, str] | None = None) -> Any:
    """``POST /badges/{id}/issue``; the answer."""
    body = {"number": number, "card": card or {"technology": "desfire", "number": number}}
    return client.post(f"{API}/badges/{badge}/issue", json=body)


def issued_badge(
    client: TestClient,
    holder: str,
    number: str,
    /,
    *,
    card: dict[str, str] | None = None,
    external_id: str | None = None,
    **more: Any,
) -> dict[str, Any]:
    """A badge with a card, as the API shows it. ``card``: by default a DESFire one of the same number. ``more``: of the application:
    ``from``, ``until``, ``schedule``, ``kind``, ``replaces``."""
    badge = approved_badge(client, holder, external_id=external_id, **more)
    answer = issue(client, badge, number, card)
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


def report(client: TestClient, badge: str, as_: str, reason: str = "") -> Any:
    """``POST /badges/{id}/report``; the answer."""
    return client.post(f"{API}/badges/{badge}/report", json={"as": as_, "reason": reason})
