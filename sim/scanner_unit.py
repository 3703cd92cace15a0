"""A barcode scanner as it lies beside a goods door: the cable to the edge, a trigger, and its lamps (which are relays of a board).

It sends what it read and the end that it is set to, byte for byte at its rate, and hears nothing. What may go wrong with one scan is a
:data:`ScanFault`, with the device a :data:`ScannerAct`.
"""

from collections import deque
from pathlib import Path
from typing import Literal

from sim.faults import Silence, noise
from sim.indicators import LAMPS, Lamp, LampChange
from sim.serial_line import SerialLine
from sim.tap_times import Release
from sim.wiring import ScannerWiring

ScannerAct = Literal["unplug", "plug", "silent", "garbage", "stuck", "normal"]
ScanFault = Literal["noise", "half", "long", "twice"]
Ending = Literal["cr", "lf", "crlf", "tab", "stx-etx", "none"]
LAMP_CHANGES_KEPT = 128
ANSWERS_KEPT = 32
LONG_BYTES = 4096
"""``long``: a QR code as full as they come."""
NOISE_BYTES = 24
BABBLE_EVERY_S = 0.05
REPEAT_EVERY_S = 0.15

_ENDINGS: dict[Ending, tuple[bytes, bytes]] = {
    "cr": (b"", b"\r"),
    "lf": (b"", b"\n"),
    "crlf": (b"", b"\r\n"),
    "tab": (b"", b"\t"),
    "stx-etx": (b"\x02", b"\x03"),
    "none": (b"", b""),
}
_ENDING_BYTES = b"\r\n\t\x02\x03"


class SimulatedScanner:
    """One scanner. ``lamps``, ``lamp_changes`` and ``answers`` (the commands that lit a lamp) are guarded by the hall's lock."""

    def __init__(self, wiring: ScannerWiring, link_path: Path) -> None:
        self.wiring = wiring
        self.line = SerialLine(link_path, wiring.baud, fifo_bytes=1)
        self.act_in_force: ScannerAct = "normal"
        self.lamps: dict[Lamp, bool] = {lamp: False for lamp in LAMPS if getattr(wiring, lamp) is not None}
        self.lamp_changes: deque[LampChange] = deque(maxlen=LAMP_CHANGES_KEPT)
        self.answers: deque[Release] = deque(maxlen=ANSWERS_KEPT)
        self.ending: Ending = "cr" if wiring.terminator == "auto" else wiring.terminator
        self._noise = noise(wiring.id).random
        self._last = b""

    def scan(self, content: bytes, ending: Ending | None = None, fault: ScanFault | None = None) -> tuple[float, float]:
        """Pull the trigger before ``content``. Returns when its last bit will have reached the host, on the line's clock, and how long it is on
        the wire."""
        sent = self.sent(content, ending, fault)
        began_s = self.line.now()
        self._last = sent
        self.line.send(sent)
        said_s = self.line.byte_s(len(sent))
        return began_s + said_s, said_s

    def sent(self, content: bytes, ending: Ending | None = None, fault: ScanFault | None = None) -> bytes:
        """What goes over the wire for this."""
        before, after = _ENDINGS[ending or self.ending]
        match fault:
            case "noise":
                drawn = self._noise.randbytes(4 * NOISE_BYTES)
                content = bytes(byte | 0x80 for byte in drawn if byte not in _ENDING_BYTES)[:NOISE_BYTES]
            case "half":
                content, after = content[: max(1, len(content) // 2)], b""
            case "long":
                content = (content * (LONG_BYTES // max(1, len(content)) + 1))[:LONG_BYTES]
            case "twice":
                return (before + content + after) * 2
        return before + content + after

    def act(self, act: ScannerAct) -> None:
        """What happens to the scanner. ``silent``: it no longer reads; ``garbage``: it sends noise without being asked, without end;
        ``stuck``: the trigger hangs, what it read last comes again and again; ``normal``: all is well again, the plug excepted."""
        self.line.call(lambda: self._act(act))

    def _act(self, act: ScannerAct) -> None:
        if act == "unplug":
            self.line.unplug()
            return
        if act == "plug":
            self.line.plug()
            return
        self.act_in_force = act
        self.line.to_host.clear()
        if act == "silent":
            self.line.to_host.set(Silence())
        elif act in ("garbage", "stuck"):
            self._go_on(act)

    def _go_on(self, act: ScannerAct) -> None:
        if self.act_in_force != act:
            return
        self.line.send(self.sent(b"", fault="noise") if act == "garbage" else self._last)
        self.line.after(BABBLE_EVERY_S if act == "garbage" else REPEAT_EVERY_S, lambda: self._go_on(act))
