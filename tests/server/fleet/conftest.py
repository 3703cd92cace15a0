"""A fleet service on both databases, driven turn by turn, with a broker in memory and an edge that speaks the wire contract."""

import zlib
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from controller.policy import Policy, Version, decode_policy
from controller.wire import (
    Ack,
    CommandOrder,
    PolicyChunk,
    PolicyDelta,
    PolicyHead,
    PolicyLease,
    ServerCertificate,
    unseal,
)
from server.context import Context
from server.db.clock import FixedClock, to_us
from server.fleet.service import FleetService
from server.fleet.versions import Kept
from server.keys import verifier
from server.mqtt import Message
from tests.server.browser import context_of_app, token_client
from tests.server.edges import WireEdge
from tests.server.fleet.registry import Registry

BODIES = {
    "ack": Ack,
    "policy": PolicyHead,
    "chunk": PolicyChunk,
    "delta": PolicyDelta,
    "lease": PolicyLease,
    "command": CommandOrder,
}


class MemoryBroker:
    """Takes what the service publishes. ``connected`` False: the broker is away."""

    def __init__(self) -> None:
        self.connected = True
        self.published: list[tuple[str, bytes, bool]] = []
        self.taken: Callable[[int], None] = lambda _mid: None

    def publish(self, topic: str, payload: bytes, *, retain: bool = False, qos: int = 1) -> int | None:
        if not self.connected:
            return None
        self.published.append((topic, payload, retain))
        return len(self.published)

    def acknowledge_all(self) -> None:
        """The broker has everything."""
        for message_id in range(1, len(self.published) + 1):
            self.taken(message_id)


class Fleet:
    """The service under test and its surroundings."""

    def __init__(self, context: Context, clock: FixedClock, api: TestClient) -> None:
        self.context, self.clock, self.api = context, clock, api
        self.registry = Registry(context)
        self.restart()

    def restart(self) -> None:
        """A new process on the same database."""
        self.broker = MemoryBroker()
        self.service = FleetService(self.context)
        self.service.mqtt = self.broker  # type: ignore[assignment]
        self.broker.taken = self.service._taken
        self.service.load()

    @property
    def now_us(self) -> int:
        return to_us(self.clock.now())

    def turn(self) -> None:
        """One turn of the fleet's thread, the broker taking all."""
        self.service.run_once(self.now_us)
        self.broker.acknowledge_all()
        self.service.run_once(self.now_us)

    def say(self, edge: WireEdge, leaf: str, body: Any, *, retained: bool = False) -> None:
        """A message of an edge, ingested. Bodies are sealed by the edge; bytes go as they are."""
        payload = body if isinstance(body, bytes) else edge.sealed(body)
        topic = f"menjin/v1/demo/{edge.name}/{leaf}"
        self.service.ingest([Message(topic, payload, retained)], self.now_us)

    def heard(self, edge: WireEdge, leaf: str) -> list[Any]:
        """What the edge got on a leaf, verified through the root, in order; then forgotten."""
        topic = f"menjin/v1/demo/{edge.name}/{leaf}"
        payloads = [payload for to, payload, _ in self.broker.published if to == topic]
        self.broker.published = [
            (to, payload, retain) if to != topic else ("", b"", False) for to, payload, retain in self.broker.published
        ]
        keys = {}
        by_root = verifier({"root": self.context.keys.root_public_key})
        for raw in self.context.keys.certificates(self.now_us):
            certificate = unseal(raw, by_root, (ServerCertificate,), "demo", "*")
            assert isinstance(certificate, ServerCertificate)
            keys[certificate.kid] = certificate.public_key
        return [unseal(payload, verifier(keys), (BODIES[leaf],), "demo", edge.name) for payload in payloads]

    def snapshot(self, edge: WireEdge, version: Version | None = None) -> Policy:
        """Ask for the snapshot, of the current version unless another is named, and put it together."""
        wanted = version or self.kept(edge).version
        self.say(edge, "request", edge.request(want="snapshot", version=wanted))
        self.turn()
        chunks = self.heard(edge, "chunk")
        assert [chunk.index for chunk in chunks] == list(range(chunks[0].of))
        assert {chunk.version for chunk in chunks} == {wanted}
        return decode_policy(zlib.decompress(b"".join(chunk.part for chunk in chunks)))

    def kept(self, edge: WireEdge) -> Kept:
        """The edge's newest version, as the service holds it."""
        found = next(each for each in self.service.policies.compiler.edges.values() if each.name == edge.name)
        assert found.kept is not None
        return found.kept

    def receipt(self, edge: WireEdge, version: Version | None = None) -> None:
        """The edge says that it runs its current policy, or an older version."""
        kept = self.kept(edge)
        digest = kept.digest if version is None else "0" * 64
        self.say(edge, "status", edge.status(policy_version=version or kept.version, policy_digest=digest))

    def enrolled(self, name: str = "edge-1", role: str | None = None) -> WireEdge:
        """A new edge, enrolled over the API."""
        edge = WireEdge(name)
        body = {"name": name} | ({"role": role} if role is not None else {})
        token = self.api.post("/api/v1/edges", json=body).json()["token"]
        answer = self.api.post("/api/v1/edges/enrol", json={"token": token, "public_key": edge.public_key.hex()})
        assert answer.status_code == 200, answer.text
        edge.epoch = answer.json()["epoch"]
        return edge

    def shown(self, edge: WireEdge) -> dict[str, Any]:
        """The edge as the API shows it."""
        answer = self.api.get(f"/api/v1/edges/{edge.name}")
        assert answer.status_code == 200, answer.text
        shown: dict[str, Any] = answer.json()
        return shown

    def guarantee(self, edge: WireEdge, code: str) -> bool:
        """Whether one of its guarantees holds."""
        return bool(next(each for each in self.shown(edge)["guarantees"] if each["code"] == code)["holds"])


@pytest.fixture
def fleet(app: FastAPI, clock: FixedClock) -> Fleet:
    """A fleet service with an empty registry."""
    return Fleet(context_of_app(app), clock, token_client(app))
