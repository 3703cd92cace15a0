"""What is signed of inspections and attestations (MEANINGS 24, 26; :mod:`server.signatures`)."""

from datetime import datetime

import msgspec

from server.db.clock import to_us
from server.keys import ServerKeys
from server.signatures import Signed, is_signed, sign

DOMAIN = "EquipmentAttestation"


class InspectionContent(msgspec.Struct, frozen=True, tag="inspection"):
    """What is signed of an inspection: these fields as JSON, in this order. ``slip``: public id."""

    site: str
    inspection: str
    slip: str
    line: int | None
    act: str
    result: str
    serials: tuple[str, ...]
    method: str
    done_by: str
    note: str
    at_us: int
    by: str
    by_name: str


class AttestationContent(msgspec.Struct, frozen=True, tag="attestation"):
    """What is signed of an attestation. ``devices``: (serial or empty, model, slip number or empty)."""

    site: str
    attestation: str
    alarm: int
    door: str
    openings: int
    outcome: str
    devices: tuple[tuple[str, str, str], ...]
    note: str
    at_us: int
    by: str
    by_name: str


Content = InspectionContent | AttestationContent


def sign_content(keys: ServerKeys, content: Content, now: datetime) -> Signed:
    """Sign. Raises :class:`server.problems.Problem` 503 when no key is valid."""
    return sign(keys, DOMAIN, msgspec.json.encode(content).decode(), to_us(now))


def holds(keys: ServerKeys, signed: Signed, expected: Content) -> bool:
    """Whether ``expected`` (made of the row's columns) is what was signed, the signature holds, and the root vouched for the key at that time."""
    try:
        content = msgspec.json.decode(signed.content, type=Content)
    except msgspec.DecodeError:
        return False
    return content == expected and is_signed(keys, DOMAIN, signed, content.at_us)
