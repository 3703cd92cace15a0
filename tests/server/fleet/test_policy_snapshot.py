"""A policy as a file: what `menjin replay` reads (issue 4, DESIGN 5)."""

import pytest
from fastapi import FastAPI
from sqlmodel import select

from controller.policy import Version, decode_policy
from controller.policy_digest import policy_digest
from server.badges.models import Badge
from server.operators.models import AuditEntry
from tests.server.browser import token_client
from tests.server.edges import WireEdge
from tests.server.fleet.conftest import Fleet

PATH = "/api/v1/policies/edge-1/snapshot"


@pytest.fixture
def edge(fleet: Fleet) -> WireEdge:
    """An edge with a badge that is lost since, so with two versions."""
    edge = fleet.enrolled()
    fleet.registry.member("M1", fleet.registry.customer(areas=["hall"]))
    fleet.turn()
    fleet.registry.change(Badge, 1, status="lost")
    fleet.turn()
    return edge


def test_the_newest_policy_comes_whole_with_its_digest(fleet: Fleet, edge: WireEdge) -> None:
    answer = fleet.api.get(PATH)
    assert answer.status_code == 200, answer.text
    policy = decode_policy(answer.content)
    assert policy.version == fleet.kept(edge).version
    assert policy_digest(policy) == answer.headers["X-Policy-Digest"] == fleet.kept(edge).digest
    assert [badge.status for badge in policy.badges] == ["lost"]


def test_an_earlier_version_comes_as_it_was(fleet: Fleet, edge: WireEdge) -> None:
    version = fleet.kept(edge).version
    answer = fleet.api.get(PATH, params={"epoch": version.epoch, "n": version.n - 1})
    policy = decode_policy(answer.content)
    assert policy.version == Version(version.epoch, version.n - 1)
    assert [badge.status for badge in policy.badges] == ["active"]


def test_what_is_not_there_is_not_found(fleet: Fleet, edge: WireEdge) -> None:
    assert fleet.api.get(PATH, params={"n": 99}).json()["code"] == "not_found"
    assert fleet.api.get(PATH.replace("edge-1", "edge-9")).status_code == 404


def test_who_may_export_the_ledger_may_export_its_policies_and_that_is_audited(
    app: FastAPI, fleet: Fleet, edge: WireEdge
) -> None:
    roles = ("guard", "customer_service", "supervisor", "auditor", "administrator")
    allowed = {role for role in roles if token_client(app, role).get(PATH).status_code == 200}  # type: ignore[arg-type]
    assert allowed == {"supervisor", "auditor", "administrator"}
    with fleet.context.database.read() as session:
        assert "policy.export" in session.exec(select(AuditEntry.act)).all()
