"""Signatures under what people attest: the server's key signs for an operator who was signed in (L5, R3, R5, R6, MEANINGS 24).

What was signed is kept as text, the root's certificate of the key beside it, so that it can be checked when the key has long been replaced. Every kind of
content has a domain of its own in front of it: no signature passes for another kind's.
"""

from dataclasses import dataclass

from controller.wire import ServerCertificate, WireError, unseal
from server.keys import ROOT_KID, KeysError, ServerKeys, verifier
from server.problems import Problem


@dataclass(frozen=True)
class Signed:
    """A content with its signature."""

    content: str
    kid: str
    certificate: bytes
    signature: bytes


def sign(keys: ServerKeys, domain: str, content: str, at_us: int) -> Signed:
    """Sign ``content`` as of ``at_us``. ``domain`` names its kind. Raises :class:`Problem` 503 ``no_signing_key`` when no key is valid."""
    try:
        key = keys.signing(at_us)
    except KeysError as error:
        raise Problem(
            503, "no_signing_key", f"Nothing can be signed: {error}", "没有有效的签名密钥，请执行 menjin keys rotate。"
        ) from error
    return Signed(content, key.kid, key.certificate, key.sign(_framed(domain, content)))


def is_signed(keys: ServerKeys, domain: str, signed: Signed, at_us: int) -> bool:
    """Whether the signature holds, and the root vouched for the key at ``at_us``, also when the key has ended since."""
    try:
        by_root = verifier({ROOT_KID: keys.root_public_key})
        certificate = unseal(signed.certificate, by_root, (ServerCertificate,), keys.site, "*")
    except WireError:
        return False
    assert isinstance(certificate, ServerCertificate)
    if certificate.kid != signed.kid or not certificate.from_us <= at_us < certificate.until_us:
        return False
    check = verifier({signed.kid: certificate.public_key})
    return check(signed.kid, _framed(domain, signed.content), signed.signature)


def _framed(domain: str, content: str) -> bytes:
    return f"menjin/v1/{domain}\n{content}".encode()
