"""The reader drivers, by the name that ``edge.toml`` gives (``driver = "pn532"``). Each passes
``tests/readers/reader_contract.py``."""

from collections.abc import Callable, Collection, Mapping

from readers.credentials.keys import ENCODING_KEYS, CardKeys, EncodingKeys
from readers.encoder import Encoder
from readers.pn532.encoder import Pn532Encoder
from readers.pn532.reader import Pn532Reader
from readers.reader import Reader

Driver = Callable[[str, Collection[str], CardKeys], Reader]

DRIVERS: dict[str, Driver] = {
    "pn532": Pn532Reader,
}

ENCODERS: dict[str, Callable[[str, EncodingKeys], Encoder]] = {
    "pn532": Pn532Encoder,
}
"""The drivers that can write cards as well."""

CREDENTIALS: dict[str, str | None] = {
    "desfire": "desfire_read",
    "ultralight-c": "ultralight_c",
    "felica-lite-s": "felica_lite_s",
    "uid": None,
}
"""What a reader can be told to read, and the card key that it needs."""


class ReaderRefused(Exception):
    """A reader's configuration cannot be used. One line: which port, what is wrong, what is allowed."""


def open_reader(driver: str, port: str, credentials: Collection[str], card_keys: Mapping[str, bytes]) -> Reader:
    """The reader at ``port``, not yet opened: its thread opens it. ``card_keys``: master keys by their names in the key file.

    Raises :class:`ReaderRefused` for an unknown driver or credential, none at all, or one whose key is missing, and
    :class:`~readers.credentials.keys.KeyRefused` for a key that is no key.
    """
    if driver not in DRIVERS:
        raise ReaderRefused(f"reader on {port}: unknown driver {driver!r}; known are {', '.join(DRIVERS)}")
    if not credentials:
        raise ReaderRefused(f"reader on {port}: no credentials; choose of {', '.join(CREDENTIALS)}")
    for credential in credentials:
        if credential not in CREDENTIALS:
            raise ReaderRefused(
                f"reader on {port}: unknown credential {credential!r}; known are {', '.join(CREDENTIALS)}"
            )
        key_name = CREDENTIALS[credential]
        if key_name is not None and not card_keys.get(key_name):
            raise ReaderRefused(
                f"reader on {port}: credential {credential} needs the card key {key_name}; none is given"
            )
    return DRIVERS[driver](port, credentials, CardKeys(**card_keys))


def open_encoder(driver: str, port: str, card_keys: Mapping[str, bytes]) -> Encoder:
    """The writing reader at ``port``, not yet opened. Raises as :func:`open_reader`."""
    if driver not in ENCODERS:
        raise ReaderRefused(f"reader on {port}: driver {driver!r} writes no cards; use one of {', '.join(ENCODERS)}")
    for name in ENCODING_KEYS:
        if not card_keys.get(name):
            raise ReaderRefused(
                f"reader on {port}: a desk needs the card key {name}; enrol it with `--desk` and the site's card keys"
            )
    return ENCODERS[driver](port, EncodingKeys(**{name: card_keys[name] for name in ENCODING_KEYS}))
