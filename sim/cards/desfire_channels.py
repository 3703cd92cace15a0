"""The older secure messaging of DESFire, on the card's side: after Authenticate (0x0A), ISO (0x1A) and AES (0xAA).

Written for the simulator alone, from libfreefare's description of MF3ICD40 and MF3ICD81 (its file comments and diagrams) and
the published exchanges in ``tests/sim/cards/test_desfire_vectors.py``. The reader always sends what *it* deciphered in the
oldest scheme, so that the card only ever enciphers; later schemes chain one IV through everything that is sent.
"""

import zlib
from collections.abc import Callable
from typing import Protocol

from sim.cards.crypto import (
    AES_BLOCK,
    DES_BLOCK,
    aes_cmac,
    aes_decrypt,
    aes_encrypt,
    des_cmac,
    des_decrypt,
    des_encrypt,
)
from sim.cards.desfire_memory import FULL, MAC, Key
from sim.cards.ev2 import IntegrityFault

CMAC_BYTES = 8
CHANGE_KEY = 0xC4


class Channel(Protocol):
    """An authenticated session, whichever scheme it runs under."""

    key_number: int
    """The key that opened it."""

    def opened(self, code: int, data: bytes, mode: int, header_bytes: int) -> bytes:
        """Command data in plain, its protection checked and taken off; the first ``header_bytes`` are never enciphered.
        Raises :class:`IntegrityFault`."""
        ...

    def new_key(self, data: bytes, size: int, old: bytes | None) -> bytes:
        """ChangeKey's ``size`` bytes (key, and an AES key's version). ``old``: the key's present value where another key opened
        the session. Raises :class:`IntegrityFault`."""
        ...

    def closed(self, status: int, data: bytes, mode: int) -> bytes:
        """Response data under the session's protection."""
        ...


def crc16(data: bytes) -> bytes:
    """ISO/IEC 14443-3 CRC_A, low byte first."""
    crc = 0x6363
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x8408 if crc & 1 else 0)
    return crc.to_bytes(2, "little")


def crc32(data: bytes) -> bytes:
    """IEEE 802.3 CRC without the final inversion, low byte first."""
    return (zlib.crc32(data) ^ 0xFFFFFFFF).to_bytes(4, "little")


def from_deciphered(key: bytes, sent: bytes) -> bytes:
    """Undo a reader's "decipher while sending" (MF3ICD40): every block enciphered, then the one before it added."""
    blocks = [sent[at : at + DES_BLOCK] for at in range(0, len(sent), DES_BLOCK)]
    before = [bytes(DES_BLOCK), *blocks]
    return b"".join(
        bytes(a ^ b for a, b in zip(des_encrypt(key, block), previous, strict=True))
        for block, previous in zip(blocks, before, strict=False)
    )


def _checked(plain: bytes, size: int, *crcs: tuple[int, bytes]) -> bytes:
    """The first ``size`` bytes, when every (offset, CRC) stands there and only zeros follow."""
    end = size
    for at, crc in crcs:
        if plain[at : at + len(crc)] != crc:
            raise IntegrityFault
        end = at + len(crc)
    if any(plain[end:]):
        raise IntegrityFault
    return plain[:size]


def _unmixed(mixed: bytes, old: bytes | None) -> bytes:
    """The new key (and what follows it) out of new XOR old."""
    if old is None:
        return mixed
    return bytes(a ^ b for a, b in zip(mixed, old, strict=False)) + mixed[len(old) :]


class LegacyChannel:
    """After Authenticate (0x0A): commands in plain but for what is always enciphered, CRC16, every IV zero."""

    def __init__(self, key_number: int, session_key: bytes) -> None:
        self.key_number = key_number
        self.session_key = session_key

    def opened(self, code: int, data: bytes, mode: int, header_bytes: int) -> bytes:  # noqa: ARG002
        if mode != FULL:
            return data
        header, sealed = data[:header_bytes], data[header_bytes:]
        if len(sealed) != DES_BLOCK:
            raise IntegrityFault
        plain = from_deciphered(self.session_key, sealed)
        return header + _checked(plain, 1, (1, crc16(plain[:1])))

    def new_key(self, data: bytes, size: int, old: bytes | None) -> bytes:
        sealed = data[1:]
        if not sealed or len(sealed) % DES_BLOCK:
            raise IntegrityFault
        plain = from_deciphered(self.session_key, sealed)
        crcs = [(size, crc16(plain[:size]))]
        found = _unmixed(plain[:size], old)
        if old is not None:
            crcs.append((size + 2, crc16(found[: len(old)])))
        _checked(plain, size, *crcs)
        return found

    def closed(self, status: int, data: bytes, mode: int) -> bytes:  # noqa: ARG002
        return data


class ChainedChannel:
    """After ISO (0x1A) and AES (0xAA) authentication: CMAC and CBC over one IV that every message moves on, CRC32."""

    def __init__(self, key_number: int, session_key: Key) -> None:
        self.key_number = key_number
        aes = session_key.kind == "aes"
        self.session_key = session_key.value
        self._block = AES_BLOCK if aes else DES_BLOCK
        self._decrypt: Callable[[bytes, bytes, bytes], bytes] = aes_decrypt if aes else des_decrypt
        self._encrypt: Callable[[bytes, bytes, bytes], bytes] = aes_encrypt if aes else des_encrypt
        self._cmac: Callable[..., bytes] = aes_cmac if aes else des_cmac
        self._iv = bytes(self._block)

    def opened(self, code: int, data: bytes, mode: int, header_bytes: int) -> bytes:
        if mode == FULL:
            header, sealed = data[:header_bytes], data[header_bytes:]
            plain = self._deciphered(sealed)
            return header + self._without_crc(bytes([code]) + header, plain)
        body, mac = (data[:-CMAC_BYTES], data[-CMAC_BYTES:]) if mode == MAC else (data, b"")
        if self._next_mac(bytes([code]) + body)[: len(mac)] != mac:
            raise IntegrityFault
        return body

    def new_key(self, data: bytes, size: int, old: bytes | None) -> bytes:
        plain = self._deciphered(data[1:])
        crcs = [(size, crc32(bytes([CHANGE_KEY]) + data[:1] + plain[:size]))]
        found = _unmixed(plain[:size], old)
        if old is not None:
            crcs.append((size + 4, crc32(found[: len(old)])))
        _checked(plain, size, *crcs)
        return found

    def closed(self, status: int, data: bytes, mode: int) -> bytes:
        if mode == FULL and data:
            plain = data + crc32(data + bytes([status]))
            sealed = self._encrypt(self.session_key, plain + bytes(-len(plain) % self._block), self._iv)
            self._iv = sealed[-self._block :]
            return sealed
        return data + self._next_mac(data + bytes([status]))[:CMAC_BYTES]

    def _next_mac(self, message: bytes) -> bytes:
        self._iv = self._cmac(self.session_key, message, iv=self._iv)
        return self._iv

    def _deciphered(self, sealed: bytes) -> bytes:
        if not sealed or len(sealed) % self._block:
            raise IntegrityFault
        plain = self._decrypt(self.session_key, sealed, self._iv)
        self._iv = sealed[-self._block :]
        return plain

    def _without_crc(self, before: bytes, plain: bytes) -> bytes:
        """Data in front of a CRC over command, header and data that only zeros follow: the padding does not say how many. The
        shortest is meant: the CRC over a CRC is zero, and stays so."""
        for size in range(max(0, len(plain) - 3 - self._block), len(plain) - 3):
            if not any(plain[size + 4 :]) and plain[size : size + 4] == crc32(before + plain[:size]):
                return plain[:size]
        raise IntegrityFault


def session_key_of(key: Key, rnd_a: bytes, rnd_b: bytes) -> Key:
    """The session key of the older schemes, of the authentication key's kind."""
    first = rnd_a[:4] + rnd_b[:4]
    if key.kind == "aes":
        return Key("aes", first + rnd_a[12:] + rnd_b[12:])
    if key.value[:DES_BLOCK] == key.value[DES_BLOCK:]:
        return Key("2tdea", first + first)
    return Key("2tdea", first + rnd_a[4:8] + rnd_b[4:8])
