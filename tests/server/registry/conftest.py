"""A registry that is filled over its own API."""

from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tests.server.browser import token_client

API = "/api/v1"
CONTRACT = {"from": "2026-01-01", "until": "2026-12-31", "areas": ["hall"]}


@pytest.fixture
def api(app: FastAPI) -> TestClient:
    """An administrator's program."""
    return token_client(app)


def made(client: TestClient, noun: str, /, **body: Any) -> dict[str, Any]:
    """``POST`` that must succeed; the row."""
    answer = client.post(f"{API}/{noun}", json=body)
    assert answer.status_code == 201, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


def organisation(client: TestClient, code: str = "C001", /, **more: Any) -> dict[str, Any]:
    """An organisation with a contract in force."""
    return made(
        client, "customers", **{"code": code, "kind": "organisation", "name": f"{code} 公司"} | more, contract=CONTRACT
    )


def code_of(answer: Any) -> tuple[int, str, str | None]:
    """Status, code and field of a refusal, which has both languages."""
    problem = answer.json()
    assert problem["detail"], problem
    assert problem["detail_zh"], problem
    return answer.status_code, problem["code"], problem.get("field")
