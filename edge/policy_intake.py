"""How a policy comes in: signed head, deltas or chunks asked for, checked, stored, and only then handed to the engine
(DESIGN 5, MEANINGS 18). ::

    head newer than what runs ─► same epoch: ask for deltas ─► each applied in turn
                                 else, or a delta does not fit: ask for the snapshot's chunks ─► assembled ─► applied
    no answer in REQUEST_TIMEOUT_US: asked again at doubling intervals

Pure but for the store: told the time, no thread. A version below the highest ever stored is refused though signed.
"""

import zlib
from collections.abc import Callable

import msgspec

from controller.now import SECOND_US, Now
from controller.policy import Delta, Lease, Policy, PolicyError, Version, decode_policy, encode_policy
from controller.policy_delta import advance
from controller.policy_digest import PolicyDigest
from controller.site import Site
from controller.site_checks import check_site
from controller.wire import CHUNK_BYTES, PolicyChunk, PolicyDelta, PolicyHead, PolicyLease, PolicyRequest
from edge.ports import JournalFault, PolicyStore
from edge.sender import Sender

MAX_POLICY_BYTES = 64 * 1_048_576
"""The largest canonical snapshot that is unpacked: some 800 000 badges."""
MAX_CHUNKS = 256
REQUEST_TIMEOUT_US = 5 * SECOND_US
REQUEST_TIMEOUT_LIMIT_US = 60 * SECOND_US
HEAD_PAUSE_US = 10 * SECOND_US
"""Outside a fresh connection the head is asked for at most this often: its answer may bring the next question."""
LEASE_ASK_US = 600 * SECOND_US
"""Without a lease for this long while the link is up, the edge asks for one."""

STORE_AGAIN_US = 60 * SECOND_US
"""A policy that could not be stored is tried again after this."""


class Ready(msgspec.Struct, frozen=True):
    """A policy that is checked, and stored if the disk allowed: the engine may adopt it. ``delta``: what made it of the policy
    that was in force, if it came so."""

    policy: Policy
    digest: str
    delta: Delta | None = None


class PolicyRefused(Exception):
    """Verified but not taken. ``code`` is counted in the status; the text is for the log and the status's warnings."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class PolicyIntake:
    """``objections``: why a site cannot run on this edge, one line each (wrong site, hardware, rules not enforced).
    ``journalled``: the version that the journal says was in force, in case the store was lost."""

    def __init__(
        self,
        store: PolicyStore,
        sender: Sender,
        objections: Callable[[Site], list[str]],
        journalled: Version | None = None,
    ) -> None:
        self._store = store
        self._floor = (journalled.epoch, journalled.n) if journalled is not None else (0, 0)
        self._sender = sender
        self._objections = objections
        self._policy: Policy | None = None
        self._digest = ""
        self._parts = PolicyDigest()
        self._head: PolicyHead | None = None
        self._chunks: dict[int, bytes] = {}
        self._of = 0
        self._unfit: Version | None = None
        self._why_unfit = ""
        self._want: str | None = None
        self._ask_at_us: int | None = None
        self._timeout_us = REQUEST_TIMEOUT_US
        self._lease_at_us: int | None = None
        self._lease_issued_us = 0
        self._early: Lease | None = None
        self._head_not_before_us = 0
        self._store_at_us: int | None = None
        self._up = False
        self.unstored = ""
        """Why the policy in force is not on the disk, in one line; empty when it is."""

    @property
    def version(self) -> Version | None:
        return self._policy.version if self._policy is not None else None

    @property
    def digest(self) -> str:
        return self._digest

    def load(self) -> Ready | None:
        """The stored policy, checked again. Raises :class:`PolicyRefused` when what is stored cannot be run."""
        stored = self._store.load()
        if stored is None:
            return None
        snapshot, deltas = stored
        try:
            policy = decode_policy(snapshot)
            parts = PolicyDigest.of(policy)
            for raw in deltas:
                policy, parts = advance(policy, parts, msgspec.json.decode(raw, type=Delta))
        except (PolicyError, msgspec.DecodeError) as error:
            raise PolicyRefused("stored_policy", f"the stored policy cannot be read: {error}") from error
        self._refuse_older(policy.version)
        self._check(policy)
        self._policy, self._parts = policy, parts
        self._digest = parts.hexdigest(policy.version, policy.site)
        return Ready(policy, self._digest)

    def link_up(self, now: Now, lease_issued_us: int) -> None:
        """Connected: ask for the head, and with it a lease. ``lease_issued_us``: of the lease in force."""
        self._up = True
        self._lease_issued_us = max(self._lease_issued_us, lease_issued_us)
        self._lease_at_us = now.mono_us + LEASE_ASK_US
        self._timeout_us = REQUEST_TIMEOUT_US
        self._head_not_before_us = 0
        self._ask(now, "head")

    def link_down(self) -> None:
        """Nothing can be asked for."""
        self._up = False
        self._ask_at_us = None

    def take_head(self, head: PolicyHead, now: Now) -> None:
        """Note what should run; ask for what is missing."""
        if self._want == "head":
            self._stop_asking()
        self._refuse_older(head.version)
        if not 0 <= head.chunks <= MAX_CHUNKS or not 0 <= head.size <= MAX_POLICY_BYTES:
            raise PolicyRefused("oversized", f"policy {_name(head.version)}: {head.chunks} chunks, {head.size} bytes")
        running = self.version
        if running == head.version:
            if head.digest != self._digest:
                raise PolicyRefused("digest_mismatch", f"policy {_name(head.version)} runs here with another digest")
            return
        if running is not None and head.version < running:
            raise PolicyRefused("older_policy", f"policy {_name(head.version)} is below the one in force")
        if head.version == self._unfit:
            raise PolicyRefused("policy_unfit", self._why_unfit)
        if self._head is None or self._head.version != head.version:
            self._forget_chunks()
            self._stop_asking()
        self._head = head
        by_deltas = running is not None and running.epoch == head.version.epoch and self._unfit is None
        self._ask(now, "deltas" if by_deltas else "snapshot")

    def take_delta(self, message: PolicyDelta, now: Now) -> Ready | None:
        """Apply one delta, or ask when it does not fit. None: nothing to adopt."""
        delta = message.delta
        running = self.version
        if running is not None and delta.version <= running:
            return None  # known already: sent twice, or asked for while it was under way
        if self._unfit is not None and delta.base >= self._unfit:
            return None  # builds on what this edge refused; the head that follows brings the snapshot
        if running is None or delta.base != running:
            self._ask(now, "deltas" if running is not None else "snapshot")
            return None
        assert self._policy is not None
        self._refuse_older(delta.version)
        try:
            policy, parts = advance(self._policy, self._parts, delta)
        except PolicyError as error:
            self._ask(now, "snapshot")
            raise PolicyRefused("digest_mismatch", str(error)) from error
        if delta.site is not None:
            self._check(policy)
        self._keep(policy, now, delta=delta)
        return self._accepted(Ready(policy, delta.digest, delta), parts, now)

    def take_chunk(self, chunk: PolicyChunk, now: Now) -> Ready | None:
        """Collect one part of the snapshot that the head names; the last one makes it whole."""
        head = self._head
        if head is None or chunk.version != head.version or self.version == head.version:
            return None  # of another version: superseded while it was under way
        expected = head.chunks or self._of or chunk.of
        if chunk.of != expected or not 0 <= chunk.index < chunk.of <= MAX_CHUNKS or len(chunk.part) > CHUNK_BYTES:
            if chunk.of != expected and not head.chunks:
                self._forget_chunks()  # packed anew in other parts: nothing of the first packing fits
            raise PolicyRefused("malformed", f"chunk {chunk.index} of {chunk.of} with {len(chunk.part)} bytes")
        self._of = chunk.of
        self._chunks[chunk.index] = chunk.part
        if len(self._chunks) < chunk.of:
            if self._want == "snapshot":
                self._ask_at_us = now.mono_us + self._timeout_us
            return None
        packed = b"".join(self._chunks[index] for index in range(chunk.of))
        self._forget_chunks()
        self._later(now)
        canonical = _unpack(packed)
        if canonical is None:
            raise PolicyRefused("digest_mismatch", f"the chunks of policy {_name(head.version)} do not give its digest")
        policy = _decode(canonical, head.version)
        parts = PolicyDigest.of(policy)
        if parts.hexdigest(policy.version, policy.site) != head.digest:
            raise PolicyRefused("digest_mismatch", f"the chunks of policy {_name(head.version)} do not give its digest")
        self._check(policy)
        self._keep(policy, now, canonical=canonical)
        return self._accepted(Ready(policy, head.digest), parts, now)

    def take_lease(self, message: PolicyLease, now: Now) -> Lease | None:
        """The lease, if it vouches for exactly what runs and is newer than the last; if not, ask (MEANINGS 18). One for a
        policy that is still on its way waits for it: :meth:`early_lease`."""
        lease = message.lease
        if lease.version != self.version or lease.digest != self._digest:
            if lease.version != self._unfit and (self.version is None or lease.version > self.version):
                self._early = lease
                self._ask(now, "head")
                return None
            if lease.version == self.version:
                self._ask(now, "head")
            raise PolicyRefused("lease_mismatch", f"a lease for policy {_name(lease.version)}, not for what runs")
        if lease.issued_at_us <= self._lease_issued_us:
            raise PolicyRefused("replayed", "a lease not newer than the last")
        self._lease_issued_us = lease.issued_at_us
        self._lease_at_us = now.mono_us + LEASE_ASK_US
        if self._want == "head":
            self._stop_asking()
        return lease

    def early_lease(self, now: Now) -> Lease | None:
        """The lease that came before the policy which has just been adopted."""
        early = self._early
        if early is None or early.version != self.version or early.digest != self._digest:
            return None
        self._early = None
        if early.issued_at_us <= self._lease_issued_us:
            return None
        self._lease_issued_us = early.issued_at_us
        self._lease_at_us = now.mono_us + LEASE_ASK_US
        return early

    def pump(self, now: Now) -> None:
        """Ask again for what did not come; store again what could not be."""
        if self._policy is not None and self._store_at_us is not None and now.mono_us >= self._store_at_us:
            self._keep(self._policy, now)
        if not self._up:
            return
        if self._want is not None and self._ask_at_us is not None and now.mono_us >= self._ask_at_us:
            self._timeout_us = min(self._timeout_us * 2, REQUEST_TIMEOUT_LIMIT_US)
            if self._want == "deltas":
                self._want = "snapshot"  # a server that lacks the deltas still has the snapshot
            self._send_request(now)
        elif self._lease_at_us is not None and now.mono_us >= self._lease_at_us:
            self._lease_at_us = now.mono_us + LEASE_ASK_US
            self._ask(now, "head")

    def deadline_us(self) -> int | None:
        """When :meth:`pump` has something to do again."""
        due = [self._store_at_us, *((self._ask_at_us, self._lease_at_us) if self._up else ())]
        return min((moment for moment in due if moment is not None), default=None)

    def _keep(self, policy: Policy, now: Now, delta: Delta | None = None, canonical: bytes | None = None) -> None:
        """Store what takes force. A disk that cannot must not keep a revoked badge alive: the policy is in force without, and a
        restart before it is stored finds one below the journal's floor, so none."""
        version = policy.version
        try:
            if delta is not None and not self.unstored:
                self._store.save_delta(version.epoch, version.n, msgspec.json.encode(delta))
            else:
                self._store.save_snapshot(version.epoch, version.n, canonical or encode_policy(policy))
        except JournalFault as fault:
            self.unstored = f"policy {_name(version)} is in force but could not be stored: {fault}"
            self._store_at_us = now.mono_us + STORE_AGAIN_US
        else:
            self.unstored, self._store_at_us = "", None

    def _refuse_older(self, version: Version) -> None:
        if (version.epoch, version.n) < max(self._store.highest_seen, self._floor):
            raise PolicyRefused("older_policy", f"policy {_name(version)} is below the highest seen")

    def _check(self, policy: Policy) -> None:
        objections = check_site(policy.site) or self._objections(policy.site)
        if objections:
            self._unfit = policy.version
            self._why_unfit = f"policy {_name(policy.version)} refused: " + "; ".join(objections)
            self._stop_asking()
            raise PolicyRefused("policy_unfit", self._why_unfit)

    def _accepted(self, ready: Ready, parts: PolicyDigest, now: Now) -> Ready:
        self._policy, self._digest, self._parts = ready.policy, ready.digest, parts
        self._unfit = None
        if self._head is None or ready.policy.version >= self._head.version:
            self._head = None
            self._forget_chunks()
            self._stop_asking()
            self._lease_at_us = now.mono_us + REQUEST_TIMEOUT_US  # a lease for it should follow; else ask
        else:
            self._later(now)  # more is on its way
        return ready

    def _forget_chunks(self) -> None:
        self._chunks.clear()
        self._of = 0

    def _ask(self, now: Now, want: str) -> None:
        """Ask once; while an equal request waits for its answer it is not repeated."""
        rank = ("head", "deltas", "snapshot")
        if self._want is not None and self._ask_at_us is not None and rank.index(self._want) >= rank.index(want):
            return
        if want == "head" and now.mono_us < self._head_not_before_us:
            self._lease_at_us = self._head_not_before_us
            return
        self._want = want
        self._send_request(now)

    def _send_request(self, now: Now) -> None:
        self._later(now)
        if not self._up:
            return
        if self._want == "head":
            self._head_not_before_us = now.mono_us + HEAD_PAUSE_US
        snapshot = self._want == "snapshot" and self._head is not None
        first_missing = next((i for i in range(MAX_CHUNKS) if i not in self._chunks), 0)
        self._sender.send(
            PolicyRequest,
            "request",
            now,
            have=self.version,
            want="head" if self._want == "snapshot" and not snapshot else self._want,
            version=self._head.version if snapshot and self._head is not None else None,
            from_chunk=first_missing if snapshot else 0,
        )

    def _later(self, now: Now) -> None:
        self._ask_at_us = now.mono_us + self._timeout_us

    def _stop_asking(self) -> None:
        self._want = None
        self._ask_at_us = None
        self._timeout_us = REQUEST_TIMEOUT_US


def _unpack(packed: bytes) -> bytes | None:
    """Decompress, at most MAX_POLICY_BYTES; None when it is not one whole zlib stream within that."""
    unpacker = zlib.decompressobj()
    try:
        canonical = unpacker.decompress(packed, MAX_POLICY_BYTES)
    except zlib.error:
        return None
    return canonical if unpacker.eof else None


def _decode(canonical: bytes, version: Version) -> Policy:
    try:
        policy = decode_policy(canonical)
    except PolicyError as error:
        raise PolicyRefused("malformed", str(error)) from error
    if policy.version != version:
        raise PolicyRefused("malformed", f"the snapshot of policy {_name(version)} says it is {_name(policy.version)}")
    return policy


def _name(version: Version) -> str:
    return f"{version.epoch}.{version.n}"
