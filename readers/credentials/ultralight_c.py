"""A badge number from a MIFARE Ultralight C: three-pass authentication with two-key triple DES, then a read in clear.

The authentication itself is nfcpy's (``readers.pn532.chip``) and is handed in. After it the air is not encrypted: who listens
learns the number, but cannot make a card with it.
"""

from collections.abc import Callable

from readers.credentials import diversification
from readers.credentials.card import NotAuthenticated, NotOurs, Outcome, Transceive, parse_badge_block

SYSTEM = b"menjin"
UID_BYTES = 7
FIRST_PAGE = 4
_READ = 0x30
_PAGES_A_READ = 4
_READ_BYTES = 16


def read(
    transceive: Transceive, authenticate: Callable[[bytes], bool | None], uid: bytes, master_key: bytes
) -> Outcome:
    """Authenticate with the card's diversified key and read pages 4-11.

    ``authenticate(key)``: True when card and key agreed, False when not, None when the card knows no such command. Raises
    CardGone only.
    """
    if len(uid) != UID_BYTES:
        return NotOurs("an Ultralight C has a 7-byte UID")
    proven = authenticate(card_key(master_key, uid))
    if proven is None:
        return NotOurs("the card does not know the command")
    if not proven:
        return NotAuthenticated("the card does not know the key")
    block = b""
    for page in (FIRST_PAGE, FIRST_PAGE + _PAGES_A_READ):
        answer = bytes(transceive(bytes([_READ, page])))
        if len(answer) != _READ_BYTES:
            return NotAuthenticated(f"page {page} cannot be read")
        block += answer
    return parse_badge_block(block)


def card_key(master_key: bytes, uid: bytes) -> bytes:
    """The key of the card with this UID."""
    return diversification.tdea_2key(master_key, uid + SYSTEM)
