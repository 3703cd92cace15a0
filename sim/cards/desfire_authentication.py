"""The card's side of all five authentications: 0x0A and 0x1A with 2TDEA keys, 0xAA, 0x71 and 0x77 with AES keys."""

from dataclasses import dataclass

from sim.cards.card import Chance
from sim.cards.crypto import AES_BLOCK, DES_BLOCK, aes_decrypt, aes_encrypt, des_decrypt, des_encrypt
from sim.cards.desfire_channels import ChainedChannel, Channel, LegacyChannel, from_deciphered, session_key_of
from sim.cards.desfire_context import AUTHENTICATION_ERROR, Refused, exactly
from sim.cards.desfire_memory import Key
from sim.cards.ev2 import Session, session_keys

LEGACY, ISO, AES, EV2_FIRST, EV2_AGAIN = 0x0A, 0x1A, 0xAA, 0x71, 0x77
CAPABILITIES = bytes(6)


@dataclass(frozen=True)
class Challenge:
    """A challenge that waits for its proof. ``sent``: as it left the card, the first IV of the older schemes."""

    code: int
    key_number: int
    key: Key
    rnd_b: bytes
    sent: bytes


def challenge(code: int, key_number: int, key: Key, chance: Chance) -> Challenge:
    """The first half. Raises :class:`Refused` for a key of another kind."""
    if (key.kind == "aes") != (code not in (LEGACY, ISO)):
        raise Refused(AUTHENTICATION_ERROR)
    if key.kind == "aes":
        rnd_b = chance(AES_BLOCK)
        return Challenge(code, key_number, key, rnd_b, aes_encrypt(key.value, rnd_b))
    rnd_b = chance(DES_BLOCK)
    return Challenge(code, key_number, key, rnd_b, des_encrypt(key.value, rnd_b))


def proven(given: Challenge, data: bytes, session: Channel | None, chance: Chance) -> tuple[Channel, bytes]:
    """(session, answer) for a proof that holds; ``session`` is the one that 0x77 goes on with. Raises :class:`Refused`."""
    size = len(given.rnd_b)
    exactly(data, 2 * size)
    key = given.key.value
    if given.code == LEGACY:
        plain = from_deciphered(key, data)
    elif given.code == ISO:
        plain = des_decrypt(key, data, given.sent)
    elif given.code == AES:
        plain = aes_decrypt(key, data, given.sent)
    else:
        plain = aes_decrypt(key, data)
    rnd_a, turned = plain[:size], plain[size:]
    if turned != given.rnd_b[1:] + given.rnd_b[:1]:
        raise Refused(AUTHENTICATION_ERROR)
    proof = rnd_a[1:] + rnd_a[:1]
    if given.code in (EV2_FIRST, EV2_AGAIN):
        return _ev2(given, rnd_a, proof, session, chance)
    session_key = session_key_of(given.key, rnd_a, given.rnd_b)
    if given.code == LEGACY:
        return LegacyChannel(given.key_number, session_key.value), des_encrypt(key, proof)
    encrypt = aes_encrypt if given.code == AES else des_encrypt
    return ChainedChannel(given.key_number, session_key), encrypt(key, proof, data[-size:])


def _ev2(
    given: Challenge, rnd_a: bytes, proof: bytes, session: Channel | None, chance: Chance
) -> tuple[Channel, bytes]:
    encryption, mac = session_keys(given.key.value, rnd_a, given.rnd_b)
    if given.code == EV2_FIRST:
        made = Session(given.key_number, encryption, mac, transaction=chance(4))
        return made, aes_encrypt(given.key.value, made.transaction + proof + CAPABILITIES + CAPABILITIES)
    assert isinstance(session, Session)
    session.key_number, session.encryption_key, session.mac_key = given.key_number, encryption, mac
    return session, aes_encrypt(given.key.value, proof)
