"""DESFire commands on the card and its keys: applications, key settings, ChangeKey, FormatPICC."""

from sim.cards.desfire_context import (
    APPLICATION_NOT_FOUND,
    AUTHENTICATION_ERROR,
    DUPLICATE,
    LENGTH_ERROR,
    NO_SUCH_KEY,
    OK,
    PARAMETER_ERROR,
    PERMISSION_DENIED,
    PICC,
    Context,
    Refused,
    exactly,
)
from sim.cards.desfire_memory import (
    FREE_CREATION,
    FREE_LISTING,
    FULL,
    KEY_BYTES,
    SETTINGS_CHANGEABLE,
    Application,
    Key,
    KeyKind,
    blank_key,
)

KIND_MASK, KEYS_MASK = 0xC0, 0x0F
KINDS: dict[int, KeyKind] = {0x00: "2tdea", 0x80: "aes"}
"""Bits 7 and 6 of CreateApplication's second settings and, on the card's own key, of ChangeKey's number. 0x40, 3K3DES, is not
modelled."""
KEYS_MAX = 14


def create_application(context: Context, data: bytes) -> tuple[bytes, int]:
    """AID(3), key settings, number and kind of the keys."""
    data = exactly(context.opened(0xCA, data), 5)
    context.at_the_card()
    context.allowed(FREE_CREATION)
    aid, settings, keys = data[:3], data[3], data[4]
    kind = KINDS.get(keys & KIND_MASK)
    if aid == PICC or kind is None or keys & ~(KIND_MASK | KEYS_MASK) or not 1 <= keys & KEYS_MASK <= KEYS_MAX:
        raise Refused(PARAMETER_ERROR)
    if aid in context.applications:
        raise Refused(DUPLICATE)
    context.applications[aid] = Application([blank_key(kind)] * (keys & KEYS_MASK), settings)
    try:
        context.fits()
    except Refused:
        del context.applications[aid]
        raise
    return context.closed()


def delete_application(context: Context, data: bytes) -> tuple[bytes, int]:
    """By the card's master key, or by the application's own where the card's settings let applications come and go freely."""
    aid = exactly(context.opened(0xDA, data), 3)
    if aid == PICC or aid not in context.applications:
        raise Refused(APPLICATION_NOT_FOUND)
    by_the_card = context.selected == PICC and context.authenticated == 0
    by_itself = context.selected == aid and context.authenticated == 0
    if not by_the_card and not (by_itself and context.applications[PICC].settings & FREE_CREATION):
        raise Refused(AUTHENTICATION_ERROR)
    del context.applications[aid]
    if context.selected != aid:
        return context.closed()
    context.selected, context.session = PICC, None
    return b"", OK


def application_ids(context: Context, data: bytes) -> tuple[bytes, int]:
    exactly(context.opened(0x6A, data), 0)
    context.at_the_card()
    context.allowed(FREE_LISTING)
    return context.closed(b"".join(sorted(aid for aid in context.applications if aid != PICC)))


def free_memory(context: Context, data: bytes) -> tuple[bytes, int]:
    exactly(context.opened(0x6E, data), 0)
    return context.closed(context.free_bytes.to_bytes(3, "little"))


def format_card(context: Context, data: bytes) -> tuple[bytes, int]:
    """Every application goes; the card's own key and settings stay."""
    exactly(context.opened(0xFC, data), 0)
    context.at_the_card()
    if context.authenticated != 0:
        raise Refused(AUTHENTICATION_ERROR)
    for aid in [aid for aid in context.applications if aid != PICC]:
        del context.applications[aid]
    return context.closed()


def key_settings(context: Context, data: bytes) -> tuple[bytes, int]:
    exactly(context.opened(0x45, data), 0)
    context.allowed(FREE_LISTING)
    keys = context.application.keys
    kind = next(bits for bits, kind in KINDS.items() if kind == keys[0].kind)
    return context.closed(bytes([context.application.settings, len(keys) | kind]))


def change_key_settings(context: Context, data: bytes) -> tuple[bytes, int]:
    if context.session is None or context.authenticated != 0:
        raise Refused(AUTHENTICATION_ERROR)
    settings = exactly(context.session.opened(0x54, data, FULL, 0), 1)
    if not context.application.settings & SETTINGS_CHANGEABLE:
        raise Refused(PERMISSION_DENIED)
    context.application.settings = settings[0]
    return context.closed()


def key_version(context: Context, data: bytes) -> tuple[bytes, int]:
    number = context.opened(0x64, data)
    if len(number) != 1 or number[0] >= len(context.application.keys):
        raise Refused(NO_SUCH_KEY)
    return context.closed(bytes([context.application.keys[number[0]].version]))


def change_key(context: Context, data: bytes) -> tuple[bytes, int]:
    """The key's number, and its new value under the session's protection. The session ends with the key that opened it."""
    application, session = context.application, context.session
    if session is None:
        raise Refused(AUTHENTICATION_ERROR)
    if not data:
        raise Refused(LENGTH_ERROR)
    number, kind = data[0] & KEYS_MASK, application.keys[0].kind
    if context.selected == PICC:
        if data[0] & KIND_MASK not in KINDS:
            raise Refused(PARAMETER_ERROR)
        kind = KINDS[data[0] & KIND_MASK]
    elif data[0] & ~KEYS_MASK:
        raise Refused(PARAMETER_ERROR)
    if number >= len(application.keys):
        raise Refused(NO_SUCH_KEY)
    if not application.may_change(number, session.key_number):
        raise Refused(PERMISSION_DENIED if session.key_number in (0, number) else AUTHENTICATION_ERROR)
    own = number == session.key_number
    plain = session.new_key(data, KEY_BYTES + (kind == "aes"), None if own else application.keys[number].value)
    application.keys[number] = Key(kind, plain[:KEY_BYTES], plain[-1] if kind == "aes" else 0)
    if own:
        context.session = None
        return b"", OK
    return context.closed()
