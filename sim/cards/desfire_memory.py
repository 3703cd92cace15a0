"""What a DESFire EV2 card stores: keys, files and applications, and what its settings allow (MF3ICD81, MF3D(H)x2 data sheets)."""

from dataclasses import dataclass, field
from typing import Literal

KEY_BYTES = 16
DES_BYTES = 8
FREE, NEVER = 0x0E, 0x0F
PLAIN, MAC, FULL = 0x00, 0x01, 0x03
"""Communication modes of a file."""

KeyKind = Literal["2tdea", "aes"]

# Key settings, low half: what goes without the master key, and what may still be changed.
MASTER_KEY_CHANGEABLE, FREE_LISTING, FREE_CREATION, SETTINGS_CHANGEABLE = 0x01, 0x02, 0x04, 0x08
ALL_ALLOWED = 0x0F
CHANGED_BY_ITSELF, FROZEN = 0x0E, 0x0F
"""High half of an application's key settings: which key changes keys; these two are no key's number."""

CARD_BYTES = 8192
BLOCK_BYTES = 32
"""Memory is given out in blocks of this size."""


@dataclass(frozen=True)
class Key:
    """A key of the card. A 2TDEA key with equal halves is a DES key; its version stands in the parity bits of its first half."""

    kind: KeyKind
    value: bytes
    aes_version: int = 0

    @property
    def version(self) -> int:
        if self.kind == "aes":
            return self.aes_version
        return int("".join(str(byte & 1) for byte in self.value[:DES_BYTES]), 2)


def blank_key(kind: KeyKind) -> Key:
    """What the factory, and CreateApplication, put into every key."""
    return Key(kind, bytes(KEY_BYTES))


@dataclass
class StandardFile:
    """A standard data file. Rights name a key number, :data:`FREE` or :data:`NEVER`."""

    data: bytearray
    mode: int = FULL
    read: int = NEVER
    write: int = NEVER
    read_write: int = NEVER
    change: int = 0

    def settings(self) -> bytes:
        rights = self.read << 12 | self.write << 8 | self.read_write << 4 | self.change
        return bytes([0x00, self.mode]) + rights.to_bytes(2, "little") + len(self.data).to_bytes(3, "little")

    @classmethod
    def from_settings(cls, settings: bytes) -> "StandardFile":
        """An empty file from what CreateStdDataFile carries: mode(1), rights(2), size(3)."""
        rights = int.from_bytes(settings[1:3], "little")
        return cls(
            bytearray(int.from_bytes(settings[3:6], "little")),
            settings[0] & 0x03,
            *(rights >> shift & 0x0F for shift in (12, 8, 4, 0)),
        )

    @property
    def rights(self) -> tuple[int, int, int, int]:
        return self.read, self.write, self.read_write, self.change


@dataclass
class Application:
    """An application (or, as 000000, the card itself): keys of one kind, key 0 its master key."""

    keys: list[Key]
    settings: int = ALL_ALLOWED
    files: dict[int, StandardFile] = field(default_factory=dict)

    def allows(self, freedom: int, authenticated: int | None) -> bool:
        """Whether ``freedom`` (such as :data:`FREE_LISTING`) is given to all, or the master key is there."""
        return bool(self.settings & freedom) or authenticated == 0

    def may_change(self, number: int, authenticated: int) -> bool:
        """Whether a session of key ``authenticated`` may change key ``number``."""
        changer = self.settings >> 4
        if number == 0:
            return authenticated == 0 and bool(self.settings & MASTER_KEY_CHANGEABLE)
        if changer == FROZEN:
            return False
        if changer == CHANGED_BY_ITSELF:
            return authenticated == number
        return authenticated == (0 if number == changer else changer)

    @property
    def blocks(self) -> int:
        """Memory that it takes, in blocks."""
        contents = sum(-(-len(file.data) // BLOCK_BYTES) for file in self.files.values())
        return 1 + -(-len(self.keys) * KEY_BYTES // BLOCK_BYTES) + contents
