"""The signature of a webhook, by the Standard Webhooks specification (standardwebhooks.com, version 1.0).

``webhook-signature: v1,BASE64(HMAC-SHA256(secret, "ID.TIMESTAMP.BODY"))``, several of them divided by spaces while a secret is
being changed. The secret is ``whsec_`` and base64 of 24 to 64 random bytes.
"""

import base64
import binascii
import hashlib
import hmac

TOLERANCE_S = 300
"""How far the sender's timestamp may lie from our clock."""
PREFIX = "whsec_"
MAX_SIGNATURES = 10


class SecretError(ValueError):
    """The secret cannot be used; one line."""


def secret_of(text: str) -> bytes:
    """The key bytes of ``whsec_…``. Raises :class:`SecretError`."""
    try:
        key = base64.b64decode(text.strip().removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:
        raise SecretError("write whsec_ and base64, as the CRM shows it") from error
    if not 24 <= len(key) <= 64:
        raise SecretError(f"{len(key)} bytes after base64; a secret has 24 to 64")
    return key


def sign(secret: bytes, message_id: str, timestamp_s: int, body: bytes) -> str:
    """One ``v1,…`` signature."""
    signed = b".".join((message_id.encode(), str(timestamp_s).encode(), body))
    return "v1," + base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()


def fault_of(secret: bytes, message_id: str, timestamp: str, signatures: str, body: bytes, now_s: float) -> str | None:
    """Why a message is not believed: ``malformed``, ``too_old``, ``too_new``, ``wrong_signature``; None: it is genuine."""
    if not message_id or len(message_id) > 200 or not message_id.isascii() or not timestamp.isascii():
        return "malformed"
    if not timestamp.isdigit() or len(timestamp) > 12:
        return "malformed"
    expected = sign(secret, message_id, int(timestamp), body)
    candidates = signatures.split(" ")[:MAX_SIGNATURES]
    if not any(hmac.compare_digest(expected.encode(), candidate.encode()) for candidate in candidates):
        return "wrong_signature"
    if int(timestamp) < now_s - TOLERANCE_S:
        return "too_old"
    if int(timestamp) > now_s + TOLERANCE_S:
        return "too_new"
    return None
