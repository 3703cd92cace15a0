"""The cards' cryptography: AES and 3DES in the modes that cards use, CMAC, and NXP AN10922 key diversification.

Written for the simulator alone, from NXP AN10922 and AN12196: the readers have their own, so that neither hides the other's
mistakes. Checked against the published vectors in ``tests/sim/cards/test_crypto.py``.
"""

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES128

AES_BLOCK = 16
DES_BLOCK = 8


def aes_encrypt(key: bytes, data: bytes, iv: bytes = bytes(AES_BLOCK)) -> bytes:
    """AES-128-CBC without padding."""
    return Cipher(AES128(key), modes.CBC(iv)).encryptor().update(data)


def aes_decrypt(key: bytes, data: bytes, iv: bytes = bytes(AES_BLOCK)) -> bytes:
    """AES-128-CBC without padding."""
    return Cipher(AES128(key), modes.CBC(iv)).decryptor().update(data)


def _two_key(key: bytes) -> TripleDES:
    return TripleDES(key + key[:DES_BLOCK])


def des_encrypt(key: bytes, data: bytes, iv: bytes = bytes(DES_BLOCK)) -> bytes:
    """Two-key 3DES-CBC without padding; ``key`` is 16 bytes."""
    return Cipher(_two_key(key), modes.CBC(iv)).encryptor().update(data)


def des_decrypt(key: bytes, data: bytes, iv: bytes = bytes(DES_BLOCK)) -> bytes:
    """Two-key 3DES-CBC without padding; ``key`` is 16 bytes."""
    return Cipher(_two_key(key), modes.CBC(iv)).decryptor().update(data)


def xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def pad80(data: bytes, size: int) -> bytes:
    """ISO/IEC 9797-1 padding method 2 to a multiple of ``size``."""
    data += b"\x80"
    return data + bytes(-len(data) % size)


def _doubled(block: bytes) -> bytes:
    """Multiplication by x in GF(2^n), as CMAC's subkeys want it."""
    rest = 0x87 if len(block) == AES_BLOCK else 0x1B
    value = int.from_bytes(block) << 1
    if value >> (8 * len(block)):
        value = (value & ((1 << 8 * len(block)) - 1)) ^ rest
    return value.to_bytes(len(block))


def _closed(zero_block: bytes, data: bytes, at_least: int) -> bytes:
    """``data`` padded for CMAC (to ``at_least`` bytes), its last block masked with the right subkey."""
    size = len(zero_block)
    subkey = _doubled(zero_block)
    if not data or len(data) % size or len(data) < at_least:
        subkey = _doubled(subkey)
        data = pad80(data, size)
        data += bytes(max(0, at_least - len(data)))
    return data[:-size] + xor(data[-size:], subkey)


def aes_cmac(key: bytes, data: bytes, at_least: int = AES_BLOCK, iv: bytes = bytes(AES_BLOCK)) -> bytes:
    """AES-CMAC (RFC 4493); AN10922 pads to ``at_least`` 32 bytes, DESFire EV1 goes on from an ``iv``."""
    return aes_encrypt(key, _closed(aes_encrypt(key, bytes(AES_BLOCK)), data, at_least), iv)[-AES_BLOCK:]


def des_cmac(key: bytes, data: bytes, at_least: int = DES_BLOCK, iv: bytes = bytes(DES_BLOCK)) -> bytes:
    """Two-key 3DES CMAC; AN10922 pads to ``at_least`` 16 bytes, DESFire EV1 goes on from an ``iv``."""
    return des_encrypt(key, _closed(des_encrypt(key, bytes(DES_BLOCK)), data, at_least), iv)[-DES_BLOCK:]


def diversified_aes(master: bytes, m: bytes) -> bytes:
    """AN10922 §2.2: an AES-128 key for the card that ``m`` (1 to 31 bytes) names."""
    return aes_cmac(master, b"\x01" + m, at_least=2 * AES_BLOCK)


def diversified_2tdea(master: bytes, m: bytes) -> bytes:
    """AN10922 §2.4: a two-key 3DES key for the card that ``m`` (1 to 15 bytes) names."""
    return b"".join(des_cmac(master, tag + m, at_least=2 * DES_BLOCK) for tag in (b"\x21", b"\x22"))
