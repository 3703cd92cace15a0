"""An edge of the tests' own: it makes records, chains, seals and checks as the wire contract says."""

import hashlib
import secrets
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from controller.events import AnyEvent, DoorOpened, Record
from controller.inputs import AnyInput, TimeElapsed
from controller.policy import Version
from controller.wire import GENESIS_HASH, WIRE_VERSION, Body, PolicyRequest, Records, Status, seal

AT_US = 1_772_438_400_000_000  # tests.server.conftest.START


def encode_record(journal_id: str, seq: int, *events: AnyEvent, stimulus: AnyInput | None = None) -> bytes:
    """One record's bytes."""
    return msgspec.json.encode(
        Record(journal_id, seq, AT_US + seq, seq, "boot-1", Version(1, 1), stimulus or TimeElapsed(), events)
    )


class WireEdge:
    """Keys, a journal and a sequence; no rules."""

    def __init__(self, name: str = "edge-1", site: str = "demo", journal_id: str = "j1") -> None:
        self.name, self.site, self.journal_id = name, site, journal_id
        self.key = Ed25519PrivateKey.generate()
        self.public_key = self.key.public_key().public_bytes_raw()
        self.epoch = 1
        self.seq = 0
        self.session = secrets.token_hex(8)
        self.journal: list[bytes] = []

    def record(self, *events: AnyEvent) -> bytes:
        """Append one record to the journal."""
        raw = encode_record(self.journal_id, len(self.journal) + 1, *(events or (DoorOpened(door="hall-door"),)))
        self.journal.append(raw)
        return raw

    def head(self, upto: int) -> bytes:
        """The chain's hash after ``upto`` records."""
        value = GENESIS_HASH
        for raw in self.journal[:upto]:
            value = hashlib.sha256(value + raw).digest()
        return value

    def batch(self, first_seq: int, last_seq: int, first_retained_seq: int = 1) -> Records:
        """Records ``first_seq … last_seq`` of the journal."""
        return Records(
            **self._opening(),
            journal_id=self.journal_id,
            first_seq=first_seq,
            previous=self.head(first_seq - 1),
            records=tuple(msgspec.Raw(raw) for raw in self.journal[first_seq - 1 : last_seq]),
            first_retained_seq=first_retained_seq,
        )

    def status(self, **changed: Any) -> Status:
        """A status as an online edge sends it."""
        values: dict[str, Any] = {
            "online": True,
            "session": self.session,
            "software": "test",
            "boot_id": "boot-1",
            "journal_id": self.journal_id,
            "last_seq": len(self.journal),
            "acked_seq": 0,
            "outbox": 0,
            "policy_version": None,
            "policy_digest": "",
            "hardware_digest": "",
            "wall_trusted": True,
        }
        return Status(**self._opening(), **(values | changed))

    def request(self, **values: Any) -> PolicyRequest:
        """A request for policy."""
        return PolicyRequest(**self._opening(), **values)

    def sealed(self, body: Body, kid: str | None = None) -> bytes:
        """The signed envelope."""
        return seal(body, kid or f"edge:{self.name}", self.key.sign)

    def _opening(self) -> dict[str, Any]:
        self.seq += 1
        return {
            "v": WIRE_VERSION,
            "site": self.site,
            "edge": self.name,
            "epoch": self.epoch,
            "seq": self.seq,
            "issued_at_us": AT_US,
        }
