"""What the PN532's firmware does for each command (UM0701-02 §7), without link and clock.

:meth:`Commands.run` takes a command's code and parameters and gives an :class:`Outcome`: how long the chip works, and then its
answer, or a further outcome (the next attempt at finding a card, the rest of a timeout). The radio is in
:mod:`sim.pn532_radio`, activation of cards in :mod:`sim.pn532_targets`.

Left out: target mode, DEP, InAutoPoll, GPIO, type B and Jewel cards (searched for, never found), in-chip ISO-DEP
(``fAutomaticRATS``); the error frame answers what is left out.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sim.field import Field
from sim.pn532_radio import COLLISION, CRC_ERROR, Radio
from sim.pn532_registers import Registers
from sim.pn532_targets import Search, Targets

FIRMWARE = bytes.fromhex("32010607")  # PN532, 1.6, ISO 14443 A and B, ISO 18092
BAUD_RATES = (9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600, 1288000)
WORK_S = 0.0003
"""The firmware's own time for a command that touches no card."""
RF_ITEM_BYTES = {0x01: 1, 0x02: 3, 0x04: 1, 0x05: 3, 0x0A: 11, 0x0B: 8, 0x0C: 3, 0x0D: 9}
RF_FIELD, RF_TIMINGS, RF_RETRIES = 0x01, 0x02, 0x05

OK_STATUS = b"\x00"
NOT_ACCEPTABLE = b"\x27"
MIFARE_REFUSED = b"\x13"


class SyntaxFault(Exception):
    """The chip does not know the command or its parameters: it answers with the error frame."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command leads to: after ``after_s`` (None: only an abort ends it) ``then`` gives the answer, the bytes behind the
    response code, or another outcome. ``baud``: the rate after the host's ACK. ``power_down``: wake-up sources."""

    after_s: float | None
    then: "Callable[[], bytes | Outcome]"
    baud: int | None = None
    power_down: int | None = None


def _at_once(answer: bytes = b"") -> Outcome:
    return Outcome(WORK_S, lambda: answer)


class Commands:
    """The firmware from power-up on: its registers, configuration and the cards that it has activated."""

    def __init__(self, field: Field) -> None:
        self.field = field
        self.registers = Registers(field)
        self.radio = Radio(field, self.registers)
        self.targets = Targets(field, self.registers)
        self.parameters = 0x14
        self._table: dict[int, Callable[[bytes], Outcome]] = {
            0x00: self._diagnose,
            0x02: self._get_firmware_version,
            0x04: self._get_general_status,
            0x06: self._read_register,
            0x08: self._write_register,
            0x10: self._set_serial_baud_rate,
            0x12: self._set_parameters,
            0x14: self._sam_configuration,
            0x16: self._power_down,
            0x32: self._rf_configuration,
            0x40: self._in_data_exchange,
            0x42: self._in_communicate_thru,
            0x44: self._in_deselect,
            0x4A: self._in_list_passive_target,
            0x52: self._in_release,
            0x54: self._in_select,
        }

    def run(self, code: int, parameters: bytes) -> Outcome:
        """Begin a command. Raises :class:`SyntaxFault`."""
        if code not in self._table:
            raise SyntaxFault
        return self._table[code](parameters)

    # the chip itself ---------------------------------------------------------

    def _diagnose(self, parameters: bytes) -> Outcome:
        if parameters[:1] == b"\x00":  # communication line: everything comes back
            return _at_once(parameters)
        if parameters in (b"\x01", b"\x02"):  # ROM, RAM
            return _at_once(OK_STATUS)
        raise SyntaxFault

    def _get_firmware_version(self, parameters: bytes) -> Outcome:
        _exactly(parameters, 0)
        return _at_once(FIRMWARE)

    def _get_general_status(self, parameters: bytes) -> Outcome:
        _exactly(parameters, 0)
        status = bytes([self.radio.last_status, int(self.field.on), len(self.targets)])
        return _at_once(status + self.targets.status() + b"\x80")

    def _read_register(self, parameters: bytes) -> Outcome:
        if not parameters or len(parameters) % 2:
            raise SyntaxFault
        addresses = [int.from_bytes(parameters[at : at + 2]) for at in range(0, len(parameters), 2)]
        return _at_once(bytes(self.registers.read(address) for address in addresses))

    def _write_register(self, parameters: bytes) -> Outcome:
        if not parameters or len(parameters) % 3:
            raise SyntaxFault
        for at in range(0, len(parameters), 3):
            self.registers.write(int.from_bytes(parameters[at : at + 2]), parameters[at + 2])
        return _at_once()

    def _set_serial_baud_rate(self, parameters: bytes) -> Outcome:
        _exactly(parameters, 1)
        if parameters[0] >= len(BAUD_RATES):
            raise SyntaxFault
        return Outcome(WORK_S, lambda: b"", baud=BAUD_RATES[parameters[0]])

    def _set_parameters(self, parameters: bytes) -> Outcome:
        _exactly(parameters, 1)
        self.parameters = parameters[0]
        return _at_once()

    def _sam_configuration(self, parameters: bytes) -> Outcome:
        if not 1 <= len(parameters) <= 3 or parameters[0] not in (1, 2, 3, 4):
            raise SyntaxFault
        return _at_once()

    def _power_down(self, parameters: bytes) -> Outcome:
        if len(parameters) not in (1, 2):
            raise SyntaxFault
        return Outcome(WORK_S, lambda: OK_STATUS, power_down=parameters[0])

    # radio ---------------------------------------------------------------------

    def _rf_configuration(self, parameters: bytes) -> Outcome:
        if not parameters or RF_ITEM_BYTES.get(parameters[0]) != len(parameters) - 1:
            raise SyntaxFault
        item, values = parameters[0], parameters[1:]
        if item == RF_FIELD:
            self.field.power(bool(values[0] & 1))
        elif item == RF_TIMINGS:
            if values[1] > 16 or values[2] > 16:
                raise SyntaxFault
            self.radio.timeout_code = values[2]
        elif item == RF_RETRIES:
            self.targets.retries = values[2]
        return _at_once()

    def _in_communicate_thru(self, parameters: bytes) -> Outcome:
        return self._over_the_air(parameters, lambda status, data: bytes([status]) + data)

    def _in_data_exchange(self, parameters: bytes) -> Outcome:
        if not parameters:
            raise SyntaxFault
        number = parameters[0] & 0x3F
        if parameters[0] & 0x40 or not self.targets.choose(number):
            return _at_once(NOT_ACCEPTABLE)

        def answer(status: int, data: bytes) -> bytes:
            if (
                status == CRC_ERROR and self.radio.last_bits is not None
            ):  # a 4-bit acknowledge, which the firmware knows
                return OK_STATUS if self.radio.last_bits == 0x0A else MIFARE_REFUSED
            return bytes([status]) + data

        return self._over_the_air(parameters[1:], answer)

    def _over_the_air(self, sent: bytes, answer: Callable[[int, bytes], bytes]) -> Outcome:
        """Send, wait for the answer or the timeout; a card that goes away while it works has not answered."""
        self._power_field()
        flight = self.radio.send(sent)
        timeout_s = self.radio.timeout_s
        if flight.answer is None:
            if flight.collided:
                return Outcome(WORK_S + flight.sent_s, lambda: answer(self.radio.note(COLLISION), b""))
            after = None if timeout_s is None else WORK_S + flight.sent_s + timeout_s
            return Outcome(after, lambda: answer(self.radio.note_timeout(), b""))
        heard = flight.answer
        if timeout_s is not None and heard.reply.after_s > timeout_s:
            return Outcome(WORK_S + flight.sent_s + timeout_s, lambda: answer(self.radio.note_timeout(), b""))
        spent_s = heard.reply.after_s

        def arrived() -> bytes | Outcome:
            if not self.field.present(heard.presence):
                left = None if timeout_s is None else max(0.0, timeout_s - spent_s)
                return Outcome(left, lambda: answer(self.radio.note_timeout(), b""))
            return answer(*self.radio.received(heard.reply))

        return Outcome(WORK_S + flight.sent_s + spent_s + flight.answer_s, arrived)

    def _power_field(self) -> None:
        if not self.field.on:
            self.field.power(True)

    # targets -------------------------------------------------------------------

    def _in_list_passive_target(self, parameters: bytes) -> Outcome:
        if len(parameters) < 2 or parameters[0] not in (1, 2) or parameters[1] > 4:
            raise SyntaxFault
        guard_s = 0.0 if self.field.on else self.targets.field_guard_s
        self._power_field()
        search = self.targets.search(parameters[0], parameters[1], parameters[2:])
        if search is None:
            raise SyntaxFault

        def attempt(running: Search) -> Callable[[], bytes | Outcome]:
            def step() -> bytes | Outcome:
                found_s, answer = running.attempt()
                if answer is not None:
                    return Outcome(found_s, lambda: answer)
                return Outcome(found_s, attempt(running))

            return step

        return Outcome(WORK_S + guard_s, attempt(search))

    def _in_select(self, parameters: bytes) -> Outcome:
        _exactly(parameters, 1)
        return _at_once(OK_STATUS if self.targets.choose(parameters[0]) else NOT_ACCEPTABLE)

    def _in_deselect(self, parameters: bytes) -> Outcome:
        _exactly(parameters, 1)
        return _at_once(OK_STATUS if self.targets.deselect(parameters[0]) else NOT_ACCEPTABLE)

    def _in_release(self, parameters: bytes) -> Outcome:
        _exactly(parameters, 1)
        return _at_once(OK_STATUS if self.targets.release(parameters[0]) else NOT_ACCEPTABLE)


def _exactly(parameters: bytes, count: int) -> None:
    if len(parameters) != count:
        raise SyntaxFault
