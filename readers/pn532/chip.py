"""The PN532 through nfcpy: waking it in whatever state it is, finding cards, talking to them. The only file that imports nfc.

nfcpy knows the chip and the cards; this file keeps it away from the port's name, from shells, from power-down and from
endless waits, and gives its many exceptions two meanings: :class:`~readers.reader.ReaderFault` for the line and the chip,
:class:`~readers.credentials.card.CardGone` for the card. Stays at 115200 baud.
"""

import errno
import logging
import struct
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager

import nfc.clf
import nfc.tag
from nfc.clf import pn53x, pn532
from nfc.tag import tt2_nxp, tt3_sony, tt4

from readers.credentials.card import CardGone
from readers.pn532.line import SerialLine
from readers.pn532.memory import CommandMemory
from readers.reader import ReaderFault

# nfcpy logs keys and challenges at debug level, and what we report ourselves above it
logging.getLogger("nfc").setLevel(logging.CRITICAL)
_log = logging.getLogger("nfc.menjin")

BAUDRATE = 115200
LEFTOVER_BAUDRATES = (921600, 460800, 230400)
"""What a killed predecessor (nfcpy's own open raises the rate) may have left the chip at."""
ACKNOWLEDGE_TIMEOUT_S = 0.4
"""Longest wait for the chip's ACK (the chip takes 15 ms at most; then there are USB adapters and busy machines)."""
LEFTOVER_TIMEOUT_S = 0.1
"""The same while other baud rates are tried."""
COMMAND_TIMEOUT_S = 0.5
"""Longest wait for the chip's answer to any command; a chip that is slower is stuck."""
EXCHANGE_TIMEOUTS_S = (0.1, 0.2)
"""Shortest and longest wait for a card's answer to one frame, whatever nfcpy or the card ask for: one value for nearly all
cards spares a host command before every other frame, and a bound keeps the poll's."""
POLL_BUDGET_S = 0.65
"""After this no further frame goes to a card in one poll."""
POLL_LIMIT_S = 0.9
"""After this no command goes to the chip and nothing is awaited from it: a poll ends within a second, whoever dawdles."""
WAKE_REST_S = 0.003
"""From wake-up to readiness (user manual 6.3.2: 2 ms)."""

_WAKE_UP = b"\x55\x55" + bytes(14)
_FLUSH = bytes(300)
"""Longer than any frame: ends one that a predecessor left half sent."""
_LIST_PASSIVE_TARGETS, _SELECT = 0x4A, 0x54
_STATUS_BITS = 0x3F
_NFCPY_ACKNOWLEDGE_MS = 100
_TYPE_A, _TYPE_F = 0, 1
_POLL_ANY_FELICA = bytes.fromhex("00FFFF0103")
"""SENSF_REQ for any system, with system code, four time slots so that two cards can both answer."""

# what nfcpy's tag code raises on a card that answers nonsense: it unpacks before it checks
_CARD_TROUBLE = (
    nfc.clf.Error,
    nfc.tag.TagCommandError,
    pn53x.Chipset.Error,
    IndexError,
    KeyError,
    TypeError,
    ValueError,
    AssertionError,
    RuntimeError,
    AttributeError,
    struct.error,
)


class _OutOfTime(Exception):
    """The poll's budget is used up."""


class _Chipset(pn532.Chipset):  # type: ignore[misc]
    """The chip's commands: bounded, their failures faults, and without asking for what is known."""

    def __init__(self, line: SerialLine, port: str) -> None:
        super().__init__(line, _log)
        self._port = port
        self._memory = CommandMemory()
        self.poll_end = float("inf")
        self.acknowledge_s = ACKNOWLEDGE_TIMEOUT_S

    def write_frame(self, frame: bytes) -> None:
        self.transport.write(bytes(frame))

    def read_frame(self, timeout: float) -> bytearray:
        wait_s = self.acknowledge_s if timeout == _NFCPY_ACKNOWLEDGE_MS else timeout / 1000
        return bytearray(self.transport.read_frame(min(wait_s, self.poll_end - time.monotonic())))

    def command(self, cmd_code: int, cmd_data: bytes, timeout: float) -> bytearray:  # noqa: ARG002 - nfcpy's signature
        data = bytes(cmd_data)
        known = self._memory.answer(cmd_code, data)
        if known is not None:
            return bytearray(known)
        if time.monotonic() > self.poll_end:
            raise ReaderFault(f"{self._port}: the reader is too slow; check its power supply")
        try:
            # not nfcpy's own, shorter timeouts: the chip itself ends every search and exchange in time
            answer = super().command(cmd_code, bytearray(data), COMMAND_TIMEOUT_S)
        except OSError as error:
            raise self._fault(error) from error
        except (IndexError, termios.error) as error:
            raise ReaderFault(f"{self._port}: the reader answers nonsense; check the cable and its ground") from error
        self._memory.remember(cmd_code, data, bytes(answer))
        return bytearray(answer)

    def _fault(self, error: OSError) -> ReaderFault:
        if error.errno == errno.ETIMEDOUT:
            return ReaderFault(f"{self._port}: the reader accepts a command but does not answer; power it off and on")
        if error.errno == errno.EIO:
            return ReaderFault(f"{self._port}: no or a damaged answer from the reader; check cable and power")
        return ReaderFault(f"{self._port}: {error.strerror or error}; check that the reader is plugged in")


class _Device(pn532.Device):  # type: ignore[misc]
    """nfcpy's device, never powered down: some chips do not wake again (nfcpy issue 186)."""

    def close(self) -> None:
        self.chipset.close()


class _Frontend(nfc.clf.ContactlessFrontend):  # type: ignore[misc]
    """nfcpy's front end with a deadline: a card may ask for time as often as it likes, the poll ends."""

    def __init__(self, device: _Device) -> None:
        super().__init__()
        self.device = device
        self.deadline = float("inf")

    def exchange(self, send_data: bytes, timeout: float) -> bytearray:
        if time.monotonic() > self.deadline:
            raise _OutOfTime
        shortest, longest = EXCHANGE_TIMEOUTS_S
        answer = super().exchange(send_data, min(max(timeout, shortest), longest))
        if answer is None:
            raise nfc.clf.TimeoutError
        return bytearray(answer)


class _UltralightC(tt2_nxp.MifareUltralightC):  # type: ignore[misc]
    """nfcpy's Ultralight C, which takes any answer to the first pass for a challenge; ours must look like one."""

    knows_the_command = True

    def transceive(self, data: bytes, timeout: float = 0.1, retries: int = 0) -> bytearray:
        try:
            answer = super().transceive(bytearray(data), timeout, retries)
        except nfc.tag.tt2.Type2TagCommandError as error:  # which nfcpy would take for a wrong key
            raise CardGone(str(error)) from error
        if data[0] == 0x1A and not (len(answer) == 9 and answer[0] == 0xAF):
            self.knows_the_command = False
            raise nfc.tag.tt2.Type2TagCommandError(nfc.tag.PROTOCOL_ERROR)
        if data[0] == 0xAF and not (len(answer) == 9 and answer[0] == 0x00):
            raise nfc.tag.tt2.Type2TagCommandError(nfc.tag.tt2.INVALID_RESPONSE_ERROR)
        return bytearray(answer)


class Chip:
    """An awake PN532. Every method but :meth:`close` raises ReaderFault; those of a card also CardGone."""

    def __init__(self, port: str) -> None:
        """Open ``port`` and make the chip ready, whatever a predecessor left it doing."""
        self.port = port
        self._listed: nfc.clf.RemoteTarget | None = None
        try:
            self._line = SerialLine(port, BAUDRATE)
        except (OSError, ValueError, termios.error) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise ReaderFault(f"{port}: cannot be opened ({reason}); check path, rights and other users") from error
        try:
            self._chipset = _Chipset(self._line, port)
            self._wake()
            with self._faults():
                self._frontend = _Frontend(_Device(self._chipset, _log))
        except BaseException:
            self._line.close()
            raise

    def close(self) -> None:
        """Release the port; the chip stays awake. Never raises."""
        self._line.close()

    def begin_poll(self, budget_s: float = POLL_BUDGET_S, limit_s: float = POLL_LIMIT_S) -> None:
        """Start the budget of one poll: for frames to cards, and for all that is awaited from the chip."""
        now = time.monotonic()
        self._frontend.deadline, self._chipset.poll_end = now + budget_s, now + limit_s

    def clock_us(self) -> int:
        """A monotonic time for durations."""
        return time.monotonic_ns() // 1000

    def count_type_a(self) -> int:
        """How many ISO 14443-A cards are in the field: 0, 1, or 2 for two and more."""
        answer = self._list(_TYPE_A, b"")
        self._listed = None
        if answer[0] == 1 and len(answer) >= 6 and len(answer) == 6 + answer[5]:
            self._listed = nfc.clf.RemoteTarget(
                "106A", sens_res=answer[3:1:-1], sel_res=answer[4:5], sdd_res=answer[6:]
            )
        return answer[0]

    def count_felica(self) -> int:
        """How many FeliCa cards are in the field: 0, 1, or 2 for two and more."""
        return self._list(_TYPE_F, _POLL_ANY_FELICA)[0]

    def select_counted(self) -> "TypeACard | None":
        """Select the one card that :meth:`count_type_a` found just before, without a new search. Asked for two, the chip may
        have halted it. None: it does not come back."""
        target, self._listed = self._listed, None
        if target is None:
            return None
        with self._faults():
            status = self._chipset.command(_SELECT, b"\x01", COMMAND_TIMEOUT_S)
            if not status or status[0] & _STATUS_BITS:
                return None
            if target.sel_res[0] & 0x60 == 0:  # as nfcpy: a Type 2 card's four-bit answers have no CRC
                mode = self._chipset.read_register("CIU_RxMode")
                self._chipset.write_register("CIU_RxMode", mode & 0x7F)
            self._frontend.target = target
        return TypeACard(self._frontend, target)

    def select_type_a(self, uid: bytes = b"") -> "TypeACard | None":
        """Switch the field off and on and select a card, the one with ``uid`` if given. None: no such card."""
        found = self._sense(nfc.clf.RemoteTarget("106A", sel_req=bytearray(uid)))
        return TypeACard(self._frontend, found) if found is not None and found.sdd_res else None

    def select_felica(self) -> "FelicaCard | None":
        """Switch the field off and on and find a FeliCa card. None: no such card."""
        found = self._sense(nfc.clf.RemoteTarget("212F"))
        return FelicaCard(self._frontend, found) if found is not None and len(found.sensf_res) >= 17 else None

    def field_off(self) -> None:
        """Switch the field off: cards lose their state."""
        with self._faults():
            self._frontend.device.mute()

    def _sense(self, target: object) -> "nfc.clf.RemoteTarget | None":
        with self._faults():
            return self._frontend.sense(target)

    def _list(self, technology: int, polling: bytes) -> bytearray:
        with self._faults():
            answer = self._chipset.command(_LIST_PASSIVE_TARGETS, bytes([2, technology]) + polling, COMMAND_TIMEOUT_S)
        if not answer or answer[0] > 2:
            raise ReaderFault(f"{self.port}: the reader answers nonsense; check the cable and its ground")
        return answer

    def _wake(self) -> None:
        for baudrate in (BAUDRATE, *LEFTOVER_BAUDRATES):
            for flush in (b"", _FLUSH) if baudrate == BAUDRATE else (b"",):
                with self._faults():
                    self._line.baudrate = baudrate
                self._chipset.acknowledge_s = ACKNOWLEDGE_TIMEOUT_S if baudrate == BAUDRATE else LEFTOVER_TIMEOUT_S
                if self._answers(flush):
                    if baudrate != BAUDRATE:
                        with self._faults():
                            self._chipset.set_serial_baudrate(BAUDRATE)
                            self._line.baudrate = BAUDRATE
                    self._chipset.acknowledge_s = ACKNOWLEDGE_TIMEOUT_S
                    return
        raise ReaderFault(f"{self.port}: no PN532 answers; check power, cable (TX and RX crossed) and HSU mode")

    def _answers(self, flush: bytes) -> bool:
        """Wake the chip, end whatever command runs, and configure it; whether it answered."""
        with self._faults():
            self._line.write(flush + _WAKE_UP + bytes(pn532.Chipset.ACK))
            time.sleep(WAKE_REST_S)
            self._line.drain(quiet_s=0.005, most_s=0.1)
        try:
            with self._faults():
                self._chipset.sam_configuration("normal")
        except ReaderFault:
            return False
        return True

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """Outside a card's transaction whatever goes wrong is the reader's."""
        try:
            yield
        except (OSError, termios.error) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise ReaderFault(f"{self.port}: {reason}; check that the reader is plugged in") from error
        except _CARD_TROUBLE as error:
            raise ReaderFault(f"{self.port}: the chip reports {error or type(error).__name__}") from error


@contextmanager
def _gone() -> Iterator[None]:
    """Inside a card's transaction a failure is the card's, unless the chip itself is the fault."""
    try:
        yield
    except (*_CARD_TROUBLE, _OutOfTime) as error:
        raise CardGone(str(error) or type(error).__name__) from error


class TypeACard:
    """A selected ISO 14443-A card. Methods raise CardGone, and ReaderFault for the chip's own trouble."""

    def __init__(self, frontend: _Frontend, target: "nfc.clf.RemoteTarget") -> None:
        self.uid = bytes(target.sdd_res)
        self.iso_dep = bool(target.sel_res[0] & 0x20)
        """Speaks ISO 14443-4 (DESFire and most others that compute)."""
        self.type_2 = target.sel_res[0] == 0x00
        """A plain memory card of the Ultralight family."""
        self._frontend = frontend
        self._target = target
        self._dep: tt4.Type4ATag | None = None

    def transceive(self, command: bytes) -> bytes:
        """One APDU; activates ISO 14443-4 first."""
        with _gone():
            if self._dep is None:
                self._dep = tt4.Type4ATag(self._frontend, self._target)
            return bytes(self._dep.transceive(bytearray(command)))

    def ultralight_c(self) -> "UltralightC":
        """The card as an Ultralight C."""
        return UltralightC(self._frontend, self._target)

    def answers(self) -> bool:
        """Whether an activated ISO 14443-4 card is still there. Does not disturb it (R(NAK), ISO 14443-4 7.5.4)."""
        if self._dep is None:
            return False
        try:
            with _gone():
                return bool(self._dep.is_present)
        except CardGone:
            return False


class UltralightC:
    """nfcpy's three-pass authentication and reads."""

    def __init__(self, frontend: _Frontend, target: "nfc.clf.RemoteTarget") -> None:
        self._tag = _UltralightC(frontend, target)

    def authenticate(self, key: bytes) -> bool | None:
        """As :func:`readers.credentials.ultralight_c.read` wants it."""
        if len(key) != 16:  # nfcpy takes an empty key for the factory key
            raise ValueError("an Ultralight C key has 16 bytes")
        with _gone():
            try:
                return bool(self._tag.authenticate(key))
            except nfc.tag.tt2.Type2TagCommandError as error:
                if not self._tag.knows_the_command:
                    return None
                if error.errno == nfc.tag.tt2.INVALID_RESPONSE_ERROR:
                    return False
                raise

    def transceive(self, command: bytes) -> bytes:
        """One frame."""
        with _gone():
            return bytes(self._tag.transceive(command))


class FelicaCard:
    """A FeliCa card. Methods raise CardGone, and ReaderFault for the chip's own trouble."""

    def __init__(self, frontend: _Frontend, target: "nfc.clf.RemoteTarget") -> None:
        self.uid = bytes(target.sensf_res[1:9])
        self.lite_s = target.sensf_res[10] in tt3_sony.FelicaLiteS.IC_CODE_MAP
        self._frontend = frontend
        self._target = target
        self._tag: tt3_sony.FelicaLiteS | None = None

    def authenticate(self, key: bytes) -> bool:
        """Mutual authentication with the card key."""
        if len(key) != 16:  # nfcpy takes an empty key for the factory key
            raise ValueError("a FeliCa Lite-S key has 16 bytes")
        with _gone():
            self._tag = tt3_sony.FelicaLiteS(self._frontend, self._target)
            try:
                return bool(self._tag.authenticate(key))
            except nfc.tag.tt3.Type3TagCommandError as error:
                if error.errno > 0xFF:  # the card refuses with a status of its own: its side of the check failed
                    return False
                raise

    def read_with_mac(self, blocks: tuple[int, ...]) -> bytes | None:
        """Blocks with their MAC checked; None when it is wrong or the card refuses."""
        with _gone():
            if self._tag is None:
                raise RuntimeError("not authenticated")
            try:
                data = self._tag.read_with_mac(*blocks)
            except nfc.tag.tt3.Type3TagCommandError as error:
                if error.errno > 0xFF:
                    return None
                raise
        return None if data is None else bytes(data)
