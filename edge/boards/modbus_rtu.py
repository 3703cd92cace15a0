"""Modbus RTU relay boards with hardware-timed outputs (Waveshare style): coils 0-7, discrete inputs 0-7.

Supports: FC01 read-back, FC02 inputs, FC05 single coil, FC05 at ``0x0200 + ch`` (energise for N × 0.1 s) and at
``0x0400 + ch`` (release for N × 0.1 s): the board ends the pulse even if the edge dies.
Quirk: the factory watchdog of these boards is off, and a power cycle releases every relay.
"""

import contextlib
import logging
import struct
from time import monotonic

import serial
from pymodbus.client import ModbusSerialClient
from pymodbus.exceptions import ModbusException
from pymodbus.pdu import ModbusPDU
from pymodbus.pdu.bit_message import (
    ReadCoilsRequest,
    ReadCoilsResponse,
    ReadDiscreteInputsRequest,
    ReadDiscreteInputsResponse,
    WriteSingleCoilRequest,
    WriteSingleCoilResponse,
)

from edge.boards.board import NOTHING_ENERGISED, BoardFault
from edge.boards.serial_port import SERIAL_ERRORS, check_channel, why

REPLY_TIMEOUT_S = 0.3
"""One try: from the last byte sent to a whole reply. At 9600 baud the longest exchange takes 20 ms; the rest is for a busy
machine, which is no reason for a board's alarm."""
WRITE_TIMEOUT_S = 0.15
RETRIES = 1
MAX_PULSE_TENTHS = 0x7FFF
_PULSE_ON = 0x0200
_PULSE_OFF = 0x0400
_COIL_ON = 0xFF00
_COIL_OFF = 0x0000

# pymodbus logs each timeout and each byte of noise as an error of its own; here they are a BoardFault, said once.
logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)


class _CoilReply(WriteSingleCoilResponse):
    """FC05's echo with its value kept: pymodbus makes a bool of it."""

    value = -1

    def decode(self, data: bytes) -> None:
        self.address, self.value = struct.unpack(">HH", data[:4])


class _CoilValueRequest(WriteSingleCoilRequest):
    """FC05 with any 16-bit value, which the boards take as a time."""

    def __init__(self, dev_id: int, address: int, value: int) -> None:
        super().__init__(dev_id=dev_id, address=address)
        self.value = value

    def encode(self) -> bytes:
        return struct.pack(">HH", self.address, self.value)


class _BoundedClient(ModbusSerialClient):
    """pymodbus waits as long as bytes keep coming: a babbling board would hold it for ever. One deadline per try."""

    def __init__(self, port: str, baud: int) -> None:
        super().__init__(port, baudrate=baud, timeout=REPLY_TIMEOUT_S, retries=RETRIES)
        self._deadline = 0.0
        self._looked_again = False

    def connect(self) -> bool:
        """Opens the port if it is not. Raises pyserial's errors: pymodbus would log them and answer False."""
        if self.socket is None:
            self.socket = serial.Serial(
                self.comm_params.host,
                self.comm_params.baudrate,
                timeout=REPLY_TIMEOUT_S,
                write_timeout=WRITE_TIMEOUT_S,
                exclusive=True,
            )
            self.last_frame_end = None
        return True

    def close(self) -> None:
        if self.socket is not None:
            self.socket.close()
        self.socket = None

    def send(self, request: bytes, addr: tuple[str, int] | None = None) -> int:
        sent = super().send(request, addr)
        self._deadline = monotonic() + REPLY_TIMEOUT_S
        self._looked_again = False
        return sent

    def recv(self, size: int | None) -> bytes:
        if monotonic() <= self._deadline and (received := super().recv(size)):
            return received
        if self._looked_again:
            return b""
        # This process may have slept through an answer that came in time: one last look at what is there, without waiting.
        self._looked_again = True
        return super().recv(self.socket.in_waiting) if self.socket is not None else b""


class ModbusRtuBoard:
    """See the module and :class:`edge.boards.board.Board`."""

    outputs = 8
    input_count = 8
    timed_pulse = True
    reads_back = True
    default_baud = 115_200

    def __init__(self, port: str, baud: int, unit: int) -> None:
        self._port = port
        self._baud = baud
        self._unit = unit
        self._client: _BoundedClient | None = None

    def open(self, energised: frozenset[int] = NOTHING_ENERGISED) -> None:
        self._drop()
        client = _BoundedClient(self._port, self._baud)
        client.register(_CoilReply)
        try:
            client.connect()
        except (*SERIAL_ERRORS, ValueError) as error:
            raise BoardFault(f"{self._port}: cannot be opened ({why(error)}); check cable, path and access") from error
        self._client = client
        try:
            for channel in range(self.outputs):
                self.set(channel, channel in energised)
        except BoardFault:
            self._drop()
            raise

    def pulse(self, channel: int, tenths: int, on: bool = True) -> None:
        check_channel(channel, self.outputs)
        if not 1 <= tenths <= MAX_PULSE_TENTHS:
            raise ValueError(f"a pulse of {tenths} tenths; 1 to {MAX_PULSE_TENTHS} fit")
        self._write((_PULSE_ON if on else _PULSE_OFF) + channel, tenths)

    def set(self, channel: int, on: bool) -> None:
        check_channel(channel, self.outputs)
        self._write(channel, _COIL_ON if on else _COIL_OFF)

    def inputs(self) -> tuple[bool, ...]:
        request = ReadDiscreteInputsRequest(dev_id=self._unit, address=0, count=self.input_count)
        return self._bits(self._exchange(request, ReadDiscreteInputsResponse), self.input_count)

    def read_back(self) -> tuple[bool, ...]:
        request = ReadCoilsRequest(dev_id=self._unit, address=0, count=self.outputs)
        return self._bits(self._exchange(request, ReadCoilsResponse), self.outputs)

    def close(self, energised: frozenset[int] = NOTHING_ENERGISED) -> None:
        if self._client is None:
            return
        with contextlib.suppress(BoardFault):  # unplugged or silent: there is nobody to tell
            for channel in range(self.outputs):
                self.set(channel, channel in energised)
        self._drop()

    def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(*SERIAL_ERRORS):
                client.close()

    def _write(self, address: int, value: int) -> None:
        reply = self._exchange(_CoilValueRequest(self._unit, address, value), _CoilReply)
        assert isinstance(reply, _CoilReply)
        if (reply.address, reply.value) != (address, value):
            raise BoardFault(
                f"{self._port}: wrote {value:#06x} to coil {address:#06x}, the board confirmed {reply.value:#06x} at"
                f" {reply.address:#06x}; check that it is a board with timed outputs and that nothing else is on the line"
            )

    def _exchange(self, request: ModbusPDU, expected: type[ModbusPDU]) -> ModbusPDU:
        if self._client is None:
            raise BoardFault(f"{self._port}: not open")
        try:
            reply = self._client.execute(False, request)
            if not (reply.isError() or isinstance(reply, expected)):
                reply = self._client.execute(False, request)  # that was a late or doubled answer to the question before
        except (ModbusException, *SERIAL_ERRORS, ValueError, IndexError, struct.error) as error:
            raise BoardFault(
                f"{self._port}: no valid answer from unit {self._unit} ({why(error)}); check power, A/B wires, baud, unit"
            ) from error
        if reply.isError():
            raise BoardFault(
                f"{self._port}: the board refused function {request.function_code} (Modbus exception"
                f" {reply.exception_code}); check that it is the kind of board that edge.toml names"
            )
        if not isinstance(reply, expected):
            raise BoardFault(
                f"{self._port}: answer to another question (function {reply.function_code}); check the line"
            )
        return reply

    def _bits(self, reply: ModbusPDU, count: int) -> tuple[bool, ...]:
        if len(reply.bits) < count:
            raise BoardFault(f"{self._port}: {len(reply.bits)} bits instead of {count}; check the kind of board")
        return tuple(reply.bits[:count])
