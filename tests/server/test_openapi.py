"""The description of the API."""

from fastapi import FastAPI
from fastapi.testclient import TestClient

from server.openapi import describe
from server.routes import API_PREFIX
from tests.server.browser import token_client
from tests.server.conftest import ON_SQLITE


@ON_SQLITE
def test_the_description_is_for_those_who_signed_in(app: FastAPI) -> None:
    nobody = TestClient(app, base_url="https://testserver")
    assert nobody.get(f"{API_PREFIX}/openapi.json").status_code == 401
    document = token_client(app).get(f"{API_PREFIX}/openapi.json").json()
    assert document == describe(app)
    assert f"{API_PREFIX}/customers" in document["paths"]


@ON_SQLITE
def test_the_description_holds_the_api_alone_with_its_refusals(app: FastAPI) -> None:
    document = describe(app)
    for path, item in document["paths"].items():
        assert path.startswith(API_PREFIX + "/")
        for method, operation in item.items():
            assert operation["responses"]["4XX"]["content"], (method, path)
            assert "422" not in operation["responses"]
            assert operation.get("description") or operation.get("summary"), (method, path)
    assert "HTTPValidationError" not in str(document)
