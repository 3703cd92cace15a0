"""Files handed in over HTTP, well and badly."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import select

from server.badges.models import Application
from server.personal.models import Attachment
from tests.server.browser import browser, context_of_app, token_client
from tests.server.conftest import ON_SQLITE
from tests.server.personal.conftest import new_application, pdf, picture
from tests.server.personal.test_uploads import with_exif

MEGABYTE = 1_000_000


@pytest.fixture
def application(app: FastAPI) -> Application:
    context = context_of_app(app)
    with context.database.write() as session:
        return new_application(session, context)


def put(client: TestClient, application: Application, part: str, body: Any, media_type: str = "image/jpeg") -> Any:
    path = f"/api/v1/applications/{application.public_id}/attachments/{part}"
    return client.put(path, content=body, headers={"Content-Type": media_type})


def kept(app: FastAPI) -> list[Attachment]:
    with context_of_app(app).database.read() as session:
        return list(session.exec(select(Attachment)).all())


def test_what_is_handed_in_is_kept_sealed_and_shown_at_a_look_without_its_position(
    app: FastAPI, application: Application
) -> None:
    client = token_client(app)
    assert put(client, application, "photo", with_exif()).status_code == 200
    assert put(client, application, "letter", pdf(), "application/pdf").status_code == 200
    photo, letter = kept(app)
    assert (photo.part, photo.media_type, letter.part, letter.media_type) == (
        "photo",
        "image/jpeg",
        "letter",
        "application/pdf",
    )
    seen = client.post(f"/api/v1/attachments/{photo.public_id}/look", json={"reason": "照片核对"})
    assert seen.status_code == 200
    assert len(seen.content) == photo.size
    assert b"SECRET" not in seen.content


@ON_SQLITE
def test_a_text_file_named_photo_jpg_is_told_what_it_is(app: FastAPI, application: Application) -> None:
    refused = put(token_client(app), application, "photo", "这是我的照片".encode())
    assert refused.status_code == 415
    problem = refused.json()
    assert (problem["code"], problem["field"]) == ("file_type_refused", "photo")
    assert "this is a text file" in problem["detail"]
    assert "该文件是文本文件" in problem["detail_zh"]
    assert kept(app) == []


@ON_SQLITE
def test_nothing_is_kept_of_what_is_refused(app: FastAPI, application: Application) -> None:
    client = token_client(app)
    for part, body in (("photo", b""), ("photo", pdf()), ("photo", picture()[:300]), ("letter", pdf()[:100])):
        assert put(client, application, part, body).status_code in (415, 422)
    assert put(client, application, "passport", picture()).status_code == 422
    assert kept(app) == []
    assert context_of_app(app).erasable.made_before(context_of_app(app).clock.now().replace(year=2099), "", 10) == []


@ON_SQLITE
@pytest.mark.parametrize("chunked", [False, True])
def test_200_megabytes_are_refused(app: FastAPI, application: Application, chunked: bool) -> None:
    def body() -> Iterator[bytes]:
        for _ in range(200):
            yield bytes(MEGABYTE)

    client = token_client(app)
    if chunked:
        refused = put(client, application, "photo", body())
    else:
        path = f"/api/v1/applications/{application.public_id}/attachments/photo"
        refused = client.put(path, content=b"x", headers={"Content-Length": str(200 * MEGABYTE)})
    assert (refused.status_code, refused.json()["code"]) == (413, "body_too_large")
    assert re.search(r"10485760", refused.json()["detail"])


@ON_SQLITE
def test_a_file_between_the_two_limits_is_taken_as_attachment_and_nowhere_else(
    app: FastAPI, application: Application
) -> None:
    client = token_client(app)
    large = picture() + bytes(2 * MEGABYTE)
    assert put(client, application, "photo", large).status_code == 200
    assert client.post("/api/v1/customers", content=large).status_code == 413


@ON_SQLITE
def test_strangers_and_those_without_the_permission_hand_in_nothing(app: FastAPI, application: Application) -> None:
    assert put(browser(app), application, "photo", picture()).status_code == 401
    assert put(token_client(app, "guard"), application, "photo", picture()).status_code == 403
    assert kept(app) == []
