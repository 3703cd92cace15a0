"""Writing a badge number onto a MIFARE DESFire EV2/EV3 card: own keys, application, file, block (docs/interfaces.md, Cards).

Every step looks at what the card holds and does only what is missing, so an encoding that was cut off anywhere is finished by
doing it again. The order keeps a half-written card worthless:

=================== =========================================================================================
step                afterwards
=================== =========================================================================================
``card_key``        only this site creates and deletes applications in its own name (PICC master key)
``application``     ours is there, empty. One under the transport key may be anybody's: it is deleted and made anew
``application_key`` only this site makes files in it and writes them (key 0)
``read_key``        doors can authenticate (key 1)
``file``            the file is there with the rights of the layout, and no others
``block``           the number stands in it; its first byte, written last, makes it one
``verify``          read as a door reads it
=================== =========================================================================================
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NoReturn

from readers.credentials import desfire, diversification, ev2, tdea
from readers.credentials.card import BLOCK_BYTES, Transceive, Verified, badge_block
from readers.credentials.desfire import AID, FILE, READ_KEY, SYSTEM, UID_BYTES
from readers.credentials.keys import EncodingKeys
from readers.credentials.uid import RANDOM_UID_MARK

PICC_AID = bytes(3)
APPLICATION_KEY = 0
KEY_VERSION = 1
"""What our keys carry as their version; keys from the factory carry 0."""
TRANSPORT_KEY = bytes(16)

KEY_SETTINGS = 0x0B
"""Of the application: key 0 changes keys and makes files, lists are free, key 0 and these settings may be changed."""
KEY_COUNT = 2
_AES_KEYS = 0x80
FILE_SETTINGS = bytes.fromhex("00 03 F010") + BLOCK_BYTES.to_bytes(3, "little")
"""Standard data file, full mode, read key 1, write key 0, nobody both, rights changed by key 0."""

_CHANGE_KEY, _KEY_VERSION = 0xC4, 0x64
_CREATE_APPLICATION, _DELETE_APPLICATION = 0xCA, 0xDA
_FILE_IDS, _FILE_SETTINGS, _CREATE_FILE, _WRITE_DATA = 0x6F, 0xF5, 0xCD, 0x8D
_GET_VERSION, _AUTHENTICATE_ISO = 0x60, 0x1A
_APPLICATION_NOT_FOUND = 0xA0
_DESFIRE_TYPE = 0x01
_EV2_MAJOR = 0x12

Step = Literal[
    "identify", "read", "card_key", "application", "application_key", "read_key", "file", "block", "verify"
]  # fmt: skip
Reason = Literal["NOT_DESFIRE", "RANDOM_UID", "UID_LENGTH", "CARD_BOUND", "CARD_FOREIGN", "CARD_REFUSED"]


@dataclass(frozen=True, slots=True)
class Encoded:
    """The card carries this number and reads as a door reads it."""

    number: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The card was not encoded. ``number``: what it carries already (``CARD_BOUND``). ``detail`` is for logs.

    ``CARD_FOREIGN``: it holds keys that are neither the factory's nor ours. ``CARD_REFUSED``: it did not do what a card of its kind
    does, in this step."""

    reason: Reason
    step: Step
    detail: str
    number: str = ""


class _Refusal(Exception):
    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.detail)
        self.refused = refused


def encode(
    transceive: Transceive,
    uid: bytes,
    keys: EncodingKeys,
    number: str,
    may_replace: Callable[[str], bool],
    random: Callable[[int], bytes],
    at_step: Callable[[Step], None],
) -> Encoded | Refused:
    """Write ``number`` (1-24 printable ASCII characters, else ValueError) onto the selected card.

    A card that carries this very number already is :class:`Encoded`; one that carries another is refused unless
    ``may_replace(that number)``. ``at_step`` hears each step as it begins. ``random(n)`` gives n unpredictable bytes. Raises
    CardGone: lay the card down and call again.
    """
    block = badge_block(number)
    encoding = _Encoding(transceive, uid, keys, random, at_step)
    try:
        encoding.identify()
        carried = encoding.carried()
        if carried == number:
            return Encoded(number)
        if carried is not None and not may_replace(carried):
            return Refused("CARD_BOUND", "read", "the card carries a number already", carried)
        encoding.own_card()
        encoding.own_application()
        encoding.write(block)
        encoding.verify(number)
    except _Refusal as refusal:
        return refusal.refused
    except ev2.BadAnswer as answer:
        return Refused("CARD_REFUSED", encoding.step, str(answer))
    return Encoded(number)


def picc_key(keys: EncodingKeys, uid: bytes) -> bytes:
    """The PICC master key of the card with this UID."""
    return diversification.aes_128(keys.desfire_picc, uid + PICC_AID + SYSTEM)


def application_key(keys: EncodingKeys, uid: bytes) -> bytes:
    """Key 0 of the application on the card with this UID."""
    return diversification.aes_128(keys.desfire_app, uid + AID + SYSTEM)


class _Encoding:
    """One card, and how far it has come."""

    def __init__(
        self,
        transceive: Transceive,
        uid: bytes,
        keys: EncodingKeys,
        random: Callable[[int], bytes],
        at_step: Callable[[Step], None],
    ) -> None:
        self._transceive = transceive
        self._uid = uid
        self._keys = keys
        self._random = random
        self._at_step = at_step
        self.step: Step = "identify"

    def identify(self) -> None:
        """A DESFire EV2 or EV3 with a UID of seven bytes."""
        self._begin("identify")
        if len(self._uid) == 4 and self._uid[0] == RANDOM_UID_MARK:
            self._refuse("RANDOM_UID", "the card makes up its identifier anew each time")
        if len(self._uid) != UID_BYTES:
            self._refuse("UID_LENGTH", f"the identifier has {len(self._uid)} bytes")
        status, hardware = desfire.command(self._transceive, _GET_VERSION)
        if status != desfire.MORE or len(hardware) != 7 or hardware[1] != _DESFIRE_TYPE:
            self._refuse("NOT_DESFIRE", "the card does not say that it is a DESFire")
        if hardware[3] < _EV2_MAJOR:
            self._refuse("NOT_DESFIRE", f"hardware version {hardware[3]:02X}: older than EV2")
        for _ in range(2):  # software version, production data
            desfire.command(self._transceive, desfire.ADDITIONAL_FRAME)

    def carried(self) -> str | None:
        """The number that a door would read; None: no door reads this card."""
        self._begin("read")
        outcome = desfire.read(self._transceive, self._uid, self._keys.desfire_read, self._random)
        return outcome.number if isinstance(outcome, Verified) else None

    def own_card(self) -> None:
        """The PICC master key is ours."""
        self._begin("card_key")
        own = picc_key(self._keys, self._uid)
        self._select(PICC_AID)
        status, challenge = desfire.command(self._transceive, _AUTHENTICATE_ISO, bytes([0]))
        if status == desfire.MORE:
            self._change_from_tdea(challenge, own)
            return
        version = self._key_version(0)
        candidates = (own, TRANSPORT_KEY) if version == KEY_VERSION else (TRANSPORT_KEY, own)
        for key in candidates:
            session = self._try(0, key)
            if session is None:
                continue
            if key == TRANSPORT_KEY:
                self._change_key(session, 0, own, None, tdea.AES_KEY_TYPE)
            return
        self._refuse("CARD_FOREIGN", "the card's master key is neither the factory's nor ours")

    def own_application(self) -> None:
        """Our application is there with our keys."""
        self._begin("application")
        status, _ = desfire.command(self._transceive, desfire.SELECT_APPLICATION, AID)
        if status not in (desfire.OPERATION_OK, _APPLICATION_NOT_FOUND):
            self._broken(status)
        there = status == desfire.OPERATION_OK
        fresh = not there or self._key_version(APPLICATION_KEY) != KEY_VERSION
        if fresh:
            self._make_application(delete_first=there)
            self._select(AID)
        self._begin("application_key")
        own = application_key(self._keys, self._uid)
        if fresh:
            session = desfire.authenticate(self._transceive, APPLICATION_KEY, TRANSPORT_KEY, self._random)
            self._change_key(session, APPLICATION_KEY, own, None)
            self._select(AID)
        read_key_version = self._key_version(READ_KEY)
        found = self._try(APPLICATION_KEY, own)
        if found is None:
            self._refuse("CARD_FOREIGN", "the application's key 0 is not ours")
        self._session = found
        self._begin("read_key")
        if read_key_version != KEY_VERSION:
            read_key = desfire.card_key(self._keys.desfire_read, self._uid)
            self._change_key(self._session, READ_KEY, read_key, TRANSPORT_KEY)

    def write(self, block: bytes) -> None:
        """The file is there and holds the block. Its first byte is the last to be written: before that it is no block."""
        self._begin("file")
        if FILE in self._in_mac_mode(_FILE_IDS):
            settings = self._in_mac_mode(_FILE_SETTINGS, bytes([FILE]))
            if settings[: len(FILE_SETTINGS)] != FILE_SETTINGS:
                self._refuse("CARD_FOREIGN", "the file has other rights than ours")
            self._begin("block")
            self._write_data(0, b"\0")
        else:
            # created with all but the file type, which the command itself says
            self._in_mac_mode(_CREATE_FILE, bytes([FILE]) + FILE_SETTINGS[1:])
            self._begin("block")
        self._write_data(1, block[1:])
        self._write_data(0, block[:1])

    def verify(self, number: str) -> None:
        """A door reads it."""
        self._begin("verify")
        outcome = desfire.read(self._transceive, self._uid, self._keys.desfire_read, self._random)
        if outcome != Verified(number):
            self._refuse("CARD_REFUSED", "the card does not read as it was written")

    def _change_from_tdea(self, challenge: bytes, own: bytes) -> None:
        rnd_a = self._random(tdea.BLOCK)
        try:
            message, rnd_b = tdea.answer_challenge(TRANSPORT_KEY, challenge, rnd_a)
            status, proof = desfire.command(self._transceive, desfire.ADDITIONAL_FRAME, message)
            if status != desfire.OPERATION_OK:
                raise ev2.BadAnswer(f"authentication failed with status {status:02X}")
            session = tdea.open_session(TRANSPORT_KEY, rnd_a, rnd_b, message, proof)
        except ev2.BadAnswer as answer:
            self._refuse("CARD_FOREIGN", f"the card's master key is not the factory's: {answer}")
        change = tdea.change_to_aes(session, tdea.AES_KEY_TYPE, own, KEY_VERSION)
        status, _ = desfire.command(self._transceive, _CHANGE_KEY, change)  # ends the session: answered without a MAC
        if status != desfire.OPERATION_OK:
            self._broken(status)

    def _make_application(self, delete_first: bool) -> None:
        self._select(PICC_AID)
        self._session = desfire.authenticate(self._transceive, 0, picc_key(self._keys, self._uid), self._random)
        if delete_first:
            self._in_mac_mode(_DELETE_APPLICATION, AID)
        self._in_mac_mode(_CREATE_APPLICATION, AID + bytes([KEY_SETTINGS, _AES_KEYS | KEY_COUNT]))

    def _try(self, key_number: int, key: bytes) -> ev2.Session | None:
        try:
            return desfire.authenticate(self._transceive, key_number, key, self._random)
        except ev2.BadAnswer:
            return None

    def _change_key(
        self, session: ev2.Session, key_number: int, new: bytes, old: bytes | None, key_type: int = 0
    ) -> None:
        """``old`` None: the key of this session, which ends with it: the card answers without a MAC."""
        header = bytes([key_number | key_type])
        data = session.encrypt_command(ev2.change_of_key(new, KEY_VERSION, old))
        mac = session.command_mac(_CHANGE_KEY, header + data)
        status, body = desfire.command(self._transceive, _CHANGE_KEY, header + data + mac)
        if status != desfire.OPERATION_OK:
            self._broken(status)
        if old is not None:
            session.check_answer(status, body)

    def _in_mac_mode(self, code: int, data: bytes = b"") -> bytes:
        mac = self._session.command_mac(code, data)
        status, body = desfire.command(self._transceive, code, data + mac)
        if status != desfire.OPERATION_OK:
            self._broken(status)
        return self._session.check_answer(status, body)

    def _write_data(self, offset: int, data: bytes) -> None:
        header = bytes([FILE]) + offset.to_bytes(3, "little") + len(data).to_bytes(3, "little")
        cipher = self._session.encrypt_command(data)
        mac = self._session.command_mac(_WRITE_DATA, header + cipher)
        status, body = desfire.command(self._transceive, _WRITE_DATA, header + cipher + mac)
        if status != desfire.OPERATION_OK:
            self._broken(status)
        self._session.check_answer(status, body)

    def _select(self, aid: bytes) -> None:
        status, _ = desfire.command(self._transceive, desfire.SELECT_APPLICATION, aid)
        if status != desfire.OPERATION_OK:
            self._broken(status)

    def _key_version(self, key_number: int) -> int:
        """Of the selected application, without a session."""
        status, version = desfire.command(self._transceive, _KEY_VERSION, bytes([key_number]))
        if status != desfire.OPERATION_OK or len(version) != 1:
            self._broken(status)
        return version[0]

    def _begin(self, step: Step) -> None:
        self.step = step
        self._at_step(step)

    def _broken(self, status: int) -> NoReturn:
        self._refuse("CARD_REFUSED", f"status {status:02X}")

    def _refuse(self, reason: Reason, detail: str) -> NoReturn:
        raise _Refusal(Refused(reason, self.step, detail))
