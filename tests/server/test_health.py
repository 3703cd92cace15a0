"""The health endpoint, and the rim of HTTP around it."""

from fastapi.testclient import TestClient

from server.app import create_app
from server.config import Config
from server.db.clock import FixedClock


def test_a_server_with_a_readable_database_is_healthy(config: Config, clock: FixedClock) -> None:
    with TestClient(create_app(config, clock=clock, run_services=False), base_url="https://testserver") as client:
        answer = client.get("/api/v1/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "site": "demo"})
    assert "default-src 'self'" in answer.headers["content-security-policy"]
