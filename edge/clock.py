"""The edge's clock: boot time, wall time, and whether a time source vouches for the wall clock (DESIGN 12, MEANINGS 19).

Reads clocks: one of the few files that may import ``time``. ``boot_id`` names one boot of the machine: boot times of two
records compare only when it is the same; a restart of the process keeps it.
"""

import ctypes
import time
from pathlib import Path
from typing import Literal

from controller.now import SECOND_US, Now

Trust = Literal["system", "always", "never"]

BOOT_ID_FILE = Path("/proc/sys/kernel/random/boot_id")
TRUST_CHECK_US = 5 * SECOND_US
OFFSET_CHECK_US = SECOND_US // 10
OFFSET_FILE = "clock_offset_s"
MAX_OFFSET_S = 10 * 366 * 86_400
_TIMEX_BYTES = 512  # struct timex is 208 bytes on 64-bit Linux; all zero means "only read"
_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised (STA_UNSYNC)


def mono_us() -> int:
    """Microseconds of boot time, suspend included."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


def boot_id() -> str:
    """The kernel's random id of this boot, 32 hexadecimal digits."""
    return BOOT_ID_FILE.read_text(encoding="ascii").strip().replace("-", "")


def kernel_vouches() -> bool:
    """Whether the kernel counts its clock as synchronised: what chrony, ntpd and timesyncd tell it by adjtimex(2)."""
    try:
        adjtimex = ctypes.CDLL(None).adjtimex
    except (OSError, AttributeError):
        return False
    state = int(adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES)))
    return 0 <= state < _TIME_ERROR


class SystemClock:
    """``now()`` from the system's clocks.

    ``trust``: ``system`` asks the kernel and stays trusted once vouched for since start; ``always`` and ``never`` are for
    machines with another arrangement, and for demonstrations. ``offset_file``: a test hook, given only when ``edge.toml``
    says ``[clock] adjustable = true``; it holds seconds that are added to wall time, as text, and may change at any time.
    """

    def __init__(self, trust: Trust = "system", offset_file: Path | None = None) -> None:
        self._trust = trust
        self._vouched = trust == "always"
        self._check_at_us = 0
        self._offset_file = offset_file
        self._offset_us = 0
        self._offset_at_us = 0

    def now(self) -> Now:
        """This instant."""
        mono = mono_us()
        if not self._vouched and self._trust == "system" and mono >= self._check_at_us:
            self._check_at_us = mono + TRUST_CHECK_US
            self._vouched = kernel_vouches()
        if self._offset_file is not None and mono >= self._offset_at_us:
            self._offset_at_us = mono + OFFSET_CHECK_US
            self._offset_us = _read_offset_us(self._offset_file)
        return Now(wall_us=time.time_ns() // 1000 + self._offset_us, mono_us=mono, wall_trusted=self._vouched)


def _read_offset_us(path: Path) -> int:
    """The test hook's offset; 0 when the file is missing or is no number within MAX_OFFSET_S."""
    try:
        seconds = float(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0
    if not -MAX_OFFSET_S <= seconds <= MAX_OFFSET_S:  # also refuses nan
        return 0
    return int(seconds * SECOND_US)
