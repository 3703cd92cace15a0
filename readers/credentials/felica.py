"""A badge number from a FeliCa Lite-S: mutual authentication, then a read with MAC.

Both are nfcpy's (``readers.pn532.chip``) and are handed in.
"""

from collections.abc import Callable

from readers.credentials import diversification
from readers.credentials.card import NotAuthenticated, Outcome, parse_badge_block

SYSTEM = b"menjin"
IDM_BYTES = 8
BLOCKS = (0, 1)
"""S_PAD0 and S_PAD1."""


def read(
    authenticate: Callable[[bytes], bool],
    read_with_mac: Callable[[tuple[int, ...]], bytes | None],
    idm: bytes,
    master_key: bytes,
) -> Outcome:
    """Authenticate mutually with the card's diversified key and read the badge block.

    ``authenticate(key)``: whether card and key agreed. ``read_with_mac(blocks)``: their bytes, None when the MAC is wrong.
    Raises CardGone only.
    """
    if len(idm) != IDM_BYTES:
        return NotAuthenticated("the card shows no IDm")
    if not authenticate(card_key(master_key, idm)):
        return NotAuthenticated("the card does not know the key")
    block = read_with_mac(BLOCKS)
    if block is None:
        return NotAuthenticated("the answer's MAC is wrong")
    return parse_badge_block(bytes(block))


def card_key(master_key: bytes, idm: bytes) -> bytes:
    """The card key of the card with this IDm."""
    return diversification.aes_128(master_key, idm + SYSTEM)
