"""Personalised cards as the site's desk would encode them (docs/interfaces.md, Cards). ::

    card = make_card("desfire", "A-0017", {"desfire_read": "00112233…"})
    field.put(card)

Keys are diversified per card by AN10922 with the simulator's own implementation.
"""

from collections.abc import Mapping
from os import urandom

from sim.cards.card import Card, Chance
from sim.cards.crypto import diversified_aes
from sim.cards.desfire import DesfireCard, StandardFile

AID = bytes.fromhex("4d4af5")
LABEL = b"menjin"
READ_KEY = 1
BADGE_FILE = 1
BADGE_BLOCK_BYTES = 32
NUMBER_MAX_BYTES = 24


class CardError(ValueError):
    """A card that cannot be made: what was asked for, and what is possible."""


def badge_block(number: str) -> bytes:
    """The 32 bytes that carry a badge number. Raises :class:`CardError`."""
    data = number.encode("ascii", "replace")
    if not number.isascii() or not number.isprintable() or not 1 <= len(data) <= NUMBER_MAX_BYTES:
        raise CardError(f"card number {number!r}: 1 to {NUMBER_MAX_BYTES} printable ASCII characters")
    return (bytes([1, len(data)]) + data).ljust(BADGE_BLOCK_BYTES, b"\x00")


def _master(card_keys: Mapping[str, str], name: str) -> bytes:
    if name not in card_keys:
        raise CardError(f"card keys: {name} is missing")
    try:
        key = bytes.fromhex(card_keys[name])
    except ValueError as error:
        raise CardError(f"card keys: {name} is not hexadecimal") from error
    if len(key) != 16:
        raise CardError(f"card keys: {name} must be 32 hexadecimal digits")
    return key


def _turned(key: bytes) -> bytes:
    """Another key, for a card that does not know the site's."""
    return bytes(byte ^ 0xA6 for byte in key)


def desfire(number: str, card_keys: Mapping[str, str], uid: bytes, wrong_key: bool, chance: Chance) -> DesfireCard:
    if len(uid) != 7:
        raise CardError(f"a DESFire UID has 7 bytes, not {len(uid)}")
    key = diversified_aes(_master(card_keys, "desfire_read"), uid + AID + LABEL)
    card = DesfireCard(uid, chance)
    card.add_application(AID, keys=[chance(16), _turned(key) if wrong_key else key])
    card.add_file(AID, BADGE_FILE, StandardFile(bytearray(badge_block(number)), read=READ_KEY, write=0))
    return card


def make_card(
    technology: str,
    number: str,
    card_keys: Mapping[str, str],
    uid: bytes | None = None,
    wrong_key: bool = False,
    chance: Chance = urandom,
) -> Card:
    """A card of one of the technologies of docs/interfaces.md, carrying ``number``.

    ``card_keys``: hexadecimal ``desfire_read``, ``ultralight_c``, ``felica_lite_s``. ``wrong_key``: one that fails
    authentication. ``chance`` gives UIDs and challenges. Raises :class:`CardError`.
    """
    if technology == "desfire":
        return desfire(number, card_keys, uid or b"\x04" + chance(6), wrong_key, chance)
    raise CardError(f"technology {technology!r}: desfire")
