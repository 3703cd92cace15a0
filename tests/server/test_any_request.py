"""Whatever is asked, the server does not fail: schemathesis over the whole API, by the description that the server gives of itself."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from schemathesis.checks import load_all_checks, not_a_server_error
from schemathesis.generation.feedback import FeedbackSources
from schemathesis.pytest._test_builder import build_operation_test
from schemathesis.python._constants.orchestrator import make_constants_value_source
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from server.app import all_routes
from server.openapi import describe
from server.operators.guard import _endpoints as endpoints_of
from server.routes import API_PREFIX
from tests.server.conftest import SITE
from tests.server.process import running

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
AS = ("--role", "administrator", "--name", "any")
EXAMPLES = 3
"""For each endpoint, beside schemathesis' own cases of every parameter's edge values."""


LABELS = sorted(
    line.replace(":path}", "}")  # as OpenAPI writes it
    for route in all_routes()
    for line, _ in endpoints_of(route)
    if line.split(" ")[1].startswith(API_PREFIX)
)
"""Method and path of every endpoint."""


@pytest.fixture(scope="module")
def operations() -> dict[str, APIOperation]:
    """Label → endpoint as described. Its cases are made by its own test: as an item of schemathesis' they would be made when the tests are
    collected, in every worker, and pytest 9 gives all these items one name."""
    described = schemathesis.openapi.from_dict(describe(FastAPI(routes=all_routes())))
    described.config.phases.coverage.unexpected_methods = set()  # one loop in test_routes asks by those
    return {found.ok().label: found.ok() for found in described.get_all_operations()}


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
@pytest.mark.parametrize("label", LABELS)
def test_no_request_makes_the_server_fail(
    label: str, operations: dict[str, APIOperation], server: tuple[str, str]
) -> None:
    url, token = server
    asked = 0

    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    def ask(case: schemathesis.Case) -> None:
        nonlocal asked
        asked += 1
        case.call_and_validate(base_url=url, headers={"Authorization": f"Bearer {token}"}, checks=CHECKS, timeout=60)

    operation = operations[label]
    feedback = FeedbackSources(constants_value_source=make_constants_value_source(operation.schema))
    load_all_checks()
    build_operation_test(
        config=operation.schema.config, operation=operation, test_func=ask, given_kwargs={}, feedback=feedback
    )()
    assert asked > 0


def test_every_endpoint_is_asked(operations: dict[str, APIOperation]) -> None:
    assert sorted(operations) == LABELS
