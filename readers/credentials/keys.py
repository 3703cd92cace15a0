"""The site's master keys for reading cards, and which values are no keys at all.

Each card holds its own key, derived from these (:mod:`readers.credentials.diversification`). Keys never appear in ``repr``,
messages or logs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

KEY_BYTES = 16

_FACTORY_KEYS = (
    bytes(KEY_BYTES),  # DESFire, FeliCa Lite-S as delivered
    b"\xff" * KEY_BYTES,
    b"IEMKAERB!NACUOYF",  # Ultralight C as delivered (MF0ICU2, 7.5.9)
    b"BREAKMEIFYOUCAN!",  # the same, in the order in which it stands in the card's memory
)


class KeyRefused(Exception):
    """A configured card key cannot be used. One line: which key, why, what to do; never the key itself."""


@dataclass(frozen=True, slots=True)
class CardKeys:
    """Master keys by technology, 16 bytes each; None where the site has none. Checked on construction: raises
    :class:`KeyRefused` for a wrong length, zeros, 0xFF, or a published factory key."""

    desfire_read: bytes | None = field(default=None, repr=False)
    ultralight_c: bytes | None = field(default=None, repr=False)
    felica_lite_s: bytes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for each in fields(self):
            key = getattr(self, each.name)
            if key is not None:
                _check(each.name, key)

    @classmethod
    def from_hex(cls, table: Mapping[str, object]) -> "CardKeys":
        """From a key file's table (docs/interfaces.md): 32 hexadecimal digits each. Raises :class:`KeyRefused`, unknown names
        included."""
        names = [each.name for each in fields(cls)]
        keys: dict[str, bytes] = {}
        for name, value in table.items():
            if name not in names:
                raise KeyRefused(f"card key {name}: unknown name; a key file has {', '.join(names)}")
            if not isinstance(value, str):
                raise KeyRefused(f"card key {name}: must be a string of 32 hexadecimal digits")
            try:
                keys[name] = bytes.fromhex(value)
            except ValueError:
                raise KeyRefused(f"card key {name}: is not hexadecimal; 32 digits are needed") from None
        return cls(**keys)


@dataclass(frozen=True, slots=True)
class EncodingKeys:
    """What a desk needs to write DESFire cards: master keys of the card itself, of the application, and for reading. Checked on
    construction: raises :class:`KeyRefused` as :class:`CardKeys` does, and where two are the same."""

    desfire_picc: bytes = field(repr=False)
    desfire_app: bytes = field(repr=False)
    desfire_read: bytes = field(repr=False)

    def __post_init__(self) -> None:
        for each in fields(self):
            _check(each.name, getattr(self, each.name))
        if len({self.desfire_picc, self.desfire_app, self.desfire_read}) < len(fields(self)):
            raise KeyRefused(f"card keys {', '.join(ENCODING_KEYS)}: two are the same; each needs its own")


ENCODING_KEYS = tuple(each.name for each in fields(EncodingKeys))


def _check(name: str, key: bytes) -> None:
    if len(key) != KEY_BYTES:
        raise KeyRefused(f"card key {name}: has {len(key)} bytes, {KEY_BYTES} are needed (32 hexadecimal digits)")
    # DES ignores the lowest bit of each byte: keys that differ only there are the same key
    if any(_without_parity(key) == _without_parity(factory) for factory in _FACTORY_KEYS):
        raise KeyRefused(f"card key {name}: is a published factory key; make one with `menjin keys cards --out FILE`")


def _without_parity(key: bytes) -> bytes:
    return bytes(byte & 0xFE for byte in key)
