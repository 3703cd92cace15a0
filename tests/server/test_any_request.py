"""Whatever is asked, the server does not fail: schemathesis over the whole API, by the description that the server gives of itself."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from server.app import routers
from server.openapi import describe
from tests.server.conftest import SITE
from tests.server.process import running

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
AS = ("--role", "administrator", "--name", "any")
EXAMPLES = 6
"""For each endpoint, beside schemathesis' own cases of every parameter's edge values."""


def _described() -> schemathesis.BaseSchema:
    bare = FastAPI()
    for router in routers():
        bare.include_router(router)
    return schemathesis.openapi.from_dict(describe(bare))


SCHEMA = _described()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The URL of a real server process, and an administrator's token."""
    folder = tmp_path_factory.mktemp("any-request")
    (folder / "site.toml").write_text(SITE, "utf-8")
    path = folder / "server.toml"
    path.write_text('dir = "server"\nsite_file = "site.toml"\nport = 0\n', "utf-8")
    with running(folder, "server", "--config", str(path)) as process:
        made = subprocess.run(
            [sys.executable, "-m", "menjin", "server", "token", "--config", str(path), *AS],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        yield process.told["X_URL"], made.stdout.strip()


@pytest.mark.processes
@SCHEMA.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_no_request_makes_the_server_fail(case: schemathesis.Case, server: tuple[str, str]) -> None:
    url, token = server
    case.call_and_validate(base_url=url, headers={"Authorization": f"Bearer {token}"}, checks=CHECKS)
