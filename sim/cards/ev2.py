"""DESFire EV2 secure messaging on the card's side (AN12196 §4-6): session keys, counters, MACs, encryption."""

import zlib
from dataclasses import dataclass

from sim.cards.crypto import AES_BLOCK, aes_cmac, aes_decrypt, aes_encrypt, pad80, xor
from sim.cards.desfire_memory import FULL, MAC, PLAIN

MAC_BYTES = 8


class IntegrityFault(Exception):
    """A MAC or a padding was wrong; the card answers 91 1E."""


def session_keys(key: bytes, rnd_a: bytes, rnd_b: bytes) -> tuple[bytes, bytes]:
    """(encryption key, MAC key) of a session, from both challenges."""
    context = rnd_a[:2] + xor(rnd_a[2:8], rnd_b[:6]) + rnd_b[6:] + rnd_a[8:]
    encryption = aes_cmac(key, b"\xa5\x5a\x00\x01\x00\x80" + context)
    mac = aes_cmac(key, b"\x5a\xa5\x00\x01\x00\x80" + context)
    return encryption, mac


@dataclass
class Session:
    """An authenticated session. ``counter`` is CmdCtr, counting commands from 0."""

    key_number: int
    encryption_key: bytes
    mac_key: bytes
    transaction: bytes
    counter: int = 0

    def mac(self, first: int, data: bytes) -> bytes:
        """MACt over a command or response code, the counter, the transaction identifier and ``data``."""
        message = bytes([first]) + self.counter.to_bytes(2, "little") + self.transaction + data
        return aes_cmac(self.mac_key, message)[1::2]

    def iv(self, label: bytes) -> bytes:
        block = label + self.transaction + self.counter.to_bytes(2, "little")
        return aes_encrypt(self.encryption_key, block + bytes(AES_BLOCK - len(block)))

    def open_mac(self, code: int, data: bytes) -> bytes:
        """Command data without its MAC, checked. Raises :class:`IntegrityFault`."""
        body, mac = data[:-MAC_BYTES], data[-MAC_BYTES:]
        if len(data) < MAC_BYTES or mac != self.mac(code, body):
            raise IntegrityFault
        return body

    def open_full(self, code: int, data: bytes, header_bytes: int) -> tuple[bytes, bytes]:
        """(header, plain data) of a command in full mode, checked. Raises :class:`IntegrityFault`."""
        body = self.open_mac(code, data)
        header, sealed = body[:header_bytes], body[header_bytes:]
        if not sealed:
            return header, b""
        if len(sealed) % AES_BLOCK:
            raise IntegrityFault
        padded = aes_decrypt(self.encryption_key, sealed, self.iv(b"\xa5\x5a"))
        plain = padded.rstrip(b"\x00")
        if not plain.endswith(b"\x80"):
            raise IntegrityFault
        return header, plain[:-1]

    def opened(self, code: int, data: bytes, mode: int, header_bytes: int) -> bytes:
        """A command in any mode; steps the counter. Raises :class:`IntegrityFault`."""
        if mode == MAC:
            data = self.open_mac(code, data)
        elif mode == FULL:
            data = b"".join(self.open_full(code, data, header_bytes))
        self.counter += 1
        return data

    def new_key(self, data: bytes, size: int, old: bytes | None) -> bytes:
        """ChangeKey (AN12196 §6.16): the new key and its version; another key's is sent XOR its old value, with a CRC-32 of the
        new one. Raises :class:`IntegrityFault`."""
        plain = self.opened(0xC4, data, FULL, header_bytes=1)[1:]
        mixed, crc = plain[:size], plain[size:]
        if old is None:
            if len(plain) != size:
                raise IntegrityFault
            return mixed
        new = xor(mixed[: len(old)], old) if len(mixed) == size else b""
        if crc != (zlib.crc32(new) ^ 0xFFFFFFFF).to_bytes(4, "little"):
            raise IntegrityFault
        return new + mixed[len(old) :]

    def closed(self, status: int, data: bytes, mode: int) -> bytes:
        """A response in any mode."""
        if mode == PLAIN:
            return data
        return self.close_full(status, data) if mode == FULL else self.close_mac(status, data)

    def close_mac(self, status: int, data: bytes = b"") -> bytes:
        """A response in MAC mode. The counter must have been stepped already."""
        return data + self.mac(status, data)

    def close_full(self, status: int, data: bytes) -> bytes:
        """A response in full mode. The counter must have been stepped already."""
        sealed = aes_encrypt(self.encryption_key, pad80(data, AES_BLOCK), self.iv(b"\x5a\xa5")) if data else b""
        return self.close_mac(status, sealed)
