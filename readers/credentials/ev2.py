"""EV2 secure messaging of MIFARE DESFire EV2/EV3 with AES-128: authentication and sessions, no transport.

As in NXP AN12196 (which shows it on NTAG 424 DNA; the same protocol) and the DESFire EV2 data sheet, chapter 8: session keys
from SV1/SV2, MACs truncated to their odd bytes, command counter, one IV per direction and command.
"""

import hmac
import zlib

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC, ECB
from cryptography.hazmat.primitives.cmac import CMAC

RND_BYTES = 16
MAC_BYTES = 8
_ZERO_IV = bytes(16)


class BadAnswer(Exception):
    """The card's answer is not authentic or not well formed. For use inside readers.credentials only."""


class Session:
    """One authenticated session: transaction identifier, two session keys, and the command counter."""

    def __init__(self, transaction_id: bytes, encryption_key: bytes, mac_key: bytes, counter: int = 0) -> None:
        self.transaction_id = transaction_id
        self.encryption_key = encryption_key
        self.mac_key = mac_key
        self.counter = counter

    def command_mac(self, command: int, data: bytes) -> bytes:
        """MAC of a command at the present counter; ``data``: header and (encrypted) data."""
        return truncated_cmac(self.mac_key, bytes([command]) + self._counter_bytes() + self.transaction_id + data)

    def encrypt_command(self, plain: bytes) -> bytes:
        """Command data for full communication mode, padded, at the present counter."""
        padded = (plain + b"\x80").ljust((len(plain) // 16 + 1) * 16, b"\0")
        return cbc_encrypt(self.encryption_key, padded, self._iv(b"\xa5\x5a"))

    def check_answer(self, status: int, body: bytes) -> bytes:
        """Count the command, check the MAC at the end of ``body``; returns what stands before it. Raises :class:`BadAnswer`."""
        self.counter += 1
        data, mac = body[:-MAC_BYTES], body[-MAC_BYTES:]
        expected = truncated_cmac(self.mac_key, bytes([status]) + self._counter_bytes() + self.transaction_id + data)
        if not hmac.compare_digest(mac, expected):
            raise BadAnswer("the answer's MAC is wrong")
        return data

    def open_answer(self, status: int, body: bytes) -> bytes:
        """As :meth:`check_answer`, and decrypt the data. Raises :class:`BadAnswer`."""
        cipher = self.check_answer(status, body)
        if not cipher:
            return b""
        if len(cipher) % 16:
            raise BadAnswer("the answer is not whole cipher blocks")
        padded = cbc_decrypt(self.encryption_key, cipher, self._iv(b"\x5a\xa5"))
        plain = padded.rstrip(b"\0")
        if not plain.endswith(b"\x80") or len(padded) - len(plain) > 15:
            raise BadAnswer("the answer's padding is wrong")
        return plain[:-1]

    def _counter_bytes(self) -> bytes:
        return self.counter.to_bytes(2, "little")

    def _iv(self, label: bytes) -> bytes:
        block = (label + self.transaction_id + self._counter_bytes()).ljust(16, b"\0")
        encryptor = Cipher(AES(self.encryption_key), ECB()).encryptor()  # noqa: S305 - the standard's IV derivation
        return encryptor.update(block) + encryptor.finalize()


def change_of_key(new_key: bytes, version: int, old_key: bytes | None) -> bytes:
    """The data of a ChangeKey in full mode. ``old_key``: what the slot holds; None when it is the key of this session."""
    if old_key is None:
        return new_key + bytes([version])
    mixed = bytes(new ^ old for new, old in zip(new_key, old_key, strict=True))
    return mixed + bytes([version]) + (zlib.crc32(new_key) ^ 0xFFFFFFFF).to_bytes(4, "little")


def answer_challenge(key: bytes, encrypted_rnd_b: bytes, rnd_a: bytes) -> tuple[bytes, bytes]:
    """The reader's second message E(RndA ‖ RndB′), and RndB. ``encrypted_rnd_b``: the card's 16 bytes."""
    if len(encrypted_rnd_b) != RND_BYTES:
        raise BadAnswer("the challenge is not 16 bytes")
    rnd_b = cbc_decrypt(key, encrypted_rnd_b, _ZERO_IV)
    return cbc_encrypt(key, rnd_a + rnd_b[1:] + rnd_b[:1], _ZERO_IV), rnd_b


def open_session(key: bytes, rnd_a: bytes, rnd_b: bytes, encrypted_proof: bytes) -> Session:
    """Check the card's proof E(TI ‖ RndA′ ‖ PDcap2 ‖ PCDcap2) and derive the session. Raises :class:`BadAnswer` when the card
    does not know the key."""
    if len(encrypted_proof) != 2 * RND_BYTES:
        raise BadAnswer("the proof is not 32 bytes")
    proof = cbc_decrypt(key, encrypted_proof, _ZERO_IV)
    if not hmac.compare_digest(proof[4:20], rnd_a[1:] + rnd_a[:1]):
        raise BadAnswer("the card does not know the key")
    encryption_key, mac_key = session_keys(key, rnd_a, rnd_b)
    return Session(proof[:4], encryption_key, mac_key)


def session_keys(key: bytes, rnd_a: bytes, rnd_b: bytes) -> tuple[bytes, bytes]:
    """(SesAuthENCKey, SesAuthMACKey) = CMAC(key, SV1), CMAC(key, SV2)."""
    mixed = bytes(a ^ b for a, b in zip(rnd_a[2:8], rnd_b[:6], strict=True))
    tail = b"\x00\x01\x00\x80" + rnd_a[:2] + mixed + rnd_b[6:] + rnd_a[8:]
    return cmac(key, b"\xa5\x5a" + tail), cmac(key, b"\x5a\xa5" + tail)


def cmac(key: bytes, message: bytes) -> bytes:
    """AES-CMAC (RFC 4493)."""
    mac = CMAC(AES(key))
    mac.update(message)
    return mac.finalize()


def truncated_cmac(key: bytes, message: bytes) -> bytes:
    """The 8 bytes of a CMAC that go over the air: its odd-numbered ones."""
    return cmac(key, message)[1::2]


def cbc_encrypt(key: bytes, plain: bytes, iv: bytes) -> bytes:
    """AES-CBC of whole blocks."""
    encryptor = Cipher(AES(key), CBC(iv)).encryptor()
    return encryptor.update(plain) + encryptor.finalize()


def cbc_decrypt(key: bytes, cipher: bytes, iv: bytes) -> bytes:
    """AES-CBC of whole blocks."""
    decryptor = Cipher(AES(key), CBC(iv)).decryptor()
    return decryptor.update(cipher) + decryptor.finalize()
