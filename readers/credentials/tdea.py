"""The older secure messaging of MIFARE DESFire, as far as a card from the factory needs it: authenticate with the two-key
triple DES transport key (AuthenticateISO, 0x1A) and change the PICC master key to an AES key (ChangeKey, 0xC4).

After libfreefare (``mifare_desfire.c``) and the worked examples in tests/vectors/desfire_ev1.toml. A card from the factory holds
sixteen zero bytes: the session is encrypted, but under a key that everybody knows. Encode where nobody listens.
"""

import hmac
import zlib

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.modes import CBC

from readers.credentials.ev2 import BadAnswer

BLOCK = 8
AES_KEY_TYPE = 0x80
"""Added to the key number of the PICC master key: the new key is for AES."""


def answer_challenge(key: bytes, encrypted_rnd_b: bytes, rnd_a: bytes) -> tuple[bytes, bytes]:
    """The reader's second message E(RndA ‖ RndB′), chained to the card's, and RndB. ``key``: 16 bytes, ``rnd_a``: 8. Raises
    :class:`~readers.credentials.ev2.BadAnswer`."""
    if len(encrypted_rnd_b) != BLOCK:
        raise BadAnswer("the challenge is not 8 bytes")
    rnd_b = cbc_decrypt(key, encrypted_rnd_b, bytes(BLOCK))
    return cbc_encrypt(key, rnd_a + rnd_b[1:] + rnd_b[:1], encrypted_rnd_b), rnd_b


def open_session(key: bytes, rnd_a: bytes, rnd_b: bytes, message: bytes, encrypted_proof: bytes) -> bytes:
    """Check the card's proof E(RndA′), chained to our ``message``, and derive the session key. Raises
    :class:`~readers.credentials.ev2.BadAnswer` when the card does not know the key."""
    if len(encrypted_proof) != BLOCK:
        raise BadAnswer("the proof is not 8 bytes")
    if not hmac.compare_digest(cbc_decrypt(key, encrypted_proof, message[-BLOCK:]), rnd_a[1:] + rnd_a[:1]):
        raise BadAnswer("the card does not know the key")
    return session_key(key, rnd_a, rnd_b)


def session_key(key: bytes, rnd_a: bytes, rnd_b: bytes) -> bytes:
    """16 bytes. A key whose halves are the same (but for parity) is single DES, and so is its session."""
    first = rnd_a[:4] + rnd_b[:4]
    if all(a & 0xFE == b & 0xFE for a, b in zip(key[:BLOCK], key[BLOCK:], strict=True)):
        return first + first
    return first + rnd_a[4:8] + rnd_b[4:8]


def change_to_aes(session: bytes, key_number: int, new_key: bytes, version: int) -> bytes:
    """The data of the ChangeKey that makes ``new_key`` the key that this session was opened with: the first command of the
    session. ``key_number``: as it goes over the wire, :data:`AES_KEY_TYPE` included."""
    plain = new_key + bytes([version])
    plain += crc32(bytes([0xC4, key_number]) + plain)
    return bytes([key_number]) + cbc_encrypt(session, plain + bytes(-len(plain) % BLOCK), bytes(BLOCK))


def crc32(data: bytes) -> bytes:
    """The CRC of NXP's cards: IEEE 802.3 without the final complement, lowest byte first."""
    return (zlib.crc32(data) ^ 0xFFFFFFFF).to_bytes(4, "little")


def cbc_encrypt(key: bytes, plain: bytes, iv: bytes) -> bytes:
    """Two-key triple DES, CBC, whole blocks."""
    encryptor = Cipher(TripleDES(key + key[:BLOCK]), CBC(iv)).encryptor()
    return encryptor.update(plain) + encryptor.finalize()


def cbc_decrypt(key: bytes, cipher: bytes, iv: bytes) -> bytes:
    """Two-key triple DES, CBC, whole blocks."""
    decryptor = Cipher(TripleDES(key + key[:BLOCK]), CBC(iv)).decryptor()
    return decryptor.update(cipher) + decryptor.finalize()
