"""A badge number from a MIFARE DESFire EV2/EV3 card: mutual authentication with AES-128, encrypted read.

Supports: one application and file as laid down in docs/interfaces.md, 7-byte UIDs. A card with a random identifier (4 bytes,
``08`` first) is refused: its key cannot be derived from what it shows.
"""

from collections.abc import Callable

from readers.credentials import diversification, ev2
from readers.credentials.card import (
    BLOCK_BYTES,
    NotAuthenticated,
    NotOurs,
    Outcome,
    Transceive,
    parse_badge_block,
)

AID = bytes.fromhex("4D4AF5")
"""Application identifier as on the wire."""
FILE = 1
READ_KEY = 1
SYSTEM = b"menjin"
UID_BYTES = 7

SELECT_APPLICATION = 0x5A
_AUTHENTICATE_EV2_FIRST = 0x71
ADDITIONAL_FRAME = 0xAF
_READ_DATA = 0xAD

OPERATION_OK = 0x00
MORE = 0xAF
NO_STATUS = 0xFFFF


def read(transceive: Transceive, uid: bytes, master_key: bytes, random: Callable[[int], bytes]) -> Outcome:
    """Select the application, prove and demand the card's diversified read key, read the badge block.

    ``random(n)`` gives n unpredictable bytes. Raises CardGone only.
    """
    status, _ = command(transceive, SELECT_APPLICATION, AID)
    if status != OPERATION_OK:
        return NotOurs("no such application")
    if len(uid) != UID_BYTES:
        return NotAuthenticated(f"the card shows a {len(uid)}-byte identifier; its key cannot be derived")
    key = card_key(master_key, uid)
    try:
        session = authenticate(transceive, READ_KEY, key, random)
        return parse_badge_block(_read_file(transceive, session))
    except ev2.BadAnswer as refusal:
        return NotAuthenticated(str(refusal))


def card_key(master_key: bytes, uid: bytes) -> bytes:
    """The read key of the card with this UID."""
    return diversification.aes_128(master_key, uid + AID + SYSTEM)


def authenticate(transceive: Transceive, key_number: int, key: bytes, random: Callable[[int], bytes]) -> ev2.Session:
    """A session with a key of the selected application. Raises :class:`~readers.credentials.ev2.BadAnswer`, CardGone."""
    # LenCap 0: no capabilities to tell
    status, challenge = command(transceive, _AUTHENTICATE_EV2_FIRST, bytes([key_number, 0]))
    if status != MORE:
        raise ev2.BadAnswer(f"authentication refused with status {status:02X}")
    rnd_a = random(ev2.RND_BYTES)
    message, rnd_b = ev2.answer_challenge(key, challenge, rnd_a)
    status, proof = command(transceive, ADDITIONAL_FRAME, message)
    if status != OPERATION_OK:
        raise ev2.BadAnswer(f"authentication failed with status {status:02X}")
    return ev2.open_session(key, rnd_a, rnd_b, proof)


def _read_file(transceive: Transceive, session: ev2.Session) -> bytes:
    header = bytes([FILE]) + (0).to_bytes(3, "little") + BLOCK_BYTES.to_bytes(3, "little")
    status, body = command(transceive, _READ_DATA, header + session.command_mac(_READ_DATA, header))
    if status != OPERATION_OK:
        raise ev2.BadAnswer(f"reading refused with status {status:02X}")
    return session.open_answer(status, body)


def command(transceive: Transceive, code: int, data: bytes = b"") -> tuple[int, bytes]:
    """One ISO 7816-wrapped command; (status, data). An answer that is no DESFire answer has the status :data:`NO_STATUS`."""
    length = bytes([len(data)]) if data else b""
    answer = bytes(transceive(bytes([0x90, code, 0, 0]) + length + data + b"\0"))
    if len(answer) < 2 or answer[-2] != 0x91:
        return NO_STATUS, b""
    return answer[-1], answer[:-2]
