"""What is personal goes in by the API and is then looked for everywhere it must not be: log, database, policies, records (D6)."""

import gzip
import io
import json
import logging
import re
import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image
from psycopg import sql
from sqlalchemy.exc import IntegrityError

from server.app import create_app
from server.config import Config
from server.context import Context
from server.db.clock import FixedClock
from server.logs import calm_libraries, without_row
from server.personal.resealing import Cursor, Resealed, reseal_batch
from server.personal.uploads import clean_upload
from tests.server.badges.making import attach
from tests.server.browser import context_of_app, token_client
from tests.server.fleet.conftest import Fleet

API = "/api/v1"
TELLING = {
    "name": "欧阳倾城",
    "contact": "司徒无双",
    "changed": "慕容飞雪",
    "phone": "13912345678",
    "contact_phone": "13787654321",
    "email": "situ.wushuang@telling.example",
    "id_number": "11010519491231002X",
    "customer_id_number": "440524188001010014",
    "passport": "E73519462",
}
"""Each is found nowhere but where it was sealed."""


@pytest.fixture
def app(config: Config, clock: FixedClock, caplog: pytest.LogCaptureFixture) -> Iterator[FastAPI]:
    """The application with the log at its most talkative."""
    calm_libraries()
    caplog.set_level(logging.DEBUG)
    made = create_app(config, clock=clock, run_services=False)
    yield made
    made.state.context.close()


def photo() -> bytes:
    """A picture with bytes that are found again."""
    kept = io.BytesIO()
    Image.effect_noise((260, 320), 80).convert("RGB").save(kept, "PNG")
    return kept.getvalue()


def telling_bytes() -> dict[str, list[bytes]]:
    """Each value as it could stand somewhere: UTF-8, other encodings, JSON and URL escapes, without the marks between."""
    spelled = {}
    for what, value in TELLING.items():
        escaped = json.dumps(value)[1:-1]
        ways = {value.encode(), value.encode("utf-16-le"), value.encode("gb18030"), escaped.encode()}
        ways |= {escaped.lower().encode(), value.lower().encode(), value.encode().hex().encode()}
        spelled[what] = sorted(ways)
    return spelled


def unpacked(value: bytes) -> Iterator[bytes]:
    """The bytes, and what is inside if they are compressed."""
    yield value
    for unpack in (zlib.decompress, gzip.decompress, lambda packed: zlib.decompress(packed, -15)):
        try:
            yield unpack(value)
        except (zlib.error, OSError, EOFError):
            continue


def findings(where: str, value: bytes) -> list[str]:
    return [
        f"{what} in {where}"
        for plain in unpacked(value)
        for what, ways in telling_bytes().items()
        if any(way in plain for way in ways)
    ]


def as_bytes(value: Any) -> bytes:
    if isinstance(value, bytes | memoryview):
        return bytes(value)
    return (value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)).encode()


def every_value(context: Context) -> Iterator[tuple[str, bytes]]:
    """Each value of each column of each table, ciphers included."""
    url = context.config.database_url
    if context.database.is_sqlite:
        connection = sqlite3.connect(url.removeprefix("sqlite:///"))
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            cursor = connection.execute(f'SELECT * FROM "{table}"')
            names = [column[0] for column in cursor.description]
            for row in cursor:
                yield from ((f"{table}.{name}", as_bytes(value)) for name, value in zip(names, row, strict=True))
        connection.close()
        return
    with psycopg.connect(url) as found:
        tables = [name for (name,) in found.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        for table in tables:
            got = found.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table)))
            names = [column.name for column in got.description or []]
            for values in got:
                yield from ((f"{table}.{name}", as_bytes(value)) for name, value in zip(names, values, strict=True))


def done(answer: Any, *statuses: int) -> Any:
    assert answer.status_code in (statuses or (200, 201, 204)), answer.text
    return answer


def live(api: TestClient, picture: bytes) -> list[Any]:
    """Everything that takes personal data, well and badly; the answers that were given."""
    t = TELLING
    key = {"Idempotency-Key": "first"}
    contract = {"from": "2026-01-01", "areas": ["hall"]}
    answers = [
        done(
            api.post(
                f"{API}/customers",
                json={"code": "C1", "kind": "organisation", "name": "华云数据", "contract": contract},
            )
        ),
        done(
            api.post(
                f"{API}/customers",
                json={"code": "P1", "kind": "individual", "name": "小店", "id_number": t["customer_id_number"]},
                headers={"Idempotency-Key": "customer"},
            )
        ),
        done(
            api.post(
                f"{API}/contacts",
                json={"customer": "C1", "name": t["contact"], "phone": t["contact_phone"], "email": t["email"]},
                headers={"Idempotency-Key": "contact"},
            )
        ),
    ]
    new = {"customer": "C1", "external_id": "li", "name": t["name"], "phone": t["phone"]}
    identity = {"id_document": "id_card", "id_number": t["id_number"]}
    made = done(api.post(f"{API}/holders", json=new | identity, headers=key))
    assert api.post(f"{API}/holders", json=new | identity, headers=key).json() == made.json(), "replayed"
    holder = made.json()["id"]
    answers += [
        made,
        done(api.patch(f"{API}/holders/{holder}", json={"name": t["changed"]})),
        done(api.post(f"{API}/holders", json=new | {"id_number": t["passport"]}), 409, 422),
        done(api.post(f"{API}/holders", json={"customer": "C1", "name": t["name"], "phone": [t["phone"]]}), 422),
        done(api.post(f"{API}/holders", json={"customer": "NONE", "name": t["name"]}), 404, 422),
        done(api.post(f"{API}/contacts", json={"customer": "C1", "name": t["contact"], "shoe": t["phone"]}), 422),
    ]
    answers += [
        done(api.get(f"{API}/{path}"))
        for path in (
            "customers",
            "contacts",
            "holders",
            f"holders/{holder}",
            f"holders/{holder}/history",
        )
    ]
    answers += [api.get(f"{API}/{path}") for path in ("duplicates", "registry/changes", "edges", "policies", "doors")]
    applied = done(
        api.post(
            f"{API}/applications",
            json={"holder": holder, "purpose": "routine maintenance", "consent": True},
            headers={"Idempotency-Key": "application"},
        )
    )
    application = applied.json()["id"]
    answers.append(applied)
    for part in ("photo", "id_copy", "letter"):
        answers.append(done(attach(api, application, part, picture)))
    answers.append(done(api.post(f"{API}/applications/{application}/approve", json={"external_id": "b1"})))
    card = {"technology": "desfire", "number": "M1001"}
    answers.append(done(api.post(f"{API}/badges/b1/issue", json={"number": "1001", "card": card})))
    answers += [done(api.get(f"{API}/{path}")) for path in ("applications", "badges", "badges/b1", "audit", "events")]
    return answers


def look_at_all(api: TestClient, answers: list[Any]) -> None:
    """Looks show the values to who asked, and leave nothing behind."""
    holder = next(
        answer.json()["id"] for answer in answers if "holders" in str(answer.url) and answer.status_code == 201
    )
    seen = done(
        api.post(
            f"{API}/holders/{holder}/look",
            json={"fields": ["name", "phone", "id_number"], "reason": "核对来访登记"},
        )
    ).json()
    assert seen == {"name": TELLING["changed"], "phone": TELLING["phone"], "id_number": TELLING["id_number"]}
    for attachment in photos(api):
        done(api.post(f"{API}/attachments/{attachment}/look", json={"reason": "核对来访登记"}))


def photos(api: TestClient) -> list[str]:
    (application,) = api.get(f"{API}/applications").json()["items"]
    return list(application["attachments"].values())


def test_nothing_personal_stands_in_clear_where_it_must_not(
    app: FastAPI,
    clock: FixedClock,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    picture = photo()
    pieces = [body[200:240] for body in (picture, clean_upload("photo", picture).body)]
    context = context_of_app(app)
    api = token_client(app)
    fleet = Fleet(context, clock, api)
    edge = fleet.enrolled()
    answers = live(api, picture)
    look_at_all(api, answers)
    found = [finding for answer in answers for finding in findings(f"answer of {answer.url}", answer.content)]
    fleet.turn()
    reseal(context)
    fleet.turn()
    fleet.say(edge, "request", edge.request(want="snapshot", version=fleet.kept(edge).version))
    fleet.turn()
    assert {to.rpartition("/")[2] for to, _, _ in fleet.broker.published} >= {"policy", "chunk"}
    found += [finding for to, payload, _ in fleet.broker.published for finding in findings(to, payload)]

    values = list(every_value(context))
    assert {where for where, value in values if where.startswith("idempotent_answer.body") and value}, "one was kept"
    written = {where for where, value in values if value not in (b"null", b"")}
    assert {"registry_change.after", "audit_entry.after", "policy_snapshot.canonical"} <= written
    found += [finding for where, value in values for finding in findings(where, value)]
    assert not [where for where, value in values if any(piece in value for piece in pieces)]

    printed = capfd.readouterr()
    assert "policies" in printed.out + printed.err + caplog.text
    found += findings("the log", (printed.out + printed.err + caplog.text).encode())

    for path in [*context.config.dir.rglob("*"), *tmp_path.glob("menjin.db*")]:
        if path.is_file():
            content = path.read_bytes()
            found += findings(str(path.name), content)
            assert not any(piece in content for piece in pieces), path
    assert found == []


def reseal(context: Context) -> None:
    cursor = Cursor()
    while cursor.table is not None:
        reseal_batch(context.database, context.personal, cursor, Resealed())


@pytest.mark.postgresql
@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=False)
def test_a_row_that_postgresql_refuses_is_not_quoted_in_the_log(app: FastAPI) -> None:
    with context_of_app(app).database.write() as session:
        statement = "INSERT INTO holder (kind, name_clear) VALUES ('ghost', %(name)s)"
        with pytest.raises(IntegrityError) as refused:
            session.connection().exec_driver_sql(statement, {"name": TELLING["name"]})
        session.rollback()
    assert findings("x", str(refused.value).encode()), "PostgreSQL quotes it"
    assert findings("x", without_row(str(refused.value)).encode()) == []


def test_the_search_finds_what_it_looks_for() -> None:
    assert findings("x", "姓名：欧阳倾城".encode()) == ["name in x"]
    assert findings("x", zlib.compress(b"tel 13912345678")) == ["phone in x"]
    assert findings("x", rb"\u6b27\u9633\u503e\u57ce") == ["name in x"]
    assert re.findall("id_number", "".join(findings("x", b"11010519491231002x"))) == ["id_number"]
