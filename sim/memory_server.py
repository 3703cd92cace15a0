"""A server in memory for one edge: checks the chain, acknowledges, hands out policies and leases, gives commands.

Not the product's server: only its side of the contract in ``controller/wire.py``, as strict as an agent needs it to be.
"""

import zlib
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from controller.commands import Command
from controller.now import SECOND_US, Now
from controller.policy import Delta, Lease, Policy, Version, encode_policy
from controller.policy_delta import make_delta
from controller.policy_digest import policy_digest
from controller.wire import (
    CHUNK_BYTES,
    GENESIS_HASH,
    WIRE_VERSION,
    Ack,
    Body,
    CommandOrder,
    PolicyChunk,
    PolicyDelta,
    PolicyHead,
    PolicyLease,
    PolicyRequest,
    Records,
    Status,
    chain,
    seal,
    unseal,
)
from sim.memory import SERVER_KID, MemoryKeyRing, signer_of

COMMAND_LIFE_US = 10 * SECOND_US


class MemoryServer:
    """``send(leaf, payload)`` carries messages down. ``ledger``: the records received, by journal, in order."""

    def __init__(self, site: str, edge: str, send: Callable[[str, bytes], None]) -> None:
        self.ledger: dict[str, list[bytes]] = {}
        self.heads: dict[str, list[bytes]] = {}
        self.forks: list[tuple[str, int]] = []
        self.status: Status | None = None
        self.requests: list[PolicyRequest] = []
        self.acknowledges = True
        self.lease_s: dict[str, int] = {}
        self._site = site
        self._edge = edge
        self._send = send
        self._sign = signer_of(SERVER_KID)
        self._verify = MemoryKeyRing([f"edge:{edge}"]).verifier(0)
        self._seq = 0
        self._epoch = 1
        self._policies: list[Policy] = []
        self._deltas: list[Delta] = []
        self._commands = 0

    @property
    def policy(self) -> Policy | None:
        return self._policies[-1] if self._policies else None

    def take(self, leaf: str, payload: bytes, now: Now) -> None:
        """One message from the edge."""
        body = unseal(payload, self._verify, (Records, Status, PolicyRequest), self._site, self._edge)
        match body:
            case Records():
                self._take_records(body, now)
            case Status():
                self.status = body
            case PolicyRequest():
                self.requests.append(body)
                self._answer(body, now)
        assert leaf == {Records: "records", Status: "status", PolicyRequest: "request"}[type(body)]

    def publish(self, policy: Policy, now: Now, announce: Iterable[str] = ("delta", "policy", "lease")) -> None:
        """Put a policy in force: what is in ``announce`` goes out at once."""
        base = self.policy
        self._policies.append(policy)
        if base is not None:
            self._deltas.append(make_delta(base, policy))
        if "delta" in announce and self._deltas:
            self.say(PolicyDelta, "delta", now, delta=self._deltas[-1])
        if "policy" in announce:
            self.say_head(now)
        if "lease" in announce:
            self.say_lease(now)

    def say_head(self, now: Now) -> None:
        """The head of the policy in force, as it is retained."""
        policy = self.policy
        if policy is None:
            return
        canonical = encode_policy(policy)
        chunks = len(_parts(canonical))
        self.say(
            PolicyHead,
            "policy",
            now,
            version=policy.version,
            digest=policy_digest(policy),
            size=len(canonical),
            chunks=chunks,
        )

    def say_lease(self, now: Now) -> None:
        """Vouch for the policy in force."""
        policy = self.policy
        if policy is not None:
            digest = policy_digest(policy)
            lease = Lease(policy.version, digest, issued_at_us=now.wall_us, **self.lease_s)
            self.say(PolicyLease, "lease", now, lease=lease)

    def command(
        self,
        command: Command,
        now: Now,
        session: str | None = None,
        command_id: str | None = None,
        supervisor: bool = False,
    ) -> str:
        """Give a command; by default for the session that the edge published last. Returns its id."""
        self._commands += 1
        command_id = command_id if command_id is not None else f"c{self._commands}"
        assert session is not None or self.status is not None, "the edge has not said its session yet"
        self.say(
            CommandOrder,
            "command",
            now,
            session=session if session is not None or self.status is None else self.status.session,
            command_id=command_id,
            operator="op_1",
            expires_at_us=now.wall_us + COMMAND_LIFE_US,
            command=command,
            supervisor=supervisor,
        )
        return command_id

    def say(self, body_type: type[Body], leaf: str, now: Now, **fields: Any) -> bytes:
        """Seal, send and return one message."""
        payload = self.sealed(body_type, now, **fields)
        self._send(leaf, payload)
        return payload

    def sealed(self, body_type: type[Body], now: Now, **fields: Any) -> bytes:
        """Seal one message; any field of the opening can be given to make it wrong."""
        self._seq += 1
        opening: dict[str, Any] = {
            "v": WIRE_VERSION,
            "site": self._site,
            "edge": self._edge,
            "epoch": self._epoch,
            "seq": self._seq,
            "issued_at_us": now.wall_us,
        }
        return seal(body_type(**(opening | fields)), SERVER_KID, self._sign)

    def restore(self, keep: int, journal_id: str) -> None:
        """Go back to an older copy that holds ``keep`` records of a journal; the epoch rises."""
        del self.ledger[journal_id][keep:], self.heads[journal_id][keep + 1 :]
        self._epoch += 1

    def _take_records(self, batch: Records, now: Now) -> None:
        ledger = self.ledger.setdefault(batch.journal_id, [])
        heads = self.heads.setdefault(batch.journal_id, [GENESIS_HASH])
        fork_at: int | None = None
        if batch.first_seq > len(ledger) + 1 and batch.first_retained_seq == batch.first_seq:
            lost = batch.first_seq - 1 - len(ledger)
            ledger += [b""] * lost  # declared lost
            heads += [b""] * (lost - 1) + [batch.previous]
        if batch.first_seq <= len(ledger) + 1:
            before = heads[batch.first_seq - 1]
            if before not in (b"", batch.previous):
                fork_at = max(batch.first_seq - 1, 1)
            else:
                fork_at = self._extend(ledger, heads, batch)
        if fork_at is not None:
            self.forks.append((batch.journal_id, fork_at))
        if self.acknowledges:
            self.acknowledge(batch.journal_id, now, fork_at)

    @staticmethod
    def _extend(ledger: list[bytes], heads: list[bytes], batch: Records) -> int | None:
        """Take what is new; the sequence at which another history begins, or None."""
        for seq, raw in enumerate(batch.records, batch.first_seq):
            record = bytes(raw)
            if seq <= len(ledger):
                if ledger[seq - 1] not in (b"", record):
                    return seq
            else:
                ledger.append(record)
                heads.append(chain(heads[-1], record))
        return None

    def acknowledge(self, journal_id: str, now: Now, fork_at: int | None = None) -> None:
        """Say how far a journal is held."""
        held = len(self.ledger.get(journal_id, []))
        head = self.heads.get(journal_id, [GENESIS_HASH])[-1]
        self.say(Ack, "ack", now, journal_id=journal_id, upto=held, head=head, expects=held + 1, fork_at=fork_at)

    def _answer(self, request: PolicyRequest, now: Now) -> None:
        policy = self.policy
        if policy is None:
            return
        if request.want == "head":
            self.say_head(now)
            self.say_lease(now)
        elif request.want == "deltas":
            for delta in self._deltas:
                if request.have is not None and delta.base >= request.have:
                    self.say(PolicyDelta, "delta", now, delta=delta)
        elif request.version is None or request.version == policy.version:
            self._send_chunks(policy, request.from_chunk, now)

    def _send_chunks(self, policy: Policy, from_chunk: int, now: Now) -> None:
        parts = _parts(encode_policy(policy))
        for index, part in enumerate(parts[from_chunk:], from_chunk):
            self.say(PolicyChunk, "chunk", now, version=policy.version, index=index, of=len(parts), part=part)


def _parts(canonical: bytes) -> list[bytes]:
    packed = zlib.compress(canonical)
    return [packed[start : start + CHUNK_BYTES] for start in range(0, len(packed), CHUNK_BYTES)]


def next_version(policy: Policy, **changes: Any) -> Policy:
    """The policy one step on with some fields changed."""
    version = Version(policy.version.epoch, policy.version.n + 1)
    return msgspec.structs.replace(policy, version=version, **changes)
