"""Personalised cards as the site's desk would encode them (docs/interfaces.md, Cards). ::

    card = make_card("desfire", "A-0017", {"desfire_read": "00112233…"})
    field.put(card)

Keys are diversified per card by AN10922 with the simulator's own implementation.
"""

from collections.abc import Mapping
from os import urandom

from sim.cards.card import Card, Chance, TypeACard
from sim.cards.crypto import diversified_2tdea, diversified_aes
from sim.cards.desfire import DesfireCard, StandardFile
from sim.cards.felica_lite_s import FelicaLiteSCard
from sim.cards.plain import ClassicCard, NtagCard, RandomUidCard
from sim.cards.ultralight_c import UltralightCCard

TECHNOLOGIES = ("desfire", "ultralight-c", "felica-lite-s", "uid", "random-uid", "desfire-blank")
NXP = b"\x04"
"""First byte of a 7-byte UID: the maker."""
SONY = b"\x01\x2e"
AID = bytes.fromhex("4d4af5")
LABEL = b"menjin"
READ_KEY = 1
BADGE_FILE = 1
BADGE_PAGE = 4
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


def number_on(card: Card) -> str:
    """The badge number that a desk has written on a DESFire card; empty on a blank one, and on any other kind."""
    application = card.applications.get(AID) if isinstance(card, DesfireCard) else None
    file = None if application is None else application.files.get(BADGE_FILE)
    block = b"" if file is None else bytes(file.data)
    return (
        block[2 : 2 + block[1]].decode("ascii", "replace") if len(block) == BADGE_BLOCK_BYTES and block[0] == 1 else ""
    )


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
    _sized("a DESFire UID", uid, 7)
    key = diversified_aes(_master(card_keys, "desfire_read"), uid + AID + LABEL)
    card = DesfireCard(uid, chance)
    card.add_application(AID, keys=[chance(16), _turned(key) if wrong_key else key])
    card.add_file(AID, BADGE_FILE, StandardFile(bytearray(badge_block(number)), read=READ_KEY, write=0))
    return card


def ultralight_c(
    number: str, card_keys: Mapping[str, str], uid: bytes, wrong_key: bool, chance: Chance
) -> UltralightCCard:
    _sized("an Ultralight C UID", uid, 7)
    key = diversified_2tdea(_master(card_keys, "ultralight_c"), uid + LABEL)
    card = UltralightCCard(uid, chance)
    card.store(BADGE_PAGE, badge_block(number))
    card.set_key(_turned(key) if wrong_key else key)
    card.protect(first_page=BADGE_PAGE, reading=True)
    return card


def felica_lite_s(
    number: str, card_keys: Mapping[str, str], idm: bytes, wrong_key: bool, chance: Chance
) -> FelicaLiteSCard:
    _sized("an IDm", idm, 8)
    key = diversified_aes(_master(card_keys, "felica_lite_s"), idm + LABEL)
    card = FelicaLiteSCard(idm, chance)
    block = badge_block(number)
    card.store(0, block[:16])
    card.store(1, block[16:])
    card.set_key(_turned(key) if wrong_key else key)
    card.seal()
    return card


def plain(number: str, uid: bytes | None) -> TypeACard:
    """A bare UID: ``number`` is the UID itself in upper-case hexadecimal."""
    try:
        named = bytes.fromhex(number) if number else uid or b""
    except ValueError as error:
        raise CardError(f"number {number!r}: the number of a uid card is its UID in hexadecimal") from error
    if uid is not None and uid != named:
        raise CardError(f"number {number!r} and UID {uid.hex().upper()} differ: a uid card's number is its UID")
    if len(named) == 4:
        return ClassicCard(named)
    _sized("a bare UID", named, 7)
    return NtagCard(named)


def _sized(what: str, uid: bytes, size: int) -> None:
    if len(uid) != size:
        raise CardError(f"{what} has {size} bytes, not {len(uid)}")


def make_card(
    technology: str,
    number: str,
    card_keys: Mapping[str, str],
    uid: bytes | None = None,
    wrong_key: bool = False,
    chance: Chance = urandom,
) -> Card:
    """A card of one of :data:`TECHNOLOGIES`, carrying ``number`` (for ``uid``: the UID in hexadecimal, made up when empty;
    for ``random-uid`` and ``desfire-blank``, a card from the factory: unused).

    ``card_keys``: hexadecimal ``desfire_read``, ``ultralight_c``, ``felica_lite_s``, those that the technology needs.
    ``wrong_key``: one that fails authentication. ``chance`` gives UIDs and challenges. Raises :class:`CardError`.
    """
    match technology:
        case "desfire":
            return desfire(number, card_keys, uid or NXP + chance(6), wrong_key, chance)
        case "ultralight-c":
            return ultralight_c(number, card_keys, uid or NXP + chance(6), wrong_key, chance)
        case "felica-lite-s":
            return felica_lite_s(number, card_keys, uid or SONY + chance(6), wrong_key, chance)
        case "uid":
            return plain(number, uid if number or uid else NXP + chance(6))
        case "random-uid":
            return RandomUidCard(chance)
        case "desfire-blank":
            return DesfireCard(uid or NXP + chance(6), chance)
    raise CardError(f"technology {technology!r}: one of {', '.join(TECHNOLOGIES)}")
