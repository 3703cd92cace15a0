"""Where a scan begins and ends in what a barcode scanner sends. Pure: bytes and the time in, scans out.

A scan is printable ASCII (0x20-0x7E) and an end. Serial numbers, models and documents' codes are ASCII; anything else, UTF-8 and the group
separator of GS1 codes included, is noise. How the bytes are cut into pieces on the way changes nothing, and two scans are never joined:
what has no end after :data:`HALF_S` is dropped.
"""

from typing import Literal, NamedTuple, get_args

HALF_S = 0.3
"""A scanner sends a code in one go: bytes that wait this long for the next one are half a code."""
Terminator = Literal["auto", "cr", "lf", "crlf", "tab", "stx-etx"]
TERMINATORS: tuple[Terminator, ...] = get_args(Terminator)

_STX, _ETX, _TAB, _LF, _CR = 0x02, 0x03, 0x09, 0x0A, 0x0D
_ENDS: dict[Terminator, frozenset[int]] = {
    "auto": frozenset((_CR, _LF, _TAB, _ETX)),
    "cr": frozenset((_CR,)),
    "lf": frozenset((_LF,)),
    "crlf": frozenset((_LF,)),
    "tab": frozenset((_TAB,)),
    "stx-etx": frozenset((_ETX,)),
}
_PRINTABLE = frozenset(range(0x20, 0x7F))
_AIM_BYTES = 3
"""``]``, the symbology's letter, a modifier (ISO/IEC 15424)."""


class Scan(NamedTuple):
    """One scan, or what came instead of one. ``length`` in bytes, without its end."""

    outcome: Literal["read", "noise", "too_long", "half"]
    text: str
    length: int


class Framer:
    """What one scanner sends. ``max_bytes``: a longer scan is ``too_long``, once, and never kept. ``auto`` takes CR, LF, CR LF, TAB and STX … ETX,
    and so each line of a code of several lines as a scan; with a fixed terminator such a code is noise. ``aim_prefix``: strip the
    symbology identifier that the scanner is set to put before each code."""

    def __init__(self, max_bytes: int, terminator: Terminator = "auto", aim_prefix: bool = False) -> None:
        self._most = max_bytes + (_AIM_BYTES if aim_prefix else 0)
        self._max_bytes = max_bytes
        self._terminator = terminator
        self._ends = _ENDS[terminator]
        self._aim_prefix = aim_prefix
        self._frame = bytearray()
        self._length = 0
        self._last_s = 0.0
        self._torn = False
        self._inside = False

    @property
    def length(self) -> int:
        """Bytes since the last end."""
        return self._length

    def feed(self, data: bytes, at_s: float) -> list[Scan]:
        """What ends in ``data``, which was read at ``at_s`` of any one clock."""
        if not data:
            return self.idle(at_s)
        if self._length and at_s - self._last_s >= HALF_S:
            # Nobody looked meanwhile, so nobody knows whether this is its rest or the next scan: neither may pass for a code.
            self._torn = True
        self._last_s = at_s
        found: list[Scan] = []
        for byte in data:
            if byte == _STX and self._terminator in ("auto", "stx-etx"):
                self._end(found, in_order=False)
                self._inside = True
            elif byte in self._ends and (self._terminator != "crlf" or self._frame[-1:] == b"\r"):
                self._end(found, in_order=self._terminator != "stx-etx" or self._inside)
            elif self._terminator == "stx-etx" and not self._inside and not self._length and byte in (_CR, _LF):
                pass  # between scans
            else:
                self._length += 1
                if self._length <= self._most + 1:  # one more: the CR of a CR LF
                    self._frame.append(byte)
                else:
                    self._frame[-1] = byte
        return found

    def idle(self, at_s: float) -> list[Scan]:
        """Nothing came until ``at_s``: what has waited too long for its end."""
        found: list[Scan] = []
        if (self._length or self._inside) and at_s - self._last_s >= HALF_S:
            self._end(found, in_order=False)
        return found

    def clear(self) -> None:
        """Begin afresh."""
        self._frame.clear()
        self._length, self._torn, self._inside = 0, False, False

    def _end(self, found: list[Scan], in_order: bool) -> None:
        frame, length, torn = bytes(self._frame), self._length, self._torn
        self.clear()
        if in_order and self._terminator == "crlf":
            frame, length = frame[:-1], length - 1
        if self._aim_prefix and frame[:1] == b"]" and length >= _AIM_BYTES:
            frame, length = frame[_AIM_BYTES:], length - _AIM_BYTES
        if not length:
            return
        if length > self._max_bytes:
            found.append(Scan("too_long", "", length))
        elif not _PRINTABLE.issuperset(frame) or frame.isspace():
            found.append(Scan("noise", "", length))
        elif torn or not in_order:
            found.append(Scan("half", "", length))
        else:
            found.append(Scan("read", frame.decode("ascii"), length))
