"""Keys of single cards from a site's master key: NXP AN10922, AES-128 and two-key triple DES.

A card's key is the CMAC of a constant and the card's input ``M`` (its UID and what the site adds), always computed over
exactly two cipher blocks: shorter input is padded with ``80 00 …`` to two blocks, where standard CMAC would pad to one.
"""

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, CipherAlgorithm
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC, ECB

_AES128 = b"\x01"
_TDEA_FIRST_HALF = b"\x21"
_TDEA_SECOND_HALF = b"\x22"


def aes_128(master: bytes, diversification: bytes) -> bytes:
    """The 16-byte AES key of one card (AN10922 2.2). ``diversification``: M, 1-31 bytes. Raises ValueError otherwise."""
    _check(master, diversification, most=31)
    return _two_block_cmac(AES(master), 16, 0x87, _AES128 + diversification)


def tdea_2key(master: bytes, diversification: bytes) -> bytes:
    """The 16-byte two-key triple DES key of one card (AN10922 2.4), parity bits as they come. ``diversification``: M, 1-15
    bytes. Raises ValueError otherwise."""
    _check(master, diversification, most=15)
    cipher = TripleDES(master + master[:8])
    first = _two_block_cmac(cipher, 8, 0x1B, _TDEA_FIRST_HALF + diversification)
    second = _two_block_cmac(cipher, 8, 0x1B, _TDEA_SECOND_HALF + diversification)
    return first + second


def _check(master: bytes, diversification: bytes, most: int) -> None:
    if len(master) != 16:
        raise ValueError(f"master key has {len(master)} bytes, 16 are needed")
    if not 1 <= len(diversification) <= most:
        raise ValueError(f"diversification input has {len(diversification)} bytes, 1-{most} are allowed")


def _two_block_cmac(algorithm: CipherAlgorithm, block: int, polynomial: int, message: bytes) -> bytes:
    """CMAC (SP 800-38B) of a message padded to two blocks, complete or not."""
    encryptor = Cipher(algorithm, ECB()).encryptor()  # noqa: S305 - one block of zeros, as SP 800-38B 6.1 has it
    subkey = _double(encryptor.update(bytes(block)) + encryptor.finalize(), polynomial)
    if len(message) < 2 * block:
        subkey = _double(subkey, polynomial)
        message = (message + b"\x80").ljust(2 * block, b"\0")
    head, last = message[:block], message[block:]
    masked = bytes(a ^ b for a, b in zip(last, subkey, strict=True))
    chain = Cipher(algorithm, CBC(bytes(block))).encryptor()
    return (chain.update(head + masked) + chain.finalize())[-block:]


def _double(value: bytes, polynomial: int) -> bytes:
    """Multiplication by x in GF(2^n)."""
    number = int.from_bytes(value, "big") << 1
    if number >> (8 * len(value)):
        number = (number ^ polynomial) & ((1 << (8 * len(value))) - 1)
    return number.to_bytes(len(value), "big")
