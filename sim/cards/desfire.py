"""A MIFARE DESFire EV2 card, as far as an access control reader and the desk that writes its badges go. ::

    card = DesfireCard(uid)                       # blank: no application, a DES master key of zeros
    card.add_application(AID, keys=[k0, k1])      # what a desk writes, put there at once: State
    card.add_file(AID, 1, StandardFile(data, read=1))
    card.interruption = Interruption(3, "after")  # power is lost in the third command from now, once it took effect

Service: commands wrapped in ISO 7816-4 (``90 INS 00 00 [Lc data] 00``): all five authentications; SelectApplication,
CreateApplication, DeleteApplication, GetApplicationIDs, FormatPICC, GetFreeMemory, GetVersion; GetKeySettings,
ChangeKeySettings, ChangeKey, GetKeyVersion; CreateStdDataFile, DeleteFile, GetFileIDs, GetFileSettings, ReadData, WriteData. Not
modelled, and answered 91 1C or 91 9E: all other files and commands, 3K3DES keys, key sets, LRP, data under the oldest scheme in
MAC and full mode. A fault in a command ends the session, as on the card.
"""

from collections.abc import Callable
from dataclasses import dataclass
from os import urandom
from typing import Literal

from sim.cards import desfire_files as files
from sim.cards import desfire_keys as keys_of
from sim.cards.card import Chance
from sim.cards.crypto import AES_BLOCK
from sim.cards.desfire_authentication import AES, EV2_AGAIN, EV2_FIRST, ISO, LEGACY, Challenge, challenge, proven
from sim.cards.desfire_channels import Channel
from sim.cards.desfire_context import (
    APPLICATION_NOT_FOUND,
    AUTHENTICATION_ERROR,
    ILLEGAL_COMMAND,
    INTEGRITY_ERROR,
    LENGTH_ERROR,
    MORE,
    NO_SUCH_KEY,
    OK,
    PICC,
    Context,
    Refused,
    exactly,
)
from sim.cards.desfire_memory import (
    FREE,
    FULL,
    MAC,
    NEVER,
    PLAIN,
    Application,
    Key,
    StandardFile,
    blank_key,
)
from sim.cards.ev2 import IntegrityFault, Session
from sim.cards.iso_dep import IsoDepCard

__all__ = ["FREE", "FULL", "MAC", "NEVER", "PICC", "PLAIN", "DesfireCard", "Interruption", "StandardFile"]

ATQA = bytes.fromhex("4403")
SAK = 0x20
ATS = bytes.fromhex("06757781 0280")  # FSCI 5: 64 bytes; FWI 8: 77 ms
CAPABILITIES_MAX = 6
RESPONSE_MAX_BYTES = 59
"""Payload and MAC of one native frame before the card asks for another (91 AF)."""

# Working times, of the order of the real card's.
SELECT_S = 0.0020
VERSION_S = 0.0010
CHALLENGE_S = 0.0030
PROVE_S = 0.0060
READ_S = 0.0030
WRITE_S = 0.0060
CREATE_S = 0.0100
SIMPLE_S = 0.0010


@dataclass
class Interruption:
    """Power fails in the ``command``-th command from now, counted from 1 (each frame that asks for more counts), before or after
    it took effect; either way nothing is answered. ``then`` is what the hand does: take the card away, for one."""

    command: int
    effect: Literal["before", "after"]
    then: Callable[[], None] = lambda: None


Work = Callable[[Context, bytes], tuple[bytes, int]]

COMMANDS: dict[int, tuple[Work, float]] = {
    0x45: (keys_of.key_settings, SIMPLE_S),
    0x54: (keys_of.change_key_settings, WRITE_S),
    0x64: (keys_of.key_version, SIMPLE_S),
    0x6A: (keys_of.application_ids, SIMPLE_S),
    0x6E: (keys_of.free_memory, SIMPLE_S),
    0x6F: (files.file_ids, SIMPLE_S),
    0x3D: (lambda context, data: files.write(context, 0x3D, data), WRITE_S),
    0x8D: (lambda context, data: files.write(context, 0x8D, data), WRITE_S),
    0xAD: (lambda context, data: files.read(context, 0xAD, data), READ_S),
    0xBD: (lambda context, data: files.read(context, 0xBD, data), READ_S),
    0xC4: (keys_of.change_key, WRITE_S),
    0xCA: (keys_of.create_application, CREATE_S),
    0xCD: (files.create, CREATE_S),
    0xDA: (keys_of.delete_application, CREATE_S),
    0xDF: (files.delete, CREATE_S),
    0xF5: (files.file_settings, SIMPLE_S),
    0xFC: (keys_of.format_card, CREATE_S),
}
"""Code → what it does and how long it takes. Selecting, authenticating and GetVersion are the card's own (:class:`DesfireCard`)."""

READ_CHAINED = 0xAD
"""ReadData whose answer is chained by ISO 14443-4, not by frames of 91 AF."""
AUTHENTICATIONS = (LEGACY, ISO, AES, EV2_FIRST, EV2_AGAIN)


class DesfireCard(IsoDepCard):
    """See the module's docstring. ``uid``: 7 bytes."""

    def __init__(self, uid: bytes, chance: Chance = urandom) -> None:
        self._chance = chance
        self.applications: dict[bytes, Application] = {PICC: Application([blank_key("2tdea")])}
        self.interruption: Interruption | None = None
        super().__init__(uid, ATQA, SAK, ATS)

    # State -----------------------------------------------------------------

    def add_application(self, aid: bytes, keys: list[bytes]) -> None:
        """``aid``: three bytes as on the wire; ``keys``: AES-128, key 0 first."""
        if len(aid) != 3 or any(len(key) != AES_BLOCK for key in keys):
            raise ValueError("an AID has 3 bytes, an AES-128 key 16")
        self.applications[aid] = Application([Key("aes", key) for key in keys])

    def add_file(self, aid: bytes, number: int, file: StandardFile) -> None:
        self.applications[aid].files[number] = file

    def forget_session(self) -> None:
        self._context = Context(self.applications)
        self._challenge: Challenge | None = None
        self._pending: list[bytes] = []

    @property
    def _session(self) -> Channel | None:
        return self._context.session

    # Service ---------------------------------------------------------------

    def command(self, apdu: bytes) -> tuple[bytes, float] | None:
        failing = self.interruption
        if failing is not None:
            failing.command -= 1
        if failing is None or failing.command > 0:
            return self._answered(apdu)
        if failing.effect == "after":
            self._answered(apdu)
        self.interruption = None
        self.power(False)
        failing.then()
        return None

    def _answered(self, apdu: bytes) -> tuple[bytes, float]:
        if len(apdu) < 5 or apdu[0] != 0x90 or apdu[2:4] != b"\x00\x00":
            return b"\x6e\x00", SIMPLE_S  # not a wrapped command: class not supported
        data = apdu[5:-1] if len(apdu) > 5 else b""
        if len(apdu) > 5 and (apdu[4] != len(data) or apdu[-1] != 0):
            return b"\x67\x00", SIMPLE_S
        took_s = SIMPLE_S
        try:
            work, took_s = self._work(apdu[1])
            response, status = work(data)
        except Refused as refused:
            response, status = self._failed(refused.status)
        except IntegrityFault:
            response, status = self._failed(INTEGRITY_ERROR)
        return response + bytes([0x91, status]), took_s

    def _failed(self, status: int) -> tuple[bytes, int]:
        self._context.session, self._challenge, self._pending = None, None, []
        return b"", status

    def _work(self, code: int) -> tuple[Callable[[bytes], tuple[bytes, int]], float]:
        if code == MORE:
            return (self._prove, PROVE_S) if self._challenge else (self._next_part, VERSION_S)
        self._challenge, self._pending = None, []
        if code == 0x5A:
            return self._select, SELECT_S
        if code == 0x60:
            return self._get_version, VERSION_S
        if code in AUTHENTICATIONS:
            return (lambda data: self._authenticate(code, data)), CHALLENGE_S
        if code not in COMMANDS:
            raise Refused(ILLEGAL_COMMAND)
        work, took_s = COMMANDS[code]
        if code == READ_CHAINED:
            return (lambda data: work(self._context, data)), took_s
        return (lambda data: self._in_frames(*work(self._context, data))), took_s

    def _in_frames(self, response: bytes, status: int) -> tuple[bytes, int]:
        """The first frame of an answer; the others wait to be asked for."""
        parts = [response[at : at + RESPONSE_MAX_BYTES] for at in range(0, len(response), RESPONSE_MAX_BYTES)] or [b""]
        self._pending = parts[1:]
        return parts[0], MORE if self._pending else status

    def _next_part(self, data: bytes) -> tuple[bytes, int]:
        if not self._pending or data:
            raise Refused(ILLEGAL_COMMAND)
        part = self._pending.pop(0)
        return part, MORE if self._pending else OK

    def _select(self, data: bytes) -> tuple[bytes, int]:
        exactly(data, 3)
        self._context.session = None
        if data not in self.applications:
            raise Refused(APPLICATION_NOT_FOUND)
        self._context.selected = data
        return b"", OK

    def _get_version(self, data: bytes) -> tuple[bytes, int]:
        exactly(self._context.opened(0x60, data), 0)
        hardware = bytes.fromhex("04010112001805")
        software = bytes.fromhex("04010102011805")
        production = self.uid + bytes.fromhex("ba34950a5020") + b"\x21"
        whole, _ = self._context.closed(hardware + software + production)
        self._pending = [whole[7:14], whole[14:]]
        return hardware, MORE

    # Authentication --------------------------------------------------------

    def _authenticate(self, code: int, data: bytes) -> tuple[bytes, int]:
        if code == EV2_FIRST:
            if len(data) < 2 or len(data) != 2 + data[1] or data[1] > CAPABILITIES_MAX:
                raise Refused(LENGTH_ERROR)
        else:
            exactly(data, 1)
        if code == EV2_AGAIN:
            if not isinstance(self._session, Session):
                raise Refused(AUTHENTICATION_ERROR)
        else:
            self._context.session = None
        keys = self._context.application.keys
        if data[0] >= len(keys):
            raise Refused(NO_SUCH_KEY)
        self._challenge = challenge(code, data[0], keys[data[0]], self._chance)
        return self._challenge.sent, MORE

    def _prove(self, data: bytes) -> tuple[bytes, int]:
        given, self._challenge = self._challenge, None
        if given is None:
            raise Refused(ILLEGAL_COMMAND)
        self._context.session, answer = proven(given, data, self._session, self._chance)
        return answer, OK
