"""The MQTT contract: topics, signed envelopes, message bodies, and the only codec (DESIGN 4-9).

Takes ``sign`` and ``verify`` as callables: the core holds no keys. Every body opens with :class:`Header`'s fields. Unknown
fields are ignored; an unknown ``type`` is :class:`WireError` with ``code`` ``unknown_type``.
"""

import hashlib
from collections.abc import Callable
from typing import Literal

import msgspec

from controller.commands import Command
from controller.policy import Delta, Int64, Lease, Version

WIRE_VERSION = 1
MAX_MESSAGE_BYTES = 1_048_576
CHUNK_BYTES = 131_072
BATCH_RECORDS = 100
GENESIS_HASH = bytes(32)

UpTopic = Literal["records", "status", "request"]
DownTopic = Literal["ack", "policy", "chunk", "delta", "lease", "command"]


def topic(site: str, edge: str, leaf: str) -> str:
    """``menjin/v1/{site}/{edge}/{leaf}``."""
    return f"menjin/v{WIRE_VERSION}/{site}/{edge}/{leaf}"


def chain(previous: bytes, record: bytes) -> bytes:
    """The hash of a record's bytes given its predecessor's hash (DESIGN 2)."""
    return hashlib.sha256(previous + record).digest()


class WireError(ValueError):
    """A message that is refused and counted. ``code`` is one of a closed list, the text is for the log.

    Codes: ``oversized``, ``malformed``, ``bad_signature``, ``unknown_key``, ``unknown_type``, ``wrong_type``,
    ``future_version``, ``wrong_site``, ``wrong_edge``.
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class Envelope(msgspec.Struct, frozen=True):
    """``sig`` is over ``b"menjin/v1/" + type + b"\\n" + body`` with ``kid``'s key; ``type`` is the body's own."""

    alg: str
    kid: str
    sig: bytes
    body: msgspec.Raw


class Body(msgspec.Struct, frozen=True, tag_field="type", tag=str, omit_defaults=True):
    """Base of all bodies. ``seq`` rises with each message of one sender and type within ``epoch``: replays are refused.

    ``edge`` is the edge's id (a short name, unique in the site). ``issued_at_us``: the sender's wall clock.
    """

    v: Int64
    site: str
    edge: str
    epoch: Int64
    seq: Int64
    issued_at_us: Int64


# up: edge → server


class Records(Body, frozen=True):
    """A batch of raw records in order, ``first_seq`` upward; ``previous`` is the hash before the first."""

    journal_id: str
    first_seq: Int64
    previous: bytes
    records: tuple[msgspec.Raw, ...]
    first_retained_seq: Int64 = 1


class Status(Body, frozen=True):
    """Retained. The will is an unsigned ``{"online":false}``: anything may say an edge is gone, only it says it is there.

    ``session`` names the nonce that commands must carry. ``doors`` etc. are snapshots for the live page. ``guarantees``: what holds now,
    each ``holds`` or why not (docs/interfaces.md).
    """

    online: bool
    session: str
    software: str
    boot_id: str
    journal_id: str
    last_seq: Int64
    acked_seq: Int64
    outbox: Int64
    policy_version: Version | None
    policy_digest: str
    hardware_digest: str
    wall_trusted: bool
    lease: Lease | None = None
    lease_left_s: dict[str, int] = {}
    readers: dict[str, str] = {}
    boards: dict[str, str] = {}
    doors: dict[str, dict[str, str]] = {}
    refused_messages: dict[str, int] = {}
    warnings: tuple[str, ...] = ()
    guarantees: dict[str, str] = {}


class PolicyRequest(Body, frozen=True):
    """The edge asks for what it lacks: a delta range after ``have``, or chunks of a snapshot ``version``."""

    have: Version | None = None
    want: Literal["head", "deltas", "snapshot"] = "head"
    version: Version | None = None
    from_chunk: Int64 = 0


# down: server → edge


class Ack(Body, frozen=True):
    """The server has committed everything up to ``upto`` of ``journal_id``; ``head`` is the hash there (DESIGN 4)."""

    journal_id: str
    upto: Int64
    head: bytes
    expects: Int64
    fork_at: Int64 | None = None


class PolicyHead(Body, frozen=True):
    """Retained. The policy that this edge should run. ``size`` is about that of its entries, encoded. ``chunks`` 0: not said, the
    chunks say it. ``certificates``: envelopes by the offline root (DESIGN 7)."""

    version: Version
    digest: str
    size: Int64
    chunks: Int64 = 0
    certificates: tuple[msgspec.Raw, ...] = ()


class PolicyChunk(Body, frozen=True):
    """Part ``index`` of ``of`` of the zlib-compressed canonical snapshot of ``version``."""

    version: Version
    index: Int64
    of: Int64
    part: bytes


class PolicyDelta(Body, frozen=True):
    """One delta."""

    delta: Delta


class PolicyLease(Body, frozen=True):
    """One lease."""

    lease: Lease


class CommandOrder(Body, frozen=True):
    """A command for the session that the edge published last; worthless after ``expires_at_us``. ``supervisor``: the operator is one
    (MEANINGS 21, 27)."""

    session: str
    command_id: str
    operator: str
    expires_at_us: Int64
    command: Command
    supervisor: bool = False


class ServerCertificate(Body, frozen=True):
    """By the offline root: this server key may sign for this site within ``[from_us, until_us)``. ``edge`` is ``*``."""

    kid: str
    public_key: bytes
    from_us: Int64
    until_us: Int64


class EdgeCertificate(Body, frozen=True):
    """By a server key at enrolment: this edge's public key. Kept by the server; shown in exports."""

    kid: str
    public_key: bytes


AnyBody = (
    Records | Status | PolicyRequest | Ack | PolicyHead | PolicyChunk | PolicyDelta | PolicyLease | CommandOrder
    | ServerCertificate | EdgeCertificate
)  # fmt: skip

Sign = Callable[[bytes], bytes]
"""Signs bytes with the sender's Ed25519 key: 64 bytes."""

Verify = Callable[[str, bytes, bytes], bool]
"""(kid, message, signature) → whether that key is known and the signature holds. Unknown kid: raises KeyError."""

ALG = "Ed25519"
_TAG_PREFIX = b"menjin/v1/"
_envelope_decoder = msgspec.json.Decoder(Envelope)
_body_decoders: dict[type[Body], msgspec.json.Decoder[Body]] = {}
_encoder = msgspec.json.Encoder()


class _Opening(msgspec.Struct, frozen=True):
    """The fields that decide whether the rest of a body is looked at."""

    v: int
    type: str
    site: str
    edge: str


_opening_decoder = msgspec.json.Decoder(_Opening)


def _signed_bytes(type_name: str, body: bytes) -> bytes:
    return _TAG_PREFIX + type_name.encode() + b"\n" + body


def seal(body: Body, kid: str, sign: Sign) -> bytes:
    """The envelope's bytes for a body. Raises :class:`WireError` ``oversized`` beyond MAX_MESSAGE_BYTES."""
    raw = _encoder.encode(body)
    signature = sign(_signed_bytes(type(body).__name__, raw))
    payload = _encoder.encode(Envelope(alg=ALG, kid=kid, sig=signature, body=msgspec.Raw(raw)))
    if len(payload) > MAX_MESSAGE_BYTES:
        raise WireError("oversized", f"{type(body).__name__} of {len(payload)} bytes, limit {MAX_MESSAGE_BYTES}")
    return payload


def unseal(payload: bytes, verify: Verify, expected: tuple[type[Body], ...], site: str, edge: str) -> Body:
    """Check an envelope and decode its body.

    Order: size, envelope, signature, version, type, site, edge, body. ``edge`` ``*`` in a body or ``*`` given here matches
    any. Replay (``epoch``, ``seq``) is the caller's to judge. Raises :class:`WireError`.
    """
    if len(payload) > MAX_MESSAGE_BYTES:
        raise WireError("oversized", f"message of {len(payload)} bytes, limit {MAX_MESSAGE_BYTES}")
    try:
        envelope = _envelope_decoder.decode(payload)
        raw = bytes(envelope.body)
        opening = _opening_decoder.decode(raw)
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        raise WireError("malformed", f"not an envelope: {error}") from error
    if envelope.alg != ALG:
        raise WireError("bad_signature", f"algorithm {envelope.alg!r}, only {ALG} is accepted")
    try:
        holds = verify(envelope.kid, _signed_bytes(opening.type, raw), envelope.sig)
    except KeyError as error:
        raise WireError("unknown_key", f"signed with unknown key {envelope.kid!r}") from error
    if not holds:
        raise WireError("bad_signature", f"signature by {envelope.kid!r} does not hold")
    if opening.v != WIRE_VERSION:
        raise WireError("future_version", f"wire version {opening.v}, this side speaks {WIRE_VERSION}")
    by_name = {body_type.__name__: body_type for body_type in expected}
    body_type = by_name.get(opening.type)
    if body_type is None:
        known = any(opening.type == member.__name__ for member in AnyBody.__args__)
        raise WireError("wrong_type" if known else "unknown_type", f"type {opening.type!r} is not expected here")
    if opening.site != site:
        raise WireError("wrong_site", f"message for site {opening.site!r}, this is {site!r}")
    if edge not in ("*", opening.edge) and opening.edge != "*":
        raise WireError("wrong_edge", f"message for edge {opening.edge!r}, this is {edge!r}")
    decoder = _body_decoders.get(body_type)
    if decoder is None:
        decoder = _body_decoders[body_type] = msgspec.json.Decoder(body_type)
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        raise WireError("malformed", f"{opening.type}: {error}") from error
